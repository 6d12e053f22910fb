"""The platform, as a component sees it: the bindings of `cofferdam:task`."""

from __future__ import annotations

import importlib
from typing import Any

from componentize_py_types import Err  # type: ignore[import-not-found]

from . import _host
from .errors import Fatal


def _load(name: str) -> Any:
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        return None


# Loaded when the component is built: nothing can be imported later.
_BINDINGS = {name: _load(name) for name in (*_host.BASE, "config", "artifacts")}


def _interface(name: str) -> Any:
    return _BINDINGS[name] or _host.binding(name)


def _refused(what: str, error: Err) -> Fatal:
    """A refusal of the host as an exception: the case's name in words, and what the host says."""
    value = error.value
    case = type(value).__name__.split("_", 1)[-1]
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in case).strip()
    detail = getattr(value, "value", None)
    return Fatal(f"{what}: {words}" + (f": {detail}" if detail is not None else ""))


class Guest:
    """Answers through the host."""

    def context(self) -> dict[str, Any]:
        found = _interface("context").get()
        values = {name: getattr(found, name) for name in found.__dataclass_fields__}
        deadline = getattr(_interface("context"), "deadline", None)
        return {**values, "deadline": deadline() if deadline else None}

    def log(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        log = _interface("log")
        log.write(getattr(log.Level, level.upper()), message, fields)

    def progress(self, fraction: float, message: str) -> None:
        _interface("progress").report(fraction, message)

    def xcom_push(self, key: str, value: str) -> None:
        try:
            _interface("xcom").push(key, value)
        except Err as error:
            raise _refused(f"the XCom {key!r} was not taken", error) from None

    def xcom_pull(self, task_id: str, key: str, map_index: int | None) -> str | None:
        try:
            return _interface("xcom").pull(task_id, key, map_index)
        except Err as error:
            raise _refused(f"the XCom {key!r} of {task_id!r} was not given", error) from None

    def checkpoint_save(self, data: bytes) -> None:
        try:
            _interface("checkpoint").save(data)
        except Err as error:
            raise _refused("the checkpoint was not kept", error) from None

    def checkpoint_load(self) -> bytes | None:
        try:
            return _interface("checkpoint").load()
        except Err as error:
            raise _refused("the checkpoint was not given", error) from None

    def checkpoint_clear(self) -> None:
        try:
            _interface("checkpoint").clear()
        except Err as error:
            raise _refused("the checkpoint was not forgotten", error) from None

    def variable(self, key: str) -> str | None:
        try:
            return _interface("config").get_variable(key)
        except Err as error:
            raise _refused(f"the variable {key!r} was not given", error) from None

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        try:
            found = _interface("config").get_connection(connection_id)
        except Err as error:
            raise _refused(f"the connection {connection_id!r} was not given", error) from None
        return None if found is None else {name: getattr(found, name) for name in found.__dataclass_fields__}

    def artifact_create(self, name: str, content_type: str) -> Any:
        try:
            writer = _interface("artifacts").create(name, content_type)
        except Err as error:
            raise _refused(f"the artifact {name!r} was not taken", error) from None
        return _ArtifactWriter(name, writer)

    def artifact_open(self, task_id: str, name: str, map_index: int | None) -> Any:
        try:
            reader = _interface("artifacts").open(task_id, name, map_index)
        except Err as error:
            raise _refused(f"the artifact {name!r} of {task_id!r} was not given", error) from None
        return None if reader is None else _ArtifactReader(name, reader)

    def artifact_list(self, task_id: str, map_index: int | None) -> list[dict[str, Any]]:
        try:
            found = _interface("artifacts").list_of(task_id, map_index)
        except Err as error:
            raise _refused(f"the artifacts of {task_id!r} were not given", error) from None
        return [_about(artifact) for artifact in found]


def _about(artifact: Any) -> dict[str, Any]:
    return {name: getattr(artifact, name) for name in artifact.__dataclass_fields__}


class _ArtifactWriter:
    def __init__(self, name: str, writer: Any) -> None:
        self._name = name
        self._writer = writer

    def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except Err as error:
            raise _refused(f"the artifact {self._name!r} was not taken", error) from None

    def finish(self) -> dict[str, Any]:
        try:
            return _about(self._writer.finish())
        except Err as error:
            raise _refused(f"the artifact {self._name!r} was not taken", error) from None
        finally:
            self.drop()

    def drop(self) -> None:
        self._writer.__exit__(None, None, None)


class _ArtifactReader:
    def __init__(self, name: str, reader: Any) -> None:
        self._name = name
        self._reader = reader

    def about(self) -> dict[str, Any]:
        return _about(self._reader.about())

    def read(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except Err as error:
            raise _refused(f"the artifact {self._name!r} was not given", error) from None

    def drop(self) -> None:
        self._reader.__exit__(None, None, None)
