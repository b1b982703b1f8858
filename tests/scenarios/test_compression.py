"""Compressed bodies in both directions."""

import gzip
import zlib

from conftest import fetch, serve
from test_mapping import http

LONG = b"compress me " * 20_000


def test_bodies_are_compressed_and_inflated_as_api_and_caller_want(one, backend):
    paths = {
        "/say": {"POST": (http(backend, "/say"), {})},
        "/proxy": {"POST": ({"type": "http_proxy", "httpMethod": "POST", "uri": f"http://{backend}/say"}, {})},
        "/echo": {"POST": ({"type": "http_proxy", "httpMethod": "POST", "uri": f"http://{backend}/echo"}, {})},
    }
    url = serve(one, paths, **{"x-amazon-apigateway-minimum-compression-size": 1000})
    never = serve(one, paths)
    post = lambda url, body, **headers: fetch(url, method="POST", body=body, headers=headers)
    for path in ("/say", "/proxy"):
        for accepted, size, coding in [
            ("gzip", 1000, "gzip"), ("deflate;q=0.9, gzip;q=0.5", len(LONG), "deflate"), ("gzip", 999, None),
            ("br, gzip;q=0.5", 1000, None), ("*", 1000, None), (None, 1000, None), ("gzip", 0, None),
        ]:
            headers = {"Accept-Encoding": accepted} if accepted else {}
            answer = post(url(path), LONG[:size], **headers)
            assert (answer.status, answer.headers["Content-Encoding"]) == (200, coding), (path, accepted, size)
            plain = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](answer.body)
            assert plain == LONG[:size], (path, accepted, size)
        assert post(never(path), LONG, **{"Accept-Encoding": "gzip"}).headers["Content-Encoding"] is None
    # Refusals are as they are.
    assert fetch(url("/none"), headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] is None
    for coding, body in [("gzip", gzip.compress(LONG)), ("deflate", zlib.compress(LONG)), ("identity", LONG)]:
        seen = post(url("/echo"), body, **{"Content-Encoding": coding}).json()
        assert seen["body"].encode() == LONG, coding
        assert "content-encoding" not in {name.lower() for name in seen["headers"]}
    for coding, body in [("br", b"x"), ("gzip", b"none"), ("gzip", gzip.compress(LONG)[:-5])]:
        refused = post(url("/echo"), body, **{"Content-Encoding": coding})
        assert (refused.status, refused.body) == (415, b'{"message": "Unsupported Media Type"}'), coding
    bomb = post(url("/echo"), gzip.compress(bytes(11_000_000)), **{"Content-Encoding": "gzip"})
    assert (bomb.status, bomb.body) == (413, b"HTTP content length exceeded 10485760 bytes.")
    # An API that does not compress does not look.
    assert post(never("/echo"), b"none", **{"Content-Encoding": "gzip"}).json()["body"] == "none"
