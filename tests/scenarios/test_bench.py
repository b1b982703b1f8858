"""The measurements of bench/README.md, as short as they can be: that they run and find what they look for."""

import json
import pathlib
import shutil
import subprocess

import pytest

from conftest import BINARY

BENCH = pathlib.Path(BINARY).with_name("turnpike-bench")


def measure(*words):
    done = subprocess.run(
        [BENCH, *words, "--output", "json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def several_cores():
    if not shutil.which("taskset"):
        pytest.skip("taskset is not on this machine")


def test_no_deploy_is_stale():
    assert measure("deploys", "--count", "10", "--rotate")["stale"] == 0


def test_writes_go_on_after_a_leader_is_killed():
    for way in [], ["--cleanly"], ["--paused"]:
        assert measure("failover", "--count", "2", *way)["killed"] == 2


def test_a_node_starts_on_what_it_had():
    states = measure("idle", "--apis", "5", "--starts", "1", "--seconds", "0")["states"]
    assert [state["node"] for state in states] == ["fresh", "just filled", "started on existing data"]


def test_connections_idle_and_echo_beside_a_yardstick():
    servers = measure("websocket", "--connections", "50", "--rounds", "1", "--seconds", "1")["servers"]
    assert [server["server"] for server in servers] == ["actix-web-actors", "Turnpike"]
    assert all(server["echoes"] > 0 for server in servers)


def test_nodes_keep_cards_of_each_others_connections():
    report = measure("witness", "--connections", "60")
    assert report["connections"] == 180 and len(report["rows"]) == 6


def test_turnpike_and_nginx_answer_every_request():
    nginx = [] if shutil.which("nginx") else ["--nginx", "/nowhere"]
    report = measure("proxy", "--modes", "alternating", "--rounds", "1", "--seconds", "1", *nginx)
    assert report


def test_nodes_of_the_cluster_crate_commit_and_read():
    report = measure("commits", "--rounds", "1", "--seconds", "1", "--clients", "3", "--etcd", "/nowhere")
    assert [system["name"] for system in report["commits"]] == ["turnpike"]
    assert report["commits"][0]["per_second"]["median"] > 0
    assert report["reads"][0]["per_second"]["median"] > 0


def test_a_node_holds_documents_and_starts_on_them():
    report = measure("documents", "--count", "100", "--starts", "1")
    assert report["start_s"]["median"] > 0
    assert report["resident_mib"] > 0


def test_the_phases_of_a_request():
    report = measure("phases", "--rounds", "1", "--seconds", "1", "--connections", "4")
    assert report["plain"]["failures"] == report["full"]["failures"] == 0


def test_the_control_plane_reads_and_imports_large_apis():
    report = measure("control", "--resources", "20", "--reads", "2", "--kib", "50", "--imports", "1")
    assert report["get_resources_ms"]["median"] > 0 and report["import_ms"]["median"] > 0
    assert report["paths"] > 10 and report["peak_mib"] > 0


def test_functions_are_called_directly_and_through_their_node():
    report = measure("functions", "--rounds", "1", "--seconds", "1")
    assert report["failures"] == 0 and report["calls_per_second"] > 0 and report["direct_p50_ms"]["median"] > 0


def test_messages_are_pushed_by_their_own_node_and_by_another():
    requests = measure("push", "--rounds", "1", "--seconds", "1", "--connections", "4")["requests"]
    assert [request["request"] for request in requests] == ["HTTP_PROXY", "MOCK", "push, own node", "push, another node"]
    assert all(request["failures"] == 0 and request["cpu_us"] > 0 for request in requests)


def test_broadcasts_reach_everybody():
    report = measure("broadcast", "--connections", "30", "--rounds", "2")
    assert report["connections"] == 30 and report["last_ms"]["median"] > 0
