"""The decorator `task`."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ._names import escaped, kebab
from ._nodes import Field, Node, doc_lines, fields_from_json
from ._types import Formless, Types

P = ParamSpec("P")
R = TypeVar("R")


# What a call of a task means while a dag is being written: `cofferdam.dags` puts its own here.
call_in_dag: Callable[[Task[Any, Any], tuple[Any, ...], dict[str, Any]], Any] | None = None


class Task(Generic[P, R]):
    """A function that is a task. It can be called as before."""

    def __init__(self, function: Callable[P, R], name: str | None, as_json: bool, settings: dict[str, Any] | None = None) -> None:
        functools.update_wrapper(self, function)
        if inspect.iscoroutinefunction(function):
            # Loaded while the component is built: nothing can be imported later.
            from . import _loop  # noqa: F401
        self.function = function
        self.as_json = as_json
        #: Settings of the task in a dag: `retries`, `grant` and so on. They mean nothing to the component.
        self.settings = settings or {}
        given = name or function.__name__
        written = kebab(given)
        if written is None:
            raise TypeError(f"{given!r} is no name for a task: use letters, digits and '_'")
        self.name = written

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if call_in_dag is not None:
            return call_in_dag(self, args, kwargs)
        return self.function(*args, **kwargs)

    def override(self, **settings: Any) -> Task[P, R]:
        """The same task with other settings; `task_id` names it in the dag."""
        return Task(self.function, self.name, self.as_json, {**self.settings, **settings})

    def partial(self, *args: Any, **kwargs: Any) -> Any:
        """Arguments that all instances of a mapped task share; `expand` follows."""
        from .dags._graph import Partial

        return Partial(self, args, kwargs)

    def expand(self, **sources: Any) -> Any:
        """In a dag: an instance of the task for each element of the lists, or for each combination of several."""
        return self.partial().expand(**sources)

    def expand_zip(self, **sources: Any) -> Any:
        """In a dag: an instance for the first elements of the lists, one for the second, and so on."""
        return self.partial().expand_zip(**sources)

    def expand_kwargs(self, sources: Any) -> Any:
        """In a dag: an instance for each object of a list, whose fields are the arguments."""
        return self.partial().expand_kwargs(sources)

    def run_json(self, value: Any) -> Any:
        """Calls the function with its input as the platform gives it, and returns its result as the platform takes it."""
        return self.finish(self.function(value)) if self.as_json else self.signature(Types()).call_with_json(value)

    def finish(self, result: Any) -> Any:
        """What the function returned, when it is done: a coroutine is run to its end, and what a generator gives is collected."""
        if inspect.iscoroutine(result):
            from ._loop import run

            result = run(result)
        return list(result) if inspect.isgenerator(result) else result

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
        if code := getattr(inspect.unwrap(task.function), "__code__", None):
            name = f"{code.co_filename}:{code.co_firstlineno}: {name}"
        try:
            hints = typing.get_type_hints(task.function)
        except NameError as error:
            raise TypeError(f"{name}: {error}; types of a task must be known at the top level of the file") from None
        self._name, self._types = name, types
        self.params: list[Field] = []
        for parameter in inspect.signature(task.function).parameters.values():
            if parameter.name in ("self", "cls") and not self.params:
                raise TypeError(f"{name}: a task is a function at the top level of the file, not a method")
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise TypeError(f"{name}: a task has parameters with names, and {parameter} is none; take a list or a dict[str, ...]")
            written = kebab(parameter.name)
            if written is None:
                raise TypeError(f"{name}: the parameter {parameter.name!r} has no name in WIT: use letters, digits and '_'")
            node = self._node(hints.get(parameter.name, Any), written, f"the parameter {parameter.name!r}")
            self.params.append(Field(parameter.name, written, node, parameter.default is not parameter.empty))
        # `-> None`, and nothing at all, are told apart: without annotation, what is returned travels as JSON.
        self.result: Node | None = None
        if hints.get("return", Any) is not type(None):
            self.result = self._node(hints.get("return", Any), "result", "the result")

    def _node(self, annotation: Any, hint: str, what: str) -> Node:
        try:
            return self._types.node(annotation, f"{self.task.name}-{hint}")
        except Formless as problem:
            raise TypeError(f"{self._name}: {what}: {problem}") from None

    def wit(self) -> list[str]:
        """The lines of the function in WIT."""
        params = ", ".join(param.wit() for param in self.params)
        result = "_" if self.result is None else self.result.wit()
        doc = doc_lines(self.task.function.__doc__, "  ")
        return [*doc, f"  {escaped(self.task.name)}: func({params}) -> result<{result}, task-error>;"]

    def call_with_json(self, value: Any) -> Any:
        """Calls the task with a JSON object of its arguments, and returns its result as JSON."""
        arguments = fields_from_json(self.params, value)
        result = self.task.finish(self.task.function(**arguments))
        return None if self.result is None else self.result.to_json(result)


class _Decorator:
    """`task`, and its kinds: `task.branch`, `task.short_circuit`, `task.setup`, `task.teardown`."""

    def __init__(self, doc: str | None, **always: Any) -> None:
        self.__doc__ = doc
        self._always = always

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def __call__(
        self, *, name: str | None = ..., json: bool = ..., **settings: Any
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def __call__(self, function: Any = None, /, *, name: str | None = None, json: bool = False, **settings: Any) -> Any:
        def decorate(function: Callable[..., Any]) -> Task[..., Any]:
            return Task(function, name, json, {**self._always, **settings})

        return decorate if function is None else decorate(function)

    @property
    def branch(self) -> _Decorator:
        """A task whose result names the tasks after it that are to run; the others are skipped."""
        return _Decorator(None, branch=True)

    @property
    def short_circuit(self) -> _Decorator:
        """A task after which nothing runs unless its result is true."""
        return _Decorator(None, short_circuit=True)

    @property
    def setup(self) -> _Decorator:
        """A task that prepares something for others; see `teardown`."""
        return _Decorator(None, setup=True)

    @property
    def teardown(self) -> _Decorator:
        """A task that clears up what a `setup` prepared, however the tasks between ended."""
        return _Decorator(None, teardown=True)


task = _Decorator(
    """Makes a task of a function.

    Its parameters and its result are read from its annotations. With `json=True` the function takes the task's whole
    input as one value and returns one, without types; such a task is alone in its file. Everything else (`retries=2`,
    `grant={...}`) is a setting of the task in a dag that is written in Python: see `cofferdam.dags`.
    """
)


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
