"""How far the task is, for those who watch."""

from __future__ import annotations

from . import _host


def report(fraction: float, message: str = "") -> None:
    """Tells how much is done, from 0.0 to 1.0, and what is being done."""
    _host.current().progress(float(fraction), message)
