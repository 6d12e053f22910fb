"""Files that a task leaves behind, and those that tasks of the same run left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import _host

_PIECE = 256 * 1024


@dataclass(frozen=True)
class Artifact:
    """What is known of an artifact."""

    name: str
    content_type: str
    size: int
    sha256: str


class Writer:
    """An artifact that is being written. As a context manager, it is finished at the end, unless there was an error."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._open = True

    def write(self, data: bytes) -> int:
        """Adds bytes at the end."""
        for start in range(0, len(data), _PIECE):
            self._inner.write(bytes(data[start : start + _PIECE]))
        return len(data)

    def finish(self) -> Artifact:
        """Ends the artifact. It is recorded when the try ends."""
        self._open = False
        return Artifact(**self._inner.finish())

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if self._open and kind is None:
            self.finish()
        elif self._open:
            self._open = False
            self._inner.drop()


class Reader:
    """An artifact that is being read. Iterating gives it piece by piece."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.about = Artifact(**inner.about())

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._inner.read(_PIECE):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or all that are left."""
        return b"".join(self) if size < 0 else self._inner.read(size)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.drop()


def create(name: str, content_type: str = "application/octet-stream") -> Writer:
    """Begins an artifact, to be written piece by piece."""
    return Writer(_host.current().artifact_create(name, content_type))


def write(name: str, data: bytes | str, content_type: str | None = None) -> Artifact:
    """Leaves bytes, or a text in UTF-8, as an artifact."""
    kind = content_type or ("text/plain; charset=utf-8" if isinstance(data, str) else "application/octet-stream")
    writer = create(name, kind)
    writer.write(data.encode() if isinstance(data, str) else data)
    return writer.finish()


def open(task_id: str, name: str, map_index: int | None = None) -> Reader | None:  # noqa: A001
    """An artifact that a task of the same run left; None when there is no such artifact."""
    found = _host.current().artifact_open(task_id, name, map_index)
    return None if found is None else Reader(found)


def list_of(task_id: str, map_index: int | None = None) -> list[Artifact]:
    """The artifacts that a task of the same run left, in order of their names."""
    return [Artifact(**found) for found in _host.current().artifact_list(task_id, map_index)]
