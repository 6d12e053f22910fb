"""Runs a task without a platform: under plain Python, with fakes of what the platform gives.

    from cofferdam import testing
    from weather import mean

    def test_mean():
        with testing.fake(xcoms={("fetch", "return_value"): [1, 2]}) as seen:
            assert mean([1.0, 2.0]) == 1.5
        assert seen.messages() == ["2 values"]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from . import _host
from ._task import Task
from ._types import Types, json_dump, json_load, plain
from .errors import Fatal

_CONTEXT = {
    "dag_id": "test",
    "dag_run_id": "manual__test",
    "task_id": "test",
    "map_index": None,
    "try_number": 1,
    "max_tries": 1,
    "logical_date": "2026-01-02T00:00:00Z",
    "data_interval_start": "2026-01-01T00:00:00Z",
    "data_interval_end": "2026-01-02T00:00:00Z",
    "conf": "{}",
    "idempotency_key": "test/manual__test/test/-1",
    "deadline": None,
}


@dataclass
class Fake:
    """A platform that remembers what it was told."""

    #: What the context differs in; `conf` is a dictionary.
    context_values: dict[str, Any] = field(default_factory=dict)
    #: What other tasks left, by task and key.
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: bytes | None = None
    #: What other tasks left as files, by task and name; those of the task itself are under its own name.
    artifacts: dict[tuple[str, str], bytes] = field(default_factory=dict)

    #: What the task pushed, by key.
    pushed: dict[str, Any] = field(default_factory=dict)
    #: Its log: level, message, fields.
    logs: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    #: Its reports of progress.
    progress_reports: list[tuple[float, str]] = field(default_factory=list)
    _types: dict[tuple[str, str], str] = field(default_factory=dict)

    def messages(self, level: str | None = None) -> list[str]:
        """The messages of its log, of one level or of all."""
        return [message for found, message, _ in self.logs if level in (None, found)]

    def context(self) -> dict[str, Any]:
        values = {**_CONTEXT, **self.context_values}
        if not isinstance(values["conf"], str):
            values["conf"] = json_dump(values["conf"])
        return values

    def log(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        self.logs.append((level, message, dict(fields)))

    def progress(self, fraction: float, message: str) -> None:
        self.progress_reports.append((fraction, message))

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = json.loads(value)

    def xcom_pull(self, task_id: str, key: str, map_index: int | None) -> str | None:
        return json_dump(self.xcoms[task_id, key]) if (task_id, key) in self.xcoms else None

    def checkpoint_save(self, data: bytes) -> None:
        self.checkpoint = bytes(data)

    def checkpoint_load(self) -> bytes | None:
        return self.checkpoint

    def checkpoint_clear(self) -> None:
        self.checkpoint = None

    def variable(self, key: str) -> str | None:
        return self.variables.get(key)

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        found = self.connections.get(connection_id)
        return None if found is None else {"connection_id": connection_id, "conn_type": "http", **found}

    def artifact_create(self, name: str, content_type: str) -> _Writer:
        return _Writer(self, name, content_type)

    def artifact_open(self, task_id: str, name: str, map_index: int | None) -> _Reader | None:
        data = self.artifacts.get((task_id, name))
        return None if data is None else _Reader(self._about(task_id, name), data)

    def artifact_list(self, task_id: str, map_index: int | None) -> list[dict[str, Any]]:
        return [self._about(task, name) for task, name in sorted(self.artifacts) if task == task_id]

    def _about(self, task_id: str, name: str) -> dict[str, Any]:
        data = self.artifacts[task_id, name]
        kind = self._types.get((task_id, name), "application/octet-stream")
        return {"name": name, "content_type": kind, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class _Writer:
    def __init__(self, fake: Fake, name: str, content_type: str) -> None:
        self._fake, self._name, self._type, self._data = fake, name, content_type, bytearray()

    def write(self, data: bytes) -> None:
        self._data += data

    def finish(self) -> dict[str, Any]:
        task = self._fake.context()["task_id"]
        self._fake.artifacts[task, self._name] = bytes(self._data)
        self._fake._types[task, self._name] = self._type
        return self._fake._about(task, self._name)

    def drop(self) -> None:
        self._data.clear()


class _Reader:
    def __init__(self, about: dict[str, Any], data: bytes) -> None:
        self._about, self._data = about, data

    def about(self) -> dict[str, Any]:
        return self._about

    def read(self, size: int) -> bytes:
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def drop(self) -> None:
        self._data = b""


@contextmanager
def fake(
    *,
    context: Mapping[str, Any] | None = None,
    xcoms: Mapping[tuple[str, str], Any] | None = None,
    variables: Mapping[str, str] | None = None,
    connections: Mapping[str, dict[str, Any]] | None = None,
    checkpoint: Any = None,
    artifacts: Mapping[tuple[str, str], bytes] | None = None,
) -> Iterator[Fake]:
    """A fake that answers until the end of the block."""
    made = Fake(
        dict(context or {}),
        dict(xcoms or {}),
        dict(variables or {}),
        dict(connections or {}),
        None if checkpoint is None else json_dump(checkpoint).encode(),
        dict(artifacts or {}),
    )
    _host.push(made)
    try:
        yield made
    finally:
        _host.pop()


def run_json(task: Task[Any, Any], value: Any) -> Any:
    """Runs a task as a dag does: with a JSON value as input and as result, checked against the types of the function."""
    from ._nodes import Mismatch

    value = json_load(json_dump(plain(value)))
    if task.as_json:
        return plain(task.function(value))
    try:
        return task.signature(Types()).call_with_json(value)
    except Mismatch as problem:
        raise Fatal(str(problem)) from None
