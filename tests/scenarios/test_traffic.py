"""The data plane through plain HTTP."""

import socket
import threading
import time

from conftest import build, fetch, free_port


def deployed(node, backend, stage="prod", variables=None, **words):
    client = node.client()
    api, resource = build(client, backend, **words)
    client.create_deployment(restApiId=api, stageName=stage, variables=variables or {})
    return client, api, resource


def test_all_forms_of_the_invoke_url_reach_the_api(one, backend):
    _, api, _ = deployed(one, backend)
    gateway = "http://" + one.address("gateway")
    for url, host in [
        (f"{gateway}/_aws/execute-api/{api}/prod/pets", None),
        (f"{gateway}/restapis/{api}/prod/_user_request_/pets", None),
        (f"{gateway}/prod/pets", f"{api}.execute-api.us-east-1.amazonaws.com"),
        (f"{gateway}//prod/pets/", f"{api.upper()}.execute-api.localhost:8080"),
    ]:
        answer = fetch(url, headers={"Host": host} if host else {})
        assert answer.status == 200 and answer.json()["path"] == "/pets", url


def test_what_is_not_there_is_refused_in_awss_bytes(one, backend):
    _, api, _ = deployed(one, backend)
    token = b'{"message":"Missing Authentication Token"}'
    for url, method, body, kind in [
        (one.url("nothere", "prod", "/pets"), "GET", b'{"message":"Forbidden"}', "ForbiddenException"),
        (one.url(api, "other", "/pets"), "GET", b'{"message":"Forbidden"}', "ForbiddenException"),
        (one.url(api, "prod", "/none"), "GET", token, "MissingAuthenticationTokenException"),
        (one.url(api, "prod", "/pets"), "POST", token, "MissingAuthenticationTokenException"),
    ]:
        answer = fetch(url, method=method)
        assert (answer.status, answer.body, answer.headers["x-amzn-ErrorType"]) == (403, body, kind), url
        assert answer.headers["x-amzn-RequestId"] and len(answer.headers["x-amz-apigw-id"]) == 16
    bearer = fetch(one.url(api, "prod", "/none"), headers={"Authorization": "Bearer x"})
    assert bearer.headers["x-amzn-ErrorType"] == "IncompleteSignatureException"


def test_http_proxy_passes_and_maps(one, backend):
    _, api, _ = deployed(
        one, backend, path="{id}",
        parameters={"method.request.path.id": True, "method.request.header.X-From": False,
                    "method.request.header.Not-Sent": False, "method.request.querystring.q": False},
        integration={
            "type": "HTTP_PROXY", "integrationHttpMethod": "GET",
            "uri": f"http://{backend}/${{stageVariables.place}}/{{id}}?fixed=1",
            "requestParameters": {
                "integration.request.path.id": "method.request.path.id",
                "integration.request.header.X-To": "method.request.header.X-From",
                "integration.request.header.X-Stage": "stageVariables.place",
                "integration.request.querystring.extra": "method.request.querystring.q",
                "integration.request.header.X-Constant": "'constant'",
                "integration.request.header.X-Nothing": "method.request.header.Not-Sent",
            },
        },
        variables={"place": "shelf"},
    )
    headers = {"X-From": "me", "X-Custom": "kept", "Connection": "close", "User-Agent": "test", "Via": "1.1 x",
               "x-amzn-RequestId": "0b5a7a5e-25a4-4cf6-a2d0-0bf4c1f3f0a1"}
    answer = fetch(one.url(api, "prod", "/a%2Fb?q=x+y&z=%C3%A9"), headers=headers)
    seen = answer.json()
    assert seen["path"] == "/shelf/a%2Fb?fixed=1&q=x%20y&z=%C3%A9&extra=x%20y"
    received = {name.lower(): values[-1] for name, values in seen["headers"].items()}
    assert received["x-to"] == "me" and received["x-custom"] == "kept" and received["x-constant"] == "constant"
    assert received["x-stage"] == "shelf" and "x-nothing" not in received and "via" not in received
    assert received["host"] == backend and received["x-amzn-apigateway-api-id"] == api
    assert received["x-forwarded-for"] == "127.0.0.1" and received["x-forwarded-proto"] == "http"
    assert received["x-amzn-trace-id"].startswith("Root=1-")
    assert answer.headers["x-amzn-RequestId"] == "0b5a7a5e-25a4-4cf6-a2d0-0bf4c1f3f0a1"
    assert answer.headers["x-amzn-Remapped-x-amzn-RequestId"] == "the-backends-own"
    assert answer.headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
    assert answer.headers["WWW-Authenticate"] is None and answer.headers["X-Backend"] == "echo"
    assert answer.headers["x-amzn-Remapped-Content-Length"] == answer.headers["Content-Length"]
    climbing = fetch(one.url(api, "prod", "/%2e%2e"))
    assert climbing.status == 400


