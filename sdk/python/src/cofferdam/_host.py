"""Who answers a task: the platform inside a component, a fake everywhere else.

The modules of the capabilities speak to `current()`. Inside a component that is `Guest`, over the bindings that
componentize-py makes of the WIT; elsewhere it is a `cofferdam.testing.Fake`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .testing import Fake

try:
    import wit_world as _wit_world  # type: ignore[import-not-found]
except ImportError:
    _wit_world = None

IN_COMPONENT = _wit_world is not None

#: The interfaces of `cofferdam:task` that every component imports: they concern nobody but the task and its run.
BASE = ("context", "log", "progress", "xcom", "checkpoint")
#: Those that a component imports only when the program uses them: what they reach must be granted.
ON_DEMAND = ("config", "artifacts", "http")


def binding(name: str) -> Any:
    """The bindings of an imported interface. Only inside a component."""
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        raise RuntimeError(
            f"this component does not import '{name}': write `from cofferdam import {name}` at the top of the file, "
            "so that it is seen when the component is built"
        ) from None


_fakes: list[Fake] = []


def current() -> Any:
    """Who answers this task."""
    if IN_COMPONENT:
        return _guest()
    if not _fakes:
        from .testing import Fake

        # What a program does outside of any test: a fake of its own, for as long as the program runs.
        _fakes.append(Fake())
    return _fakes[-1]


def push(fake: Fake) -> None:
    """From now on this fake answers."""
    _fakes.append(fake)


def pop() -> None:
    """The fake before it answers again."""
    _fakes.pop()


_the_guest: Any = None


def _guest() -> Any:
    global _the_guest
    if _the_guest is None:
        from ._guest import Guest

        _the_guest = Guest()
    return _the_guest
