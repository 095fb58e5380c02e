"""Accounts by the model that acted on them since a challenger was assigned some, and their outcomes (LRN-2).

Arms are those that were published: today's share says nothing of last month's.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from keepwell.features.book import book
from keepwell.features.facts.known import at_each
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.models.promotion.champions import CHALLENGER
from keepwell.models.settings.base import OUTCOMES
from keepwell.tasks.earlier_scores import columns_of, dates, read
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot

PREDICTIONS = "predictions"
COLUMNS = ["account_id", "outcome", "model_version", "alias", "probability", "flagged", "acting"]


def assigned_accounts(marts: Path, outcome: str, version: str, as_of: date, wait_days: int) -> pd.DataFrame | None:
    """One row per account of the dates on which this challenger acted on some; None where it never did.

    Columns: see `models.promotion.ab_test.by_assignment`; happened and arr_lost are not known here.
    `wait_days`: until an outcome is known.
    """
    # A day on which nobody was assigned is none of the comparison: who enters then has been drawn for no arm.
    days = [(day, rows) for day, rows in _days(marts, outcome, version, as_of) if rows["assigned"].any()]
    if not days:
        return None
    long = pd.concat([rows.assign(day=day) for day, rows in days], ignore_index=True)
    by_account = long.sort_values("day", kind="stable").groupby("account_id")
    frame = by_account.agg(
        assigned=("assigned", "first"), entered_on=("day", "first"), moved=("assigned", "nunique"),
        flagged=("flagged", "mean"), chance=("probability", "first"), arr=("arr", "first"),
    ).reset_index()  # fmt: skip
    known_on = [day + timedelta(days=wait_days) for day in frame["entered_on"]]
    return frame.assign(moved=frame["moved"] > 1, told_on=known_on, happened=np.nan, arr_lost=np.nan)


def _days(marts: Path, outcome: str, version: str, as_of: date) -> Iterator[tuple[date, pd.DataFrame]]:
    """Accounts per date on which the version was challenger: assigned, flagged by what acted, probability, ARR."""
    for day in dates(marts, PREDICTIONS):
        if day > as_of or "acting" not in columns_of(marts, PREDICTIONS, day):
            continue
        rows = read(marts, PREDICTIONS, day, COLUMNS)
        rows = rows[rows["outcome"] == outcome].assign(acting=rows["acting"].fillna(False).astype(bool))
        ours = rows[(rows["model_version"] == version) & (rows["alias"] == CHALLENGER)]
        if ours.empty:
            continue
        about = read(marts, "health_scores", day, ["account_id", "arr", "band"]).set_index("account_id")
        acted = rows[rows["acting"]].set_index("account_id")["flagged"].astype(float)
        accounts = pd.Index(ours["account_id"])
        by_health = (about["band"] == "critical").astype(float).reindex(accounts)
        yield day, pd.DataFrame(
            {
                "account_id": accounts, "assigned": ours["acting"].to_numpy(),
                "flagged": acted.reindex(accounts).fillna(by_health).to_numpy(),
                "probability": ours["probability"].to_numpy(), "arr": about["arr"].reindex(accounts).to_numpy(),
            }
        )  # fmt: skip


def with_outcomes(
    accounts: pd.DataFrame, outcome: str, snapshot: Snapshot, now: datetime, fixed: frozenset[str],
    money: BookSettings, rules: LabelSettings,
) -> pd.DataFrame:  # fmt: skip
    """The same with `happened` (the outcome) and arr_lost (ARR at entry less ARR at the horizon's end) once matured.

    Who has churned by then has lost all of it, however long the contract still runs.
    """
    known, parts = facts_at(snapshot, now, fixed), []
    for day, entered in accounts.groupby("entered_on", sort=True):
        if min(entered["told_on"]) <= now.date():
            start = datetime.combine(day, time(0))
            end = start + timedelta(days=rules.horizon_days(outcome))
            cohort = entered.set_index("account_id")
            began = at_each(ibis.memtable(entered[["account_id", "arr"]]), [start])
            outcomes = labels(began, known, money, rules).to_pandas()
            later = book(facts_at(snapshot, end, fixed), money).select("account_id", "arr").to_pandas()
            parts.append(_with(cohort, outcomes.set_index("account_id"), later.set_index("account_id"), outcome, end))
        else:
            parts.append(entered)
    return pd.concat(parts, ignore_index=True).sort_values("account_id", ignore_index=True)


def _with(
    entered: pd.DataFrame, outcomes: pd.DataFrame, later: pd.DataFrame, outcome: str, end: datetime
) -> pd.DataFrame:  # fmt: skip
    """Accounts by id with their outcome and the ARR lost by `end`; all of it for those no longer in the book."""
    outcomes, arr = outcomes.reindex(entered.index), later["arr"].reindex(entered.index).fillna(0.0)
    arr = arr.mask(pd.to_datetime(outcomes["churned_at"]) <= end, 0.0)
    known = outcomes[OUTCOMES[outcome]].astype(float)
    return entered.assign(happened=known, arr_lost=entered["arr"] - arr).reset_index()
