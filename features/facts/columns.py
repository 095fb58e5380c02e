"""What a canonical table and its columns are, and from when a fact is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import ibis
import ibis.expr.types as ir

AS_OF = "as_of"
KEY = (AS_OF, "account_id")
"""What a row of a book, of features and of labels is about."""
STRING, INTEGER, NUMBER, BOOLEAN, DATE, INSTANT = "string", "int64", "float64", "boolean", "date", "timestamp"


@dataclass(frozen=True)
class KnownAt:
    """A rule for when a fact became known, in words and as an expression (UTC timestamp)."""

    words: str
    of: Callable[[ir.Table], ir.Value]
    by: str | None = None
    """The column that dates a change: without it a change leaves no trace of what was before."""


def instant(column: str) -> KnownAt:
    """Known at the very instant that the column holds."""
    return KnownAt(f"at `{column}`", lambda t: t[column])


def next_midnight(column: str) -> KnownAt:
    """Known at the midnight after the date that the column holds."""
    return KnownAt(f"at the midnight after `{column}`", lambda t: midnight_after(t[column]))


def midnight_after(day: ir.Value) -> ir.Value:
    """The first instant of the following day."""
    return (day + ibis.interval(days=1)).cast("timestamp")


def changed_at(column: str) -> KnownAt:
    """Known at the instant that the column holds, and with its row where it holds none: there from the beginning."""
    return KnownAt(f"at `{column}`, else with the row", lambda t: ibis.coalesce(t[column], t.known_at), by=column)


def first_known(*rules: KnownAt) -> KnownAt:
    """Known by the first of several rules whose column is filled in."""
    return KnownAt(
        ", else ".join(rule.words for rule in rules),
        lambda t: ibis.coalesce(*(rule.of(t) for rule in rules)),
    )


FIXED = "with the row"
"""The value is written with its row; a correction of it is no change of the fact."""

HISTORY = "with the row; a change is another row"
"""The value changes by another row: of the next day, the next stage, the next contract."""

UNDATED = "undated: a change has no time, so no feature and no score reads it"
"""The value may change, and no source says when: only pages, checks and outcomes read it."""


@dataclass(frozen=True)
class Column:
    """One canonical column, which must say whether it can change after its row exists: by `late` or by `changes`.

    `null` says what a missing value means; `late` says when a value that came after its row was known; `changes` is
    FIXED, HISTORY or UNDATED. `ends`: it says until when something holds, so that a placeholder far ahead, such as
    9999-12-31, reads as missing.
    """

    name: str
    type: str
    doc: str
    null: str = "not recorded"
    unit: str = ""
    required: bool = False
    late: KnownAt | None = None
    changes: str | None = None
    ends: bool = False

    @property
    def known(self) -> str:
        """When its value is known, in words; ValueError where the schema does not answer, or answers twice."""
        answers = [words for words in (self.late and f"late: {self.late.words}", self.changes) if words]
        if len(answers) != 1:
            raise ValueError(f"column {self.name}: say whether it can change after its row exists: `late` or `changes`")
        return answers[0]

    @property
    def open_end(self) -> bool:
        """Whether a placeholder far ahead means that it has no end, or has not happened yet."""
        return self.type in (DATE, INSTANT) and (self.ends or self.late is not None)


def required(name: str, kind: str, doc: str, unit: str = "", changes: str = FIXED) -> Column:
    """A column that every row must fill in."""
    return Column(name, kind, doc, null="never", unit=unit, required=True, changes=changes)


def _optional(
    changes: str, name: str, kind: str, doc: str, null: str = "not recorded", unit: str = "", *, ends: bool = False
) -> Column:
    return Column(name, kind, doc, null, unit, changes=changes, ends=ends)


fixed, history, undated = (partial(_optional, changes) for changes in (FIXED, HISTORY, UNDATED))
"""An optional column that never changes, changes by another row, or changes without a time."""


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


LOADED_AT = Column("loaded_at", INSTANT, "when the source stored the row", "the source does not say", changes=FIXED)
KNOWN_AT = Column(
    "known_at",
    INSTANT,
    "when the row became knowable: the table's rule, or later if the mapping says so",
    required=True,
    changes=FIXED,
)
