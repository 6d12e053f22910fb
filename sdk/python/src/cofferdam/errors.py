"""How a task ends without a result: raise one of these."""

from __future__ import annotations

from datetime import timedelta


class TaskError(Exception):
    """What the four ways to end without a result have in common."""


class Retry(TaskError):
    """Something that may pass: the task is tried again, if it has tries left. Any other exception counts as this."""


class Fatal(TaskError):
    """Something that will not pass: the task fails now, whatever tries it has left."""


class Skip(TaskError):
    """There is nothing to do: the task is recorded as skipped."""


class Reschedule(TaskError):
    """Not yet: run the task again after this time, given in seconds or as a timedelta. This uses up no try."""

    def __init__(self, after: float | timedelta) -> None:
        self.after_ms = milliseconds(after)
        super().__init__(f"again after {self.after_ms} ms")


class Defer(TaskError):
    """Wait for an event without holding a worker, at most for this time. This uses up no try."""

    def __init__(self, event: str, timeout: float | timedelta) -> None:
        self.event = event
        self.timeout_ms = milliseconds(timeout)
        super().__init__(f"until the event {event!r}, or for {self.timeout_ms} ms")


def milliseconds(span: float | timedelta) -> int:
    """A span of time in whole milliseconds, never less than none."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    return max(0, round(seconds * 1000))