def test_bodies_pass_in_both_framings(one, backend):
    _, api, _ = deployed(one, backend, verb="POST")
    url = one.url(api, "prod", "/pets")
    big = bytes(range(256)) * 4096
    assert fetch(url, method="POST", body=big).json()["body"].encode("latin-1") == big
    chunks = fetch(url, method="POST", body=iter([b"one", b"two"]), headers={"Transfer-Encoding": "chunked"})
    assert chunks.json()["body"] == "onetwo"
    assert fetch(url, method="POST").json()["body"] == ""


def test_http_answers_only_what_is_mapped(one, backend):
    client, api, resource = deployed(
        one, backend,
        integration={"type": "HTTP", "integrationHttpMethod": "GET", "uri": f"http://{backend}/teapot"},
    )
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    assert fetch(one.url(api, "prod", "/pets")).body == b'{"message": "Internal server error"}'
    client.put_method_response(**place, statusCode="200", responseParameters={"method.response.header.X-Out": False})
    client.put_method_response(**place, statusCode="503")
    client.put_integration_response(
        **place, statusCode="200", responseParameters={"method.response.header.X-Out": "integration.response.header.X-Backend"}
    )
    client.put_integration_response(**place, statusCode="503", selectionPattern="5\\d{2}")
    client.create_deployment(restApiId=api, stageName="prod")
    answer = fetch(one.url(api, "prod", "/pets?ignored=1"), headers={"X-Custom": "dropped"})
    seen = answer.json()
    assert answer.status == 200 and answer.headers["X-Out"] == "echo" and answer.headers["X-Backend"] is None
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Amzn-Trace-Id"]
    names = {name.lower() for name in seen["headers"]}
    assert seen["path"] == "/teapot" and "x-custom" not in names
    assert seen["headers"]["User-Agent"] == [f"AmazonAPIGateway_{api}"]


def test_mock_answers_its_configured_status(one, backend):
    client, api, resource = deployed(
        one, backend, verb="OPTIONS",
        integration={"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 204}'}},
    )
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "OPTIONS"}
    origin = "method.response.header.Access-Control-Allow-Origin"
    for status, pattern, value in [("200", "", "'no'"), ("204", "204", "'*'")]:
        client.put_method_response(**place, statusCode=status, responseParameters={origin: True})
        client.put_integration_response(
            **place, statusCode=status, selectionPattern=pattern, responseParameters={origin: value}
        )
    client.create_deployment(restApiId=api, stageName="prod")
    answer = fetch(one.url(api, "prod", "/pets"), method="OPTIONS")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")


def test_a_backend_that_is_not_there_or_too_slow(one, backend):
    client, api, resource = deployed(
        one, backend,
        integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"http://127.0.0.1:{free_port()}/"},
    )
    answer = fetch(one.url(api, "prod", "/pets"))
    assert (answer.status, answer.body) == (504, b'{"message": "Network error communicating with endpoint"}')
    silent = socket.create_server(("127.0.0.1", 0))
    client.put_integration(
        restApiId=api, resourceId=resource, httpMethod="GET", type="HTTP_PROXY", integrationHttpMethod="GET",
        uri=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeoutInMillis=50,
    )
    client.create_deployment(restApiId=api, stageName="prod")
    answer = fetch(one.url(api, "prod", "/pets"))
    assert (answer.status, answer.body) == (504, b'{"message": "Endpoint request timed out"}')
    silent.close()


def test_what_is_too_large_is_refused_and_costs_others_nothing(one, backend):
    _, api, _ = deployed(one, backend, verb="POST")
    url = one.url(api, "prod", "/pets")
    host, port = one.address("gateway").split(":")
    with socket.create_connection((host, int(port))) as raw:
        path = url.split(one.address("gateway"))[1]
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n".encode())
        answer = raw.makefile("rb").read(400)
    assert b" 413 " in answer and b"HTTP content length exceeded 10485760 bytes." in answer
    assert fetch(url, method="POST", headers={"X-Long": "x" * 11_000}).status == 431
    assert fetch(url + "?" + "x" * 11_000, method="POST").status == 414
    # A sender that stops in the middle of its head holds nobody up.
    slow = socket.create_connection((host, int(port)))
    slow.sendall(b"POST / HTTP/1.1\r\nHo")
    assert fetch(url, method="POST").status == 200
    slow.close()


