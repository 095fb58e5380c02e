"""The response protocol: five steps, each with a deadline; what people did, and what they missed (ALR-2).

A later step fulfills the earlier ones: whoever calls the customer at once has seen the alert. Deadlines are those of
the account's case. A breach is recorded once, and each breach of a case escalates one level further.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from keepwell.playbook.alerts.cases import by_step, cases_of, due_steps
from keepwell.playbook.alerts.ledger_events import PIPELINE, STEPS, Alert, LedgerEvent, alerts_at, event_of, fold
from keepwell.playbook.settings import AlertSettings
from keepwell.playbook.working_hours import after, between


@dataclass(frozen=True)
class Step:
    """A step that was taken or missed; the fields are the columns of the mart `alert_steps`."""

    alert_id: str
    account_id: str
    step: str
    due_at: datetime
    done_at: datetime | None
    by: str | None
    note: str | None
    breached: bool
    escalated_to: str | None


def step_events(
    alert: Alert, done: Collection[str], step: str, at: datetime, by: str, note: str = ""
) -> list[LedgerEvent]:  # fmt: skip
    """The events of a person's step and of the earlier steps that it fulfills; none if it was taken already.

    An assessment by the CSM counts as the review of a rule that notifies the CSM alone.
    """
    if step in done:
        return []
    fulfilled = list(STEPS[: STEPS.index(step) + 1]) if step in STEPS else [step]
    if "assess" in fulfilled and alert.due_review and alert.recipients == ("csm",):
        fulfilled.append("review")
    return [
        event_of(
            alert, "done", at, by, {"step": name} | ({"with": step} if name != step else {"note": note} if note else {})
        )
        for name in fulfilled
        if name not in done
    ]


def breaches(
    history: Sequence[LedgerEvent], now: datetime, settings: AlertSettings, unsent: Collection[str] = ()
) -> list[LedgerEvent]:
    """Every deadline of a case missed by `now` and not recorded yet: the step was late or is still missing.

    What fell due after the case was closed, or while its account is missing, is no breach; nor is anything that an
    `unsent` alert asks for: nobody has heard of it. Each breach goes to the next role of `settings.escalation`.
    """
    found = []
    for case in cases_of(history, now, unsent):
        up = sum(d.missed for d in case.deadlines)
        until = min(now, case.closed_at or now, case.missing_since or now)
        for deadline in sorted(case.deadlines, key=lambda d: (d.due, d.step)):
            if deadline.late and deadline.due <= until and not deadline.missed:
                to = settings.escalation[min(up, len(settings.escalation) - 1)]
                up += 1
                about = {"step": deadline.step, "due_at": deadline.due.isoformat(), "escalated_to": to}
                found.append(event_of(deadline.alert, "breached", now, PIPELINE, about))
    return found


def notified_late(
    history: Sequence[LedgerEvent], sent: Mapping[str, datetime], now: datetime, settings: AlertSettings
) -> list[LedgerEvent]:
    """Deadlines of alerts whose first message left later than they assume: they start when it left, or a snooze ends.

    What the pipeline delivers late does not count against people (ALR-7). `sent`: when that was, by alert. An older
    ledger does not say what its deadlines assume; they stay.
    """
    opened = {e.alert_id: e.payload for e in history if e.kind in ("opened", "released") and "notified_at" in e.payload}
    known = {e.alert_id for e in history if e.kind == "notified"}
    found = []
    for alert in fold(history, now).values():
        about, left = opened.get(alert.alert_id), sent.get(alert.alert_id)
        if about is None or left is None or alert.alert_id in known or alert.closed_at is not None:
            continue
        begins = datetime.fromisoformat(about["notified_at"])
        if left - begins > timedelta(minutes=settings.prompt_minutes):
            hours = settings.hours_of(alert.owner)
            snoozes = [e.payload["until"] for e in history if e.kind == "snoozed" and e.alert_id == alert.alert_id]
            start = max([left, *map(datetime.fromisoformat, snoozes)])
            given = {s: between(begins, datetime.fromisoformat(at), hours) for s, at in about["due"].items()}
            due = {s: after(start, so_many, hours).isoformat() for s, so_many in given.items()}
            found.append(event_of(alert, "notified", now, PIPELINE, {"due": due}))
    return found


def paused(alert: Alert, at: datetime, until: datetime, settings: AlertSettings) -> dict[str, str]:
    """The deadlines of an alert that is to be paused from `at` to `until`: as many working hours are left after it.

    Only what a running snooze does not cover already is added. A deadline that has passed stays.
    """
    hours = settings.hours_of(alert.owner)
    begins = max(at, alert.snoozed_until or at)
    ends = max(until, begins)
    return {
        step: after(ends, between(begins, due, hours), hours).isoformat() for step, due in due_steps(alert) if due > at
    }


def steps_at(history: Sequence[LedgerEvent], as_of: datetime) -> list[Step]:
    """The steps taken or missed by `as_of` of the alerts that the mart `alerts` shows then."""
    known = [event for event in history if event.as_of <= as_of]
    done, missed = by_step(known, "done"), by_step(known, "breached")
    return [
        _step(alert, step, due, done[alert.alert_id].get(step), missed[alert.alert_id].get(step))
        for alert in alerts_at(known, as_of)
        for step, due in due_steps(alert)
        if step in done[alert.alert_id] or step in missed[alert.alert_id]
    ]


def step_table(steps: Sequence[Step]) -> pa.Table:
    """The mart `alert_steps` (beside as_of, run_id and code_version)."""
    return pa.Table.from_pylist([asdict(step) for step in steps], schema=STEP_SCHEMA)


_TEXT, _INSTANT = pa.string(), pa.timestamp("us")
STEP_SCHEMA = pa.schema(
    {
        "alert_id": _TEXT, "account_id": _TEXT, "step": _TEXT, "due_at": _INSTANT, "done_at": _INSTANT, "by": _TEXT,
        "note": _TEXT, "breached": pa.bool_(), "escalated_to": _TEXT,
    }
)  # fmt: skip


def _step(alert: Alert, step: str, due: datetime, done: LedgerEvent | None, missed: LedgerEvent | None) -> Step:
    return Step(
        alert.alert_id, alert.account_id, step, datetime.fromisoformat(missed.payload["due_at"]) if missed else due,
        done.at if done else None, done.by if done else None, done.payload.get("note") if done else None,
        missed is not None, missed.payload["escalated_to"] if missed else None,
    )  # fmt: skip
