"""What was known at an instant: the one place that applies as_of, to rows and to late columns.

Of several instants at once, too: each row is there once per instant at which it was known, with that instant as its
column `as_of`. Whatever is computed per account is computed per instant and account (KEY).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from keepwell.features.facts.canonical import EVENTS, TABLES
from keepwell.features.facts.chains import with_chains
from keepwell.features.facts.columns import AS_OF, KEY, CanonicalTable
from keepwell.features.facts.rollups import (
    BITS,
    BLOCK,
    BLOCK_DAYS,
    ROLLUPS,
    as_known,
    bits_between,
    day_of,
    days_from_begin,
    highest,
    lowest,
)
from keepwell.features.facts.succession import SuccessionRules

NO_RATES: Mapping[str, float] = {}
NO_ROLLUPS: Mapping[str, ir.Table] = {}


@dataclass(frozen=True)
class Facts:
    """Canonical tables cut at each of `instants` (UTC, naive), and the newest event day known of each at each of them.

    A table that the company does not have is missing from `tables`; one that has no row yet is missing from `newest`.
    `rollups`: those that are stored (rollups.py), not cut yet; any other is made of its table when it is asked for.
    `payers`: the account that what a subsidiary does at an instant counts for (groups.py).
    `given` holds the columns that the company's mapping of each table gives. `since`: a table that the company does not
    have and Keepwell's own ledger keeps, by the instant of its first row: before it nobody can say. `decided`: the
    chains of contracts that were asked for.
    """

    instants: tuple[datetime, ...]
    tables: Mapping[str, ir.Table]
    newest: Mapping[str, Mapping[datetime, date]]
    given: Mapping[str, frozenset[str]]
    since: Mapping[str, datetime] = field(default_factory=dict)
    rollups: Mapping[str, ir.Table] = field(default_factory=dict)
    payers: ir.Table | None = None
    decided: dict[SuccessionRules, ir.Table] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getitem__(self, name: str) -> ir.Table:
        return self.rows(name, None)

    def rows(self, name: str, lookback_days: int | None, unread: tuple[int, int] | None = None) -> ir.Table:
        """The rows of a table or rollup; of a stored one only the blocks that reach into the days before as_of."""
        if name in self.rollups:
            rows = as_known(self.rollups[name], self.instants, lookback_days, unread)
            return rows if self.payers is None else at_payers(rows, self.payers)
        if name in ROLLUPS:
            return ROLLUPS[name].of(self.tables[ROLLUPS[name].source])
        return self.tables[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    def has(self, name: str, *columns: str) -> bool:
        """Whether the company has that table with those columns; of `a|b` either will do."""
        if name not in self.tables:
            return False
        given = self.given.get(name)
        return given is None or all(given & set(column.split("|")) for column in columns)

    def recorded(self, name: str, at: ir.Value) -> ir.Value:
        """Whether that table was already recorded at an instant: what is missing from then on did not happen."""
        if name not in self.tables:
            return ibis.literal(False)
        return at >= timestamp(self.since[name]) if name in self.since else ibis.literal(True)

    def chains(self, rules: SuccessionRules) -> ir.Table:
        """The contracts with what follows them (chains.py), decided once."""
        if rules not in self.decided:
            self.decided[rules] = with_chains(self["contracts"], rules)
        return self.decided[rules]

    def with_payers(self, payers: ir.Table, names: Collection[str]) -> "Facts":
        """The facts with the rows of subsidiaries in these tables at the account that pays, contracts as they are."""
        moved = {name: at_payers(self.tables[name], payers) for name in names if name in self.tables}
        others = replace(self, tables={**self.tables, **moved}, payers=payers)
        others.decided.update(self.decided)
        return others

    @property
    def as_of(self) -> datetime:
        """The instant; ValueError where there are several."""
        (only,) = self.instants
        return only

    @property
    def today(self) -> date:
        """The day that as_of begins or falls in."""
        return self.as_of.date()

    @property
    def newest_use(self) -> date | None:
        """The newest day of usage that is known at as_of."""
        return self.newest.get("usage", {}).get(self.as_of)


def at_payers(rows: ir.Table, payers: ir.Table) -> ir.Table:
    """The rows with the payer of their instant as their account."""
    joined = rows.left_join(payers.rename(subsidiary="account_id"), [AS_OF, ("account_id", "subsidiary")])
    there = joined.mutate(account_id=ibis.coalesce(joined.payer, joined.account_id))
    return there.select(*rows.columns)


def timestamp(at: datetime) -> ir.Value:
    """A UTC instant as an Ibis literal; engines keep instants without a zone."""
    return ibis.literal(at.isoformat(sep=" ")).cast("timestamp")


def at_each(rows: ir.Table, instants: Sequence[datetime]) -> ir.Table:
    """Every row once per instant, with that instant as `as_of`."""
    if len(instants) == 1:
        return rows.mutate(as_of=timestamp(instants[0]))
    return rows.cross_join(ibis.memtable(pa.table({AS_OF: pa.array(instants, pa.timestamp("us"))})))


def known_rows(rows: ir.Table, table: CanonicalTable, instants: Sequence[datetime]) -> ir.Table:
    """The rows of one table that were known at each instant, with every column that was not yet known set to NULL."""
    visible = at_each(rows, instants)
    visible = visible.filter(visible.known_at <= visible.as_of)
    late = {
        column.name: (column.late.of(visible) <= visible.as_of).ifelse(visible[column.name], ibis.null())
        for column in table.columns
        if column.late is not None
    }
    return visible.mutate(**late) if late else visible


def known(
    snapshot: Mapping[str, ir.Table],
    instants: Sequence[datetime],
    newest: Mapping[str, Mapping[datetime, date]],
    given: Mapping[str, frozenset[str]],
    fixed: frozenset[str] = frozenset(),
    rollups: Mapping[str, ir.Table] = NO_ROLLUPS,
) -> Facts:
    """Everything known at each instant. `newest` gives the newest event day of each table that was known then.

    `rollups`: those that are kept; they are cut at midnights alone, so as of any other instant none is used.

    `accounts` becomes one row per account, the newest; where that row is undated it keeps only the columns declared
    `fixed` since signup, since today's value of the others must not colour a past score. `account_labels` keeps them
    all, for reports only.
    """
    tables = {name: known_rows(rows, TABLES[name], instants) for name, rows in snapshot.items() if name in TABLES}
    aside = at_each(snapshot["quarantine"], instants)
    # A row set aside because its date is no date is known at no instant, and yet has to be counted.
    tables["quarantine"] = aside.filter(aside.known_at.isnull() | (aside.known_at <= aside.as_of))
    labels = newest_row(tables["accounts"])
    changing = [c.name for c in TABLES["accounts"].columns if c.name not in fixed | {"account_id", "valid_from"}]
    tables["account_labels"] = labels
    tables["accounts"] = labels.mutate(
        **{name: labels.valid_from.notnull().ifelse(labels[name], ibis.null()) for name in changing}
    )
    midnights = all(at.time() == time(0) for at in instants)
    return Facts(tuple(instants), tables, newest, given, rollups=rollups if midnights else NO_ROLLUPS)


def newest_row(accounts: ir.Table) -> ir.Table:
    """One row per account: the latest `valid_from`, an undated row only where there is no dated one.

    Of several rows of one day the other columns decide, so that no run takes another one than the last.
    """
    others = [accounts[c] for c in accounts.columns if c not in (*KEY, "valid_from")]
    order = [accounts.valid_from.isnull(), accounts.valid_from.desc(), *others]
    ranked = accounts.mutate(rank=ibis.row_number().over(group_by=KEY, order_by=order))
    return ranked.filter(ranked["rank"] == 0).drop("rank")


@dataclass(frozen=True)
class Rows:
    """Rows of one cut table, with windows counted back from as_of: `rows.last(28)`, `rows.last(28, before=28)`.

    `rates`: reporting currency per unit of every currency that may occur, that of its own first.
    """

    table: ir.Table
    event: str
    newest: Mapping[str, Mapping[datetime, date]]
    source: str
    rates: Mapping[str, float] = field(default_factory=dict)

    def __getattr__(self, column: str) -> ir.Value:
        return self.table[column]

    @property
    def today(self) -> ir.Value:
        """The day that as_of begins or falls in: no fact of its date is known yet."""
        return self.table[AS_OF].date()

    def last(self, days: int, before: int = 0) -> ir.Value:
        """True where the event lies in [as_of - before - days, as_of - before).

        Dates count as whole days up to yesterday: a sweep at noon sees the same 28 days as the batch at midnight.
        """
        return self.within(self.table[self.event], days, before)

    def within(self, column: ir.Value, days: int, before: int = 0) -> ir.Value:
        """The same window on another date or instant of the row."""
        if column.type().is_date():
            age = self.days_since(column)
            return (age > before) & (age <= before + days)
        as_of = self.table[AS_OF]
        return (column >= as_of - ibis.interval(days=before + days)) & (column < as_of - ibis.interval(days=before))

    def days_since(self, column: ir.Value) -> ir.Value:
        """Whole days from a date or instant to as_of."""
        return self.today.delta(column.cast("date"), unit="day")

    def days_before_newest(self, column: ir.Value, source: str | None = None) -> ir.Value:
        """Whole days from a date to the newest event day that the whole source knows (as_of where it knows none)."""
        newest = newest_day(self.newest.get(source or self.source, {}), self.table[AS_OF])
        return ibis.coalesce(newest, self.today).delta(column.cast("date"), unit="day")


def newest_day(by_instant: Mapping[datetime, date], as_of: ir.Value) -> ir.Value:
    """The newest day of each instant; NULL where there is none."""
    if not by_instant:
        return ibis.null().cast("date")
    days = [(as_of == timestamp(at), ibis.literal(day)) for at, day in by_instant.items()]
    return ibis.cases(*days, else_=ibis.null().cast("date"))


@dataclass(frozen=True)
class DayBits(Rows):
    """Rows of a rollup whose bits are days: a window holds a row where it holds one of its days."""

    def last(self, days: int, before: int = 0) -> ir.Value:
        """True where a day of use lies in [as_of - before - days, as_of - before)."""
        until = days_from_begin(self.today) - before
        return (self.table[BITS] & bits_between(self.table[BLOCK], until - days, until)) != 0

    @property
    def first_day(self) -> ir.Value:
        """The first of the row's days."""
        return day_of(self.table[BLOCK] * BLOCK_DAYS + lowest(self.table[BITS]))

    @property
    def last_day(self) -> ir.Value:
        """The last of the row's days."""
        return day_of(self.table[BLOCK] * BLOCK_DAYS + highest(self.table[BITS]))


def rows_of(
    facts: Facts,
    source: str,
    lookback_days: int | None,
    rates: Mapping[str, float] = NO_RATES,
    rollup: str = "",
    unread: tuple[int, int] | None = None,
) -> Rows:
    """The rows of one source, or of a rollup of it, that can matter to a measure that looks back `lookback_days`.

    `unread`: the days back between which none matters.
    """
    table = facts.rows(rollup or source, lookback_days, unread)
    kind = DayBits if BITS in table.columns else Rows
    rows = kind(table, EVENTS[source], facts.newest, source, rates)
    if lookback_days is None:
        return rows
    wanted = rows.last(lookback_days)
    if unread is not None:
        newer, older = unread
        wanted = rows.last(newer) | rows.last(lookback_days - older, before=older)
    return replace(rows, table=table.filter(wanted))
