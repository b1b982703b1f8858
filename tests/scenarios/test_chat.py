"""A chat of functions and a table, in the shape of AWS's public sample, with clients on three nodes: programs, and a page in a browser.

The functions know nothing of Turnpike: they push to `https://{domainName}/{stage}`, as they would at AWS. What a deployment
has, the test stands in for: names that lead to a load balancer with TLS in front of the nodes (a proxy here, which takes
each call to another node), and a table (moto's DynamoDB).
"""

import contextlib
import functools
import http.server
import itertools
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sysconfig
import threading
import urllib.parse

import boto3
import pytest
from websockets.sync.client import connect

import browser as browsers
from conftest import KEY, SECRET, eventually, nodes
from functions import make as make_function
from lambda_api import uri
from sockets import JOIN, make
from test_connections import broadcast
from test_drain import command

DOMAIN = "execute-api.us-east-1.amazonaws.com"

# The functions, as somebody would write them for AWS, and the page.
CHAT = pathlib.Path(__file__).parent / "chat"
ROUTES = {"$connect": "connect", "$disconnect": "disconnect", "sendmessage": "send", "$default": "default"}


class Balancer(http.server.ThreadingHTTPServer):
    """An HTTPS proxy that is the load balancer as well: it ends TLS for every name, and takes each call to the next node."""

    daemon_threads = True

    def __init__(self, addresses, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        targets = itertools.cycle(addresses)
        taken = self.taken = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_CONNECT(self):
                taken.append(self.path)
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with context.wrap_socket(self.connection, server_side=True) as inside, socket.create_connection(next(targets)) as node:
                    back = threading.Thread(target=copy, args=(node, inside), daemon=True)
                    back.start()
                    copy(inside, node)
                    back.join()
                self.close_connection = True

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


def copy(source, sink):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for all hosts of APIs, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed (Debian: openssl)")
    directory = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-keyout", "key.pem", "-out", "leaf.pem", "-subj", f"/CN=*.{DOMAIN}", "-addext", f"subjectAltName=DNS:*.{DOMAIN}"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory / "leaf.pem", directory / "key.pem"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    # One of them passes binary messages on.
    binary = lambda number: {"TURNPIKE_WEBSOCKET_BINARY": "base64"} if number == 3 else {}
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on", **binary(number)}}
    with nodes(tmp_path_factory.mktemp("chat"), 3, place) as started:
        yield started


@pytest.fixture(scope="module")
def table(moto):
    database = boto3.client("dynamodb", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    key = {"AttributeName": "connectionId"}
    database.create_table(
        TableName="chat", BillingMode="PAY_PER_REQUEST", KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
    )
    return lambda: {item["connectionId"]["S"]: item["origin"]["S"] for item in database.scan(TableName="chat")["Items"]}


@pytest.fixture(scope="module")
def site():
    """Where the page is served: its origin."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=CHAT))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def chat(cluster, moto, certificate, table, site, tmp_path_factory):
    """The chat, deployed; gives its API's id and the load balancer."""
    balancer = Balancer([("127.0.0.1", node.ports["gateway"]) for node in cluster], *certificate)
    credentials = tmp_path_factory.mktemp("credentials") / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    environment = {
        "TABLE_NAME": "chat", "ORIGIN": site, "AWS_ENDPOINT_URL_DYNAMODB": moto, "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "HTTPS_PROXY": balancer.url, "AWS_CA_BUNDLE": str(certificate[0]), "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    client = cluster[0].client("lambda")
    targets = {}
    for key, name in ROUTES.items():
        code = {"app.py": (CHAT / f"{name}.py").read_text()}
        make_function(client, name, code, Timeout=25, MemorySize=256, Environment={"Variables": environment})
        client.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
        targets[key] = {"integration": {"IntegrationType": "AWS_PROXY", "IntegrationUri": uri(name)}, "replies": key == "$default"}
    return make(cluster[0], targets), balancer


def join(node, api):
    """A client of the chat, by a node of its choice and the API's own host."""
    link = socket.create_connection(("127.0.0.1", node.ports["gateway"]))
    return connect(f"ws://{api}.{DOMAIN}/prod", sock=link, open_timeout=60, ping_interval=None)


def test_everybody_hears_everybody_on_three_nodes(cluster, chat, table):
    api, balancer = chat
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(join(cluster[number % 3], api)) for number in range(6)]
        assert len(table()) == 6
        for number, speaker in enumerate(clients[:3]):
            speaker.send(json.dumps({"action": "sendmessage", "data": f"hello from {number}"}))
            assert [client.recv(timeout=60) for client in clients] == [f"hello from {number}"] * 6
        assert balancer.taken and set(balancer.taken) == {f"{api}.{DOMAIN}:443"}
        clients[5].close()
        eventually(lambda: len(table()) == 5, what="the table to forget who left")
        clients[4].send(json.dumps({"action": "sendmessage", "data": "and then there were five"}))
        assert [client.recv(timeout=60) for client in clients[:5]] == ["and then there were five"] * 5
    eventually(lambda: not table(), what="the table to be empty")


SCRIPT = """
const [first, second] = process.argv.slice(2);
const talk = (url) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve(socket);
  socket.onerror = reject;
});
const main = async () => {
  const [speaker, listener] = [await talk(first), await talk(second)];
  const heard = new Promise((resolve) => { listener.onmessage = (event) => resolve(event.data); });
  speaker.send(JSON.stringify({ action: "sendmessage", data: "from a page" }));
  const data = await heard;
  const ended = new Promise((resolve) => { listener.onclose = (event) => resolve(event); });
  listener.close(4000, "enough");
  const { code, reason, wasClean } = await ended;
  speaker.close();
  console.log(JSON.stringify({ data, code, reason, wasClean }));
};
main();
"""


def test_a_browsers_websocket_talks_to_it(cluster, chat, tmp_path):
    """Node.js has the WebSocket of browsers: a script of theirs runs in it, and the API's host is looked up here."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    version = int(subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])
    if version < 20:
        pytest.skip("this Node.js has no WebSocket: 20 or later has")
    api, _ = chat
    (tmp_path / "script.cjs").write_text(SCRIPT)
    urls = [f"ws://{api}.{DOMAIN}:{each.ports['gateway']}/prod" for each in cluster[:2]]
    (tmp_path / "names.cjs").write_text(
        "const dns = require('dns');\n"
        "dns.lookup = (name, options, back) => (typeof options === 'function' ? options : back)"
        "(null, options && options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4);\n"
    )
    flags = ["--experimental-websocket"] if version < 22 else []
    done = subprocess.run(
        [node, *flags, "--require", str(tmp_path / "names.cjs"), str(tmp_path / "script.cjs"), *urls],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"data": "from a page", "code": 4000, "reason": "enough", "wasClean": True}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not browsers.program():
        pytest.skip("there is no browser here (Debian: chromium)")
    with browsers.Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def visit(browser, site, node, api, name, protocol=""):
    """The chat's page, filled in for a node, and sent off."""
    address = f"ws://{api}.{DOMAIN}:{node.ports['gateway']}/prod"
    page = browser.open(f"{site}/page.html?" + urllib.parse.urlencode({"address": address, "name": name, "protocol": protocol}))
    page.click("#switch")
    return page


def says(page, status):
    eventually(lambda: page.text("#status") == status, what=f"the page to say {status}, not {page.text('#status')}")


def hears(page, *texts):
    eventually(lambda: page.texts("#messages li") == list(texts), what=f"{texts}, not {page.texts('#messages li')}")


def test_two_pages_of_a_browser_and_a_program_chat_across_nodes(cluster, chat, table, site, browser):
    api, _ = chat
    ann = visit(browser, site, cluster[0], api, "ann", "chat")
    bob = visit(browser, site, cluster[1], api, "bob")
    says(ann, "Connected as ann, speaking chat.")
    says(bob, "Connected as bob.")
    with join(cluster[2], api) as program:
        assert sorted(table().values()) == sorted([site, site, "none"]), "$connect has seen where the pages are from"
        ann.type("#text", "hello, <b>everybody</b>")
        hears(bob, "ann: hello, <b>everybody</b>")
        bob.type("#text", "grüß dich 👋")
        program.send(json.dumps({"action": "sendmessage", "data": "program: beep"}))
        everything = ["ann: hello, <b>everybody</b>", "bob: grüß dich 👋", "program: beep"]
        heard = lambda page: sorted(page.texts("#messages li"))
        for page in (ann, bob):
            eventually(lambda page=page: heard(page) == everything, what="all three messages")
        assert sorted(program.recv(timeout=60) for _ in everything) == everything
        bob.click("#switch")
        says(bob, "Closed: 1000 left.")
        ann.type("#text", "who is left?")
        assert program.recv(timeout=60) == "ann: who is left?"
        eventually(lambda: heard(ann) == sorted([*everything, "ann: who is left?"]), what="her own message")
    assert heard(bob) == everything
    ann.click("#switch")
    says(ann, "Closed: 1000 left.")
    eventually(lambda: not table(), what="the table to be empty")


def test_a_page_from_elsewhere_is_not_let_in(cluster, chat, table, site, browser):
    """Its browser says where it is from, and $connect does not like it."""
    api, _ = chat
    elsewhere = site.replace("127.0.0.1", "localhost")
    says(visit(browser, elsewhere, cluster[0], api, "eve"), "Not let in, or nobody is there.")
    assert not table()


def test_a_page_sends_files_where_binary_messages_are_taken(cluster, chat, site, browser, tmp_path):
    api, _ = chat
    (tmp_path / "file").write_bytes(bytes(range(256)) * 4)
    page = visit(browser, site, cluster[2], api, "ann")
    says(page, "Connected as ann.")
    page.evaluate("void (heard = new Promise((back) => socket.addEventListener('message', ({ data }) => back([...new Uint8Array(data)]))))")
    page.choose("#file", tmp_path / "file")
    hears(page, "[a binary message of 1024 bytes]")
    assert bytes(page.evaluate("heard")) == (tmp_path / "file").read_bytes()
    page.click("#switch")
    says(page, "Closed: 1000 left.")
    # As AWS does it.
    page = visit(browser, site, cluster[0], api, "ann")
    says(page, "Connected as ann.")
    page.choose("#file", tmp_path / "file")
    says(page, "Closed: 1003 Binary messages are not supported.")


def test_the_page_works_as_a_file_with_any_api(cluster, browser):
    """As a reader of the README opens it: what begins with { is sent as it is."""
    api = make(cluster[0], {"join": JOIN})
    page = browser.open(f"{(CHAT / 'page.html').as_uri()}?address={cluster[1].url(api, 'prod').replace('http', 'ws')}&name=ann")
    page.click("#switch")
    says(page, "Connected as ann.")
    page.type("#text", '{"action": "join", "room": "blue"}')
    hears(page, '{"joined": true}')
    assert broadcast(cluster[2], api, "/@groups/blue", "to the room")[str(cluster[1].number)]["delivered"] == 1
    hears(page, '{"joined": true}', "to the room")


def test_a_page_is_told_that_its_node_goes_away_and_joins_another(cluster, chat, table, site, browser):
    api, _ = chat
    page = visit(browser, site, cluster[1], api, "ann")
    says(page, "Connected as ann.")
    node = str(cluster[1].number)
    assert command(cluster[0], "drain", node)[0] == 0
    says(page, "Closed: 1001 Going away.")
    assert not table(), "$disconnect has been run when the command ends"
    # It goes elsewhere; and back, when the node serves again.
    says(visit(browser, site, cluster[1], api, "ann"), "Not let in, or nobody is there.")
    page = visit(browser, site, cluster[2], api, "ann")
    says(page, "Connected as ann.")
    assert command(cluster[0], "drain", node, "--undo")[0] == 0
    says(visit(browser, site, cluster[1], api, "ann"), "Connected as ann.")
