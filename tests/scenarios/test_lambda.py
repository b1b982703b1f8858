"""Functions that get the whole request: the event to the byte, what may be answered, and everything that can fail."""

import base64
import http.client
import json
import re
import threading

import pytest

from conftest import fetch, nodes, serve
from lambda_api import Lambda, Reply, Stream, arn, proxy, uri
from test_explain import story
from test_invocations import CONFIGURATION, INTERNAL, invoke, told

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def functions():
    lambda_ = Lambda()
    yield lambda_
    lambda_.close()


@pytest.fixture(scope="module")
def node(functions, tmp_path_factory):
    environment = {
        "AWS_ENDPOINT_URL_LAMBDA": functions.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-told",
    }
    with nodes(tmp_path_factory.mktemp("lambda"), 1, lambda number: {"environment": environment}) as started:
        yield started[0]


def say(functions, name, answer):
    functions.functions[name] = lambda event: answer


def send(node, host, target, headers, body=None, method="GET"):
    """A request with exactly these header fields, in this order, and a host."""
    connection = http.client.HTTPConnection(node.address("gateway"), timeout=30)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in [("Host", host), *headers]:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer, answer.read()


def plain(payload, api):
    """An event with signs for what differs from one request to the next."""
    text = payload.decode().replace(api, "API")
    for pattern, sign in [
        (UUID, "ID"), (r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "TRACE"), (r'"X-Forwarded-Port":"\d+"', '"X-Forwarded-Port":"PORT"'),
        (r'"X-Forwarded-Port":\["\d+"\]', '"X-Forwarded-Port":["PORT"]'), (r'"resourceId":"[a-z0-9]+"', '"resourceId":"RES"'),
        (r'"extendedRequestId":"[^"]{15}="', '"extendedRequestId":"EXT"'), (r'"deploymentId":"[a-z0-9]+"', '"deploymentId":"DEP"'),
        (r'"requestTime":"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"', '"requestTime":"TIME"'),
        (r'"requestTimeEpoch":\d{13}', '"requestTimeEpoch":EPOCH'),
    ]:
        text = re.sub(pattern, sign, text)
    return text


IDENTITY = (
    '"identity":{"cognitoIdentityPoolId":null,"accountId":null,"cognitoIdentityId":null,"caller":null,'
    '"sourceIp":"127.0.0.1","principalOrgId":null,"accessKey":null,"cognitoAuthenticationType":null,'
    '"cognitoAuthenticationProvider":null,"userArn":null,"userAgent":%s,"user":null}'
)


def context(verb, resource, path, agent):
    return (
        f'"requestContext":{{"resourceId":"RES","resourcePath":"{resource}","httpMethod":"{verb}","extendedRequestId":"EXT",'
        f'"requestTime":"TIME","path":"{path}","accountId":"000000000000","protocol":"HTTP/1.1","stage":"prod",'
        '"domainPrefix":"API","requestTimeEpoch":EPOCH,"requestId":"ID",' + IDENTITY % agent +
        ',"domainName":"API.execute-api.localhost","deploymentId":"DEP","apiId":"API"}'
    )


