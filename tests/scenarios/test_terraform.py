"""Terraform with the AWS provider: configurations apply, plan empty, change in place, and destroy."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import KEY, SECRET, fetch, nodes, refused
from functions import ECHO, call, package

# Where providers lie on a disk: Terraform's own places, and those that images are prepared with.
MIRRORS = [
    *filter(None, [os.environ.get("TF_PLUGIN_CACHE_DIR")]),
    pathlib.Path.home() / ".terraform.d" / "plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    *sorted(pathlib.Path("/opt").glob("*")),
]
PROVIDER = "registry.terraform.io/hashicorp/aws"
CONFIGURATIONS = pathlib.Path(__file__).parent.parent / "terraform"
# How many APIs of 30 methods are applied at once; the promise is of 50.
APIS = int(os.environ.get("TURNPIKE_TERRAFORM_APIS", "3"))


def mirror():
    """A folder that holds the AWS provider, in the layout of a filesystem mirror."""
    return next((str(place) for place in MIRRORS if (pathlib.Path(place) / PROVIDER).is_dir()), None)


class Terraform:
    """A folder with one configuration, and the commands on it."""

    def __init__(self, program, folder, environment):
        self.program, self.folder, self.environment = program, folder, environment

    def run(self, command, *words, codes=(0,)):
        # `terraform state` has commands of its own, which print nothing in colours.
        plain = [] if command == "state" else ["-no-color"]
        done = subprocess.run(
            [self.program, command, *plain, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=1800, check=False,
        )
        assert done.returncode in codes, f"terraform {command}:\n{done.stdout}\n{done.stderr}"
        return done

    def apply(self, *variables):
        return self.run("apply", "-input=false", "-auto-approve", *variables).stdout

    def destroy(self, *variables):
        return self.run("destroy", "-input=false", "-auto-approve", *variables).stdout

    def outputs(self):
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json").stdout).items()}

    def plans_nothing(self, *variables):
        plan = self.run("plan", "-input=false", "-detailed-exitcode", *variables, codes=(0, 2))
        assert plan.returncode == 0, plan.stdout


@pytest.fixture
def terraform(tmp_path, three, backend):
    """Makes a folder with one of the configurations of tests/terraform/."""
    return configurations(tmp_path, three[0], backend)


def configurations(tmp_path, node, backend):
    """Makes folders with configurations, for the provider to apply at a node."""
    program, providers = shutil.which("terraform"), mirror()
    if not program or not providers:
        pytest.skip("terraform, or its AWS provider on disk, is not on this machine")
    settings = tmp_path / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{providers}"\n  }}\n}}\n')
    environment = {
        **os.environ, "TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
        "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "TF_VAR_endpoint": node.admin, "TF_VAR_backend": backend,
    }

    def configured(name):
        shutil.copy(CONFIGURATIONS / name, tmp_path)
        made = Terraform(program, tmp_path, environment)
        made.run("init", "-input=false")
        return made

    return configured


def test_a_configuration_applies_plans_empty_changes_and_destroys(terraform, three):
    pets = terraform("pets.tf")
    pets.apply()
    api = pets.outputs()["api"]
    answer = fetch(three[2].url(api, "prod", "/pets/7"))
    assert (answer.status, answer.json()["path"]) == (200, "/7?title=first")
    options = fetch(three[1].url(api, "prod", "/pets"), method="OPTIONS")
    assert (options.status, options.headers["Access-Control-Allow-Origin"]) == (200, "*")
    pets.plans_nothing()
    second = ("-var", "title=second")
    pets.apply(*second)
    assert fetch(three[1].url(api, "prod", "/pets/7")).json()["path"] == "/7?title=second"
    pets.plans_nothing(*second)
    pets.destroy(*second)
    assert fetch(three[0].url(api, "prod", "/pets/7")).status == 403
    assert api not in [item["id"] for item in three[1].client().get_rest_apis(limit=500)["items"]]


def test_everything_that_the_provider_has_applies_plans_empty_changes_in_place_and_destroys(terraform, three):
    everything = terraform("everything.tf")
    everything.apply()
    outputs = everything.outputs()
    assert fetch(three[1].url(outputs["documented"], "live", "/pets/7")).json()["path"] == "/7"
    read = outputs["read"]
    assert (read["key"], read["authorizers"], read["link"]) == ("partner", 3, "AVAILABLE")
    assert read["domain"].endswith(".execute-api.us-east-1.amazonaws.com")
    everything.plans_nothing()
    changes = ("-var", "title=second", "-var", "rate=200")
    said = everything.apply(*changes)
    # What is made anew is what the provider never changes in place.
    anew = set(re.findall(r"# (\S+) must be replaced", said))
    assert {name.split(".")[0] for name in anew} <= {"aws_api_gateway_deployment", "aws_api_gateway_rest_api_put"}, anew
    everything.plans_nothing(*changes)
    everything.destroy(*changes)
    client = three[2].client()
    assert outputs["api"] not in [item["id"] for item in client.get_rest_apis(limit=500)["items"]]
    assert client.get_domain_names()["items"] == [] and client.get_vpc_links()["items"] == []


def test_a_websocket_api_applies_plans_empty_changes_in_place_and_is_destroyed(terraform, three):
    chat = terraform("chat.tf")
    chat.apply()
    outputs = chat.outputs()
    api, read = outputs["api"], outputs["read"]
    assert read["found"] and read["endpoint"] == f"wss://{api}.execute-api.us-east-1.amazonaws.com"
    assert read["target"].endswith(".execute-api.us-east-1.amazonaws.com") and read["invoke"] == f"{read['endpoint']}/live"
    chat.plans_nothing()
    changes = ("-var", "title=second", "-var", "rate=200")
    said = chat.apply(*changes)
    assert re.findall(r"# (\S+) must be replaced", said) == []
    chat.plans_nothing(*changes)
    client = three[1].client("apigatewayv2")
    stage = client.get_stage(ApiId=api, StageName="live")
    assert stage["StageVariables"] == {"title": "second"} and list(stage["RouteSettings"]) == ["$default"]
    assert "AccessLogSettings" not in stage and stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 200.0
    http = [found for found in client.get_integrations(ApiId=api)["Items"] if found["IntegrationType"] == "HTTP_PROXY"]
    assert http[0]["RequestParameters"] == {"integration.request.header.connection": "context.connectionId"}
    # What the state forgot is taken up again, one of each kind.
    known = {
        "aws_apigatewayv2_api.chat": api,
        "aws_apigatewayv2_authorizer.door": f"{api}/{outputs['authorizer']}",
        "aws_apigatewayv2_model.message": f"{api}/{outputs['model']}",
        "aws_apigatewayv2_integration.mock": f"{api}/{outputs['integration']}",
        "aws_apigatewayv2_integration_response.mock": f"{api}/{outputs['integration']}/{outputs['integration_response']}",
        "aws_apigatewayv2_route.default": f"{api}/{outputs['route']}",
        "aws_apigatewayv2_route_response.default": f"{api}/{outputs['route']}/{outputs['route_response']}",
        "aws_apigatewayv2_deployment.chat": f"{api}/{outputs['deployment']}",
        "aws_apigatewayv2_stage.live": f"{api}/live",
        "aws_apigatewayv2_domain_name.chat": "terraform-chat.example.com",
        "aws_apigatewayv2_api_mapping.chat": f"{outputs['mapping']}/terraform-chat.example.com",
    }
    chat.run("state", "rm", *known)
    blocks = [f'import {{\n  to = {address}\n  id = "{identifier}"\n}}\n' for address, identifier in known.items()]
    (chat.folder / "imports.tf").write_text("".join(blocks))
    said = chat.apply(*changes)
    assert f"{len(known)} imported, 0 added, 0 changed, 0 destroyed" in said, said
    chat.destroy(*changes)
    refused(lambda: client.get_api(ApiId=api), "NotFoundException", 404)
    refused(lambda: client.get_domain_name(DomainName="terraform-chat.example.com"), "NotFoundException", 404)


def test_many_apis_apply_without_a_failed_call(terraform, three):
    many = terraform("many.tf")
    one = (CONFIGURATIONS / "many-api.tf").read_text()
    for number in range(APIS):
        (many.folder / f"api-{number}.tf").write_text(one.replace("NUMBER", str(number)))
    many.apply()
    outputs = many.outputs()
    assert len(outputs) == APIS
    for number in range(APIS):
        answer = fetch(three[number % 3].url(outputs[f"api_{number}"], "live", "/item-29"))
        assert answer.json()["path"] == f"/{number}/29"
    many.plans_nothing()
    many.destroy()


def test_functions_apply_plan_empty_change_in_place_and_are_destroyed(tmp_path, backend):
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on"}}
    with nodes(tmp_path, 1, place) as (node,):
        folder = tmp_path / "terraform"
        folder.mkdir()
        configured = configurations(folder, node, backend)
        (folder / "first.zip").write_bytes(package(ECHO))
        (folder / "second.zip").write_bytes(package({"app.py": "import os\ndef handler(event, context): return os.environ['COLOUR']\n"}))
        function = configured("function.tf")
        function.apply()
        outputs = function.outputs()
        assert outputs["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:terraform"
        assert outputs["invoke_arn"].endswith(":function:terraform:live/invocations")
        assert outputs["read"] == {"handler": "app.handler", "version": "1"}
        function.plans_nothing()
        client = node.client("lambda")
        assert call(client, "terraform", 7).json() == 7 and outputs["version"] == "1"
        changes = ("-var", "package=second.zip", "-var", "colour=blue", "-var", "weight=1")
        said = function.apply(*changes)
        assert "must be replaced" not in said
        function.plans_nothing(*changes)
        assert function.outputs()["version"] == "2"
        assert call(client, "terraform:live", 7).json() == "blue" and call(client, "terraform:1", 7).json() == 7
        function.destroy(*changes)
        assert client.list_functions()["Functions"] == []
        refused(lambda: call(client, "terraform"), "ResourceNotFoundException", 404)
