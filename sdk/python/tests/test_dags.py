"""Dags that are written in Python."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import tempfile
import types
import unittest
from datetime import timedelta
from pathlib import Path
from typing import Any

from cofferdam import dag, task
from cofferdam.dags import DagError, Param, approval, chain, component, literal, task_group
from cofferdam.dags.__main__ import main, read

EVERYTHING = Path(__file__).parent / "dag_of_everything.py"


def emitted(path: Path) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main([str(path)])
    return json.loads(out.getvalue())


def run(source: str, value: Any) -> Any:
    """Runs a script as the interpreter does."""
    import sys

    module = types.ModuleType("script_under_test")
    sys.modules[module.__name__] = module
    module.__dict__["__name__"] = module.__name__
    exec(compile(source, "<script>", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__["main"](value)


class Everything(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        answer = emitted(EVERYTHING)
        cls.definition = answer["dags"][0]["definition"]
        cls.places = answer["dags"][0]["places"]
        cls.tasks = {one["task_id"]: one for one in cls.definition["tasks"]}

    def test_the_dag_has_its_fields(self) -> None:
        definition = self.definition
        self.assertEqual(definition["dag_id"], "everything")
        self.assertEqual(definition["schedule"], "@daily")
        self.assertEqual(definition["owners"], ["data"])
        self.assertEqual(definition["defaults"], {"retries": 1})
        self.assertEqual(definition["doc_md"], "Uses what there is.")
        self.assertEqual(definition["params"], {"n": 3, "mode": {"default": "fast", "schema": {"enum": ["fast", "slow"]}}})
        self.assertEqual(definition["groups"], {"load": {"description": "Writes it down"}})

    def test_results_become_references(self) -> None:
        self.assertEqual(self.tasks["numbers"]["input"], {"n": {"$param": "n"}})
        self.assertEqual(self.tasks["double"]["expand"], {"over": {"number": {"$from": "numbers"}}})
        self.assertEqual(self.tasks["double"]["input"], {"add": 1})
        self.assertEqual(self.tasks["load.large"]["input"], {"mean": {"$from": "summarize", "path": "/mean"}})
        self.assertEqual(
            self.tasks["run_publish"]["run_dag"],
            {"dag_id": "publish", "wait": False, "conf": {"count": {"$from": "summarize", "path": "/count"}}},
        )

    def test_settings_have_our_names(self) -> None:
        self.assertEqual(self.tasks["double"]["retry_delay"], "5s")
        self.assertEqual(self.tasks["numbers"]["doc"], "Counts up.")
        self.assertTrue(self.tasks["choose"]["branch"])

    def test_order_goes_through_groups(self) -> None:
        self.assertEqual(self.tasks["load.large"]["depends_on"], ["choose"])
        self.assertEqual(self.tasks["load.http_request"]["depends_on"], ["load.large"])
        self.assertEqual(self.tasks["small"]["depends_on"], ["choose"])
        self.assertEqual(self.tasks["run_publish"]["depends_on"], ["load.http_request"])
        # What an input names is no second dependency.
        self.assertNotIn("depends_on", self.tasks["choose"])
        self.assertEqual(self.tasks["load.large"]["group"], "load")

    def test_a_script_has_what_it_uses_on_the_lines_where_it_stands(self) -> None:
        source = self.tasks["double"]["script"]["source"]
        lines, file = source.split("\n"), EVERYTHING.read_text().split("\n")
        for number, line in enumerate(lines[: file.index("@dag(")] if "@dag(" in file else lines):
            if line.startswith(("def scaled", "def double", "FACTOR", "    return scaled")):
                self.assertEqual(line, file[number])
        self.assertIn("FACTOR = 2", source)
        self.assertNotIn("not_needed", source)
        self.assertNotIn("statistics", source)
        self.assertNotIn("cofferdam.dags", source)
        ast.parse(source)

    def test_scripts_run(self) -> None:
        self.assertEqual(run(self.tasks["numbers"]["script"]["source"], {"n": 3}), [0, 1, 2])
        self.assertEqual(run(self.tasks["summarize"]["script"]["source"], {"values": [1, 2, 6]}), {"count": 3, "mean": 3})
        self.assertEqual(run(self.tasks["choose"]["script"]["source"], {"summary": {"count": 1, "mean": 9.5}}), "load.large")
        self.assertEqual(run(self.tasks["load.large"]["script"]["source"], {"mean": 9.5}), 9.5)

    def test_places_are_lines(self) -> None:
        file = EVERYTHING.read_text().split("\n")
        index = [one["task_id"] for one in self.definition["tasks"]].index("double")
        self.assertIn("double.partial", file[self.places[f"/tasks/{index}"] - 1])


class Rules(unittest.TestCase):
    def test_a_task_stays_a_function_outside_of_a_dag(self) -> None:
        @task
        def one() -> int:
            return 1

        self.assertEqual(one(), 1)

    def test_a_name_that_is_taken_gets_a_number(self) -> None:
        @dag
        def twice() -> None:
            component("a/b")
            component("a/b") >> component("a/b")

        self.assertEqual([one["task_id"] for one in twice().definition["tasks"]], ["b", "b__1", "b__2"])

    def test_lists_and_groups_are_linked_from_both_sides(self) -> None:
        @dag
        def linked() -> None:
            a, b, c, d = (component("x/y", task_id=name) for name in "abcd")
            chain(a, [b, c], d)

        by_name = {one["task_id"]: one.get("depends_on") for one in linked().definition["tasks"]}
        self.assertEqual(by_name, {"a": None, "b": ["a"], "c": ["a"], "d": ["b", "c"]})

    def test_a_decorated_group_returns_what_its_function_returns(self) -> None:
        @task_group
        def prepare() -> Any:
            return component("x/fetch")["rows"]

        @dag
        def grouped() -> None:
            component("x/use", input={"rows": prepare()})

        tasks = grouped().definition["tasks"]
        self.assertEqual(tasks[0]["task_id"], "prepare.fetch")
        self.assertEqual(tasks[1]["input"], {"rows": {"$from": "prepare.fetch", "path": "/rows"}})

    def test_a_group_is_mapped(self) -> None:
        @task
        def stored(rows: list[int], unit: str) -> int:
            return len(rows)

        @task_group
        def each(city: Any, limit: int, unit: str = "C") -> Any:
            """Fetches and stores a city."""
            rows = component("x/fetch", input={"city": city["name"], "limit": limit})
            return stored(rows, unit)

        @dag
        def mapped() -> None:
            cities = component("x/cities")
            component("x/report", input={"counts": each.partial(limit=3).expand(city=cities["all"])})

        definition = mapped().definition
        self.assertEqual(
            definition["groups"]["each"],
            {"description": "Fetches and stores a city.", "expand": {"over": {"city": {"$from": "cities", "path": "/all"}}}},
        )
        tasks = {one["task_id"]: one for one in definition["tasks"]}
        self.assertEqual(tasks["each.fetch"]["input"], {"city": {"$item": "city", "path": "/name"}, "limit": 3})
        self.assertEqual(tasks["each.stored"]["input"], {"rows": {"$from": "each.fetch"}, "unit": "C"})
        self.assertEqual((tasks["each.fetch"]["group"], tasks["each.stored"]["group"]), ("each", "each"))
        self.assertEqual(tasks["report"]["input"], {"counts": {"$from": "each.stored"}})

    def test_a_group_is_mapped_over_lists_side_by_side(self) -> None:
        @task_group("pairs")
        def pair(left: Any, right: Any) -> None:
            component("x/y", input=[left, right])

        @dag
        def zipped() -> None:
            pair.expand_zip(left=[1, 2], right=["a", "b"]) >> component("x/z")

        definition = zipped().definition
        self.assertEqual(definition["groups"]["pairs"]["expand"], {"over": {"left": [1, 2], "right": ["a", "b"]}, "mode": "zip"})
        self.assertEqual(definition["tasks"][0]["input"], [{"$item": "left"}, {"$item": "right"}])
        self.assertEqual(definition["tasks"][1]["depends_on"], ["pairs.y"])

    def test_objects_of_a_list_are_arguments(self) -> None:
        @task
        def add(a: int, b: int = 10, c: int = 0) -> int:
            return a + b + c

        @dag
        def spread() -> None:
            add.partial(c=100).expand_kwargs([{"a": 1, "b": 2}, {"a": 3}])

        written = spread().definition["tasks"][0]
        self.assertEqual(written["input"], {"c": 100})
        self.assertEqual(written["expand"], {"over": {"_kwargs": [{"a": 1, "b": 2}, {"a": 3}]}})
        source = written["script"]["source"]
        given = [run(source, {"c": 100, "_kwargs": one}) for one in written["expand"]["over"]["_kwargs"]]
        self.assertEqual(given, [103, 113])
        with self.assertRaisesRegex(Exception, "only the fields a, b, c"):
            run(source, {"_kwargs": {"a": 1, "d": 2}})

    def test_setups_and_teardowns_are_named_as_in_airflow(self) -> None:
        @task_group(group_id="work", tooltip="In between")
        def work() -> None:
            component("x/compute")

        @dag
        def cluster() -> None:
            create = component("x/create")
            create >> work() >> component("x/remove").as_teardown(setups=create, on_failure_fail_dagrun=True)

        definition = cluster().definition
        tasks = {one["task_id"]: one for one in definition["tasks"]}
        self.assertTrue(tasks["create"]["setup"])
        self.assertEqual(tasks["remove"]["teardown"], {"fail_run": True, "setups": ["create"]})
        self.assertEqual(definition["groups"], {"work": {"description": "In between"}})

    def test_mail_is_not_taken_silently(self) -> None:
        @task(multiple_outputs=True, email=["a@b.example"], email_on_failure=False, email_on_retry=False)
        def quiet() -> dict[str, int]:
            return {"n": 1}

        @task(email=["a@b.example"])
        def loud() -> None:
            pass

        @dag
        def quiets() -> None:
            quiet()

        @dag
        def louds() -> None:
            loud()

        self.assertEqual(set(quiets().definition["tasks"][0]), {"task_id", "script"})
        with self.assertRaisesRegex(TypeError, "no mail is sent"):
            louds()

    def test_params_need_no_default(self) -> None:
        @dag
        def asked(day: str, limit: int = 5) -> None:
            component("x/y", input={"day": day, "limit": limit, "raw": literal("{{ not }}")})

        definition = asked(limit=7).definition
        self.assertEqual(definition["params"], {"day": {"schema": {}}, "limit": 7})
        self.assertEqual(
            definition["tasks"][0]["input"],
            {"day": {"$param": "day"}, "limit": {"$param": "limit"}, "raw": {"$literal": "{{ not }}"}},
        )
        self.assertEqual(Param(1, minimum=0).written(), {"default": 1, "schema": {"minimum": 0}})

    def test_an_approval_is_a_task(self) -> None:
        @dag
        def asked() -> None:
            component("x/y") >> approval("Publish?", who={"roles": ["editor"]}, timeout="2d")

        self.assertEqual(
            asked().definition["tasks"][1],
            {
                "task_id": "approval",
                "approval": {"message": "Publish?", "who": {"roles": ["editor"]}, "timeout": "2d"},
                "depends_on": ["y"],
            },
        )

    def test_an_approval_is_mapped_and_waits_until_a_moment(self) -> None:
        @dag
        def asked() -> None:
            cities = component("x/cities")
            approval("Publish {{ item.city }}?", until="{{ ds }}T18:00", expand={"over": {"city": cities}})

        self.assertEqual(
            asked().definition["tasks"][1],
            {
                "task_id": "approval",
                "approval": {"message": "Publish {{ item.city }}?", "until": "{{ ds }}T18:00"},
                "expand": {"over": {"city": {"$from": "cities"}}},
            },
        )

    def test_callbacks_and_deadlines_are_fields(self) -> None:
        notify = {"component": "ops/notify", "input": {"text": "{{ reason }}"}, "retries": 2}

        @dag(on_failure="ops/notify", deadline={"after": timedelta(hours=2), "from": "logical_date", "callback": notify})
        def noisy() -> None:
            component("x/y", on_failure_callback=notify, on_retry="ops/count", deadline={"after": timedelta(minutes=30)})

        definition = noisy().definition
        self.assertEqual(definition["on_failure"], "ops/notify")
        self.assertEqual(definition["deadline"], {"after": "7200s", "from": "logical_date", "callback": notify})
        task = definition["tasks"][0]
        self.assertEqual((task["on_failure"], task["on_retry"]), (notify, "ops/count"))
        self.assertEqual(task["deadline"], {"after": "1800s"})


class Mistakes(unittest.TestCase):
    def error(self, text: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "wrong.py"
            path.write_text("from cofferdam import dag, task\n" + text)
            return emitted(path)["error"]

    def test_deciding_by_a_result_is_refused(self) -> None:
        error = self.error("@task\ndef one() -> int: return 1\n@dag\ndef wrong():\n    if one():\n        pass\nwrong()\n")
        self.assertEqual(error["line"], 6)
        self.assertIn("@task.branch", error["message"])

    def test_deciding_by_an_item_is_refused(self) -> None:
        text = "from cofferdam.dags import task_group\n@task_group\ndef each(x):\n    if x: pass\n"
        error = self.error(text + "@dag\ndef wrong():\n    each.expand(x=[1])\nwrong()\n")
        self.assertEqual(error["line"], 5)
        self.assertIn("differs from item to item", error["message"])
        error = self.error(text + "@dag\ndef wrong():\n    each.expand(y=[1])\nwrong()\n")
        self.assertEqual((error["line"], error["message"]), (8, "each(): missing a required argument: 'x'"))

    def test_a_missing_argument_names_its_line(self) -> None:
        error = self.error("@task\ndef one(x: int) -> int: return x\n@dag\ndef wrong():\n    one()\n")
        self.assertEqual((error["line"], error["message"]), (6, "one(): the argument 'x' is missing"))

    def test_a_closure_is_refused(self) -> None:
        error = self.error("@dag\ndef wrong():\n    y = 1\n    @task\n    def one() -> int:\n        return y\n    one()\n")
        self.assertIn("uses y of the function around it", error["message"])
        self.assertEqual(error["line"], 5)

    def test_a_syntax_error_has_its_line(self) -> None:
        self.assertEqual(self.error("\n\ndef x(:\n")["line"], 4)

    def test_an_exception_has_its_line(self) -> None:
        error = self.error("\nraise ValueError('no')\n")
        self.assertEqual(error, {"message": "ValueError: no", "line": 3})

    def test_a_file_without_dags_says_so(self) -> None:
        self.assertIn("has no dag", self.error("")["message"])

    def test_links_need_tasks(self) -> None:
        with self.assertRaises(DagError):

            @dag
            def wrong() -> None:
                component("x/y") >> "z"

            wrong()

    def test_read_calls_what_the_file_does_not(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "uncalled.py"
            path.write_text("from cofferdam import dag\nfrom cofferdam.dags import component\n@dag\ndef lazy():\n    component('a/b')\n")
            self.assertEqual([one.dag_id for one in read(path)], ["lazy"])


if __name__ == "__main__":
    unittest.main()
