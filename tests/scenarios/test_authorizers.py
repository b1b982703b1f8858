"""Lambda authorizers: who is asked, what about, what callers are answered, and how long an answer is known."""

import concurrent.futures
import json
import re
import threading

import pytest

from conftest import eventually, fetch, nodes, plain, replace
from lambda_api import Lambda, Reply, proxy, uri
from test_explain import story
from test_invocations import CONFIGURATION, told

UNAUTHORIZED = (401, '{"message":"Unauthorized"}', "UnauthorizedException")
FAILED = (500, '{"message":null}', "AuthorizerConfigurationException")
SILENT = (403, '{"Message":"User is not authorized to access this resource"}', "AccessDeniedException")
DENIED = (403, '{"Message":"User is not authorized to access this resource with an explicit deny"}', "AccessDeniedException")
HEADER = "method.request.header.Authorization"


@pytest.fixture(scope="module")
def functions():
    lambda_ = Lambda()
    lambda_.functions["backend"] = lambda event: {"body": json.dumps(event["requestContext"].get("authorizer"))}
    yield lambda_
    lambda_.close()


@pytest.fixture(scope="module")
def cluster(functions, tmp_path_factory):
    environment = {
        "AWS_ENDPOINT_URL_LAMBDA": functions.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-told",
    }
    with nodes(tmp_path_factory.mktemp("authorizers"), 3, lambda number: {"environment": environment}) as started:
        yield started


def policy(resource="*", effect="Allow", action="execute-api:Invoke", principal="user", **more):
    statement = {"Action": action, "Effect": effect, "Resource": resource, **more.pop("statement", {})}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, **more}


def guarded(node, name, paths=("/pets",), verbs=("GET",), integration=None, gateway_responses=None, variables=None, **authorizer):
    """An API whose methods an authorizer guards; gives its id, the authorizer's, and a function from paths to URLs."""
    client = node.client()
    authorizer = {"type": "token", "identitySource": HEADER, **authorizer}
    described = {
        "type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {"authorizerUri": uri(name), **authorizer},
    }
    method = {
        "security": [{name: []}], "responses": {"200": {"description": ""}},
        "x-amazon-apigateway-integration": integration or proxy("backend"),
    }
    document = {
        "openapi": "3.0.1", "info": {"title": name, "version": "1"},
        "components": {"securitySchemes": {name: described}},
        "paths": {path: {verb.lower(): method for verb in verbs} for path in paths},
        "x-amazon-apigateway-gateway-responses": gateway_responses or {},
    }
    api = client.import_rest_api(body=json.dumps(document).encode(), failOnWarnings=True)["id"]
    client.create_deployment(restApiId=api, stageName="prod", variables=variables or {})
    identifier = client.get_authorizers(restApiId=api)["items"][0]["id"]
    return api, identifier, lambda path: node.url(api, "prod", path)


def asked(url, token=None, **headers):
    headers = {**({"Authorization": token} if token is not None else {}), **headers}
    got = fetch(url, headers=headers)
    return got.status, got.text, got.headers["x-amzn-ErrorType"]


