"""Agreed ends that never come: a source holds the end of the current period, and moves it before it passes (SRC-9).

Whoever stays never reaches such an end. It is found by what an earlier run staged, or in one snapshot by accounts that
are old, have reached no end yet, and whose ends all lie within a year ahead although they have run for various times.
Contracts that renew by themselves are left out: of them the end says nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow.parquet as pq

from keepwell.features.facts.known import Facts
from keepwell.tasks.checks.departures import SCORES
from keepwell.tasks.earlier_scores import dates, manifest
from keepwell.tasks.settings import BookWatchSettings

LOOKBACK_DAYS = OLD_DAYS = 400  # a year's term and a month
LONGEST_PERIOD_DAYS = 366
SAME_LENGTH_DAYS = 300  # terms that differ by less are of one length, not the ages of accounts


@dataclass(frozen=True)
class RollingEnds:
    """A share of survivors whose end looks overwritten; `none`: why there is none."""

    share: float = 0.0
    count: int = 0
    keys: tuple[str, ...] = ()
    words: str = ""
    used: tuple[str, ...] = ()
    none: str | None = None


def ends_moved(
    facts: Facts, book: "pd.Series[str]", marts: Path, snapshots: Path, mapping_id: str, settings: BookWatchSettings
) -> RollingEnds:
    """Of the ends that an earlier run staged and that have passed since, by accounts that stay: the share moved."""
    earlier = _oldest_staged(facts.today, marts, snapshots, mapping_id)
    if earlier is None:
        return RollingEnds(none="no earlier contracts are stored that this mapping gave")
    day, snapshot_id = earlier
    stored = pq.read_table(
        snapshots / snapshot_id / "contracts.parquet", columns=["contract_id", "end_on", "known_at"]
    ).to_pandas(date_as_object=False)
    in_between = (stored["end_on"] > pd.Timestamp(day)) & (stored["end_on"] <= pd.Timestamp(facts.today))
    then = stored[in_between & (stored["known_at"] <= pd.Timestamp(day))].drop_duplicates("contract_id")
    rows = _without_renewal(facts["contracts"])
    now = rows.filter(rows.notice_on.isnull()).select("contract_id", "account_id", now="end_on").to_pandas()
    both = then.merge(now.drop_duplicates("contract_id"), on="contract_id")
    both = both[both["account_id"].isin(set(book))].sort_values("contract_id")
    if len(both) < settings.min_ends:
        return RollingEnds(none=f"fewer than {settings.min_ends} agreed ends have passed since {day}")
    moved = both[pd.to_datetime(both["now"]) > both["end_on"]]
    words = f"{len(moved)} of {len(both)} ends that were stored on {day} and have passed since were moved"
    keys = tuple(map(str, moved["contract_id"]))
    return RollingEnds(len(moved) / len(both), len(moved), keys, words, (f"snapshots/{snapshot_id}/contracts",))


def ends_never_reached(facts: Facts, settings: BookWatchSettings) -> RollingEnds:
    """Of the accounts older than a year's term: the share that reached no end yet and has one within a year ahead."""
    today = ibis.literal(facts.today)
    every = _without_renewal(facts["contracts"])
    rows = every.filter(every.end_on.notnull(), every.start_on <= today, ~every.trial.fill_null(False))
    live = (rows.end_on > today) & (rows.ended_on.isnull() | (rows.ended_on > today))
    accounts = rows.group_by("account_id").agg(
        first=rows.start_on.min(), reached=(rows.end_on <= today).any(), until=rows.end_on.max(where=live)
    )
    old = accounts.filter(accounts.until.notnull(), today.delta(accounts.first, unit="day") > OLD_DAYS)
    frame = old.order_by("account_id").to_pandas()
    if len(frame) < settings.min_ends:
        return RollingEnds(none=f"fewer than {settings.min_ends} accounts with an agreed end are older than a year")
    until, first = pd.to_datetime(frame["until"]), pd.to_datetime(frame["first"])
    never = ~frame["reached"].astype(bool)
    length = (until - first).dt.days[never]
    if len(length) and length.max() - length.min() < SAME_LENGTH_DAYS:
        return RollingEnds(none="contracts that have not reached their end yet all run equally long")
    near = never & (until <= pd.Timestamp(facts.today + timedelta(days=LONGEST_PERIOD_DAYS)))
    words = f"{int(near.sum())} of {len(frame)} accounts older than a year"
    return RollingEnds(float(near.mean()), int(near.sum()), tuple(map(str, frame.loc[near, "account_id"])), words)


def _without_renewal(contracts: ir.Table) -> ir.Table:
    return contracts.filter(~contracts.auto_renew.fill_null(False))


def _oldest_staged(today: date, marts: Path, snapshots: Path, mapping_id: str) -> tuple[date, str] | None:
    """The oldest run of this mapping within the lookback whose staged contracts are still there."""
    for day in dates(marts, SCORES):
        if today - timedelta(days=LOOKBACK_DAYS) <= day < today:
            about = manifest(marts, SCORES, day)
            identity = str(about.get("snapshot_id", ""))
            same = about.get("mapping_id") == mapping_id
            if same and identity and (snapshots / identity / "contracts.parquet").exists():
                return day, identity
    return None
