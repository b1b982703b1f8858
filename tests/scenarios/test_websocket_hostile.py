"""Hostile WebSocket clients: what they do is refused or bounded, and nobody else feels it.

What RFC 6455 calls wrong of a frame is in `websocket_cases.py`.
"""

import contextlib
import random
import socket
import struct
import threading

import pytest

from conftest import eventually, fetch, nodes
from raw_sockets import BINARY, CLOSE, ECHO, MORE, PING, PONG, TEXT, Client, at, connection_fields, frame
from sockets import http_proxy, make
from test_connections import signed


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node that only few may connect to."""
    environment = {"TURNPIKE_WEBSOCKET_CONNECTIONS": "40"}
    with nodes(tmp_path_factory.mktemp("few"), 1, lambda number: {"environment": environment}) as (started,):
        yield started


@pytest.fixture(scope="module")
def place(node):
    return at(node, make(node, {"$default": ECHO}))


@pytest.fixture(autouse=True)
def undisturbed(request):
    """Somebody who talks before, meanwhile and afterwards, and is answered each time."""
    if "place" not in request.fixturenames:
        yield
        return
    with Client(*request.getfixturevalue("place")) as other:
        for text in ["before", "after"]:
            other.send(text)
            assert other.text() == text
            if text == "before":
                yield


def test_a_flood_of_pings_is_answered_and_others_have_their_turn(place):
    flood = 20_000
    with Client(*place) as client, Client(*place) as other:
        def send():
            client.raw(frame(PING, b"x") * flood)

        sending = threading.Thread(target=send)
        sending.start()
        for number in range(50):
            other.send(f"turn {number}")
            assert other.text() == f"turn {number}"
        for _ in range(flood):
            assert client.message() == (PONG, b"x")
        sending.join()


def test_a_flood_of_tiny_pieces_is_one_message(place):
    pieces = 20_000
    with Client(*place) as client:
        client.raw(frame(TEXT, b"x", last=False) + frame(MORE, b"x", last=False) * (pieces - 2) + frame(MORE, b"x"))
        assert client.text() == "x" * pieces
        # Pieces of nothing are pieces, too.
        client.raw(frame(TEXT, b"y", last=False) + frame(MORE, b"", last=False) * pieces + frame(MORE))
        assert client.text() == "y"


def test_who_pings_and_never_reads_is_not_read_from_any_more(place):
    with Client(*place) as client:
        client.socket.settimeout(1)
        sent = 0
        # The answers fill what there is for them on both sides; then nothing goes any more.
        with pytest.raises(TimeoutError):
            while sent < 1 << 28:
                sent += client.socket.send(frame(PING, b"x" * 125) * 1000)
        assert sent < 1 << 28


def test_frames_that_never_end_cost_what_came_of_them(node, place):
    resident = lambda: float(node.figures()["process_resident_memory_bytes"])
    before = resident()
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            client = stack.enter_context(Client(*place))
            client.raw(frame(TEXT, length=32_768, size=2) + b"x")
            client.send("ping", PING)
    assert resident() - before < 16 << 20


def test_bytes_at_random_end_the_connection_and_nothing_else(place):
    dice = random.Random(7)
    for _ in range(100):
        with Client(*place) as client, contextlib.suppress(ConnectionError):
            client.raw(dice.randbytes(dice.randrange(1, 2000)))
            client.socket.shutdown(socket.SHUT_WR)
            with contextlib.suppress(EOFError):
                while True:
                    client.message()


def test_connections_that_break_anywhere_are_gone(node, place):
    whole = frame(TEXT, b"a message that breaks off")
    for at_ in range(len(whole)):
        with Client(*place) as client:
            client.raw(whole[:at_])
            if at_ % 2:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: connections(node) == 1, what="only the one who is still there")


def connections(node):
    return sum(float(value) for name, value in node.figures().items() if name.startswith("turnpike_websocket_connections"))


def test_there_is_no_place_for_more_connections_than_the_node_may_have(node):
    where = at(node, make(node, {"$default": ECHO}))

    def all_places():
        """Connections on all of them, unless some are not free yet: those before leave theirs a moment after they are gone."""
        clients = [Client(*where) for _ in range(40)]
        if {client.status for client in clients} == {101}:
            return clients
        for client in clients:
            client.socket.close()

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client) for client in eventually(all_places, what="40 places")]
        with Client(*where) as late:
            assert (late.status, late.body) == (503, b'{"message": "Service Unavailable"}')
        # Whatever else the node does it goes on doing.
        assert fetch(node.admin + "/health/live").status == 200
        clients[0].close()
        clients[0].closed()

        def is_let_in():
            with Client(*where) as client:
                return client.status == 101

        eventually(is_let_in, what="the place that became free")


def test_a_flood_of_connects_waits_for_connect_only_as_far_as_there_is_place(backend, tmp_path):
    statuses = []

    def connect(where):
        with Client(*where) as client:
            statuses.append((client.status, client.body))

    with nodes(tmp_path, 1, lambda number: {"environment": {"TURNPIKE_WEBSOCKET_PENDING": "4"}}) as (node,):
        where = at(node, make(node, {"$connect": http_proxy(f"http://{backend}/wait"), "$default": ECHO}))
        threads = [threading.Thread(target=connect, args=(where,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {status for status, _ in statuses} == {101, 429}, statuses
    assert {body for status, body in statuses if status == 429} == {b'{"message":"Too Many Requests"}'}
    assert sum(status == 101 for status, _ in statuses) >= 4


def test_who_calls_or_connects_too_fast_is_told_so_where_the_node_has_limits(tmp_path):
    """AWS's accounts have such limits; a node has those that it is given."""
    environment = {"TURNPIKE_WEBSOCKET_CALLS_PER_SECOND": "1", "TURNPIKE_WEBSOCKET_CONNECTS_PER_SECOND": "1"}
    with nodes(tmp_path, 1, lambda number: {"environment": environment}) as (node,):
        api = make(node, {"$default": ECHO})
        url = node.url(api, "prod", "/@connections/R1kmxc2VNjMCFIA=")
        # Strangers use nothing up.
        assert {fetch(url, method="POST", body=b"x").status for _ in range(5)} == {403}
        answers = [signed("POST", url, b"x") for _ in range(20)]
        assert answers[0].status == 410 and {answer.status for answer in answers} == {410, 429}
        late = next(answer for answer in answers if answer.status == 429)
        assert (late.headers["x-amzn-ErrorType"], late.body) == ("LimitExceededException", b'{"message":"Too Many Requests"}')
        statuses = []
        for _ in range(20):
            with Client(*at(node, api)) as client:
                statuses.append((client.status, client.body))
        assert set(statuses) == {(101, b""), (429, b'{"message":"Too Many Requests"}')} and statuses[0][0] == 101


@pytest.mark.parametrize("count, length, status", [(50, 1, 101), (200, 1, 431), (50, 3000, 431)])
def test_an_endless_head_of_a_handshake_is_refused(place, count, length, status):
    fields = {**connection_fields(), **{f"x-{number}": "y" * length for number in range(count)}}
    with Client(*place, fields=fields) as client:
        assert client.status == status


def test_messages_without_end_and_close_frames_without_patience(place):
    with Client(*place) as client:
        client.raw(frame(TEXT, b"never ends", last=False) + frame(CLOSE) + frame(CLOSE) * 1000 + frame(BINARY, b"x"))
        assert client.closed() == (1005, "")


@pytest.mark.parametrize("message", ["not JSON", "[" * 60_000, '{"action":' * 10_000 + "1" + "}" * 10_000, '"text"', "5", "null",
                                     '{"action": ["echo"]}', '{"action": "$connect"}', '{"action": "$disconnect"}', "{" * 100])
def test_messages_that_select_nothing_go_to_the_default_route(place, message):
    with Client(*place) as client:
        client.send(message[:30_000])
        assert client.text() == message[:30_000]
