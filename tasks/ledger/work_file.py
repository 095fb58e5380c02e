"""Import of recorded work from a CSV or parquet file: all rows are checked before any is recorded (MON-3, TRU-3).

Columns are the options of `keepwell work`; `what` and `at` stand in every row. CSV is read as text.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.playbook.interventions.records import WorkEvent
from keepwell.tasks.errors import FileRefused
from keepwell.tasks.files.table_file import rows_of
from keepwell.tasks.ledger.work_entries import Desk, Entry, Refused

COLUMNS = tuple(field.name for field in fields(Entry))
REQUIRED = ("what", "at")
MAX_MISTAKES = 20


def events_of(path: Path, desk: Desk, by: str = "") -> list[WorkEvent]:
    """The events of a file; FileRefused lists line, column and remedy of each error, ConfigError for a missing file.

    `by`: who did it, for rows without a name.
    """
    rows = rows_of(path, COLUMNS, REQUIRED, desk.max_file_mb)
    events, mistakes = [], []
    for row in rows:
        try:
            events.append(desk.event(_entry(row.values, by)))
        except Refused as mistake:
            mistakes.append(f"{row.place}, column {mistake.column}: {mistake}")
    if mistakes:
        more = [f"and {len(mistakes) - MAX_MISTAKES:,} more"] if len(mistakes) > MAX_MISTAKES else []
        head = f"{path.name}: {len(mistakes):,} of {len(rows):,} rows have errors; nothing was recorded."
        raise FileRefused("\n".join([head, *mistakes[:MAX_MISTAKES], *more]))
    return events


def _entry(row: Mapping[str, Any], by: str) -> Entry:
    """The entry of one row; an empty value counts as a missing column."""
    if strange := [
        name for name, value in row.items() if not pd.api.types.is_scalar(value) or isinstance(value, bytes)
    ]:
        raise Refused(strange[0], "not a text, a number or an instant. Write it as text.")
    given = {name: value for name, value in row.items() if not pd.isna(value) and str(value).strip()}
    if "at" not in given:
        raise Refused("at", "empty. Give the time, for example 2026-06-09T10:30.")
    said: dict[str, Any] = {"by": by} | {name: _READ[name](name, value) for name, value in given.items()}
    return Entry(**{"what": "", **said})


def _text(_name: str, value: Any) -> str:
    return str(value).strip(" \t\r\n")  # other blanks may belong to an id


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (ValueError, TypeError) as error:
        raise Refused(name, f"{value!r} is not a number.") from error
    if not isfinite(number):
        raise Refused(name, f"{value!r} is not a number.")
    return number


def _instant(name: str, value: Any) -> datetime:
    """An instant in UTC without a zone; one without a zone is UTC."""
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        at = read.to_pydatetime() if isinstance(read, pd.Timestamp) else read
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise Refused(name, f"{value!r} is not an instant. Write it as 2026-06-09T10:30.") from error


def _day(name: str, value: Any) -> date:
    try:
        return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise Refused(name, f"{value!r} is not a date. Write it as 2026-06-30.") from error


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(COLUMNS, _text), "at": _instant, "due": _day, "target": _number, "value": _number,
}  # fmt: skip