def test_a_token_is_shown_to_the_function(cluster, functions):
    node = cluster[0]
    answers = {
        "allow": policy(context={"text": "v", "number": 1, "truth": True}),
        "deny": policy(effect="Deny"),
        "silent": policy(resource="arn:aws:execute-api:*:*:*/prod/POST/*"),
        "other-action": policy(action="execute-api:ManageConnections"),
        "here": policy(statement={"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}),
        "elsewhere": policy(statement={"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}),
        "unknown": Reply({"errorMessage": "Unauthorized", "errorType": "Error"}, error="Unhandled"),
        "raises": Reply({"errorMessage": "unauthorized"}, error="Unhandled"),
        "throttled": Reply({"Message": "Rate exceeded"}, status=429),
        "forbidden": Reply({"Message": "no"}, status=403),
        "nonsense": Reply(b"<html>"), "half": Reply(b'{"principalId": "u', cut=20), "text": Reply(b'"Unauthorized"'),
        "nobody": {"policyDocument": policy()["policyDocument"]},
        "lawless": {"principalId": "user"},
        "bad-policy": policy(effect="Perhaps"),
        "nested": policy(context={"a": {"b": 1}}), "list": policy(context={"a": ["b"]}),
        "long": policy(more="x" * 300_000),
    }
    functions.functions["by-token"] = lambda event: answers[event["authorizationToken"]]
    api, identifier, url = guarded(node, "by-token", ("/pets", "/{proxy+}"), identityValidationExpression="[a-z-]+")
    here = url("/pets")
    for token, expected in {
        None: UNAUTHORIZED, "": UNAUTHORIZED, "not this": UNAUTHORIZED, "deny": DENIED, "silent": SILENT, "other-action": SILENT,
        "elsewhere": SILENT, "unknown": UNAUTHORIZED,
        **dict.fromkeys(["raises", "throttled", "forbidden", "nonsense", "half", "text", "nobody", "lawless", "bad-policy",
                         "nested", "list", "long"], FAILED),
    }.items():
        assert asked(here, token) == expected, token
    assert asked(here, "here")[0] == 200
    got = fetch(here, headers={"authorization": "allow"})
    told_to = got.json()
    assert isinstance(told_to.pop("integrationLatency"), int)
    assert told_to == {"principalId": "user", "text": "v", "number": "1", "truth": "true"}
    # To the byte, and in whose name.
    seen = functions.of("by-token")
    arn = f"arn:aws:execute-api:us-east-1:000000000000:{api}/prod/GET/pets"
    assert seen[-1].payload.decode() == f'{{"type":"TOKEN","authorizationToken":"allow","methodArn":"{arn}"}}'
    source = f"arn:aws:execute-api:us-east-1:000000000000:{api}/authorizers/{identifier}"
    assert seen[-1].headers["X-Amz-Source-Arn"] == source
    # What did not match, or was not there, was nobody's to see.
    assert not any(invocation.payload.decode().count('"not this"') for invocation in seen)
    # Kept: answers that are permissions, also those that deny; not what failed.
    before = len(functions.of("by-token"))
    assert fetch(here, headers={"authorization": "allow"}).json()["integrationLatency"] == 0
    assert (asked(here, "deny"), asked(here, "silent")) == (DENIED, SILENT)
    assert len(functions.of("by-token")) == before
    assert (asked(here, "unknown"), asked(here, "raises")) == (UNAUTHORIZED, FAILED)
    assert len(functions.of("by-token")) == before + 2
    # A path too long to be authorized for; the most that an ARN has is 1600 bytes.
    room = 1600 - len(arn.removesuffix("pets"))
    assert [asked(url("/" + "x" * length), "allow")[0] for length in (room, room + 1)] == [200, 414]


def test_the_whole_request_is_shown_to_the_function(cluster, functions):
    node = cluster[1]
    functions.functions["by-request"] = lambda event: policy(event["methodArn"])
    sources = "method.request.header.X-Key, method.request.querystring.q, stageVariables.v, context.httpMethod"
    api, _, url = guarded(node, "by-request", paths=("/pets/{id}", "/pets"), verbs=("GET", "POST"), variables={"v": "1"},
                          type="request", identitySource=sources)
    assert asked(url("/pets/1")) == asked(url("/pets/1?q=1")) == asked(url("/pets/1"), **{"X-Key": "k"}) == UNAUTHORIZED
    assert asked(url("/pets/1?q=1"), **{"X-Key": ""}) == UNAUTHORIZED and not functions.of("by-request")
    assert asked(url("/pets/1?q=1&q=2"), **{"X-Key": "k"})[0] == 200
    event = json.loads(functions.of("by-request")[-1].payload)
    assert list(event) == ["type", "methodArn", "resource", "path", "httpMethod", "headers", "multiValueHeaders",
                           "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables",
                           "requestContext"]
    assert (event["type"], event["resource"], event["path"], event["httpMethod"]) == ("REQUEST", "/pets/{id}", "/pets/1", "GET")
    assert event["methodArn"].endswith(f":{api}/prod/GET/pets/1") and event["headers"]["X-Key"] == "k"
    assert (event["queryStringParameters"], event["multiValueQueryStringParameters"]) == ({"q": "2"}, {"q": ["1", "2"]})
    assert (event["pathParameters"], event["stageVariables"]) == ({"id": "1"}, {"v": "1"})
    assert "authorizer" not in event["requestContext"] and event["requestContext"]["resourcePath"] == "/pets/{id}"
    # The same identity elsewhere: the policy that is kept is evaluated anew, and is too narrow.
    assert asked(url("/pets/2?q=2"), **{"X-Key": "k"}) == SILENT and len(functions.of("by-request")) == 1
    assert asked(url("/pets?q=3"), **{"X-Key": "k"})[0] == 200
    assert json.loads(functions.of("by-request")[-1].payload)["pathParameters"] == {}
    got = fetch(url("/pets?q=3"), method="POST", headers={"X-Key": "k"}, body=b"secret body")
    assert got.status == 200 and b"secret body" not in functions.of("by-request")[-1].payload
    assert len(functions.of("by-request")) == 3


def test_without_caching_each_request_asks(cluster, functions):
    functions.functions["uncached"] = lambda event: policy()
    _, _, url = guarded(cluster[0], "uncached", type="request", identitySource="", authorizerResultTtlInSeconds=0)
    assert [asked(url("/pets"))[0] for _ in range(3)] == [200] * 3 and len(functions.of("uncached")) == 3


def test_many_with_the_same_identity_ask_once(cluster, functions):
    release = threading.Event()

    def slow(event):
        release.wait(30)
        return policy()

    functions.functions["slow"] = slow
    _, _, url = guarded(cluster[0], "slow")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(asked, url("/pets"), "t") for _ in range(10)]
        other = pool.submit(asked, url("/pets"), "other")
        eventually(lambda: len(functions.of("slow")) == 2, what="two questions")
        release.set()
        assert [future.result()[0] for future in [*waiting, other]] == [200] * 11
    assert len(functions.of("slow")) == 2


def test_flushes_and_deployments_empty_every_nodes_cache(cluster, functions):
    verdict = {"effect": "Allow"}
    functions.functions["kept"] = lambda event: policy(effect=verdict["effect"])
    api, identifier, _ = guarded(cluster[0], "kept")
    ask = lambda node: asked(node.url(api, "prod", "/pets"), "t")
    assert [ask(node)[0] for node in cluster for _ in range(2)] == [200] * 6
    assert len(functions.of("kept")) == 3
    verdict["effect"] = "Deny"
    assert [ask(node)[0] for node in cluster] == [200] * 3
    cluster[2].client().flush_stage_authorizers_cache(restApiId=api, stageName="prod")
    assert [ask(node) for node in cluster] == [DENIED] * 3 and len(functions.of("kept")) == 6
    # A flush of answers is another one.
    cluster[1].client().flush_stage_cache(restApiId=api, stageName="prod")
    assert [ask(node) for node in cluster] == [DENIED] * 3 and len(functions.of("kept")) == 6
    # A stage that is compiled anew with the same deployment knows what it knew.
    stage = {"restApiId": api, "stageName": "prod"}
    cluster[0].client().update_stage(**stage, patchOperations=replace("/description", "new"))
    assert [ask(node) for node in cluster] == [DENIED] * 3 and len(functions.of("kept")) == 6
    verdict["effect"] = "Allow"
    cluster[1].client().create_deployment(**stage)
    assert [ask(node)[0] for node in cluster] == [200] * 3 and len(functions.of("kept")) == 9
    # A change of an authorizer is served with the next deployment.
    functions.functions["instead"] = lambda event: policy(effect="Deny")
    cluster[2].client().update_authorizer(
        restApiId=api, authorizerId=identifier, patchOperations=replace("/authorizerUri", uri("instead")))
    assert ask(cluster[0])[0] == 200
    cluster[0].client().create_deployment(**stage)
    assert [ask(node) for node in cluster] == [DENIED] * 3


def test_what_the_authorizer_says_is_context(cluster, functions):
    functions.functions["context"] = lambda event: policy(
        effect=event["authorizationToken"], principal="ann", context={"tenant": "blue", "n": 7}, usageIdentifierKey="key-0123456789")
    template = ('#set($a = $context.authorizer)$a.principalId $context.authorizer.tenant $a["n"] '
                '#foreach($k in $a.keySet())$k,#end')
    integration = {
        "type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": template}}},
    }
    denied = {"ACCESS_DENIED": {
        "responseTemplates": {"application/json": '{"who": "$context.authorizer.principalId", "why": $context.error.messageString}'},
        "responseParameters": {"gatewayresponse.header.Tenant": "context.authorizer.tenant"},
    }, "UNAUTHORIZED": {"statusCode": "407"}}
    api, _, url = guarded(cluster[0], "context", integration=integration, gateway_responses=denied)
    assert fetch(url("/pets"), headers={"Authorization": "Allow"}).text == (
        "ann blue 7 principalId,integrationLatency,tenant,n,")
    got = fetch(url("/pets"), headers={"Authorization": "Deny"})
    assert (got.status, got.headers["Tenant"]) == (403, "blue")
    assert got.json() == {"who": "ann", "why": DENIED[1][12:-2]}
    assert fetch(url("/pets")).status == 407
    # The story has every step, and neither the token nor the key.
    stage = {"restApiId": api, "stageName": "prod"}
    cluster[0].client().update_stage(**stage, patchOperations=replace("/*/*/logging/dataTrace", "true"))
    cluster[0].client().flush_stage_authorizers_cache(**stage)
    told_ = story(cluster[1], fetch(url("/pets"), headers={"Authorization": "Allow"}))["story"]
    phases = {step["phase"]: step["decision"] for step in told_["phases"]}
    assert list(phases)[:4] == ["endpoint", "route", "authorizer", "access"]
    assert phases["access"].endswith(f": ann may call arn:aws:execute-api:us-east-1:000000000000:{api}/prod/GET/pets")
    assert re.match(r"its function answered after \d+ ms", phases["authorizer"])
    assert '{"type":"TOKEN","authorizationToken":"***ow"' in "".join(told_["log"])
    assert "key-0123456789" not in json.dumps(told_) and "********456789" in json.dumps(told_)
    refused = story(cluster[1], fetch(url("/pets"), headers={"Authorization": "Deny"}))["story"]
    assert refused["refusal"]["reason"].startswith("the authorizer's policy denies arn:")
    assert "The client is not authorized to perform this operation." in refused["log"]
    kept = story(cluster[1], fetch(url("/pets"), headers={"Authorization": "Allow"}))["story"]
    assert {step["phase"]: step["decision"] for step in kept["phases"]}["authorizer"] == (
        "its answer is kept: its function is not asked")


