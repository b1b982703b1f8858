"""What is counted of usage plans, and what is told of them: and that no key's value is among it."""

import collections
import contextlib
import pathlib
import re

from conftest import eventually, fetch, nodes, replace
from test_partitions import cluster, network, healed  # noqa: F401 (fixtures)
from test_quotas import Load, ask, day, keyed_api, make_key, make_plan, used

TRACED = {"RUST_LOG": "turnpike=trace,turnpike_cluster=debug,info"}


def traced(_):
    return {"environment": TRACED}


def counted(cluster, name, **labels):
    """What all nodes that answer have counted, together."""
    total = 0
    for node in cluster:
        with contextlib.suppress(OSError):
            for series, value in node.figures().items():
                found = dict(re.findall(r'([a-z_]+)="([^"]*)"', series))
                if series.split("{")[0] == name and all(found.get(label) == text for label, text in labels.items()):
                    total += float(value)
    return total


def logs(cluster):
    return "".join(pathlib.Path(f"{node.data}.log").read_text(errors="replace") for node in cluster)


def told_nowhere(cluster, *values):
    """Neither logs nor metrics nor data on disk say what a key's value is."""
    for node in cluster:
        text = fetch(f"http://{node.address('metrics')}/metrics").text
        for value in values:
            assert value not in text
            assert value not in pathlib.Path(f"{node.data}.log").read_text(errors="replace")
            kept = [file for file in node.data.rglob("*") if file.is_file()]
            assert kept and not any(value.encode() in file.read_bytes() for file in kept)


def test_requests_of_a_plan_are_counted_and_what_a_quota_has_come_to_is_told_once(tmp_path):
    with nodes(tmp_path, 3, traced) as three:
        client = three[0].client()
        api, _ = keyed_api(three[0])
        plan = make_plan(client, api, quota=day(50))
        key, value = make_key(client, plan)
        slow = make_plan(client, api, throttle={"rateLimit": 0.001, "burstLimit": 2})
        _, hasty = make_key(client, slow)
        chosen = "a-value-that-nobody-shall-see-in-any-log"
        _, other = make_key(client, slow, value=chosen)
        places = [node.url(api, "prod", "/pets") for node in three]
        statuses = [ask(places[at % 3], value).status for at in range(60)]
        assert collections.Counter(statuses) == {200: 50, 429: 10}
        assert [ask(places[at % 3], hasty).status for at in range(5)] == [200] * 2 + [429] * 3
        assert ask(places[0], chosen).status == 200 and ask(places[0], chosen + "x").status == 403
        of = lambda name, **labels: counted(three, name, plan=plan, **labels)
        assert of("turnpike_plan_requests_total", outcome="allowed") == 50
        assert of("turnpike_plan_requests_total", outcome="refused") == 10
        assert of("turnpike_plan_requests_total", outcome="undecided") == 0
        assert counted(three, "turnpike_plan_requests_total", plan=slow, outcome="throttled") == 3
        assert 1 <= of("turnpike_quota_leases_total") <= 50
        assert of("turnpike_quota_waits_total") >= 1
        # Each share is told once a period, however often what was leased comes back.
        client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", "5"))
        assert [ask(places[at % 3], value).status for at in range(8)].count(200) == 5
        for percent in ("80", "100"):
            assert of("turnpike_quota_crossed_total", percent=percent) == 1
        events = [line for line in logs(three).splitlines() if "a key has used so much of its quota" in line]
        assert len(events) == 2 and all(plan in event and key in event for event in events), events
        told_nowhere(three, value, hasty, chosen, other)


def test_what_a_crash_strands_is_counted(tmp_path):
    with nodes(tmp_path, 3, traced) as three:
        client = three[0].client()
        api, _ = keyed_api(three[0])
        plan = make_plan(client, api, quota=day(100_000))
        key, value = make_key(client, plan)
        url = three[2].url(api, "prod", "/pets")
        assert [ask(url, value).status for _ in range(5)] == [200] * 5
        three[2].kill()
        three[2].start().wait_ready()
        assert ask(url, value).status == 200
        stranded = counted(three, "turnpike_quota_stranded_total", plan=plan)
        # A first lease, and no more than a hundredth of the quota. What is not counted was let through.
        assert 0 < stranded <= 1000
        lost = used(client, plan, key)[0][0] - 6
        assert 0 < lost <= stranded
        told_nowhere(three, value)


def test_plans_of_a_node_that_is_cut_off_are_counted_until_it_is_back_or_they_are_gone(cluster, network):
    client = cluster[0].client()
    api, _ = keyed_api(cluster[0])
    plans = [make_plan(client, api, quota=day(1000)), make_plan(client, api, quota=day(1000))]
    values = [make_key(client, plan)[1] for plan in plans]
    alone = cluster[2]
    url = alone.url(api, "prod", "/pets")
    cut_off = lambda: float(alone.figures().get("turnpike_plans_cut_off", 0))
    assert [ask(url, value).status for value in values] == [200] * 2 and cut_off() == 0
    with healed(network), Load([url], values[0], clients=1) as first, Load([url], values[1], clients=1) as second:
        network.isolate(alone, cluster)
        eventually(lambda: cut_off() == 2, within=60, what="plans that are cut off")
        undecided = lambda plan: counted([alone], "turnpike_plan_requests_total", plan=plan, outcome="undecided")
        eventually(lambda: all(undecided(plan) > 0 for plan in plans), within=60, what="requests that nobody can decide")
        # One of them goes meanwhile, and the node does not know.
        client.update_usage_plan(usagePlanId=plans[0], patchOperations=[
            {"op": "remove", "path": "/apiStages", "value": f"{api}:prod"}])
        client.delete_usage_plan(usagePlanId=plans[0])
    eventually(lambda: cut_off() == 0, within=60, what="a node that is back")
    assert ask(url, values[1]).status == 200 and ask(url, values[0]).status == 403
    assert {status for status, _ in first.counts} <= {200, 429, 403, 0}
    assert {status for status, _ in second.counts} <= {200, 429, 0}
    told_nowhere(cluster, *values)
