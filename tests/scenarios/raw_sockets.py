"""A WebSocket client that sends exactly what it is told to, right or wrong, and reads frame by frame."""

import base64
import hashlib
import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG, MORE = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


def connection_fields(key=None):
    """The fields of a handshake as it has to be."""
    key = key or base64.b64encode(os.urandom(16)).decode()
    return {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}


def accepted(key):
    """What a key is answered with (RFC 6455, 1.3)."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def frame(opcode, payload=b"", last=True, reserved=0, masked=True, length=None, size=None):
    """A frame; `length` is what it says of its payload's length, `size` in how many bytes (1, 2 or 8)."""
    payload = payload.encode() if isinstance(payload, str) else payload
    length = len(payload) if length is None else length
    size = size or (1 if length < 126 else 2 if length < 1 << 16 else 8)
    marks = {1: length, 2: 126, 8: 127}
    head = struct.pack("!BB", last << 7 | reserved << 4 | opcode, masked << 7 | marks[size])
    head += {1: b"", 2: struct.pack("!H", length & 0xFFFF), 8: struct.pack("!Q", length)}[size]
    if not masked:
        return head + payload
    mask = os.urandom(4)
    wide = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(wide, "big")
    return head + mask + mixed.to_bytes(len(payload), "big")


class Client:
    """A WebSocket connection, or the answer that it was refused with."""

    def __init__(self, address, path, fields=None, more=(), timeout=20, source=None, version="1.1"):
        """`fields` replaces those of the handshake; `more` is lines that come with it."""
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.fields = connection_fields() if fields is None else fields
        lines = [f"GET {path} HTTP/{version}", f"Host: {address}"]
        lines += [f"{name}: {value}" for name, value in self.fields.items()]
        self.socket.sendall("\r\n".join([*lines, *more, "", ""]).encode())
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = int(head[0].split(" ")[1])
        self.headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = b"" if self.status == 101 else self.exactly(int(self.headers.get("content-length", 0)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _until(self, end):
        while end not in self.buffer:
            self._more()
        at = self.buffer.index(end) + len(end)
        found, self.buffer = self.buffer[:at], self.buffer[at:]
        return found

    def _more(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError("the connection has ended")
        self.buffer += piece

    def exactly(self, length):
        while len(self.buffer) < length:
            self._more()
        found, self.buffer = self.buffer[:length], self.buffer[length:]
        return found

    def raw(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def send(self, payload, opcode=TEXT, **how):
        self.raw(frame(opcode, payload, **how))

    def close(self, code=1000, reason=""):
        self.send(struct.pack("!H", code) + reason.encode(), CLOSE)

    def frame(self):
        """The next frame: its opcode, whether it is the last of its message, and its payload."""
        first, second = self.exactly(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, "a server sets no reserved bits and no mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
            assert length > 125, "a length is said in as few bytes as it takes"
        elif length == 127:
            (length,) = struct.unpack("!Q", self.exactly(8))
            assert length >= 1 << 16, "a length is said in as few bytes as it takes"
        return first & 0xF, first >> 7 == 1, self.exactly(length)

    def message(self):
        """The next message, or control frame: its opcode and its payload."""
        opcode, last, payload = self.frame()
        while not last:
            more, last, piece = self.frame()
            assert more == MORE, "a message of the server's is interrupted"
            payload += piece
        return opcode, payload

    def text(self):
        """The next message, which is a text."""
        opcode, payload = self.message()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def closed(self):
        """Code and reason of the close frame that comes next, answered, and behind it the end of the connection."""
        opcode, payload = self.message()
        assert opcode == CLOSE, (opcode, payload)
        code, reason = (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else (1005, "")
        try:
            self.raw(frame(CLOSE, payload[:2]))
        except ConnectionError:
            pass
        assert self.is_over(), "something comes behind the close frame"
        return code, reason

    def is_over(self):
        """Waits for the end of the connection: whether nothing else came before it."""
        try:
            return not self.buffer and self.socket.recv(1 << 16) == b""
        except ConnectionResetError:
            return True


# A route that says its message once more, bytes as bytes; nothing but the gateway is behind it.
ECHO = {
    "integration": {
        "IntegrationType": "MOCK", "TemplateSelectionExpression": "\\$default",
        "RequestTemplates": {
            "$default": "#set($context.requestOverride.path.said = $input.body)"
                        '{"statusCode": #if($context.isBase64Encoded == "true")201#{else}200#end}',
        },
    },
    "responses": [
        {"IntegrationResponseKey": key, "TemplateSelectionExpression": "\\$default",
         "ResponseTemplates": {"$default": "$context.requestOverride.path.said"}, **more}
        for key, more in [("/201/", {"ContentHandlingStrategy": "CONVERT_TO_BINARY"}), ("$default", {})]
    ],
    "replies": True,
}


def at(node, api, stage="prod", query=""):
    """Where a stage's connections are made: address and path."""
    return node.address("gateway"), f"/_aws/execute-api/{api}/{stage}{query}"
