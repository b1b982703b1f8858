"""Access logs of REST APIs: one line a request, in the stage's own format, whatever became of it."""

import json

import pytest

from access_logs import DESTINATION, accesses
from conftest import fetch, replace, serve
from test_mapping import http, mock, parameter

FORMAT = json.dumps({name: f"$context.{name}" for name in (
    "requestId", "extendedRequestId", "identity.sourceIp", "httpMethod", "resourcePath", "path", "protocol", "status",
    "responseLength", "error.message", "error.responseType", "integration.status", "integrationStatus", "identity.userAgent",
    "authorizer.principalId", "stage",
)} | {"latency": "$context.responseLatency", "of it": "$context.integrationLatency", "error": "$context.error.messageString"})


@pytest.fixture(scope="module")
def url(one, backend):
    served = serve(one, {
        "/pets/{id}": {"GET": (http(backend, "/teapot"), {"parameters": [parameter("path", "id")]})},
        "/mock": {"GET": (mock(), {})},
        "/broken": {"GET": (mock(response="#if(true)"), {})},
    })
    api = served("").split("/")[-2]
    settings = [("/accessLogSettings/destinationArn", DESTINATION), ("/accessLogSettings/format", FORMAT + "\n")]
    patches = [patch for path, value in settings for patch in replace(path, value)]
    one.client().update_stage(restApiId=api, stageName="prod", patchOperations=patches)
    return served


def test_a_line_says_what_became_of_a_request(one, url):
    answer = fetch(url("/mock"), headers={"User-Agent": "an agent"})
    said = json.loads(accesses(one, answer.headers["x-amzn-RequestId"])[0])
    assert said["extendedRequestId"] == answer.headers["x-amz-apigw-id"]
    assert (said["identity.sourceIp"], said["identity.userAgent"]) == ("127.0.0.1", "an agent")
    assert (said["httpMethod"], said["resourcePath"], said["path"]) == ("GET", "/mock", "/prod/mock")
    assert (said["protocol"], said["status"], said["stage"]) == ("HTTP/1.1", "200", "prod")
    assert said["responseLength"] == str(len(answer.body)) and said["latency"].isdigit()
    for name in ("error.message", "error.responseType", "integration.status", "of it", "authorizer.principalId", "error"):
        assert said[name] == "-", name


def test_integrations_and_refusals_are_told(one, url):
    answer = fetch(url("/pets/7"))
    said = json.loads(accesses(one, answer.headers["x-amzn-RequestId"])[0])
    assert (said["integration.status"], said["integrationStatus"], said["resourcePath"]) == ("418", "418", "/pets/{id}")
    assert said["of it"].isdigit() and said["status"] == str(answer.status)
    # A text in quotes stands as it is where the format puts quotes around it.
    answer = fetch(url("/broken"))
    raw = accesses(one, answer.headers["x-amzn-RequestId"])[0]
    assert '"error": ""Internal server error""' in raw
    said = json.loads(raw.replace('""', '"'))
    assert (said["status"], said["error.message"], said["error.responseType"]) == (
        "500", "Internal server error", "API_CONFIGURATION_ERROR")
    answer = fetch(url("/none"))
    raw = accesses(one, answer.headers["x-amzn-RequestId"])[0]
    assert '"resourcePath": "-"' in raw and '"status": "403"' in raw and "Missing Authentication Token" in raw


def test_no_caller_writes_a_second_line(one, url):
    answer = fetch(url("/mock"), headers={"User-Agent": "x\ty"})
    assert "x y" in accesses(one, answer.headers["x-amzn-RequestId"])[0]
