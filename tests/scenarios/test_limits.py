"""Limits: AWS's, unless a node is given others."""

import subprocess

import pytest
from conftest import BINARY, Node, fetch, refused, serve
from test_mapping import http


@pytest.fixture
def generous(tmp_path):
    node = Node(tmp_path, 1)
    node.start("--max-integration-timeout-ms", "60000", "--max-request-mib", "12", "--max-answer-mib", "1").wait_ready()
    yield node
    node.kill()


def echoing(backend, **words):
    return {"type": "http_proxy", "httpMethod": "POST", "uri": f"http://{backend}/say", **words}


def test_integrations_may_wait_as_long_as_the_node_lets_them(one, generous):
    for node, longest in [(one, 29_000), (generous, 60_000)]:
        client = node.client()
        api = client.create_rest_api(name="patient")
        place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        client.put_method(**place, authorizationType="NONE")
        put = lambda timeout, **words: client.put_integration(
            **place, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://localhost/", timeoutInMillis=timeout, **words)
        assert put(longest)["timeoutInMillis"] == longest
        message = f"Timeout should be between 50 ms and {longest} ms"
        refused(lambda: put(longest + 1), "BadRequestException", 400, message)
        refused(lambda: put(49), "BadRequestException", 400, message)
        assert put(900_000, responseTransferMode="STREAM")["timeoutInMillis"] == 900_000
        refused(lambda: put(900_001, responseTransferMode="STREAM"), "BadRequestException", 400)


def test_bodies_may_be_as_long_as_the_node_lets_them(one, generous, backend):
    mebibyte = 1 << 20
    paths = {"/say": {"POST": (echoing(backend), {})}, "/mapped": {"POST": (http(backend, "/say"), {})},
             "/stream": {"POST": (echoing(backend, responseTransferMode="STREAM"), {})}}
    few, many = serve(one, paths), serve(generous, paths)
    post = lambda url, length: fetch(url, method="POST", body=b"x" * length)
    assert len(post(few("/say"), 10 * mebibyte).body) == 10 * mebibyte
    assert post(few("/say"), 10 * mebibyte + 1).status == 413
    assert len(post(many("/stream"), 12 * mebibyte).body) == 12 * mebibyte
    refusal = post(many("/stream"), 12 * mebibyte + 1)
    assert (refusal.status, refusal.body) == (413, b"HTTP content length exceeded 12582912 bytes.")
    for path in ("/say", "/mapped"):
        assert len(post(many(path), mebibyte).body) == mebibyte
        answer = post(many(path), mebibyte + 1)
        assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}'), path


def test_strictly_aws_is_strictly_aws(tmp_path):
    command = [BINARY, "serve", "--data", str(tmp_path / "data"), "--bootstrap", "--aws-strict", "--max-request-mib", "11"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "--max-request-mib 11 is not what AWS has, and --aws-strict asks for that" in ended.stderr
