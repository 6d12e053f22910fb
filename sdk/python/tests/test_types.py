"""WIT and JSON of Python's types."""

from __future__ import annotations

import asyncio
import tempfile
import types as python_types
import unittest
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Iterator, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from uuid import UUID

from cofferdam import Fatal, Retry, task, testing
from cofferdam import _build, _docs, _wit
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


@dataclass
class Row:
    table: dict[int, str]


T = TypeVar("T")
UserId = NewType("UserId", int)


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: Optional[str] = None


@task
def paged(page: Page[int], user: UserId) -> Page[str]:
    return Page([str(item) for item in [*page.items, user]])


@task
async def later(values: list[int]) -> int:
    async def double(value: int) -> int:
        await asyncio.sleep(0.001 * value)
        return 2 * value

    return sum(await asyncio.gather(*map(double, values)))


@task
def counting(to: int) -> Iterator[int]:
    yield from range(to)


@task
async def stuck() -> None:
    await asyncio.Event().wait()


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

    def test_a_task_of_json_has_documentation_too(self) -> None:
        @task(json=True)
        def whole(input: object) -> object:
            """Takes it whole.

            And gives it back.
            """
            return input

        text = _wit.world(module(whole), "types", set())
        self.assertEqual(
            _docs.documentation(text)["worlds"], {"component": {"func_exports": {"run": "Takes it whole.\n\nAnd gives it back."}}}
        )

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

        @task
        def rows(rows: list[Row]) -> None: ...

        place = r"test_types.py:\d+: .*rows: the parameter 'rows': dict\[int, str\] \(Row.table\) has no form in WIT; .* texts"
        with self.assertRaisesRegex(TypeError, place):
            _wit.world(module(rows), "types", set())

        @task
        def method(self, value: int) -> None: ...  # type: ignore[no-untyped-def]

        with self.assertRaisesRegex(TypeError, "not a method"):
            _wit.world(module(method), "types", set())

    def test_classes_with_type_parameters_and_names_of_types(self) -> None:
        text = _wit.world(module(paged), "types", set())
        self.assertIn("  record page-int {\n    items: list<s64>,\n    next: option<string>,\n  }\n", text)
        self.assertIn("paged: func(page: page-int, user: s64) -> result<page-str, task-error>;", text)
        self.assertEqual(testing.run_json(paged, {"page": {"items": [1, 2]}, "user": 3}), {"items": ["1", "2", "3"], "next": None})

    def test_coroutines_are_run_and_generators_collected(self) -> None:
        self.assertIn("later: func(values: list<s64>) -> result<s64, task-error>;", _wit.world(module(later), "types", set()))
        self.assertEqual(testing.run_json(later, {"values": [1, 2, 3]}), 12)
        self.assertIn("result<list<s64>, task-error>", _wit.world(module(counting), "types", set()))
        self.assertEqual(testing.run_json(counting, {"to": 3}), [0, 1, 2])
        with self.assertRaisesRegex(Fatal, "never happens"):
            testing.run_json(stuck, {})


class Build(unittest.TestCase):
    def failure(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "program.py"
            file.write_text(text)
            with self.assertRaises(_build.BuildError) as caught:
                _build.load(file)
            return str(caught.exception).replace(folder, "")

    def test_a_program_that_does_not_start_is_told_by_its_own_lines(self) -> None:
        told = self.failure("def f():\n    return 1 / 0\n\nf()\n")
        self.assertRegex(told, r'cannot be imported:\nTraceback.*:\n  File "/program.py", line 4, in <module>\n')
        self.assertNotIn("_build.py", told)
        self.assertIn("line 1\n    def f(:\n", self.failure("def f(:"))
        self.assertRegex(self.failure("import no_such_package.x"), r"no_such_package is neither beside program.py nor installed: .* -m pip install")
        self.assertIn("without the dot", self.failure("from .helpers import x"))

    def test_what_has_native_code_is_told(self) -> None:
        told = _build._remedy("ModuleNotFoundError: No module named 'pydantic_core._pydantic_core'\n")
        self.assertIn("pydantic_core._pydantic_core is not there in a component", told)
        self.assertEqual(_build._remedy("SyntaxError: invalid syntax"), "")


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
