"""Lead time: how long before notice each churned account was flagged, by one rule for every score (LRN-4).

The rule uses only the ranking of a month's scores, so that a probability, a health score and a legacy score are treated
alike, and every score has the same number of flags: a share of each month's portfolio. An account that was flagged the
month before ranks a few times higher (hysteresis: without it, flags near the border come and go, and none lasts); so an
account near the very top is flagged at once, and one far from it loses its flag. Baselines are `random`, which gives
each account one number for all months, and `always`, which flags all accounts, with a workload of 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, account_draws, interval
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.monitoring import EarlyWarningSettings

SEED = 1
RANDOM, ALWAYS = "random", "always"
ROUNDING = 1e-9
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class EarlyWarning:
    """Lead times by score, and their metrics.

    `leads`: score, account_id, churned_at, flagged_from, lead_days, early; a row per score and churner. `metrics` per
    score: early_share (churners flagged early), median_lead_days, workload (share of the portfolio that is flagged).
    `differences`: early_share of the first score less that of each other, on the same draws of accounts.
    """

    leads: pd.DataFrame
    metrics: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Estimate]


def early_warning(
    rows: pd.DataFrame, scores: Mapping[str, pd.Series], since: pd.Timestamp, rules: EarlyWarningSettings
) -> EarlyWarning:
    """Flags by each score month by month, and the lead of every churner from `since` to the end of the last month.

    `rows`: account_id, as_of (start of each month) and churned_at, of months that no score was trained on; `scores`:
    higher is riskier, in the order of `rows`. Churn after the last month is left out, since the account may be flagged
    in months that are not in `rows`.
    """
    book = _book(rows)
    churners = _churners(rows, book, since)
    flags = {name: flagged(book.wide(score), book.present, book.draw, rules) for name, score in scores.items()}
    flags[RANDOM] = flagged(np.where(book.present, book.draw[:, None], np.nan), book.present, book.draw, rules)
    flags[ALWAYS] = book.present
    leads = {name: _leads(flag, book, churners, rules) for name, flag in flags.items()}
    draws = _draws(churners, rules)
    workload = {name: float(flag.sum() / book.present.sum()) for name, flag in flags.items()}
    metrics = {name: _metrics(found, workload[name], draws, rules) for name, found in leads.items()}
    first = leads[next(iter(scores))]["early"].to_numpy(dtype=float)
    differences = {
        name: _mean(first - found["early"].to_numpy(dtype=float), draws, rules)
        for name, found in leads.items()
        if found is not leads[next(iter(scores))]
    }
    return EarlyWarning(
        pd.concat([found.assign(score=name) for name, found in leads.items()], ignore_index=True), metrics, differences
    )


@dataclass(frozen=True)
class _Book:
    """Accounts by months: presence in the portfolio, the position of each row, one random number per account."""

    accounts: pd.Index
    months: pd.DatetimeIndex
    account: NDArray[np.integer[Any]]
    month: NDArray[np.integer[Any]]
    present: Flags
    draw: Floats

    def wide(self, values: pd.Series) -> Floats:
        """Values of the rows as a matrix of accounts by months; NaN where there is no row."""
        table = np.full(self.present.shape, np.nan)
        table[self.account, self.month] = values.to_numpy(dtype=float, na_value=np.nan)
        return table


def _book(rows: pd.DataFrame) -> _Book:
    account, accounts = pd.factorize(rows["account_id"], sort=True)
    month, months = pd.factorize(rows["as_of"], sort=True)
    present = np.zeros((len(accounts), len(months)), dtype=bool)
    present[account, month] = True
    draw = pd.util.hash_array(np.asarray(accounts, dtype=object)) / 2.0**64
    return _Book(pd.Index(accounts), pd.DatetimeIndex(months), account, month, present, draw)


def flagged(score: Floats, present: Flags, draw: Floats, rules: EarlyWarningSettings) -> Flags:
    """The flags, accounts by months; ties are broken by the accounts' draw, no flag without a score."""
    flags = np.zeros_like(present)
    before = np.zeros(len(score), dtype=bool)
    for month in range(score.shape[1]):
        places = int(rules.capacity_share * present[:, month].sum() + ROUNDING)
        known = np.flatnonzero(~np.isnan(score[:, month]))
        ordered = known[np.lexsort((draw[known], -score[known, month]))]
        rank = np.arange(1, len(ordered) + 1) / np.where(before[ordered], rules.stay, 1.0)
        chosen = ordered[np.argsort(rank, kind="stable")][:places]
        flags[chosen, month] = True
        before = flags[:, month]
    return flags


def _churners(rows: pd.DataFrame, book: _Book, since: pd.Timestamp) -> pd.DataFrame:
    """The notices of all accounts between `since` and the end of the last month."""
    until = book.months[-1] + pd.offsets.MonthBegin(1)
    notices = rows.dropna(subset="churned_at")[["account_id", "churned_at"]].drop_duplicates()
    notices = notices[(notices["churned_at"] >= since) & (notices["churned_at"] < until)]
    return notices.sort_values(["account_id", "churned_at"], ignore_index=True)


def _draws(churners: pd.DataFrame, rules: EarlyWarningSettings) -> list[Floats]:
    """Weights of the churners in each draw of accounts; no draws without churners."""
    if churners.empty:
        return []
    codes, _ = pd.factorize(churners["account_id"])
    return account_draws(codes, np.ones(len(codes)), rules.replicates, SEED)


def _leads(flags: Flags, book: _Book, churners: pd.DataFrame, rules: EarlyWarningSettings) -> pd.DataFrame:
    """The start of the unbroken flag up to notice, and the days since then; 0 days without a flag."""
    months = np.arange(flags.shape[1])
    newly = flags & ~np.column_stack([np.zeros(len(flags), dtype=bool), flags[:, :-1]])
    start = np.maximum.accumulate(np.where(newly, months, -1), axis=1)
    account = book.accounts.get_indexer(churners["account_id"])
    last = book.months.searchsorted(churners["churned_at"], side="left") - 1
    under = (last >= 0) & flags[account, last]
    flagged_from = pd.Series(book.months[start[account, last]]).where(under)
    days = (churners["churned_at"] - flagged_from).dt.days.clip(upper=rules.cap_days).fillna(0).astype(int)
    return churners.assign(flagged_from=flagged_from, lead_days=days, early=days >= rules.early_days)


def _metrics(
    leads: pd.DataFrame, workload: float, draws: list[Floats], rules: EarlyWarningSettings
) -> dict[str, Estimate]:
    """Share flagged early and median lead time, with intervals over accounts, and the share of flagged accounts."""
    days = leads["lead_days"].to_numpy(dtype=float)
    order = np.argsort(days, kind="stable")
    medians = [_median(days[order], weight[order]) for weight in draws]
    return {
        "early_share": _mean(leads["early"].to_numpy(dtype=float), draws, rules),
        "median_lead_days": interval(_median(days[order], np.ones(len(days))), medians, rules.confidence),
        "workload": Estimate(workload, np.nan, np.nan),
    }


def _mean(values: Floats, draws: list[Floats], rules: EarlyWarningSettings) -> Estimate:
    """The mean over churners; NaN where there is none."""
    value = float(values.mean()) if len(values) else float("nan")
    return interval(value, [float(np.dot(values, weight) / weight.sum()) for weight in draws], rules.confidence)


def _median(ordered: Floats, weight: Floats) -> float:
    """The lower median of the ordered values."""
    mass = np.cumsum(weight)
    return float(ordered[np.searchsorted(mass, mass[-1] / 2.0)]) if len(mass) else float("nan")
