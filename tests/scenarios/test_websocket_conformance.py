"""Conformance to RFC 6455: cases of our own against a route that echoes, and against another server to prove the cases;
and the Autobahn suite, where it is installed."""

import base64
import contextlib
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

from conftest import Echo, nodes
from raw_sockets import CLOSE, Client, at, frame
from sockets import http_proxy, make
from websocket_cases import BEYOND, CASES

# Python 2's alone, so never among our own packages: `pip install autobahntestsuite` elsewhere, and its `wstest` here.
WSTEST = os.environ.get("TURNPIKE_WSTEST") or shutil.which("wstest")

# AWS's limits and its refusal of binary messages, switched off.
WITHOUT_LIMITS = {
    "TURNPIKE_WEBSOCKET_FRAME_KIB": "65536", "TURNPIKE_WEBSOCKET_MESSAGE_KIB": "65536",
    "TURNPIKE_WEBSOCKET_BINARY": "base64",
}


class Say(Echo):
    """Answers with what it is told, and to bytes with bytes."""

    def say(self, body):
        if self.headers["X-Bytes"] == "true":
            body = base64.b64decode(body, validate=True)
            self.headers["X-Type"] = "application/octet-stream"
        super().say(body)


@pytest.fixture(scope="module")
def backend():
    """A backend that echoes; more than one at a time, as cases are."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Say)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/say"
    server.shutdown()


@pytest.fixture(scope="module")
def turnpike(backend, tmp_path_factory):
    """An API that echoes, on a node without limits: its address and its path."""
    with nodes(tmp_path_factory.mktemp("lenient"), 1, lambda number: {"environment": WITHOUT_LIMITS}) as started:
        api = make(started[0], {"$default": {**http_proxy(backend, {"x-bytes": "context.isBase64Encoded"}), "replies": True}})
        yield at(started[0], api)


# Node's `ws`, which passes the suite, as its documentation has a server that echoes.
WS = """
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => console.log(server.address().port));
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """A server known to be right."""
    if not shutil.which("npm"):
        pytest.skip("npm is not on this machine")
    folder = tmp_path_factory.mktemp("ws")
    installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "ws@8.18.3"], cwd=folder, timeout=120,
                               capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        pytest.skip(f"ws can't be installed: {installed.stderr[-300:]}")
    with subprocess.Popen(["node", "-e", WS], cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        yield f"127.0.0.1:{int(server.stdout.readline())}", "/"
        server.terminate()


def run(place, case):
    """What came back, and the code of the close frame that the server sent, if the client did not close."""
    with Client(*place) as client:
        assert client.status == 101
        with contextlib.suppress(ConnectionError):
            for data in case.sent:
                client.raw(data)
        back = []
        while case.end is None and len(back) < len(case.back):
            back.append(client.message())
        if case.end is None:
            client.close()
        opcode, payload = client.message()
        while opcode != CLOSE:
            back.append((opcode, payload))
            opcode, payload = client.message()
        with contextlib.suppress(ConnectionError):
            client.raw(frame(CLOSE, payload[:2]))
        assert client.is_over(), "something comes behind the close frame"
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        return back, code


def check(place, case):
    back, code = run(place, case)
    assert back == case.back
    assert code in (case.end or {1000})


@pytest.mark.parametrize("name", CASES)
def test_a_route_that_echoes_conforms(turnpike, name):
    check(turnpike, CASES[name])


@pytest.mark.parametrize("name", BEYOND)
def test_what_the_suite_leaves_out_is_refused_as_well(turnpike, name):
    check(turnpike, BEYOND[name])


# It looks at a text when it is whole, and these want it to be refused earlier.
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("6.4.")])
def test_another_server_that_conforms_passes_the_same_cases(peer, name):
    check(peer, CASES[name])


@pytest.mark.skipif(not WSTEST, reason="the Autobahn suite is not here: name its wstest in TURNPIKE_WSTEST")
def test_the_autobahn_suite_passes(turnpike, tmp_path):
    address, path = turnpike
    sections = [f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 10)]
    (tmp_path / "spec.json").write_text(json.dumps({
        "outdir": "reports", "servers": [{"agent": "turnpike", "url": f"ws://{address}{path}"}],
        "cases": sections, "exclude-cases": [], "exclude-agent-cases": {},
    }))
    subprocess.run([WSTEST, "-m", "fuzzingclient", "-s", "spec.json"], cwd=tmp_path, timeout=500, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report = json.loads((tmp_path / "reports" / "index.json").read_text())["turnpike"]
    assert len(report) == 247
    passed = {"OK", "INFORMATIONAL"}
    failed = {name: case for name, case in report.items() if {case["behavior"], case["behaviorClose"]} - passed}
    assert not failed