def test_an_answer_is_passed_on_as_it_comes(one, backend):
    """A backend that sends half and waits: the half arrives before the rest exists."""
    go = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        go.wait(20)
        connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    _, api, _ = deployed(
        one, backend,
        integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET",
                     "uri": f"http://127.0.0.1:{server.getsockname()[1]}/"},
    )
    host, port = one.address("gateway").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        path = one.url(api, "prod", "/pets").split(one.address("gateway"))[1]
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        received = b""
        while b"first" not in received:
            piece = raw.recv(65536)
            assert piece, received
            received += piece
        assert b"second" not in received
        go.set()
        while b"0\r\n\r\n" not in received:
            piece = raw.recv(65536)
            assert piece, received
            received += piece
        assert b"second" in received
    server.close()


def test_deployments_are_snapshots_and_variables_are_not(one, backend):
    client, api, resource = deployed(
        one, backend,
        integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET",
                     "uri": f"http://{backend}/${{stageVariables.v}}"},
        variables={"v": "one"},
    )
    path = lambda: fetch(one.url(api, "prod", "/pets")).json()["path"]
    assert path() == "/one"
    client.delete_method(restApiId=api, resourceId=resource, httpMethod="GET")
    assert path() == "/one"
    client.update_stage(
        restApiId=api, stageName="prod", patchOperations=[{"op": "replace", "path": "/variables/v", "value": "two"}]
    )
    assert path() == "/two"


def test_a_method_that_wants_an_authorization_is_never_open(one, backend):
    client = one.client()
    api = client.create_rest_api(name="closed")
    for part, words in [("iam", {"authorizationType": "AWS_IAM"}),
                        ("key", {"authorizationType": "NONE", "apiKeyRequired": True})]:
        resource = client.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart=part)["id"]
        place = {"restApiId": api["id"], "resourceId": resource, "httpMethod": "GET"}
        client.put_method(**place, **words)
        client.put_integration(**place, type="HTTP_PROXY", integrationHttpMethod="GET", uri=f"http://{backend}/")
    client.create_deployment(restApiId=api["id"], stageName="s")
    for part, message in [("/iam", "Missing Authentication Token"), ("/key", "Forbidden")]:
        answer = fetch(one.url(api["id"], "s", part))
        assert (answer.status, answer.json()) == (403, {"message": message})
    signed = fetch(one.url(api["id"], "s", "/iam"), headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert signed.status == 403


def test_metrics_count_requests(one, backend):
    _, api, _ = deployed(one, backend)
    for _ in range(3):
        fetch(one.url(api, "prod", "/pets"))
    figures = one.figures()
    labels = f'api="{api}",stage="prod",method="GET",resource="/pets"'
    assert figures[f'turnpike_requests_total{{{labels},status="2xx"}}'] == "3"
    assert figures[f"turnpike_request_duration_seconds_count{{{labels}}}"] == "3"
    assert figures[f"turnpike_integration_duration_seconds_count{{{labels}}}"] == "3"
    assert figures['turnpike_raft_role{role="leader"}'] == "1"
    assert float(figures["process_resident_memory_bytes"]) > 1_000_000


def test_pipelined_and_half_requests_get_what_is_theirs(one, backend):
    _, api, _ = deployed(one, backend)
    host, port = one.address("gateway").split(":")
    path = one.url(api, "prod", "/pets").split(one.address("gateway"))[1]
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\nGET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        received, deadline = b"", time.monotonic() + 10
        while received.count(b"HTTP/1.1 200") < 2 and time.monotonic() < deadline:
            received += raw.recv(65536)
    assert received.count(b"HTTP/1.1 200") == 2


def test_a_body_with_two_ends_is_refused(one, backend):
    _, api, _ = deployed(one, backend, verb="POST")
    host, port = one.address("gateway").split(":")
    path = one.url(api, "prod", "/pets").split(one.address("gateway"))[1]
    smuggled = f"GET {path}?smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    for head in ("Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
                 "Content-Length: 4\r\nContent-Length: 5", "Content-Length: +4", "Transfer-Encoding: chunked, identity"):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n0\r\n\r\n{smuggled}".encode())
            received = b""
            while piece := raw.recv(65536):
                received += piece
        assert received.startswith(b"HTTP/1.1 4") and received.count(b"HTTP/1.1 ") == 1, (head, received)


def test_a_placeholder_that_nothing_fills_is_an_invalid_address(one, backend):
    _, api, _ = deployed(
        one, backend,
        integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"http://{backend}/{{unmapped}}"},
    )
    answer = fetch(one.url(api, "prod", "/pets"))
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
