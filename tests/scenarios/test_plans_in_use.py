"""Plans, keys and quotas that are changed while callers use them: what an answer says is so on every node, from then on."""

import collections

import pytest

from conftest import eventually, replace
from test_quotas import Load, ask, day, keyed_api, make_key, make_plan, used


def everywhere(three, api, path="/pets"):
    return [node.url(api, "prod", path) for node in three]


def answers(urls, value, rounds):
    return collections.Counter(ask(url, value).status for _ in range(rounds) for url in urls)


def test_a_quota_is_lowered_and_raised_while_nodes_hold_leases_of_it(three):
    client = three[1].client()
    api, _ = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(10_000))
    key, value = make_key(client, plan)
    urls = everywhere(three, api)
    assert answers(urls, value, 10) == {200: 30}
    # Every node holds tokens of the quota as it was.
    for limit, more in [(25, 0), (30, 0), (34, 4), (1000, 30)]:
        client.update_usage_plan(usagePlanId=plan, patchOperations=replace("/quota/limit", str(limit)))
        assert answers(urls, value, 10)[200] == more, limit
    assert used(client, plan, key) == [[64, 936]]


def test_what_is_left_is_lowered_and_raised_while_nodes_hold_leases_of_it(three):
    client = three[2].client()
    api, _ = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(10_000))
    key, value = make_key(client, plan)
    urls = everywhere(three, api)
    for spent, remaining in [(30, 4), (4, 0), (0, 7), (7, 9_000), (30, 1)]:
        assert answers(urls, value, 10)[200] == spent
        told = client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", str(remaining)))
        total = used(client, plan, key)[0][0]
        assert told["items"][key] == [[total, remaining]] == used(client, plan, key)
    assert answers(urls[1:] + urls[:1], value, 10)[200] == 1


def test_what_is_left_can_be_set_under_load(three):
    client = three[0].client()
    api, _ = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(1_000_000))
    key, value = make_key(client, plan)
    with Load(everywhere(three, api), value, clients=2) as load:
        eventually(lambda: load.allowed > 300, within=60, what="some use")
        client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", "100"))
        at_most = load.allowed + 100
        eventually(lambda: load.refused > 100, within=60, what="a quota that is used up")
    # Those that were let through before the answer came and counted by their callers after it: one a client.
    assert load.allowed <= at_most + 6
    assert set(load.counts) == {(200, ""), (429, "Limit Exceeded")}
    assert used(client, plan, key) == [[load.allowed, 0]]


@pytest.mark.parametrize("what", ["key", "plan", "membership"])
def test_what_is_deleted_in_use_lets_nobody_through_from_then_on(three, what):
    client = three[0].client()
    api, _ = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(1_000_000), throttle={"rateLimit": 10_000, "burstLimit": 1000})
    key, value = make_key(client, plan)
    urls = everywhere(three, api)
    with Load(urls, value, clients=1) as load:
        eventually(lambda: load.allowed > 100, within=60, what="some use")
        if what == "key":
            client.delete_api_key(apiKey=key)
        elif what == "membership":
            client.delete_usage_plan_key(usagePlanId=plan, keyId=key)
        else:
            client.update_usage_plan(usagePlanId=plan, patchOperations=[
                {"op": "remove", "path": "/apiStages", "value": f"{api}:prod"}])
            client.delete_usage_plan(usagePlanId=plan)
        assert answers(urls, value, 3) == {403: 9}
    assert {status for status, _ in load.counts} == {200, 403}
    if what != "plan":
        # A key that has left a plan is told of with what it used.
        assert used(client, plan, key)[0][0] == load.allowed


def test_a_plan_comes_before_a_stage_and_a_method_before_its_plan(one):
    client = one.client()
    api, url = keyed_api(one, paths=("/pets", "/toys"))
    slow = lambda burst: {"rateLimit": 0.001, "burstLimit": burst}
    stage = lambda burst: client.update_stage(restApiId=api, stageName="prod", patchOperations=[
        *replace("/*/*/throttling/burstLimit", str(burst)), *replace("/*/*/throttling/rateLimit", "0.001")])
    plan = make_plan(client, api, throttle=slow(4), stage_throttle={"/toys/GET": slow(6)}, quota=day(100))
    key, value = make_key(client, plan)
    statuses = lambda path, times: [ask(url(path), value).status for _ in range(times)]
    stage(5)
    # The plan's bucket is empty first; a method's own bucket outlasts the stage's.
    assert statuses("/pets", 6) == [200] * 4 + [429] * 2
    assert statuses("/toys", 7) == [200] * 5 + [429] * 2
    # What was throttled, by whichever of them, was not counted.
    assert used(client, plan, key) == [[9, 91]]


def test_an_offset_is_taken_off_the_first_period(one):
    client = one.client()
    api, url = keyed_api(one)
    plan = make_plan(client, api, quota={"limit": 9, "offset": 4, "period": "WEEK"})
    key, value = make_key(client, plan)
    assert [ask(url("/pets"), value).status for _ in range(7)] == [200] * 5 + [429] * 2
    client.update_usage_plan(usagePlanId=plan, patchOperations=replace("/quota/offset", "2"))
    assert [ask(url("/pets"), value).status for _ in range(4)] == [200] * 2 + [429] * 2
    assert used(client, plan, key) == [[7, 0]]
