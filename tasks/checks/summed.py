"""The counts that checks take of a table: of its rows, or of usage from sums that were stored once (SCL-1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from keepwell.expectations import summed
from keepwell.expectations.measures import daily_counts, size_counts, value_of
from keepwell.expectations.suites import Suite
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import BEGIN
from keepwell.tasks.checks.rows import Asked
from keepwell.tasks.sources.rollup_files import stored_file
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
    """Counts of usage as of a midnight, from what was summed up of its file.

    `since`: from when on a row may break each rule; `strangers`: whether rows name an account that is not known.
    """

    today: date
    counts: pd.DataFrame
    since: Mapping[str, date | None]
    strangers: bool

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

    def in_doubt(self, question: Asked) -> bool:
        """Whether a row broke the rule by today, or may: an account is unknown, a value's size reaches the bounds."""
        expectation, arguments = question.expectation, question.arguments
        name = summed.name_of(expectation)
        if name in self.since:
            return self._by_now(name)
        if expectation.given[0].endswith("_exists"):
            return self.strangers or self._by_now("day_not_null.day")
        sizes = self.sizes(expectation.given[0])["size"]
        if self._by_now(f"{summed.ODD}{expectation.given[0]}") or sizes.empty:
            return True
        lowest, highest = value_of(sizes.min() - HALF), value_of(sizes.max() + HALF)
        return bool(lowest < arguments["min_value"] or highest > arguments["max_value"])

    def _by_now(self, name: str) -> bool:
        since = self.since[name]
        return since is not None and since <= self.today

    def _about(self, what: str, known: str) -> pd.DataFrame:
        """The counts of one column by value, of the rows that are known (or seen) today."""
        mine = self.counts[self.counts["about"] == what]
        on = mine[known]
        there = (on <= np.datetime64(self.today)) | (on.isna() if known == "seen_on" else False)
        return mine[there].groupby("value", dropna=False, as_index=False)["rows"].sum()


def counts_of(
    rows: ir.Table, snapshot: Snapshot, staged: Mapping[str, ir.Table], suite: Suite, as_of: datetime
) -> Counts:
    """The counts of a table: of usage at a midnight from sums, which are made where they are not stored yet.

    `rows`: those known at as_of.
    """
    if suite.table != summed.USAGE.name or as_of != datetime.combine(as_of, time()):
        return OfRows(rows, TABLES[suite.table])
    usage = staged[suite.table]
    made = {
        "counts": lambda: [summed.counts(usage, suite)],
        "breaks": lambda: [summed.first_breaks(usage, suite)],
        "accounts": lambda: [summed.accounts(usage)],
    }
    root, digest = snapshot.path.parent, snapshot.sha256[suite.table]
    stored = {name: pq.read_table(stored_file(root, f"usage_{name}", digest, made[name])) for name in made}
    since = dict(zip(*(stored["breaks"][column].to_pylist() for column in ("rule", "since")), strict=True))
    there = set(staged["accounts"].account_id.to_pyarrow().to_pylist())
    strangers = not there.issuperset(stored["accounts"]["account_id"].to_pylist())
    return OfSums(as_of.date(), stored["counts"].to_pandas(date_as_object=False), since, strangers)
