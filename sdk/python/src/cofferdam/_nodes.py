"""How values of a Python type are written in WIT, and converted between the two and JSON.

`_types.py` makes a tree of these nodes from an annotation. Bindings of componentize-py are matched by position, not by
name, so that it does not matter how they spell a name.
"""

from __future__ import annotations

import base64
import json
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ._names import camel, escaped


class Mismatch(Exception):
    """A value that is not of its type: where, and what was expected."""

    def __init__(self, expected: str, value: Any, path: str = "") -> None:
        self.expected, self.value, self.path = expected, value, path
        super().__init__(expected)

    def inside(self, step: object) -> Mismatch:
        return type(self)(self.expected, self.value, f"/{step}{self.path}")

    def __str__(self) -> str:
        at = f" at {self.path}" if self.path else ""
        return f"expected {self.expected}{at}, not {type(self.value).__name__}"


class Refused(Mismatch):
    """A value of the right form that its class does not take: what the class says of it."""

    def __str__(self) -> str:
        return f"{self.expected} at {self.path}" if self.path else self.expected


class Node:
    """A type."""

    def wit(self) -> str:
        """The type as it is written in WIT."""
        raise NotImplementedError

    def accepts(self, value: Any) -> bool:
        """Whether a value of Python looks like one of this type."""
        raise NotImplementedError

    def from_wit(self, value: Any, bindings: Any) -> Any:
        raise NotImplementedError

    def to_wit(self, value: Any, bindings: Any) -> Any:
        raise NotImplementedError

    def from_json(self, value: Any) -> Any:
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        raise NotImplementedError

    def named(self) -> Iterator[Named]:
        """The types with a name that this one is made of, each after those that it needs itself."""
        return iter(())


@dataclass
class Named(Node):
    """A type with a name of its own, declared once in the interface."""

    name: str

    def wit(self) -> str:
        return escaped(self.name)

    def declare(self) -> list[str]:
        """The lines that declare it."""
        raise NotImplementedError

    def binding(self, bindings: Any) -> Any:
        return getattr(bindings, camel(self.name))


@dataclass
class Scalar(Node):
    """A type that WIT has too, and those that travel as text (dates, UUIDs, decimals)."""

    name: str
    written: str
    python: type
    read: Callable[[Any], Any] | None = None
    write: Callable[[Any], Any] | None = None

    def wit(self) -> str:
        return self.written

    def accepts(self, value: Any) -> bool:
        if self.python is int:
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        if self.python is float:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        if self.python is bytes:
            return isinstance(value, (bytes, bytearray, memoryview))
        return isinstance(value, self.python)

    def from_wit(self, value: Any, bindings: Any) -> Any:
        if self.read is None:
            return bytes(value) if self.python is bytes else value
        try:
            return self.read(value)
        except (ValueError, ArithmeticError):
            raise Mismatch(self.name, value) from None

    def to_wit(self, value: Any, bindings: Any) -> Any:
        if not self.accepts(value):
            raise Mismatch(self.name, value)
        if self.write is not None:
            return self.write(value)
        return self.python(value)

    def from_json(self, value: Any) -> Any:
        if self.python is bytes:
            if isinstance(value, str):
                try:
                    return base64.b64decode(value, validate=True)
                except ValueError:
                    pass
            raise Mismatch("bytes in base64", value)
        if self.read is not None:
            if not isinstance(value, str):
                raise Mismatch(self.name, value)
            return self.from_wit(value, None)
        # JSON does not tell 1 from 1.0.
        if self.python is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if not self.accepts(value):
            raise Mismatch(self.name, value)
        return self.python(value)

    def to_json(self, value: Any) -> Any:
        plain = self.to_wit(value, None)
        return base64.b64encode(plain).decode() if self.python is bytes else plain


