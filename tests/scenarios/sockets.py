"""WebSocket APIs, and clients of theirs, for the scenarios."""

import contextlib
import http.server
import json
import threading

import boto3
import botocore.config
from websockets.sync.client import connect

from conftest import KEY, SECRET

STATUS_200 = {"RequestTemplates": {"$default": '{"statusCode": 200}'}, "TemplateSelectionExpression": "\\$default"}


def mock(answer=None, headers=None):
    """A route that calls nobody: `answer` is the template of what is sent back, `headers` of its answer go to the gateway."""
    response = {"IntegrationResponseKey": "$default"}
    if answer is not None:
        response |= {"ResponseTemplates": {"$default": answer}, "TemplateSelectionExpression": "\\$default"}
    if headers:
        response["ResponseParameters"] = {f"integrationresponse.header.{name}": value for name, value in headers.items()}
    return {"integration": {"IntegrationType": "MOCK", **STATUS_200}, "responses": [response], "replies": answer is not None}


def http_proxy(url, parameters=None):
    """A route that tells a backend."""
    headers = {f"integration.request.header.{name}": value for name, value in (parameters or {}).items()}
    return {"integration": {
        "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST", "IntegrationUri": url, "RequestParameters": headers,
    }}


# What a client is known as: `$context.connectionId` in an answer.
ME = mock('{"me": "$context.connectionId"}')
# The room that a message names is joined, or left.
JOIN = mock('{"joined": true}', {"turnpike-join": "route.request.body.room"})
LEAVE = mock('{"left": true}', {"turnpike-leave": "route.request.body.room"})


def make(node, routes, stage="prod", authorizer=None, **settings):
    """A deployed WebSocket API with these routes; gives its id. `authorizer` is the URI of a function that `$connect` asks."""
    client = node.client("apigatewayv2")
    settings = {"Name": "sockets", "RouteSelectionExpression": "$request.body.action", **settings}
    api = client.create_api(ProtocolType="WEBSOCKET", **settings)["ApiId"]
    if authorizer:
        asked = client.create_authorizer(
            ApiId=api, Name="asked", AuthorizerType="REQUEST", AuthorizerUri=authorizer,
            IdentitySource=["route.request.querystring.name"],
        )["AuthorizerId"]
        routes = {"$connect": {}} | routes
        routes["$connect"] = routes["$connect"] | {"AuthorizationType": "CUSTOM", "AuthorizerId": asked}
    for key, route in routes.items():
        route = dict(route)
        more = {}
        if integration := route.pop("integration", None):
            made = client.create_integration(ApiId=api, **integration)["IntegrationId"]
            more["Target"] = f"integrations/{made}"
            for response in route.pop("responses", []):
                client.create_integration_response(ApiId=api, IntegrationId=made, **response)
        replies = route.pop("replies", False)
        if replies:
            more["RouteResponseSelectionExpression"] = "$default"
        created = client.create_route(ApiId=api, RouteKey=key, **more, **route)["RouteId"]
        if replies:
            client.create_route_response(ApiId=api, RouteId=created, RouteResponseKey="$default")
    client.create_stage(ApiId=api, StageName=stage)
    client.create_deployment(ApiId=api, StageName=stage)
    return api


class Socket:
    """A client's connection, by a node of its choice."""

    def __init__(self, node, api, stage="prod", query="", **options):
        options = {"open_timeout": 20, "close_timeout": 5, "ping_interval": None, "max_size": None, **options}
        self.connection = connect(node.url(api, stage).replace("http:", "ws:", 1) + query, **options)
        self._id = None

    @property
    def id(self):
        """Its connection id, as the API's route `me` tells it."""
        if self._id is None:
            self._id = self.ask({"action": "me"})["me"]
        return self._id

    def say(self, message):
        self.connection.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    def hear(self, within=20):
        return self.connection.recv(timeout=within)

    def ask(self, message):
        self.say(message)
        return json.loads(self.hear())

    def close(self, *code):
        self.connection.close(*code)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def sockets(*wanted):
    """Connections, by what `Socket` takes for each; they are closed in the end."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Socket(*each)) for each in wanted]


def management(node, api, stage="prod", url=None, key=KEY, secret=SECRET, **options):
    """boto3's client of `@connections`, which speaks to this node."""
    return boto3.client(
        "apigatewaymanagementapi", endpoint_url=url or node.url(api, stage), region_name="us-east-1",
        aws_access_key_id=key, aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30, connect_timeout=5, **options),
    )


class Told(http.server.ThreadingHTTPServer):
    """A backend that writes down the header fields of whatever it is told."""

    daemon_threads = True

    def __init__(self, host="127.0.0.1"):
        told = self.told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                told.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__((host, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://{}:{}/".format(*self.server_address)
