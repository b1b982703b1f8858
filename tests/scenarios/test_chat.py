"""A chat of three functions and a table, in the shape of AWS's public sample, with clients on three nodes; and a browser's WebSocket.

The functions know nothing of Turnpike: they push to `https://{domainName}/{stage}`, as they would at AWS. What a deployment
has, the test stands in for: names that lead to a load balancer with TLS in front of the nodes (a proxy here, which takes
each call to another node), and a table (moto's DynamoDB).
"""

import contextlib
import http.server
import itertools
import json
import shutil
import socket
import ssl
import subprocess
import sysconfig
import threading

import boto3
import pytest
from websockets.sync.client import connect

from conftest import KEY, SECRET, eventually, nodes
from functions import make as make_function
from lambda_api import uri
from sockets import make

DOMAIN = "execute-api.us-east-1.amazonaws.com"

# The functions, as somebody would write them for AWS.
CONNECT = """
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    table.put_item(Item={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200, "body": "Connected."}
"""
DISCONNECT = """
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    table.delete_item(Key={"connectionId": event["requestContext"]["connectionId"]})
    return {"statusCode": 200, "body": "Disconnected."}
"""
SEND = """
import json
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    where = event["requestContext"]
    push = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{where['domainName']}/{where['stage']}")
    data = json.loads(event["body"])["data"].encode()
    for item in table.scan(ProjectionExpression="connectionId")["Items"]:
        try:
            push.post_to_connection(ConnectionId=item["connectionId"], Data=data)
        except push.exceptions.GoneException:
            table.delete_item(Key=item)
    return {"statusCode": 200, "body": "Data sent."}
"""


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
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on"}}
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
    return lambda: {item["connectionId"]["S"] for item in database.scan(TableName="chat")["Items"]}


@pytest.fixture(scope="module")
def chat(cluster, moto, certificate, table, tmp_path_factory):
    """The chat, deployed; gives its API's id and the load balancer."""
    balancer = Balancer([("127.0.0.1", node.ports["gateway"]) for node in cluster], *certificate)
    credentials = tmp_path_factory.mktemp("credentials") / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    environment = {
        "TABLE_NAME": "chat", "AWS_ENDPOINT_URL_DYNAMODB": moto, "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "HTTPS_PROXY": balancer.url, "AWS_CA_BUNDLE": str(certificate[0]), "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    client = cluster[0].client("lambda")
    targets = {}
    for key, name, code in [
        ("$connect", "onconnect", CONNECT), ("$disconnect", "ondisconnect", DISCONNECT), ("sendmessage", "sendmessage", SEND),
    ]:
        make_function(client, name, {"app.py": code}, Timeout=25, MemorySize=256, Environment={"Variables": environment})
        client.add_permission(
            FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
        targets[key] = {"integration": {"IntegrationType": "AWS_PROXY", "IntegrationUri": uri(name)}}
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


PAGE = """
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
    """Node.js has the WebSocket of browsers: the page's script runs in it, and the API's host is looked up here."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    version = int(subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])
    if version < 20:
        pytest.skip("this Node.js has no WebSocket: 20 or later has")
    api, _ = chat
    (tmp_path / "page.cjs").write_text(PAGE)
    urls = [f"ws://{api}.{DOMAIN}:{each.ports['gateway']}/prod" for each in cluster[:2]]
    (tmp_path / "names.cjs").write_text(
        "const dns = require('dns');\n"
        "dns.lookup = (name, options, back) => (typeof options === 'function' ? options : back)"
        "(null, options && options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4);\n"
    )
    flags = ["--experimental-websocket"] if version < 22 else []
    done = subprocess.run(
        [node, *flags, "--require", str(tmp_path / "names.cjs"), str(tmp_path / "page.cjs"), *urls],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"data": "from a page", "code": 4000, "reason": "enough", "wasClean": True}