def test_events_are_awss_to_the_byte(node, functions):
    say(functions, "event", {"statusCode": 200})
    url = serve(node, {"/pets/{id}/{proxy+}": {"x-amazon-apigateway-any-method": (proxy("event"), {})},
                       "/": {"GET": (proxy("event"), {})}}, **{"x-amazon-apigateway-binary-media-types": ["image/*"]})
    api = url("").split("/")[-2]
    host = f"{api}.execute-api.localhost:1234"
    answer, _ = send(node, host, "/prod/", [])
    assert answer.status == 200 and re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", answer.headers["X-Amzn-Trace-Id"])
    forwarded = ('"X-Amzn-Trace-Id":"TRACE","X-Forwarded-For":"127.0.0.1","X-Forwarded-Port":"PORT","X-Forwarded-Proto":"http"')
    several = forwarded.replace('":"', '":["').replace('","', '"],"') + "]"
    seen = functions.of("event")[-1]
    assert plain(seen.payload, api) == (
        '{"resource":"/","path":"/","httpMethod":"GET",'
        f'"headers":{{"Host":"API.execute-api.localhost:1234",{forwarded}}},'
        f'"multiValueHeaders":{{"Host":["API.execute-api.localhost:1234"],{several}}},'
        '"queryStringParameters":null,"multiValueQueryStringParameters":null,"pathParameters":null,"stageVariables":null,'
        + context("GET", "/", "/prod/", "null") + ',"body":null,"isBase64Encoded":false}'
    )
    headers = [
        ("x-twice", "1"), ("accept", "*/*"), ("X-Twice", "2"), ("User-Agent", "me"), ("Connection", "keep-alive"), ("Via", "1.1 x"),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=x"), ("X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=1"),
        ("X-Forwarded-For", "10.0.0.1"), ("Content-Type", "text/plain"),
    ]
    send(node, host, "/prod/pets/a%2Bb/c//d/?q=1&q=x%20y+z&e=&f", headers, "grüße".encode(), "POST")
    headers = (
        '"Accept":[["*/*"]],"Content-Type":[["text/plain"]],"Host":[["API.execute-api.localhost:1234"]],"User-Agent":[["me"]],'
        '"Via":[["1.1 x"]],"X-Amzn-Trace-Id":[["TRACE;Sampled=1"]],"X-Forwarded-For":[["10.0.0.1, 127.0.0.1"]],'
        '"X-Forwarded-Port":[["PORT"]],"X-Forwarded-Proto":[["http"]],"X-Twice":[["1","2"]]'
    )
    assert plain(functions.of("event")[-1].payload, api) == (
        '{"resource":"/pets/{id}/{proxy+}","path":"/pets/a%2Bb/c//d/","httpMethod":"POST",'
        '"headers":{' + headers.replace('[["1","2"]]', '[["2"]]').replace("[[", "").replace("]]", "") + "},"
        '"multiValueHeaders":{' + headers.replace("[[", "[").replace("]]", "]") + "},"
        '"queryStringParameters":{"q":"x y z","e":"","f":""},'
        '"multiValueQueryStringParameters":{"q":["1","x y z"],"e":[""],"f":[""]},'
        '"pathParameters":{"id":"a%2Bb","proxy":"c//d"},"stageVariables":null,'
        + context("POST", "/pets/{id}/{proxy+}", "/prod/pets/a%2Bb/c//d/", '"me"')
        + ',"body":"grüße","isBase64Encoded":false}'
    )
    # What Lambda is told besides.
    said = {name.lower(): value for name, value in seen.headers.items()}
    assert said["x-amz-source-arn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api}/prod/GET/"
    assert said["user-agent"] == f"AmazonAPIGateway_{api}" and said["x-amzn-apigateway-api-id"] == api
    assert re.fullmatch(UUID, said["x-amzn-lambda-integration-tag"]) and said["accept"] == "application/json"
    assert "x-amz-invocation-type" not in said
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/us-east-1/lambda/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}",
        said["authorization"])
    for kind, body, expected in [("image/png", b"\xff\x00", ("/wA=", True)), ("image/png", b"", (None, False)),
                                 ("text/plain", b"a\xff", ("a\ufffd", False))]:
        send(node, host, "/prod/pets/1/2", [("Content-Type", kind)], body, "PUT")
        event = json.loads(functions.of("event")[-1].payload)
        assert (event["body"], event["isBase64Encoded"]) == expected, kind


