"""Revenue and logo retention, base rates, surprise churn, and the share of contacts with churned accounts (LRN-7).

All of these are observed metrics, not effects: without a randomized hold-out nobody can know which accounts would have
churned, or stayed, without the work that was done.
"""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from keepwell.models.grading.audit import SCORES, instants, metric_frame, risk, riskiest
from keepwell.models.grading.ratios import Less, Ratio, RatioMetric
from keepwell.models.settings.grading import AuditSettings
from keepwell.models.settings.training import CandidateSettings

ALL = "all"
BOOK, CONTACTS = "book", "contacts"
"""Names used in place of a score: the whole portfolio, and the contacts that were made."""
METRIC_KEY = ["metric", "period", "segment", "score"]
BASE_RATES = {
    "churn_rate": "churned", "contraction_rate": "contracted", "expansion_rate": "expanded",
    "advocacy_rate": "advocated",
}  # fmt: skip
"""The base rate of each outcome, and the column of its label."""
OPEN_ENDED = pd.Timestamp("2200-01-01")
Metrics = dict[tuple[str, str, str, str], RatioMetric]


def arr_on(contracts: pd.DataFrame, day: date) -> pd.Series:
    """ARR of each account under contract on that day; trials, whose ARR is 0, are left out."""
    at = pd.Timestamp(day)
    live = contracts[(contracts["start_on"] <= at) & (contracts["end_on"] > at)]
    arr = live.groupby("account_id")["arr"].sum()
    return arr[arr > 0]


def retention(start: pd.Series, end: pd.Series, fall: float) -> dict[str, Ratio]:
    """Gross and net revenue retention, logo retention and contraction of the accounts that paid at the start.

    With s and e the ARR of an account at start and end, at constant rates (0 where it is under no contract):
    gross = sum of min(e, s) / sum of s, never above 1; net = sum of e / sum of s, including expansion;
    logo = accounts with e > 0 / accounts; contraction = accounts with 0 < e <= (1 - fall) s / accounts.
    Customers won in between count in none of them.
    """
    at_end = end.reindex(start.index).fillna(0.0)
    accounts = pd.Series(start.index, index=start.index)
    one = pd.Series(1, index=start.index)
    return {
        "gross_revenue_retention": Ratio(accounts, at_end.clip(upper=start), start, counted=False),
        "net_revenue_retention": Ratio(accounts, at_end, start, counted=False),
        "logo_retention": Ratio(accounts, at_end > 0, one),
        "contraction": Ratio(accounts, (at_end > 0) & (at_end <= start * (1.0 - fall)), one),
    }


def retention_metrics(
    contracts: pd.DataFrame, periods: Mapping[str, tuple[date, date]], segments: Mapping[str, pd.Series], fall: float
) -> Metrics:
    """Retention and contraction per period, of the whole portfolio and by the segment at the period's start."""
    metrics: Metrics = {}
    for period, (first, last) in periods.items():
        start, end = arr_on(contracts, first), arr_on(contracts, last)
        segment = segments[period].reindex(start.index)
        groups = [(ALL, start), *((str(name), start[segment == name]) for name in sorted(segment.dropna().unique()))]
        for name, arr_at_start in groups:
            if len(arr_at_start):
                metrics |= {(metric, period, name, BOOK): r for metric, r in retention(arr_at_start, end, fall).items()}
    return metrics


def base_rates(months: pd.DataFrame, period: str) -> Metrics:
    """Share of the account-months whose outcome came within its horizon, of those whose outcome is known.

    `months`: account_id, segment and the labels of BASE_RATES, a row per account and month.
    """
    segments = [(str(name), rows) for name, rows in months.groupby("segment")]
    metrics: Metrics = {}
    for segment, rows in [(ALL, months), *segments]:
        for metric, label in BASE_RATES.items():
            known = rows[rows[label].notna()]
            came, one = known[label].astype(bool), pd.Series(1, index=known.index)
            metrics[metric, period, segment, BOOK] = Ratio(known["account_id"], came, one)
    return metrics