@dataclass
class Sequence(Node):
    """`list<T>`: lists, sets, tuples of any length."""

    item: Node
    make: Callable[[list[Any]], Any] = list

    def wit(self) -> str:
        return f"list<{self.item.wit()}>"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (list, tuple, set, frozenset))

    def _each(self, values: Any, convert: Callable[[Any], Any]) -> list[Any]:
        done = []
        for index, value in enumerate(values):
            try:
                done.append(convert(value))
            except Mismatch as problem:
                raise problem.inside(index) from None
        return done

    def from_wit(self, value: Any, bindings: Any) -> Any:
        return self.make(self._each(value, lambda item: self.item.from_wit(item, bindings)))

    def to_wit(self, value: Any, bindings: Any) -> Any:
        if not self.accepts(value):
            raise Mismatch("a list", value)
        return self._each(value, lambda item: self.item.to_wit(item, bindings))

    def from_json(self, value: Any) -> Any:
        if not isinstance(value, list):
            raise Mismatch("a list", value)
        return self.make(self._each(value, self.item.from_json))

    def to_json(self, value: Any) -> Any:
        if not self.accepts(value):
            raise Mismatch("a list", value)
        return self._each(value, self.item.to_json)

    def named(self) -> Iterator[Named]:
        return self.item.named()


@dataclass
class Tuple(Node):
    """`tuple<A, B>`."""

    items: list[Node]

    def wit(self) -> str:
        return f"tuple<{', '.join(item.wit() for item in self.items)}>"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) == len(self.items)

    def _each(self, values: Any, convert: Callable[[Node, Any], Any]) -> tuple[Any, ...]:
        if not self.accepts(values):
            raise Mismatch(f"{len(self.items)} values", values)
        return tuple(convert(item, value) for item, value in zip(self.items, values))

    def from_wit(self, value: Any, bindings: Any) -> Any:
        return self._each(value, lambda item, part: item.from_wit(part, bindings))

    def to_wit(self, value: Any, bindings: Any) -> Any:
        return self._each(value, lambda item, part: item.to_wit(part, bindings))

    def from_json(self, value: Any) -> Any:
        return self._each(value, lambda item, part: item.from_json(part))

    def to_json(self, value: Any) -> Any:
        return list(self._each(value, lambda item, part: item.to_json(part)))

    def named(self) -> Iterator[Named]:
        for item in self.items:
            yield from item.named()


@dataclass
class Option(Node):
    """`option<T>`: None or the value. Never of another option, since Python's types have none."""

    item: Node

    def wit(self) -> str:
        return f"option<{self.item.wit()}>"

    def accepts(self, value: Any) -> bool:
        return value is None or self.item.accepts(value)

    def from_wit(self, value: Any, bindings: Any) -> Any:
        return None if value is None else self.item.from_wit(value, bindings)

    def to_wit(self, value: Any, bindings: Any) -> Any:
        return None if value is None else self.item.to_wit(value, bindings)

    def from_json(self, value: Any) -> Any:
        return None if value is None else self.item.from_json(value)

    def to_json(self, value: Any) -> Any:
        return None if value is None else self.item.to_json(value)

    def named(self) -> Iterator[Named]:
        return self.item.named()


@dataclass
class Field:
    """A field of a record, or a parameter."""

    python: str
    name: str
    node: Node
    #: Whether it may be left out: it is an option in WIT then, and none stands for Python's default.
    has_default: bool = False

    def wit(self) -> str:
        optional = self.has_default and not isinstance(self.node, Option)
        written = f"option<{self.node.wit()}>" if optional else self.node.wit()
        return f"{escaped(self.name)}: {written}"

    def read(self, values: dict[str, Any], value: Any, convert: Callable[[Any], Any]) -> None:
        """Puts the value among the arguments, unless the default is meant."""
        if value is None and self.has_default:
            return
        try:
            values[self.python] = convert(value)
        except Mismatch as problem:
            raise problem.inside(self.name) from None


def fields_from_json(fields: list[Field], value: Any) -> dict[str, Any]:
    """The arguments that a JSON object gives for these fields, by their names in Python. Either spelling is accepted."""
    if not isinstance(value, dict):
        raise Mismatch("an object", value)
    given = dict(value)
    values: dict[str, Any] = {}
    for one in fields:
        present = one.python if one.python in given else one.name
        found = given.pop(present, None)
        one.read(values, found, one.node.from_json)
    if given:
        raise Mismatch(f"only the fields {', '.join(one.name for one in fields)}", next(iter(given.values())), f"/{next(iter(given))}")
    return values


