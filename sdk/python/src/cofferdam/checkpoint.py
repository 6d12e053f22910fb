"""What a task keeps for its own next try: how far it came.

It survives retries, reschedules, deferrals and the loss of a worker, and is forgotten when the task succeeds.
"""

from __future__ import annotations

import json
from typing import Any

from . import _host


def save(value: Any) -> None:
    """Keeps this value, anything that JSON can hold, in place of what was kept before."""
    save_bytes(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def load(default: Any = None) -> Any:
    """The value that was kept last."""
    found = load_bytes()
    return default if found is None else json.loads(found)


def save_bytes(data: bytes) -> None:
    """Keeps these bytes in place of what was kept before."""
    _host.current().checkpoint_save(data)


def load_bytes() -> bytes | None:
    """The bytes that were kept last."""
    return _host.current().checkpoint_load()


def clear() -> None:
    """Forgets what was kept."""
    _host.current().checkpoint_clear()
