"""Quotas where a node's clock is wrong from its start."""

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import eventually, fetch, nodes
from test_quotas import ask, day, keyed_api, make_key, make_plan, used

HOUR = 3600


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """A library that makes the clock wrong for whoever preloads it."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = pathlib.Path(__file__).parent / "clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return lambda seconds: {"environment": {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(seconds)}}


def ahead(node):
    text = fetch(f"http://{node.address('metrics')}/metrics").text
    found = re.search(r"^turnpike_clock_offset_seconds (\S+)$", text, re.MULTILINE)
    return found and float(found[1])


@pytest.mark.parametrize("seconds", [24 * HOUR, -24 * HOUR, HOUR])
def test_a_node_whose_clock_is_wrong_neither_opens_nor_closes_a_quota(tmp_path, wrong, seconds):
    with nodes(tmp_path, 3, lambda number: wrong(seconds) if number == 3 else {}) as three:
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
