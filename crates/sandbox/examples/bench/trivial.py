"""A task that returns its input. With the input `"wait"` it asks for an XCom before."""

from __future__ import annotations

from typing import Any

from cofferdam import task, xcom


@task(json=True)
def run(input: Any) -> Any:
    if input == "wait":
        xcom.pull("upstream")
    return input
