"""The book against the one published before it: who vanished, how far accounts and ARR moved (SRC-9).

The stored book is the mart `health_scores` of the nearest earlier date. It is compared only where the mapping of
contracts and the currencies are those that it was made with; why not is said in the results.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.features.book import book
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings
from keepwell.tasks.checks.departures import StoredBook, departures, stored_book, unexplained
from keepwell.tasks.checks.rolling_ends import RollingEnds, ends_moved, ends_never_reached
from keepwell.tasks.settings import BookWatchSettings

BOOK_RULES = ("accounts_stay", "few_accounts_vanish", "accounts_move_little", "arr_moves_little")
"""The rules of contracts whose breach `keepwell accept` publishes."""

REQUIRED = {column.name for column in TABLES["contracts"].columns if column.required}


@dataclass(frozen=True)
class Watched:
    """What the watch measured, by the names of expectations.measures, with what results say of each measure.

    `bounds`: the values of `$names`; `none`: why a measure has no value; `used`: what was read of earlier runs.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    none: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    moved: bool = False
    uncompared: str | None = None


NOT_WATCHED = Watched()


def watch_book(
    facts: Facts, money: BookSettings, marts: Path, snapshots: Path, mapping_id: str, settings: BookWatchSettings
) -> Watched:
    """What the book of `facts` is against the stored one, and whether agreed ends are ever reached."""
    if not facts.has("contracts", *REQUIRED):
        return NOT_WATCHED
    now = book(facts, money).select("account_id", "arr").to_pandas()
    stored = stored_book(marts, facts.today)
    moved, rolling = (
        ends_moved(facts, now["account_id"], marts, snapshots, mapping_id, settings),
        ends_never_reached(facts, settings),
    )
    ends = _of_ends({"ends_moved": moved, "ends_never_reached": rolling}, settings)
    why = _not_comparable(stored, facts.today, mapping_id)
    if stored is None or why is not None:
        none = dict.fromkeys(("vanished", "vanished_share", "accounts_move", "arr_move"), str(why))
        said = None if stored is None else why
        return _together(ends, Watched(none=none, uncompared=said), moved.used)
    return _together(_compared(facts, stored, now, settings), ends, (*stored.used, *moved.used))


def _not_comparable(stored: StoredBook | None, today: date, mapping_id: str) -> str | None:
    """Why there is nothing to compare with."""
    if stored is None:
        return f"no book is published before {today}"
    if not len(stored.accounts):
        return f"the book of {stored.day} is empty"
    if stored.mapping_id != mapping_id:
        return f"the mapping of contracts or the currencies have changed since {stored.day}"
    return None


def _compared(facts: Facts, stored: StoredBook, now: pd.DataFrame, settings: BookWatchSettings) -> Watched:
    before = stored.accounts.set_index("account_id")["arr"].astype("float64").fillna(0.0)
    today = now.set_index("account_id")["arr"].astype("float64").fillna(0.0)
    periods = math.ceil((facts.today - stored.day).days / settings.period_days)
    few = settings.min_accounts - 1
    begun = _begun_since(facts, stored.day)
    gone = sorted(set(before.index) - set(today.index))
    vanished = sorted(unexplained(gone, departures(facts, stored), stored))
    appeared = sorted(set(today.index) - set(before.index) - begun)
    total, floor = len(before), few / len(before)
    accounts = _Move(len(today) - total, len(appeared), total)
    difference = today.sub(before, fill_value=0.0)
    unexpected = difference[~difference.index.isin(begun)]
    arr = _Move(difference.sum(), unexpected.sum(), float(before.sum()))
    movers = difference[difference < 0] if arr.falls else unexpected[unexpected > 0]
    movers = movers[movers.abs().sort_index().sort_values(ascending=False, kind="stable").index]
    whales = float(movers.head(few).abs().sum()) / arr.of if arr.of else 0.0
    values = {"vanished": len(vanished), "vanished_share": len(vanished) / total, "accounts_move": accounts.share}
    bounds = {
        "vanished_bound": max(settings.max_vanished_share * periods, floor),
        "accounts_bound": max(settings.max_accounts_move * periods, floor),
        "arr_bound": max(settings.max_arr_move * periods, whales),
    }
    bounds |= {"accounts_fall": -bounds["accounts_bound"], "arr_fall": -bounds["arr_bound"]}
    then = f"on {stored.day}"
    words = {
        "vanished_share": f"{len(vanished)} of {total} accounts {then}",
        "accounts_move": f"{len(today):,} accounts after {total:,} {then}",
        "arr_move": f"ARR {today.sum():,.0f} after {before.sum():,.0f} {then}",
    }
    keys = {"vanished": vanished, "vanished_share": vanished, "arr_move": list(movers.index)}
    keys["accounts_move"] = gone if accounts.falls else appeared
    if arr.of > 0:
        values["arr_move"] = arr.share
    beyond = (abs(values.get(f"{name}_move", 0.0)) > bounds[f"{name}_bound"] for name in ("accounts", "arr"))
    return Watched(
        values, bounds, {name: len(found) for name, found in keys.items()},
        {name: tuple(map(str, found)) for name, found in keys.items()}, words,
        {"arr_move": f"the ARR of {stored.day} is 0"}, moved=bool(vanished) or any(beyond),
    )  # fmt: skip


@dataclass(frozen=True)
class _Move:
    """A change of a sum: in all, without what began since, and the sum that it is a change of."""

    change: float
    unexpected: float
    of: float

    @property
    def falls(self) -> bool:
        return self.change < 0

    @property
    def share(self) -> float:
        return float(self.change if self.falls else max(self.unexpected, 0.0)) / self.of if self.of else 0.0


def _begun_since(facts: Facts, day: date) -> set[str]:
    """Accounts with a contract that began after `day`: what they add is no surprise."""
    contracts = facts["contracts"]
    begun = contracts.filter(contracts.start_on > day, contracts.start_on <= facts.today)
    return set(begun.select("account_id").distinct().to_pandas()["account_id"])


def _of_ends(found: Mapping[str, RollingEnds], settings: BookWatchSettings) -> Watched:
    judged = {name: ends for name, ends in found.items() if ends.none is None}
    return Watched(
        {name: ends.share for name, ends in judged.items()},
        {"rolling_share": settings.max_rolling_share},
        {name: ends.count for name, ends in judged.items()},
        {name: ends.keys for name, ends in judged.items()},
        {name: ends.words for name, ends in judged.items()},
        {name: ends.none for name, ends in found.items() if ends.none is not None},
    )


def _together(one: Watched, other: Watched, used: tuple[str, ...]) -> Watched:
    return Watched(
        {**one.values, **other.values}, {**one.bounds, **other.bounds}, {**one.counts, **other.counts},
        {**one.keys, **other.keys}, {**one.words, **other.words}, {**one.none, **other.none},
        used, one.moved or other.moved, one.uncompared or other.uncompared,
    )  # fmt: skip
