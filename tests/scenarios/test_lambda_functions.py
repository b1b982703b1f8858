"""APIs in front of functions that the nodes run themselves: permissions, answers, failures, authorizers."""

import json
import re
import subprocess

import pytest

from conftest import eventually, fetch, nodes, serve
from functions import NODE, make, package
from lambda_api import proxy, uri
from test_authorizers import DENIED, FAILED, SILENT, UNAUTHORIZED, asked, guarded
from test_explain import story
from test_invocations import CONFIGURATION, INTERNAL, invoke, told
from test_lambda import streamed
from test_terraform import configurations

APP = """
import json, os, time

def pets(event, context):
    what = event["queryStringParameters"] or {}
    if "raise" in what:
        raise ValueError("no pets today")
    if "exit" in what:
        os._exit(3)
    if "wait" in what:
        time.sleep(20)
    if "nonsense" in what:
        return ["nonsense"]
    if "much" in what:
        return {"body": "x" * 7_000_000}
    said = {"path": event["path"], "who": event["requestContext"].get("authorizer", {}).get("principalId")}
    return {"statusCode": 200, "headers": {"X-Function": context.function_name}, "body": json.dumps(said)}

def guard(event, context):
    token = event["authorizationToken"]
    if token == "nobody":
        raise Exception("Unauthorized")
    if token == "raise":
        raise Exception("something else")
    effect = "Deny" if token == "deny" else "Allow"
    resource = "arn:aws:execute-api:*:*:*/none/*" if token == "elsewhere" else event["methodArn"]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": token, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}

def custom(event, context):
    if event.get("bad"):
        raise Exception("Bad: " + event["bad"])
    return {"doubled": event["number"] * 2}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on"}}
    with nodes(tmp_path_factory.mktemp("here"), 2, place) as started:
        client = started[0].client("lambda")
        for name in ("pets", "guard", "custom"):
            make(client, f"here-{name}", {"app.py": APP}, handler=f"app.{name}", Timeout=30)
        yield started


def permit(node, function, source, qualifier=None):
    more = {"Qualifier": qualifier} if qualifier else {}
    return node.client("lambda").add_permission(
        FunctionName=function, StatementId=re.sub(r"\W", "-", source)[-90:], Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{source}", **more)


def test_functions_need_a_permission_and_then_answer(cluster):
    first, second = cluster
    url = serve(first, {"/pets/{id}": {"GET": (proxy("here-pets", timeoutInMillis=3000), {})}})
    api = url("").split("/")[-2]
    there = lambda query="": second.url(api, "prod", f"/pets/7{query}")
    assert (fetch(there()).status, fetch(there()).text) == (500, INTERNAL)
    resource = next(it["id"] for it in first.client().get_resources(restApiId=api)["items"] if it["path"] == "/pets/{id}")
    answer = invoke(first.client(), api, resource, pathWithQueryString="/pets/7")
    assert told(answer)[-2] == f"{CONFIGURATION}Invalid permissions on Lambda function"
    # Of another method, and of another stage.
    permit(first, "here-pets", f"{api}/prod/POST/pets/{{id}}")
    permit(first, "here-pets", f"{api}/test/GET/pets/{{id}}")
    assert fetch(there()).status == 500
    permit(first, "here-pets", f"{api}/prod/GET/pets/*")
    got = eventually(lambda: (answer := fetch(there())).status == 200 and answer, what="the permission on every node")
    assert got.json() == {"path": "/pets/7", "who": None} and got.headers["X-Function"] == "here-pets"
    assert invoke(first.client(), api, resource, pathWithQueryString="/pets/7")["status"] == 500
    permit(first, "here-pets", f"{api}/test-invoke-stage/GET/pets/*")
    assert invoke(first.client(), api, resource, pathWithQueryString="/pets/7")["status"] == 200
    first.client().update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": "true"}])
    for query, status, body, reason in [
        ("?raise", 502, INTERNAL, r"Lambda execution failed with status 200 due to customer function error: no pets today\. "),
        ("?exit", 502, INTERNAL, "Lambda execution failed with status 200 due to customer function error: .*xit"),
        ("?nonsense", 502, INTERNAL, f"{CONFIGURATION}Malformed Lambda proxy response"),
        ("?much", 502, INTERNAL, "Lambda execution failed with status 200 due to customer function error: Response payload size"),
        ("?wait", 504, '{"message": "Endpoint request timed out"}', "Execution failed due to a timeout error"),
    ]:
        got = fetch(there(query))
        assert (got.status, got.text) == (status, body), query
        assert re.match(reason, story(first, got)["story"]["refusal"]["reason"]), query
    assert fetch(there()).status == 200


def test_authorizers_are_functions_too(cluster):
    node = cluster[0]
    api, identifier, url = guarded(node, "here-guard", paths=("/pets", "/other"), integration=proxy("here-pets"))
    permit(node, "here-pets", f"{api}/*/GET/*")
    assert asked(url("/pets"), "ann") == FAILED
    permit(node, "here-guard", f"{api}/authorizers/{identifier}")
    assert fetch(url("/pets"), headers={"Authorization": "ann"}).json() == {"path": "/pets", "who": "ann"}
    for token, expected in [("nobody", UNAUTHORIZED), ("raise", FAILED), ("deny", DENIED), ("elsewhere", SILENT)]:
        assert asked(url("/pets"), token) == expected, token
    # What is kept was said for another method.
    assert asked(url("/other"), "ann") == SILENT
    assert node.client().test_invoke_authorizer(
        restApiId=api, authorizerId=identifier, headers={"Authorization": "bob"})["principalId"] == "bob"


def test_answers_of_functions_go_through_mappings(cluster):
    node = cluster[0]
    integration = {
        "type": "aws", "httpMethod": "POST", "uri": uri("here-custom"),
        "requestTemplates": {"application/json": '{"number": $input.params("n"), "bad": "$input.params("bad")"}'},
        "responses": {
            "default": {"statusCode": "200", "responseTemplates": {"application/json": '{"is": $input.path("$.doubled")}'}},
            "Bad: .*": {"statusCode": "400", "responseTemplates": {"application/json": '$input.json("$.errorMessage")'}},
        },
    }
    later = integration | {
        "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        "responses": {"default": {"statusCode": "202", "responseTemplates": {"application/json": ""}}},
    }
    url = serve(node, {"/double": {"GET": (integration, {})}, "/later": {"GET": (later, {})}})
    api = url("").split("/")[-2]
    assert fetch(url("/double?n=4")).status == 500
    permit(node, "here-custom", f"{api}/prod/GET/*")
    assert fetch(url("/double?n=4")).json() == {"is": 8}
    bad = fetch(url("/double?n=4&bad=yes"))
    assert (bad.status, bad.json()) == (400, "Bad: yes")
    assert (fetch(url("/later?n=4")).status, fetch(url("/later?n=4")).text) == (202, "")


def test_functions_write_their_answers_to_streams(cluster):
    node = cluster[0]
    make(node.client("lambda"), "here-streams", {"index.mjs": """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.queryStringParameters) throw new Error('as told')
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'content-type': 'text/plain' } })
  stream.write('one ')
  setTimeout(() => { stream.write('two'); stream.end() }, 10)
})
"""}, runtime=NODE, handler="index.handler")
    url = serve(node, {"/whole": {"GET": (proxy("here-streams"), {})}, "/streamed": {"GET": (streamed("here-streams"), {})}})
    permit(node, "here-streams", f"{url('').split('/')[-2]}/prod/*")
    got = fetch(url("/streamed"))
    assert (got.status, got.text, got.headers["Content-Type"]) == (201, "one two", "text/plain")
    # Whoever asks for the whole of it gets the head alone.
    assert (fetch(url("/whole")).status, fetch(url("/whole")).text) == (201, "")
    assert (fetch(url("/streamed?fail=1")).status, fetch(url("/streamed?fail=1")).text) == (502, INTERNAL)


def test_terraform_makes_function_permission_authorizer_and_api(cluster, tmp_path, backend):
    configured = configurations(tmp_path, cluster[0], backend)
    (tmp_path / "first.zip").write_bytes(package({"app.py": APP}))
    terraform = configured("lambda.tf")
    terraform.apply()
    url = cluster[1].url(terraform.outputs()["api"], "live", "/pets")
    curl = lambda *more: subprocess.run(["curl", "-s", *more, url], capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(curl("-H", "Authorization: ann")) == {"path": "/pets", "who": "ann"}
    assert curl() == UNAUTHORIZED[1] and curl("-H", "Authorization: deny") == DENIED[1]
    terraform.plans_nothing()
    terraform.destroy()
    assert fetch(url).status == 403