def test_an_authorizer_may_say_whose_key_counts(cluster, functions):
    functions.functions["keeper"] = lambda event: policy(usageIdentifierKey=event["authorizationToken"])
    functions.functions["who"] = lambda event: {"body": json.dumps(event["requestContext"]["identity"])}
    client = cluster[0].client()
    api, _, url = guarded(cluster[0], "keeper", integration=proxy("who"))
    resource = next(item["id"] for item in client.get_resources(restApiId=api)["items"] if item["path"] == "/pets")
    client.update_method(restApiId=api, resourceId=resource, httpMethod="GET", patchOperations=replace("/apiKeyRequired", "true"))
    client.update_rest_api(restApiId=api, patchOperations=replace("/apiKeySource", "AUTHORIZER"))
    client.create_deployment(restApiId=api, stageName="prod")
    key = client.create_api_key(name="kept", enabled=True)
    plan = client.create_usage_plan(
        name="kept", apiStages=[{"apiId": api, "stage": "prod"}], quota={"limit": 2, "period": "DAY"})["id"]
    client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    identity = fetch(url("/pets"), headers={"Authorization": key["value"]}).json()
    assert (identity["apiKey"], identity["apiKeyId"]) == (key["value"], key["id"])
    # The header says nothing then, and a key that is none opens nothing.
    assert asked(url("/pets"), "none-that-anybody-has", **{"X-API-Key": key["value"]})[0] == 403
    assert [asked(url("/pets"), key["value"])[0] for _ in range(2)] == [200, 429]


