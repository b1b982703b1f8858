"""WebSocket connections as their clients see them: the handshake, messages, limits, and the end."""

import contextlib
import json
import socket
import struct

import botocore.exceptions
import pytest

from conftest import eventually, nodes, serve
from raw_sockets import BINARY, CLOSE, ECHO, PING, TEXT, Client, accepted, at, connection_fields, frame
from sockets import ME, Told, http_proxy, make, management
from websocket_cases import pieces


@pytest.fixture(scope="module")
def place(one):
    """Where connections to an API that echoes are made."""
    return at(one, make(one, {"$default": ECHO}))


def test_a_connection_is_opened_and_its_messages_are_answered(place):
    with Client(*place) as client:
        assert client.status == 101
        for text in ["hello", '{"action": "x"}', "é😀" * 1000]:
            client.send(text)
            assert client.text() == text
        client.close(4000, "bye")
        assert client.closed() == (4000, "bye")


@pytest.mark.parametrize(
    "changed, status",
    [
        ({}, 101),
        ({"Connection": "keep-alive, upgrade"}, 101),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}, 101),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": None}, 426),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Upgrade": "h2c, websocket"}, 101),
        ({"Upgrade": "websocket/13"}, 426),
        ({"Sec-WebSocket-Version": "13, 8"}, 426),
        ({"Sec-WebSocket-Protocol": "a, b"}, 101),
    ],
)
def test_handshakes_are_checked(place, changed, status):
    fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    fields = {name: value for name, value in {**fields, **changed}.items() if value is not None}
    with Client(*place, fields=fields) as client:
        assert client.status == status, client.body
        if status == 101:
            assert client.headers.keys() == {"upgrade", "connection", "sec-websocket-accept", "date"}
            assert client.headers["sec-websocket-accept"] == accepted(fields["Sec-WebSocket-Key"])
            client.send("hello")
            assert client.text() == "hello"
        else:
            assert client.headers.get("sec-websocket-version") == ("13" if status == 426 else None)


