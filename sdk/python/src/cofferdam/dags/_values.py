"""Values and settings of Python as they stand in a dag's definition."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

#: Settings of tasks as Airflow calls them, and as they are called here.
_AIRFLOW = {
    "doc_md": "doc",
    "execution_timeout": "timeout",
    "max_active_tis_per_dag": "max_active",
    "on_execute_callback": None,
    "on_failure_callback": "on_failure",
    "on_retry_callback": "on_retry",
    "on_skipped_callback": "on_skipped",
    "on_success_callback": "on_success",
    "outlets": "produces",
    "priority_weight": "priority",
    "retry_exponential_backoff": "retry_backoff",
}

#: Settings of Airflow that change nothing here: a result is taken apart by its keys in any case, and a task with `ti` has it by import.
_WITHOUT_EFFECT = {"multiple_outputs", "show_return_value_in_logs"}

#: Airflow's mail.
_MAIL = ("email_on_failure", "email_on_retry")


def plain(value: Any) -> Any:
    """A value as JSON."""
    if hasattr(value, "as_json") and not isinstance(value, type):
        return value.as_json()
    output = getattr(value, "output", None)
    if output is not None and hasattr(output, "as_json"):
        return output.as_json()
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"the key {wrong[0]!r} of an object must be text")
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(one) for one in value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, (Decimal, UUID, PurePath)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    raise TypeError(f"{value!r} is no value that JSON can hold")


def span(length: timedelta) -> str:
    """A length of time as it is written in a definition."""
    milliseconds = round(length.total_seconds() * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def settings_as_written(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a task, with Airflow's names for what is called otherwise here."""
    written: dict[str, Any] = {}
    if "email" in settings and any(settings.get(name, True) for name in _MAIL):
        raise TypeError("'email': no mail is sent; name a component that tells of it with on_failure, or set email_on_failure=False")
    for name, value in settings.items():
        if name in _WITHOUT_EFFECT or name == "email" or name in _MAIL:
            continue
        known = _AIRFLOW.get(name, name)
        if known is None:
            raise TypeError(f"there is no setting like '{name}'")
        if name == "retry_exponential_backoff":
            value = "exponential" if value else "constant"
        if value is not None:
            written[known] = plain(value)
    return written
