"""The tasks of a dag that is being written, and what stands between them."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _task
from .._task import Task
from . import _script
from ._values import plain, settings_as_written

_PACKAGE = str(Path(__file__).parent.parent)


class DagError(Exception):
    """A mistake in a file with dags. `line` is where, in the file that is being read, when that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Linked:
    """What `>>` and `<<` put in order: tasks, what they return, groups, and lists of these."""

    def _first(self) -> Iterable[Node]:
        raise NotImplementedError

    def _last(self) -> Iterable[Node]:
        raise NotImplementedError

    def __rshift__(self, other: Any) -> Any:
        _link(self, other)
        return other

    def __lshift__(self, other: Any) -> Any:
        _link(other, self)
        return other

    def __rrshift__(self, other: Any) -> Linked:
        _link(other, self)
        return self

    def __rlshift__(self, other: Any) -> Linked:
        _link(self, other)
        return self


def _link(before: Any, after: Any) -> None:
    for one in (before, after):
        for item in one if isinstance(one, (list, tuple)) else (one,):
            if not isinstance(item, Linked):
                raise DagError(f"'>>' stands between tasks, groups and lists of them, not {item!r}", _line())
    _current().edges.append((before, after))


def _flat(what: Any) -> list[Linked]:
    return [each for one in what for each in _flat(one)] if isinstance(what, (list, tuple)) else [what]


class Node(Linked):
    """A task of a dag. It is also what the task returns: `rows["temperature"]` is a part of that."""

    def __init__(self, task_id: str, work: dict[str, Any], settings: dict[str, Any]) -> None:
        dag = _current()
        group = dag.group
        self.task_id = dag.free_name(f"{group.name}.{task_id}" if group else task_id)
        self.work = work
        self.input: Any = None
        self.expand: dict[str, Any] | None = None
        self.settings = settings_as_written(settings)
        self.line = _line()
        self.after: list[Node] = []
        self.group = group
        dag.nodes.append(self)
        while group is not None:
            group.nodes.append(self)
            group = group.parent

    @property
    def output(self) -> Output:
        """What the task returns."""
        return Output(self)

    def xcom(self, key: str) -> Output:
        """Something that the task pushes beside what it returns."""
        return Output(self, key=key)

    def as_setup(self) -> Node:
        """The same task, as one that prepares something."""
        self.settings["setup"] = True
        return self

    def as_teardown(self, *, setups: Node | Iterable[Node] = (), on_failure_fail_dagrun: bool = False) -> Node:
        """The same task, as one that removes what `setups` have prepared."""
        teardown: dict[str, Any] = {"fail_run": True} if on_failure_fail_dagrun else {}
        named = [setups] if isinstance(setups, Node) else list(setups)
        if named:
            teardown["setups"] = [setup.as_setup().task_id for setup in named]
        self.settings["teardown"] = teardown or True
        return self

    def __getitem__(self, key: str | int) -> Output:
        return self.output[key]

    def __iter__(self) -> Iterator[Any]:
        raise _too_early(self)

    def __bool__(self) -> bool:
        raise _too_early(self)

    def __repr__(self) -> str:
        return f"<task {self.task_id}>"

    def _first(self) -> Iterable[Node]:
        return (self,)

    def _last(self) -> Iterable[Node]:
        return (self,)

    def written(self) -> dict[str, Any]:
        """The task as it stands in the dag's definition."""
        definition: dict[str, Any] = {"task_id": self.task_id, **plain(self.work)}
        if self.input not in (None, {}):
            definition["input"] = plain(self.input)
        if self.expand is not None:
            definition["expand"] = plain(self.expand)
        if self.after:
            definition["depends_on"] = [node.task_id for node in self.after]
        if self.group is not None:
            definition["group"] = self.group.name
        return {**definition, **self.settings}


@dataclass(frozen=True)
class Output(Linked):
    """What a task returns, or a part of it. It is known when the dag runs, not while it is written."""

    node: Node
    path: str = ""
    key: str | None = None

    def __getitem__(self, key: str | int) -> Output:
        return Output(self.node, _below(self.path, key), self.key)

    def __iter__(self) -> Iterator[Any]:
        raise _too_early(self.node)

    def __bool__(self) -> bool:
        raise _too_early(self.node)

    def _first(self) -> Iterable[Node]:
        return (self.node,)

    def _last(self) -> Iterable[Node]:
        return (self.node,)

    def as_json(self) -> dict[str, Any]:
        """The form that stands for it in an input."""
        form: dict[str, Any] = {"$from": self.node.task_id}
        if self.path:
            form["path"] = self.path
        if self.key is not None:
            form["key"] = self.key
        return form