@dataclass
class Record(Named):
    """`record`: a dataclass, TypedDict, NamedTuple or pydantic model."""

    python: type
    make: Callable[..., Any]
    get: Callable[[Any, str], Any]
    fields: list[Field] = field(default_factory=list)
    doc: str | None = None
    is_dict: bool = False

    def accepts(self, value: Any) -> bool:
        return isinstance(value, dict) if self.is_dict else isinstance(value, self.python)

    def declare(self) -> list[str]:
        lines = doc_lines(self.doc, "  ") + [f"  record {escaped(self.name)} {{"]
        lines += [f"    {one.wit()}," for one in self.fields]
        return [*lines, "  }"]

    def from_wit(self, value: Any, bindings: Any) -> Any:
        values: dict[str, Any] = {}
        # The dataclass of the bindings has the fields in the order of the WIT.
        for one, name in zip(self.fields, type(value).__dataclass_fields__):
            one.read(values, getattr(value, name), lambda part, one=one: one.node.from_wit(part, bindings))
        return self._made(values)

    def _made(self, values: dict[str, Any]) -> Any:
        try:
            return self.make(**values)
        except ValueError as problem:
            # A rule of the class itself: of pydantic, or of the dataclass in its `__post_init__`.
            listed = getattr(problem, "errors", None)
            why = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in listed()) if callable(listed) else str(problem)
            raise Refused(f"{self.python.__name__} refuses the value: {why}", values) from None

    def _each(self, value: Any, convert: Callable[[Field, Any], Any]) -> Iterator[tuple[Field, Any]]:
        if not self.accepts(value):
            raise Mismatch(self.python.__name__, value)
        for one in self.fields:
            try:
                part = self.get(value, one.python)
                absent = part is None and one.has_default
                yield one, (None if absent else convert(one, part))
            except Mismatch as problem:
                raise problem.inside(one.name) from None

    def to_wit(self, value: Any, bindings: Any) -> Any:
        parts = [part for _, part in self._each(value, lambda one, part: one.node.to_wit(part, bindings))]
        return self.binding(bindings)(*parts)

    def from_json(self, value: Any) -> Any:
        return self._made(fields_from_json(self.fields, value))

    def to_json(self, value: Any) -> Any:
        return {one.python: part for one, part in self._each(value, lambda one, part: one.node.to_json(part))}

    def named(self) -> Iterator[Named]:
        for one in self.fields:
            yield from one.node.named()
        yield self


@dataclass
class Choice(Named):
    """`enum`: an Enum, or Literals of text."""

    #: The name of each case, and the value that it stands for.
    cases: list[tuple[str, Any]]
    doc: str | None = None

    def accepts(self, value: Any) -> bool:
        return any(value is known or (type(value) is type(known) and value == known) for _, known in self.cases)

    def declare(self) -> list[str]:
        cases = ", ".join(escaped(name) for name, _ in self.cases)
        return [*doc_lines(self.doc, "  "), f"  enum {escaped(self.name)} {{ {cases} }}"]

    def _index(self, value: Any) -> int:
        for index, (_, known) in enumerate(self.cases):
            if value is known or (type(value) is type(known) and value == known):
                return index
        raise Mismatch(f"one of {', '.join(name for name, _ in self.cases)}", value)

    def from_wit(self, value: Any, bindings: Any) -> Any:
        return self.cases[list(type(value)).index(value)][1]

    def to_wit(self, value: Any, bindings: Any) -> Any:
        return list(self.binding(bindings))[self._index(value)]

    def from_json(self, value: Any) -> Any:
        for name, known in self.cases:
            plain = getattr(known, "value", known)
            if isinstance(value, str) and value == name or type(value) is type(plain) and value == plain:
                return known
        raise Mismatch(f"one of {', '.join(name for name, _ in self.cases)}", value)

    def to_json(self, value: Any) -> Any:
        known = self.cases[self._index(value)][1]
        return getattr(known, "value", known)

    def named(self) -> Iterator[Named]:
        yield self


