"""WebSocket connections as their clients see them: the handshake, messages, limits, and the end."""

import socket

import pytest

from conftest import serve
from sockets import make
from raw_sockets import CLOSE, ECHO, TEXT, Client, accepted, at, connection_fields, frame


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
