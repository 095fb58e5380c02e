"""What was known at an instant: the one place that applies as_of, to rows and to late columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.canonical import EVENTS, TABLES
from keepwell.features.facts.chains import with_chains
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import BITS, BLOCK_DAYS, ROLLUPS, as_known, bits_between, number
from keepwell.features.facts.succession import SuccessionRules

NO_RATES: Mapping[str, float] = {}
NO_ROLLUPS: Mapping[str, ir.Table] = {}


@dataclass(frozen=True)
class Facts:
    """Canonical tables cut at `as_of` (UTC, naive), and the newest event day known of each.

    A table that the company does not have is missing from `tables`; one that has no row yet is missing from `newest`.
    A rollup (rollups.py) that is not among them is made of its table when it is asked for.
    `given` holds the columns that the company's mapping of each table gives. `since`: a table that the company does not
    have and Keepwell's own ledger keeps, by the instant of its first row: before it nobody can say. `decided`: the
    chains of contracts that were asked for.
    """

    as_of: datetime
    tables: Mapping[str, ir.Table]
    newest: Mapping[str, date]
    given: Mapping[str, frozenset[str]]
    since: Mapping[str, datetime] = field(default_factory=dict)
    decided: dict[SuccessionRules, ir.Table] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getitem__(self, name: str) -> ir.Table:
        if name in ROLLUPS and name not in self.tables:
            return ROLLUPS[name].of(self.tables[ROLLUPS[name].source])
        return self.tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def has(self, name: str, *columns: str) -> bool:
        """Whether the company has that table with those columns; of `a|b` either will do."""
        if name not in self.tables:
            return False
        given = self.given.get(name)
        return given is None or all(given & set(column.split("|")) for column in columns)

    def recorded(self, name: str, at: datetime) -> bool:
        """Whether that table was already recorded at an instant: what is missing from then on did not happen."""
        return name in self.tables and self.since.get(name, at) <= at

    def chains(self, rules: SuccessionRules) -> ir.Table:
        """The contracts with what follows them (chains.py), decided once."""
        if rules not in self.decided:
            self.decided[rules] = with_chains(self["contracts"], self.today, rules)
        return self.decided[rules]

    def with_rows(self, tables: Mapping[str, ir.Table]) -> "Facts":
        """The facts with other rows in some tables, the contracts and their chains as they are."""
        others = replace(self, tables={**self.tables, **tables})
        others.decided.update(self.decided)
        return others

    @property
    def today(self) -> date:
        """The day that as_of begins or falls in."""
        return self.as_of.date()


def timestamp(at: datetime) -> ir.Value:
    """A UTC instant as an Ibis literal; engines keep instants without a zone."""
    return ibis.literal(at.isoformat(sep=" ")).cast("timestamp")


def known_rows(rows: ir.Table, table: CanonicalTable, as_of: datetime) -> ir.Table:
    """The rows of one table that were known at `as_of`, with every column that was not yet known set to NULL."""
    visible = rows.filter(rows.known_at <= timestamp(as_of))
    late = {
        column.name: (column.late.of(visible) <= timestamp(as_of)).ifelse(visible[column.name], ibis.null())
        for column in table.columns
        if column.late is not None
    }
    return visible.mutate(**late) if late else visible


def known(
    snapshot: Mapping[str, ir.Table],
    as_of: datetime,
    newest: Mapping[str, date],
    given: Mapping[str, frozenset[str]],
    fixed: frozenset[str] = frozenset(),
    rollups: Mapping[str, ir.Table] = NO_ROLLUPS,
) -> Facts:
    """Everything known at `as_of`. `newest` gives the newest event day of each table that was known then.

    `rollups`: those that are kept; they are cut at midnights alone, so as of any other instant none is used.

    `accounts` becomes one row per account, the newest; where that row is undated it keeps only the columns declared
    `fixed` since signup, since today's value of the others must not colour a past score. `account_labels` keeps them
    all, for reports only.
    """
    tables = {name: known_rows(rows, TABLES[name], as_of) for name, rows in snapshot.items() if name in TABLES}
    aside = snapshot["quarantine"]
    # A row set aside because its date is no date is known at no instant, and yet has to be counted.
    tables["quarantine"] = aside.filter(aside.known_at.isnull() | (aside.known_at <= timestamp(as_of)))
    labels = newest_row(tables["accounts"])
    changing = [c.name for c in TABLES["accounts"].columns if c.name not in fixed | {"account_id", "valid_from"}]
    tables["account_labels"] = labels
    tables["accounts"] = labels.mutate(
        **{name: labels.valid_from.notnull().ifelse(labels[name], ibis.null()) for name in changing}
    )
    if as_of == datetime.combine(as_of.date(), time(0)):
        tables |= {name: as_known(rows, as_of.date()) for name, rows in rollups.items()}
    return Facts(as_of, tables, newest, given)


def newest_row(accounts: ir.Table) -> ir.Table:
    """One row per account: the latest `valid_from`, an undated row only where there is no dated one.

    Of several rows of one day the other columns decide, so that no run takes another one than the last.
    """
    others = [accounts[c] for c in accounts.columns if c not in ("account_id", "valid_from")]
    order = [accounts.valid_from.isnull(), accounts.valid_from.desc(), *others]
    ranked = accounts.mutate(rank=ibis.row_number().over(group_by="account_id", order_by=order))
    return ranked.filter(ranked["rank"] == 0).drop("rank")


@dataclass(frozen=True)
class Rows:
    """Rows of one cut table, with windows counted back from as_of: `rows.last(28)`, `rows.last(28, before=28)`.

    `rates`: reporting currency per unit of every currency that may occur, that of its own first.
    """

    table: ir.Table
    as_of: datetime
    event: str
    newest: Mapping[str, date]
    source: str
    rates: Mapping[str, float] = field(default_factory=dict)

    def __getattr__(self, column: str) -> ir.Value:
        return self.table[column]

    @property
    def today(self) -> date:
        """The day that as_of begins or falls in: no fact of its date is known yet."""
        return self.as_of.date()

    def last(self, days: int, before: int = 0) -> ir.Value:
        """True where the event lies in [as_of - before - days, as_of - before).

        Dates count as whole days up to yesterday: a sweep at noon sees the same 28 days as the batch at midnight.
        """
        return self.within(self.table[self.event], days, before)

    def within(self, column: ir.Value, days: int, before: int = 0) -> ir.Value:
        """The same window on another date or instant of the row."""
        start, end = self.as_of - timedelta(days=before + days), self.as_of - timedelta(days=before)
        if column.type().is_date():
            return (column >= ibis.literal(start.date())) & (column < ibis.literal(end.date()))
        return (column >= timestamp(start)) & (column < timestamp(end))

    def days_since(self, column: ir.Value) -> ir.Value:
        """Whole days from a date or instant to as_of."""
        return ibis.literal(self.today).delta(column.cast("date"), unit="day")

    def days_before_newest(self, column: ir.Value, source: str | None = None) -> ir.Value:
        """Whole days from a date to the newest event day that the whole source knows (as_of where it knows none)."""
        newest = self.newest.get(source or self.source, self.today)
        return ibis.literal(newest).delta(column.cast("date"), unit="day")


@dataclass(frozen=True)
class DayBits(Rows):
    """Rows of a rollup whose bits are days: a window holds a row where it holds one of its days."""

    def last(self, days: int, before: int = 0) -> ir.Value:
        """True where a day of use lies in [as_of - before - days, as_of - before)."""
        end, block = number(self.today) - before, self.table.block
        first, until = (ibis.literal(day, "int64") for day in (end - days, end))
        in_reach = (block >= (end - days) // BLOCK_DAYS) & (block <= (end - 1) // BLOCK_DAYS)
        return in_reach & ((self.table[BITS] & bits_between(block, first, until)) != 0)


def rows_of(
    facts: Facts, source: str, lookback_days: int | None, rates: Mapping[str, float] = NO_RATES, rollup: str = ""
) -> Rows:
    """The rows of one source, or of a rollup of it, that can matter to a measure that looks back `lookback_days`."""
    table = facts[rollup or source]
    kind = DayBits if BITS in table.columns else Rows
    rows = kind(table, facts.as_of, EVENTS[source], facts.newest, source, rates)
    return rows if lookback_days is None else replace(rows, table=rows.table.filter(rows.last(lookback_days)))
