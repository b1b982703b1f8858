"""Hostile requests: refused, or passed on once and as what they are; and whatever nginx refuses is refused here as well."""

import contextlib
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time

import pytest
from conftest import eventually, fetch, free_port, serve


class Recorder(socketserver.ThreadingTCPServer):
    """A backend that reads strictly, answers everything with `ok`, and keeps what it was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Recording)
        self.requests = []
        self.broken = []

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


class Recording(socketserver.StreamRequestHandler):
    """One connection of a recorder: requests are kept when they are whole, and otherwise as broken."""

    def handle(self):
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline():
                try:
                    request = self.read(line)
                except (AssertionError, ValueError) as error:
                    self.server.broken.append((line, error))
                    return
                self.server.requests.append(request)
                if b"/wait" in line:
                    time.sleep(0.3)
                body = b"" if line.startswith(b"HEAD ") else b"ok"
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)

    def read(self, line):
        """The request's line, its fields and its body."""
        fields = []
        while (field := self.rfile.readline()) != b"\r\n":
            assert re.fullmatch(rb"[!-9;-~]+: ?[^\r\n\0]*\r\n", field), field
            name, _, value = field.decode("latin-1").partition(":")
            fields.append((name.lower(), value.strip()))
        lengths = [value for name, value in fields if name == "content-length"]
        encodings = [value for name, value in fields if name == "transfer-encoding"]
        assert len(lengths) + len(encodings) <= 1, fields
        body = b""
        if encodings:
            assert encodings == ["chunked"]
            while size := int(self.rfile.readline(), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
        elif lengths:
            body = self.exactly(int(lengths[0]))
        return line.decode("latin-1").rstrip("\r\n"), fields, body

    def exactly(self, length):
        data = self.rfile.read(length)
        assert len(data) == length, f"{len(data)} of {length} bytes"
        return data


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def passing(backend, verb="ANY", **words):
    """A resource that passes everything below a stage on to the same path of a backend."""
    return {
        "type": "http_proxy", "httpMethod": verb, "uri": f"http://{backend}/{{proxy}}",
        "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"}, **words,
    }


ANY = {"parameters": [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}]}


@pytest.fixture(scope="module")
def place(one, recorder):
    """The path of a stage that passes everything on."""
    paths = {"/{proxy+}": {"x-amazon-apigateway-any-method": (passing(recorder.address), ANY)}}
    return serve(one, paths)("").split(one.address("gateway"))[1]


def request(line="GET {at}/x HTTP/1.1", *fields, body="", host="Host: h"):
    """A request with a host, as text; `{at}` is where a stage is."""
    fields = ([host] if host else []) + list(fields)
    return "".join(part + "\r\n" for part in [line, *fields]) + "\r\n" + body


def post(*fields, body="", **words):
    return request("POST {at}/x HTTP/1.1", *fields, body=body, **words)


def chunked(body, **words):
    return post("Transfer-Encoding: chunked", body=body, **words)


def get(target, **words):
    return request(f"GET {target} HTTP/1.1", **words)


# A second request that nobody sent: it must never be one.
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
GET, POST, ALSO = ("GET /x HTTP/1.1", b""), ("POST /x HTTP/1.1", b"abcd"), ("GET /also HTTP/1.1", b"")
also = get("{at}/also")