def warned(churned: pd.DataFrame, panel: pd.DataFrame, rules: AuditSettings) -> pd.DataFrame:
    """The churned accounts with segment and ARR of the month before, and `warned_SCORE`: flagged in the days before.

    Flags of the same share by every score, on any of the `surprise_days` before churn; NULL where the account had the
    score on none of them. A flag is active from the day it is set to the day the next month's flags are set.
    """
    rows = churned.assign(churned_at=instants(churned["churned_at"]))
    rows = rows.sort_values(["churned_at", "account_id"], ignore_index=True)
    last = pd.merge_asof(
        rows, panel[["account_id", "set_at", "segment", "arr"]].sort_values("set_at"), left_on="churned_at",
        right_on="set_at", by="account_id", allow_exact_matches=False,
        tolerance=pd.Timedelta(days=rules.oldest_score_days),
    )  # fmt: skip
    flags = [f"stock_{score}" for score in SCORES]
    pairs = last.drop(columns="set_at").reset_index(names="loss").merge(
        panel[["account_id", "set_at", "as_of", *flags]], on="account_id"
    )  # fmt: skip
    replaced = pairs["as_of"] + pd.DateOffset(months=1) + pd.Timedelta(days=rules.settle_days)
    since = pairs["churned_at"] - pd.Timedelta(days=rules.surprise_days)
    standing = pairs[(pairs["set_at"] < pairs["churned_at"]) & (replaced > since)]
    any_of = standing.groupby("loss")[flags].max()  # NULL only where every month is
    any_of.columns = [f"warned_{score}" for score in SCORES]
    found = last.join(any_of)
    return found.astype(dict.fromkeys(any_of.columns, "boolean")).drop(columns="set_at")


def surprise_metrics(churned: pd.DataFrame, period: str, min_churned: int) -> Metrics:
    """Share of the scored churned accounts, and of their ARR, that were not flagged before, by score."""
    metrics: Metrics = {}
    segments = [(str(name), rows) for name, rows in churned.groupby("segment") if len(rows) >= min_churned]
    for segment, rows in [(ALL, churned), *segments]:
        for score in SCORES:
            scored = rows[rows[f"warned_{score}"].notna()]
            metrics["surprise_churn", period, segment, score] = _surprise(scored, score)
            metrics["surprise_churn_arr", period, segment, score] = _surprise(scored, score, money=True)
            if score != "legacy":
                both = scored[scored["warned_legacy"].notna()]
                metrics["surprise_churn_less_legacy", period, segment, score] = Less(
                    _surprise(both, score), _surprise(both, "legacy")
                )
    return metrics


def _surprise(rows: pd.DataFrame, score: str, *, money: bool = False) -> Ratio:
    silent = ~rows[f"warned_{score}"].astype(bool)
    if money:
        arr = rows["arr"].fillna(0.0)
        return Ratio(rows["account_id"], arr.where(silent, 0.0), arr, counted=False)
    return Ratio(rows["account_id"], silent, pd.Series(1, index=rows.index))


def with_contacts(months: pd.DataFrame, contacts: pd.DataFrame, rules: AuditSettings) -> pd.DataFrame:
    """The account-months with `contacted`: a contact (account_id, at) while the flags were active, before any churn."""
    at = instants(contacts["at"])
    month = (at - pd.Timedelta(days=rules.settle_days)).dt.to_period("M").dt.start_time.astype("datetime64[us]")
    made = pd.DataFrame({"account_id": contacts["account_id"], "as_of": month, "at": at})
    first = made.groupby(["account_id", "as_of"], as_index=False)["at"].min()
    rows = months.assign(as_of=instants(months["as_of"]))
    joined = rows.merge(first, on=["account_id", "as_of"], how="left")
    lost_before = joined["churned_at"].notna() & (joined["at"] >= joined["churned_at"])
    return joined.assign(contacted=joined["at"].notna() & ~lost_before).drop(columns="at")


def contact_metrics(months: pd.DataFrame, rules: AuditSettings, period: str) -> Metrics:
    """Churn within the horizon among the accounts contacted in a month, and among as many picked by each score.

    `book`: among all accounts in those months, the expected share for random contacts. An account saved by a contact
    counts as not at risk, so the share of `contacts` is a lower bound.
    """
    count = months.groupby("as_of")["contacted"].transform("sum")
    busy = months[count > 0]
    left = busy["churned"].astype(bool)
    chosen = {CONTACTS: busy["contacted"], BOOK: pd.Series(True, index=busy.index)}
    risks = risk(busy, rules)
    chosen |= {s: riskiest(busy, risks[s], count[count > 0]).fillna(False).astype(bool) for s in SCORES}
    metrics: Metrics = {}
    for name, those in chosen.items():
        metrics["at_risk_per_contact", period, ALL, name] = Ratio(busy["account_id"], those & left, those)
    for score in SCORES[1:]:
        both = busy.groupby("as_of")[[score, "legacy"]].transform("count").gt(0).all(axis=1)
        sides = [
            Ratio(busy.loc[both, "account_id"], (chosen[s] & left)[both], chosen[s][both]) for s in (score, "legacy")
        ]
        metrics["at_risk_per_contact_less_legacy", period, ALL, score] = Less(*sides)
    return metrics


def value_frame(metrics: Metrics, rules: CandidateSettings) -> pd.DataFrame:
    """One row per metric, period, segment and score with value, interval, numerator and denominator."""
    return metric_frame(metrics, METRIC_KEY, rules)
