"""OpenAPI out: every combination of an export, the commands, and the page for people."""

import json
import os
import subprocess

import pytest
import yaml
from conftest import BINARY, KEY, SECRET, fetch, refused


@pytest.fixture(scope="module")
def pets(three, backend):
    """An API with a mock, a proxy and a key, deployed to `prod`."""
    client = three[0].client()
    api = client.create_rest_api(name="exported pets", description="Sells pets", binaryMediaTypes=["image/*"])
    root, api = api["rootResourceId"], api["id"]
    resource = client.create_resource(restApiId=api, parentId=root, pathPart="pets")["id"]
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    client.put_method(
        **place, authorizationType="NONE", apiKeyRequired=True, operationName="listPets",
        requestParameters={"method.request.querystring.kind": True, "method.request.header.X-Trace": False},
    )
    client.put_method_response(
        **place, statusCode="200", responseModels={"application/json": "Empty"},
        responseParameters={"method.response.header.X-Why": False},
    )
    client.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}\n'})
    client.put_integration_response(**place, statusCode="200", responseTemplates={"application/json": "{}"})
    any_verb = {"restApiId": api, "resourceId": root, "httpMethod": "ANY"}
    client.put_method(**any_verb, authorizationType="NONE")
    client.put_integration(
        **any_verb, type="HTTP_PROXY", integrationHttpMethod="ANY", uri=f"http://{backend}/all", timeoutInMillis=1000
    )
    client.create_deployment(restApiId=api, stageName="prod")
    return api


def export(node, api, kind, accepts="application/json", stage="prod", **parameters):
    answer = node.client().get_export(
        restApiId=api, stageName=stage, exportType=kind, accepts=accepts, parameters=parameters
    )
    return answer, answer["body"].read()


def test_every_combination_says_the_same_in_both_notations(three, pets):
    at = 0
    for kind in ("swagger", "oas30"):
        for extensions in ("", "integrations", "authorizers", "apigateway", "postman", "integrations,authorizers"):
            wanted = {"extensions": extensions} if extensions else {}
            answer, text = export(three[at % 3], pets, kind, **wanted)
            _, as_yaml = export(three[(at + 1) % 3], pets, kind, "application/yaml", **wanted)
            at += 1
            document = json.loads(text)
            assert yaml.safe_load(as_yaml) == document
            assert answer["contentType"] == "application/octet-stream"
            version = document["info"]["version"]
            assert answer["contentDisposition"] == f'attachment; filename="{kind}_{version}.json"'
            get = document["paths"]["/pets"]["get"]
            shown = "integrations" in extensions or extensions == "apigateway"
            assert ("x-amazon-apigateway-integration" in get) == shown
            assert ("x-amazon-apigateway-binary-media-types" in document) == (extensions == "apigateway")
            assert get["operationId"] == "listPets" and get["security"] == [{"api_key": []}]
            assert "x-amazon-apigateway-any-method" in document["paths"]["/"]


def test_swagger(three, pets):
    _, text = export(three[1], pets, "swagger", extensions="apigateway")
    assert text.startswith(b'{\n  "swagger" : "2.0",\n  "info" : {\n')
    document = json.loads(text)
    made = document["info"].pop("version")
    assert made.endswith("Z") and document["info"] == {"title": "exported pets", "description": "Sells pets"}
    assert document["host"] == f"{pets}.execute-api.us-east-1.amazonaws.com"
    assert (document["basePath"], document["schemes"]) == ("/prod", ["https"])
    assert document["definitions"] == {"Empty": {"title": "Empty Schema", "type": "object"}}
    assert document["securityDefinitions"] == {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
    get = document["paths"]["/pets"]["get"]
    assert get["produces"] == ["application/json"] and "consumes" not in get
    assert get["parameters"] == [
        {"name": "X-Trace", "in": "header", "required": False, "type": "string"},
        {"name": "kind", "in": "query", "required": True, "type": "string"},
    ]
    assert get["responses"] == {
        "200": {
            "description": "200 response",
            "schema": {"$ref": "#/definitions/Empty"},
            "headers": {"X-Why": {"type": "string"}},
        }
    }
    assert get["x-amazon-apigateway-integration"] == {
        "type": "mock",
        "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "{}"}}},
        "requestTemplates": {"application/json": '{"statusCode": 200}\n'},
        "passthroughBehavior": "when_no_match",
    }
    called = document["paths"]["/"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
    assert (called["type"], called["httpMethod"], called["timeoutInMillis"]) == ("http_proxy", "ANY", 1000)
    assert "connectionType" not in called and "cacheNamespace" not in called


def test_openapi(three, pets):
    _, text = export(three[2], pets, "oas30")
    document = json.loads(text)
    assert document["openapi"] == "3.0.1"
    assert document["servers"] == [
        {
            "url": f"https://{pets}.execute-api.us-east-1.amazonaws.com/{{basePath}}",
            "variables": {"basePath": {"default": "prod"}},
        }
    ]
    get = document["paths"]["/pets"]["get"]
    assert get["parameters"] == [
        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
        {"name": "kind", "in": "query", "required": True, "schema": {"type": "string"}},
    ]
    assert get["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Empty"}}
    }


