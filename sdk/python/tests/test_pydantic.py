"""Models of pydantic as types of a task. `requirements.lock` beside this file has it; without it there is nothing to test."""

from __future__ import annotations

import types as python_types
import unittest
from dataclasses import dataclass
from typing import Any, Optional

from cofferdam import Fatal, _wit, task, testing

try:
    import pydantic
except ImportError:
    pydantic = None  # type: ignore[assignment]

if pydantic is not None:

    class Place(pydantic.BaseModel):
        """Where it was."""

        lat: float = pydantic.Field(ge=-90, le=90)
        name: Optional[str] = None

    class Reading(pydantic.BaseModel):
        station_id: int
        values: list[float]
        place: Place
        unit: str = "mm"

    @task
    def highest(readings: list[Reading]) -> Reading:
        """The reading with the highest value."""
        return max(readings, key=lambda reading: max(reading.values))


@dataclass
class Share:
    part: float

    def __post_init__(self) -> None:
        if not 0 <= self.part <= 1:
            raise ValueError("a part is between 0 and 1")


@task
def double(share: Share) -> float:
    return share.part * 2


@unittest.skipIf(pydantic is None, "pydantic is not installed")
class Models(unittest.TestCase):
    def test_a_model_is_a_record(self) -> None:
        module = python_types.ModuleType(__name__)
        setattr(module, "highest", highest)
        lines = _wit.world(module, "types", set()).splitlines()
        for line in [
            "  /// Where it was.",
            "  record place {",
            "    name: option<string>,",
            "    station-id: s64,",
            "    place: place,",
            "    unit: option<string>,",
            "  highest: func(readings: list<reading>) -> result<reading, task-error>;",
        ]:
            self.assertIn(line, lines)

    def test_models_come_and_go(self) -> None:
        low = {"station_id": 1, "values": [1.5], "place": {"lat": 0}}
        high = {"station_id": 2, "values": [1, 9.5], "place": {"lat": 59.9, "name": "Oslo"}, "unit": "inch"}
        self.assertEqual(testing.run_json(highest, {"readings": [low, high]}), high)
        seen = testing.run_json(highest, {"readings": [low]})
        self.assertEqual((seen["unit"], seen["place"]), ("mm", {"lat": 0.0, "name": None}))

    def test_what_a_model_refuses_is_fatal_and_has_its_place(self) -> None:
        far = {"station_id": 1, "values": [], "place": {"lat": 91}}
        with self.assertRaisesRegex(Fatal, "Place refuses the value: lat: .*less than or equal to 90 at /readings/0/place"):
            testing.run_json(highest, {"readings": [far]})


class Rules(unittest.TestCase):
    def test_what_a_dataclass_refuses_is_fatal_and_has_its_place(self) -> None:
        def run(part: Any) -> Any:
            return testing.run_json(double, {"share": {"part": part}})

        self.assertEqual(run(0.25), 0.5)
        with self.assertRaisesRegex(Fatal, "Share refuses the value: a part is between 0 and 1 at /share"):
            run(7)


if __name__ == "__main__":
    unittest.main()
