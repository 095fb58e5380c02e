"""A CSV or parquet file of what people did: every row is checked before any is recorded (MON-3, TRU-3).

Columns are the options of `keepwell work`; `what` and `at` stand in every row. CSV is read as text.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from playbook.work import WorkEvent
from tasks.errors import ConfigError, FileRefused, nearest
from tasks.work_entries import Desk, Entry, Refused

COLUMNS = tuple(field.name for field in fields(Entry))
REQUIRED = ("what", "at")
SHOWN = 20
FIRST_ROW = 2
"""Rows are counted as a spreadsheet does: the header is row 1."""


def events_of(path: Path, desk: Desk, by: str = "") -> list[WorkEvent]:
    """The events of a file; FileRefused names row, column and remedy of each mistake, ConfigError a file not there.

    `by` did what a row says nobody of.
    """
    frame = _frame(path)
    events, mistakes = [], []
    for number, row in enumerate(frame.to_dict("records"), start=FIRST_ROW):
        try:
            events.append(desk.event(_entry({str(name): value for name, value in row.items()}, by)))
        except Refused as mistake:
            mistakes.append(f"row {number}, column {mistake.column}: {mistake}")
    if mistakes:
        more = [f"and {len(mistakes) - SHOWN:,} more"] if len(mistakes) > SHOWN else []
        head = f"{path.name}: {len(mistakes):,} of {len(frame):,} rows cannot be recorded, so none is."
        raise FileRefused("\n".join([head, *mistakes[:SHOWN], *more]))
    return events


def _frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise ConfigError(f"{path} is not there. Name a CSV or parquet file.")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path.name} is no CSV in UTF-8. Save it as `CSV UTF-8`, or as parquet.") from error
    except (ValueError, OSError, csv.Error) as error:
        raise FileRefused(f"{path.name} cannot be read as {path.suffix[1:] or 'CSV'}: {error}.") from error
    unknown = [str(column) for column in frame.columns if column not in COLUMNS]
    if unknown:
        raise FileRefused(f"{path.name}: there is no column {unknown[0]!r}{nearest(unknown[0], COLUMNS)}")
    missing = [column for column in REQUIRED if column not in frame]
    if missing:
        raise FileRefused(f"{path.name}: the column {missing[0]!r} is missing; every row needs {', '.join(REQUIRED)}.")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    """Every value as text, an account called NA too; with or without the mark that spreadsheets put before it.

    Spreadsheets of half of Europe separate by semicolons. A value beyond the header has no column: such a row is
    refused, as pandas would take the first column for an index and move all others.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        between = max(",;\t", key=first.count)
        header, *rows = list(csv.reader(file, delimiter=between)) or [[]]
    for number, row in enumerate(rows, start=FIRST_ROW):
        if any(value.strip() for value in row[len(header) :]):
            raise FileRefused(
                f"{path.name}: row {number} has {len(row)} values, the header {len(header)} columns. "
                f'Put a value that holds "{between}" in double quotes.'
            )
    filled = [(row + [""] * len(header))[: len(header)] for row in rows if row]
    return pd.DataFrame(filled, columns=header, dtype=str)


def _entry(row: Mapping[str, Any], by: str) -> Entry:
    """One row; what it leaves empty is as if its column were not there."""
    given = {name: value for name, value in row.items() if not pd.isna(value) and str(value).strip()}
    if "at" not in given:
        raise Refused("at", "empty: say when it happened, as 2026-06-09T10:30.")
    said: dict[str, Any] = {"by": by} | {name: _READ[name](name, value) for name, value in given.items()}
    return Entry(**{"what": "", **said})


def _text(_name: str, value: Any) -> str:
    return str(value).strip()


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise Refused(name, f"{value!r} is no number.") from error
    if not isfinite(number):
        raise Refused(name, f"{value!r} is no number.")
    return number


def _instant(name: str, value: Any) -> datetime:
    """An instant in UTC without a zone; one without a zone is UTC."""
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise Refused(name, f"{value!r} is no instant. Write 2026-06-09T10:30.") from error
    at = read.to_pydatetime() if isinstance(read, pd.Timestamp) else read
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def _day(name: str, value: Any) -> date:
    try:
        return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise Refused(name, f"{value!r} is no day. Write 2026-06-30.") from error


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(COLUMNS, _text), "at": _instant, "due": _day, "target": _number, "value": _number,
}  # fmt: skip