def test_a_functions_answer_is_the_answer(node, functions):
    functions.functions["answer"] = lambda event: Reply(event["body"].encode())
    url = serve(node, {"/": {"POST": (proxy("answer"), {})}}, **{"x-amazon-apigateway-binary-media-types": ["image/*"]})
    encoded = base64.b64encode(b"\xffpng").decode()
    json_type = ("Content-Type", "application/json")
    rows = [
        ({"statusCode": 201, "body": "made"}, {}, 201, [json_type], b"made"),
        ({"statusCode": "404"}, {}, 404, [json_type], b""),
        ({"headers": {"X-A": True, "Content-Type": "text/x"}}, {}, 200, [("X-A", "true"), ("Content-Type", "text/x")], b""),
        ({"headers": {"X-A": "3", "x-b": "y"}, "multiValueHeaders": {"x-a": ["1", "2"]}}, {}, 200,
         [("X-A", "1"), ("X-A", "2"), ("X-A", "3"), ("X-B", "y"), json_type], b""),
        ({"body": encoded, "isBase64Encoded": True}, {"Accept": "image/png, */*"}, 200, [json_type], b"\xffpng"),
        ({"body": encoded, "isBase64Encoded": True}, {"Accept": "*/*"}, 200, [json_type], encoded.encode()),
        ({"body": encoded, "isBase64Encoded": True, "headers": {"Content-Type": "image/gif"}}, {}, 200,
         [("Content-Type", "image/gif")], b"\xffpng"),
        ({"headers": {"Content-Length": "1", "Date": "then", "x-amzn-RequestId": "own", "WWW-Authenticate": "Basic"}, "body": "xy"},
         {}, 200, [("x-amzn-Remapped-Date", "then"), ("x-amzn-Remapped-x-amzn-RequestId", "own"),
                   ("x-amzn-Remapped-WWW-Authenticate", "Basic"), json_type], b"xy"),
    ]
    for answer, headers, status, fields, body in rows:
        connection = http.client.HTTPConnection(node.address("gateway"), timeout=30)
        # Without an `Accept` of the client library's own.
        connection.request("POST", url("/").partition(node.address("gateway"))[2], json.dumps(answer), headers)
        got = connection.getresponse()
        assert (got.status, got.read()) == (status, body), answer
        wanted = {name.lower() for name, _ in fields}
        seen = [(name.lower(), value) for name, value in got.headers.items() if name.lower() in wanted]
        assert sorted(seen) == sorted((name.lower(), value) for name, value in fields), answer
        assert "X-Amzn-Trace-Id" in got.headers
    # A status that has no body takes none, whatever the function says: the connection stays in step.
    connection = http.client.HTTPConnection(node.address("gateway"), timeout=30)
    for status in (204, 304, 204):
        connection.request("POST", url("/").partition(node.address("gateway"))[2], json.dumps({"statusCode": status, "body": "none"}))
        got = connection.getresponse()
        assert (got.status, got.read()) == (status, b"")
    broken = fetch(url("/"), "POST", {"Accept": "image/png"}, json.dumps({"body": "-", "isBase64Encoded": True}).encode())
    assert (broken.status, broken.text) == (500, INTERNAL)
    for malformed in ["", "null", "[]", '"text"', "{", '{"statusCode": "x"}', '{"body": {}}', '{"more": 1}', '{"headers": []}',
                      '{"multiValueHeaders": {"a": "b"}}', '{"headers": {"a\\nb": "c"}}', '{"statusCode": 99}']:
        # An empty body is none, and so the function fails by itself.
        got = fetch(url("/"), "POST", body=malformed.encode() or b" ")
        assert (got.status, got.text, got.headers["x-amzn-ErrorType"]) == (502, INTERNAL, "InternalServerErrorException"), malformed
        assert "X-Amzn-Trace-Id" in got.headers