# What is sent, by name, and what becomes of it: the statuses of a refusal (None: the connection may end without one), or
# what a backend is asked, in order.
CASES = {
    # Two ends of one body, or none (RFC 9112, 6.3).
    "length, then chunked": (post("Content-Length: 4", "Transfer-Encoding: chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "chunked, then length": (post("Transfer-Encoding: chunked", "Content-Length: 4", body="0\r\n\r\n" + SMUGGLED), {400}),
    "equal lengths": (post("Content-Length: 4", "Content-Length: 4", body="abcd"), {400}),
    "different lengths": (post("Content-Length: 4", "Content-Length: 5", body="abcd" + SMUGGLED), {400}),
    "length with a sign": (post("Content-Length: +4", body="abcd"), {400}),
    "negative length": (post("Content-Length: -4", body="abcd"), {400}),
    "length with spaces around": (post("Content-Length:   4  ", body="abcd"), [POST]),
    "length with a space inside": (post("Content-Length: 4 4", body="abcd"), {400}),
    "list of lengths": (post("Content-Length: 4,4", body="abcd"), {400}),
    "hexadecimal length": (post("Content-Length: 0x4", body="abcd"), {400}),
    "length with a fraction": (post("Content-Length: 4.0", body="abcd"), {400}),
    "empty length": (post("Content-Length:", body="abcd"), {400}),
    "length in other digits": (post("Content-Length: ٤", body="abcd"), {400}),
    "huge length": (post("Content-Length: 9999999999999"), {413}),
    "length beyond 64 bits": (post("Content-Length: 18446744073709551620", body="abcd"), {400}),
    "length with zeros before it": (post("Content-Length: 0004", body="abcd"), [POST]),
    "longer body than its length": (post("Content-Length: 4", body="abcd" + also), [POST, ALSO]),
    "chunked, identity": (post("Transfer-Encoding: chunked, identity", body="0\r\n\r\n" + SMUGGLED), {400}),
    "identity": (post("Transfer-Encoding: identity", body=SMUGGLED), {400}),
    "identity, chunked": (post("Transfer-Encoding: identity, chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "gzip, chunked": (post("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"), {400}),
    "xchunked": (post("Transfer-Encoding: xchunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "quoted chunked": (post('Transfer-Encoding: "chunked"', body="0\r\n\r\n" + SMUGGLED), {400}),
    "chunked behind a vertical tab": (post("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "chunked twice": (post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "chunked twice in one field": (post("Transfer-Encoding: chunked, chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "chunked, then identity": (post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body="0\r\n\r\n"), {400}),
    "empty encoding": (post("Transfer-Encoding:", body="0\r\n\r\n" + SMUGGLED), {400}),
    "Chunked": (post("Transfer-Encoding: Chunked", body="4\r\nabcd\r\n0\r\n\r\n"), [POST]),
    "chunked behind a tab": (post("Transfer-Encoding:\tchunked", body="4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "length behind a tab": (post("Content-Length:\t4", body="abcd"), {400}),
    "chunked in HTTP/1.0": (request("POST {at}/x HTTP/1.0", "Transfer-Encoding: chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "length and an upgrade": (post("Connection: upgrade", "Upgrade: websocket", "Content-Length: 4", body="abcd" + SMUGGLED), {400}),
    "an upgrade and more": (request("GET {at}/x HTTP/1.1", "Connection: upgrade", "Upgrade: websocket", body=SMUGGLED), [GET]),
    "an upgrade of a post": (post("Connection: upgrade", "Upgrade: x", "Content-Length: 4", body="abcd" + SMUGGLED), [POST]),
    "a body of a GET": (request("GET {at}/x HTTP/1.1", "Content-Length: 4", body="abcd" + also),
                        [("GET /x HTTP/1.1", b"abcd"), ALSO]),
    # Chunks (RFC 9112, 7.1).
    "negative chunk": (chunked("-1\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with 0x": (chunked("0x4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with a sign": (chunked("+4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with an underscore": (chunked("0_4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk without a size": (chunked("\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with a space before its size": (chunked(" 4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk beyond 64 bits": (chunked("10000000000000004\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with endless zeros": (chunked("0" * 5000 + "4\r\nabcd\r\n0\r\n\r\n"), {400}),
    "huge chunk": (chunked("fffffffffffffff\r\n" + "x" * 200_000), {400}),
    "chunk without CRLF": (chunked("4\r\nabcd0\r\n\r\n"), {400}),
    "chunk longer than it says": (chunked("4\r\nabcdef\r\n0\r\n\r\n"), {400}),
    "chunk with bare LF": (chunked("4\nabcd\n0\n\n"), {400}),
    "chunk's data with bare LF": (chunked("4\r\nabcd\n0\r\n\r\n"), {400}),
    "chunk's size with bare CR": (chunked("4\rabcd\r\n0\r\n\r\n"), {400}),
    "good chunk, then a bad one": (chunked("4\r\nabcd\r\nzz\r\n" + SMUGGLED), {400}),
    "chunk with an extension": (chunked('4;a="b"\r\nabcd\r\n0\r\n\r\n'), [POST]),
    "chunk with a space behind its size": (chunked("4 \r\nabcd\r\n0\r\n\r\n"), [POST]),
    "chunk with LF in its extension": (chunked("4;a\nb\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with NUL in its extension": (chunked("4;a\0b\r\nabcd\r\n0\r\n\r\n"), {400}),
    "chunk with a long extension": (chunked("4;" + "a" * 20_000 + "\r\nabcd\r\n0\r\n\r\n"), {400}),
    "many long extensions": (chunked("".join("1;" + "a" * 1000 + "\r\na\r\n" for _ in range(50)) + "0\r\n\r\n"), {400}),
    "trailer": (chunked("4\r\nabcd\r\n0\r\nX-Trailer: x\r\n\r\n" + also), [POST, ALSO]),
    "trailer that sets a length": (chunked("4\r\nabcd\r\n0\r\nContent-Length: 50\r\n\r\n" + also), [POST, ALSO]),
    "long trailer": (chunked("4\r\nabcd\r\n0\r\nX: " + "x" * 20_000 + "\r\n\r\n"), {400}),
    "many trailers": (chunked("4\r\nabcd\r\n0\r\n" + "X: y\r\n" * 5000 + "\r\n"), {400}),
    "trailer with bare LF": (chunked("4\r\nabcd\r\n0\r\nX: y\n\r\n"), {400}),
    "trailer that is none": (chunked("4\r\nabcd\r\n0\r\nGET / HTTP/1.1\r\n\r\n"), {400}),
    "end with bare LF": (chunked("4\r\nabcd\r\n0\r\n\n" + SMUGGLED), {400}),
    # Lines and fields (RFC 9112, 2.2 and 5).
    "folded field": (request("GET {at}/x HTTP/1.1", "X: a", " b"), {400}),
    "folded encoding": (post("Transfer-Encoding:", " chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "first field folded": ("GET {at}/x HTTP/1.1\r\n X: a\r\nHost: h\r\n\r\n", {400}),
    "space before a colon": (post("Content-Length : 4", body="abcd"), {400}),
    "tab before a colon": (post("Transfer-Encoding\t: chunked", body="0\r\n\r\n" + SMUGGLED), {400}),
    "space inside a name": (request("GET {at}/x HTTP/1.1", "X Y: a"), {400}),
    "field without a colon": (request("GET {at}/x HTTP/1.1", "nonsense"), {400}),
    "field without a name": (request("GET {at}/x HTTP/1.1", ": a"), {400}),
    "NUL in a name": (request("GET {at}/x HTTP/1.1", "X\0Y: a"), {400}),
    "NUL in a value": (request("GET {at}/x HTTP/1.1", "X: a\0b"), {400}),
    "control character in a name": (request("GET {at}/x HTTP/1.1", "X\x01Y: a"), {400}),
    "control character in a value": (request("GET {at}/x HTTP/1.1", "X: a\x01b"), {400}),
    "DEL in a value": (request("GET {at}/x HTTP/1.1", "X: a\x7fb"), {400}),
    "bracket in a name": (request("GET {at}/x HTTP/1.1", "X(Y): a"), {400}),
    "letter beyond ASCII in a name": (request("GET {at}/x HTTP/1.1", "Xé: a"), {400}),
    "bare LF behind the request line": ("GET {at}/x HTTP/1.1\nHost: h\r\n\r\n", {400}),
    "bare LF behind a field": ("GET {at}/x HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", {400}),
    "bare LF as the end": ("GET {at}/x HTTP/1.1\r\nHost: h\r\n\n", {400}),
    "bare LF everywhere": ("GET {at}/x HTTP/1.1\nHost: h\n\n", {400}),
    "bare LF and a smuggled length": (post("X: y\nContent-Length: 4", body="abcd"), {400}),
    "bare CR in a value": (request("GET {at}/x HTTP/1.1", "X: a\rb"), {400}),
    "bare CR behind the request line": ("GET {at}/x HTTP/1.1\rHost: h\r\n\r\n", {400}),
    "bare CR as the end": ("GET {at}/x HTTP/1.1\r\nHost: h\r\n\rX\r\n\r\n", {400}),
    "two CRs": ("GET {at}/x HTTP/1.1\r\r\nHost: h\r\n\r\n", {400}),
    "an empty line before": ("\r\n" + get("{at}/x"), [GET]),
    "empty lines without end": ("\r\n" * 1000 + get("{at}/x"), {400}),
    "a bare LF before": ("\n" + get("{at}/x"), {400}),
    "a space before": (" " + get("{at}/x"), {400}),
    # Hosts (RFC 9112, 3.2).
    "no host": (get("{at}/x", host=None), {400}),
    "no host in HTTP/1.0": (request("GET {at}/x HTTP/1.0", host=None), [GET]),
    "two hosts": (request("GET {at}/x HTTP/1.1", "Host: other"), {400}),
    "two equal hosts": (request("GET {at}/x HTTP/1.1", "Host: h"), {400}),
    "host with a port": (get("{at}/x", host="Host: h:8080"), [GET]),
    "host with an empty port": (get("{at}/x", host="Host: h:"), [GET]),
    "IPv6 host": (get("{at}/x", host="Host: [::1]:80"), [GET]),
    **{f"host {host!r}": (get("{at}/x", host=f"Host: {host}"), {400}) for host in [
        "", ":80", "h:port", "h:99999", "h:80:80", "user@h", "user:pass@h", "h/path", "h\\path", "h?x", "h#x", "a b",
        "a,b", "h\th", "http://h", "[::1", "[x]", "::1", "a..b", "h\0", "h%00", "hé", "<h>", "{h}",
    ]},
    # Targets (RFC 9112, 3.2).
    "absolute form": (get("http://h{at}/x"), [GET]),
    "absolute form that names another host": (get("http://other{at}/x"), [GET]),
    "absolute form without a host": (get("http://{at}/x"), {400}),
    "absolute form with a user": (get("http://user@h{at}/x"), {400}),
    "absolute form of another scheme": (get("ftp://h{at}/x"), {400}),
    "absolute form without a Host": (get("http://h{at}/x", host=None), {400}),
    "authority form": (get("h:80"), {400}),
    "CONNECT": (request("CONNECT h:80 HTTP/1.1", body=SMUGGLED), {400, 403, 405}),
    "asterisk form": (request("OPTIONS * HTTP/1.1"), {400}),
    "asterisk of a GET": (get("*"), {400}),
    "relative path": (get("x"), {400}),
    "no target": ("GET HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "two targets": (get("{at}/x {at}/y"), {400}),
    "two spaces": (get(" {at}/x"), {400}),
    "tab before a target": ("GET\t{at}/x HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "fragment": (get("{at}/x#y"), {400}),
    "fragment in a query": (get("{at}/x?a#y"), {400}),
    # Too much of it.
    "long request line": (get("{at}/" + "x" * 20_000), {414}),
    "long query": (get("{at}/x?" + "x" * 20_000), {414}),
    "endless request line": (get("{at}/" + "x" * 200_000), {414, 431, 400}),
    "long field": (request("GET {at}/x HTTP/1.1", "X: " + "x" * 20_000), {431}),
    "long name": (request("GET {at}/x HTTP/1.1", "x" * 20_000 + ": x"), {431, 400}),
    "endless field": (request("GET {at}/x HTTP/1.1", "X: " + "x" * 200_000), {431, 400}),
    "too many fields": (request("GET {at}/x HTTP/1.1", *["X: y"] * 500), {431}),
    "fields without end": (request("GET {at}/x HTTP/1.1", *["X: y"] * 50_000), {431, 400}),
    # Versions and methods.
    "HTTP/0.9": ("GET {at}/x\r\n\r\n", {400}),
    "HTTP/0.9 in words": (request("GET {at}/x HTTP/0.9"), {400}),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "HTTP/2.0": (request("GET {at}/x HTTP/2.0"), {400}),
    "HTTP/3.0": (request("GET {at}/x HTTP/3.0"), {400}),
    "HTTP/1.": (request("GET {at}/x HTTP/1."), {400}),
    "HTTP/1.10": (request("GET {at}/x HTTP/1.10"), {400}),
    "http/1.1": (request("GET {at}/x http/1.1"), {400}),
    "another protocol": (request("GET {at}/x SIP/2.0"), {400}),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\r\n\r\n", {400}),
    "method in small letters": (request("get {at}/x HTTP/1.1"), {400, 403}),
    "method with a NUL": (request("GE\0T {at}/x HTTP/1.1"), {400}),
    "method with a colon": (request("GE:T {at}/x HTTP/1.1"), {400}),
    "method with odd characters": (request("G!T {at}/x HTTP/1.1"), {400, 403}),
    "method nobody knows": (request("BREW {at}/x HTTP/1.1"), {400, 403}),
    "long method": (request("G" * 5000 + " {at}/x HTTP/1.1"), {400, 403}),
    "TRACE": (request("TRACE {at}/x HTTP/1.1"), {400, 403, 405}),
    "no method": (request(" {at}/x HTTP/1.1"), {400}),
    # One behind the other.
    "two requests": (get("{at}/x") + also, [GET, ALSO]),
    "a second one after a close": (request("GET {at}/x HTTP/1.1", "Connection: close", body=SMUGGLED), [GET]),
    "a second one after a close among others": (request("GET {at}/x HTTP/1.1", "Connection: x, Close", body=SMUGGLED), [GET]),
    "a second one after a body and a close": (post("Connection: close", "Content-Length: 4", body="abcd" + SMUGGLED), [POST]),
    "a second one after HTTP/1.0": (request("GET {at}/x HTTP/1.0", body=SMUGGLED), [GET]),
    "a second one after HTTP/1.0 that is kept": (request("GET {at}/x HTTP/1.0", "Connection: keep-alive", body=also), [GET, ALSO]),
    "a HEAD behind a slow GET": (get("{at}/wait") + request("HEAD {at}/x HTTP/1.1"),
                                 [("GET /wait HTTP/1.1", b""), ("HEAD /x HTTP/1.1", b"")]),
    "a close behind a slow GET": (get("{at}/wait") + request("GET {at}/x HTTP/1.1", "Connection: close", body=SMUGGLED),
                                  [("GET /wait HTTP/1.1", b""), GET]),
    "a bad one behind a good one": (get("{at}/x") + "nonsense\r\n\r\n" + SMUGGLED, [GET, {400}]),
    "a bad one behind a slow one": (get("{at}/wait") + "nonsense\r\n\r\n" + SMUGGLED, [("GET /wait HTTP/1.1", b""), {400}]),
    "many at once": (get("{at}/x") * 40, [GET] * 40),
    "a body behind a body": (post("Content-Length: 4", body="abcd") * 3, [POST] * 3),
    # Paths: another place for whoever decodes them, or none at all.
    **{f"path {path!r}": (get("{at}" + path), {400}) for path in [
        "/..", "/../x", "/a/../b", "/a/..", "/%2e%2e", "/%2E./x", "/.%2e/x", "/a/%2e%2e/b", "/a/%2e/b", "/./x", "/x/.",
        "/a%2f..%2fb", "/a%2f%2e%2e", "/a%5c..%5cb", "/a\\b", "/..\\x", "/a/..;/b", "/..;x=y/b", "/%2e%2e;/b",
        "/a%00", "/%00", "/a%c0%afb", "/%c0%ae%c0%ae/x", "/%e0%80%af", "/%f0%80%80%af", "/%", "/a%2", "/a%zz",
        "/a%u002e", "/é", "/\xff", "/\x80", "/a|b", "/a{b}", "/a^b", "/a`b", '/a"b', "/a<b>", "/a\x01b", "/a\x7fb", "/a\0b",
    ]},
    **{f"path {path!r}": (get("{at}" + path), [(f"GET {seen} HTTP/1.1", b"")]) for path, seen in [
        ("//x", "/x"), ("/a//b", "/a//b"), ("/a%2fb", "/a%2fb"), ("/a;v=1/b", "/a;v=1/b"), ("/a%252e%252e/b", "/a%252e%252e/b"),
        ("/a%20b", "/a%20b"), ("/%C3%A9", "/%C3%A9"), ("/...", "/..."), ("/a..b/.c", "/a..b/.c"), ("/a%0d%0ab", "/a%0d%0ab"),
        ("/~!$&'()*+,=:@", "/~!$&'()*+,=:@"), ("/x/", "/x"),
        # No UTF-8, and nobody's slash.
        ("/%ff", "/%ff"), ("/a%c3", "/a%c3"), ("/%E9", "/%E9"),
    ]},
    **{f"query {query!r}": (get("{at}/x?" + query), {400}) for query in [
        "a|b", "a={b}", "{", "}", "a=é", "a=\xff", "a\0", "a\x01", "a\x7f", "a b",
    ]},
    **{f"query {query!r}": (get("{at}/x?" + query), [(f"GET /x?{seen} HTTP/1.1", b"")]) for query, seen in [
        ("a=%7C", "a=%7C"), ("a=../..", "a=..%2F.."), ("a=%00", "a=%00"), ("a=%0d%0aX:y", "a=%0D%0AX%3Ay"), ("a=%zz", "a=%25zz"),
        ("a?b", "a%3Fb="), ("a;b", "a=&b="),
    ]},
}

# What nginx refuses and we pass on, and why.
PASSED_ALTHOUGH_NGINX_REFUSES = {}


class Conversation:
    """A connection to a server, and all that came of it."""

    def __init__(self, address, within=20):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=within)
        self.deadline = time.monotonic() + within
        self.received = b""
        self.is_open = True

    def send(self, data):
        # Who refuses what is sent may hang up before it has all.
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)
        return self

    def receive(self, enough=lambda _: False):
        """Reads until there is enough, or the server hangs up; `is_open` says which."""
        while self.is_open and not enough(self.statuses()):
            self.socket.settimeout(max(0.01, self.deadline - time.monotonic()))
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            self.received += piece
            self.is_open = bool(piece)
        return self

    def end(self):
        """Says that nothing more will come, and waits for what is still coming."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self.receive()
        self.socket.close()
        return self

    def statuses(self):
        """Of all answers whose head is here whole."""
        heads = re.findall(rb"HTTP/1\.[01] (\d{3})[^\n]*\r\n(?:[^\r\n]+\r\n)*\r\n", self.received)
        return [int(status) for status in heads]


def spelled(text, at):
    """The bytes of a case: letters beyond ASCII are UTF-8, what stands for one byte is that byte."""
    raw = {letter: letter.encode("latin-1") for letter in "\xff\x80\xfc"}
    return b"".join(raw.get(letter, letter.encode()) for letter in text.replace("{at}", at))


@pytest.mark.parametrize("name", CASES)
def test_is_refused_or_passed_on_once(name, one, place, recorder):
    text, expected = CASES[name]
    recorder.requests.clear()
    recorder.broken.clear()
    conversation = Conversation(one.address("gateway"), within=20).send(spelled(text, place))
    wanted = expected if isinstance(expected, list) else [expected]
    passed = [want for want in wanted if isinstance(want, tuple)]
    refusal = next((want for want in wanted if isinstance(want, set)), None)
    try:
        conversation.receive(lambda statuses: len(statuses) >= len(wanted)).end()
    except TimeoutError:
        pytest.fail(f"neither answered nor closed: {conversation.received}")
    statuses = conversation.statuses()
    assert [(line, body) for line, _, body in recorder.requests] == passed, statuses
    assert recorder.broken == []
    assert statuses[: len(passed)] == [200] * len(passed), conversation.received
    if refusal:
        assert len(statuses) == len(passed) + 1 and statuses[-1] in refusal, conversation.received
    else:
        assert len(statuses) == len(passed), conversation.received
    bodies = [line for line, _ in passed if not line.startswith("HEAD ")]
    assert conversation.received.count(b"\r\n\r\nok") == len(bodies), conversation.received
    for _, fields, _ in recorder.requests:
        hosts = [value for field, value in fields if field == "host"]
        assert hosts == [recorder.address]


def test_the_host_of_an_absolute_target_overrules_the_field(one, recorder):
    """RFC 9112, 3.2.2; seen from hosts that name APIs."""
    paths = {"/{proxy+}": {"x-amazon-apigateway-any-method": (passing(recorder.address), ANY)}}
    api = serve(one, paths)("").split("/")[-2]
    for target, host, status in [
        (f"http://{api}.execute-api.h/prod/x", "none.execute-api.h", 200),
        (f"http://{api}.execute-api.h:80/prod/x", "none.execute-api.h", 200),
        ("http://none.execute-api.h/prod/x", f"{api}.execute-api.h", 403),
        ("/prod/x", f"{api}.execute-api.h", 200),
        ("/prod/x", f"{api}.execute-api.h@other", 400),
        ("/prod/x", f"other@{api}.execute-api.h", 400),
    ]:
        sent = request(f"GET {target} HTTP/1.1", "Connection: close", host=f"Host: {host}").encode()
        assert Conversation(one.address("gateway")).send(sent).end().statuses() == [status], (target, host)


@pytest.mark.parametrize("sent", [
    "", "G", "GET {at}/x HTTP/1.1", "GET {at}/x HTTP/1.1\r\nHost: h\r\n", "GET {at}/x HTTP/1.1\r\nHost: h\r\n\r",
    post("Content-Length: 10", body="abcd"), chunked("4\r\nab"), chunked("4\r\nabcd\r\n"), chunked("4\r\nabcd\r\n0\r\n"),
    chunked("4\r\nabcd\r\n0\r\nX: y"), post("Expect: 100-continue", "Content-Length: 10", body="abcd"),
    post("Content-Length: 200000", body="x" * 100_000), chunked("20000\r\n" + "x" * 0x20000 + "\r\n"),
], ids=lambda sent: repr(sent[-30:]))
@pytest.mark.parametrize("kind", ["half", "whole", "reset"])
def test_what_breaks_off_is_never_passed_on_as_whole(sent, kind, one, place, recorder):
    recorder.requests.clear()
    conversation = Conversation(one.address("gateway")).send(spelled(sent, place))
    if kind == "half":
        conversation.end()
        assert not [status for status in conversation.statuses() if status >= 500 or status == 200], conversation.received
    else:
        if kind == "reset":
            conversation.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        conversation.socket.close()
    # What comes later on another connection is answered later, so that whatever there was to see of this one is seen.
    assert fetch(f"http://{one.address('gateway')}{place}/after").status == 200
    assert [line for line, _, _ in recorder.requests] == ["GET /after HTTP/1.1"]


def test_values_that_can_not_stand_in_a_path_are_the_callers_fault(one, recorder):
    integration = {
        "type": "http_proxy", "httpMethod": "GET", "uri": f"http://{recorder.address}/{{part}}/end",
        "requestParameters": {"integration.request.path.part": "method.request.querystring.part"},
    }
    method = {"parameters": [{"name": "part", "in": "query", "schema": {"type": "string"}}]}
    url = serve(one, {"/mapped": {"GET": (integration, method)}})("/mapped")
    recorder.requests.clear()
    for part in ["..", "a/../b", "a%20b", "a%0d%0ab", "a%3fb", "a%23b", "a%00b", "%7b%7d", "a%5cb", "%22"]:
        assert fetch(f"{url}?part={part}").status == 400, part
    assert recorder.requests == []
    assert fetch(f"{url}?part=a%2fb").status == 200


def test_nobody_reads_on_what_nobody_wants(one, place, recorder):
    """A body without end, behind a request that is answered already."""
    conversation = Conversation(one.address("gateway"), within=30)
    nowhere = "POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    conversation.send(nowhere.encode()).receive(lambda statuses: statuses)
    assert conversation.statuses() == [403]
    piece, deadline = b"10000\r\n" + b"x" * 0x10000 + b"\r\n", time.monotonic() + 30
    with pytest.raises(ConnectionError):
        while time.monotonic() < deadline:
            conversation.socket.sendall(piece)


# Senders that take their time: what they begin with, what they go on with and how often, how many seconds later it must
# be over, and with which statuses it may be.
HEAD, REQUEST = 20, 45
LARGE = "x" * 100_000
SLOW = {
    "nothing": ("", "", 1, HEAD, [408]),
    "a head": ("GET {at}/x HTTP/1.1\r\nX: ", "x", 1, HEAD, [408]),
    "a head field by field": ("GET {at}/x HTTP/1.1\r\n", "X: y\r\n", 1, HEAD, [408]),
    "empty lines": ("", "\r\n", 2, HEAD, [408]),
    "a second head": (get("{at}/x") + "GET {at}/x HTTP/1.1\r\nX: ", "x", 1, HEAD, [200]),
    "a second head that stalls": (get("{at}/x") + "GET {at}/x HTT", "", 1, HEAD, [200]),
    "a stalling body": (post("Content-Length: 100", body="x"), "", 1, REQUEST, [408]),
    "a stalling chunk": (chunked("5\r\nx"), "", 1, REQUEST, [408]),
    "a stalling end": (chunked("4\r\nabcd\r\n0\r\n"), "", 1, REQUEST, [408]),
    "a body": (post("Content-Length: 100", body="x"), "x", 2, REQUEST, [408]),
    "a large body": (post("Content-Length: 200000", body=LARGE), "x", 2, REQUEST, [408]),
    "a large body in chunks": (chunked(f"{len(LARGE):x}\r\n{LARGE}\r\n"), "1\r\nx\r\n", 2, REQUEST, [408]),
    "chunks": (chunked(""), "1\r\nx\r\n", 2, REQUEST, [408]),
    "a chunk's extension": (chunked("1;"), "x", 2, REQUEST, [408]),
    "a trailer": (chunked("4\r\nabcd\r\n0\r\nX: "), "x", 2, REQUEST, [408]),
    "a body nobody wants": (chunked("").replace("{at}", "/nowhere"), "1\r\nx\r\n", 2, REQUEST, [403]),
    "a body for a MOCK": (post("Content-Length: 100", body="x").replace("/x ", "/mock "), "x", 2, REQUEST, [408]),
}


def test_slow_senders_are_cut_off(one, recorder):
    mock = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}, "responses": {"default": {"statusCode": "200"}}}
    paths = {"/{proxy+}": {"x-amazon-apigateway-any-method": (passing(recorder.address), ANY)}, "/mock": {"POST": (mock, {})}}
    at = serve(one, paths)("").split(one.address("gateway"))[1]
    recorder.requests.clear()
    results = {}

    def dawdle(name, begins, goes_on, every, within):
        began = time.monotonic()
        conversation = Conversation(one.address("gateway"), within=within).send(spelled(begins, at))
        stop = threading.Event()

        def go_on():
            while goes_on and not stop.wait(every):
                conversation.send(goes_on.encode())

        threading.Thread(target=go_on, daemon=True).start()
        with contextlib.suppress(TimeoutError):
            conversation.receive()
        stop.set()
        results[name] = (conversation.is_open, conversation.statuses(), time.monotonic() - began)
        conversation.socket.close()

    threads = [
        threading.Thread(target=dawdle, args=(name, begins, goes_on, every, within))
        for name, (begins, goes_on, every, within, _) in SLOW.items()
    ]
    for thread in threads:
        thread.start()
    # Who is slow and goes on is no enemy, and whoever else calls meanwhile notices nothing.
    honest = Conversation(one.address("gateway"), within=30).send(spelled(post("Content-Length: 3", body="a"), at))
    for letter in "bc":
        time.sleep(2)
        honest.send(letter.encode())
    honest.receive(lambda statuses: statuses)
    assert honest.statuses() == [200]
    for thread in threads:
        thread.join()
    wrong = {
        name: results[name] for name, (*_, statuses) in SLOW.items()
        if results[name][0] or results[name][1] not in ([], statuses)
    }
    assert not wrong, wrong
    # A second head's connection carried a first request, and that is all that was passed on.
    lines = sorted(line for line, _, _ in recorder.requests)
    assert lines == ["GET /x HTTP/1.1"] * 2 + ["POST /x HTTP/1.1"], lines


def test_a_slow_caller_is_not_a_slow_backend(one, recorder):
    """The integration's timeout is shorter than the caller takes to send a body that is passed on as it comes."""
    paths = {"/{proxy+}": {"x-amazon-apigateway-any-method": (passing(recorder.address, timeoutInMillis=500), ANY)}}
    at = serve(one, paths)("").split(one.address("gateway"))[1]
    recorder.requests.clear()
    conversation = Conversation(one.address("gateway")).send(spelled(post("Content-Length: 100004", body=LARGE), at))
    time.sleep(1.5)
    conversation.send(b"abcd").receive(lambda statuses: statuses)
    assert conversation.statuses() == [200], conversation.received
    assert [len(body) for _, _, body in recorder.requests] == [100_004]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, recorder):
    """nginx, passing everything on to the recorder with its own settings for what is hostile."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not program:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    home, port = tmp_path_factory.mktemp("nginx"), free_port()
    places = "".join(
        f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;\n"
        "events {}\n"
        f"http {{ access_log off; client_max_body_size 10m;\n{places}"
        f"server {{ listen 127.0.0.1:{port}; location / {{\n"
        f"proxy_pass http://{recorder.address}; proxy_http_version 1.1; }} }} }}\n"
    )
    process = subprocess.Popen([program, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")])

    def listens():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True

    try:
        eventually(listens, what="nginx")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_what_nginx_refuses_is_refused(nginx):
    """The other half is above: what becomes of every case here."""
    refused_there, wrong = set(), {}

    def judge(name, text):
        conversation = Conversation(nginx, within=5).send(spelled(text, "/at"))
        # A wait is no refusal; it ends with the time that there is.
        with contextlib.suppress(TimeoutError):
            conversation.receive(lambda statuses: statuses)
        conversation.socket.close()
        statuses = conversation.statuses()
        if (statuses and statuses[0] >= 400) or (not statuses and not conversation.is_open):
            refused_there.add(name)

    threads = [threading.Thread(target=judge, args=(name, text)) for name, (text, _) in CASES.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The comparison compares something.
    assert {"different lengths", "two hosts", "xchunked", "path '/a%00'"} <= refused_there
    assert not {"an empty line before", "two requests", "Chunked"} & refused_there
    for name in refused_there:
        if isinstance(CASES[name][1], list) and isinstance(CASES[name][1][0], tuple):
            wrong[name] = CASES[name][0]
    assert wrong.keys() == PASSED_ALTHOUGH_NGINX_REFUSES.keys(), wrong
