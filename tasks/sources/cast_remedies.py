"""What to write in a mapping for a column whose values do not cast, by their type and by how they are written."""

from collections.abc import Sequence

import ibis.expr.datatypes as dt

from keepwell.features.facts.columns import BOOLEAN, DATE, INSTANT, INTEGER, NUMBER, STRING, Column
from keepwell.tasks.sources.local_formats import Reading, Shape, date_reading, number_reading, without_words, words_in

SQL = {
    STRING: "VARCHAR", INTEGER: "BIGINT", NUMBER: "DOUBLE PRECISION", BOOLEAN: "BOOLEAN", DATE: "DATE",
    INSTANT: "TIMESTAMP",
}  # fmt: skip
TOO_LONG = "..."
"""What `mapping.selected` gives for an expression that is too long to repeat."""


def cast_to_write(kind: dt.DataType, column: Column, value: str, seen: Sequence[Shape], dialect: str) -> str:
    """What to write in the mapping for a column whose values do not cast, as the source's engine reads it.

    `value`: what the mapping selects for it now. `seen`: the shapes of the column's values.
    """
    name, target = column.name, SQL[column.type]
    if (said := _of_a_type(kind, name, value)) is not None:
        return said
    if column.type in (DATE, INSTANT) and isinstance(kind, dt.Numeric):
        return f"say what the number counts (CAST(to_timestamp({value}) AS {target}) AS {name} for seconds since 1970)"
    if kind.is_string() and (said := _of_a_format(column, value, seen, dialect)) is not None:
        return said
    if kind.is_string() and (words := words_in(seen)) and all(shape.readable or shape in words for shape in seen):
        x, where = ("x", ", where x is what the mapping selects now") if value == TOO_LONG else (value, "")
        return f"write NULL for what stands for no value ({without_words(x, words)} AS {name}){where}"
    if column.type in (DATE, INSTANT):
        return (
            f"write NULL for what stands for no date (NULLIF({value}, ...)) or read its format (31.12.2026 in files "
            f"and DuckDB CAST(strptime({value}, '%d.%m.%Y') AS {target}) AS {name}, in PostgreSQL "
            f"to_date({value}, 'DD.MM.YYYY') AS {name})"
        )
    nothing = f"write NULL for what stands for no value (NULLIF({value}, ...))"
    return f"convert them (CAST(... AS {target}) AS {name}) or {nothing}"


def _of_a_type(kind: dt.DataType, name: str, value: str) -> str | None:
    """How values are read whose type has no one text; None of others."""
    if kind.is_binary():
        return f"decode the bytes (DuckDB: decode({value}), PostgreSQL: convert_from({value}, 'UTF8'))"
    if kind.is_interval():
        return f"name the unit (EXTRACT(epoch FROM {value}) / 60 AS {name} for minutes)"
    if kind.is_nested():
        return f"name the part that is meant ({value}[1] AS {name} of a list, {value}.part AS {name} of a struct)"
    return None


def _of_a_format(column: Column, value: str, seen: Sequence[Shape], dialect: str) -> str | None:
    """How values of a local format are read; None where they have none."""
    x, where = ("x", ", where x is what the mapping selects now") if value == TOO_LONG else (value, "")
    if words := words_in(seen):
        where += f"; {', '.join(repr(shape.word) for shape in words)} becomes NULL there; correct it if it means more"
    if column.type in (DATE, INSTANT):
        reading = date_reading(x, seen, SQL[column.type], dialect)
        return None if reading is None else f"read their format ({_either(reading, column, DAY_OR_MONTH)}){where}"
    if column.type in (INTEGER, NUMBER):
        reading = number_reading(x, seen, dialect)
        return None if reading is None else f"write plain numbers ({_either(reading, column, THOUSANDS)}){where}"
    return None


DAY_OR_MONTH = ("if the day comes first", "if the month does; the values fit both, so ask who wrote them")
THOUSANDS = ("if 1,234 means 1234", "if it means 1.234; the values fit both, so ask who wrote them")


def _either(reading: Reading, column: Column, which: tuple[str, str]) -> str:
    if reading.else_sql is None:
        return f"{reading.sql} AS {column.name}"
    return f"{reading.sql} AS {column.name} {which[0]}, {reading.else_sql} AS {column.name} {which[1]}"
