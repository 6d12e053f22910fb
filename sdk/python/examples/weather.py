"""Figures of a few days of weather."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from cofferdam import Skip, context, log, progress, task, xcom


@dataclass
class Day:
    """One day at a station."""

    day: date
    temp_max: float
    temp_min: float
    rain_mm: float | None = None


@dataclass
class Summary:
    """What the days have in common."""

    days: int
    mean: float
    unit: Literal["celsius", "fahrenheit"]
    wet: list[date]
    hottest: Day


@task
def summarize(days: list[Day], unit: Literal["celsius", "fahrenheit"] = "celsius") -> Summary:
    """Sums up the days. Without days there is nothing to do."""
    if not days:
        raise Skip("there are no days")
    means = [(one.temp_max + one.temp_min) / 2 for one in days]
    mean = sum(means) / len(means)
    if unit == "fahrenheit":
        mean = mean * 9 / 5 + 32
    log.info("summed up", days=len(days), dag=context().dag_id)
    progress.report(1.0, f"{len(days)} days")
    wet = [one.day for one in days if one.rain_mm]
    xcom.push("wet_days", len(wet))
    return Summary(len(days), round(mean, 2), unit, wet, max(days, key=lambda one: one.temp_max))


@task
def count(values: dict[str, list[float]]) -> dict[str, int]:
    """How many values each station has."""
    print(f"{len(values)} stations")
    return {station: len(found) for station, found in values.items()}
