"""Nodes, backends and clients for the scenarios; and waiting for conditions, never for time."""

import contextlib
import http.server
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest

BINARY = os.environ.get("TURNPIKE_BINARY", "target/debug/turnpike")
KEY, SECRET = "AKIATESTTESTTESTTEST", "test-secret-of-the-scenarios"
CLUSTER_SECRET = "the scenarios' cluster secret"


def eventually(condition, within=30.0, what="the condition"):
    """Waits until `condition` gives something true, and gives it back."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.02)


# In an order of this run's own, and each but once: what was given to somebody may not be in use yet.
ports = itertools.cycle(random.sample(range(10000, 32000), 22000))


def free_port():
    """A port that was free just now; a node keeps it over restarts. None that the system would give to a connection."""
    for port in ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Node:
    """One process of `turnpike serve`, with fixed addresses so that it can be killed and started again."""

    def __init__(self, directory, number, join=None, environment=None, host="127.0.0.1", peers=None, inside=()):
        """`host` is where clients reach it, `peers` where other nodes do; `inside` is a command that it is run by."""
        self.number = number
        self.hosts = {"cluster": peers or host}
        self.host = host
        self.inside = list(inside)
        self.data = pathlib.Path(directory) / f"node{number}"
        self.ports = {name: free_port() for name in ("gateway", "admin", "metrics", "cluster")}
        self.join = join
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TURNPIKE_")},
            "TURNPIKE_ROOT_ACCESS_KEY_ID": KEY,
            "TURNPIKE_ROOT_SECRET_ACCESS_KEY": SECRET,
            "TURNPIKE_CLUSTER_SECRET": CLUSTER_SECRET,
            **(environment or {}),
        }
        self.process = None
        self.log = None

    def address(self, name):
        return f"{self.hosts.get(name, self.host)}:{self.ports[name]}"

    @property
    def admin(self):
        return "http://" + self.address("admin")

    def start(self, *arguments):
        command = [*self.inside, BINARY, "serve", "--data", str(self.data), "--workers", "1"]
        for name in self.ports:
            command += [f"--{name}", self.address(name)]
        command += ["--join", self.join] if self.join else ["--bootstrap"]
        self.log = open(f"{self.data}.log", "ab")
        self.process = subprocess.Popen(
            command + list(arguments), stdout=subprocess.PIPE, stderr=self.log, env=self.environment, text=True
        )
        return self

    def wait_ready(self, within=60.0):
        lines = []
        reader = threading.Thread(target=self._read_until_ready, args=(lines,), daemon=True)
        reader.start()
        reader.join(within)
        assert lines and lines[-1].startswith("ready "), f"node {self.number} is not ready: {lines}\n{self.tail()}"
        # Of nodes that join at the same time nobody knows who is given which number.
        self.number = int(re.search(r" node=(\d+) ", lines[-1]).group(1))
        return self

    def _read_until_ready(self, lines):
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("ready "):
                return

    def tail(self):
        with open(f"{self.data}.log", encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode

    def client(self, service="apigateway", **options):
        retries = {"max_attempts": 0}
        signature = options.pop("signature", None)
        client = boto3.client(
            service,
            endpoint_url=self.admin,
            region_name="us-east-1",
            aws_access_key_id=options.pop("key", KEY),
            aws_secret_access_key=options.pop("secret", SECRET),
            config=botocore.config.Config(retries=retries, read_timeout=30, connect_timeout=5, **options),
        )
        if signature:
            # Signs as for another service.
            client._request_signer._signing_name = signature
        return client

    def url(self, api, stage, path=""):
        return f"http://{self.address('gateway')}/_aws/execute-api/{api}/{stage}{path}"

    def figures(self):
        text = fetch(f"http://{self.address('metrics')}/metrics").text
        return dict(re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE))

    def status(self):
        environment = {**self.environment, "TURNPIKE_ADMIN_URL": self.admin}
        done = subprocess.run(
            [BINARY, "cluster", "status", "--output", "json"],
            env=environment, capture_output=True, text=True, timeout=20, check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None


class Answer:
    """What a plain HTTP request was answered with."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def fetch(url, method="GET", headers=None, body=None, timeout=30):
    """A plain HTTP request; error statuses are answers too."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def refused(call, code, status, message=None):
    """Makes a call that must be refused, in AWS's words."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), response
    if message is not None:
        assert response["Error"]["Message"] == message