def test_tests_of_authorizers_ask_their_functions(cluster, functions):
    functions.functions["tested"] = lambda event: (
        policy(effect="Deny", context={"a": "b"}) if event["authorizationToken"] == "known"
        else Reply({"errorMessage": "Unauthorized"}, error="Handled"))
    api, identifier, _ = guarded(cluster[0], "tested")
    test = lambda token: cluster[2].client().test_invoke_authorizer(
        restApiId=api, authorizerId=identifier, headers={"Authorization": token})
    answer = test("known")
    assert (answer["clientStatus"], answer["principalId"]) == (200, "user")
    assert json.loads(answer["policy"]) == policy(effect="Deny")["policyDocument"]
    arn = f"arn:aws:execute-api:us-east-1:000000000000:{api}/ESTestInvoke-stage/GET/"
    assert json.loads(functions.of("tested")[-1].payload)["methodArn"] == arn
    lines = told(answer)
    assert lines[:2] == [f"Starting authorizer: {identifier} for request: ID", "Incoming identity: ***wn"]
    assert lines[4] == f'Endpoint request body after transformations: {{"type":"TOKEN","authorizationToken":"***wn","methodArn":"{arn}"}}'
    assert lines[-3].startswith('Authorizer result body before parsing: {"principalId":"user"')
    assert lines[-2:] == [
        "Using valid authorizer policy for principal: **er", "Successfully completed authorizer execution"]
    unknown = test("unknown")
    assert unknown["clientStatus"] == 401 and "policy" not in plain(unknown)
    assert told(unknown)[-2:] == ["The authorizer's function answered Unauthorized.", "Unauthorized request: ID"]
    api, identifier, _ = guarded(cluster[0], "nowhere")
    failed = test("known")
    assert failed["clientStatus"] == 500
    assert told(failed)[-3:] == ["Lambda invocation failed with status: 404. Lambda request id: lambdas-own-id",
                                 f"{CONFIGURATION}Invalid permissions on Lambda function", "AuthorizerConfigurationException"]
