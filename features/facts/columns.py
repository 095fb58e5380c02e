"""What a canonical table and its columns are, and from when a fact is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

STRING, INTEGER, NUMBER, BOOLEAN, DATE, INSTANT = "string", "int64", "float64", "boolean", "date", "timestamp"


@dataclass(frozen=True)
class KnownAt:
    """A rule for when a fact became known, in words and as an expression (UTC timestamp)."""

    words: str
    of: Callable[[ir.Table], ir.Value]


def instant(column: str) -> KnownAt:
    """Known at the very instant that the column holds."""
    return KnownAt(f"at `{column}`", lambda t: t[column])


def next_midnight(column: str) -> KnownAt:
    """Known at the midnight after the date that the column holds."""
    return KnownAt(f"at the midnight after `{column}`", lambda t: midnight_after(t[column]))


def midnight_after(day: ir.Value) -> ir.Value:
    """The first instant of the following day."""
    return (day + ibis.interval(days=1)).cast("timestamp")


def first_known(*rules: KnownAt) -> KnownAt:
    """Known by the first of several rules whose column is filled in."""
    return KnownAt(
        ", else ".join(rule.words for rule in rules),
        lambda t: ibis.coalesce(*(rule.of(t) for rule in rules)),
    )


@dataclass(frozen=True)
class Column:
    """One canonical column. `null`: what a missing value means; `late`: when a later value became known."""

    name: str
    type: str
    doc: str
    null: str = "not recorded"
    unit: str = ""
    required: bool = False
    late: KnownAt | None = None


@dataclass(frozen=True)
class CanonicalTable:
    """One canonical table: its key, its columns, when a row is known, and where its foreign keys lead.

    `event` is the column that says when the row's fact happened: windows are counted on it, and it must not lie after
    the row's own `loaded_at`.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    known: KnownAt
    event: str
    columns: tuple[Column, ...]
    optional: bool = True
    references: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def staged(self) -> tuple[Column, ...]:
        """Columns of the staged snapshot: text is read for its sentiment and left; `known_at` is always there."""
        stored = tuple(c for c in self.columns if c.name != self.text)
        return (*stored, LOADED_AT, KNOWN_AT)

    @property
    def accepted(self) -> frozenset[str]:
        """Every column name that a mapping may give."""
        return frozenset(c.name for c in self.columns) | {"loaded_at", "known_at", "quarantine_reason"}


LOADED_AT = Column("loaded_at", INSTANT, "when the source stored the row", "the source does not say")
KNOWN_AT = Column(
    "known_at",
    INSTANT,
    "when the row became knowable: the table's rule, or later if the mapping says so",
    required=True,
)
