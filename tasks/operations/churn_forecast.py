"""The churn forecast of the coming quarter: who is counted, its basis, and how earlier forecasts came out (WKL-2).

Counted are accounts under contract at as_of with ARR above 0 and without a known notice. Later customers are not
counted, and a churned account counts with its ARR at as_of. Accounts with a known notice are listed apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy

from keepwell.features.book import book
from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.known import Facts
from keepwell.features.outcomes.labels import churned_accounts
from keepwell.features.settings import BookSettings
from keepwell.models.effects.forecast import (
    NO_LEVEL,
    Belief,
    Forecast,
    History,
    Quarter,
    belief,
    forecast,
    history,
    prior_spreads,
    spreads_of,
)
from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import ForecastSettings
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.sources.facts import at_once, facts_at_each
from keepwell.tasks.sources.snapshot import Snapshot

MODEL, HISTORY, NONE = "model", "history", "none"
SEED = 1
COHORT = ["account_id", "segment", "arr", "stratum"]


@dataclass(frozen=True)
class ForecastRules:
    """What a forecast depends on: horizon in days, money and grace, and simulation settings."""

    horizon_days: int
    money: BookSettings
    forecast: ForecastSettings
    fixed: frozenset[str]


def cohort_of(accounts: pd.DataFrame, as_of: date, horizon_days: int) -> pd.DataFrame:
    """The counted accounts with their stratum: segment, and whether the contract ends within the horizon.

    `accounts`: account_id, status, segment, arr and renewal_on, as of that date.
    """
    counted = accounts[(accounts["status"] == "active") & (accounts["arr"] > 0)]
    days = (pd.to_datetime(counted["renewal_on"]) - pd.Timestamp(as_of)).dt.days
    due = np.select([days.isna(), days <= horizon_days], ["open-ended", "due"], "later")
    segment = counted["segment"].fillna("no segment").astype(str)
    return counted.assign(segment=segment, stratum=segment + "/" + due).reset_index(drop=True)


def past_quarters(snapshot: Snapshot, now: Facts, rules: ForecastRules) -> pd.DataFrame:
    """One row per account and matured period of one horizon: quarter, account_id, segment, stratum, arr, churned.

    Each period has the accounts as known at its start.
    """
    left = _churned_accounts(now, rules.money)
    frames = []
    for start, accounts in _books(snapshot, list(_starts(now, rules)), rules):
        cohort = cohort_of(accounts, start.date(), rules.horizon_days)
        if len(cohort) < rules.forecast.min_accounts:
            break
        gone = left_within(left, cohort["account_id"], start, start + timedelta(days=rules.horizon_days))
        frames.append(cohort[COHORT].assign(quarter=pd.Timestamp(start), churned=gone.astype(float)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*COHORT, "quarter", "churned"])


def _books(
    snapshot: Snapshot, starts: Sequence[datetime], rules: ForecastRules
) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """The accounts under contract at each of these instants."""
    for some in at_once(snapshot, starts):
        books = book(facts_at_each(snapshot, some, rules.fixed), rules.money)
        accounts = books.select(*KEY, "status", "segment", "arr", "renewal_on").to_pandas()
        yield from ((start, accounts[accounts[AS_OF] == start]) for start in some)


def _starts(now: Facts, rules: ForecastRules) -> Iterator[datetime]:
    """Starts of the matured periods, newest first, without overlap."""
    for back in range(1, rules.forecast.quarters + 1):
        yield now.as_of - timedelta(days=rules.money.grace_days("churn", now) + back * rules.horizon_days)


def _churned_accounts(now: Facts, money: BookSettings) -> pd.DataFrame:
    return churned_accounts(now, money).select("account_id", "churned_at").to_pandas()


def left_within(left: pd.DataFrame, accounts: pd.Series, after: datetime, until: datetime) -> pd.Series:
    """Whether each account churned in (after, until]; `left`: account_id and churned_at."""
    at = pd.to_datetime(left["churned_at"])
    inside = left[(at > pd.Timestamp(after)) & (at <= pd.Timestamp(until))]
    return accounts.isin(inside["account_id"])


def forecasts(
    accounts: pd.DataFrame, past: pd.DataFrame, graded: pd.DataFrame, tested: Estimate | None, as_of: date,
    rules: ForecastRules,
) -> pd.DataFrame:  # fmt: skip
    """The forecast made at as_of: a row per segment and one for `all` (columns of the mart).

    `accounts`: the scored accounts; `past`: of `past_quarters`; `graded`: earlier forecasts with known outcome;
    `tested`: observed over expected churn of the production model on its test months.
    """
    cohort = cohort_of(accounts, as_of, rules.horizon_days)
    past_rates = history(past, rules.forecast)
    probabilities, method = _probabilities(cohort, past_rates)
    record = record_of(graded, method, rules.horizon_days)
    parts = {"all": np.ones(len(cohort), dtype=bool)}
    parts |= {str(name): (cohort["segment"] == name).to_numpy() for name in sorted(cohort["segment"].unique())}
    leaving = accounts[(accounts["status"] == "leaving") & (accounts["arr"] > 0)]
    leaving = leaving.assign(segment=leaving["segment"].fillna("no segment"))
    rows = []
    for name, mine in parts.items():
        ours = cohort[mine]
        theirs = leaving if name == "all" else leaving[leaving["segment"] == name]
        row: dict[str, Any] = {
            "made_on": as_of, "segment": name, "horizon_end": as_of + timedelta(days=rules.horizon_days),
            "method": method, "accounts": len(ours), "arr": float(ours["arr"].sum()),
            "leaving_accounts": len(theirs), "leaving_arr": float(theirs["arr"].sum()),
        }  # fmt: skip
        if method != NONE:
            first = [_as_quarter(tested)] if method == MODEL and tested is not None and name == "all" else []
            found, quarters = _belief(name, method, past_rates, [*record.get(name, []), *first], rules.forecast)
            arr = ours["arr"].to_numpy(dtype=float)
            row |= _expected(probabilities[mine], arr, found, quarters, rules.forecast)
        rows.append(row)
    return pd.DataFrame(_adding_up(rows))


def _adding_up(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all accounts and of the segments, the segments' scaled to add up to the first (raking).

    All accounts have more quarters and the test months behind their level; a segment's own level says how much of the
    total is its share. Bounds are scaled with it, and the level with the accounts.
    """
    whole, *parts = rows
    factors = {
        what: whole[f"{what}_expected"] / total if total > 0 else 1.0
        for what in ("accounts", "arr")
        if whole["method"] != NONE
        for total in [sum(part[f"{what}_expected"] for part in parts)]
    }
    for part in parts:
        for what, factor in factors.items():
            part |= {f"{what}_{bound}": factor * part[f"{what}_{bound}"] for bound in ("expected", "low", "high")}
            part[f"{what}_high"] = min(part[f"{what}_high"], float(part[what]))
        if factors:
            part["level"] *= factors["accounts"]
    return [whole, *parts]


