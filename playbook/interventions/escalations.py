"""Accounts that need an executive, and the request to them (MON-4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from keepwell.playbook.alerts.ledger_events import Alert
from keepwell.playbook.interventions.records import Intervention, PlanTarget, formatted
from keepwell.playbook.settings import EscalationSettings
from keepwell.values.dates import spoken_day

CRITICAL, URGENT = "critical", "immediate"


@dataclass(frozen=True)
class Escalation:
    """One reason to involve an executive in one account: since when, what happened, and the request."""

    account_id: str
    reason: str
    subject: str
    since: datetime
    what: str
    asked: str


def escalations(
    accounts: Iterable[Mapping[str, Any]],
    alerts: Iterable[Alert],
    missed: Mapping[str, Sequence[str]],
    plans: Iterable[PlanTarget],
    work: Iterable[Intervention],
    as_of: datetime,
    rules: EscalationSettings,
) -> list[Escalation]:
    """High-value accounts that are critical or urgent, with a missed deadline, a missed plan or a failed intervention.

    `accounts`: rows of the mart health_scores; `missed`: the steps that were missed, by alert. The largest ARR first,
    then the longest wait.
    """
    urgent = {row["account_id"]: row for row in accounts if row["high_value"] and _is_urgent(row)}
    since = as_of - timedelta(days=rules.recent_days)
    breached = [a for a in alerts if a.account_id in urgent and a.breached and a.closed_at is None]
    failed = [(w, w.ended_at) for w in work if w.account_id in urgent and w.result == "failed" and w.ended_at]
    lacking = [p for p in plans if p.account_id in urgent and _was_missed(p, as_of.date(), since.date())]
    found = [
        *(_of_alert(alert, missed.get(alert.alert_id, ()), urgent) for alert in breached),
        *(_of_plan(plan, urgent) for plan in lacking),
        *(_of_work(one, ended_at, urgent) for one, ended_at in failed if ended_at >= since),
    ]
    return sorted(found, key=lambda e: (-urgent[e.account_id]["arr"], e.account_id, e.since, e.reason, e.subject))


def _is_urgent(row: Mapping[str, Any]) -> bool:
    return bool(row["band"] == CRITICAL or row["tier"] == URGENT)


def _was_missed(plan: PlanTarget, today: date, since: date) -> bool:
    """Recorded as missed, or overdue without a recorded status."""
    return since <= plan.due and (plan.status == "missed" or (plan.status == "open" and plan.due < today))


def _of_alert(alert: Alert, steps: Sequence[str], urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named = _named(urgent[alert.account_id])
    what = (
        f"Alert open since {spoken_day(alert.opened_at)}: {alert.detail}. "
        f"Missed: {', '.join(step.replace('_', ' ') for step in steps)}."
    )
    asked = f"Find out with {alert.owner} what blocks the response, and call the sponsor at {named}."
    return Escalation(alert.account_id, "alert", alert.alert_id, alert.opened_at, what, asked)


def _of_plan(plan: PlanTarget, urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named = _named(urgent[plan.account_id])
    progress = "no value is recorded" if plan.value is None else f"it is at {formatted(plan.value)}"
    what = (
        f"Success plan missed: {plan.metric.replace('_', ' ')} {plan.target:g} by {spoken_day(plan.due)}; {progress}."
    )
    asked = f"Decide with {plan.owner} what to offer {named} now, and agree on it with their sponsor."
    return Escalation(plan.account_id, "plan", plan.plan_id, datetime.combine(plan.due, time(0)), what, asked)


def _of_work(work: Intervention, ended_at: datetime, urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named, kind = _named(urgent[work.account_id]), work.kind.replace("_", " ")
    cause = f" for {work.root_cause.replace('_', ' ')}" if work.root_cause else ""
    what = f"{kind.capitalize()}{cause} by {work.by} failed on {spoken_day(ended_at)}."
    asked = f"Offer {named} something other than {kind}, executive to executive."
    return Escalation(work.account_id, "intervention", work.intervention_id, ended_at, what, asked)


def _named(row: Mapping[str, Any]) -> str:
    return str(row["name"] or row["account_id"])
