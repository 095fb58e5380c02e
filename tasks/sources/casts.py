"""Casts: mapped rows in the canonical types. What does not cast is NULL; what no database can store is set aside.

A value is taken where the canonical type means what it says, whatever type the source keeps it in, and else counted
(SRC-10). `KINDS` says which types of a source can be read as which canonical type; all others are counted whole.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from keepwell.features.facts.columns import (
    BOOLEAN,
    DATE,
    INSTANT,
    INTEGER,
    NUMBER,
    STRING,
    CanonicalTable,
    Column,
)

LARGEST = 1e15
"""Beyond it numbers of 64 bits are no longer exact to the unit, whatever the column means."""
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""The days that a company's data can mean. Beyond them lie placeholders: 0001-01-01, 9999-12-31, infinity."""
TRUE = ("true", "t", "yes", "y", "on", "1", "1.0")
FALSE = ("false", "f", "no", "n", "off", "0", "0.0")
"""Texts that are true or false, whatever their case; as numbers only 1 and 0 are."""
IN_UTC = r"([zZ]|[+-]00(:?00)?| UTC)$"
"""How a text says that it is an instant in UTC."""
NESTED = (dt.Binary, dt.Array, dt.Map, dt.Struct, dt.GeoSpatial, dt.Interval)
BITS = re.compile(r"\bbit\b", re.IGNORECASE)
"""Types that have no one text, or, as bits, one whose digits are no number."""
KINDS: Mapping[str, tuple[type[dt.DataType], ...]] = {
    INTEGER: (dt.Numeric, dt.String, dt.JSON, dt.Unknown),
    NUMBER: (dt.Numeric, dt.String, dt.JSON, dt.Unknown),
    BOOLEAN: (dt.Boolean, dt.Numeric, dt.String, dt.JSON, dt.Unknown),
    DATE: (dt.Date, dt.Timestamp, dt.String, dt.JSON, dt.Unknown),
    INSTANT: (dt.Date, dt.Timestamp, dt.String, dt.JSON, dt.Unknown),
}
"""Types of a source that can mean each canonical type; a text can mean all but those that are nested."""
UNREADABLE, OPEN_END, UTC_DAY = "unreadable", "open_end", "utc_day"
"""Why a value is counted: it does not cast; it stands for no end and reads as missing; its day is that of UTC."""


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


def without_text(kind: dt.DataType) -> bool:
    """Whether values of a source's type have no text that says what they mean."""
    return isinstance(kind, NESTED) or (isinstance(kind, dt.Unknown) and BITS.search(str(kind)) is not None)


def readable(kind: dt.DataType, column: Column) -> bool:
    """Whether values of a source's type can mean what the column means."""
    if without_text(kind) or column.type == STRING:
        return not without_text(kind)
    return isinstance(kind, KINDS[column.type]) and (column.type == BOOLEAN or not kind.is_boolean())


def cast(raw: ir.Table, column: Column) -> ir.Value:
    """The column in its canonical type; NULL where a value does not cast or the mapping does not give the column."""
    nothing = ibis.null().cast(column.type)
    if column.name not in raw.columns or not readable(raw[column.name].type(), column):
        return nothing
    return READ[column.type](raw[column.name])


def counted(raw: ir.Table, column: Column) -> dict[str, ir.BooleanValue]:
    """Which values of a given column are counted, by why; never NULL.

    NaN is how files write a number that is missing. A date after LAST_DAY, or infinity, in a column that says when
    something ends means that it does not.
    """
    value, read = raw[column.name], cast(raw, column)
    if not readable(value.type(), column):
        return {UNREADABLE: value.notnull()}
    if column.type == STRING:
        return {}
    why = {UNREADABLE: value.notnull() & read.isnull() & ~_missing(value, column)}
    if column.open_end:
        late = _stamp(value, column) > ibis.literal(LAST_DAY.isoformat()).cast(INSTANT)
        why[OPEN_END] = (read.isnull() & late).fill_null(False)
        why[UNREADABLE] &= ~why[OPEN_END]
    if column.type == DATE and (in_utc := _in_utc(value)) is not None:
        at = _stamp(value, column)
        why[UTC_DAY] = (read.notnull() & in_utc & (at != at.truncate("D"))).fill_null(False)
    return why


def _missing(value: ir.Value, column: Column) -> ir.BooleanValue:
    """Whether a value is not-a-number, typed or as text."""
    if column.type in (NUMBER, INTEGER):
        return _number(value).isnan().fill_null(False)
    return value.isnan().fill_null(False) if value.type().is_floating() else ibis.literal(False)