def _probabilities(cohort: pd.DataFrame, past_rates: History | None) -> tuple[Floats, str]:
    """Each account's probability, and its source; an account without a model's probability has the base rate."""
    risk: Floats = cohort["churn_risk"].to_numpy(dtype=float)
    scored = np.isfinite(risk)
    if not scored.any():
        return (past_rates.probabilities(cohort["stratum"]), HISTORY) if past_rates else (risk, NONE)
    usual: Floats = (
        past_rates.probabilities(cohort["stratum"]) if past_rates else np.full(len(risk), float(risk[scored].mean()))
    )
    probabilities: Floats = np.where(scored, risk, usual)
    return probabilities, MODEL


def _belief(
    name: str, method: str, past_rates: History | None, record: Sequence[Quarter], rules: ForecastSettings
) -> tuple[Belief, int]:  # fmt: skip
    """Level and spread for one segment, and the number of quarters behind them.

    The company's own history shows how much its quarters vary, also if a model gives the probabilities; the level of a
    model comes from its test months and from its own earlier forecasts.
    """
    own = past_rates.quarters.get(name, []) if past_rates else []
    spreads = prior_spreads(rules)
    by_history = belief(own, NO_LEVEL, spreads, rules)
    if method == HISTORY:
        return by_history, len(own)
    return belief(record, rules.model_level, spreads_of(by_history), rules), len(record)


