"""A store that is damaged is not used: the node says so, and comes back, repaired, as a new one with everything."""

import json
import random
import subprocess
import time

import pytest

from conftest import BINARY, eventually, nodes
from workload import Workload

# A start must be over within this time, in seconds, however the store is damaged.
DEADLINE = 30


def flip(path):
    """Bits here and there, as a disk that lies gives them back."""
    chance = random.Random(1)
    content = bytearray(path.read_bytes())
    used = len(content.rstrip(b"\0"))
    for _ in range(200):
        content[chance.randrange(used)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncate(path):
    """The end is missing, as after a restore of an older copy; sled itself would open this and say nothing."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content.rstrip(b"\0")) * 2 // 3])


def remove(path):
    path.unlink()


def cluster_command(node, *words):
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin}
    return subprocess.run(
        [BINARY, "cluster", *words], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def refusal(node):
    """Why a node does not start: its last line, and nothing but logs before it."""
    node.start()
    assert node.process.wait(DEADLINE) == 1
    lines = node.tail().strip().splitlines()
    assert lines[-1].startswith("turnpike: ")
    assert all(line.startswith(("{", "turnpike: ")) for line in lines[-3:]), lines[-3:]
    return lines[-1]


def members(node):
    status = node.status()
    return {member["id"]: member["role"] for member in status["members"]} if status else {}


@pytest.mark.parametrize("damage", [flip, truncate, remove])
def test_a_damaged_node_comes_back_as_a_new_one(tmp_path, damage):
    with nodes(tmp_path, 3) as cluster:
        first, second, third = cluster
        with Workload(cluster) as workload:
            workload.progress(40)
            # The first node: what it was started with, --bootstrap, must not begin another cluster afterwards.
            first.kill()
            damage(first.data / "store" / "db")
            why = refusal(first)
            assert "is damaged and is not used" in why
            assert f"turnpike cluster repair --data {first.data}" in why
            workload.progress(20)

            refused = cluster_command(second, "repair", "--data", str(second.data))
            assert refused.returncode == 1 and "another process is using this data directory" in refused.stderr
            done = cluster_command(first, "repair", "--data", str(first.data))
            assert done.returncode == 0, done.stderr
            assert f"moved the damaged store of node 1 to {first.data}/damaged-1" in done.stdout
            assert "turnpike cluster remove 1" in done.stdout and "--join" in done.stdout
            assert (first.data / "damaged-1" / "store").is_dir()
            again = cluster_command(first, "repair", "--data", str(first.data))
            assert again.returncode == 1 and "holds no node" in again.stderr

            assert "was repaired" in refusal(first)
            removed = cluster_command(second, "remove", "1")
            assert removed.returncode == 0, removed.stderr
            first.join = f"{second.address('cluster')},{third.address('cluster')}"
            begun = time.monotonic()
            first.start().wait_ready(DEADLINE)

            def votes():
                return members(second).get(4) in ("leader", "follower")

            eventually(votes, what="the vote of the new node")
            assert sorted(members(second)) == [2, 3, 4]
            print(f"{damage.__name__}: a member with a vote {time.monotonic() - begun:.1f} s after its start")
            workload.progress(20)
        for node in cluster:
            workload.check(node)
        # The new node counts: one of the others may go.
        third.kill()
        assert eventually(lambda: first.client().create_rest_api(name="with-the-new-one"), what="a write")["id"]


def test_what_is_repaired_is_told_to_scripts(tmp_path):
    with nodes(tmp_path, 1) as (node,):
        node.kill()
        done = cluster_command(node, "repair", "--data", str(node.data), "--output", "json")
        assert json.loads(done.stdout) == {"aside": f"{node.data}/damaged-1", "node": 1}
        nowhere = tmp_path / "nowhere"
        done = cluster_command(node, "repair", "--data", str(nowhere))
        assert done.returncode == 1 and "holds no node" in done.stderr and not nowhere.exists()


@pytest.mark.parametrize("name", ["identity", "vote", "reach"])
def test_small_files_that_are_damaged_are_found(tmp_path, name):
    with nodes(tmp_path, 1) as (node,):
        node.kill()
        path = node.data / name
        path.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))
        assert f"{name} is damaged" in refusal(node)


def test_a_store_without_its_identity_is_not_used(tmp_path):
    with nodes(tmp_path, 1) as (node,):
        node.kill()
        (node.data / "identity").unlink()
        assert "the identity, which is not there, is damaged" in refusal(node)
