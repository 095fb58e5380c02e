"""Casts: mapped rows in the canonical types. What does not cast is NULL; what no database can store is set aside."""

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import INSTANT, INTEGER, NUMBER, STRING, CanonicalTable, Column

LARGEST = 1e15
"""Beyond it numbers of 64 bits are no longer exact to the unit, whatever the column means."""


def canonical(raw: ir.Table, table: CanonicalTable, **also: ir.Value) -> ir.Table:
    """The mapped rows with every canonical column in its type; what does not cast, or is not given, is NULL.

    `also` are more columns, as expressions over `raw`.
    """
    values = {c.name: cast(raw, c) for c in (*table.columns, *table.staged)}
    own = cast(raw, Column("quarantine_reason", STRING, ""))
    values["quarantine_reason"] = ibis.coalesce(own, _unstorable(raw, table))
    known_later = values.pop("known_at")
    selected = raw.select(**values, **also, _known_later=known_later)
    rule = table.known.of(selected)
    return selected.mutate(known_at=ibis.greatest(rule, ibis.coalesce(selected["_known_later"], rule))).drop(
        "_known_later"
    )


@ibis.udf.scalar.builtin(name="chr")  # type: ignore[untyped-decorator]
def _character(code: int) -> str:  # type: ignore[empty-body]
    """The character of a code: SQL itself cannot hold NUL."""


def _unstorable(raw: ir.Table, table: CanonicalTable) -> ir.Value:
    """Why a row is set aside whatever its mapping says: PostgreSQL would refuse the whole run for it (TRU-4)."""
    texts = [c.name for c in table.staged if c.name in raw.columns and raw[c.name].type().is_string()]
    unstorable = [
        (raw[name].contains(_character(0)), f"`{name}` holds NUL, which databases cannot store") for name in texts
    ]
    return ibis.cases(*unstorable) if unstorable else ibis.null().cast("string")


def without_nul(value: ir.Value) -> ir.Value:
    """The text with every NUL written out, so that a database can store it."""
    return value.replace(_character(0), "\\0")


def cast(raw: ir.Table, column: Column) -> ir.Value:
    """The column in its canonical type; NULL where a value does not cast or the mapping does not give the column."""
    if column.name not in raw.columns:
        return ibis.null().cast(column.type)
    value = raw[column.name]
    if typed(value, column):
        return value
    if column.type == INSTANT and value.type().is_string():
        # Cast to an instant without a zone, a text loses its offset in DuckDB: 09:00+02:00 would be 09:00 in UTC.
        return value.try_cast("timestamp('UTC')").cast(INSTANT)
    if column.type not in (NUMBER, INTEGER):
        return value.try_cast(column.type)
    # A number that is none, has no end or overflows a sum would take every sum it enters with it. A text like "3.0" is
    # a whole number for people and for pandas, but not for a cast to an integer; 3.7 is none, whatever a cast makes.
    number = value.try_cast("float64")
    finite = number.isnan().ifelse(False, number.abs() <= LARGEST)
    if column.type == INTEGER:
        exact = value if value.type().is_integer() else number
        return (finite & (number == number.floor())).ifelse(exact, ibis.null()).try_cast("int64")
    return finite.ifelse(number, ibis.null())


def typed(value: ir.Value, column: Column) -> bool:
    """Whether a value can be taken as it is: an instant without a zone can, however fine its source kept it.

    Numbers never: those that are none, or beyond all bounds, have the right type too.
    """
    kind = value.type()
    if column.type in (NUMBER, INTEGER):
        return False
    return str(kind) == column.type or (column.type == INSTANT and kind.is_timestamp() and kind.timezone is None)


def joined_key(rows: ir.Table, table: CanonicalTable) -> ir.Value:
    """A row's key as one text, its parts joined by `|`; a missing part is empty."""
    parts = [rows[k].cast("string").fill_null("") if k in rows.columns else ibis.literal("") for k in table.key]
    key = parts[0]
    for part in parts[1:]:
        key = key + "|" + part
    return key
