"""Write a task of Cofferdam as a plain typed function.

    from cofferdam import task

    @task
    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

`cofferdam-py build FILE` makes a component of it; in tests it stays the function that it is.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import checkpoint, log, progress, xcom
from ._context import Context, context
from ._task import Task, task
from .errors import Defer, Fatal, Reschedule, Retry, Skip, TaskError

if TYPE_CHECKING:
    from . import artifacts as artifacts
    from . import config as config
    from . import dags as dags
    from . import http as http
    from .config import connection as connection
    from .config import variable as variable
    from .dags import Param as Param
    from .dags import approval as approval
    from .dags import chain as chain
    from .dags import component as component
    from .dags import dag as dag
    from .dags import run_dag as run_dag
    from .dags import task_group as task_group

# Without those of `_LAZY`: `import *` would ask for all of them.
__all__ = [
    "Context",
    "Defer",
    "Fatal",
    "Reschedule",
    "Retry",
    "Skip",
    "Task",
    "TaskError",
    "checkpoint",
    "context",
    "log",
    "progress",
    "task",
    "xcom",
]

# Loaded when asked for: a component imports an interface only when the program uses its module.
_LAZY = {
    "artifacts": "artifacts",
    "config": "config",
    "http": "http",
    "connection": "config",
    "variable": "config",
    "dags": "dags",
    "dag": "dags",
    "Param": "dags",
    "approval": "dags",
    "chain": "dags",
    "component": "dags",
    "run_dag": "dags",
    "task_group": "dags",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cofferdam' has no attribute {name!r}")
    module = importlib.import_module(f".{_LAZY[name]}", __name__)
    found = module if name == _LAZY[name] else getattr(module, name)
    globals()[name] = found
    return found
