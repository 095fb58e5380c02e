"""Rows of a CSV or parquet file that a person provides, with their places: all are read, or none (TRU-3).

CSV is read strictly. A quote that stands open takes the rows after it into one value, a column named twice hides one of
the two, a separator too many moves values to other columns: each is refused with its line instead of losing a row.
"""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from keepwell.tasks.errors import ConfigError, FileRefused, nearest
from keepwell.values.texts import storable

MEGABYTE = 1_000_000
FIRST_ROW = 2
"""Rows are counted as a spreadsheet does: the header is row 1."""


@dataclass(frozen=True)
class GivenRow:
    """One row of a file and where it stands: `line 3` of a CSV, `row 3` of a parquet file."""

    place: str
    values: Mapping[str, Any]


def rows_of(path: Path, known: Collection[str], required: Sequence[str], megabytes: int) -> list[GivenRow]:
    """The rows of a file; FileRefused names the place of a mistake and its remedy; ConfigError if it cannot be read."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist. Name a CSV or parquet file.")
    if not path.is_file():
        raise ConfigError(f"{path} is not a file. Name a CSV or parquet file.")
    if path.stat().st_size > megabytes * MEGABYTE:
        raise FileRefused(f"{path.name} is larger than {megabytes} MB. Split it, or raise work.max_file_mb.")
    try:
        columns, rows = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or 'it is damaged'}.") from error
    if mistake := _wrong_columns(columns, known, required):
        raise FileRefused(f"{path.name}: {mistake}")
    for row in rows:
        for name, value in row.values.items():
            if isinstance(value, str) and not storable(value):
                raise FileRefused(f"{path.name}: {row.place}, column {name} contains a NUL character. Remove it.")
    return rows


def _wrong_columns(columns: Sequence[str], known: Collection[str], required: Sequence[str]) -> str | None:
    """What is wrong with a header."""
    if not columns:
        return f"it is empty. Its first line names the columns; every row needs {', '.join(required)}."
    if twice := [name for name, times in Counter(columns).items() if times > 1]:
        return f"the column {twice[0]!r} is there twice. Rename or remove one: only one of the two would count."
    if unknown := [name for name in columns if name not in known]:
        return f"there is no column {unknown[0]!r}{nearest(unknown[0], known)}"
    if missing := [name for name in required if name not in columns]:
        return f"the column {missing[0]!r} is missing; every row needs {', '.join(required)}."
    return None


def _parquet(path: Path) -> tuple[list[str], list[GivenRow]]:
    try:
        names = pq.read_schema(path).names
        if len(set(names)) < len(names):  # which pandas does not read
            return names, []
        frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pyarrow's own errors are of both kinds
        raise FileRefused(
            f"{path.name} cannot be read as parquet: the file is damaged or not parquet. Write it again."
        ) from error
    rows = [GivenRow(f"row {n}", values) for n, values in enumerate(frame.to_dict("records"), start=FIRST_ROW)]
    return [str(column) for column in frame.columns], rows


def _csv(path: Path) -> tuple[list[str], list[GivenRow]]:
    """A CSV with every value as text, even an account called NA. Many European spreadsheets separate by semicolons."""
    text = _text(path)
    between = max(",;\t", key=text.partition("\n")[0].count)
    lines = _lines(text, between, path.name)
    _, header = next(lines, (1, []))
    rows = []
    for number, values in lines:
        if not any(value.strip() for value in values):
            continue
        if problem := _misplaced(values, len(header), between):
            raise FileRefused(f"{path.name}: line {number} {problem}")
        rows.append(GivenRow(f"line {number}", dict(zip(header, values, strict=False))))
    return header, rows


def _text(path: Path) -> str:
    """The file's text without a byte order mark, which spreadsheets may put first."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise FileRefused(
            f"{path.name} is not a UTF-8 CSV file (line {number}). Save it as `CSV UTF-8`, or as parquet."
        ) from error
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        raise FileRefused(f"{path.name}: line {number} contains a NUL character. Save it as `CSV UTF-8`.")
    return text


def _lines(text: str, between: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    begins = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileRefused(
                f"{name}: line {begins} cannot be read: {error}. Close each quote on the value that it opens, and "
                "double a quote that is part of a value."
            ) from error
        yield begins, row
        begins = reader.line_num + 1


def _misplaced(values: Sequence[str], columns: int, between: str) -> str | None:
    """Why values of a row may be in the wrong column or in the wrong row."""
    has = f"has {len(values)} values, the header {columns} columns."
    if len(values) < columns:
        return f"{has} Leave an empty value between two separators."
    if any(value.strip() for value in values[columns:]):
        return f'{has} Put a value that holds "{between}" in double quotes.'
    swallowed = [part for value in values for part in value.splitlines()[1:] if part.count(between) >= columns - 1]
    if swallowed:
        return "opens a quote that takes the lines after it into one value. Close the quote, or double it."
    return None
