"""Test invocations through boto3 and the AWS CLI: what is answered, and the log, line by line."""

import base64
import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading

import botocore.exceptions
import pytest

from conftest import KEY, SECRET, build, fetch, free_port, refused

TIME = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}"
INTERNAL = '{"message": "Internal server error"}'
CONFIGURATION = "Execution failed due to configuration error: "


def told(answer):
    """The log's lines without their times, with signs for what differs from one test to the next."""
    first, *lines, end = answer["log"].split("\n")
    assert end == "" and lines
    identifier = re.fullmatch(r"Execution log for request ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", first)[1]
    texts = []
    for line in lines:
        text = re.fullmatch(f"{TIME} : (.*)", line)[1].replace(identifier, "ID")
        text = re.sub(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "TRACE", text)
        texts.append(re.sub(r"latency: \d+ ms", "latency: MS", text))
    return texts


def invoke(client, api, resource, verb="GET", **words):
    answer = client.test_invoke_method(restApiId=api, resourceId=resource, httpMethod=verb, **words)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200 and answer["latency"] >= 0
    return answer


def mapped(client, api, resource, verb="GET", status="200", headers=None, **words):
    """A method response and an integration response with these headers."""
    place = {"restApiId": api, "resourceId": resource, "httpMethod": verb, "statusCode": status}
    headers = {f"method.response.header.{name}": value for name, value in (headers or {}).items()}
    client.put_method_response(**place, responseParameters={name: False for name in headers})
    client.put_integration_response(**place, responseParameters=headers, **words)


def mock(client, **words):
    templates = {"application/json": '{"statusCode": 200}'}
    return build(client, None, integration={"type": "MOCK", "requestTemplates": templates}, **words)


