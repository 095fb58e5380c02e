"""What a database says of an error, without the values that it read: those are customers' data (TRU-4)."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa

from keepwell.tasks.masking import masked
from keepwell.tasks.sources.csv_files import ENCODING

LENGTH = 300
"""Characters of a message about data; what a database says of the SQL is given whole."""
OF_VALUES = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.ConstraintException,
)
"""Errors of DuckDB that a value raises; all others speak of the SQL, or of a file."""
OF_TYPES = (AttributeError, TypeError, pa.ArrowException)
"""What Ibis and drivers raise for a type of a database that they do not know."""
STATES_OF_VALUES = ("22", "23", "P0")
"""SQLSTATE classes of the same: data, constraints, what a function raises."""
OF_A_FILE = ("magic bytes", "arquet", "enough bytes")
"""What DuckDB says of a file that is broken; its name helps."""
CSV = re.compile(
    r"(CSV Error on Line: \d+).*"
    r"(Expected Number of Columns: \d+ Found: \d+|Value with [\w ]+ found\.|Maximum line size of \d+ bytes exceeded)"
)
CSV_FILE = re.compile(r"^\s*file\s*=\s*(.+?)\s*$", re.MULTILINE)
NO_UTF8 = "not utf-8 encoded"
UNEVEN = "reached an invalid state"
CLASSES = re.compile(r"\b[\w.:]*[a-z](?:Exception|Error): ")
"""Names of classes that DuckDB's libraries put before what they say."""
VALUES = (
    (re.compile(r"'.*'|\".*\""), "…"),
    (re.compile(r"(with value) \S+"), r"\1 …"),
    (re.compile(r"\([^()]*\d[^()]*\)"), "(…)"),
)
"""What stands in quotes, and numbers that did not fit."""


OF_A_CAST = (
    "The mapping converts a value that does not convert. Where x is the source's column, write "
    "REPLACE(REPLACE(x, '.', ''), ',', '.') for numbers such as 1.234,50, strptime(x, '%d.%m.%Y %H:%M') for dates such "
    "as 31.12.2026 14:00 (PostgreSQL: to_timestamp(x, 'DD.MM.YYYY HH24:MI')), NULLIF(x, ...) for what stands for no "
    "value. Or leave the column as it is: what cannot be read is then counted, with its keys and the expression that "
    "reads it."
)
"""The remedy of a conversion in the mapping itself: it stops the whole table, and the database names no row."""


def without_values(error: Exception) -> str:
    """The message on one line, cut to what a person needs."""
    if isinstance(error, OF_TYPES):
        return "a column is of a type that cannot be handed over."
    message = CLASSES.sub("", masked(" ".join(_said(error).split())))
    file = f"{Path(named[1]).name}: " if (named := CSV_FILE.search(str(error))) else ""
    if csv := CSV.search(message):
        return f"{file}{csv[1]}: {csv[2]}"
    if UNEVEN in message:
        return file + "its lines end in several ways (\\r\\n and \\n), or a quote is neither doubled nor closed."
    if not of_values(error):
        return message
    if not any(word in message for word in OF_A_FILE):
        for pattern, instead in VALUES:
            message = pattern.sub(instead, message)
    return message[:LENGTH]


def of_values(error: Exception) -> bool:
    """Whether a value raised the error, and not the SQL."""
    state = str(getattr(error, "sqlstate", None) or "")
    return isinstance(error, OF_VALUES) or state.startswith(STATES_OF_VALUES)


def remedy_of(error: Exception) -> str:
    """What to do about data that cannot be read."""
    if isinstance(error, OF_TYPES):
        return "Write CAST(... AS text) for it in the mapping."
    message = str(error)
    if NO_UTF8 in message:
        return ENCODING.format(name="NAME")
    if "CSV" in message:
        return "Correct that line, or state how the file is written under [source.csv] of pipeline.toml."
    if of_values(error) and not any(word in message for word in OF_A_FILE):
        return OF_A_CAST
    return "Deliver the complete data again."


def _said(error: Exception) -> str:
    """What a database says, without the piece of SQL that it points at."""
    if (diagnosis := getattr(error, "diag", None)) is not None and diagnosis.message_primary:
        return ". ".join(filter(None, (diagnosis.message_primary, diagnosis.message_hint)))
    return re.split(r"\s+LINE \d+: ", str(error), maxsplit=1)[0]
