"""From an annotation of Python to a tree of `_nodes`."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import types
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from ._names import kebab
from ._nodes import (
    Anything,
    Choice,
    Field,
    Json,
    Later,
    Mapping,
    Mismatch,
    Named,
    Node,
    Option,
    Record,
    Scalar,
    Sequence,
    Tuple,
    Variant,
)


def json_load(text: str) -> Any:
    return json.loads(text)


def json_dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _iso(value: Any) -> str:
    return value.isoformat()


def _datetime(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


_SCALARS: dict[Any, Scalar] = {
    bool: Scalar("a boolean", "bool", bool),
    int: Scalar("a whole number of 64 bits", "s64", int),
    float: Scalar("a number", "f64", float),
    str: Scalar("a text", "string", str),
    bytes: Scalar("bytes", "list<u8>", bytes),
    datetime: Scalar("a moment (ISO 8601)", "string", datetime, _datetime, _iso),
    date: Scalar("a date (ISO 8601)", "string", date, date.fromisoformat, _iso),
    time: Scalar("a time (ISO 8601)", "string", time, time.fromisoformat, _iso),
    Decimal: Scalar("a decimal number", "string", Decimal, Decimal, str),
    UUID: Scalar("a UUID", "string", UUID, UUID, str),
}
_SEQUENCES: dict[Any, Any] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    # What a generator gives is collected.
    collections.abc.Iterator: list,
    collections.abc.Generator: list,
}
_REMEDIES = {
    timedelta: "use a number of seconds: float",
    complex: "use a tuple of two floats",
    typing.NoReturn: "use None",
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_NEVER_NAMES = {"json", "task-error"}


class Formless(TypeError):
    """A type that has no form in WIT: what it is, what to write instead, and in which field it stands."""

    def __init__(self, annotation: Any, remedy: str | None = None, path: tuple[str, ...] = ()) -> None:
        self.annotation, self.remedy, self.path = annotation, remedy, path
        name = annotation.__name__ if isinstance(annotation, type) and not typing.get_args(annotation) else str(annotation)
        within = f" ({', in '.join(path)})" if path else ""
        remedy = remedy or "use a dataclass, a list, an Optional, a plain type, or Any for JSON"
        super().__init__(f"{name}{within} has no form in WIT; {remedy}")

    def within(self, field: str) -> Formless:
        return Formless(self.annotation, self.remedy, (*self.path, field))


class Types:
    """The types of one interface: each class becomes one type with a name of its own."""

    def __init__(self) -> None:
        self._known: dict[Any, Named] = {}
        self._under_way: list[Any] = []
        self._names: set[str] = set(_NEVER_NAMES)

    def node(self, annotation: Any, hint: str) -> Node:
        """The node of an annotation. `hint` names types that have no name of their own."""
        if annotation is Any or annotation is object or annotation is None or annotation is type(None):
            return Json(Anything())
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self.node(args[0], hint)
        # `NewType`, and `type X = ...`: what they stand for.
        for stands_for in ("__supertype__", "__value__"):
            if hasattr(annotation, stands_for) and not isinstance(annotation, type):
                return self.node(getattr(annotation, stands_for), hint)
        if origin is typing.Literal:
            return self._literal(args, hint)
        if origin is typing.Union or origin is types.UnionType:
            return self._union(args, hint)
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return Sequence(self.node(args[0], hint), tuple)
            if args:
                return Tuple([self.node(arg, f"{hint}-item{index}") for index, arg in enumerate(args)])
        if origin in _SEQUENCES and (len(args) == 1 or origin is collections.abc.Generator):
            return Sequence(self.node(args[0], f"{hint}-item"), _SEQUENCES[origin])
        if origin in _MAPPINGS and len(args) == 2 and args[0] is str:
            return Json(Mapping(self.node(args[1], f"{hint}-item")))
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return self._enum(annotation)
        if isinstance(annotation, type) and not args and _record_kind(annotation):
            return self._record(annotation)
        if isinstance(origin, type) and _record_kind(origin) and len(args) == len(getattr(origin, "__parameters__", ())):
            return self._record(origin, args)
        if annotation in _SEQUENCES or annotation in _MAPPINGS or annotation is tuple:
            return Json(Anything())
        if origin in _MAPPINGS:
            raise Formless(annotation, "the keys of an object in JSON are texts: use dict[str, ...], or a list of tuples")
        raise Formless(annotation, _REMEDIES.get(annotation))

    def _name(self, wanted: str | None) -> str:
        base = wanted or "value"
        name, number = base, 2
        while name in self._names:
            name, number = f"{base}{number}", number + 1
        self._names.add(name)
        return name

    def _literal(self, values: tuple[Any, ...], hint: str) -> Node:
        cases = [(kebab(value), value) for value in values if isinstance(value, str)]
        names = {name for name, _ in cases}
        key = (typing.Literal, values)
        if len(cases) == len(values) == len(names) and None not in names:
            if key not in self._known:
                self._known[key] = Choice(self._name(hint), typing.cast("list[tuple[str, Any]]", cases))
            return self._known[key]
        return Json(_Literals(values))

    def _union(self, args: tuple[Any, ...], hint: str) -> Node:
        arms = [arg for arg in args if arg is not type(None)]
        inner = self.node(arms[0], hint) if len(arms) == 1 else self._variant(arms, hint)
        return inner if len(arms) == len(args) else Option(inner)

    def _variant(self, arms: list[Any], hint: str) -> Node:
        key = (typing.Union, *arms)
        if key not in self._known:
            nodes = [self.node(arm, f"{hint}-{kebab(_title(arm)) or 'case'}") for arm in arms]
            names = [kebab(_title(arm)) for arm in arms]
            if None in names or len(set(names)) < len(names):
                return Json(Variant("", [(str(index), node) for index, node in enumerate(nodes)]))
            self._known[key] = Variant(self._name(hint), list(zip(typing.cast("list[str]", names), nodes)))
        return self._known[key]

    def _enum(self, cls: type[Enum]) -> Node:
        if cls not in self._known:
            members = list(cls)
            by_value = [kebab(member.value) if isinstance(member.value, str) else None for member in members]
            by_name = [kebab(member.name) for member in members]
            names = by_value if None not in by_value and len(set(by_value)) == len(members) else by_name
            if not members or None in names or len(set(names)) < len(names):
                raise TypeError(f"the cases of the Enum {cls.__name__} have no names in WIT: use letters, digits and '_'")
            cases = list(zip(typing.cast("list[str]", names), members))
            self._known[cls] = Choice(self._name(kebab(cls.__name__)), cases, _own_doc(cls))
        return self._known[cls]

    def _record(self, cls: Any, args: tuple[Any, ...] = ()) -> Node:
        key = (cls, args) if args else cls
        if key in self._under_way:
            return Json(Later(lambda: self._known[key]))
        if key not in self._known:
            self._under_way.append(key)
            kind = _record_kind(cls)
            given = dict(zip(getattr(cls, "__parameters__", ()), args))
            title = "_".join([cls.__name__, *(_title(arg) for arg in args)])
            get = (lambda value, name: value.get(name)) if kind == "typeddict" else getattr
            record = Record(self._name(kebab(title) or kebab(cls.__name__)), cls, cls, get, doc=_own_doc(cls), is_dict=kind == "typeddict")
            for name, annotation, has_default in _fields(cls, kind):
                written = kebab(name)
                if written is None:
                    raise TypeError(f"the field {name!r} of {cls.__name__} has no name in WIT: use letters, digits and '_'")
                try:
                    node = self.node(_filled_in(annotation, given), f"{record.name}-{written}")
                except Formless as problem:
                    raise problem.within(f"{cls.__name__}.{name}") from None
                record.fields.append(Field(name, written, node, has_default))
            self._under_way.pop()
            self._known[key] = record
        found = self._known[key]
        # WIT has no records without fields.
        return found if typing.cast(Record, found).fields else Json(found)


@dataclasses.dataclass
class _Literals(Node):
    """Literals that are no names."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def from_json(self, value: Any) -> Any:
        if not self.accepts(value):
            raise Mismatch(f"one of {', '.join(map(repr, self.values))}", value)
        return value

    to_json = from_json