def _below(path: str, key: str | int) -> str:
    """The JSON Pointer of what a key or an index leads to."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _too_early(node: Node) -> DagError:
    return DagError(
        f"what the task '{node.task_id}' returns is known when the dag runs, not while it is written: "
        "use @task.branch to decide by it, and `expand` to make a task for each element",
        _line(),
    )


@dataclass(frozen=True)
class Param:
    """A parameter of a dag: what it is when a run is not told otherwise, and a JSON Schema of what it may be.

    `Param(3, type="integer", minimum=1)`; without a default every run must be told.
    """

    default: Any
    schema: dict[str, Any]
    description: str | None

    def __init__(self, default: Any = ..., *, description: str | None = None, **schema: Any) -> None:
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "schema", schema)
        object.__setattr__(self, "description", description)

    def written(self) -> Any:
        """The parameter as it stands in the dag's definition."""
        if not self.schema and self.description is None and self.default is not ...:
            return plain(self.default)
        written: dict[str, Any] = {}
        if self.default is not ...:
            written["default"] = plain(self.default)
        if self.description is not None:
            written["description"] = self.description
        written["schema"] = plain(self.schema)
        return written


@dataclass(frozen=True)
class ParamValue:
    """What a run's parameter is, or a part of it."""

    name: str
    path: str = ""

    def __getitem__(self, key: str | int) -> ParamValue:
        return ParamValue(self.name, _below(self.path, key))

    def as_json(self) -> dict[str, Any]:
        """The form that stands for it in an input."""
        return {"$param": self.name, **({"path": self.path} if self.path else {})}


@dataclass(frozen=True)
class Item:
    """What the tasks of a mapped group get of one of the lists that the group is mapped over, or a part of it."""

    name: str
    path: str = ""

    def __getitem__(self, key: str | int) -> Item:
        return Item(self.name, _below(self.path, key))

    def __iter__(self) -> Iterator[Any]:
        raise self._too_early()

    def __bool__(self) -> bool:
        raise self._too_early()

    def _too_early(self) -> DagError:
        return DagError(f"what '{self.name}' is differs from item to item, and is known when the dag runs: pass it to a task", _line())

    def as_json(self) -> dict[str, Any]:
        """The form that stands for it in an input."""
        return {"$item": self.name, **({"path": self.path} if self.path else {})}


@dataclass(frozen=True)
class Literal:
    """A value that is taken as it is."""

    value: Any

    def as_json(self) -> dict[str, Any]:
        """The form that stands for it in an input."""
        return {"$literal": plain(self.value)}


def literal(value: Any) -> Literal:
    """A value that is taken as it is, also when it looks like a template or like a form such as `{"$from": …}`."""
    return Literal(value)


class Group(Linked):
    """Tasks that belong together: `with task_group("load") as load:`."""

    def __init__(self, name: str, description: str | None, parent: Group | None) -> None:
        self.name = f"{parent.name}.{name}" if parent else name
        self.description = description
        self.parent = parent
        self.nodes: list[Node] = []
        self.expand: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<group {self.name}>"

    def written(self) -> dict[str, Any]:
        """The group as it stands in the dag's definition."""
        written: dict[str, Any] = {} if self.description is None else {"description": self.description}
        if self.expand is not None:
            written["expand"] = plain(self.expand)
        return written

    def _first(self) -> Iterable[Node]:
        return _ends(self.nodes, lambda node: _named_by(node) + node.after)

    def _last(self) -> Iterable[Node]:
        followed = [upstream for node in self.nodes for upstream in _named_by(node) + node.after]
        return [node for node in self.nodes if node not in followed]


def _ends(nodes: list[Node], upstream: Callable[[Node], list[Node]]) -> list[Node]:
    return [node for node in nodes if not any(other in nodes for other in upstream(node))]


def _named_by(node: Node) -> list[Node]:
    """The tasks whose results an input takes."""
    found: list[Node] = []

    def look(value: Any) -> None:
        if isinstance(value, Output):
            found.append(value.node)
        elif isinstance(value, Node):
            found.append(value)
        elif isinstance(value, dict):
            for one in value.values():
                look(one)
        elif isinstance(value, (list, tuple)):
            for one in value:
                look(one)

    for value in (node.input, node.expand, node.work):
        look(value)
    return found


class _GroupMaker:
    """What `task_group` returns: a context, or a decorator of a function that writes the group's tasks."""

    def __init__(self, name: str | None, description: str | None) -> None:
        self.name, self.description = name, description

    def __enter__(self) -> Group:
        if self.name is None:
            raise DagError("a group needs a name: `with task_group(\"load\"):`", _line())
        self._entered = _current().enter(self.name, self.description)
        return self._entered

    def __exit__(self, *_: object) -> None:
        _current().group = self._entered.parent

    def __call__(self, function: Callable[..., Any]) -> GroupFunction:
        return GroupFunction(function, self.name or function.__name__, self.description or _first_line(function.__doc__))


