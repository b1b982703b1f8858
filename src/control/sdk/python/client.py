"""The client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import models
from ._runtime import Answer, Credentials, Scalar, Sender, Value, segment

INVOKE_URL = {invoke_url}


class Client:
    {description}

    def __init__(
        self,
        *,
        invoke_url: str = INVOKE_URL,
        api_key: str | None = None,
        credentials: Credentials | Callable[[], Credentials] | None = None,
        region: str = "us-east-1",
        headers: Mapping[str, str] = {},
        timeout: float = 30.0,
    ) -> None:
        self._sender = Sender(invoke_url, api_key, credentials, region, headers, timeout)
