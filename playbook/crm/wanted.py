"""What a CRM should hold: account scores, and a task per alert, call, intervention, target and follow-up."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from keepwell.playbook.alerts.ledger_events import BOOK, Alert, LedgerEvent, fold, short_hash
from keepwell.playbook.crm.diff import OutboxEntry, Wanted
from keepwell.playbook.crm.settings import COMPLETED, NAMES, OPEN
from keepwell.playbook.interventions.records import (
    Call,
    FollowUp,
    WorkEvent,
    calls_at,
    follow_ups_at,
    interventions_at,
    plans_at,
)

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
SUBJECT_LENGTH, BODY_LENGTH = 255, 32_000
"""Limits of Salesforce for a task's subject and description; HubSpot takes more."""


def wanted_accounts(scores: Iterable[Mapping[str, Any]], outbox: Mapping[str, OutboxEntry]) -> list[Wanted]:
    """The scores of every account; empty values for synced accounts that are no longer under contract."""
    found = [_account(row) for row in scores]
    there = {want.key for want in found}
    empty = dict.fromkeys(NAMES["hubspot"], "")
    gone = [
        about for key, about in outbox.items()
        if about.wanted.is_account and key not in there and about.delivered and about.delivered.values != empty
    ]  # fmt: skip
    return [*found, *(Wanted(about.wanted.key, about.wanted.account_id, empty) for about in gone)]


def wanted_tasks(
    history: Sequence[LedgerEvent], work: Sequence[WorkEvent], outbox: Mapping[str, OutboxEntry], as_of: datetime,
    finished_days: int, graded: Mapping[str, str],
) -> list[Wanted]:  # fmt: skip
    """A task for everything that is open, that was finished in the last days, or that the CRM still has as open.

    Alerts about the whole portfolio and alerts on hold have no task. `graded`: status of success plan targets by
    published values, by plan; a person's status comes first.
    """
    calls = calls_at(work, as_of)
    spoken = [(c.account_id, c.at) for c in calls if c.reached] + [
        (e.account_id, e.at)
        for e in history
        if e.kind == "done" and e.payload["step"] == "contact" and max(e.as_of, e.at) <= as_of
    ]
    made = [
        *(_alert(a) for a in fold(history, as_of).values() if a.account_id != BOOK and a.on_hold_for is None),
        *(_call(call) for call in calls),
        *(_follow_up(promise, spoken) for promise in follow_ups_at(work, as_of)),
        *_interventions(work, as_of),
        *_targets(work, as_of, graded),
    ]
    since = as_of - timedelta(days=finished_days)
    return [
        want
        for want, finished in sorted(made, key=lambda pair: pair[0].key)
        if finished is None or finished >= since or _unsettled(want, outbox)
    ]


def _unsettled(want: Wanted, outbox: Mapping[str, OutboxEntry]) -> bool:
    about = outbox.get(want.key)
    return about is not None and about.delivered is not None and about.delivered.values["status"] == OPEN


def _account(row: Mapping[str, Any]) -> Wanted:
    values = {
        "health": _number(row["health"], 1), "band": _text(row["band"]), "tier": _text(row["tier"]),
        "risk": _number(row["churn_risk"], 3), "summary": _text(row["summary"], BODY_LENGTH),
        "next_action": _text(row["next_action"]), "action_due": _text(row["action_due"]),
    }  # fmt: skip
    return Wanted(f"account:{row['account_id']}", row["account_id"], values)


def _task(
    key: str, account: str, subject: str, body: str, due: object, finished: datetime | None
) -> tuple[Wanted, datetime | None]:
    """The task, and when it was finished."""
    values = {
        "subject": _text(subject), "body": _text(body, BODY_LENGTH), "due": str(due)[:10],
        "status": COMPLETED if finished else OPEN,
    }  # fmt: skip
    return Wanted(key, account, values), finished


def _alert(alert: Alert) -> tuple[Wanted, datetime | None]:
    about = f"{_words(alert.rule).capitalize()}, {alert.severity}, owner {alert.owner}. State: {_words(alert.state)}."
    body = f"{about}\nIn Keepwell: alert {alert.alert_id[:8]}"
    subject = f"Alert: {alert.detail}"
    return _task(f"alert:{alert.alert_id}", alert.account_id, subject, body, alert.due_contact, alert.closed_at)


def _call(call: Call) -> tuple[Wanted, datetime | None]:
    key = f"call:{short_hash(call.account_id, call.at.isoformat(), call.by, call.outcome, call.note)}"
    body = f"{call.note}\nBy {call.by}"
    return _task(key, call.account_id, f"Call: {_words(call.outcome)}", body, call.at, call.at)


def _follow_up(promise: FollowUp, spoken: Iterable[tuple[str, datetime]]) -> tuple[Wanted, datetime | None]:
    """Completed by the next contact with the customer."""
    about = (promise.account_id, str(promise.due), promise.at.isoformat(), promise.by, promise.note)
    later = (at for account, at in spoken if account == promise.account_id and at > promise.at)
    body = f"{promise.note}\nPromised by {promise.by}"
    key = f"follow_up:{short_hash(*about)}"
    return _task(key, promise.account_id, "Follow up", body, promise.due, min(later, default=None))


def _interventions(work: Sequence[WorkEvent], as_of: datetime) -> Iterable[tuple[Wanted, datetime | None]]:
    for one in interventions_at(work, as_of):
        result = f"\nResult: {_words(one.result)}" if one.result else ""
        body = f"{one.note}\nRoot cause: {_words(one.root_cause or 'unknown')}. By {one.by}{result}"
        subject = f"Intervention: {_words(one.kind)}"
        key = f"intervention:{one.intervention_id}"
        yield _task(key, one.account_id, subject, body, one.ended_at or one.started_at, one.ended_at)


def _targets(
    work: Sequence[WorkEvent], as_of: datetime, graded: Mapping[str, str]
) -> Iterable[tuple[Wanted, datetime | None]]:
    for plan in plans_at(work, as_of):
        status = plan.status if plan.status != "open" else graded.get(plan.plan_id, "open")
        settled = plan.progressed_at if plan.status != "open" else datetime.combine(plan.due, time(0))
        way = "at least" if plan.rising else "at most"
        reached = f"\nCurrent value: {plan.value:g}" if plan.value is not None else ""
        body = f"{plan.note}\nOwner {plan.owner}, {status}{reached}"
        subject = f"Success plan: {_words(plan.metric)} {way} {plan.target:g}"
        finished = settled if status != "open" else None
        yield _task(f"plan:{plan.plan_id}", plan.account_id, subject, body, plan.due, finished)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None, decimals: int) -> str:
    """As both CRMs give it back: 72.5 and 72, never 72.0 or -0; "" where it is not known."""
    if value is None or value != value:  # noqa: PLR0124 NaN is what it is not
        return ""
    return f"{round(value, decimals) + 0.0:g}"


def _text(value: object, length: int = SUBJECT_LENGTH) -> str:
    """One value as both CRMs keep it: no control characters but new lines, no space at the ends, cut to length."""
    if value is None or value != value:  # noqa: PLR0124 as above
        return ""
    return CONTROL.sub(" ", str(value)).strip()[:length].strip()