class GroupFunction:
    """A function that writes the tasks of a group, under `@task_group`. Calling it writes them."""

    def __init__(self, function: Callable[..., Any], name: str, description: str | None, given: dict[str, Any] | None = None) -> None:
        functools.update_wrapper(self, function)
        self.function, self.name, self.description, self.given = function, name, description, given or {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._write(None, *args, **kwargs)

    def partial(self, **kwargs: Any) -> GroupFunction:
        """The same group with some of its arguments."""
        return GroupFunction(self.function, self.name, self.description, {**self.given, **kwargs})

    def expand(self, **sources: Any) -> Any:
        """Lets all tasks of the group run for each element of the list, or for each combination of several lists' elements."""
        return self._mapped(sources, "product")

    def expand_zip(self, **sources: Any) -> Any:
        """Lets them run for the first elements of the lists, for the second, and so on."""
        return self._mapped(sources, "zip")

    def _mapped(self, sources: dict[str, Any], mode: str) -> Any:
        if not sources:
            raise DagError(f"expand() needs a list: `{self.name}.expand(city=cities())`", _line())
        over: dict[str, Any] = {"over": sources} if mode == "product" else {"over": sources, "mode": mode}
        return self._write(over, **{name: Item(name) for name in sources})

    def _write(self, expand: dict[str, Any] | None, *args: Any, **kwargs: Any) -> Any:
        try:
            inspect.signature(self.function).bind(*args, **self.given, **kwargs)
        except TypeError as error:
            raise DagError(f"{self.function.__name__}(): {error}", _line()) from None
        with _GroupMaker(self.name, self.description) as group:
            group.expand = expand
            returned = self.function(*args, **self.given, **kwargs)
        return group if returned is None else returned


def task_group(name: Any = None, *, description: str | None = None, group_id: str | None = None, tooltip: str | None = None) -> Any:
    """A group of tasks, as a context or as a decorator. `group_id` and `tooltip` are Airflow's names for what it is called and for."""
    description = description or tooltip
    if callable(name):
        return _GroupMaker(group_id, description)(name)
    return _GroupMaker(name or group_id, description)


class DagInWriting:
    """What a dag's function has written so far."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.groups: list[Group] = []
        self.group: Group | None = None
        self.edges: list[tuple[Any, Any]] = []

    def free_name(self, name: str) -> str:
        """The name, with a number behind it when it is taken."""
        taken = {node.task_id for node in self.nodes}
        names = (name if number == 0 else f"{name}__{number}" for number in range(len(taken) + 1))
        return next(each for each in names if each not in taken)

    def enter(self, name: str, description: str | None) -> Group:
        """Begins a group."""
        group = Group(name, description, self.group)
        if any(other.name == group.name for other in self.groups):
            raise DagError(f"there is a group '{group.name}' already", _line())
        self.groups.append(group)
        self.group = group
        return group

    def settle(self) -> None:
        """Lets `>>` between groups and lists become dependencies of tasks."""
        for before, after in self.edges:
            downstream = [node for one in _flat(after) for node in one._first()]
            upstream = [node for one in _flat(before) for node in one._last()]
            for node in downstream:
                node.after.extend(other for other in upstream if other not in node.after and other not in _named_by(node))


_stack: list[DagInWriting] = []


def _current() -> DagInWriting:
    if not _stack:
        raise DagError("tasks are put in order inside of a function under @dag", _line())
    return _stack[-1]


@contextmanager
def writing() -> Iterator[DagInWriting]:
    """Lets calls of tasks write tasks of a dag."""
    if _stack:
        raise DagError("a dag cannot be written inside of another: use run_dag to run it", _line())
    dag = DagInWriting()
    _stack.append(dag)
    _task.call_in_dag = lambda task, args, kwargs: Partial(task, args, kwargs).node()
    try:
        yield dag
        dag.settle()
    finally:
        _stack.clear()
        _task.call_in_dag = None


#: The key of the input under which a task with `expand_kwargs` gets its object.
_FIELDS = "_kwargs"


class Partial:
    """A task with some of its arguments."""

    def __init__(self, task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.task, self.args, self.kwargs = task, args, kwargs

    def node(self, mapped: Iterable[str] = ()) -> Node:
        """The task in the dag that is being written."""
        task = self.task
        settings = dict(task.settings)
        name = settings.pop("task_id", task.function.__name__)
        component = settings.pop("component", None)
        if component is None:
            work: dict[str, Any] = {"script": {"language": "python", "source": _script.source_of(task)}}
        else:
            work = {"component": component} if task.as_json else {"component": component, "function": f"tasks#{task.name}"}
        doc = inspect.getdoc(task.function)
        if doc and "doc" not in settings and "doc_md" not in settings:
            settings["doc"] = doc
        node = Node(name, work, settings)
        node.input = self._input(mapped)
        return node

    def _input(self, mapped: Iterable[str]) -> Any:
        task = self.task
        if task.as_json:
            if len(self.args) == 1 and not self.kwargs:
                return self.args[0]
            if self.args:
                raise DagError(f"{task.function.__name__}() takes one value, or the fields of an object by name", _line())
            return dict(self.kwargs)
        signature = inspect.signature(task.function)
        unknown = [name for name in mapped if name not in signature.parameters]
        if unknown:
            raise DagError(f"{task.function.__name__}() has no parameter '{unknown[0]}' to expand", _line())
        try:
            bound = signature.bind_partial(*self.args, **self.kwargs)
        except TypeError as error:
            raise DagError(f"{task.function.__name__}(): {error}", _line()) from None
        for name, parameter in signature.parameters.items():
            if name not in bound.arguments and name not in mapped and parameter.default is parameter.empty:
                raise DagError(f"{task.function.__name__}(): the argument '{name}' is missing", _line())
            if name in bound.arguments and name in mapped:
                raise DagError(f"{task.function.__name__}(): '{name}' is given and expanded too", _line())
        return dict(bound.arguments)

    def expand(self, **sources: Any) -> Node:
        """An instance of the task for each element of the list, or for each combination of several lists' elements."""
        return self._mapped(sources, "product")

    def expand_zip(self, **sources: Any) -> Node:
        """An instance for the first elements of the lists, one for the second, and so on."""
        return self._mapped(sources, "zip")

    def expand_kwargs(self, sources: Any) -> Node:
        """An instance for each object of a list, whose fields are arguments."""
        if self.task.as_json or self.task.settings.get("component") is not None:
            raise DagError("expand_kwargs() is for functions with parameters that become scripts; use expand() or expand_zip()", _line())
        node = self.node(inspect.signature(self.task.function).parameters.keys() - self._given())
        node.work = {"script": {"language": "python", "source": _script.source_of(self.task, spread=_FIELDS)}}
        node.expand = {"over": {_FIELDS: sources}}
        return node

    def _given(self) -> set[str]:
        return set(inspect.signature(self.task.function).bind_partial(*self.args, **self.kwargs).arguments)

    def _mapped(self, sources: dict[str, Any], mode: str) -> Node:
        if not sources:
            raise DagError("expand() needs a list: `double.expand(number=numbers())`", _line())
        node = self.node(sources)
        node.expand = {"over": sources} if mode == "product" else {"over": sources, "mode": mode}
        return node


def component(name: str, /, *, task_id: str | None = None, function: str | None = None, input: Any = None, **settings: Any) -> Node:
    """A task that runs a component: `component("std/http-request", input={"url": …}, grant={…})`."""
    expand = settings.pop("expand", None)
    work = {"component": name} if function is None else {"component": name, "function": function}
    node = Node(task_id or name.split("@")[0].split("/")[-1].replace("-", "_"), work, settings)
    node.input = input
    node.expand = expand
    return node


def run_dag(dag_id: str, /, *, task_id: str | None = None, conf: Any = None, wait: bool = True, **settings: Any) -> Node:
    """A task that makes a run of another dag, and waits for its end unless told otherwise."""
    work: dict[str, Any] = {"dag_id": dag_id}
    if "logical_date" in settings:
        work["logical_date"] = plain(settings.pop("logical_date"))
    if not wait:
        work["wait"] = False
    node = Node(task_id or f"run_{dag_id}", {}, settings)
    node.work = {"run_dag": work}
    if conf is not None:
        work["conf"] = conf
    return node


def approval(message: str, /, *, task_id: str = "approval", **fields: Any) -> Node:
    """A task that waits until somebody approves: `approval("Publish?", who={"roles": ["operator"]}, timeout="2d")`."""
    own = {name: fields.pop(name) for name in ("who", "timeout", "until", "on_expiry", "on_reject", "options") if name in fields}
    expand = fields.pop("expand", None)
    node = Node(task_id, {"approval": {"message": message, **plain(own)}}, fields)
    node.expand = expand
    return node


def chain(*steps: Any) -> None:
    """Puts tasks one after another: `chain(a, [b, c], d)` is `a >> [b, c] >> d`."""
    for before, after in zip(steps, steps[1:]):
        _link(before, after)


def _first_line(doc: str | None) -> str | None:
    return doc.strip().splitlines()[0] if doc and doc.strip() else None


def _line() -> int | None:
    """The line of the user's file that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) and not name.startswith("<"):
            return frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None
