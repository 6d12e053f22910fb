"""WIT and JSON of Python's types."""

from __future__ import annotations

import types as python_types
import unittest
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, Optional, TypedDict, Union
from uuid import UUID

from cofferdam import Fatal, Retry, task, testing
from cofferdam import _docs, _wit
from cofferdam._names import kebab


class Colour(Enum):
    DARK_RED = "dark_red"
    BLUE = "blue"


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Node:
    """A tree."""

    name: str
    children: list[Node] = field(default_factory=list)


class Place(TypedDict, total=False):
    lat: float
    lon: float


class Pair(NamedTuple):
    key: str
    count: int = 1


@task
def everything(
    flag: bool,
    number: int,
    raw: bytes,
    when: datetime,
    amount: Decimal,
    ident: UUID,
    colour: Colour,
    shape: Union[Circle, Square],
    pair: Pair,
    place: Place,
    point: tuple[int, str],
    names: set[str],
    table: dict[str, list[int]],
    tree: Node,
    mode: Literal["fast", "slow"] = "fast",
    note: Optional[str] = None,
    rest: Any = None,
) -> list[Any]:
    """Returns what it got.

    In a list.
    """
    return [flag, number, raw, when, amount, ident, colour, shape, pair, place, point, sorted(names), table, tree, mode, note, rest]


@task(name="plain")
def nothing(type: str, top_10: int = 3) -> None:
    """Words of WIT as names."""


@task
def wrong() -> Circle:
    return Square(1.0)  # type: ignore[return-value]


def module(*tasks: Any) -> python_types.ModuleType:
    made = python_types.ModuleType(__name__)
    for one in tasks:
        setattr(made, one.function.__name__, one)
    return made


INPUT = {
    "flag": True, "number": 7, "raw": "AQI=", "when": "2026-01-02T03:04:05Z", "amount": "1.50",
    "ident": "12345678-1234-5678-1234-567812345678", "colour": "dark-red", "shape": {"square": {"side": 2}},
    "pair": {"key": "k"}, "place": {"lat": 1.5}, "point": [1, "a"], "names": ["b", "a"], "table": {"x": [1]},
    "tree": {"name": "r", "children": [{"name": "c", "children": []}]},
}  # fmt: skip


class Wit(unittest.TestCase):
    def test_every_type_has_a_form(self) -> None:
        text = _wit.world(module(everything, nothing), "types", set())
        for line in [
            "  variant json { json(string) }",
            "  enum colour { dark-red, blue }",
            "  record circle {",
            "  variant everything-shape { circle(circle), square(square) }",
            "    count: option<s64>,",
            "    lat: option<f64>,",
            "    children: option<list<json>>,",
            "  /// A tree.",
            "  /// Returns what it got.",
            "  enum everything-mode { fast, slow }",
            "  plain: func(%type: string, top10: option<s64>) -> result<_, task-error>;",
        ]:
            self.assertIn(line, text.splitlines(), text)
        for part in ["when: string", "raw: list<u8>", "point: tuple<s64, string>", "table: json", "mode: option<everything-mode>", "rest: option<json>"]:
            self.assertIn(part, text)
        self.assertNotIn("wasi:http", text)

    def test_documentation_goes_into_a_section(self) -> None:
        found = _docs.documentation(_wit.world(module(everything, nothing), "types", set()))["interfaces"]["tasks"]
        self.assertEqual(found["funcs"], {"everything": "Returns what it got.\n\nIn a list.", "plain": "Words of WIT as names."})
        self.assertEqual(found["types"]["node"]["docs"], "A tree.")
        text = "interface tasks {\n  /// A row.\n  record %row {\n    /// How many.\n    %count: u32,\n  }\n  enum e { a, b }\n  /// Runs.\n  f: func();\n}\n"
        self.assertEqual(
            _docs.documentation(text)["interfaces"]["tasks"],
            {
                "funcs": {"f": "Runs."},
                "types": {"row": {"docs": "A row.", "items": {"count": "How many."}}, "e": {"items": {}}},
            },
        )
        self.assertEqual(_docs.attach(b"\0asm", "")[:8], b"\0asm\0-\x0ec")

    def test_interfaces_are_imported_when_they_are_used(self) -> None:
        text = _wit.world(module(nothing), "types", {"http", "config"})
        self.assertIn("import wasi:http/outgoing-handler@0.2.0;", text)
        self.assertRegex(text, r"import cofferdam:task/config@0\.1\.\d+;")
        self.assertNotIn("artifacts", text)

    def test_names(self) -> None:
        found = [kebab(name) for name in ("word_count", "WordCount", "HTTPServer", "top_10", "a-b", "_x", "ü", "1a")]
        self.assertEqual(found, ["word-count", "word-count", "http-server", "top10", "a-b", "x", None, None])

    def test_what_has_no_form_is_told(self) -> None:
        @task
        def bad(value: complex) -> None: ...

        with self.assertRaisesRegex(TypeError, "complex.*no form in WIT"):
            _wit.world(module(bad), "types", set())

        @task
        def many(*values: int) -> None: ...

        with self.assertRaisesRegex(TypeError, "parameters with names"):
            _wit.world(module(many), "types", set())


class Json(unittest.TestCase):
    def test_values_come_as_their_types(self) -> None:
        seen = testing.run_json(everything, INPUT)
        self.assertEqual(seen[2], "AQI=")
        self.assertEqual(seen[3], "2026-01-02T03:04:05+00:00")
        self.assertEqual(seen[4:7], ["1.50", "12345678-1234-5678-1234-567812345678", "dark_red"])
        self.assertEqual(seen[7:9], [{"side": 2.0}, ["k", 1]])
        self.assertEqual(seen[13], {"name": "r", "children": [{"name": "c", "children": []}]})
        self.assertEqual(seen[14:], ["fast", None, None])

    def test_what_does_not_fit_has_its_place(self) -> None:
        for change, message in [
            ({"number": "x"}, "a whole number of 64 bits at /number, not str"),
            ({"number": 2**70}, "a whole number of 64 bits at /number"),
            ({"table": {"x": [1, None]}}, "at /table/x/1, not NoneType"),
            ({"tree": {"name": "r", "children": [{"name": 1}]}}, "a text at /tree/children/0/name"),
            ({"colour": "green"}, "one of dark-red, blue at /colour"),
            ({"when": "yesterday"}, "a moment"),
            ({"other": 1}, "only the fields"),
        ]:
            with self.assertRaisesRegex(Fatal, message, msg=str(change)):
                testing.run_json(everything, {**INPUT, **change})

    def test_a_result_of_another_type_is_refused(self) -> None:
        with self.assertRaisesRegex(Fatal, "expected Circle, not Square"):
            testing.run_json(wrong, {})

    def test_a_task_stays_a_function(self) -> None:
        self.assertIsNone(nothing("x", top_10=1))
        self.assertEqual((nothing.name, nothing.__name__), ("plain", "nothing"))


class Errors(unittest.TestCase):
    def test_moments_are_read(self) -> None:
        from cofferdam._context import _moment

        self.assertEqual(_moment("2026-01-02T03:04:05.123456789Z"), datetime(2026, 1, 2, 3, 4, 5, 123456, timezone.utc))
        self.assertEqual(_moment("2026-01-02T03:04:05+00:00").date(), date(2026, 1, 2))

    def test_spans_are_milliseconds(self) -> None:
        from cofferdam import Defer, Reschedule

        self.assertEqual((Reschedule(1.5).after_ms, Defer("e", 2).timeout_ms), (1500, 2000))
        self.assertTrue(issubclass(Retry, Exception))


if __name__ == "__main__":
    unittest.main()
