"""OpenAPI documents: imported, imported again, and refused."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from conftest import BINARY, KEY, SECRET, fetch, refused

DOCUMENTS = pathlib.Path(__file__).parent.parent / "openapi" / "import"


def document(backend, paths, **more):
    """A document whose paths each have a GET that calls the backend."""
    operation = lambda path: {
        "responses": {"200": {"description": "fine"}},
        "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": f"http://{backend}{path}"},
    }
    paths = {path: {"get": operation(path)} for path in paths}
    return {"openapi": "3.0.1", "info": {"title": "imported", "version": "1"}, "paths": paths, **more}


def import_api(node, described, **options):
    return node.client().import_rest_api(body=json.dumps(described), **options)


def put_api(node, api, described, mode="merge", **options):
    return node.client().put_rest_api(restApiId=api, mode=mode, body=json.dumps(described), **options)


def resources(node, api):
    """Path → resource, with its methods."""
    pages = node.client().get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    return {item["path"]: item for page in pages for item in page["items"]}


def test_an_imported_api_is_deployed_and_called(three, backend):
    api = import_api(three[0], document(backend, ["/pets", "/pets/food"]))
    assert (api["name"], api["version"], api["ResponseMetadata"]["HTTPStatusCode"]) == ("imported", "1", 201)
    assert api["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"} and "warnings" not in api
    found = resources(three[1], api["id"])
    assert set(found) == {"/", "/pets", "/pets/food"}
    integration = found["/pets"]["resourceMethods"]["GET"]["methodIntegration"]
    assert (integration["type"], integration["cacheNamespace"]) == ("HTTP_PROXY", found["/pets"]["id"])
    three[2].client().create_deployment(restApiId=api["id"], stageName="v1")
    assert fetch(three[0].url(api["id"], "v1", "/pets/food")).json()["path"] == "/pets/food"


def test_merging_keeps_and_overwriting_removes(three, backend):
    api = import_api(three[0], document(backend, ["/kept", "/old"]))["id"]
    before = resources(three[1], api)
    three[2].client().create_deployment(restApiId=api, stageName="v1")
    put_api(three[0], api, document(backend, ["/kept", "/new"]))
    merged = resources(three[1], api)
    assert set(merged) == {"/", "/kept", "/old", "/new"}
    answer = put_api(three[2], api, document(backend, ["/kept", "/new"]), mode="overwrite")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200 and answer["tags"] == {}
    over = resources(three[0], api)
    assert set(over) == {"/", "/kept", "/new"}
    # What stays keeps its id.
    assert {path: over[path]["id"] for path in ("/", "/kept")} == {path: before[path]["id"] for path in ("/", "/kept")}
    assert over["/new"]["id"] == merged["/new"]["id"]
    # The stage serves what was deployed.
    assert fetch(three[1].url(api, "v1", "/old")).status == 200
    assert fetch(three[1].url(api, "v1", "/new")).status == 403
    # A variable takes the place of another one.
    put_api(three[1], api, document(backend, ["/{a}"]), mode="overwrite")
    put_api(three[2], api, document(backend, ["/{b}"]), mode="overwrite")
    assert set(resources(three[0], api)) == {"/", "/{b}"}
    refused(
        lambda: put_api(three[1], api, document(backend, ["/{c}"])), "BadRequestException", 400,
        "Errors found during import:\n\tUnable to create resource at path '/{c}': A sibling ({b}) of this resource "
        "already has a variable path part -- only one is allowed",
    )


def test_a_refused_import_changes_nothing(three, backend):
    api = import_api(three[0], document(backend, ["/kept"]))["id"]
    before = resources(three[1], api)
    bad = document(backend, ["/new", "/bad"])
    bad["paths"]["/bad"]["get"]["x-amazon-apigateway-integration"]["uri"] = "ftp://x"
    bad["paths"]["/bad"]["put"] = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": "x"}}
    message = (
        "Errors found during import:\n"
        "\tUnable to put integration on 'GET' for resource at path '/bad': Invalid HTTP endpoint specified for URI\n"
        "\tUnable to put integration on 'PUT' for resource at path '/bad': Invalid ARN specified in the request"
    )
    for mode in ("merge", "overwrite"):
        refused(lambda mode=mode: put_api(three[2], api, bad, mode=mode), "BadRequestException", 400, message)
    count = lambda: len(three[0].client().get_rest_apis(limit=500)["items"])
    apis = count()
    refused(lambda: import_api(three[1], bad), "BadRequestException", 400, message)
    odd = document(backend, ["/odd"], **{"x-amazon-apigateway-odd": 1})
    warning = "x-amazon-apigateway-odd: there is no such extension of REST APIs: it is ignored"
    refused(
        lambda: put_api(three[1], api, odd, failOnWarnings=True), "BadRequestException", 400,
        f"Warnings found during import:\n\t{warning}",
    )
    assert resources(three[0], api) == before and count() == apis
    assert put_api(three[2], api, odd)["warnings"] == [warning]
    refused(
        lambda: put_api(three[0], "nosuchapi0", odd), "NotFoundException", 404,
        "Invalid API identifier specified 000000000000:nosuchapi0",
    )


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.expected")), ids=lambda path: path.stem)
def test_every_document_has_its_outcome_on_the_wire(one, path):
    expected = json.loads(path.read_text())
    body = path.with_suffix("").read_bytes()
    client = one.client()
    if "changes" not in expected:
        start = expected.get("error") or "Errors found during import:\n\t" + expected["problems"][0]
        with pytest.raises(client.exceptions.BadRequestException) as caught:
            client.import_rest_api(body=body)
        assert caught.value.response["Error"]["Message"].startswith(start)
        return
    api = client.import_rest_api(body=body)
    assert api.get("warnings", []) == expected["warnings"]
    paths = [change.removeprefix("path ") for change in expected["changes"] if change.startswith("path ")]
    found = resources(one, api["id"])
    assert sorted(found) == sorted(["/", *paths])
    for path, methods in expected["methods"].items():
        assert set(found[path].get("resourceMethods", {})) == set(methods)
    client.delete_rest_api(restApiId=api["id"])


def test_base_paths_and_endpoint_types_are_parameters(one, backend):
    described = document(backend, ["/e"], servers=[{"url": "https://h.example/a/b"}])
    for mode, expected in (("ignore", {"/", "/e"}), ("prepend", {"/", "/a", "/a/b", "/a/b/e"}), ("split", {"/", "/b", "/b/e"})):
        api = import_api(one, described, parameters={"basepath": mode, "endpointConfigurationTypes": "REGIONAL"})
        assert set(resources(one, api["id"])) == expected
        assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    refused(
        lambda: import_api(one, described, parameters={"basepath": "x"}), "BadRequestException", 400,
        "Invalid basepath specified. Valid options are ignore,prepend,split",
    )


def test_the_aws_cli_imports_a_file(three):
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": three[1].admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
    }
    command = ["aws", "apigateway", "import-rest-api", "--body", f"fileb://{DOCUMENTS / 'petstore-swagger.yaml'}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    api = json.loads(done.stdout)
    assert (api["name"], api["apiKeySource"], api["minimumCompressionSize"]) == ("Pets", "AUTHORIZER", 1024)
    method = resources(three[2], api["id"])["/pets"]["resourceMethods"]["POST"]
    assert (method["authorizationType"], method["apiKeyRequired"]) == ("COGNITO_USER_POOLS", True)


def test_a_large_document_is_imported_at_once(three, backend):
    described = document(backend, [f"/r{number}/x" for number in range(900)])
    for item in described["paths"].values():
        item["get"]["description"] = "d" * 300
        item["get"]["parameters"] = [{"name": "q", "in": "query", "description": "p" * 400}]
        item["put"] = item["post"] = item["get"]
    assert len(json.dumps(described)) > 2_000_000
    began = time.monotonic()
    api = import_api(three[0], described)["id"]
    print(f"{time.monotonic() - began:.2f} s")
    page = three[1].client().get_resources(restApiId=api, limit=500)
    assert len(page["items"]) == 500 and page["position"]
    assert put_api(three[1], api, described, mode="overwrite")["id"] == api


def command(node, *words):
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin}
    return subprocess.run(
        [BINARY, "import", *map(str, words)], env=environment, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )


def test_the_command_shows_what_changes_and_imports(three, backend, tmp_path):
    file = tmp_path / "api.json"
    described = document(backend, ["/a"])
    described["info"]["title"] = "by the command"
    file.write_text(json.dumps(described))
    # Nobody is there to be asked.
    done = command(three[0], file)
    assert done.returncode == 1 and "say --yes" in done.stderr
    done = command(three[0], file, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("by the command is new:\n") and "  + method GET /a\n" in done.stdout
    api = re.search(r"imported as (\w+)", done.stdout).group(1)
    # The second time it is found by its name, and is as the document says.
    done = command(three[1], file)
    assert done.returncode == 0 and done.stdout.endswith("nothing to change\n"), done.stderr
    described["paths"]["/b"] = described["paths"].pop("/a")
    file.write_text(json.dumps(described))
    done = command(three[2], file, "--yes", "--output", "json")
    changes = [(change["change"], change["kind"], change["name"]) for change in json.loads(done.stdout)["changes"]]
    assert ("removed", "method", "GET /a") in changes and ("added", "path", "/b") in changes
    assert set(resources(three[0], api)) == {"/", "/b"}
    import_api(three[0], described)
    done = command(three[1], file, "--yes")
    assert done.returncode == 1 and "2 APIs are named" in done.stderr and "--api" in done.stderr
    file.write_text("{}")
    done = command(three[1], file, "--yes")
    assert done.returncode == 1 and "Invalid OpenAPI input." in done.stderr