def found_by(raw: ir.Table, table: CanonicalTable) -> ir.Value:
    """What a row is found by: its key; where all of it is missing, its account and event."""
    key = joined_key(raw, table)
    instead = _key_part(raw, table.column("account_id")) + "|" + _key_part(raw, table.column(table.event))
    return (key.re_search(r"^\|*$")).ifelse(instead, key)


def joined_key(raw: ir.Table, table: CanonicalTable) -> ir.Value:
    """A row's key as one text, its parts joined by `|`; a missing part is empty, one that does not cast is as given."""
    parts = [_key_part(raw, table.column(name)) for name in table.key]
    key = parts[0]
    for part in parts[1:]:
        key = key + "|" + part
    return key


def _key_part(raw: ir.Table, column: Column) -> ir.StringValue:
    if column.name not in raw.columns:
        return ibis.literal("")
    given = raw[column.name]
    written = given if str(given.type()) == column.type else cast(raw, column)
    as_given = given.cast(STRING) if readable(given.type(), Column("", STRING, "")) else ibis.null().cast(STRING)
    return ibis.coalesce(written.cast(STRING), as_given, ibis.literal(""))


# One reader per canonical type --------------------------------------------------------------------------------------


def _text(value: ir.Value) -> ir.Value:
    """A text as it is; of a whole number the digits alone: a file writes id 12 as 12.0 where others are empty."""
    if not value.type().is_floating():
        return value if value.type().is_string() else value.cast(STRING)
    whole = (value.abs() <= LARGEST) & (value == value.floor())
    digits = whole.ifelse(value, ibis.null()).cast(INTEGER).cast(STRING)
    return ibis.coalesce(digits, value.isnan().ifelse(ibis.null(), value).cast(STRING))


def _number(value: ir.Value) -> ir.Value:
    """A number of any kind; a decimal through its text is the nearest number of 64 bits, from every source."""
    kind = value.type()
    return value.cast(NUMBER) if kind.is_integer() or kind.is_floating() else value.cast(STRING).try_cast(NUMBER)


def _finite(value: ir.Value) -> ir.Value:
    """A number that is one: not-a-number, no end or an overflowing sum would take every sum it enters with it."""
    number = _number(value)
    return number.isnan().ifelse(False, number.abs() <= LARGEST).ifelse(number, ibis.null())


def _whole(value: ir.Value) -> ir.Value:
    """A whole number. A text like "3.0" is one for people and for pandas; 3.7 is none, whatever a cast makes of it."""
    finite = _finite(value)
    exact = value if value.type().is_integer() else finite
    return (finite == finite.floor()).ifelse(exact, ibis.null()).cast(INTEGER)


def _truth(value: ir.Value) -> ir.Value:
    """True or false, of any kind."""
    if value.type().is_boolean():
        return value
    if isinstance(value.type(), dt.Numeric):
        return ibis.cases((value == 1, True), (value == 0, False))
    said = value.cast(STRING).strip().lower()
    return ibis.cases((said.isin(TRUE), True), (said.isin(FALSE), False))


def _stamp(value: ir.Value, column: Column) -> ir.Value:
    """A date or an instant of any kind as a timestamp: an instant in UTC, a day as its own text has it.

    Cast to a timestamp without a zone, a text loses its offset: right for a day, wrong for an instant.
    """
    kind = value.type()
    if kind.is_date() or kind.is_timestamp():
        return value.cast(INSTANT)
    said = value.cast(STRING).strip()
    return said.try_cast(INSTANT) if column.type == DATE else said.try_cast("timestamp('UTC')").cast(INSTANT)


def _within(at: ir.Value) -> ir.Value:
    """The instant where it is one that a company's data can mean."""
    first, last = (ibis.literal(day.isoformat()).cast(INSTANT) for day in (FIRST_DAY, LAST_DAY))
    return ((at >= first) & (at < last + ibis.interval(days=1))).ifelse(at, ibis.null())


def _in_utc(value: ir.Value) -> ir.BooleanValue | None:
    """Whether a value of a day is an instant in UTC; None for a type that never is."""
    kind = value.type()
    if kind.is_timestamp():
        return ibis.literal(True) if kind.timezone is not None else None
    return None if kind.is_date() else value.cast(STRING).strip().re_search(IN_UTC)


_DAY, _INSTANT = Column("", DATE, ""), Column("", INSTANT, "")
READ: Mapping[str, Callable[[ir.Value], ir.Value]] = {
    STRING: _text,
    INTEGER: _whole,
    NUMBER: _finite,
    BOOLEAN: _truth,
    DATE: lambda value: _within(_stamp(value, _DAY)).cast(DATE),
    INSTANT: lambda value: _within(_stamp(value, _INSTANT)),
}
