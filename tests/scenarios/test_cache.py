"""Answers that stages keep."""

import concurrent.futures
import time

from conftest import fetch, replace, serve
from test_mapping import http, mock, parameter

ID = "$context.requestId"


def cached(node, paths, *operations, **words):
    """An API whose stage has a cache and keeps the answers of its GET methods, and what changes its stage."""
    url = serve(node, paths, **words)
    api = url("").split("/")[-2]
    client = node.client()

    def change(*operations):
        client.update_stage(restApiId=api, stageName="prod", patchOperations=sum(operations, []))

    change(replace("/cacheClusterEnabled", "true"), replace("/cacheClusterSize", "0.5"),
           replace("/*/*/caching/enabled", "true"), *operations)
    return url, api, change


def test_answers_are_kept_by_their_parameters_and_for_their_time(one):
    keyed = mock(response=ID, cacheKeyParameters=["method.request.path.id", "method.request.querystring.q"])
    shared = mock(response=ID, cacheNamespace="shared")
    paths = {
        "/plain": {"GET": (mock(response=ID), {}), "POST": (mock(response=ID), {})},
        "/keyed/{id}": {"GET": (keyed, {"parameters": [parameter("path", "id"), parameter("query", "q")]})},
        "/one": {"GET": (shared, {})}, "/two": {"GET": (shared, {})},
        "/own": {"GET": (mock(response=ID), {})},
        "/none": {"GET": (mock(response="#end"), {})},
        "/status": {"GET": (
            {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 404}'}, "responses": {
                "404": {"statusCode": "404", "responseTemplates": {"text/plain": ID},
                        "responseParameters": {"method.response.header.X-Kept": "'yes'"}}}}, {})},
    }
    url, api, change = cached(one, paths, replace("/~1own/GET/caching/enabled", "false"))
    body = lambda path, **headers: fetch(url(path), headers=headers).text
    first = fetch(url("/plain"))
    again = fetch(url("/plain?other=1"), headers={"X-Other": "1"})
    assert again.text == first.text == first.headers["x-amzn-RequestId"]
    # An answer from the cache is one to another request.
    assert again.headers["x-amzn-RequestId"] != first.headers["x-amzn-RequestId"]
    assert again.headers["Content-Type"] == "application/json"
    assert fetch(url("/plain"), method="POST").text != fetch(url("/plain"), method="POST").text
    assert body("/own") != body("/own")
    assert body("/keyed/1?q=1") == body("/keyed/1?q=1&x=2") != body("/keyed/1?q=2")
    assert body("/keyed/1") != body("/keyed/2") and body("/keyed/2") == body("/keyed/2")
    assert body("/one") == body("/two")
    assert fetch(url("/none")).status == 500
    kept = [fetch(url("/status")) for _ in range(2)]
    assert kept[0].text == kept[1].text and kept[1].status == 404 and kept[1].headers["X-Kept"] == "yes"
    assert kept[1].headers["Content-Type"] == "text/plain"
    figures = one.figures()
    counted = lambda name: figures[f'turnpike_cache_{name}_total{{api="{api}",stage="prod",method="GET",resource="/plain"}}']
    assert (counted("hits"), counted("misses")) == ("1", "1")
    # Callers who may not have a fresh answer get a kept one, and are told so.
    warned = fetch(url("/plain"), headers={"Cache-Control": "max-age=0"})
    assert warned.text == first.text and warned.headers["Warning"].startswith("199 ")
    change(replace("/*/*/caching/unauthorizedCacheControlHeaderStrategy", "SUCCEED_WITHOUT_RESPONSE_HEADER"))
    quiet = fetch(url("/plain"), headers={"Cache-Control": "max-age=0"})
    assert quiet.text == first.text and quiet.headers["Warning"] is None
    change(replace("/*/*/caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"))
    assert fetch(url("/plain"), headers={"Cache-Control": "max-age=0"}).status == 403
    change(replace("/*/*/caching/requireAuthorizationForCacheControl", "false"))
    fresh = body("/plain", **{"Cache-Control": "max-age=0"})
    assert fresh != first.text and body("/plain") == fresh
    # A time of nothing is no cache, a short one ends.
    change(replace("/*/*/caching/ttlInSeconds", "0"))
    assert body("/plain") != body("/plain")
    change(replace("/*/*/caching/ttlInSeconds", "1"))
    one.client().flush_stage_cache(restApiId=api, stageName="prod")
    kept, deadline = body("/two"), time.monotonic() + 20
    while body("/two") == kept:
        assert time.monotonic() < deadline
    # A new deployment has answers of its own.
    change(replace("/*/*/caching/ttlInSeconds", "300"))
    before = body("/plain")
    one.client().create_deployment(restApiId=api, stageName="prod")
    assert body("/plain") != before


def test_a_flush_reaches_all_nodes(three):
    url, api, _ = cached(three[0], {"/f": {"GET": (mock(response=ID), {})}})
    everywhere = lambda: [fetch(node.url(api, "prod", "/f")).text for node in three]
    before = everywhere()
    assert everywhere() == before
    three[1].client().flush_stage_cache(restApiId=api, stageName="prod")
    after = everywhere()
    assert not set(after) & set(before) and everywhere() == after


def test_one_computes_for_all_who_ask_at_a_time(one, backend):
    """A backend that waits is asked once by many; what is too long is kept by nobody, and comes whole."""
    waiting = {"type": "http_proxy", "httpMethod": "GET", "uri": f"http://{backend}/wait"}
    long = http(backend, "/say", template="#foreach($i in [1..1000])" + "x" * 1100 + "#end")
    url, api, _ = cached(one, {"/w": {"GET": (waiting, {})}, "/long": {"GET": (long, {})}})
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: fetch(url("/w")).json()["count"], range(20)))
    assert len(set(answers)) == 1
    assert all(len(fetch(url("/long")).body) == 1_100_000 for _ in range(2))
    figures = one.figures()
    labels = f'{{api="{api}",stage="prod",method="GET",resource="/long"}}'
    assert figures[f"turnpike_cache_misses_total{labels}"] == "2"


def test_a_canary_shares_the_cache_if_it_is_told_to(one):
    url, api, change = cached(one, {"/c": {"GET": (mock(response=ID), {})}})
    client = one.client()
    deployment = client.get_stage(restApiId=api, stageName="prod")["deploymentId"]
    body = lambda: fetch(url("/c")).text
    kept = body()
    change(replace("/canarySettings/percentTraffic", "100.0"))
    assert client.get_stage(restApiId=api, stageName="prod")["canarySettings"]["deploymentId"] == deployment
    assert kept not in (body(), body()) and body() != body()
    change(replace("/canarySettings/useStageCache", "true"))
    assert body() == kept
