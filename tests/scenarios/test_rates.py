"""Rates of keys across nodes when one of these is gone, or says nothing."""

import collections
import signal
import time

import pytest

from conftest import eventually, nodes
from test_quotas import ask, keyed_api, make_key, make_plan


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_no_key_is_refused_because_a_node_that_counted_for_it_is_gone(tmp_path, end):
    with nodes(tmp_path, 3) as three:
        client = three[0].client()
        api, _ = keyed_api(three[0])
        plan = make_plan(client, api, throttle={"rateLimit": 1000, "burstLimit": 100})
        values = [make_key(client, plan)[1] for _ in range(30)]
        survivors = [node.url(api, "prod", "/pets") for node in three[:2]]
        assert [ask(url, value).status for value in values for url in survivors] == [200] * 60
        # A third of the keys is counted on the one that goes; what the others have drawn is soon worthless.
        three[2].process.send_signal(end)
        for _ in range(3):
            assert [ask(url, value).status for value in values for url in survivors] == [200] * 60


def test_a_burst_is_not_had_again_when_the_node_that_counted_it_is_gone(tmp_path):
    with nodes(tmp_path, 3) as three:
        client = three[0].client()
        api, _ = keyed_api(three[0])
        rate, burst = 2, 100
        plan = make_plan(client, api, throttle={"rateLimit": rate, "burstLimit": burst})
        values = [make_key(client, plan)[1] for _ in range(12)]
        survivors = [node.url(api, "prod", "/pets") for node in three[:2]]

        begun = time.monotonic()

        def drain():
            """Asks both with each key until neither lets anything through; how often they did."""
            counts = collections.Counter()
            for value in values:
                while let_through := [ask(url, value).status for url in survivors].count(200):
                    counts[value] += let_through
            return counts

        first = drain()
        assert min(first[value] for value in values) >= burst * 0.9
        three[2].process.kill()
        # Who was told that there is nothing for a while asks nobody meanwhile.
        later = drain()
        eventually(lambda: later.update(drain()) or all(later[value] for value in values))
        for value in values:
            assert first[value] + later[value] <= burst * 1.01 + (time.monotonic() - begun) * rate + 1, later