def _filled_in(annotation: Any, given: dict[Any, Any]) -> Any:
    """An annotation with what stands for its type parameters."""
    if annotation in given:
        return given[annotation]
    open_ones = getattr(annotation, "__parameters__", ()) if given else ()
    return annotation[tuple(given.get(one, Any) for one in open_ones)] if open_ones else annotation


def _title(arm: Any) -> str:
    return getattr(arm, "__name__", None) or getattr(typing.get_origin(arm), "__name__", None) or "case"


def _own_doc(cls: Any) -> str | None:
    doc = cls.__dict__.get("__doc__")
    # What `dataclass` and `Enum` write by themselves says nothing.
    return None if not doc or doc.startswith(f"{cls.__name__}(") or doc == Enum.__doc__ else doc


def _record_kind(cls: Any) -> str | None:
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    if typing.is_typeddict(cls):
        return "typeddict"
    if hasattr(cls, "model_fields") and hasattr(cls, "model_validate"):
        return "pydantic"
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return "namedtuple"
    return None


def _fields(cls: Any, kind: str | None) -> list[tuple[str, Any, bool]]:
    """Name, annotation, and whether there is a default."""
    hints = typing.get_type_hints(cls)
    if kind == "dataclass":
        missing = dataclasses.MISSING
        return [
            (one.name, hints[one.name], one.default is not missing or one.default_factory is not missing)
            for one in dataclasses.fields(cls)
            if one.init
        ]
    if kind == "typeddict":
        return [(name, hint, name not in cls.__required_keys__) for name, hint in hints.items()]
    if kind == "pydantic":
        return [(name, hints[name], not one.is_required()) for name, one in cls.model_fields.items()]
    return [(name, hints.get(name, Any), name in cls._field_defaults) for name in cls._fields]


def plain(value: Any) -> Any:
    """A value without annotation as JSON can hold it: dataclasses, enums, dates and the like by what they are made of."""
    if value is None or isinstance(value, (bool, str, float)) or type(value) is int:
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(part) for part in value]
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    for python, scalar in _SCALARS.items():
        if type(value) is python:
            return scalar.to_json(value)
    raise Mismatch("a value that JSON can hold", value)
