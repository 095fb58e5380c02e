"""Results of recorded interventions: which accounts stayed, which work was recorded as worked (WKL-2).

An account that stayed might have stayed without the intervention: these are rates, not effects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import scipy

from keepwell.features.facts.known import Facts
from keepwell.features.outcomes.labels import churned_accounts
from keepwell.features.settings import BookSettings
from keepwell.playbook.interventions.records import Intervention, PlanTarget
from keepwell.playbook.settings import WeeklySettings
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.operations.subjects import interventions_of
from keepwell.values.dates import spoken_day


@dataclass(frozen=True)
class Rate:
    """A share with its interval (Wilson 1927), counted by account."""

    part: int
    whole: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.part / self.whole


@dataclass(frozen=True)
class RecordedWork:
    """Interventions and plans, and the rates; None without any account."""

    interventions: Sequence[Intervention]
    plans: Sequence[PlanTarget]
    horizon_days: int
    retained: Rate | None
    worked: Rate | None
    by_kind: Mapping[str, Rate]


def rate_of(occurred: "pd.Series[bool]", confidence: float) -> Rate | None:
    """The share of True; None without rows."""
    part, whole = int(occurred.sum()), len(occurred)
    if not whole:
        return None
    bounds = scipy.stats.binomtest(part, whole).proportion_ci(confidence, method="wilson")
    return Rate(part, whole, float(bounds.low), float(bounds.high))


def recorded_work(
    facts: Facts, recorded: Sequence[Intervention], plans: Sequence[PlanTarget], horizon_days: int,
    money: BookSettings, rules: WeeklySettings,
) -> RecordedWork:  # fmt: skip
    """The rates over the interventions of `past_days` whose horizon has passed, by the last one of each account."""
    every = interventions_of(facts, recorded)
    until = facts.as_of - timedelta(days=horizon_days + money.grace_days("churn", facts))
    begun = _frame(i for i in every if until - timedelta(days=rules.past_days) < i.started_at <= until)
    left = churned_accounts(facts, money).select("account_id", "churned_at").to_pandas()
    stayed = _stayed(begun, left, horizon_days)
    kinds = begun["kind"].str.replace("_", " ") + begun["cause"].map(lambda c: f" for {c}" if c else "")
    by_kind = {str(name): rate_of(stayed[part.index], rules.confidence) for name, part in begun.groupby(kinds)}
    since = facts.as_of - timedelta(days=rules.past_days)
    ended = _frame(i for i in every if i.ended_at is not None and i.ended_at > since)
    return RecordedWork(
        [i for i in every if i.ended_at], plans, horizon_days, rate_of(stayed, rules.confidence),
        rate_of(ended["result"] == "worked", rules.confidence),
        {name: rate for name, rate in by_kind.items() if rate},
    )  # fmt: skip


def published_effects(marts: Path, as_of: date) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Churn effects with enough data in the newest `strategy_effects` before `as_of`, as items; and the partition."""
    published = [day for day in dates(marts, "strategy_effects") if day < as_of]
    if not published:
        return [], ()
    found = read(marts, "strategy_effects", published[-1])
    run_id = found["run_id"].iloc[0] if len(found) else "empty"
    sure = found[found["enough"].eq(True) & (found["outcome"] == "churned") & found["effect"].notna()]
    items = [
        {
            "subject": f"effect: {row.kind}", "value": row.effect, "low": row.low, "high": row.high, "unit": "share",
            "cases": row.treated, "text": f"{_words(row.kind)}{_of(row.root_cause, ' for ')}{_of(row.segment, ', ')}: "
            f"churn {100 * row.effect:+.0f} points ({100 * row.low:+.0f} to {100 * row.high:+.0f}), "
            f"{row.treated} accounts, estimated on {spoken_day(published[-1], as_of)}",
        }
        for row in sure.sort_values(["effect", "kind", "root_cause", "segment"]).itertuples()
    ]  # fmt: skip
    return items, (f"strategy_effects/{published[-1]}/{run_id}",)


def _of(name: str, before: str) -> str:
    return "" if name == "all" else before + _words(name)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _frame(interventions: Any) -> pd.DataFrame:
    """One row per account: its last intervention."""
    rows = [(i.account_id, i.kind, _words(i.root_cause or ""), i.started_at, i.result) for i in interventions]
    frame = pd.DataFrame(rows, columns=["account_id", "kind", "cause", "started_at", "result"], dtype=object)
    return frame.drop_duplicates("account_id", keep="last").reset_index(drop=True)


def _stayed(begun: pd.DataFrame, left: pd.DataFrame, horizon_days: int) -> "pd.Series[bool]":
    """Whether the account did not churn within the horizon."""
    both = begun[["account_id", "started_at"]].merge(left, on="account_id")
    start, at = pd.to_datetime(both["started_at"]), pd.to_datetime(both["churned_at"])
    gone = both[(at > start) & (at <= start + pd.Timedelta(days=horizon_days))]
    return ~begun["account_id"].isin(gone["account_id"])
