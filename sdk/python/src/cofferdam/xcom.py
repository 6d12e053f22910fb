"""Small values that the tasks of a run hand to each other."""

from __future__ import annotations

import json
from typing import Any

from . import _host


def push(key: str, value: Any) -> None:
    """Leaves a value, anything that JSON can hold, under a key. It is recorded when the try ends."""
    _host.current().xcom_push(key, json.dumps(value, ensure_ascii=False, allow_nan=False))


def pull(task_id: str, key: str = "return_value", map_index: int | None = None, default: Any = None) -> Any:
    """What a task of the same run left under a key; by default, what it returned."""
    found = _host.current().xcom_pull(task_id, key, map_index)
    return default if found is None else json.loads(found)