@pytest.mark.parametrize(
    "version, more, status",
    [
        ("1.0", [], 426),
        ("1.1", ["Content-Length: 0"], 101),
        ("1.1", ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"], 101),
        ("1.1", ["Upgrade: h2c"], 101),
        ("1.1", ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 400),
        ("1.1", ["Sec-WebSocket-Version: 13"], 426),
        # A handshake has no body.
        ("1.1", ["Content-Length: 5"], 400),
        ("1.1", ["Transfer-Encoding: chunked"], 400),
    ],
)
def test_a_handshake_says_nothing_twice_and_has_no_body(place, version, more, status):
    with Client(*place, more=more, version=version) as client:
        assert client.status == status
        if status == 101:
            client.send("hello")
            assert client.text() == "hello"


def test_an_upgrade_of_what_is_no_websocket_api_is_answered_as_ever(one, backend):
    url = serve(one, {"/x": {"get": ({"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
                                      "responses": {"default": {"statusCode": 200}}}, {})}})("/x")
    with Client(one.address("gateway"), url.split(one.address("gateway"))[1]) as client:
        assert client.status == 200
    with Client(one.address("gateway"), "/nothing") as client:
        assert client.status == 403


def test_what_comes_with_the_handshake_is_not_lost(place):
    address, path = place
    fields = [f"{name}: {value}" for name, value in connection_fields().items()]
    with socket.create_connection((address.split(":")[0], int(address.split(":")[1])), timeout=20) as early:
        head = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {address}", *fields, "", ""]).encode()
        early.sendall(head + frame(TEXT, "early") + frame(CLOSE))
        answer = b""
        while piece := early.recv(1 << 16):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 101 ") and answer.endswith(b"\x81\x05early\x88\x00"), answer


@pytest.mark.parametrize(
    "sent, end",
    [
        ([frame(TEXT, b"x" * 32_768)], None),
        ([frame(TEXT, b"x" * 32_769)], 1009),
        # No more than its head is needed to say so.
        ([frame(TEXT, length=1 << 40, size=8)], 1009),
        ([*pieces(b"x" * 131_072, 32_768)], None),
        ([*pieces(b"x" * 131_073, 32_768)], 1009),
        ([frame(BINARY, b"x")], 1003),
        ([frame(TEXT, b"\xff")], 1007),
        ([frame(TEXT, b"x", reserved=4)], 1002),
        ([frame(TEXT, b"x", masked=False)], 1002),
    ],
)
def test_awss_limits_hold(place, sent, end):
    with Client(*place) as client:
        client.raw(b"".join(sent))
        if end is None:
            total = sum(32_768 for _ in sent)
            assert client.text() == "x" * total
            client.send("still there")
            assert client.text() == "still there"
        else:
            assert client.closed()[0] == end


@pytest.fixture(scope="module")
def told():
    with Told() as server:
        yield server
        server.shutdown()


def ends(told, node):
    """Where connections to an API are made whose ends are told to a backend, and a function that waits for an end."""
    known_as = {"code": "context.disconnectStatusCode", "reason": "context.disconnectReason", "id": "context.connectionId"}
    api = make(node, {"$disconnect": http_proxy(told.url, known_as), "me": ME, "$default": ECHO})

    def end(id_):
        of_it = lambda: [(int(one["code"]), one["reason"]) for one in told.told if one["id"] == id_]
        eventually(of_it, what=f"the end of {id_}")
        return of_it

    return api, end


def test_disconnect_is_told_once_whatever_ended_the_connection(one, told):
    api, end = ends(told, one)
    ways = {
        "code and reason": (lambda client, _: client.close(4321, "enough"), (4321, "enough")),
        "no code": (lambda client, _: client.send(b"", CLOSE), (1005, "Client-side close frame status not set")),
        "no close frame": (lambda client, _: client.socket.close(), (1006, "Connection Closed Abnormally")),
        "reset": (reset, (1006, "Connection Closed Abnormally")),
        "half a frame": (lambda client, _: (client.raw(b"\x81\xfe"), client.socket.close()), (1006, "Connection Closed Abnormally")),
        "too long": (lambda client, _: client.raw(frame(TEXT, length=32_769, size=2)), (1009, "Frame is too long")),
        "binary": (lambda client, _: client.send(b"x", BINARY), (1003, "Binary messages are not supported")),
        "deleted": (lambda _, id_: management(one, api).delete_connection(ConnectionId=id_), (1000, "Connection Closed Normally")),
    }
    seen = {}
    for name, (way, expected) in ways.items():
        client = Client(*at(one, api))
        client.send('{"action": "me"}')
        id_ = json.loads(client.text())["me"]
        way(client, id_)
        if name == "deleted":
            assert client.closed() == expected
        seen[name] = (end(id_), expected)
        with pytest.raises(botocore.exceptions.ClientError, match="GoneException"):
            management(one, api).get_connection(ConnectionId=id_)
        client.socket.close()
    # One that came twice would be here by now: others have come since.
    assert {name: of_it() for name, (of_it, _) in seen.items()} == {name: [expected] for name, (_, expected) in seen.items()}


def reset(client, _):
    """Ends the connection without a word, and with what was in it."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def test_idle_and_old_connections_are_closed(told, tmp_path):
    environment = {"TURNPIKE_WEBSOCKET_IDLE_SECONDS": "2", "TURNPIKE_WEBSOCKET_LIFETIME_SECONDS": "5"}
    with nodes(tmp_path, 1, lambda number: {"environment": environment}) as (node,):
        api, end = ends(told, node)
        idle, busy = Client(*at(node, api)), Client(*at(node, api))
        with idle, busy:
            ids = {}
            for name, client in {"idle": idle, "busy": busy}.items():
                client.send('{"action": "me"}')
                ids[name] = json.loads(client.text())["me"]
            idle.socket.settimeout(0.1)
            pings = 0
            while True:
                # A ping keeps a connection, but not for longer than its lifetime.
                with contextlib.suppress(ConnectionError):
                    busy.send(b"", PING)
                opcode, payload = busy.message()
                if opcode == CLOSE:
                    break
                pings += 1
                with contextlib.suppress(TimeoutError):
                    idle.exactly(1 << 16)
            assert (opcode, payload) == (CLOSE, b"\x03\xe9Going away") and pings > 3
            assert idle.buffer == b"\x88\x0c\x03\xe9Going away"
            busy.raw(frame(CLOSE, payload[:2]))
        for id_ in ids.values():
            assert end(id_)() == [(1001, "Going away")]