def test_what_is_exported_is_what_was_deployed(three, backend):
    client = three[0].client()
    api = client.create_rest_api(name="moves on", version="2 of \"them\"")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    client.put_integration(**place, type="MOCK")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    _, before = export(three[1], api["id"], "oas30", extensions="apigateway")
    client.put_method(**{**place, "httpMethod": "POST"}, authorizationType="NONE")
    client.put_integration(**{**place, "httpMethod": "POST"}, type="MOCK")
    renamed = {"op": "replace", "path": "/name", "value": "moved on"}
    client.update_rest_api(restApiId=api["id"], patchOperations=[renamed])
    assert export(three[2], api["id"], "oas30", extensions="apigateway")[1] == before
    assert json.loads(before)["components"] == {}
    client.create_deployment(restApiId=api["id"], stageName="prod")
    answer, after = export(three[1], api["id"], "oas30", "application/yaml")
    assert answer["contentDisposition"] == 'attachment; filename="oas30_2 of _them_.yaml"'
    after = yaml.safe_load(after)
    assert after["info"] == {"title": "moved on", "version": '2 of "them"'}
    assert set(after["paths"]["/"]) == {"get", "post"}


def test_refusals(three, pets):
    for call, code, status, message in [
        (lambda: export(three[0], "nowhere", "oas30"), "NotFoundException", 404, None),
        (lambda: export(three[1], pets, "oas30", stage="test"), "NotFoundException", 404, "Invalid stage identifier specified"),
        (lambda: export(three[2], pets, "raml"), "BadRequestException", 400, "No API exporter for type 'raml'"),
        (
            lambda: export(three[0], pets, "oas30", extensions="integrations,nonsense"),
            "BadRequestException", 400, "Invalid extensions specified: nonsense",
        ),
        (lambda: export(three[1], pets, "oas30", "application/xml"), "BadRequestException", 400, None),
    ]:
        refused(call, code, status, message)


def turnpike(node, *words, fails=False):
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin}
    done = subprocess.run(
        [BINARY, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def test_the_aws_cli_writes_a_file(three, pets, tmp_path):
    file = tmp_path / "pets.yaml"
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"
    }
    done = subprocess.run(
        ["aws", "--endpoint-url", three[1].admin, "apigateway", "get-export", "--rest-api-id", pets,
         "--stage-name", "prod", "--export-type", "oas30", "--accepts", "application/yaml",
         "--parameters", "extensions=apigateway", str(file)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    _, expected = export(three[2], pets, "oas30", "application/yaml", extensions="apigateway")
    assert file.read_bytes() == expected


def test_the_command_exports_by_name_or_id(three, pets, tmp_path):
    _, expected = export(three[0], pets, "oas30")
    assert turnpike(three[1], "export", pets, "prod").strip() == expected.decode()
    file = tmp_path / "pets.yaml"
    words = ["--format", "swagger", "--yaml", "--extensions", "apigateway", "--file", str(file)]
    assert turnpike(three[2], "export", "exported pets", "prod", *words) == ""
    _, expected = export(three[0], pets, "swagger", "application/yaml", extensions="apigateway")
    assert file.read_bytes() == expected
    assert "no API" in turnpike(three[0], "export", "nothing of it", "prod", fails=True)
    assert "Invalid stage identifier specified" in turnpike(three[1], "export", pets, "test", fails=True)
    client = three[0].client()
    twins = [client.create_rest_api(name="exported twins")["id"] for _ in range(2)]
    told = turnpike(three[2], "export", "exported twins", "prod", fails=True)
    assert "2 APIs are called exported twins" in told and all(twin in told for twin in twins)


def test_a_stage_has_a_page(three, pets):
    link = turnpike(three[0], "docs", "exported pets", "prod").strip()
    page = fetch(link)
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<h1>exported pets</h1>" in page.text and "<script" not in page.text
    for shown in ("/pets", "X-Trace", "kind", "Empty", "api_key", "X-Why", f"{pets}.execute-api.us-east-1"):
        assert shown in page.text, shown
    # Without a signature, with another's, and for another stage, the page is not shown.
    plain = link.split("?")[0]
    for stranger in (plain, link[:-1] + ("0" if link[-1] != "0" else "1"), link.replace("/prod?", "/test?")):
        assert fetch(stranger).status == 403, stranger
    told = turnpike(three[1], "docs", pets, "test", fails=True)
    assert "Invalid stage identifier specified" in told