def test_a_mock_is_tested_as_it_is_now(three):
    api, resource = mock(three[0].client(), path="{petId}")
    mapped(three[1].client(), api, resource, headers={"X-Fixed": "'yes'"},
           responseTemplates={"application/json": '{"pet": true}'})
    answer = invoke(
        three[2].client(), api, resource, pathWithQueryString="/123?foo=bar&foo=b%20z&x=", body='{"a": 1}',
        headers={"content-type": "application/json", "X-One": "1"}, multiValueHeaders={"X-Two": ["1", "2"]},
    )
    assert (answer["status"], answer["body"]) == (200, '{"pet": true}')
    assert answer["headers"] == {"X-Fixed": "yes", "Content-Type": "application/json"}
    assert answer["multiValueHeaders"] == {"X-Fixed": ["yes"], "Content-Type": ["application/json"]}
    assert told(answer) == [
        "Starting execution for request: ID",
        "HTTP Method: GET, Resource Path: /123",
        "Method request path: {petId=123}",
        "Method request query string: {foo=bar,b z, x=}",
        "Method request headers: {X-Two=1,2, X-One=1, Content-Type=application/json}",
        'Method request body before transformations: {"a": 1}',
        'Method response body after transformations: {"pet": true}',
        "Method response headers: {X-Fixed=yes, Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]


def test_paths_need_not_fit_the_resource(one):
    client = one.client()
    api, resource = mock(client, path="{petId}")
    mapped(client, api, resource)
    for given, path, parameters in [
        (None, "/{petId}", "{petId={petId}}"),
        ("", "/{petId}", "{petId={petId}}"),
        ("/1", "/1", "{petId=1}"),
        ("1", "/1", "{petId=1}"),
        ("/1/", "/1/", "{petId=1}"),
        ("/1/2?x=y", "/1/2", "{}"),
        ("/a b", "/a%20b", "{petId=a%20b}"),
    ]:
        words = {} if given is None else {"pathWithQueryString": given}
        lines = told(invoke(client, api, resource, **words))
        assert lines[1:3] == [
            f"HTTP Method: GET, Resource Path: {path}", f"Method request path: {parameters}"
        ], given


def test_a_call_of_an_endpoint_is_told_step_by_step(three, backend):
    parameters = {"method.request.path.id": True, "method.request.querystring.q": False,
                  "method.request.header.X-From": False}
    api, resource = build(
        three[0].client(), backend, path="{id}", verb="POST", parameters=parameters,
        integration={
            "type": "HTTP", "integrationHttpMethod": "PUT", "uri": "http://${stageVariables.host}/shelf/{id}",
            "requestParameters": {
                "integration.request.path.id": "method.request.path.id",
                "integration.request.querystring.extra": "method.request.querystring.q",
                "integration.request.header.X-To": "method.request.header.X-From",
                "integration.request.header.X-Stage": "context.stage",
                "integration.request.header.X-Caller": "context.identity.sourceIp",
            },
            "requestTemplates": {"application/json": '{"from": "template"}'},
        },
    )
    mapped(three[1].client(), api, resource, verb="POST",
           headers={"X-Kind": "integration.response.header.X-Backend"})
    answer = invoke(
        three[2].client(), api, resource, verb="POST", pathWithQueryString="/7?q=a%20b", body="{}",
        headers={"X-From": "me", "Content-Type": "text/plain"}, stageVariables={"host": backend},
    )
    seen = json.loads(answer["body"])
    assert (answer["status"], seen["method"], seen["path"]) == (200, "PUT", "/shelf/7?extra=a%20b")
    assert seen["body"] == '{"from": "template"}' and seen["headers"]["X-To"] == ["me"]
    assert seen["headers"]["X-Stage"] == ["test-invoke-stage"] and "X-Forwarded-For" not in seen["headers"]
    assert seen["headers"]["X-Caller"] == ["test-invoke-source-ip"]
    assert list(answer["headers"]) == ["X-Amzn-Trace-Id", "X-Kind", "Content-Type"]
    assert answer["headers"]["X-Kind"] == "echo" and answer["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    lines = told(answer)
    server, date = re.search("{Server=([^,]+), Date=([^,]+, [^,]+),", lines[11]).groups()
    assert lines[:13] == [
        "Starting execution for request: ID",
        "HTTP Method: POST, Resource Path: /7",
        "Method request path: {id=7}",
        "Method request query string: {q=a b}",
        # A test is always one of JSON.
        "Method request headers: {X-From=me, Content-Type=application/json}",
        "Method request body before transformations: {}",
        f"Endpoint request URI: http://{backend}/shelf/7?extra=a%20b",
        f"Endpoint request headers: {{Accept=application/json, Content-Type=application/json, "
        f"User-Agent=AmazonAPIGateway_{api}, x-amzn-apigateway-api-id={api}, X-Amzn-Trace-Id=TRACE, "
        f"X-Caller=test-invoke-source-ip, X-Stage=test-invoke-stage, X-To=me, Host={backend}}}",
        'Endpoint request body after transformations: {"from": "template"}',
        f"Sending request to http://{backend}/shelf/7?extra=a%20b",
        "Received response. Status: 200, Integration latency: MS",
        f"Endpoint response headers: {{Server={server}, Date={date}, Content-Type=application/json, "
        f"Content-Length={len(answer['body'])}, X-Backend=echo, x-amzn-RequestId=the-backends-own, "
        "WWW-Authenticate=Basic}",
        lines[12],
    ]
    assert lines[12].startswith('Endpoint response body before transformations: {"method": "PUT"')
    assert lines[13].startswith('Method response body after transformations: {"method": "PUT"')
    assert lines[14:] == [
        "Method response headers: {X-Amzn-Trace-Id=TRACE, X-Kind=echo, Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]


def test_what_is_tested_is_not_what_is_deployed(three, backend):
    client = three[0].client()
    api, resource = build(client, backend)
    client.create_deployment(restApiId=api, stageName="prod", variables={"v": "1"})
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    client.put_integration(
        **place, type="HTTP_PROXY", integrationHttpMethod="GET", uri=f"http://{backend}/new/${{stageVariables.v}}"
    )
    answer = invoke(
        three[1].client(), api, resource, stageVariables={"v": "2"}, pathWithQueryString="/pets?a=1",
        multiValueHeaders={"X-Several": ["a", "b"]}, headers={"X-Several": "b", "X-Other": "c"},
    )
    seen = json.loads(answer["body"])
    assert seen["path"] == "/new/2?a=1" and seen["headers"]["X-Several"] == ["a", "b"]
    assert seen["headers"]["X-Other"] == ["c"] and answer["headers"]["X-Backend"] == "echo"
    assert answer["headers"]["x-amzn-Remapped-Server"]
    # The stage serves what it did, and has not been counted for the test.
    assert fetch(three[2].url(api, "prod", "/pets")).json()["path"] == "/pets"
    assert "test-invoke-stage" not in fetch(f"http://{three[1].address('metrics')}/metrics").text


def test_an_operator_needs_neither_key_nor_signature(one):
    client = one.client()
    api, resource = mock(client)
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    client.update_method(**place, patchOperations=[
        {"op": "replace", "path": "/apiKeyRequired", "value": "true"},
        {"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"},
    ])
    mapped(client, api, resource)
    client.create_deployment(restApiId=api, stageName="prod")
    assert fetch(one.url(api, "prod", "/pets")).status == 403
    assert invoke(client, api, resource)["status"] == 200


def test_a_method_of_any_is_tested_by_every_verb(one, backend):
    client = one.client()
    proxy = {"type": "HTTP_PROXY", "integrationHttpMethod": "ANY", "uri": f"http://{backend}/any"}
    api, resource = build(client, backend, verb="ANY", integration=proxy)
    for verb in ["DELETE", "PATCH", "GET"]:
        answer = invoke(client, api, resource, verb=verb, pathWithQueryString="/pets")
        assert json.loads(answer["body"])["method"] == verb
        assert told(answer)[1] == f"HTTP Method: {verb}, Resource Path: /pets"


def test_secrets_and_long_values_are_not_shown_whole(one):
    client = one.client()
    api, resource = mock(client)
    mapped(client, api, resource, responseTemplates={"application/json": "x" * 3000})
    answer = invoke(
        client, api, resource, body="é" * 3000,
        headers={"Authorization": "Bearer first-secret", "X-API-Key": "another-secret"},
    )
    assert len(answer["body"]) == 3000
    lines = told(answer)
    assert lines[4] == "Method request headers: {Authorization=*************secret, X-Api-Key=********secret}"
    for line in (lines[5], lines[6]):
        assert line.endswith(" [TRUNCATED]") and 1000 < len(line.encode()) <= 1024


@contextlib.contextmanager
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield "127.0.0.1:%d" % server.getsockname()[1]


class Sizes(http.server.BaseHTTPRequestHandler):
    """Answers in pieces, with too much, or with less than it said."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        self.send_response(200)
        pieces, length = {
            "/pieces": ([b"a" * 70_000, b"b" * 70_000], None),
            "/endless": ([b"c" * 1_000_000] * 11, None),
            "/large": ([], 11_000_000),
            "/short": ([b"d" * 10], 100_000),
        }[self.path]
        self.send_header(*(("Content-Length", str(length)) if length else ("Transfer-Encoding", "chunked")))
        self.end_headers()
        with contextlib.suppress(OSError):
            for piece in pieces:
                self.wfile.write(piece if length else b"%x\r\n%s\r\n" % (len(piece), piece))
            if not length:
                self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def sizes():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sizes)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_answers_are_taken_whole_and_have_a_limit(one, sizes):
    client = one.client()
    too_large = CONFIGURATION + "Integration response is larger than allowed maximum of 10485760 bytes."
    broken = "Execution failed due to a network error communicating with endpoint"
    for path, status, body, line in [
        ("pieces", 200, "a" * 70_000 + "b" * 70_000, "Successfully completed execution"),
        ("endless", 500, INTERNAL, too_large),
        ("large", 500, INTERNAL, too_large),
        ("short", 504, '{"message": "Network error communicating with endpoint"}', broken),
    ]:
        answer = invoke(client, *build(client, sizes, path=path))
        assert (answer["status"], answer["body"]) == (status, body), path
        assert told(answer)[-2].startswith(line), path


def test_failures_are_answers_and_the_log_says_why(three, backend):
    client = three[0].client()
    nobody = f"127.0.0.1:{free_port()}"
    proxy = lambda uri, **words: {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri, **words}
    broken = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": "none"}'}}
    function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f"
    with silent() as quiet:
        rows = [
            (proxy("http://none.invalid/"), 500, INTERNAL, CONFIGURATION + "Invalid endpoint address"),
            (proxy(f"http://{backend}/${{stageVariables.unset}}{{id}}"), 500, INTERNAL,
             CONFIGURATION + "Invalid endpoint address"),
            (proxy(f"http://{nobody}/"), 504, '{"message": "Network error communicating with endpoint"}',
             "Execution failed due to a network error communicating with endpoint"),
            (proxy(f"http://{quiet}/", timeoutInMillis=60), 504, '{"message": "Endpoint request timed out"}',
             "Execution failed due to a timeout error"),
            (proxy(f"http://{backend}/", requestParameters={"integration.request.header.Content-Length": "'1'"}),
             500, INTERNAL, CONFIGURATION + "Content-Length header already present"),
            (proxy(f"http://{backend}/teapot", type="HTTP"), 500, INTERNAL,
             CONFIGURATION + "No match for output mapping and no default output mapping configured. "
             "Endpoint Response Status Code: 418"),
            (broken, 500, INTERNAL, CONFIGURATION + "Unable to parse statusCode. It should be an integer that is "
             "defined in the request template."),
            ({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": f"{function}/invocations"},
             500, INTERNAL, CONFIGURATION),
        ]
        for number, (integration, status, body, reason) in enumerate(rows):
            api, resource = build(client, backend, integration=integration)
            answer = invoke(three[number % 3].client(), api, resource)
            assert (answer["status"], answer["body"]) == (status, body), integration
            kind = "InternalServerErrorException"
            assert answer["headers"] == {"x-amzn-ErrorType": kind}, integration
            assert answer["multiValueHeaders"] == {"x-amzn-ErrorType": [kind]}
            lines = told(answer)
            assert lines[-2].startswith(reason), lines
            assert lines[-1] == f"Method completed with status: {status}"
            assert not any(line.startswith(("Received", "Successfully")) for line in lines) or status == 500
    missing = build(
        client, backend, path="{id}", parameters={"method.request.path.id": True},
        integration=proxy(f"http://{backend}/{{id}}",
                         requestParameters={"integration.request.path.id": "method.request.path.id"}),
    )
    lines = told(invoke(client, *missing))
    assert lines[2:3] + lines[6:] == [
        "Method request path: {id={id}}",
        CONFIGURATION + "Invalid endpoint address",
        "Method completed with status: 500",
    ]


def test_what_can_not_be_tested_is_refused(three):
    client = three[0].client()
    api, resource = mock(client)
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    bare = client.create_resource(
        restApiId=api, parentId=client.get_rest_api(restApiId=api)["rootResourceId"], pathPart="bare"
    )["id"]
    client.put_method(restApiId=api, resourceId=bare, httpMethod="GET", authorizationType="NONE")
    missing = "Invalid Resource identifier specified"
    rows = [
        ({"restApiId": "none"}, "NotFoundException", 404, missing),
        ({"resourceId": "none"}, "NotFoundException", 404, missing),
        ({"httpMethod": "POST"}, "NotFoundException", 404, "Invalid Method identifier specified"),
        ({"httpMethod": "BREW"}, "NotFoundException", 404, "Invalid Method identifier specified"),
        ({"resourceId": bare}, "BadRequestException", 400, "No integration defined for method"),
        ({"clientCertificateId": "none"}, "NotFoundException", 404,
         "Invalid Client Certificate identifier specified"),
        ({"headers": {"not a name": "x"}}, "BadRequestException", 400, "Invalid request header: not a name"),
        ({"headers": {"X": "a\r\nb"}}, "BadRequestException", 400, "Invalid request header: X"),
        ({"multiValueHeaders": {"X": [str(n) for n in range(101)]}}, "BadRequestException", 400,
         "A request may have at most 100 headers."),
        ({"pathWithQueryString": "/" + "x" * 20000}, "BadRequestException", 400, "Request URI too long"),
        ({"stageVariables": {"no-name": "x"}}, "BadRequestException", 400, None),
    ]
    for number, (words, code, status, message) in enumerate(rows):
        node = three[number % 3].client()
        refused(lambda: node.test_invoke_method(**{**place, **words}), code, status, message)


def test_the_aws_cli_tests_a_method(three, backend):
    api, resource = build(three[0].client(), backend)
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": three[1].admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
    }
    done = subprocess.run(
        ["aws", "apigateway", "test-invoke-method", "--rest-api-id", api, "--resource-id", resource,
         "--http-method", "GET", "--path-with-query-string", "/pets?a=1", "--headers", "X-One=1", "--output", "json"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == 200 and json.loads(answer["body"])["path"] == "/pets?a=1"
    assert told(answer)[4] == "Method request headers: {X-One=1}"


def test_authorizers_are_asked_where_nothing_answers(three):
    client = three[0].client()
    api = client.create_rest_api(name="authorizers")["id"]
    ask = lambda identifier, **words: three[1].client().test_invoke_authorizer(
        restApiId=api, authorizerId=identifier, **words
    )
    refused(lambda: ask("none"), "NotFoundException", 404, "Invalid Authorizer identifier specified")
    function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f"
    token = "method.request.header.Authorization"
    by_token = client.create_authorizer(
        restApiId=api, name="token", type="TOKEN", authorizerUri=f"{function}/invocations", identitySource=token,
        identityValidationExpression="allow|deny",
    )["id"]
    by_request = client.create_authorizer(
        restApiId=api, name="request", type="REQUEST", authorizerUri=f"{function}/invocations",
        identitySource="method.request.querystring.q,stageVariables.v,context.accountId",
    )["id"]
    pool = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Pool"
    by_pool = client.create_authorizer(
        restApiId=api, name="pool", type="COGNITO_USER_POOLS", providerARNs=[pool], identitySource=token
    )["id"]
    encoded = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    jwt = lambda **claims: "Bearer {}.{}.c2ln".format(encoded({"alg": "RS256"}), encoded(
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool", "token_use": "id", **claims}
    ))
    header = lambda value: {"headers": {"Authorization": value}}
    unauthorized = ["Unauthorized request: ID"]
    unavailable = ["AuthorizerConfigurationException"]
    rows = [
        (by_token, {"headers": {}}, 401, [f"The identity source {token} is missing, or empty.", *unauthorized]),
        (by_token, header("other"), 401,
         ["The token does not match the identity validation expression allow|deny.", *unauthorized]),
        (by_token, {"multiValueHeaders": {"authorization": ["allow"]}}, 500,
         [f"{CONFIGURATION}no AWS credentials were found: ", *unavailable]),
        (by_request, {"pathWithQueryString": "/?q=1", "additionalContext": {"accountId": "1"}}, 401,
         ["The identity source stageVariables.v is missing, or empty.", *unauthorized]),
        (by_request, {"pathWithQueryString": "/?q=1", "additionalContext": {"accountId": "1"},
                      "stageVariables": {"v": "2"}}, 500,
         [f"{CONFIGURATION}no AWS credentials were found: ", *unavailable]),
        (by_pool, header("nonsense"), 401,
         ["Incoming identity: ****ense", "The incoming token is not a signed token.", *unauthorized]),
        (by_pool, header(jwt(exp=1)), 401, ["The incoming token has expired.", *unauthorized]),
        (by_pool, header(jwt(exp=4_000_000_000)), 500,
         [f"{CONFIGURATION}the keys of https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool can't be fetched "
          "by this release", *unavailable]),
    ]
    for identifier, words, status, lines in rows:
        answer = ask(identifier, **words)
        assert answer["clientStatus"] == status and answer["latency"] >= 0 and "principalId" not in answer, words
        seen = told(answer)
        assert seen[0] == f"Starting authorizer: {identifier} for request: ID"
        # Where credentials were looked for is the machine's affair.
        assert [line[: len(wanted)] for line, wanted in zip(seen[-len(lines):], lines)] == lines, words