def plain(answer):
    """An answer without what boto3 says of its arrival."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def replace(path, value):
    """A patch that sets one thing."""
    return [{"op": "replace", "path": path, "value": value}]


class Turns:
    """A client whose calls go to the nodes in turn."""

    def __init__(self, nodes, service="apigateway"):
        self.clients = itertools.cycle([node.client(service) for node in nodes])

    def __getattr__(self, name):
        return getattr(next(self.clients), name)


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, as JSON."""

    protocol_version = "HTTP/1.1"
    counter = itertools.count()

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            body = self.read_chunks()
        if self.path.startswith("/say"):
            return self.say(body)
        if self.path.startswith("/wait"):
            time.sleep(0.5)
        status = 418 if self.path.startswith("/teapot") else 200
        text = json.dumps(
            {
                "method": self.command,
                "path": self.path,
                "headers": {name: self.headers.get_all(name) for name in self.headers},
                "body": body.decode("latin-1"),
                "count": next(self.counter),
            }
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Backend", "echo")
        self.send_header("X-Amzn-RequestId", "the-backends-own")
        self.send_header("WWW-Authenticate", "Basic")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def say(self, body):
        """Answers with the body as it came, and with the status and type that the caller wants."""
        self.send_response(int(self.headers.get("X-Status", "200")))
        self.send_header("Content-Type", self.headers.get("X-Type", "application/json"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def backend():
    """The address of a backend that echoes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The address of moto's server, a process of its own."""
    port = free_port()
    log = open(tmp_path_factory.mktemp("moto") / "log", "wb")
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def is_there():
        assert process.poll() is None, open(log.name).read()
        with contextlib.suppress(OSError):
            return fetch(f"{address}/moto-api/data.json").status == 200

    try:
        eventually(is_there, within=60, what="moto's server")
        yield address
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def nodes(directory, count, place=lambda number: {}):
    """So many nodes that all vote; `place` says where each is."""
    started = [Node(directory, 1, **place(1)).start().wait_ready()]
    try:
        for number in range(2, count + 1):
            started.append(Node(directory, number, join=started[0].address("cluster"), **place(number)).start())
        for node in started[1:]:
            node.wait_ready()

        def all_vote():
            status = started[0].status()
            members = status["members"] if status else []
            return len(members) == count and all(member["role"] in ("leader", "follower") for member in members)

        eventually(all_vote, what=f"{count} voters")
        yield started
    finally:
        for node in started:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()


@pytest.fixture(scope="session")
def one(tmp_path_factory):
    """One node, shared by scenarios that don't hurt it."""
    with nodes(tmp_path_factory.mktemp("one"), 1) as started:
        yield started[0]


@pytest.fixture(scope="session")
def three(tmp_path_factory):
    """Three nodes, shared by scenarios that don't hurt them."""
    with nodes(tmp_path_factory.mktemp("three"), 3) as started:
        yield started


@pytest.fixture
def turns(three):
    """A client of the three nodes, each call to another one than the last."""
    return Turns(three)


def build(client, backend, name="api", path="pets", integration=None, verb="GET", parameters=None):
    """An API with one resource and one method; gives its id and the resource's."""
    api = client.create_rest_api(name=name)
    resource = client.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart=path)
    place = {"restApiId": api["id"], "resourceId": resource["id"], "httpMethod": verb}
    client.put_method(**place, authorizationType="NONE", requestParameters=parameters or {})
    client.put_integration(
        **place,
        **(integration or {"type": "HTTP_PROXY", "integrationHttpMethod": verb, "uri": f"http://{backend}/{path}"}),
    )
    return api["id"], resource["id"]


def serve(node, paths, stage="prod", variables=None, **more):
    """Imports an API, `{path: {verb: (integration, method)}}`, and deploys it; gives a function from paths to URLs.

    Every method declares the statuses that its integration answers with, and any other that it names.
    """
    described = {}
    for path, verbs in paths.items():
        for verb, (integration, method) in verbs.items():
            responses = integration.get("responses", {})
            headers = lambda response: {
                name.rpartition(".")[2]: {"schema": {"type": "string"}} for name in response.get("responseParameters", {})
            }
            declared = {
                str(response["statusCode"]): {"description": "", "headers": headers(response)}
                for response in responses.values()
            }
            described.setdefault(path, {})[verb.lower()] = {
                "responses": declared, **method, "x-amazon-apigateway-integration": integration,
            }
    document = {"openapi": "3.0.1", "info": {"title": "served", "version": "1"}, "paths": described, **more}
    client = node.client()
    api = client.import_rest_api(body=json.dumps(document).encode(), failOnWarnings=True)
    client.create_deployment(restApiId=api["id"], stageName=stage, variables=variables or {})
    return lambda path: node.url(api["id"], stage, path)
