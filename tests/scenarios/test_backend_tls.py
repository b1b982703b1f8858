"""Backends on TLS: whom the gateway trusts, and the certificate by which backends know it."""

import datetime
import http.server
import json
import shutil
import ssl
import subprocess
import threading

import pytest
from conftest import fetch, nodes, refused, replace, serve
from sockets import Socket, make

OPENSSL = shutil.which("openssl")


class Known(http.server.BaseHTTPRequestHandler):
    """Answers with who called, as its certificate says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        certificate = self.connection.getpeercert() or {}
        text = json.dumps({"caller": [value for part in certificate.get("subject", ()) for value in part]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Handshakes that fail are what is tried here."""


@pytest.fixture
def tls_backend(tmp_path):
    """Starts backends on TLS: `start(days, trusted, asked)`; its certificate is signed by itself and runs out after so many
    days, and callers must show one of `trusted`, if that is given. The names that it is asked for are put into `asked`."""
    if not OPENSSL:
        pytest.skip("openssl is not installed (Debian: openssl)")
    servers = []

    def start(days=1, trusted=None, asked=None):
        key, certificate = tmp_path / f"key-{len(servers)}", tmp_path / f"certificate-{len(servers)}"
        now = datetime.datetime.now(datetime.timezone.utc)
        at = lambda offset: (now + datetime.timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")
        subprocess.run(
            [OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", key, "-out", certificate, "-subj", "/CN=elsewhere", "-days", "1",
             "-addext", "subjectAltName=DNS:inside.example", "-addext", "basicConstraints=critical,CA:FALSE"],
            check=True, capture_output=True,
        )
        if days < 0:
            (tmp_path / "index").write_text("")
            (tmp_path / "serial").write_text("01\n")
            (tmp_path / "ca.cnf").write_text(
                f"[ca]\ndefault_ca=d\n[d]\ndatabase={tmp_path}/index\nserial={tmp_path}/serial\nnew_certs_dir={tmp_path}\n"
                "policy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n"
            )
            request = tmp_path / "request"
            subprocess.run([OPENSSL, "req", "-new", "-key", key, "-subj", "/CN=elsewhere", "-out", request], check=True)
            subprocess.run(
                [OPENSSL, "ca", "-batch", "-config", tmp_path / "ca.cnf", "-selfsign", "-keyfile", key, "-in", request,
                 "-out", certificate, "-startdate", at(days - 1), "-enddate", at(days), "-notext"],
                check=True, capture_output=True,
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if asked is not None:
            context.sni_callback = lambda _, name, __: asked.append(name)
        if trusted:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=trusted)
        server = Quiet(("127.0.0.1", 0), Known)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()


def called(port, **words):
    return {"type": "http_proxy", "httpMethod": "GET", "uri": f"https://localhost:{port}/", **words}


INSECURE = {"tlsConfig": {"insecureSkipVerification": True}}


def test_certificates_of_backends_are_checked_unless_the_integration_says_not_to(one, tls_backend):
    good, expired = tls_backend(), tls_backend(days=-1)
    url = serve(one, {
        "/strict": {"GET": (called(good), {})}, "/lax": {"GET": (called(good, **INSECURE), {})},
        "/expired": {"GET": (called(expired, **INSECURE), {})},
    })
    for _ in range(2):
        assert fetch(url("/lax")).json() == {"caller": []}
        for path in ("/strict", "/expired"):
            answer = fetch(url(path))
            assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}'), path


def test_backends_are_shown_the_stages_certificate(one, tls_backend):
    client = one.client()
    certificate = client.generate_client_certificate()
    port = tls_backend(trusted=certificate["pemEncodedCertificate"])
    paths = {"/": {"GET": (called(port, **INSECURE), {})}}
    url, unknown = serve(one, paths), serve(one, paths)
    api = url("").split("/")[-2]
    change = lambda *operations: client.update_stage(restApiId=api, stageName="prod", patchOperations=sum(operations, []))
    assert fetch(url("/")).status == 504
    change(replace("/clientCertificateId", certificate["clientCertificateId"]))
    for _ in range(2):
        assert fetch(url("/")).json() == {"caller": [["commonName", "ApiGateway"]]}
        # Another stage's calls don't take its connections.
        assert fetch(unknown("/")).status == 504
    change(replace("/clientCertificateId", ""))
    assert fetch(url("/")).status == 504


def test_the_name_that_an_integration_of_a_route_says_is_asked_for_and_checked(tls_backend, tmp_path):
    asked = []
    port = tls_backend(asked=asked)
    environment = {"SSL_CERT_FILE": str(tmp_path / "certificate-0")}
    verifying = lambda name: {"TlsConfig": {"ServerNameToVerify": name}} if name else {}
    routes = {
        key: {"integration": {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET",
                              "IntegrationUri": f"https://127.0.0.1:{port}/", **verifying(name)}, "replies": True}
        for key, name in [("inside", "inside.example"), ("elsewhere", "elsewhere.example"), ("none", None)]
    }
    with nodes(tmp_path, 1, lambda number: {"environment": environment}) as (node,):
        with Socket(node, make(node, routes)) as socket:
            for _ in range(2):
                for action, expected in [("inside", {"caller": []}), ("elsewhere", None), ("none", None)]:
                    answer = socket.ask({"action": action})
                    assert answer == expected or answer["message"] == "Internal server error", action
        client = node.client("apigatewayv2")
        api = client.create_api(Name="x", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
        refused(
            lambda: client.create_integration(ApiId=api, IntegrationType="MOCK", **verifying("no name")),
            "BadRequestException", 400, "Invalid serverNameToVerify specified: no name",
        )
    # An address is no name that could be asked for; a connection that is kept asks nothing.
    assert [name for name in asked if name] == ["inside.example", "elsewhere.example", "elsewhere.example"]


def test_a_vpc_link_leads_to_a_private_endpoint(one, backend):
    link = one.client().create_vpc_link(
        name="private", targetArns=["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/n/0"])
    integration = {"type": "http_proxy", "httpMethod": "GET", "uri": f"http://{backend}/private",
                   "connectionType": "VPC_LINK", "connectionId": link["id"]}
    url = serve(one, {"/p": {"GET": (integration, {})}})
    assert fetch(url("/p")).json()["path"] == "/private"