def _as_quarter(tested: Estimate) -> Quarter:
    """Expected and observed churn whose ratio has the same precision: its variance is ratio / expected."""
    error = (tested.high - tested.low) / (2.0 * float(scipy.stats.norm.ppf(0.95)))
    expected = tested.value / error**2
    return Quarter(expected, expected * tested.value)


def _expected(
    probabilities: Floats, arr: Floats, found: Belief,
    quarters: int, rules: ForecastSettings,
) -> dict[str, Any]:  # fmt: skip
    said: Forecast = forecast(probabilities, arr, found, rules, SEED)
    return {
        "confidence": rules.confidence, "accounts_by_chance": float(probabilities.sum()),
        "level": found.level, "spread": found.spread, "quarters": quarters,
        **{f"{what}_{bound}": getattr(estimate, {"expected": "value"}.get(bound, bound))
           for what, estimate in (("accounts", said.accounts), ("arr", said.arr))
           for bound in ("expected", "low", "high")},
    }  # fmt: skip


def graded_forecasts(
    marts: Path, as_of: date, now: Facts, rules: ForecastRules
) -> tuple[pd.DataFrame, tuple[str, ...]]:  # fmt: skip
    """Earlier forecasts with their known outcome, and the partitions that were read, for the run_id.

    The accounts are those published then.
    """
    left = _churned_accounts(now, rules.money)
    oldest = as_of - timedelta(days=rules.forecast.graded_days)
    frames, used = [], []
    for day in dates(marts, "forecast"):
        if not oldest <= day < as_of or day not in dates(marts, "health_scores"):
            continue
        made = read(marts, "forecast", day)
        made = made[pd.to_datetime(made["made_on"]).dt.date == day]
        end = made["horizon_end"].max() if len(made) else None
        if end is None or end + timedelta(days=rules.money.grace_days("churn", now)) > as_of:
            continue
        scores = read(marts, "health_scores", day, ["account_id", "status", "segment", "arr", "renewal_on", "run_id"])
        used += [f"{name}/{day}/{frame['run_id'].iloc[0]}" for name, frame in _named(made, scores) if len(frame)]
        frames.append(_with_outcome(made, scores, left, day, end))
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return found, tuple(used)


def _named(made: pd.DataFrame, scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "forecast", made
    yield "health_scores", scores


def _with_outcome(
    made: pd.DataFrame, scores: pd.DataFrame, left: pd.DataFrame, day: date, end: date
) -> pd.DataFrame:  # fmt: skip
    """The rows of one forecast with churned accounts, their ARR, and whether both are within the interval."""
    start, until = (datetime.combine(d, time(0)) for d in (day, end))
    cohort = cohort_of(scores, day, (end - day).days)
    gone = cohort[left_within(left, cohort["account_id"], start, until)]
    actual = {name: (len(part), float(part["arr"].sum())) for name, part in gone.groupby("segment")}
    actual["all"] = (len(gone), float(gone["arr"].sum()))
    pairs = [actual.get(name, (0, 0.0)) for name in made["segment"]]
    found = made.drop(columns=["run_id", "code_version"]).assign(
        accounts_actual=[n for n, _ in pairs], arr_actual=[arr for _, arr in pairs]
    )
    for what in ("accounts", "arr"):
        inside = found[f"{what}_actual"].between(found[f"{what}_low"], found[f"{what}_high"])
        found[f"{what}_inside"] = inside.astype("boolean").where(found[f"{what}_low"].notna())
    return found


def record_of(graded: pd.DataFrame, method: str, apart_days: int) -> dict[str, list[Quarter]]:
    """Expected and observed churn of earlier forecasts by segment, newest first, without overlap."""
    record: dict[str, list[Quarter]] = {}
    if graded.empty or method == NONE:
        return record
    ours = graded[(graded["method"] == method) & graded["accounts_by_chance"].notna()]
    for name, rows in ours.groupby("segment"):
        last: date | None = None
        for row in rows.sort_values("made_on", ascending=False).itertuples():
            if last is None or (last - row.made_on).days >= apart_days:
                record.setdefault(str(name), []).append(
                    Quarter(float(row.accounts_by_chance), float(row.accounts_actual))
                )
                last = row.made_on
    return record
