"""The counts that checks take of a table: of its rows, or of usage from sums that were stored once (SCL-1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Protocol

import ibis.expr.types as ir
import pandas as pd

from keepwell.expectations import summed
from keepwell.expectations.compared import several_spellings
from keepwell.expectations.measures import daily_counts, size_counts, value_of
from keepwell.expectations.suites import Suite
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import BEGIN
from keepwell.tasks.checks.rows import Asked
from keepwell.tasks.sources.rollup_files import stored_files
from keepwell.tasks.sources.snapshot import Snapshot

HALF = 0.501
"""Of a size, by which its values may differ from it, and a little for rounding."""


class Counts(Protocol):
    """What can be counted of the rows of one table that were known at as_of."""

    def days(self) -> pd.DataFrame:
        """See measures.daily_counts."""

    def sizes(self, column: str) -> pd.DataFrame:
        """See measures.size_counts."""

    def total(self) -> int:
        """All rows that checks see."""

    def in_doubt(self, question: Asked, /) -> bool:
        """Whether a row may break the rule."""


@dataclass(frozen=True)
class OfRows:
    """Counts that read the rows."""

    rows: ir.Table
    table: CanonicalTable

    def days(self) -> pd.DataFrame:
        """Row count and newest news per day."""
        return daily_counts(self.rows, self.table.event).to_pyarrow().to_pandas()

    def sizes(self, column: str) -> pd.DataFrame:
        """Row count per size."""
        return size_counts(self.rows, column).to_pyarrow().to_pandas()

    def total(self) -> int:
        """All rows that checks see."""
        return int(self.rows.count().to_pyarrow().as_py())

    def in_doubt(self, _: Asked) -> bool:
        """Any rule."""
        return True


@dataclass(frozen=True)
class OfSums:
    """Counts of usage as of a midnight, from what was summed up of its parts (expectations/summed.py).

    `unclear`: the columns whose names need a look at the rows: an unknown account, a feature in two spellings.
    """

    today: date
    sums: pd.DataFrame
    unclear: Collection[str]

    def days(self) -> pd.DataFrame:
        """Row count and newest news per day: the day itself, since usage is known after it."""
        known = self._about("day", "known_on")
        day = pd.Timestamp(BEGIN) + pd.to_timedelta(known["value"], unit="D")
        return known.assign(day=day, newest=day).drop(columns="value")

    def sizes(self, column: str) -> pd.DataFrame:
        """Row count per size."""
        return self._about(column, "seen_on").rename(columns={"value": "size"})

    def total(self) -> int:
        """All rows that checks see."""
        return int(self._about("day", "seen_on")["rows"].sum())

    def in_doubt(self, question: Asked, /) -> bool:
        """Whether a row broke the rule by today, or may: a name is unclear, a value's size reaches the bounds."""
        expectation, arguments = question.expectation, question.arguments
        name = f"{summed.RULE}{summed.name_of(expectation)}"
        if (self.sums["about"] == name).any():
            return self._by_today(name)
        if expectation.column in summed.NAMES:
            return expectation.column in self.unclear
        sizes = self.sizes(expectation.given[0])["size"]
        if self._by_today(f"{summed.RULE}{summed.ODD}{expectation.given[0]}") or sizes.empty:
            return True
        lowest, highest = value_of(sizes.min() - HALF), value_of(sizes.max() + HALF)
        return bool(lowest < arguments["min_value"] or highest > arguments["max_value"])

    def _by_today(self, name: str) -> bool:
        return bool((self.sums.loc[self.sums["about"] == name, "seen_on"] <= pd.Timestamp(self.today)).any())

    def _about(self, what: str, known: str) -> pd.DataFrame:
        """The counts of one column by value, of the rows that are known (or seen) today."""
        mine = self.sums[self.sums["about"] == what]
        there = mine[known] <= pd.Timestamp(self.today)
        if known == "seen_on":
            there |= mine[known].isna()
        return mine[there].groupby("value", dropna=False, as_index=False)["rows"].sum()


def counts_of(
    rows: ir.Table, snapshot: Snapshot, staged: Mapping[str, ir.Table], suite: Suite, as_of: datetime
) -> Counts:
    """The counts of a table: of usage at a midnight from sums, which are made where they are not stored yet.

    `rows`: those known at as_of.
    """
    if suite.table != summed.USAGE.name or as_of != datetime.combine(as_of, time()):
        return OfRows(rows, TABLES[suite.table])
    engine, parts = staged[suite.table].get_backend(), snapshot.parts(suite.table)
    read = partial(snapshot.read, engine, suite.table)
    files = stored_files(snapshot.path.parent, "usage_sums", parts, read, partial(summed.sums, suite=suite))
    sums = engine.read_parquet(files).to_pyarrow().to_pandas(date_as_object=False)
    seen = sums[sums["seen_on"] <= pd.Timestamp(as_of)]
    accounts = set(staged["accounts"].account_id.to_pyarrow().to_pylist())
    unclear = set()
    if not accounts.issuperset(seen.loc[seen["about"] == "account_id", "text"].dropna()):
        unclear.add("account_id")
    if several_spellings(seen.loc[seen["about"] == "feature", "text"].dropna().unique()):
        unclear.add("feature")
    return OfSums(as_of.date(), sums, unclear)
