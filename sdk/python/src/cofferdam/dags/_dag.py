"""The decorator `dag`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ._graph import DagError, DagInWriting, Param, ParamValue, _line, writing
from ._values import plain, settings_as_written

#: Fields of dags as Airflow calls them, and as they are called here.
_AIRFLOW = {
    "default_args": "defaults",
    "on_failure_callback": "on_failure",
    "on_success_callback": "on_success",
    "owner": "owners",
    "schedule_interval": "schedule",
}


class Dag:
    """A dag that is written by a function. Calling it writes the dag down."""

    #: Those that were made since the last look, in order.
    made: list[Dag] = []

    def __init__(self, function: Callable[..., Any], dag_id: str | None, fields: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.dag_id = dag_id or function.__name__
        self.fields = fields
        self.line = _line()
        self.definition: dict[str, Any] | None = None
        self.places: dict[str, int] = {}
        Dag.made.append(self)

    def __repr__(self) -> str:
        return f"<dag {self.dag_id}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Dag:
        """Writes the dag: its function's parameters are parameters of the dag, and what is given here are their defaults."""
        params = self._params(args, kwargs)
        with writing() as written:
            self.function(**{name: ParamValue(name) for name in inspect.signature(self.function).parameters})
        self.definition = self._definition(params, written)
        return self

    def _params(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        params: dict[str, Any] = dict(self.fields.get("params") or {})
        signature = inspect.signature(self.function)
        try:
            given = signature.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            raise DagError(f"{self.function.__name__}(): {error}", _line()) from None
        for name, parameter in signature.parameters.items():
            if name in given:
                params[name] = given[name]
            elif parameter.default is not parameter.empty:
                params.setdefault(name, parameter.default)
            else:
                params.setdefault(name, Param())
        return {name: value.written() if isinstance(value, Param) else plain(value) for name, value in params.items()}

    def _definition(self, params: dict[str, Any], written: DagInWriting) -> dict[str, Any]:
        definition: dict[str, Any] = {"dag_id": self.dag_id}
        for name, value in self.fields.items():
            name = _AIRFLOW.get(name, name)
            if value is None or name == "params":
                continue
            if name == "defaults":
                value = dict(value)
                if "owner" in value:
                    definition.setdefault("owners", [value.pop("owner")])
                definition[name] = settings_as_written(value)
            elif name == "owners" and isinstance(value, str):
                definition[name] = [value]
            else:
                definition[name] = plain(value)
        doc = inspect.getdoc(self.function)
        if doc and "doc_md" not in definition:
            definition["doc_md"] = doc
        if params:
            definition["params"] = params
        if written.groups:
            definition["groups"] = {group.name: group.written() for group in written.groups}
        definition["tasks"] = [node.written() for node in written.nodes]
        self.places = {"": self.line or 1}
        for index, node in enumerate(written.nodes):
            if node.line is not None:
                self.places[f"/tasks/{index}"] = node.line
        return definition


def dag(function: Any = None, /, *, dag_id: str | None = None, **fields: Any) -> Any:
    """Makes a dag of a function that calls tasks.

    Its name is the function's, or `dag_id`. The fields are those of a dag (`schedule`, `start_date`, `tags`, `params`,
    `max_active_runs`, `defaults`, …); Airflow's `default_args` and `schedule_interval` are understood. The function's
    parameters become parameters of the dag.
    """

    def decorate(function: Callable[..., Any]) -> Dag:
        return Dag(function, dag_id, fields)

    return decorate if function is None else decorate(function)
