"""The leadership summary at the month's end: portfolio since its start, work, churn, decisions (MON-4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings
from keepwell.playbook.alerts.ledger_events import RISK, Alert
from keepwell.playbook.interventions.escalations import Escalation
from keepwell.playbook.interventions.records import RESULTS, Intervention
from keepwell.playbook.interventions.suggestions import SIGNIFICANT, Suggestion
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.learning.audit_facts import churned_since

BEFORE = ("account_id", "name", "segment", "csm", "arr", "band", "run_id")
FORECAST = ("segment", "horizon_end", "accounts_expected", "accounts_low", "accounts_high", "arr_expected", "arr_low",
            "arr_high", "run_id")  # fmt: skip
WARNED_DAYS = 365
"""Days before the churn in which an alert counts as having warned of it."""


@dataclass(frozen=True)
class Leadership:
    """The month in metrics and sentences.

    `bands`: accounts and ARR now and before, by band. `joined`, `ended`: new accounts and accounts no longer under
    contract, and their ARR. `lost`: accounts whose churn became known in the month, mostly by a notice, with the
    reason on record and the first alert before it. `unswept`: missed deadlines of cases that a sweep would record, and
    that no sweep has. `work`: by
    kind, interventions started in the month and their results. `effects`: the mart. `forecast`: the newest one for all
    accounts, empty without one. `compared`: whether the scores of the month's first day are stored.
    """

    as_of: date
    first: date
    currency: str
    bands: pd.DataFrame
    compared: bool
    joined: tuple[int, float]
    ended: tuple[int, float]
    lost: pd.DataFrame
    unswept: int
    work: pd.DataFrame
    effects: pd.DataFrame
    notes: Sequence[str]
    uplift: Sequence[str]
    suggestions: Sequence[Suggestion]
    learnings: Sequence[Suggestion]
    escalations: Sequence[Mapping[str, Any]]
    forecast: Mapping[str, Any]
    answer_by: date
    max_items: int
    run_id: str = ""

    @property
    def significant_effects(self) -> int:
        """How many effects are significant."""
        return int(self.effects["verdict"].isin(SIGNIFICANT).sum()) if len(self.effects) else 0

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        return {
            "month_from": str(self.first),
            "lost": len(self.lost),
            "arr_lost": round(float(self.lost["arr"].sum()), 2),
            "lost_after_an_alert": int(self.lost["warned_at"].notna().sum()),
            "deadlines_unswept": self.unswept,
            "interventions": int(self.work["begun"].sum()),
            "effects_told": self.significant_effects,
            "suggestions": len(self.suggestions),
            "escalations": len(self.escalations),
        }


def stored_book(marts: Path, day: date) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """The scores published for that very day, and the partition's name for the run_id; None where there are none."""
    if day not in dates(marts, "health_scores"):
        return None, ()
    frame = read(marts, "health_scores", day, BEFORE)
    return frame, (f"health_scores/{day}/{frame['run_id'].iloc[0] if len(frame) else 'empty'}",)


