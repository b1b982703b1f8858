"""Nodes that are killed while they are written to: what was acknowledged stays, and nothing is there by half.

TURNPIKE_CRASH_ROUNDS says how many rounds of each kind are run; without it a few.
"""

import os
import random
import subprocess
import time

import pytest

from conftest import BINARY, Node, build, eventually, fetch, nodes
from workload import UNCERTAIN, Workload, leader_of

ROUNDS = int(os.environ.get("TURNPIKE_CRASH_ROUNDS", "5"))
@pytest.fixture
def cluster(tmp_path):
    with nodes(tmp_path, 3) as started:
        yield started


def restart(*killed):
    for node in killed:
        node.start()
    for node in killed:
        node.wait_ready()


@pytest.mark.parametrize(
    "count, kind", [(3, "any"), (3, "leader"), (3, "all"), (1, "all"), (5, "any"), (5, "leader"), (5, "all")]
)
def test_kills_under_writes_lose_nothing(tmp_path, count, kind):
    with nodes(tmp_path, count) as cluster:
        kill_under_writes(cluster, kind, ROUNDS if count == 3 else max(1, ROUNDS // 2))


def kill_under_writes(cluster, kind, rounds):
    chance = random.Random(kind)
    with Workload(cluster) as workload:
        for _ in range(rounds):
            workload.progress(10)
            victims = {
                "any": lambda: [chance.choice(cluster)],
                "leader": lambda: [leader_of(cluster)],
                "all": lambda: list(cluster),
            }[kind]()
            for victim in victims:
                victim.kill()
            if kind != "all":
                # The others go on by themselves.
                workload.progress(5)
            restart(*victims)
    for node in cluster:
        workload.check(node)
    print(f"{len(cluster)} nodes, {rounds} kills of {kind}: {len(workload.ids)} acknowledged writes, none lost")


def test_what_a_stage_serves_outlives_the_kill_of_all_nodes(cluster, backend):
    client = cluster[0].client()
    api, _ = build(client, backend)
    client.create_deployment(restApiId=api, stageName="prod")
    for node in cluster:
        node.kill()
    restart(*cluster)
    # A node that says it is ready serves what was deployed, at once.
    for node in cluster:
        assert fetch(node.url(api, "prod", "/pets")).status == 200


def test_a_node_without_a_majority_refuses_writes_and_serves_traffic(cluster, backend):
    client = cluster[0].client()
    api, _ = build(client, backend)
    client.create_deployment(restApiId=api, stageName="prod")
    for node in cluster[1:]:
        node.kill()
    assert fetch(cluster[0].url(api, "prod", "/pets")).status == 200
    with pytest.raises(UNCERTAIN) as refused:
        client.create_rest_api(name="lonely")
    assert "503" in str(refused.value) or "ServiceUnavailable" in str(refused.value)
    restart(*cluster[1:])
    assert client.create_rest_api(name="together")["id"]


def test_a_deployment_does_not_wait_for_the_dead(cluster, backend):
    client = cluster[0].client()
    api, _ = build(client, backend)
    cluster[2].kill()
    client.create_deployment(restApiId=api, stageName="prod")
    assert fetch(cluster[1].url(api, "prod", "/pets")).status == 200
    restart(cluster[2])
    assert fetch(cluster[2].url(api, "prod", "/pets")).status == 200


def test_a_clean_stop_is_quick_and_the_node_comes_back(cluster):
    for node in cluster:
        assert node.stop() == 0
        assert eventually(lambda: any(other.client().create_rest_api(name="x") for other in cluster if other != node))
        restart(node)


def test_a_start_that_is_cut_off_is_taken_up_again(tmp_path):
    """Killed at any moment of its first start, as the first node or as one that joins, a node gets there in the end."""
    first = Node(tmp_path, 1)
    second = Node(tmp_path, 2, join=first.address("cluster"))
    try:
        for node in (first, second):
            for milliseconds in range(10, 200, 15):
                node.start()
                # The moment of the kill is the point here, not a wait for something.
                time.sleep(milliseconds / 1000)
                node.kill()
            node.start().wait_ready()
        eventually(lambda: len(first.status()["members"]) == 2, what="two members")
        assert sorted(member["id"] for member in second.status()["members"]) == [1, 2]
        assert second.client().create_rest_api(name="x")["id"]
    finally:
        for node in (first, second):
            if node.process and node.process.poll() is None:
                node.kill()


def test_a_node_that_was_removed_ends_and_stays_out(cluster):
    gone = cluster[2]
    done = subprocess.run(
        [BINARY, "cluster", "remove", str(gone.number), "--admin-url", cluster[0].admin],
        env=gone.environment, capture_output=True, text=True, timeout=30, check=True,
    )
    assert "no longer a member" in done.stdout
    assert gone.process.wait(30) == 1
    assert f"node {gone.number} was removed from its cluster" in gone.tail()
    assert gone.start().process.wait(30) == 1
    assert "was removed from its cluster; to let this machine in again" in gone.tail().splitlines()[-1]
    assert len(cluster[1].status()["members"]) == 2
