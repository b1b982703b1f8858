"""Quotas where a node's clock is wrong: from its start, from one moment to the next, at midnight."""

import datetime
import pathlib
import re

import pytest

from clocks import clock_library, clocks, moment  # noqa: F401 (fixtures)
from conftest import eventually, fetch, nodes
from test_quotas import ask, day, keyed_api, make_key, make_plan, used

HOUR = 3600
DAY = 24 * HOUR


def ahead(node):
    text = fetch(f"http://{node.address('metrics')}/metrics").text
    found = re.search(r"^turnpike_clock_offset_seconds (\S+)$", text, re.MULTILINE)
    return found and float(found[1])


def usage_around(client, plan, key, today):
    """What was used and is left yesterday, today and tomorrow."""
    days = [str(today + datetime.timedelta(days=number)) for number in (-1, 1)]
    return client.get_usage(usagePlanId=plan, keyId=key, startDate=days[0], endDate=days[1])["items"][key]


def find(cluster, role):
    """The node that leads, or one that follows."""
    def found():
        status = cluster[0].status()
        numbers = [member["id"] for member in status["members"] if member["role"] == role] if status else []
        return next((node for node in cluster if node.number in numbers), None)

    return eventually(found, what=f"a {role}")


@pytest.mark.parametrize("seconds", [DAY, -DAY, HOUR])
def test_a_node_whose_clock_is_wrong_neither_opens_nor_closes_a_quota(tmp_path, clocks, seconds):
    with nodes(tmp_path, 3, lambda number: clocks.place(number, seconds if number == 3 else 0)) as three:
        client = three[0].client()
        api, url = keyed_api(three[0])
        plan = make_plan(client, api, quota=day(20))
        key, value = make_key(client, plan)
        urls = [url("/pets").replace(three[0].address("gateway"), node.address("gateway")) for node in three]
        # The first to ask is the one that is wrong.
        first = [ask(urls[2], value).status for _ in range(5)]
        rest = [ask(urls[number % 3], value).status for number in range(45)]
        assert first == [200] * 5
        assert (first + rest).count(200) == 20 and set(rest) == {200, 429}
        assert used(client, plan, key) == [[20, 0]]
        # It is said how wrong it is.
        eventually(lambda: ahead(three[2]) is not None, what="a comparison of clocks")
        assert abs(ahead(three[2]) + seconds) < 30
        assert "clock differs from those of most nodes" in pathlib.Path(f"{three[2].data}.log").read_text()
        assert abs(ahead(three[0]) or 0) < 30


@pytest.mark.parametrize("role", ["leader", "follower"])
@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_clock_that_is_set_after_it_was_compared_neither_opens_nor_closes_a_quota(tmp_path, clocks, role, seconds):
    with nodes(tmp_path, 3, clocks.place) as three:
        client = three[0].client()
        api, _ = keyed_api(three[0])
        plan = make_plan(client, api, quota=day(60))
        key, value = make_key(client, plan)
        ask_all = lambda times: [ask(three[at % 3].url(api, "prod", "/pets"), value).status for at in range(times)]
        today = datetime.datetime.now(datetime.timezone.utc).date()
        before = ask_all(30)
        victim = find(three, role)
        eventually(lambda: ahead(victim) is not None, what="a comparison of clocks")
        clocks.set(three.index(victim) + 1, seconds)
        # What it is asked first is its own lease, and then its quota's.
        first = [ask(victim.url(api, "prod", "/pets"), value).status for _ in range(10)]
        after = ask_all(60)
        assert before == [200] * 30 and first == [200] * 10
        assert after.count(200) == 20 and set(after) == {200, 429}
        sound = next(node for node in three if node is not victim)
        assert usage_around(sound.client(), plan, key, today) == [[0, 60], [60, 0], [0, 60]]


@pytest.mark.parametrize("role, seconds", [("leader", HOUR), ("follower", HOUR), ("leader", -HOUR), ("follower", -HOUR)])
def test_a_day_begins_when_it_begins_for_most_nodes(tmp_path, clocks, moment, role, seconds):
    moment.go_before_midnight(35)
    victim = 1 if role == "leader" else 3
    with nodes(tmp_path, 3, lambda number: clocks.place(number, moment.ahead)) as three:
        client = three[1].client()
        api, _ = keyed_api(three[1])
        plan = make_plan(client, api, quota=day(12))
        key, value = make_key(client, plan)
        assert find(three, "leader") is three[0]
        # One of the clocks is wrong before the first comparison.
        clocks.set(victim, moment.ahead + seconds)
        everywhere = lambda: [ask(node.url(api, "prod", "/pets"), value).status for node in three]
        today = moment.now().date()
        answers = [everywhere() for _ in range(6)]
        assert sum(answers, []).count(200) == 12 and answers[5] == [429] * 3
        assert moment.now().date() == today, "this machine is too slow for the scenario"

        def opens():
            before = moment.now()
            statuses = everywhere()
            # A day that has not begun is not open.
            assert 200 not in statuses or moment.now().date() > today, before
            return 200 in statuses and statuses

        first = eventually(opens, within=90, what="midnight")
        answers = [first] + [everywhere() for _ in range(6)]
        assert sum(answers, []).count(200) == 12, answers
        assert answers[6] == [429] * 3
        tomorrow = today + datetime.timedelta(days=1)
        assert usage_around(client, plan, key, tomorrow) == [[12, 0], [12, 0], [0, 12]]
