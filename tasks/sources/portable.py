"""Rows of a database in types that a file can hold: what a driver cannot hand over comes as its database's text."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from keepwell.tasks.sources.casts import without_text

AS_THEY_ARE = (dt.Boolean, dt.Integer, dt.Floating, dt.String)
UNTYPED = ("sqlite",)
"""Databases whose columns hold values of any type, whatever they are declared as."""
BEYOND_PYTHON = ("postgres",)
"""Databases whose dates reach beyond the years 1 to 9999, and infinity."""


def portable(rows: ir.Table, backend: str) -> ir.Table:
    """The rows as the source is asked for them; `casts.py` reads the texts.

    Of a type that no text stands for it only matters which values are there: they come as empty bytes, which are
    counted.
    """
    return rows.select(**{name: _portable(rows[name], backend) for name in rows.columns})


def _portable(value: ir.Value, backend: str) -> ir.Value:
    kind = value.type()
    if backend in UNTYPED:
        return value.cast("string")
    if without_text(kind):
        return value.notnull().ifelse(ibis.literal(b"\0"), ibis.null())
    if kind.is_string() and kind.length is not None:  # char(n) is padded, its text is not
        return value.cast("string")
    if isinstance(kind, AS_THEY_ARE):
        return value
    if isinstance(kind, dt.Date | dt.Timestamp) and backend not in BEYOND_PYTHON:
        return value
    if kind.is_decimal():  # money is described as one; its own text has a currency
        value = value.cast(dt.Decimal(None, None))
    return value.cast("string")
