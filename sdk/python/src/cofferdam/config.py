"""Variables and connections that the task's grant names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import _host
from .errors import Fatal

_REQUIRED: Any = object()


@dataclass(frozen=True)
class Connection:
    """How to reach something outside, as Airflow has it."""

    connection_id: str
    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    extra: Any = None


def variable(key: str, default: Any = _REQUIRED) -> Any:
    """The value of a variable: a text. Without a default, a variable that does not exist is fatal."""
    found = _host.current().variable(key)
    if found is not None:
        return found
    if default is _REQUIRED:
        raise Fatal(f"there is no variable {key!r}")
    return default


def connection(connection_id: str) -> Connection:
    """A connection. One that does not exist is fatal."""
    found = _host.current().connection(connection_id)
    if found is None:
        raise Fatal(f"there is no connection {connection_id!r}")
    extra = found.get("extra")
    return Connection(**{**found, "extra": json.loads(extra) if isinstance(extra, str) else extra})
