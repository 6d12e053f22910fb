"""The tasks of {{name}}."""

from __future__ import annotations

from dataclasses import dataclass

from cofferdam import Skip, log, task


@dataclass
class Summary:
    """What the values have in common."""

    count: int
    mean: float


@task
def summarize(values: list[float]) -> Summary:
    """Sums up the values. Without values there is nothing to do."""
    if not values:
        raise Skip("there are no values")
    log.info("summing up", count=len(values))
    return Summary(len(values), sum(values) / len(values))
