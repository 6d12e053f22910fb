"""Write a dag as a Python file.

    from cofferdam import dag, task

    @task
    def numbers() -> list[int]:
        return [1, 2, 3]

    @task(retries=2)
    def double(number: int) -> int:
        return 2 * number

    @task
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @dag(schedule="@daily", start_date="2026-01-01")
    def sums():
        total(double.expand(number=numbers()))

    sums()

`cofferdam dag apply FILE` runs the file under Python, which writes the dag down and runs none of its tasks. Each task
becomes a script of the dag: its function, with what of the file the function uses. `component(...)` stands for a task that was
built before.
"""

from ._dag import dag
from ._graph import (
    DagError,
    Group,
    Node,
    Output,
    Param,
    approval,
    chain,
    component,
    literal,
    run_dag,
    task_group,
)
from .._task import task

__all__ = [
    "DagError",
    "Group",
    "Node",
    "Output",
    "Param",
    "approval",
    "chain",
    "component",
    "dag",
    "literal",
    "run_dag",
    "task",
    "task_group",
]
