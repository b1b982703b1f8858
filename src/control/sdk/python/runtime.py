"""How requests are made, signed and answered."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union

T = TypeVar("T")

Scalar = Union[str, int, float, bool]
#: A parameter's value; a query parameter that is a sequence is sent once for each.
Value = Union[Scalar, Sequence[Scalar]]


@dataclass(frozen=True)
class Credentials:
    """Keys that requests are signed with."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r})"


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    data: T


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, answer: Answer[Any]) -> None:
        super().__init__(f"The API answered with status {answer.status}")
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.data


class _Stay(urllib.request.HTTPRedirectHandler):
    """Keys and signatures are for this API, not for wherever it might lead."""

    def redirect_request(self, *_: Any) -> None:
        return None


def text(value: Scalar) -> str:
    """A value as it is sent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def quote(value: str) -> str:
    return urllib.parse.quote(value, safe="-_.~")


def segment(name: str, value: Scalar, greedy: bool = False) -> str:
    """A value in a path. What is empty or only dots would lead to another resource."""
    parts = text(value).split("/") if greedy else [text(value)]
    if text(value) == "" or any(part in (".", "..") for part in parts):
        raise ValueError(f"The path parameter {name} can't be {value!r}")
    return "/".join(quote(part) for part in parts)


def canonical_query(query: Mapping[str, Value | None]) -> str:
    """Query parameters in the order that signatures have them in."""
    pairs = []
    for name, value in query.items():
        several = isinstance(value, Sequence) and not isinstance(value, str)
        for one in value if several else [value]:  # type: ignore[union-attr]
            if one is not None:
                pairs.append((quote(name), quote(text(one))))  # type: ignore[arg-type]
    return "&".join("=".join(pair) for pair in sorted(pairs))


def content(body: Any) -> bytes | None:
    """A body as it is sent: texts and bytes as they are, everything else as JSON."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def sign(
    verb: str, url: str, headers: dict[str, str], body: bytes, credentials: Credentials, region: str, time: str
) -> None:
    """Adds an AWS Signature Version 4 to a request's headers."""
    parts = urllib.parse.urlsplit(url)
    headers["x-amz-date"] = time
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    signed = {name.lower(): re.sub(r"\s+", " ", value.strip()) for name, value in headers.items()}
    signed["host"] = parts.netloc.rpartition("@")[2]
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            verb,
            # Signatures have the path encoded once more than the request, and of slashes in a row only one.
            urllib.parse.quote(re.sub("/+", "/", parts.path) or "/", safe="/-_.~"),
            parts.query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = [time[:8], region, "execute-api", "aws4_request"]
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", time, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = b"AWS4" + credentials.secret_access_key.encode()
    for part in [*scope, to_sign]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{'/'.join(scope)}, "
        f"SignedHeaders={names}, Signature={key.hex()}"
    )


@dataclass
class Sender:
    """Sends a client's requests."""

    invoke_url: str
    api_key: str | None
    credentials: Credentials | Callable[[], Credentials] | None
    region: str
    headers: Mapping[str, str]
    timeout: float

    def __post_init__(self) -> None:
        if not self.invoke_url.lower().startswith(("http://", "https://")):
            raise ValueError(f"The API's address must begin with http:// or https://, not {self.invoke_url!r}")
        self.invoke_url = self.invoke_url.rstrip("/")
        self._opener = urllib.request.build_opener(_Stay())

    def send(
        self,
        verb: str,
        path: str,
        query: Mapping[str, Value | None],
        headers: Mapping[str, Value | None],
        content_type: str = "application/json",
        body: Any = None,
    ) -> Answer[Any]:
        asked = canonical_query(query)
        url = self.invoke_url + path + (f"?{asked}" if asked else "")
        data = content(body)
        whole = {"accept": "application/json"}
        if data is not None:
            whole["content-type"] = content_type
        for given in (self.headers, headers):
            for name, value in given.items():
                if value is not None:
                    several = isinstance(value, Sequence) and not isinstance(value, str)
                    whole[name.lower()] = ",".join(map(text, value)) if several else text(value)  # type: ignore
        if self.api_key:
            whole["x-api-key"] = self.api_key
        if self.credentials is not None:
            keys = self.credentials() if callable(self.credentials) else self.credentials
            time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
            sign(verb, url, whole, data or b"", keys, self.region, time)
        request = urllib.request.Request(url, data=data, headers=whole, method=verb)
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                return self._answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(self._answer(error.code, error.headers, error.read())) from None

    @staticmethod
    def _answer(status: int, headers: Any, body: bytes) -> Answer[Any]:
        data: Any = body or None
        kind = headers.get_content_type()
        if body and (kind.endswith(("/json", "+json")) or kind.startswith("text/")):
            decoded = body.decode(headers.get_content_charset() or "utf-8", "replace")
            try:
                data = json.loads(decoded) if kind.endswith("json") else decoded
            except ValueError:
                # Not what it says it is: the text it is.
                data = decoded
        return Answer(status, headers, data)
