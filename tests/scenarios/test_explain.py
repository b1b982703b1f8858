"""Why an answer is what it is: the stories of requests, from whichever node they ran on."""

import json
import subprocess

from conftest import BINARY, KEY, SECRET, fetch, replace, serve
from test_mapping import http, mock, parameter, post


def explain(node, *arguments):
    environment = {"PATH": "", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "TURNPIKE_ADMIN_URL": node.admin}
    command = [BINARY, "explain", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def story(node, answer):
    told = explain(node, answer.headers["x-amzn-RequestId"], "--output", "json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_a_requests_story_is_told_by_any_node(three, backend):
    said = http(backend, "/say", template='{"id": "$input.params(\'id\')", "whole": $input.body}')
    url = serve(three[0], {
        "/pets/{id}": {"POST": (said, {"parameters": [parameter("path", "id")]}), "GET": (mock(), {})},
        "/broken": {"GET": (mock(response="#if(true)"), {})},
    })
    api = url("").split("/")[-2]
    three[0].client().update_stage(
        restApiId=api, stageName="prod", patchOperations=replace("/~1pets~1{id}/POST/logging/dataTrace", "true"))
    ran = three[1].url(api, "prod", "/pets/7?q=1")
    answer = post(ran, b'{"a": 1}', Authorization="Bearer secret-token-123456")
    for node in three:
        told = story(node, answer)
        assert told["node"] == three[1].number
        whole = told["story"]
        assert (whole["api"], whole["stage"], whole["verb"], whole["status"]) == (api, "prod", "POST", 200)
        assert whole["resource"] == "/pets/{id}" and whole["refusal"] is None
        phases = {step["phase"]: step["decision"] for step in whole["phases"]}
        assert list(phases) == ["endpoint", "route", "access", "throttle", "method request", "integration request",
                                "integration", "integration response"]
        assert phases["route"] == "POST /pets/{id}, id=7"
        assert phases["integration request"] == f"POST http://{backend}/say, 30 bytes"
        assert phases["integration"].startswith("status 200 after ")
        lines = whole["log"]
        assert f"Usage Plan check succeeded for API Key  and API Stage {api}/prod" in lines
        assert 'Method request body before transformations: {"a": 1}' in lines
        assert 'Endpoint request body after transformations: {"id": "7", "whole": {"a": 1}}' in lines
        assert "secret-token" not in json.dumps(told)
        assert sum(step["tookMicros"] for step in whole["phases"]) <= whole["tookMicros"]
    readable = explain(three[2], answer.headers["x-amzn-RequestId"])
    assert readable.stdout.startswith(f"POST /prod/pets/7 on {api}/prod (base), node {three[1].number}: 200 in ")
    # A method without data trace has no story, unless its caller shows a pass of its stage.
    quiet = fetch(three[0].url(api, "prod", "/pets/7"))
    none = explain(three[0], quiet.headers["x-amzn-RequestId"])
    assert none.returncode == 1 and "No node has the story of request" in none.stderr
    allowed = explain(three[0], "--allow", "served-with-a-name-that-nobody-has/prod")
    assert allowed.returncode == 1
    name, value = explain(three[0], "--allow", f"{api}/prod").stdout.strip().split(": ")
    shown = fetch(three[2].url(api, "prod", "/broken"), headers={name: value})
    told = story(three[0], shown)["story"]
    assert told["refusal"]["responseType"] == "API_CONFIGURATION_ERROR" and told["status"] == 500
    assert told["refusal"]["message"] == "Internal server error"
    assert "Unable to transform response: " in told["refusal"]["reason"] and "(line 1, column" in told["refusal"]["reason"]
    assert told["phases"][-1]["phase"] == "refusal"
    unrouted = fetch(three[2].url(api, "prod", "/none"), headers={name: value})
    assert story(three[0], unrouted)["story"]["refusal"]["responseType"] == "MISSING_AUTHENTICATION_TOKEN"
    forged = value[:-1] + ("0" if value[-1] != "0" else "1")
    for wrong in (forged, "", "1.00"):
        unknown = fetch(three[2].url(api, "prod", "/broken"), headers={name: wrong})
        assert explain(three[0], unknown.headers["x-amzn-RequestId"]).returncode == 1
