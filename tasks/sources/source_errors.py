"""What a database says of an error, without the values that it read: those are customers' data (TRU-4)."""

import re

import duckdb

from keepwell.tasks.masking import masked

LENGTH = 300
OF_VALUES = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.ConstraintException,
)
"""Errors of DuckDB that a value raises; all others speak of the SQL, or of a file."""
STATES_OF_VALUES = ("22", "23", "P0")
"""SQLSTATE classes of the same: data, constraints, what a function raises."""
OF_A_FILE = ("magic bytes", "arquet", "enough bytes")
"""What DuckDB says of a file that is broken; its name helps."""
CSV = re.compile(r"(CSV Error on Line: \d+).*(Expected Number of Columns: \d+ Found: \d+|Value with [\w ]+ found\.)")
SNIFFED = re.compile(r"Error when sniffing file \"([^\"]+)\"")
CLASSES = re.compile(r"\b[\w.:]*[a-z](?:Exception|Error): ")
"""Names of classes that DuckDB's libraries put before what they say."""
VALUES = (
    (re.compile(r"'.*'|\".*\""), "…"),
    (re.compile(r"(with value) \S+"), r"\1 …"),
    (re.compile(r"\([^()]*\d[^()]*\)"), "(…)"),
)
"""What stands in quotes, and numbers that did not fit."""


def without_values(error: Exception) -> str:
    """The message on one line, cut to what a person needs."""
    message = CLASSES.sub("", masked(" ".join(str(error).split()))).partition(" LINE ")[0]
    state = str(getattr(error, "sqlstate", None) or "")
    if csv := CSV.search(message):
        return f"{csv[1]}: {csv[2]}"
    if sniffed := SNIFFED.search(message):
        return f"{sniffed[1]}: its rows have different numbers of columns, or a quote is not closed."
    of_values = isinstance(error, OF_VALUES) or state.startswith(STATES_OF_VALUES)
    if of_values and not any(word in message for word in OF_A_FILE):
        for pattern, instead in VALUES:
            message = pattern.sub(instead, message)
    return message[:LENGTH]
