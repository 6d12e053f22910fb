"""The decorator `task`."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ._names import escaped, kebab
from ._nodes import Field, Node, doc_lines, fields_from_json
from ._types import Types

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A function that is a task. It can be called as before."""

    def __init__(self, function: Callable[P, R], name: str | None, as_json: bool) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.as_json = as_json
        given = name or function.__name__
        written = kebab(given)
        if written is None:
            raise TypeError(f"{given!r} is no name for a task: use letters, digits and '_'")
        self.name = written

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.name}>"

    def signature(self, types: Types) -> Signature:
        """Its parameters and its result, as nodes."""
        return Signature(self, types)


class Signature:
    """What a task takes and returns."""

    def __init__(self, task: Task[Any, Any], types: Types) -> None:
        self.task = task
        name = task.function.__qualname__
        try:
            hints = typing.get_type_hints(task.function)
        except NameError as error:
            raise TypeError(f"{name}: {error}; types of a task must be known at the top level of the file") from None
        self.params: list[Field] = []
        for parameter in inspect.signature(task.function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise TypeError(f"{name}: a task has parameters with names; {parameter} is none")
            written = kebab(parameter.name)
            if written is None:
                raise TypeError(f"{name}: the parameter {parameter.name!r} has no name in WIT: use letters, digits and '_'")
            node = types.node(hints.get(parameter.name, Any), f"{task.name}-{written}")
            self.params.append(Field(parameter.name, written, node, parameter.default is not parameter.empty))
        # `-> None`, and nothing at all, are told apart: without annotation, what is returned travels as JSON.
        self.result: Node | None = None
        if hints.get("return", Any) is not type(None):
            self.result = types.node(hints.get("return", Any), f"{task.name}-result")

    def wit(self) -> list[str]:
        """The lines of the function in WIT."""
        params = ", ".join(param.wit() for param in self.params)
        result = "_" if self.result is None else self.result.wit()
        doc = doc_lines(self.task.function.__doc__, "  ")
        return [*doc, f"  {escaped(self.task.name)}: func({params}) -> result<{result}, task-error>;"]

    def call_with_json(self, value: Any) -> Any:
        """Calls the task with a JSON object of its arguments, and returns its result as JSON."""
        arguments = fields_from_json(self.params, value)
        result = self.task.function(**arguments)
        return None if self.result is None else self.result.to_json(result)


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(*, name: str | None = ..., json: bool = ...) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(function: Any = None, /, *, name: str | None = None, json: bool = False) -> Any:
    """Makes a task of a function.

    Its parameters and its result are read from its annotations. With `json=True` the function takes the task's whole
    input as one value and returns one, without types; such a task is alone in its file.
    """

    def decorate(function: Callable[..., Any]) -> Task[..., Any]:
        return Task(function, name, json)

    return decorate if function is None else decorate(function)


def tasks_of(module: Any) -> list[Task[Any, Any]]:
    """The tasks that a module defines, in the order in which they are written."""
    found = {id(value): value for value in vars(module).values() if isinstance(value, Task)}
    own = [value for value in found.values() if value.function.__module__ == module.__name__]
    if not own:
        raise TypeError(f"{module.__name__} has no task: write @task above a function")
    if any(one.as_json for one in own) and len(own) > 1:
        raise TypeError("a task with json=True must be the only task of its file")
    names = [one.name for one in own]
    for name in names:
        if names.count(name) > 1:
            raise TypeError(f"two tasks are called {name!r}")
    return own
