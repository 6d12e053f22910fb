"""What stands between a program and the component's exports. Runs inside the component only."""

from __future__ import annotations

import importlib
import json
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

from componentize_py_types import Err  # type: ignore[import-not-found]

from . import _guest, log  # noqa: F401  (the bindings must be loaded when the component is built)
from ._names import snake
from ._nodes import Mismatch
from ._task import Signature, tasks_of
from ._types import Types, json_dump, plain
from .errors import Defer, Fatal, Reschedule, Retry, Skip


def typed(module: Any, protocol: type, bindings: Any, errors: Any) -> type:
    """The class that exports the tasks of a module as typed functions."""
    types = Types()
    methods: dict[str, Any] = {}
    for task in tasks_of(module):
        methods[snake(task.name)] = _method(task.signature(types), bindings, errors)
    _prepare()
    return type("Tasks", (protocol,), methods)


def _method(signature: Signature, bindings: Any, errors: Any) -> Callable[..., Any]:
    def call(self: Any, *values: Any) -> Any:
        def run() -> Any:
            arguments: dict[str, Any] = {}
            try:
                for param, value in zip(signature.params, values):
                    param.read(arguments, value, lambda part, param=param: param.node.from_wit(part, bindings))
            except Mismatch as problem:
                raise Fatal(f"the input does not fit: {problem}") from None
            result = signature.task.finish(signature.task.function(**arguments))
            if signature.result is None:
                return None
            try:
                return signature.result.to_wit(result, bindings)
            except Mismatch as problem:
                raise Fatal(f"the task returned what its annotation does not say: {problem}") from None

        return guarded(run, errors)

    return call


def world(module: Any, protocol: type, errors: Any) -> type:
    """The class that exports the one task of a module as `run`."""
    (task,) = tasks_of(module)

    def run(self: Any, input: str) -> str:
        return guarded(lambda: json_dump(plain(task.finish(task.function(json.loads(input))))), errors)

    _prepare()
    return type("WitWorld", (protocol,), {"run": run})


def guarded(run: Callable[[], Any], errors: Any) -> Any:
    """Calls it; exceptions become what the platform knows."""
    try:
        return run()
    except Skip as error:
        end = errors.TaskError_Skip(str(error))
    except Reschedule as error:
        end = errors.TaskError_Reschedule(error.after_ms)
    except Defer as error:
        end = errors.TaskError_Defer(errors.DeferRequest(error.event, error.timeout_ms))
    except Fatal as error:
        end = errors.TaskError_Fatal(str(error))
    except Retry as error:
        end = errors.TaskError_Retryable(str(error))
    except Mismatch as error:
        end = errors.TaskError_Fatal(str(error))
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        end = errors.TaskError_Retryable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    raise Err(end)


def _prepare() -> None:
    """The root logger writes to the task's log, and what happens only once happens while the component is built."""
    logging.basicConfig(handlers=[log.Handler()], level=logging.INFO, format="%(message)s")
    for name in ("encodings.idna", "unicodedata", "json.decoder"):
        importlib.import_module(name)
