"""Routes of WebSocket APIs: which one a message gets, what integrations are told and say, and every way to be refused."""

import base64
import json
import re
import socket as socket_module
import threading

import boto3
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from access_logs import DESTINATION, accesses
from conftest import eventually, fetch, nodes
from functions import make as make_function
from lambda_api import Lambda, Reply, uri
from sockets import STATUS_200, Socket, make, mock
from test_explain import explain
from test_operations import CERTIFICATE

ID = r"[A-Za-z0-9_-]{15}="
ROLE = "arn:aws:iam::123456789012:role/gateway"


@pytest.fixture(scope="module")
def functions():
    lambda_ = Lambda()
    yield lambda_
    lambda_.close()


@pytest.fixture(scope="module")
def node(functions, moto, tmp_path_factory):
    environment = {
        "AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_LAMBDA": functions.url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-told",
    }
    with nodes(tmp_path_factory.mktemp("routes"), 1, lambda number: {"environment": environment}) as started:
        yield started[0]


def function(name, replies=True, **more):
    """A route that is a function's."""
    integration = {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST", "IntegrationUri": uri(name), **more}
    return {"integration": integration, "replies": replies}


def calling(kind, address, responses=(), replies=True, **more):
    """A route that calls an address, whose answer goes through these integration responses."""
    integration = {"IntegrationType": kind, "IntegrationMethod": "POST", "IntegrationUri": address, **more}
    responses = [{"IntegrationResponseKey": key, **response} for key, response in responses]
    return {"integration": integration, "responses": responses, "replies": replies}


def template(text, key="$default"):
    expression = "\\$default" if key == "$default" else key
    return {"ResponseTemplates": {key: text}, "TemplateSelectionExpression": expression}


def refused(node, api, query="", **options):
    """The answer to somebody who may not connect: its status, its header fields and its body."""
    with pytest.raises(InvalidStatus) as caught:
        Socket(node, api, query=query, **options)
    response = caught.value.response
    return response.status_code, response.headers, response.body.decode()


def error_frame(message, extra=""):
    """What an error frame looks like, to the byte."""
    return rf'\{{"message": "{message}", "connectionId":"{ID}", "requestId":"{ID}"{extra}\}}'


NAMED = mock('{"route": "$context.routeKey"}')


# --- which route ---


def test_a_message_gets_the_route_that_its_text_selects(node):
    api = make(node, {"join": NAMED, "chat/send": NAMED, "[a, b]": NAMED, "true": NAMED, "$default": NAMED})
    with Socket(node, api) as socket:
        for message, expected in [
            ({"action": "join"}, "join"),
            ({"action": "JOIN"}, "$default"),
            ({"action": ["a", "b"]}, "[a, b]"),
            ({"action": True}, "true"),
            ({"action": "$connect"}, "$default"),
            ({"action": "$disconnect"}, "$default"),
            ({"action": "$request.body.x", "x": "join"}, "$default"),
            ({"action": None}, "$default"),
            ({}, "$default"),
            ([1], "$default"),
            ('"join"', "$default"),
            ("5", "$default"),
            ("no json", "$default"),
            ('{"action": "join"', "$default"),
            ("[" * 5000, "$default"),
        ]:
            assert socket.ask(message) == {"route": expected}, message
    composed = make(node, {"chat/send": NAMED, "$default": NAMED},
                    RouteSelectionExpression="${request.body.service}/${request.body.action}")
    with Socket(node, composed) as socket:
        assert socket.ask({"service": "chat", "action": "send"}) == {"route": "chat/send"}
        assert socket.ask({"service": "chat"}) == {"route": "$default"}
    static = make(node, {"always": NAMED}, RouteSelectionExpression="always")
    with Socket(node, static) as socket:
        assert socket.ask("no json") == {"route": "always"}


def test_a_message_that_no_route_is_for_is_forbidden(node):
    api = make(node, {"join": NAMED})
    with Socket(node, api) as socket:
        for message in ({"action": "other"}, "no json", {"action": "$connect"}, ""):
            socket.say(message)
            assert re.fullmatch(error_frame("Forbidden"), socket.hear()), message
        # And the connection stays.
        assert socket.ask({"action": "join"}) == {"route": "join"}


def test_connections_that_there_are_see_what_is_deployed_later(node):
    api = make(node, {"$default": NAMED})
    client = node.client("apigatewayv2")
    with Socket(node, api) as socket:
        assert socket.ask({"action": "late"}) == {"route": "$default"}
        target = client.get_routes(ApiId=api)["Items"][0]["Target"]
        made = client.create_route(ApiId=api, RouteKey="late", Target=target, RouteResponseSelectionExpression="$default")
        client.create_route_response(ApiId=api, RouteId=made["RouteId"], RouteResponseKey="$default")
        assert socket.ask({"action": "late"}) == {"route": "$default"}
        client.create_deployment(ApiId=api, StageName="prod")
        assert socket.ask({"action": "late"}) == {"route": "late"}


# --- error frames ---


def test_every_failure_has_its_frame(node, functions, backend):
    def throws(event):
        return Reply({"errorMessage": "a secret", "errorType": "E"}, error="Unhandled")

    waits = threading.Event()
    functions.functions |= {
        "throws": throws, "shapeless": lambda event: "text", "nostatus": lambda event: {"body": "x"},
        "slow": lambda event: waits.wait(20) and {"statusCode": 200}, "bytes": lambda event: {
            "statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True},
    }
    api = make(node, {
        "throws": function("throws"), "oneway": function("throws", replies=False), "shapeless": function("shapeless"),
        "nostatus": function("nostatus"), "slow": function("slow", TimeoutInMillis=50), "unknown": function("nobody-has-it"),
        "bytes": function("bytes"),
        "unreachable": calling("HTTP_PROXY", "http://127.0.0.1:1/"),
        "unmatched": calling("HTTP", f"http://{backend}/teapot", [("/2\\d\\d/", {})]),
        "broken": mock("#if(true)"), "never": calling("HTTP", f"http://{backend}/say", PassthroughBehavior="NEVER"),
        "target": {}, "$default": NAMED,
    })
    with Socket(node, api) as socket:
        for action, message in [
            ("throws", "Internal server error"), ("oneway", "Internal server error"), ("shapeless", "Internal server error"),
            ("nostatus", "Internal server error"), ("slow", "Endpoint request timed out"), ("unknown", "Internal server error"),
            ("bytes", "Internal server error"), ("unreachable", "Internal server error"),
            ("unmatched", "Internal server error"), ("broken", "Internal server error"), ("never", "Unsupported Media Type"),
            ("target", "Internal server error"),
        ]:
            socket.say({"action": action})
            assert re.fullmatch(error_frame(message), socket.hear()), action
        assert socket.ask({"action": "other"}) == {"route": "$default"}
    waits.set()


def test_messages_are_checked_against_their_models(node):
    client = node.client("apigatewayv2")
    api = make(node, {"$default": NAMED})
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "required": ["text"],
              "properties": {"text": {"type": "string"}}}
    client.create_model(ApiId=api, Name="Said", ContentType="application/json", Schema=json.dumps(schema))
    target = client.get_routes(ApiId=api)["Items"][0]["Target"]
    for key, expression, models in [
        ("said", "\\$default", {"$default": "Said"}), ("kinds", "$request.body.kind", {"text": "Said"}),
    ]:
        made = client.create_route(
            ApiId=api, RouteKey=key, Target=target, ModelSelectionExpression=expression, RequestModels=models,
            RouteResponseSelectionExpression="$default")
        client.create_route_response(ApiId=api, RouteId=made["RouteId"], RouteResponseKey="$default")
    client.create_deployment(ApiId=api, StageName="prod")
    bad = error_frame("Bad request body", rf', "messageId":"{ID}"')
    with Socket(node, api) as socket:
        for message, route in [
            ({"action": "said", "text": "x"}, "said"), ({"action": "said"}, None), ({"action": "said", "text": 5}, None),
            ({"action": "kinds", "kind": "text", "text": "x"}, "kinds"), ({"action": "kinds", "kind": "text"}, None),
            # There is no model for it, and none for all others.
            ({"action": "kinds", "kind": "other", "text": "x"}, None),
        ]:
            socket.say(message)
            said = socket.hear()
            assert json.loads(said) == {"route": route} if route else re.fullmatch(bad, said), message


def test_messages_are_throttled_by_route_and_by_stage(node):
    client = node.client("apigatewayv2")
    api = make(node, {"slow": NAMED, "$default": NAMED})
    client.update_stage(ApiId=api, StageName="prod", RouteSettings={
        "slow": {"ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 2}})
    with Socket(node, api) as socket:
        said = []
        for _ in range(3):
            socket.say({"action": "slow"})
            said.append(socket.hear())
        assert [json.loads(text).get("route") for text in said] == ["slow", "slow", None]
        assert re.fullmatch(error_frame("Too Many Requests"), said[2])
        assert socket.ask({"action": "other"}) == {"route": "$default"}
    client.update_stage(ApiId=api, StageName="prod", DefaultRouteSettings={
        "ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 0})
    # Without a route of its own a connection is not limited by the stage's.
    with Socket(node, api) as socket:
        socket.say({"action": "other"})
        assert re.fullmatch(error_frame("Too Many Requests"), socket.hear())


# --- who may connect ---


def test_a_functions_status_decides_whether_a_connection_is_opened(node, functions):
    waits = threading.Event()
    functions.functions |= {
        "connect": lambda event: {"statusCode": int(event["queryStringParameters"]["status"]), "body": "said",
                                  "headers": {"X-Mine": "1", "Turnpike-Join": "room"}},
        "throws": lambda event: Reply({"errorMessage": "no"}, error="Unhandled"),
        "nostatus": lambda event: {"body": "x"}, "slow": lambda event: waits.wait(20) and {"statusCode": 200},
    }
    api = make(node, {"$connect": function("connect", replies=False), "$default": NAMED})
    for status in (200, 201, 299):
        with Socket(node, api, query=f"?status={status}") as socket:
            opened = socket.connection.response
            assert (opened.status_code, opened.headers["X-Mine"]) == (101, "1")
            assert not {"turnpike-join", "content-type", "sec-websocket-extensions"} & {name.lower() for name in opened.headers}
            assert socket.ask("hello") == {"route": "$default"}
    for status in (301, 400, 401, 404, 501):
        found, headers, body = refused(node, api, f"?status={status}")
        assert (found, headers["X-Mine"], body) == (status, "1", "said")
        assert "Turnpike-Join" not in headers
    for name, status, more in [("throws", 502, {}), ("nostatus", 502, {}), ("slow", 504, {"TimeoutInMillis": 50}),
                               ("nobody-has-it", 500, {})]:
        api = make(node, {"$connect": function(name, replies=False, **more)})
        assert refused(node, api)[0] == status, name
    waits.set()


def test_other_integrations_decide_by_their_status(node, backend):
    for route, status in [
        (calling("HTTP_PROXY", f"http://{backend}/pets", replies=False), 101),
        (calling("HTTP_PROXY", f"http://{backend}/teapot", replies=False), 418),
        (calling("HTTP_PROXY", "http://127.0.0.1:1/", replies=False), 504),
        (calling("HTTP", f"http://{backend}/pets", [("$default", {})], replies=False), 101),
        (calling("HTTP", f"http://{backend}/teapot", [("$default", {})], replies=False), 418),
        (calling("HTTP", f"http://{backend}/pets", [("/4\\d\\d/", {})], replies=False), 500),
        (mock(), 101),
        ({"integration": {"IntegrationType": "MOCK", "TemplateSelectionExpression": "\\$default",
                          "RequestTemplates": {"$default": '{"statusCode": 403}'}},
          "responses": [{"IntegrationResponseKey": "$default", **template("no")}]}, 403),
        (mock("#set($context.responseOverride.status = 429)later") | {"replies": False}, 429),
        ({}, 101),
    ]:
        api = make(node, {"$connect": route, "$default": NAMED})
        if status == 101:
            with Socket(node, api) as socket:
                assert socket.ask("hello") == {"route": "$default"}
        else:
            assert refused(node, api)[0] == status, route


def test_the_function_chooses_the_subprotocol(node, functions):
    def choose(event):
        offered = event["headers"].get("Sec-WebSocket-Protocol", "").split(", ")
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b"} if "b" in offered else {}}

    functions.functions["choose"] = choose
    api = make(node, {"$connect": function("choose", replies=False)})
    with Socket(node, api, subprotocols=["a", "b"]) as socket:
        assert socket.connection.subprotocol == "b"
    with Socket(node, api, subprotocols=["a"]) as socket:
        assert socket.connection.subprotocol is None


def test_a_place_where_nothing_is_to_be_opened_is_refused(node):
    api = make(node, {"$default": NAMED})
    assert refused(node, api, "/below")[::2] == (403, '{"message":"Forbidden"}')
    assert refused(node, api, "s")[::2] == (403, '{"message":"Forbidden"}')
    assert refused(node, "unknown123")[::2] == (403, '{"message":"Forbidden"}')
    assert refused(node, api, "?q=" + "x" * 4096)[0] == 414
    plain = fetch(node.url(api, "prod"))
    assert (plain.status, plain.headers["Upgrade"]) == (426, "websocket")
    with Socket(node, api, query="/"):
        pass


def test_what_a_connection_requires_is_checked_first(node, functions):
    functions.functions["connect"] = lambda event: {"statusCode": 200}
    api = make(node, {"$connect": function("connect", replies=False) | {"RequestParameters": {
        "route.request.querystring.room": {"Required": True}, "route.request.header.X-Who": {"Required": True},
        "route.request.querystring.other": {"Required": False}}}})
    before = len(functions.of("connect"))
    status, _, body = refused(node, api, "?other=1")
    assert (status, json.loads(body)) == (400, {"message": "Missing required request parameters: [X-Who, room]"})
    assert len(functions.of("connect")) == before
    with Socket(node, api, query="?room=1", additional_headers={"X-Who": "me"}):
        pass


def test_connections_are_throttled(node):
    api = make(node, {"$connect": mock(), "$default": NAMED})
    node.client("apigatewayv2").update_stage(ApiId=api, StageName="prod", RouteSettings={
        "$connect": {"ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 1}})
    with Socket(node, api) as socket:
        assert refused(node, api)[::2] == (429, '{"message":"Too Many Requests"}')
        assert socket.ask("hello") == {"route": "$default"}


def policy(effect, resource="*"):
    return {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]}


def test_an_authorizer_is_asked_once_and_known_ever_after(node, functions):
    def asked(event):
        name = event["queryStringParameters"]["name"]
        if name == "nobody":
            return Reply({"errorMessage": "Unauthorized"}, error="Unhandled")
        if name == "broken":
            return Reply({"errorMessage": "other"}, error="Unhandled")
        if name == "nonsense":
            return {"principalId": "x"}
        if name == "too much":
            return {"principalId": name, "policyDocument": policy("Allow", event["methodArn"]), "context": {"s": "x" * 8192}}
        effect = "Deny" if name == "denied" else "Allow"
        resource = "arn:aws:execute-api:*:*:*/prod/other" if name == "elsewhere" else event["methodArn"]
        return {"principalId": name, "policyDocument": policy(effect, resource), "context": {"n": 5, "b": True, "s": "x"}}

    functions.functions |= {"asked": asked, "told": lambda event: {"statusCode": 200, "body": json.dumps(
        event["requestContext"]["authorizer"] | {"type": event["requestContext"]["eventType"]})}}
    api = make(node, {"$connect": function("told", replies=False), "$default": function("told"),
                      "$disconnect": function("told", replies=False),
                      "who": mock('{"who": "$context.authorizer.principalId", "n": "$context.authorizer.n"}')},
               authorizer=uri("asked"))
    before = len(functions.of("told"))
    denied = "User is not authorized to access this resource"
    for query, status, body in [
        ("", 401, {"message": "Unauthorized"}), ("?name=", 401, {"message": "Unauthorized"}),
        ("?name=nobody", 401, {"message": "Unauthorized"}),
        ("?name=denied", 403, {"Message": f"{denied} with an explicit deny"}),
        ("?name=elsewhere", 403, {"Message": denied}),
        ("?name=broken", 500, {"message": None}), ("?name=nonsense", 500, {"message": None}),
        # AWS's quota: a connection keeps what is said, so that is 8 KB at most.
        ("?name=too%20much", 500, {"message": None}),
    ]:
        found, headers, text = refused(node, api, query)
        assert (found, json.loads(text)) == (status, body), query
        if status == 403:
            assert headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert len(functions.of("told")) == before
    count = len(functions.of("asked"))
    with Socket(node, api, query="?name=ada") as socket:
        for _ in range(2):
            said = socket.ask({"action": "x"})
            assert isinstance(said.pop("integrationLatency"), int)
            assert said == {"principalId": "ada", "n": "5", "b": "true", "s": "x", "type": "MESSAGE"}
        assert socket.ask({"action": "who"}) == {"who": "ada", "n": "5"}
    assert len(functions.of("asked")) == count + 1
    ended = eventually(lambda: [call for call in functions.of("told") if b"DISCONNECT" in call.payload])
    assert json.loads(ended[-1].payload)["requestContext"]["authorizer"]["principalId"] == "ada"
    # Its answer is not kept.
    with Socket(node, api, query="?name=ada"):
        assert len(functions.of("asked")) == count + 2


def test_signatures_are_asked_for_and_not_checked_yet(node):
    api = make(node, {"$connect": mock() | {"AuthorizationType": "AWS_IAM"}})
    status, headers, body = refused(node, api)
    assert (status, body) == (403, '{"message":"Missing Authentication Token"}')
    assert headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    for signed in ({"query": "?X-Amz-Signature=0"}, {"additional_headers": {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}}):
        assert refused(node, api, **signed)[0] == 403


def test_a_connection_may_need_an_api_key(node, functions):
    gateway = node.client()
    key = gateway.create_api_key(name="sockets", enabled=True)

    def planned(api):
        plan = gateway.create_usage_plan(name="sockets", quota={"limit": 2, "period": "MONTH"},
                                         apiStages=[{"apiId": api, "stage": "prod"}])
        gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")

    functions.functions["keys"] = lambda event: {"statusCode": 200, "body": json.dumps(event["requestContext"]["identity"])}
    api = make(node, {"$connect": function("keys", replies=False) | {"ApiKeyRequired": True}, "$default": function("keys")})
    planned(api)
    for headers in ({}, {"x-api-key": "unknown"}):
        assert refused(node, api, additional_headers=headers)[::2] == (403, '{"message":"Forbidden"}')
    shown = {"additional_headers": {"X-Api-Key": key["value"]}}
    for _ in range(2):
        with Socket(node, api, **shown) as socket:
            said = socket.ask("hello")
            assert (said["apiKey"], said["apiKeyId"], said["sourceIp"]) == (key["value"], key["id"], "127.0.0.1")
    assert refused(node, api, **shown)[::2] == (429, '{"message":"Limit Exceeded"}')
    # By the authorizer, for browsers can't say what fields they send.
    functions.functions["giver"] = lambda event: {
        "principalId": "x", "policyDocument": policy("Allow"), "usageIdentifierKey": event["queryStringParameters"]["name"]}
    api = make(node, {"$connect": {"ApiKeyRequired": True}, "$default": NAMED}, authorizer=uri("giver"),
               ApiKeySelectionExpression="$context.authorizer.usageIdentifierKey")
    planned(api)
    assert refused(node, api, "?name=other", **shown)[::2] == (403, '{"message":"Forbidden"}')
    with Socket(node, api, query=f"?name={key['value']}") as socket:
        assert socket.ask("hello") == {"route": "$default"}


def test_a_route_for_messages_may_need_an_api_key(node, functions):
    """The key is shown when the connection is made; each message counts, and what is refused is told in a frame."""
    gateway = node.client()
    key, other = [gateway.create_api_key(name=name, enabled=True) for name in ("messages", "elsewhere")]
    api = make(node, {"paid": NAMED | {"ApiKeyRequired": True}, "$default": NAMED})
    plan = gateway.create_usage_plan(name="messages", quota={"limit": 3, "period": "MONTH"}, apiStages=[{"apiId": api, "stage": "prod"}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    for headers in ({}, {"x-api-key": "unknown"}, {"x-api-key": other["value"]}):
        with Socket(node, api, additional_headers=headers) as socket:
            for _ in range(2):
                socket.say({"action": "paid"})
                assert re.fullmatch(error_frame("Forbidden"), socket.hear())
                assert socket.ask({"action": "free"}) == {"route": "$default"}
    with Socket(node, api, additional_headers={"X-Api-Key": key["value"]}) as socket:
        for _ in range(3):
            assert socket.ask({"action": "free"}) == {"route": "$default"}
            assert socket.ask({"action": "paid"}) == {"route": "paid"}
        socket.say({"action": "paid"})
        assert re.fullmatch(error_frame("Limit Exceeded"), socket.hear())
        # What is changed of key and plan counts for connections that there are.
        patch = lambda path, value: [{"op": "replace", "path": path, "value": value}]
        gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=patch("/quota/limit", "100"))
        assert socket.ask({"action": "paid"}) == {"route": "paid"}
        gateway.update_api_key(apiKey=key["id"], patchOperations=patch("/enabled", "false"))
        socket.say({"action": "paid"})
        assert re.fullmatch(error_frame("Forbidden"), socket.hear())
        assert socket.ask({"action": "free"}) == {"route": "$default"}
        gateway.update_api_key(apiKey=key["id"], patchOperations=patch("/enabled", "true"))
        assert socket.ask({"action": "paid"}) == {"route": "paid"}
    slow = gateway.create_usage_plan(
        name="slow", throttle={"rateLimit": 0.001, "burstLimit": 1}, apiStages=[{"apiId": api, "stage": "prod"}])
    gateway.create_usage_plan_key(usagePlanId=slow["id"], keyId=other["id"], keyType="API_KEY")
    with Socket(node, api, additional_headers={"X-Api-Key": other["value"]}) as socket:
        assert socket.ask({"action": "paid"}) == {"route": "paid"}
        socket.say({"action": "paid"})
        assert re.fullmatch(error_frame("Too Many Requests"), socket.hear())
        assert socket.ask({"action": "free"}) == {"route": "$default"}


# --- what functions are told ---


def signs(payload, api):
    """An event with signs for what differs from one to the next."""
    text = payload.decode().replace(api, "API")
    for pattern, sign in [
        (rf'"(connectionId|requestId|extendedRequestId|messageId)":"{ID}"', r'"\1":"ID"'), (r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "TRACE"),
        (r'"X-Forwarded-Port":(\[?)"\d+"', r'"X-Forwarded-Port":\1"PORT"'), (r'"Sec-WebSocket-Key":(\[?)"[^"]{24}"', r'"Sec-WebSocket-Key":\1"KEY"'),
        (r'"requestTime":"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"', '"requestTime":"TIME"'),
        (r'"(requestTimeEpoch|connectedAt)":\d{13}', r'"\1":EPOCH'), (r'"Host":(\[?)"127.0.0.1:\d+"', r'"Host":\1"HOST"'),
        (r'"integrationLatency":\d+', '"integrationLatency":0'),
    ]:
        text = re.sub(pattern, sign, text)
    return text


def test_functions_are_told_as_aws_tells_them(node, functions):
    functions.functions["events"] = lambda event: {"statusCode": 200}
    functions.functions["asks"] = lambda event: {"principalId": "p", "policyDocument": policy("Allow"), "context": {"k": "v"}}
    told = {key: function("events", replies=False) for key in ("$connect", "$disconnect", "$default")}
    api = make(node, told, authorizer=uri("asks"))
    options = {"user_agent_header": "an agent", "compression": None, "additional_headers": {"X-Twice": "1"}}
    with Socket(node, api, query="?name=a&name=b%20c&e=", **options) as socket:
        socket.say('{"action":"x","text":"grüße"}')
        eventually(lambda: len(functions.of("events")) >= 2)
        socket.close(4001, "enough")
    connect, message, disconnect = eventually(lambda: len(functions.of("events")) >= 3 and functions.of("events")[-3:])

    def fields(names, several):
        values = {"Host": "HOST", "Sec-WebSocket-Key": "KEY", "Sec-WebSocket-Version": "13", "User-Agent": "an agent",
                  "X-Amzn-Trace-Id": "TRACE", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "PORT",
                  "X-Forwarded-Proto": "http", "X-Twice": "1", "Connection": "upgrade", "Upgrade": "websocket",
                  "content-length": "0"}
        return ",".join(f'"{name}":["{values[name]}"]' if several else f'"{name}":"{values[name]}"' for name in names)

    names = ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "User-Agent", "X-Amzn-Trace-Id", "X-Forwarded-For",
             "X-Forwarded-Port", "X-Forwarded-Proto", "X-Twice"]
    query = ('"queryStringParameters":{"name":"b c","e":""},"multiValueQueryStringParameters":{"name":["a","b c"],"e":[""]},')
    authorizer = '"authorizer":{"principalId":"p","integrationLatency":0,"k":"v"},'

    def context(route, kind, before="", message="", reason="", authorizer=authorizer):
        return (
            f'"requestContext":{{"routeKey":"{route}",{before}{authorizer}{message}"eventType":"{kind}","extendedRequestId":"ID",'
            f'"requestTime":"TIME","messageDirection":"IN",{reason}"stage":"prod","connectedAt":EPOCH,"requestTimeEpoch":EPOCH,'
            '"identity":{"userAgent":"an agent","sourceIp":"127.0.0.1"},"requestId":"ID","domainName":"127.0.0.1",'
            '"connectionId":"ID","apiId":"API"}'
        )

    assert signs(connect.payload, api) == (
        f'{{"headers":{{{fields(names, False)}}},"multiValueHeaders":{{{fields(names, True)}}},{query}'
        + context("$connect", "CONNECT") + ',"isBase64Encoded":false}')
    assert signs(message.payload, api) == (
        "{" + context("$default", "MESSAGE", message='"messageId":"ID",')
        + ',"body":"{\\"action\\":\\"x\\",\\"text\\":\\"grüße\\"}","isBase64Encoded":false}')
    assert signs(disconnect.payload, api) == (
        '{"headers":{"Host":"127.0.0.1","x-api-key":"","X-Forwarded-For":"","x-restapi":""},'
        '"multiValueHeaders":{"Host":["127.0.0.1"],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},'
        + context("$disconnect", "DISCONNECT", before='"disconnectStatusCode":4001,', reason='"disconnectReason":"enough",')
        + ',"isBase64Encoded":false}')
    asked = functions.of("asks")[-1]
    arn_of = f"arn:aws:execute-api:us-east-1:000000000000:{api}/prod/$connect"
    names = sorted([*names, "Connection", "Upgrade", "content-length"], key=str.lower)
    assert signs(asked.payload, "nothing") == (
        f'{{"type":"REQUEST","methodArn":"{arn_of}","headers":{{{fields(names, False)}}},'
        f'"multiValueHeaders":{{{fields(names, True)}}},{query}"stageVariables":{{}},'
        + context("$connect", "CONNECT", authorizer="").replace("API", api) + "}")
    assert connect.headers["X-Amz-Source-Arn"] == arn_of
    assert message.headers["X-Amz-Source-Arn"] == arn_of.replace("$connect", "$default")
    ids = [json.loads(call.payload)["requestContext"] for call in (connect, message, disconnect)]
    assert len({one["connectionId"] for one in ids}) == len({one["connectedAt"] for one in ids}) == 1
    assert len({one["requestId"] for one in ids}) == 3 and all(one["requestId"] == one["extendedRequestId"] for one in ids)


def test_stage_variables_are_told_and_filled_in(node, functions):
    functions.functions["told"] = lambda event: {"statusCode": 200, "body": json.dumps(event.get("stageVariables"))}
    api = make(node, {"$default": calling("AWS_PROXY", uri("told").replace("function:told", "function:${stageVariables.name}"))})
    node.client("apigatewayv2").update_stage(ApiId=api, StageName="prod", StageVariables={"name": "told", "v": "1"})
    with Socket(node, api) as socket:
        assert socket.ask("x") == {"name": "told", "v": "1"}


def test_a_functions_answer_is_sent_back_where_the_route_replies(node, functions):
    functions.functions["answers"] = lambda event: json.loads(event["body"])["answer"]
    encoded = base64.b64encode("grüße".encode()).decode()
    api = make(node, {"two": function("answers"), "one": function("answers", replies=False), "$default": NAMED})
    with Socket(node, api) as socket:
        for answer, expected in [
            ({"statusCode": 200, "body": "x"}, "x"), ({"statusCode": 500, "body": "as it is"}, "as it is"),
            ({"statusCode": 200, "body": encoded, "isBase64Encoded": True}, "grüße"),
        ]:
            socket.say({"action": "two", "answer": answer})
            assert socket.hear() == expected
        # Nothing to say is not said, and what nobody waits for is not either.
        for action, answer in [("two", {"statusCode": 200}), ("one", {"statusCode": 200, "body": "x"}), ("one", {"statusCode": 501})]:
            socket.say({"action": action, "answer": answer})
        assert socket.ask({"action": "other"}) == {"route": "$default"}


def test_what_is_to_be_bytes_is_decoded(node, functions, backend):
    functions.functions["told"] = lambda event: {"statusCode": 200, "body": json.dumps([event["body"], event["isBase64Encoded"]])}
    binary = {"ContentHandlingStrategy": "CONVERT_TO_BINARY"}
    text = {"ContentHandlingStrategy": "CONVERT_TO_TEXT"}
    api = make(node, {"$default": function("told", **binary)})
    encoded = base64.b64encode(b"\xff\x00").decode()
    with Socket(node, api) as socket:
        assert socket.ask(encoded) == [encoded, True]
        socket.say("no base64!")
        assert re.fullmatch(error_frame("Internal server error"), socket.hear())
    api = make(node, {"$default": calling("HTTP", f"http://{backend}/say", [("$default", text)], **binary)})
    with Socket(node, api) as socket:
        # The backend gets bytes and says them, and they come back as text.
        socket.say(encoded)
        assert socket.hear() == encoded


def test_an_answer_is_bytes_only_where_it_says_so(functions, backend, tmp_path):
    """Where the node takes binary messages: what merely looks like base64 is text."""
    functions.functions["answers"] = lambda event: {"statusCode": 200, **json.loads(event["body"])["answer"]}
    functions.functions["told"] = lambda event: {"statusCode": 200, "body": json.dumps([event["body"], event["isBase64Encoded"]])}
    functions.functions["echo"] = lambda event: {name: event[name] for name in ("body", "isBase64Encoded")} | {"statusCode": 200}
    said = {"IntegrationType": "HTTP", "IntegrationMethod": "POST", "IntegrationUri": f"http://{backend}/say"}
    bytes_ = {"ContentHandlingStrategy": "CONVERT_TO_BINARY"}
    typed = lambda kind: {"RequestParameters": {"integration.request.header.x-type": f"'{kind}'"}}
    routes = {
        "answers": function("answers"),
        "template": {"integration": said, "responses": [{"IntegrationResponseKey": "$default", **template("ZG9uZQ=="), **bytes_}], "replies": True},
        "no template": {"integration": said, "responses": [{"IntegrationResponseKey": "$default"}], "replies": True},
        "octets": calling("HTTP_PROXY", f"http://{backend}/say", **typed("application/octet-stream; x=y")),
        "json": calling("HTTP_PROXY", f"http://{backend}/say", **typed("application/json")),
        "context": mock("$context.isBase64Encoded"),
    }
    environment = {"TURNPIKE_WEBSOCKET_BINARY": "base64", "AWS_ENDPOINT_URL_LAMBDA": functions.url,
                   "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-told"}
    with nodes(tmp_path, 1, lambda number: {"environment": environment}) as (node,):
        api = make(node, routes)
        with Socket(node, api) as socket:
            for message, expected in [
                ({"action": "answers", "answer": {"body": "done"}}, "done"),
                ({"action": "answers", "answer": {"body": "ZG9uZQ=="}}, "ZG9uZQ=="),
                ({"action": "answers", "answer": {"body": "ZG9uZQ==", "isBase64Encoded": True}}, b"done"),
                ({"action": "answers", "answer": {"body": "/wA=", "isBase64Encoded": True}}, b"\xff\x00"),
                ({"action": "template"}, b"done"),
                ({"action": "no template"}, '{"action": "no template"}'),
                ({"action": "octets"}, b'{"action": "octets"}'),
                ({"action": "json"}, '{"action": "json"}'),
                ({"action": "context"}, "false"),
            ]:
                socket.say(message)
                assert socket.hear() == expected, message
            socket.say({"action": "answers", "answer": {"body": "no base64!", "isBase64Encoded": True}})
            assert re.fullmatch(error_frame("Internal server error"), socket.hear())
        encoded = base64.b64encode(b"\xff\x00").decode()
        for route, expected in [
            (function("told"), f'["{encoded}", true]'), (function("echo"), b"\xff\x00"), (mock("$context.isBase64Encoded"), "true"),
            (calling("HTTP_PROXY", f"http://{backend}/say", **typed("text/plain")), encoded),
        ]:
            with Socket(node, make(node, {"$default": route})) as socket:
                socket.say(b"\xff\x00")
                assert socket.hear() == expected


# --- other integrations ---


def test_an_http_backend_is_told_what_is_mapped(node, backend):
    mapped = {"integration.request.header.connectionId": "context.connectionId",
              "integration.request.header.room": "route.request.body.room",
              "integration.request.querystring.fixed": "'x y'", "integration.request.header.v": "stageVariables.v"}
    api = make(node, {"$default": calling("HTTP_PROXY", f"http://{backend}/echo", RequestParameters=mapped), "me": mock('{"me": "$context.connectionId"}')})
    node.client("apigatewayv2").update_stage(ApiId=api, StageName="prod", StageVariables={"v": "1"})
    with Socket(node, api, query="?secret=1", additional_headers={"X-Secret": "1"}) as socket:
        said = socket.ask({"action": "x", "room": "kitchen"})
        headers = {name.lower(): value for name, value in said["headers"].items()}
        assert (said["method"], said["path"]) == ("POST", "/echo?fixed=x%20y")
        assert json.loads(said["body"]) == {"action": "x", "room": "kitchen"}
        assert (headers["connectionid"], headers["room"], headers["v"]) == ([socket.id], ["kitchen"], ["1"])
        assert "x-secret" not in headers and headers["x-amzn-apigateway-api-id"] == [api]


def test_connect_tells_a_backend_of_the_request(node, backend):
    parameters = {"route.request.querystring.room": {"Required": False}, "route.request.header.X-Who": {"Required": False}}
    mapped = {"integration.request.header.room": "route.request.querystring.room",
              "integration.request.header.who": "route.request.header.X-Who",
              "integration.request.header.ip": "context.identity.sourceIp"}
    # What the backend was told comes back as a header field of the answer that opens the connection.
    route = calling("HTTP", f"http://{backend}/echo", [("$default", {"ResponseParameters": {
        "integrationresponse.header.x-told": "integration.response.body.headers"}})], replies=False, RequestParameters=mapped)
    api = make(node, {"$connect": route | {"RequestParameters": parameters}})
    with Socket(node, api, query="?room=kitchen", additional_headers={"X-Who": "me"}) as socket:
        told = {name.lower(): value for name, value in json.loads(socket.connection.response.headers["x-told"]).items()}
        assert (told["room"], told["who"], told["ip"]) == (["kitchen"], ["me"], ["127.0.0.1"])


def test_templates_and_answers_are_chosen_by_expressions(node, backend):
    templates = {"text": '{"said": $input.json(\'$.text\'), "by": "$context.connectionId"}', "$default": '{"other": true}'}
    responses = [
        ("/4\\d\\d/", template('{"wrong": "$input.path(\'$.path\')"}')),
        ("$default", {"TemplateSelectionExpression": "${integration.response.statuscode}",
                      "ResponseTemplates": {"200": "fine: $input.path('$.body')", "$default": "odd"}}),
    ]
    chosen = {"RequestTemplates": templates, "TemplateSelectionExpression": "${request.body.kind}"}
    api = make(node, {"$default": calling("HTTP", f"http://{backend}/echo", responses, **chosen),
                      "tea": calling("HTTP", f"http://{backend}/teapot", responses), "me": mock('{"me": "$context.connectionId"}')})
    with Socket(node, api) as socket:
        for message, expected in [
            ({"kind": "text", "text": 'say "x"'}, f'fine: {{"said": "say \\"x\\"", "by": "{socket.id}"}}'),
            ({"kind": "TEXT"}, 'fine: {"other": true}'),
            ("no json", 'fine: {"other": true}'),
            ({"action": "tea"}, '{"wrong": "/teapot"}'),
        ]:
            socket.say(message)
            assert socket.hear() == expected, message


def test_the_message_of_a_functions_error_chooses_the_answer(node, functions):
    def fails(event):
        said = event["said"]
        return Reply({"errorMessage": said, "errorType": "E"}, error="Unhandled") if said else {"fine": event}

    functions.functions["fails"] = fails
    request = {"RequestTemplates": {"$default": '{"said": $input.json(\'$.said\'), "id": "$context.messageId"}'},
               "TemplateSelectionExpression": "\\$default"}
    responses = [("/.*timeout.*/", template("late")), ("/no [a-z]+/", template("refused: $input.path('$.errorMessage')")),
                 ("$default", template("$input.json('$.fine.said')"))]
    api = make(node, {"$default": calling("AWS", uri("fails"), responses, **request)})
    with Socket(node, api) as socket:
        for said, expected in [("", '""'), ("a timeout it was", "late"), ("no way", "refused: no way")]:
            socket.say({"said": said})
            assert socket.hear() == expected, said


def test_aws_services_are_called(node, moto):
    aws = lambda service: boto3.client(service, endpoint_url=moto, region_name="us-east-1",
                                       aws_access_key_id="AKIDTEST", aws_secret_access_key="any")
    aws("dynamodb").create_table(
        TableName="connections", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    queue = aws("sqs").create_queue(QueueName="messages")["QueueUrl"]
    row = '{"TableName": "connections", "%s": {"id": {"S": "$context.connectionId"}}}'
    service = lambda tail, text, **more: calling(
        "AWS", f"arn:aws:apigateway:us-east-1:{tail}", CredentialsArn=ROLE, RequestTemplates={"$default": text},
        TemplateSelectionExpression="\\$default", **more)
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    api = make(node, {
        "$connect": service("dynamodb:action/PutItem", row % "Item", responses=[("$default", {})], replies=False),
        # Where nobody waits for an answer, none need be described.
        "$disconnect": service("dynamodb:action/DeleteItem", row % "Key", replies=False),
        "queue": service("sqs:path/123456789012/messages", "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
                         replies=False, RequestParameters=form),
        "wrong": service("dynamodb:action/PutItem", '{"TableName": "none", "Item": {"id": {"S": "x"}}}', responses=[
            ("/4\\d\\d/", template("refused")), ("$default", template("taken"))]),
        "me": mock('{"me": "$context.connectionId"}'),
    })
    there = lambda: aws("dynamodb").scan(TableName="connections")["Items"]
    with Socket(node, api) as socket:
        assert there() == [{"id": {"S": socket.id}}]
        socket.say({"action": "queue", "text": "a&b"})
        received = eventually(lambda: aws("sqs").receive_message(QueueUrl=queue).get("Messages"))
        assert json.loads(received[0]["Body"]) == {"action": "queue", "text": "a&b"}
        socket.say({"action": "wrong"})
        assert socket.hear() == "refused"
    eventually(lambda: there() == [], what="the end of the connection in the table")


def test_a_mock_may_say_what_it_heard(node):
    heard = {"IntegrationType": "MOCK", "TemplateSelectionExpression": "\\$default", "RequestTemplates": {
        "$default": '#set($context.requestOverride.path.heard = $input.body){"statusCode": 200}'}}
    says = [{"IntegrationResponseKey": "$default", **template("$context.requestOverride.path.heard")}]
    api = make(node, {"$default": {"integration": heard, "responses": says, "replies": True}})
    with Socket(node, api) as socket:
        for message in ("x", '{"a": [1, 2]}', "grüße", "y" * 30_000):
            socket.say(message)
            assert socket.hear() == message


# --- what is to be seen ---


def test_events_are_counted_logged_and_told(node, functions):
    functions.functions["fails"] = lambda event: {"statusCode": 500}
    api = make(node, {"$connect": mock(), "$default": NAMED, "fails": function("fails"), "broken": mock("#if(true)"),
                      "$disconnect": mock()})
    form = " ".join(f"$context.{name}" for name in (
        "requestId", "connectionId", "eventType", "routeKey", "status", "messageId", "error.message", "integration.status",
        "responseLength"))
    node.client("apigatewayv2").update_stage(
        ApiId=api, StageName="prod", AccessLogSettings={"DestinationArn": DESTINATION, "Format": form},
        DefaultRouteSettings={"LoggingLevel": "ERROR"}, RouteSettings={
            "$default": {"DataTraceEnabled": True, "LoggingLevel": "INFO"}})
    with Socket(node, api) as socket:
        assert socket.ask({"action": "x"}) == {"route": "$default"}
        socket.say({"action": "fails"})
        broken = socket.ask({"action": "broken"})
    me = broken["connectionId"]
    eventually(lambda: len(accesses(node, me)) == 5, what="a line for each event")
    lines = [line.split(" ") for line in accesses(node, me)]
    by_route = {line[3]: line for line in lines}
    assert by_route["$connect"][2:6] == ["CONNECT", "$connect", "200", "-"]
    assert by_route["$default"][2:5] == ["MESSAGE", "$default", "200"] and re.fullmatch(ID, by_route["$default"][5])
    assert by_route["$default"][6:] == ["-", "-", str(len('{"route": "$default"}'))]
    assert by_route["fails"][7] == "500"
    assert by_route["broken"][0] == broken["requestId"] and by_route["broken"][4] == "500"
    assert by_route["$disconnect"][2:5] == ["DISCONNECT", "$disconnect", "200"]
    figures = node.figures()
    count = lambda route, metric: figures.get(
        f'turnpike_websocket_events_total{{api="{api}",stage="prod",route="{route}",metric="{metric}"}}', "0")
    assert count("$connect", "ConnectCount") == "1"
    assert (count("$default", "MessageCount"), count("$default", "ExecutionError")) == ("2", "0")
    bytes_of = lambda direction: figures[
        f'turnpike_websocket_message_bytes_total{{api="{api}",stage="prod",route="$default",direction="{direction}"}}']
    assert (bytes_of("in"), bytes_of("out")) == (str(len('{"action": "x"}')), str(len('{"route": "$default"}')))
    assert (count("fails", "IntegrationError"), count("broken", "ExecutionError")) == ("1", "1")
    # The story of what failed is told, without the data that nobody wanted to be seen.
    told = json.loads(explain(node, broken["requestId"], "--output", "json").stdout)["story"]
    assert (told["verb"], told["path"], told["status"]) == ("MESSAGE", "broken", 500)
    assert "WebSocket Request Route: [broken]" in told["log"]
    assert not any("body" in line for line in told["log"])
    assert {step["phase"]: step["decision"] for step in told["phases"]}["route"] == "route broken"
    told = json.loads(explain(node, by_route["$default"][0], "--output", "json").stdout)["story"]
    assert 'Method request body before transformations: {"action": "x"}' in told["log"]
    assert f"Client [Connection Id: {me}] sent message to [{api}] WebSocket API." in told["log"]
    assert told["phases"][1]["decision"] == '"x" selects route $default'
    assert explain(node, by_route["fails"][0]).returncode == 1


def test_who_is_refused_is_told_by_which_id_to_ask(node):
    api = make(node, {"$connect": mock("no") | {"replies": False, "ApiKeyRequired": True}})
    form = "$context.requestId $context.eventType $context.status $context.error.responseType"
    node.client("apigatewayv2").update_stage(
        ApiId=api, StageName="prod", AccessLogSettings={"DestinationArn": DESTINATION, "Format": form},
        DefaultRouteSettings={"LoggingLevel": "INFO"})
    status, headers, _ = refused(node, api)
    shown = headers["x-amzn-RequestId"]
    assert (status, shown) == (403, headers["x-amz-apigw-id"]) and re.fullmatch(ID, shown)
    told = json.loads(explain(node, shown, "--output", "json").stdout)["story"]
    assert (told["verb"], told["path"], told["refusal"]["responseType"]) == ("CONNECT", "$connect", "INVALID_API_KEY")
    needs = f"not authorized because route '$connect' requires API Key and API Key is not associated with a Usage Plan for API Stage {api}/prod"
    assert any(needs in line for line in told["log"])
    assert accesses(node, shown) == [f"{shown} CONNECT 403 INVALID_API_KEY"]


# --- by other names ---


def at_host(node, target):
    """A connection to a host that the node goes by; `target` is host and path."""
    there = socket_module.create_connection((node.host, node.ports["gateway"]))
    return connect(f"ws://{target}", sock=there, open_timeout=20, close_timeout=5)


def test_a_connection_is_made_by_host_and_by_domain_name(node, functions):
    functions.functions["where"] = lambda event: {"statusCode": 200, "body": event["requestContext"]["domainName"]}
    api = make(node, {"$default": function("where")})
    client = node.client("apigatewayv2")
    name = "sockets.example.com"
    client.create_domain_name(DomainName=name, DomainNameConfigurations=[
        {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}])
    client.create_api_mapping(DomainName=name, ApiId=api, Stage="prod", ApiMappingKey="chat")
    host = f"{api}.execute-api.localhost"
    for target, domain in [(f"{host}/prod", host), (f"{host}/prod/?a=b", host), (f"{name}/chat", name), (f"{name}/chat?a=b", name)]:
        with at_host(node, target) as socket:
            socket.send("hello")
            assert socket.recv(timeout=20) == domain, target
    for target in (f"{name}/other", f"{name}/chat/below", f"{host}/other"):
        with pytest.raises(InvalidStatus) as caught:
            at_host(node, target)
        assert caught.value.response.status_code == 403, target
    # Only the domain name is left.
    client.update_api(ApiId=api, DisableExecuteApiEndpoint=True)
    client.create_deployment(ApiId=api, StageName="prod")
    with pytest.raises(InvalidStatus) as caught:
        at_host(node, f"{host}/prod")
    assert (caught.value.response.status_code, caught.value.response.body) == (403, b'{"message":"Forbidden"}')
    with at_host(node, f"{name}/chat") as socket:
        socket.send("hello")
        assert socket.recv(timeout=20) == name


# --- functions that the node runs itself ---

ROOMS = {"app.py": """
def handler(event, context):
    asked = event["requestContext"]
    if asked["eventType"] == "CONNECT":
        name = event.get("queryStringParameters", {}).get("name")
        return {"statusCode": 200 if name else 400, "headers": {"Turnpike-Join": "everybody"}}
    return {"statusCode": 200, "body": asked["routeKey"] + " " + event["body"]}
"""}


def test_functions_of_the_node_itself_are_routes(tmp_path):
    with nodes(tmp_path, 1, lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on"}}) as started:
        node = started[0]
        client = node.client("lambda")
        made = make_function(client, "rooms", ROOMS)
        # Nobody may call a function whose policy doesn't say so.
        api = make(node, {"$connect": function("rooms", replies=False), "$default": function("rooms")})
        assert refused(node, api, "?name=ada")[0] == 500
        client.add_permission(
            FunctionName="rooms", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api}/*/$connect")
        assert refused(node, api)[0] == 400
        with Socket(node, api, query="?name=ada") as socket:
            socket.say("hello")
            assert re.fullmatch(error_frame("Internal server error"), socket.hear())
            client.add_permission(
                FunctionName=made["FunctionArn"], StatementId="all", Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api}/*")
            socket.say("hello")
            assert socket.hear() == "$default hello"


def test_a_node_that_starts_again_serves_what_it_served(tmp_path):
    with nodes(tmp_path, 1) as started:
        node = started[0]
        api = make(node, {"$default": NAMED})
        assert node.stop() == 0
        node.start().wait_ready()
        with Socket(node, api) as socket:
            assert socket.ask("hello") == {"route": "$default"}
        node.client("apigatewayv2").delete_stage(ApiId=api, StageName="prod")
        assert refused(node, api)[0] == 403