@dataclass
class Variant(Named):
    """`variant`: a Union. A case is named after its type."""

    cases: list[tuple[str, Node]]

    def accepts(self, value: Any) -> bool:
        return any(node.accepts(value) for _, node in self.cases)

    def declare(self) -> list[str]:
        cases = ", ".join(f"{escaped(name)}({node.wit()})" for name, node in self.cases)
        return [f"  variant {escaped(self.name)} {{ {cases} }}"]

    def _case(self, value: Any) -> int:
        for index, (_, node) in enumerate(self.cases):
            if node.accepts(value):
                return index
        raise Mismatch(f"one of {', '.join(name for name, _ in self.cases)}", value)

    def _bindings(self, bindings: Any) -> tuple[Any, ...]:
        found = self.binding(bindings)
        return typing.get_args(found) or (found,)

    def from_wit(self, value: Any, bindings: Any) -> Any:
        index = self._bindings(bindings).index(type(value))
        return self.cases[index][1].from_wit(value.value, bindings)

    def to_wit(self, value: Any, bindings: Any) -> Any:
        index = self._case(value)
        return self._bindings(bindings)[index](self.cases[index][1].to_wit(value, bindings))

    def from_json(self, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            (given,) = value
            for name, node in self.cases:
                if name == given:
                    return node.from_json(value[given])
        for _, node in self.cases:
            try:
                return node.from_json(value)
            except Mismatch:
                continue
        raise Mismatch(f"one of {', '.join(name for name, _ in self.cases)}", value)

    def to_json(self, value: Any) -> Any:
        return self.cases[self._case(value)][1].to_json(value)

    def named(self) -> Iterator[Named]:
        for _, node in self.cases:
            yield from node.named()
        yield self


@dataclass
class Mapping(Node):
    """A dictionary with texts as keys. WIT has none, so it travels as JSON."""

    item: Node

    def accepts(self, value: Any) -> bool:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)

    def _each(self, value: Any, convert: Callable[[Any], Any]) -> dict[str, Any]:
        if not self.accepts(value):
            raise Mismatch("an object", value)
        done = {}
        for key, part in value.items():
            try:
                done[key] = convert(part)
            except Mismatch as problem:
                raise problem.inside(key) from None
        return done

    def from_json(self, value: Any) -> Any:
        return self._each(value, self.item.from_json)

    def to_json(self, value: Any) -> Any:
        return self._each(value, self.item.to_json)


@dataclass
class Anything(Node):
    """Whatever JSON can hold."""

    def accepts(self, value: Any) -> bool:
        return True

    def from_json(self, value: Any) -> Any:
        return value

    def to_json(self, value: Any) -> Any:
        from ._types import plain

        return plain(value)


@dataclass
class Later(Node):
    """A type inside of itself: known when the tree is whole."""

    find: Callable[[], Node]

    def accepts(self, value: Any) -> bool:
        return self.find().accepts(value)

    def from_json(self, value: Any) -> Any:
        return self.find().from_json(value)

    def to_json(self, value: Any) -> Any:
        return self.find().to_json(value)


@dataclass
class Json(Node):
    """A value that WIT has no type for: it travels as JSON, and is still checked against its type in Python.

    In WIT it is `variant json { json(string) }`, which the platform takes for whatever JSON there is.
    """

    inner: Node

    def wit(self) -> str:
        return "json"

    def accepts(self, value: Any) -> bool:
        return self.inner.accepts(value)

    def from_wit(self, value: Any, bindings: Any) -> Any:
        return self.inner.from_json(json.loads(value.value))

    def to_wit(self, value: Any, bindings: Any) -> Any:
        text = json.dumps(self.inner.to_json(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return bindings.Json_Json(text)

    def from_json(self, value: Any) -> Any:
        return self.inner.from_json(value)

    def to_json(self, value: Any) -> Any:
        return self.inner.to_json(value)


def doc_lines(doc: str | None, indent: str) -> list[str]:
    """A docstring as comments of WIT."""
    import inspect

    return [f"{indent}/// {line}".rstrip() for line in inspect.cleandoc(doc or "").splitlines()]