def test_what_fails_is_answered_as_aws_does_it_and_says_why(node, functions):
    release = threading.Event()
    lambda_error = lambda status, message: Reply({"Message": message, "Type": "User"}, status=status)
    say(functions, "raises", Reply({"errorMessage": "no pets today", "errorType": "Error"}, error="Unhandled"))
    say(functions, "throttled", lambda_error(429, "Rate exceeded"))
    say(functions, "forbidden", lambda_error(403, "not authorized"))
    say(functions, "broken", lambda_error(500, "Lambda is ill"))
    say(functions, "nonsense", Reply(b"<html>"))
    say(functions, "half", Reply(b'{"statusCode": 2', cut=20))
    say(functions, "long", Reply(b'{"body": "' + b"x" * 6_291_556 + b'"}'))
    functions.functions["slow"] = lambda event: Reply({"statusCode": 200}) if release.wait(30) else None
    malformed = f"{CONFIGURATION}Malformed Lambda proxy response"
    rows = {
        "raises": (502, INTERNAL, ["Lambda execution failed with status 200 due to customer function error: no pets today. "
                                   "Lambda request id: lambdas-own-id"]),
        "throttled": (500, INTERNAL, ["Lambda invocation failed with status: 429. Lambda request id: lambdas-own-id",
                                      f"{CONFIGURATION}Rate Exceeded."]),
        "forbidden": (500, INTERNAL, ["Lambda invocation failed with status: 403. Lambda request id: lambdas-own-id",
                                      f"{CONFIGURATION}Invalid permissions on Lambda function"]),
        "none": (500, INTERNAL, ["Lambda invocation failed with status: 404. Lambda request id: lambdas-own-id",
                                 f"{CONFIGURATION}Invalid permissions on Lambda function"]),
        "broken": (500, INTERNAL, ["Lambda invocation failed with status: 500. Lambda request id: lambdas-own-id",
                                   f"{CONFIGURATION}Lambda is ill"]),
        "nonsense": (502, INTERNAL, [malformed]),
        "half": (504, '{"message": "Network error communicating with endpoint"}', None),
        "long": (500, INTERNAL, [f"{CONFIGURATION}Integration response is larger than allowed maximum of 6291556 bytes."]),
        "slow": (504, '{"message": "Endpoint request timed out"}', ["Execution failed due to a timeout error"]),
        "not/a/function": (500, INTERNAL, [f"{CONFIGURATION}Invalid endpoint address: {uri('not/a/function')}"]),
    }
    paths = {f"/{name.split('/')[0]}": {"GET": (proxy(name, timeoutInMillis=400), {})} for name in rows}
    paths["/get"] = {"GET": (proxy("raises", httpMethod="GET"), {})}
    paths["/unmappable"] = {"GET": (proxy("raises", requestParameters={"integration.request.header.Authorization": "'x'"}), {})}
    rows["get"] = (500, INTERNAL, None)
    rows["unmappable"] = (500, INTERNAL, [f"{CONFIGURATION}Authorization header already present"])
    url = serve(node, paths)
    api = url("").split("/")[-2]
    client = node.client()
    resources = {it["path"]: it["id"] for it in client.get_resources(restApiId=api, limit=500)["items"]}
    for name, (status, body, lines) in rows.items():
        path = f"/{name.split('/')[0]}"
        got = fetch(url(path))
        assert (got.status, got.text, got.headers["x-amzn-ErrorType"]) == (status, body, "InternalServerErrorException"), name
        answer = invoke(client, api, resources[path])
        assert (answer["status"], answer["body"]) == (status, body), name
        if lines:
            assert told(answer)[-len(lines) - 1:] == [*lines, f"Method completed with status: {status}"], name
    release.set()
    # Events that Lambda would not take are not sent at all.
    say(functions, "big", {"statusCode": 200})
    url = serve(node, {"/": {"POST": (proxy("big"), {})}})
    got = fetch(url("/"), "POST", body=b"x" * 6_300_000)
    assert (got.status, got.json()) == (413, {"message": "Request Too Long"})
    assert fetch(url("/"), "POST", body=b"x" * 5_000_000).status == 200
    assert len(functions.of("big")) == 1


def test_aliases_and_stage_variables_name_functions(node, functions):
    say(functions, "f:live", {"body": "live"})
    say(functions, "f2", {"body": "f2"})
    alias = proxy("f").copy() | {"uri": uri("f:${stageVariables.alias}")}
    other = proxy("f").copy() | {"uri": uri("${stageVariables.function}")}
    paths = {"/alias": {"GET": (alias, {})}, "/other": {"GET": (other, {})}}
    url = serve(node, paths, variables={"alias": "live", "function": "f2"})
    assert (fetch(url("/alias")).text, fetch(url("/other")).text) == ("live", "f2")
    assert functions.of("f:live")[-1].path == f"/2015-03-31/functions/{arn('f:live')}/invocations"
    assert json.loads(functions.of("f:live")[-1].payload)["stageVariables"] == {"alias": "live", "function": "f2"}
    url = serve(node, paths)
    assert [fetch(url(path)).status for path in ("/alias", "/other")] == [500, 500]


