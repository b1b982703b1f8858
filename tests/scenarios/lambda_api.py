"""Functions behind Lambda's Invoke API, played by the scenarios: what a node tells them, and whatever they may answer."""

import collections
import contextlib
import http.server
import json
import re
import struct
import threading
import zlib

Invocation = collections.namedtuple("Invocation", "function path headers payload")


class Reply:
    """What Lambda answers: a body, and where the function failed, how."""

    def __init__(self, body=b"", status=200, error=None, cut=None):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.error = status, error
        # Says that the answer is so many bytes longer than it is.
        self.cut = cut


class Stream:
    """What Lambda answers piece by piece: an iterator, and whether the function fails in the end."""

    def __init__(self, pieces, complete=None):
        self.pieces, self.complete = pieces, complete or {}

    def events(self):
        for piece in self.pieces:
            yield event("PayloadChunk", piece)
        yield event("InvokeComplete", json.dumps(self.complete).encode())


def event(kind, payload):
    """A message of an event stream."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in [(b":message-type", b"event"), (b":event-type", kind.encode())]
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def arn(name):
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def uri(name):
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn(name)}/invocations"


def proxy(name, **more):
    """An integration with a function that gets the whole request."""
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": uri(name), **more}


class Lambda:
    """Functions by name, each a Python function from an event to what is answered; and all their invocations."""

    def __init__(self):
        self.functions, self.invocations = {}, []
        lambda_ = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                name = re.fullmatch(
                    r"/(?:2015-03-31|2021-11-15)/functions/(?:.*:function:)?([^/]+)/(?:response-streaming-)?invocations", self.path
                )[1]
                lambda_.invocations.append(Invocation(name, self.path, self.headers, payload))
                function = lambda_.functions.get(name)
                unknown = Reply({"Message": f"Function not found: {name}", "Type": "User"}, status=404)
                reply = function(json.loads(payload)) if function else unknown
                with contextlib.suppress(ConnectionError):
                    if isinstance(reply, Stream):
                        self.stream(reply)
                    else:
                        self.answer(reply if isinstance(reply, Reply) else Reply(reply))

            def stream(self, reply):
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.amazon.eventstream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for message in reply.events():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(message), message))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def answer(self, reply):
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply.body) + (reply.cut or 0)))
                self.send_header("x-amzn-RequestId", "lambdas-own-id")
                if reply.error:
                    self.send_header("X-Amz-Function-Error", reply.error)
                self.end_headers()
                self.wfile.write(reply.body)
                if reply.cut:
                    self.wfile.flush()
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def of(self, name):
        """The invocations of one function."""
        return [invocation for invocation in self.invocations if invocation.function == name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
