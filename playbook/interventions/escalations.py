"""Which accounts need an executive, and what is asked of them (MON-4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from keepwell.playbook.alerts.ledger_events import Alert
from keepwell.playbook.interventions.records import Intervention, PlanTarget, formatted
from keepwell.playbook.settings import EscalationSettings

CRITICAL, URGENT = "critical", "immediate"


@dataclass(frozen=True)
class Escalation:
    """One reason to ask an executive about one account: since when, what happened, what is asked."""

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
    """High-value accounts that are critical or urgent, and whose alert breached, plan missed or intervention failed.

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
    """Said to be missed, or past its day with nobody's word on it."""
    return since <= plan.due and (plan.status == "missed" or (plan.status == "open" and plan.due < today))


def _of_alert(alert: Alert, steps: Sequence[str], urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named = _named(urgent[alert.account_id])
    what = f"Alert {alert.rule} is open since {alert.opened_at:%Y-%m-%d} ({alert.detail}); missed: {', '.join(steps)}."
    asked = f"See with {alert.owner} what holds the answer up, and speak to the sponsor at {named} yourself."
    return Escalation(alert.account_id, "alert", alert.alert_id, alert.opened_at, what, asked)


def _of_plan(plan: PlanTarget, urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named = _named(urgent[plan.account_id])
    progress = "nobody said where it stands" if plan.value is None else f"it stands at {formatted(plan.value)}"
    what = f"The plan wanted {plan.metric} at {plan.target:g} by {plan.due}; {progress}."
    asked = f"Decide with {plan.owner} what {named} is offered now, and agree it with their sponsor."
    return Escalation(plan.account_id, "plan", plan.plan_id, datetime.combine(plan.due, time(0)), what, asked)


def _of_work(work: Intervention, ended_at: datetime, urgent: Mapping[str, Mapping[str, Any]]) -> Escalation:
    named, kind = _named(urgent[work.account_id]), work.kind.replace("_", " ")
    cause = f" for {work.root_cause.replace('_', ' ')}" if work.root_cause else ""
    what = f"{kind.capitalize()}{cause} by {work.by} failed on {ended_at:%Y-%m-%d}."
    asked = f"Offer {named} something else than {kind}, executive to executive."
    return Escalation(work.account_id, "intervention", work.intervention_id, ended_at, what, asked)


def _named(row: Mapping[str, Any]) -> str:
    return str(row["name"] or row["account_id"])
