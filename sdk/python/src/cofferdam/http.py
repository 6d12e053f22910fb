"""HTTP requests, to the hosts that the task's grant names.

Inside a component they go through `wasi:http`, and the host does TLS; elsewhere through `urllib`.
"""

from __future__ import annotations

import base64
import json as _json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import _host
from .errors import Retry

if _host.IN_COMPONENT:
    from . import _wasi_http as _transport
else:
    from . import _urllib as _transport


class HttpError(Retry):
    """There is no usable response. The task is tried again, unless the program catches this."""


@dataclass(frozen=True)
class Response:
    """A response. `headers` has names in lower case."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body)

    def raise_for_status(self) -> Response:
        """Itself, unless the status tells of an error."""
        if not self.ok:
            raise HttpError(f"the server answered {self.status}: {self.text()[:200]}")
        return self


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: bytes | str | None = None,
    json: Any = None,
    auth: tuple[str, str] | None = None,
    timeout: float | None = None,
) -> Response:
    """Sends a request and reads the whole response. `timeout` is in seconds, for each step of it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no URL of http or https")
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    data = body.encode() if isinstance(body, str) else body
    if json is not None:
        data = _json.dumps(json, ensure_ascii=False).encode()
        sent.setdefault("content-type", "application/json")
    if auth is not None:
        sent.setdefault("authorization", "Basic " + base64.b64encode(":".join(auth).encode()).decode())
    if data is not None:
        sent.setdefault("content-length", str(len(data)))
    query = "&".join(part for part in (parts.query, urlencode(params or {})) if part)
    target = (parts.path or "/") + (f"?{query}" if query else "")
    try:
        status, received, content = _transport.send(method.upper(), parts.scheme, parts.netloc.rpartition("@")[2], target, sent, data, timeout)
    except _transport.Failed as error:
        raise HttpError(f"{method.upper()} {parts.scheme}://{parts.netloc.rpartition('@')[2]}: {error}") from None
    return Response(status, {name.lower(): value for name, value in received}, content)


def get(url: str, **options: Any) -> Response:
    """A request with the method GET."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """A request with the method POST."""
    return request("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    """A request with the method PUT."""
    return request("PUT", url, **options)


def delete(url: str, **options: Any) -> Response:
    """A request with the method DELETE."""
    return request("DELETE", url, **options)
