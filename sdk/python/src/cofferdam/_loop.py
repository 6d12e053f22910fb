"""Runs a coroutine where there are no threads and no sockets.

asyncio works as far as it needs nothing from outside: `sleep`, `gather`, `wait_for`, queues, events. What the platform gives returns at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from .errors import Fatal


class _Sleeper:
    """Takes the place of what waits for sockets."""

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Fatal("the task waits for something that never happens: in a component there are no threads, sockets or other tasks")
        if timeout > 0:
            time.sleep(timeout)
        return []


class _Loop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise RuntimeError("a task cannot be run from within a coroutine: await its function")
    loop = _Loop()
    try:
        main = loop.create_task(coroutine)
        try:
            return loop.run_until_complete(main)
        finally:
            left = asyncio.all_tasks(loop)
            for one in left:
                one.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        loop.close()