def test_test_invocations_and_stories_show_no_secret(node, functions):
    say(functions, "tested", {"body": "done"})
    url = serve(node, {"/pets/{id}": {"GET": (proxy("tested"), {})}})
    api = url("").split("/")[-2]
    client = node.client()
    resource = next(it["id"] for it in client.get_resources(restApiId=api)["items"] if it["path"] == "/pets/{id}")
    answer = invoke(client, api, resource, pathWithQueryString="/pets/1?a=b", headers={"Authorization": "secret-0123456789"})
    assert (answer["status"], answer["body"]) == (200, "done")
    event = json.loads(functions.of("tested")[-1].payload)
    assert event["headers"] == {"Authorization": "secret-0123456789"} and event["path"] == "/pets/1"
    assert (event["requestContext"]["stage"], event["requestContext"]["identity"]["sourceIp"]) == (
        "test-invoke-stage", "test-invoke-source-ip")
    assert "secret-01" not in answer["log"] and '"Authorization":"***********456789"' in answer["log"]
    lines = told(answer)
    assert lines[-7] == "Received response. Status: 200, Integration latency: MS"
    assert lines[-6].startswith("Endpoint response headers: {") and "x-amzn-RequestId=lambdas-own-id" in lines[-6]
    assert lines[-5:] == [
        'Endpoint response body before transformations: {"body": "done"}',
        "Method response body after transformations: done",
        "Method response headers: {X-Amzn-Trace-Id=TRACE, Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]
    assert invoke(client, api, resource)["status"] == 200
    event = json.loads(functions.of("tested")[-1].payload)
    assert event["headers"] is None and event["multiValueHeaders"] is None
    client.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": "true"}])
    got = fetch(url("/pets/1"), headers={"Authorization": "Bearer secret-0123456789"})
    whole = story(node, got)["story"]
    assert "secret-01" not in json.dumps(whole) and "AKIDEXAMPLE" not in json.dumps(whole)
    phases = {step["phase"]: step["decision"] for step in whole["phases"]}
    assert phases["integration"].startswith("Lambda's status 200 after ")
    assert phases["integration response"] == "the function's, status 200"


def streamed(name, **more):
    """An integration with a function that answers piece by piece."""
    path = uri(name).replace("2015-03-31", "2021-11-15").replace("/invocations", "/response-streaming-invocations")
    return proxy(name, responseTransferMode="STREAM", **more) | {"uri": path}


def test_answers_come_piece_by_piece(node, functions):
    go_on = threading.Event()

    def pieces():
        yield b'{"statusCode": 202, "headers": {"Content-Type": "text/event-stream"}, "cookies": ["a=1"]}\0\0\0'
        yield b"\0\0\0\0\0first "
        assert go_on.wait(30)
        yield b"second"

    functions.functions.update({
        "pieces": lambda event: Stream(pieces()),
        "much": lambda event: Stream([b"{}", b"\0" * 8, *[b"x" * 100_000] * 120]),
        "breaks": lambda event: Stream([b"{}" + b"\0" * 8 + b"half"], {"ErrorCode": "Unhandled", "ErrorDetails": "no pets"}),
        "fails": lambda event: Stream([], {"ErrorCode": "Unhandled", "ErrorDetails": "no pets"}),
        "formless": lambda event: Stream([b'{"statusCode": 200, "body": "x"}']),
        "throttles": lambda event: Reply({"Message": "Rate exceeded"}, status=429),
        "buffered": lambda event: Reply(b'{"statusCode": 203}' + b"\0" * 8 + b"body"),
    })
    names = ["pieces", "much", "breaks", "fails", "formless", "throttles"]
    paths = {f"/{name}": {"GET": (streamed(name), {})} for name in names}
    paths["/mixed"] = {"GET": (streamed("pieces") | {"responseTransferMode": "BUFFERED"}, {})}
    paths["/buffered"] = {"GET": (proxy("buffered"), {})}
    url = serve(node, paths, **{"x-amazon-apigateway-minimum-compression-size": 0})
    place = url("").partition(node.address("gateway"))[2]
    connection = http.client.HTTPConnection(node.address("gateway"), timeout=30)
    connection.request("GET", f"{place}/pieces", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Set-Cookie"]) == (202, "text/event-stream", "a=1")
    assert answer.headers["Transfer-Encoding"] == "chunked" and "Content-Encoding" not in answer.headers
    # The first piece is here while the function waits.
    assert answer.read(6) == b"first "
    go_on.set()
    assert answer.read() == b"second"
    # More than an answer in one piece may have.
    assert len(fetch(url("/much")).body) == 12_000_000
    with pytest.raises(http.client.HTTPException):
        fetch(url("/breaks"))
    for name in ("fails", "formless", "throttles", "mixed"):
        assert (fetch(url(f"/{name}")).status, fetch(url(f"/{name}")).text) == (500, INTERNAL), name
    got = fetch(url("/buffered"))
    assert (got.status, got.text) == (203, "")
    client, api = node.client(), place.split("/")[-2]
    resources = {it["path"]: it["id"] for it in client.get_resources(restApiId=api, limit=500)["items"]}
    answer = invoke(client, api, resources["/pieces"])
    assert (answer["status"], answer["body"]) == (202, "first second")
