"""How many requests a stage lets through."""

from conftest import fetch, replace, serve
from test_mapping import mock


def statuses(url, count):
    return [fetch(url).status for _ in range(count)]


def test_a_method_is_throttled_as_its_stage_says(one):
    url = serve(one, {"/a": {"GET": (mock(), {})}, "/a/{b}": {"GET": (mock(), {})}, "/free": {"GET": (mock(), {})}})
    api = url("").split("/")[-2]
    client = one.client()
    change = lambda *operations: client.update_stage(restApiId=api, stageName="prod", patchOperations=sum(operations, []))
    assert statuses(url("/a"), 8) == [200] * 8
    change(
        replace("/*/*/throttling/burstLimit", "3"), replace("/*/*/throttling/rateLimit", "0.001"),
        replace("/~1a~1{b}/GET/throttling/burstLimit", "1"), replace("/~1a~1{b}/GET/throttling/rateLimit", "0.001"),
        replace("/~1free/GET/throttling/burstLimit", "5000"), replace("/~1free/GET/throttling/rateLimit", "10000"),
    )
    assert statuses(url("/a"), 5) == [200, 200, 200, 429, 429]
    # Each method has a bucket of its own, and its own setting counts.
    assert statuses(url("/a/x"), 2) == [200, 429]
    assert statuses(url("/free"), 8) == [200] * 8
    refused = fetch(url("/a"))
    assert refused.body == b'{"message":"Too Many Requests"}' and refused.headers["Retry-After"] is None
    assert refused.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    # Another setting leaves the buckets as they are; a new limit fills them.
    change(replace("/*/*/metrics/enabled", "true"))
    assert statuses(url("/a"), 1) == [429]
    change(replace("/*/*/throttling/burstLimit", "2"))
    assert statuses(url("/a"), 3) == [200, 200, 429]
    change(replace("/*/*/throttling/rateLimit", "0"))
    assert statuses(url("/a"), 1) == [429]
    # A test invocation is not throttled.
    resource = next(item["id"] for item in client.get_resources(restApiId=api)["items"] if item["path"] == "/a")
    assert client.test_invoke_method(restApiId=api, resourceId=resource, httpMethod="GET")["status"] == 200


def test_a_canary_is_told_and_counted_apart(one):
    url = serve(one, {"/c": {"GET": (mock(response="$context.isCanaryRequest $stageVariables.v"), {})}},
                variables={"v": "base"})
    api = url("").split("/")[-2]
    client = one.client()
    assert fetch(url("/c")).text == " base"
    for percent, expected in [(100.0, "true canary"), (0.0, "false base")]:
        client.create_deployment(restApiId=api, stageName="prod", canarySettings={
            "percentTraffic": percent, "stageVariableOverrides": {"v": "canary"}})
        assert fetch(url("/c")).text == expected
    figures = one.figures()
    counted = lambda stage: figures[
        f'turnpike_requests_total{{api="{api}",stage="{stage}",method="GET",resource="/c",status="2xx"}}']
    assert (counted("prod"), counted("prod/Canary")) == ("2", "1")
