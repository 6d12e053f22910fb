"""A dag as the guide writes them; the tests look at what it becomes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import timedelta

from cofferdam import Param, chain, component, dag, log, run_dag, task, task_group

FACTOR = 2


@dataclass
class Summary:
    count: int
    mean: float


def scaled(number: int) -> int:
    return number * FACTOR


def not_needed() -> None:
    raise AssertionError("nobody asks for this")


@task
def numbers(n: int) -> list[int]:
    """Counts up."""
    return list(range(n))


@task(retries=2, retry_delay=timedelta(seconds=5))
def double(number: int, add: int = 0) -> int:
    log.info("doubling", number=number)
    return scaled(number) + add


@task
def summarize(values: list[int]) -> Summary:
    return Summary(len(values), statistics.mean(values))


@task.branch
def choose(summary: Summary) -> str:
    return "load.large" if summary.mean > 3 else "small"


@task
def small() -> str:
    return "small"


@dag(schedule="@daily", start_date="2026-01-01", tags=["demo"], default_args={"owner": "data", "retries": 1})
def everything(n: int = 3, mode: str = Param("fast", enum=["fast", "slow"])):
    """Uses what there is."""
    doubled = double.partial(add=1).expand(number=numbers(n))
    summary = summarize(doubled)
    with task_group("load", description="Writes it down") as load:

        @task
        def large(mean: float) -> float:
            return mean

        chain(large(summary["mean"]), component("std/http-request", input={"url": "http://127.0.0.1/", "mode": mode}))
    choose(summary) >> [load, small()]
    load >> run_dag("publish", conf={"count": summary["count"]}, wait=False, trigger_rule="none_failed")


everything()
