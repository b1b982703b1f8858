"""API keys, throttles and quotas of usage plans on requests: exact, on however many nodes, whoever is killed."""

import collections
import csv
import datetime
import itertools
import json
import random
import subprocess
import threading
import time
import urllib.error

import pytest

from conftest import BINARY, eventually, fetch, nodes, replace, serve
from test_mapping import mock

WORDS = 'id=$context.identity.apiKeyId key=$context.identity.apiKey'
KEYED = {"security": [{"key": []}]}
COMPONENTS = {"securitySchemes": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}
numbers = itertools.count(1)


def keyed_api(node, stage="prod", paths=("/pets",)):
    """An API whose methods want keys, but for /open; gives its id and a function from paths to URLs."""
    described = {path: {"GET": (mock(response=WORDS), KEYED)} for path in paths}
    url = serve(node, {**described, "/open": {"GET": (mock(response=WORDS), {})}}, stage=stage, components=COMPONENTS)
    return url("").split("/")[-2], url


def make_key(client, plan=None, **members):
    key = client.create_api_key(name=f"key {next(numbers)}", **{"enabled": True, **members})
    if plan:
        client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return key["id"], key["value"]


def make_plan(client, api, stage="prod", stage_throttle=None, **members):
    stages = [{"apiId": api, "stage": stage, **({"throttle": stage_throttle} if stage_throttle else {})}]
    return client.create_usage_plan(name=f"plan {next(numbers)}", apiStages=stages, **members)["id"]


def ask(url, value=None, timeout=30):
    return fetch(url, headers={"X-API-Key": value} if value else {}, timeout=timeout)


def day(quota):
    return {"limit": quota, "period": "DAY"}


def used(client, plan, key):
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return client.get_usage(usagePlanId=plan, keyId=key, startDate=today, endDate=today)["items"].get(key)


