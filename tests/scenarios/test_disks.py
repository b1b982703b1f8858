"""Disks that are full, can only be read, or fail: changes are refused or the node ends, and the rest goes on."""

import re
import signal

import botocore.exceptions
import pytest

from conftest import build, eventually, fetch, nodes
from disks import disks
from workload import Workload

MEGABYTES = 192


def refusal(node):
    """What a node says to a change that it does not take."""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        node.client().create_rest_api(name="refused")
    error = refused.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert error["Error"]["Code"] == "ServiceUnavailableException"
    return error["Error"]["Message"]


def names(node):
    return {api["name"] for api in node.client().get_rest_apis(limit=500)["items"]}


def leader_first(cluster):
    """The leader's place among the nodes, then the followers'."""
    leader = cluster[0].status()["node"]["leader"]
    return sorted(range(len(cluster)), key=lambda place: cluster[place].number != leader)


def last_line(node):
    return node.tail().strip().splitlines()[-1]


def test_a_full_disk_refuses_changes_and_serves_on(tmp_path, backend):
    with disks(tmp_path, 1, MEGABYTES) as (disk,), nodes(tmp_path, 1) as (node,):
        client = node.client()
        api, _ = build(client, backend, name="served")
        client.create_deployment(restApiId=api, stageName="prod")
        # Under the reserve, and then with nothing left at all.
        for leave in (20, 0):
            disk.fill(leave)
            told = refusal(node)
            assert re.search(f"node 1 takes no writes: [0-9]+ MiB are free .* {node.data}, and it needs 64 MiB", told), told
            assert names(node) == {"served"}
            assert fetch(node.url(api, "prod", "/pets")).status == 200
        with pytest.raises(botocore.exceptions.ClientError):
            client.delete_rest_api(restApiId=api)

        def shown():
            return float(node.figures()["turnpike_store_free_bytes"]) < 1024 * 1024

        eventually(shown, what="the metric of free bytes")
        disk.free()
        assert client.create_rest_api(name="with room again")["id"]
        assert node.process.poll() is None
        node.kill()
        node.start().wait_ready()
        assert names(node) == {"served", "with room again"}


def test_a_leader_with_a_full_disk_gives_the_lead_away(tmp_path):
    with disks(tmp_path, 3, MEGABYTES) as machines, nodes(tmp_path, 3) as cluster:
        leader, follower, _ = leader_first(cluster)
        machines[leader].fill(20)
        # Nobody is refused but who asks the full one.
        assert cluster[follower].client().create_rest_api(name="led by another")["id"]
        assert cluster[follower].status()["node"]["leader"] != cluster[leader].number
        assert f"node {cluster[leader].number} takes no writes" in refusal(cluster[leader])
        machines[leader].free()
        assert cluster[leader].client().create_rest_api(name="with room again")["id"]


def test_leaders_with_full_disks_refuse_for_all_while_no_voter_has_room(tmp_path):
    with disks(tmp_path, 3, MEGABYTES) as machines, nodes(tmp_path, 3) as cluster:
        for machine in machines:
            machine.fill(20)
        for node in cluster:
            assert "takes no writes" in refusal(node)
        machines[0].free()
        # The lead comes to the one that has room.
        eventually(lambda: cluster[0].status()["node"]["leader"] == cluster[0].number)
        assert cluster[0].client().create_rest_api(name="with room again")["id"]


def test_a_follower_whose_disk_is_full_ends_and_the_others_go_on(tmp_path):
    with disks(tmp_path, 3, MEGABYTES) as machines, nodes(tmp_path, 3) as cluster:
        leader, full, other = leader_first(cluster)
        machines[full].fill(20)
        assert f"node {cluster[full].number} takes no writes" in refusal(cluster[full])
        with Workload([cluster[leader], cluster[other]]) as workload:
            workload.progress(20)
            # It follows for as long as it can.
            assert cluster[full].process.poll() is None
            machines[full].fill(0)
            workload.progress(100)
            assert cluster[full].process.wait(60) == -signal.SIGABRT
            assert "No space left on device" in last_line(cluster[full])
            cluster[full].start()
            assert cluster[full].process.wait(30) == 1
            assert "make room first" in last_line(cluster[full]) and str(cluster[full].data) in last_line(cluster[full])
            machines[full].free()
            cluster[full].start().wait_ready()
            workload.progress(20)
        for node in cluster:
            workload.check(node)


def test_a_node_whose_disk_fails_ends_and_the_others_go_on(tmp_path):
    with disks(tmp_path, 3, MEGABYTES) as machines, nodes(tmp_path, 3) as cluster:
        with Workload(cluster) as workload:
            for place in leader_first(cluster)[:2]:
                workload.progress(20)
                machines[place].cut()
                # A sync that failed is not tried again: the process ends.
                assert cluster[place].process.wait(30) == -signal.SIGABRT
                assert "ending the process rather than going on" in cluster[place].tail()
                workload.progress(20)
                machines[place].leave()
                machines[place].use()
                cluster[place].start().wait_ready()
        for node in cluster:
            workload.check(node)


def test_a_disk_that_can_only_be_read_is_told_at_the_start(tmp_path):
    with disks(tmp_path, 1, MEGABYTES) as (disk,), nodes(tmp_path, 1) as (node,):
        assert node.client().create_rest_api(name="kept")["id"]
        node.kill()
        disk.leave()
        disk.use_read_only()
        node.start()
        assert node.process.wait(30) == 1
        assert f"can't use the data directory {node.data}: Read-only file system" in last_line(node)
        disk.leave()
        disk.use()
        node.start().wait_ready()
        assert names(node) == {"kept"}
