"""Log messages with a level and fields.

`print` works too, and so does Python's `logging`: inside a component its root logger writes here.
"""

from __future__ import annotations

import logging

from . import _host


def trace(message: str, **fields: object) -> None:
    """Steps within a step."""
    _write("trace", message, fields)


def debug(message: str, **fields: object) -> None:
    """For whoever mends the task."""
    _write("debug", message, fields)


def info(message: str, **fields: object) -> None:
    """What the task is doing."""
    _write("info", message, fields)


def warn(message: str, **fields: object) -> None:
    """Something is off, and the task goes on."""
    _write("warn", message, fields)


warning = warn


def error(message: str, **fields: object) -> None:
    """Something failed."""
    _write("error", message, fields)


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    _host.current().log(level, str(message), [(name, str(value)) for name, value in fields.items()])


class Handler(logging.Handler):
    """Hands the records of Python's `logging` to the task's log."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warn" if record.levelno >= logging.WARNING else None
        level = level or ("info" if record.levelno >= logging.INFO else "debug")
        _host.current().log(level, self.format(record), [("logger", record.name)])