def newest_forecast(marts: Path, as_of: date, oldest: timedelta) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The newest churn forecast for all accounts from before `as_of` that is not too old; empty without one.

    A forecast of the same day does not count: its review reads the effects of week 4, so reruns of the two would
    differ.
    """
    days = [day for day in dates(marts, "forecast") if as_of - oldest <= day < as_of]
    if not days:
        return {}, ()
    frame = read(marts, "forecast", days[-1])
    ahead = (frame["segment"] == "all") & (pd.to_datetime(frame["horizon_end"]) > pd.Timestamp(as_of))
    rows = frame[ahead & frame["accounts_expected"].notna()]  # a review without model and history has no forecast
    if not len(rows):
        return {}, ()
    row = rows.sort_values("horizon_end").iloc[-1].reindex(list(FORECAST)).to_dict()
    return {**row, "made_on": days[-1]}, (f"forecast/{days[-1]}/{row['run_id']}",)


def bands_of(now: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """Accounts and ARR by band, now and before (missing where nothing is stored)."""
    found = _by_band(now)
    earlier = None if before is None else _by_band(before)
    for column in ("accounts", "arr"):
        found[f"{column}_before"] = float("nan") if earlier is None else earlier[column]
    return found.rename_axis("band").reset_index()


def joined_since(now: pd.DataFrame, before: pd.DataFrame | None) -> tuple[int, float]:
    """The number of new accounts since, and their ARR."""
    if before is None:
        return 0, 0.0
    new = now[~now["account_id"].isin(before["account_id"])]
    return len(new), float(new["arr"].sum())


def ended_since(now: pd.DataFrame, before: pd.DataFrame | None) -> tuple[int, float]:
    """The number of accounts no longer under contract since, and their former ARR."""
    return (0, 0.0) if before is None else joined_since(before, now)


def lost_since(
    facts: Facts, first: date, before: pd.DataFrame | None, money: BookSettings, alerts: Iterable[Alert]
) -> pd.DataFrame:
    """Accounts churned since the month's first day, as known then: largest ARR first.

    `reason`: on record, else missing. `warned_at`: when the first alert of the year before opened; missing without one.
    """
    gone = churned_since(facts, first, money).drop_duplicates("account_id")
    columns = [c for c in BEFORE if c != "run_id"]
    known = pd.DataFrame(columns=columns) if before is None else before[columns]
    whole = gone.merge(known, on="account_id", how="left")
    whole["reason"] = whole["account_id"].map(_reasons(facts))
    whole["warned_at"] = pd.to_datetime(whole["account_id"].map(_first_alerts(whole, alerts)))
    return whole.sort_values(["arr", "account_id"], ascending=[False, True], ignore_index=True)


def _reasons(facts: Facts) -> dict[str, str]:
    """The newest reason that the company recorded, by account."""
    if not facts.has("churn_events", "reason"):
        return {}
    events = facts["churn_events"].select("account_id", "churned_on", "reason").to_pandas()
    newest = events.dropna(subset="reason").sort_values("churned_on").drop_duplicates("account_id", keep="last")
    return dict(zip(newest["account_id"].astype(str), newest["reason"].astype(str), strict=True))


def _first_alerts(lost: pd.DataFrame, alerts: Iterable[Alert]) -> dict[str, datetime]:
    """When the first alert of each account opened, of those in the year before its churn was known."""
    left = dict(zip(lost["account_id"], pd.to_datetime(lost["churned_at"]), strict=True))
    first: dict[str, datetime] = {}
    for alert in alerts:
        at = left.get(alert.account_id)
        if alert.kind == RISK and at is not None and at - timedelta(days=WARNED_DAYS) <= alert.opened_at < at:
            first[alert.account_id] = min(alert.opened_at, first.get(alert.account_id, alert.opened_at))
    return first


def work_since(interventions: Sequence[Intervention], first: date, lost: Sequence[str]) -> pd.DataFrame:
    """By kind: interventions started since, their results, those still open, and those whose account churned since."""
    start, gone = pd.Timestamp(first), set(lost)
    begun = [one for one in interventions if one.started_at >= start]
    rows = [
        {
            "kind": one.kind, "begun": 1, **{result: int(one.result == result) for result in RESULTS},
            "open": int(one.result is None), "left": int(one.account_id in gone),
        }
        for one in begun
    ]  # fmt: skip
    columns = ["begun", *RESULTS, "open", "left"]
    if not rows:
        return pd.DataFrame(columns=["kind", *columns])
    return pd.DataFrame(rows).groupby("kind")[columns].sum().reset_index()


def escalation_rows(
    found: Sequence[Escalation], accounts: pd.DataFrame, names: Sequence[str], answer_by: date
) -> list[dict[str, Any]]:
    """The mart `escalations`: each with the scored account, who is asked, and by when."""
    about = accounts.set_index("account_id")[
        ["name", "segment", "csm", "arr", "health", "band", "tier", "renewal_on", "churn_risk"]
    ]
    asked_of = ", ".join(names) or "executive"
    return [
        {
            "rank": rank, "account_id": one.account_id, **about.loc[one.account_id].to_dict(), "reason": one.reason,
            "subject": one.subject, "since": one.since, "what": one.what, "asked": one.asked, "asked_of": asked_of,
            "answer_by": answer_by,
        }
        for rank, one in enumerate(found, start=1)
    ]  # fmt: skip


def _by_band(book: pd.DataFrame) -> pd.DataFrame:
    sums = book.groupby("band").agg(accounts=("account_id", "count"), arr=("arr", "sum"))
    return sums.reindex(BANDS, fill_value=0)
