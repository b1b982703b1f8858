"""`turnpike cluster drain`: a node is taken out of service while it runs; its clients go elsewhere, and nobody misses anything."""

import json
import os
import pty
import re
import subprocess

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conftest import BINARY, eventually, fetch, nodes
from sockets import ME, Socket, Told, http_proxy, make, management, sockets
from test_connections import DISCONNECTED, recorded
from workload import leader_of

GONE = (1001, "Going away")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with nodes(tmp_path_factory.mktemp("drain"), 3) as started:
        yield started


@pytest.fixture
def backend():
    return Told()


@pytest.fixture
def api(cluster, backend):
    return make(cluster[0], {"me": ME, "$disconnect": http_proxy(backend.url, DISCONNECTED)})


def command(node, *words, **more):
    """`turnpike cluster …`, told by this node: its exit code, and what it says."""
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin, **more}
    done = subprocess.run([BINARY, "cluster", *words], env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def undo(node, drained):
    assert command(node, "drain", str(drained.number), "--undo")[:2] == (0, f"node {drained.number} serves\n")


def health(node):
    return fetch(f"{node.admin}/health/ready").status, fetch(f"{node.admin}/health/live").status


def end(client):
    with pytest.raises(ConnectionClosed):
        client.hear(30)
    return client.connection.close_code, client.connection.close_reason


def test_a_drained_node_has_no_connections_and_gets_none_until_it_serves_again(cluster, api, backend):
    """The leader, at that; another node is told to drain it."""
    drained = leader_of(cluster)
    others = [node for node in cluster if node is not drained]
    leaving = [Socket(drained, api) for _ in range(25)]
    identifiers = [client.id for client in leaving]
    with sockets(*[(node, api) for node in others]) as staying:
        code, said, _ = command(others[0], "drain", str(drained.number), "--over-seconds", "1", "--output", "json")
        answer = json.loads(said)
        assert (code, answer.pop("milliseconds") > 0) == (0, True)
        assert answer == {"node": drained.number, "phase": "drained", "closed": 25}
        # When the command ends, the ends of all have been told, each once.
        assert recorded(backend.told) == sorted((identifier, "1001") for identifier in identifiers)
        assert {end(client) for client in leaving} == {GONE}
        assert [health(node) for node in (drained, *others)] == [(503, 200), (200, 200), (200, 200)]
        assert leader_of(cluster) is not drained
        with pytest.raises(InvalidStatus) as refused:
            Socket(drained, api)
        assert refused.value.response.status_code == 503
        # It still answers whoever comes, and reaches the connections of others.
        for client in staying:
            management(drained, api).post_to_connection(ConnectionId=client.id, Data=b"still here")
            assert client.hear() == "still here"
        assert drained.client().get_rest_apis()["items"] is not None
        for node in cluster:
            assert node.status()["drained"] == [drained.number]
        assert f"\nnode {drained.number} is drained, until it starts again\n" in command(others[1], "status")[1]
        # Who says it again is told that there is nothing left to close.
        code, said, _ = command(drained, "drain", str(drained.number))
        assert code == 0 and re.fullmatch(rf"node {drained.number} is drained: 0 WebSocket connections were closed in \S+ s\n", said)
        undo(others[1], drained)
        assert health(drained) == (200, 200) and drained.status()["drained"] == []
        with Socket(drained, api) as back:
            management(others[0], api).post_to_connection(ConnectionId=back.id, Data=b"welcome")
            assert back.hear() == "welcome"
    eventually(lambda: len(backend.told) == 25 + 3, what="the other ends")


def test_a_node_that_is_started_again_is_not_drained_any_more(cluster, api):
    node = cluster[2]
    assert command(cluster[0], "drain", str(node.number))[0] == 0
    assert health(node) == (503, 200)
    assert node.stop() == 0
    node.start()
    node.wait_ready()
    assert health(node) == (200, 200)
    with Socket(node, api) as client:
        assert client.id


def test_progress_is_shown_on_a_terminal(cluster, api):
    node = cluster[1]
    with sockets(*[(node, api)] * 30) as clients:
        assert all(client.id for client in clients)
        terminal, end_of_it = pty.openpty()
        environment = {**node.environment, "TURNPIKE_ADMIN_URL": cluster[0].admin}
        words = [BINARY, "cluster", "drain", str(node.number), "--over-seconds", "1"]
        with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=end_of_it, text=True) as process:
            os.close(end_of_it)
            shown = everything(terminal)
            said = process.stdout.read()
        assert re.search(rf"closing the WebSocket connections of node {node.number}: \d+ of 30 are left", shown), shown
        assert re.fullmatch(rf"node {node.number} is drained: 30 WebSocket connections were closed in \S+ s\n", said), said
        assert {end(client) for client in clients} == {GONE}
    undo(node, node)


def everything(terminal):
    """What is written to a terminal, until nobody has it any more."""
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:
        pass  # So Linux says that nobody has it any more.
    os.close(terminal)
    return shown.decode()


def test_who_is_no_member_or_does_not_answer_is_named(cluster):
    code, _, error = command(cluster[0], "drain", "77")
    assert code == 1 and "400 Bad Request: node 77 is not a member" in error
    code, _, error = command(cluster[0], "drain", "1", TURNPIKE_ROOT_SECRET_ACCESS_KEY="wrong")
    assert code == 1 and "403 Forbidden" in error and health(cluster[0]) == (200, 200)
    code, _, error = command(cluster[0], "drain", "1", "--undo", "--over-seconds", "3")
    assert code == 2 and "cannot be used with" in error
    dead = cluster[2]
    dead.kill()
    code, _, error = command(cluster[0], "drain", str(dead.number))
    assert code == 1 and f"503 Service Unavailable: node {dead.number} does not answer" in error
