"""Rates of keys across nodes when one of these is gone, or says nothing."""

import signal

import pytest

from conftest import nodes
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