def test_a_method_that_wants_a_key_is_open_to_keys_of_its_plans(three):
    client = three[0].client()
    api, url = keyed_api(three[0])
    everywhere = lambda path: [url(path).replace(three[0].address("gateway"), node.address("gateway")) for node in three]
    plan = make_plan(client, api)
    key, value = make_key(client, plan)
    other, stranger = make_key(client)
    for place in everywhere("/pets"):
        assert ask(place, value).text == f"id={key} key={value}"
        for shown in (None, "", stranger, "no-key-at-all-no-key-at-all"):
            refused = ask(place, shown)
            assert (refused.status, refused.body) == (403, b'{"message":"Forbidden"}')
            assert refused.headers["x-amzn-ErrorType"] == "ForbiddenException"
    # A method that wants none doesn't look at what is sent.
    assert ask(url("/open"), value).text == "id= key="
    # What is changed is so on all nodes when the call returns, on whichever it was made.
    turns = itertools.cycle(node.client() for node in three)
    for status, change in [
        (403, lambda: next(turns).update_api_key(apiKey=key, patchOperations=replace("/enabled", "false"))),
        (200, lambda: next(turns).update_api_key(apiKey=key, patchOperations=replace("/enabled", "true"))),
        (403, lambda: next(turns).delete_usage_plan_key(usagePlanId=plan, keyId=key)),
        (200, lambda: next(turns).create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")),
        (403, lambda: next(turns).update_usage_plan(usagePlanId=plan, patchOperations=[
            {"op": "remove", "path": "/apiStages", "value": f"{api}:prod"}])),
        (200, lambda: next(turns).update_usage_plan(usagePlanId=plan, patchOperations=[
            {"op": "add", "path": "/apiStages", "value": f"{api}:prod"}])),
        (403, lambda: next(turns).delete_api_key(apiKey=key)),
    ]:
        change()
        assert [ask(place, value).status for place in everywhere("/pets")] == [status] * 3


def test_a_key_may_have_another_plan_at_each_stage(one):
    client = one.client()
    api, url = keyed_api(one)
    deployment = client.get_stage(restApiId=api, stageName="prod")["deploymentId"]
    client.create_stage(restApiId=api, stageName="test", deploymentId=deployment)
    free, tight = make_plan(client, api), make_plan(client, api, "test", quota=day(1))
    key, value = make_key(client, free)
    client.create_usage_plan_key(usagePlanId=tight, keyId=key, keyType="API_KEY")
    assert [ask(one.url(api, stage, "/pets"), value).status for stage in ("prod", "test", "prod", "test", "prod")] == [
        200, 200, 200, 429, 200]
    assert used(client, tight, key) == [[1, 0]]
    assert used(client, free, key) == [[3, -1]]


def test_each_key_is_throttled_as_its_plan_says(one):
    client = one.client()
    api, url = keyed_api(one, paths=("/pets", "/pets/{id}"))
    slow = {"rateLimit": 0.001, "burstLimit": 3}
    plan = make_plan(client, api, throttle=slow, stage_throttle={"/pets/{id}/GET": {"rateLimit": 0.001, "burstLimit": 1}})
    (_, first), (_, second) = make_key(client, plan), make_key(client, plan)
    assert [ask(url("/pets"), first).status for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = ask(url("/pets"), first)
    assert refused.body == b'{"message":"Too Many Requests"}'
    assert refused.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    # A method with an entry of its own has a bucket of its own, and so has each key.
    assert [ask(url("/pets/1"), first).status for _ in range(2)] == [200, 429]
    assert [ask(url("/pets"), second).status for _ in range(4)] == [200, 200, 200, 429]
    # A change of something else does not fill the buckets; a new limit does.
    client.update_usage_plan(usagePlanId=plan, patchOperations=replace("/name", "renamed"))
    assert ask(url("/pets"), first).status == 429
    client.update_usage_plan(usagePlanId=plan, patchOperations=replace("/throttle/burstLimit", "2"))
    assert [ask(url("/pets"), first).status for _ in range(3)] == [200, 200, 429]
    # What is throttled is not counted.
    key = client.get_api_keys(includeValues=True, nameQuery="key")["items"]
    key = next(item["id"] for item in key if item["value"] == second)
    assert used(client, plan, key) == [[3, -1]]


class Load:
    """Clients that ask as fast as they can, each of one node, until they are stopped; counts the answers."""

    def __init__(self, urls, value, clients=4):
        self.counts = collections.Counter()
        self.over = threading.Event()
        self.lock = threading.Lock()
        places = [url for url in urls for _ in range(clients)]
        self.threads = [threading.Thread(target=self.run, args=(url, value), daemon=True) for url in places]

    def run(self, url, value):
        while not self.over.is_set():
            try:
                answer = ask(url, value, timeout=10)
                outcome = (answer.status, answer.json()["message"] if answer.status == 429 else "")
            except (OSError, urllib.error.URLError):
                # Nobody knows whether it was let through.
                outcome = (0, "broken")
                self.over.wait(0.02)
            with self.lock:
                self.counts[outcome] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    @property
    def allowed(self):
        return self.counts[200, ""]

    @property
    def refused(self):
        return self.counts[429, "Limit Exceeded"]


@pytest.mark.parametrize("quota", [7, 1500])
def test_a_quota_lets_exactly_so_many_requests_through(three, quota):
    client = three[1].client()
    api, url = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(quota))
    key, value = make_key(client, plan)
    places = [three[at].url(api, "prod", "/pets") for at in (0, 0, 1, 2)]
    with Load(places, value, clients=2) as load:
        eventually(lambda: load.refused > 200, within=60, what="a quota that is used up")
    assert load.allowed == quota, load.counts
    assert set(load.counts) == {(200, ""), (429, "Limit Exceeded")}
    refused = ask(places[0], value)
    assert (refused.status, refused.body) == (429, b'{"message":"Limit Exceeded"}')
    assert refused.headers["x-amzn-ErrorType"] == "LimitExceededException"
    for node in three:
        assert used(node.client(), plan, key) == [[quota, 0]]
    # More is granted for this period: exactly so much, on whichever node.
    client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", "3"))
    statuses = [ask(places[at % 4], value).status for at in range(8)]
    assert statuses.count(200) == 3 and statuses[-1] == 429, statuses
    assert used(client, plan, key) == [[quota + 3, 0]]


def test_what_one_node_holds_and_does_not_need_another_gets(three):
    client = three[0].client()
    api, url = keyed_api(three[0])
    plan = make_plan(client, api, quota=day(10_000))
    key, value = make_key(client, plan)
    places = [node.url(api, "prod", "/pets") for node in three]
    # The first takes a lease for one request.
    assert ask(places[0], value).status == 200
    assert used(client, plan, key) == [[1, 9_999]], "what is held is not used"
    client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", "5"))
    statuses = [ask(places[1], value).status for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


def test_leases_are_given_back_when_a_node_ends_in_peace(tmp_path):
    with nodes(tmp_path, 3) as started:
        client = started[0].client()
        api, url = keyed_api(started[0])
        plan = make_plan(client, api, quota=day(1_000_000))
        key, value = make_key(client, plan)
        victim = started[2]
        assert [ask(victim.url(api, "prod", "/pets"), value).status for _ in range(20)] == [200] * 20
        victim.stop()
        assert used(client, plan, key) == [[20, 999_980]]


@pytest.mark.parametrize("count", [3, 5])
def test_no_quota_is_exceeded_whoever_is_killed(tmp_path, count):
    quota, chance = 3000, random.Random(count)
    with nodes(tmp_path, count) as started:
        client = started[0].client()
        api, url = keyed_api(started[0])
        plan = make_plan(client, api, quota=day(quota))
        key, value = make_key(client, plan)
        places = [node.url(api, "prod", "/pets") for node in started]
        kills = 0
        with Load(places, value, clients=2) as load:
            while load.refused < 300:
                before = load.allowed
                eventually(lambda: load.allowed > before + 250 or load.refused >= 300, within=60, what="progress")
                if load.allowed < quota * 0.8 and load.refused == 0:
                    victim = chance.choice(started)
                    victim.kill()
                    kills += 1
                    victim.start()
                    victim.wait_ready()
        # An answer that got lost may have been let through; a crash strands a lease at most, a hundredth of the quota.
        broken = load.counts[0, "broken"]
        assert kills >= 2, load.counts
        assert load.allowed <= quota, load.counts
        assert load.allowed >= quota - kills * quota // 100 - broken, load.counts
        assert load.counts[429, "Limit Exceeded"] > 0
        told = eventually(lambda: used(client, plan, key), what="usage")
        assert told[0][1] == 0 and load.allowed <= told[0][0] <= quota


def test_a_burst_is_one_for_all_nodes(three):
    client = three[0].client()
    api, _ = keyed_api(three[0])
    plan = make_plan(client, api, throttle={"rateLimit": 0.001, "burstLimit": 30})
    _, value = make_key(client, plan)
    places = itertools.cycle(node.url(api, "prod", "/pets") for node in three)
    statuses = [ask(next(places), value).status for _ in range(45)]
    assert statuses == [200] * 30 + [429] * 15


def test_a_rate_is_one_for_all_nodes(three):
    client = three[0].client()
    api, _ = keyed_api(three[0])
    rate, burst = 150, 40
    plan = make_plan(client, api, throttle={"rateLimit": rate, "burstLimit": burst})
    _, value = make_key(client, plan)
    places = [node.url(api, "prod", "/pets") for node in three]
    for urls in (places[:1], places, places[1:]):
        before = time.monotonic()
        with Load(urls, value, clients=3) as load:
            eventually(lambda: load.allowed > 300, within=60, what="requests that are let through")
        assert load.counts[429, "Too Many Requests"] > 0
        # Whatever the load and wherever it goes.
        assert load.allowed <= burst + rate * (time.monotonic() - before), load.counts
        assert set(load.counts) == {(200, ""), (429, "Too Many Requests")}


def test_what_was_used_is_reported_for_bills(one):
    client = one.client()
    api, url = keyed_api(one)
    plan = client.create_usage_plan(
        name="Gold, monthly", apiStages=[{"apiId": api, "stage": "prod"}], quota={"limit": 100, "period": "MONTH"})["id"]
    client.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "add", "path": "/productCode", "value": "p-1"}])
    key, value = make_key(client, plan, customerId="customer 7")
    make_key(client, plan)
    assert [ask(url("/pets"), value).status for _ in range(3)] == [200] * 3
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()

    def report(*words):
        environment = {**one.environment, "TURNPIKE_ADMIN_URL": one.admin}
        command = [BINARY, "usage", "report", "--plan", plan, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    rows = list(csv.DictReader(report("--output", "csv").stdout.splitlines()))
    name = client.get_api_key(apiKey=key)["name"]
    assert rows == [{"plan": plan, "plan_name": "Gold, monthly", "product_code": "p-1", "key": key, "key_name": name,
                     "customer": "customer 7", "labels": "", "day": today, "used": "3", "remaining": "97"}]
    told = json.loads(report("--output", "json").stdout)
    assert (told["key"], told["used"], told["remaining"]) == (key, 3, 97)
    assert value not in report().stdout and "Gold, monthly" in report().stdout
    refused = report("--from", "2026-01-01", "--to", "2025-01-01")
    assert refused.returncode == 1 and "is after" in refused.stderr
