"""What a task can learn of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import _host


@dataclass(frozen=True)
class Context:
    """The task, its run, and what the run is for."""

    dag_id: str
    dag_run_id: str
    task_id: str
    #: Position in a mapped task; None when the task is not mapped.
    map_index: int | None
    #: The try, counted from 1.
    try_number: int
    max_tries: int
    #: The moment that the run is for.
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    #: What the run was triggered with.
    conf: dict[str, Any]
    #: The same in each try of this task instance, and nowhere else. Send it along with requests that must not take
    #: effect twice.
    idempotency_key: str
    #: When this try is stopped at the latest, where it has an end.
    deadline: datetime | None = None


def context() -> Context:
    """The context of this try. It does not change while the task runs."""
    found = dict(_host.current().context())
    for name in ("logical_date", "data_interval_start", "data_interval_end", "deadline"):
        if found.get(name) is not None:
            found[name] = _moment(found[name])
    found["conf"] = json.loads(found["conf"])
    return Context(**found)


def _moment(text: str) -> datetime:
    # Python 3.10 knows neither the Z nor fractions of other than three or six digits.
    text = text.replace("Z", "+00:00")
    if "." in text:
        head, tail = text.split(".", 1)
        digits = tail[: next((i for i, c in enumerate(tail) if not c.isdigit()), len(tail))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits):]}"
    return datetime.fromisoformat(text)
