"""The response protocol: five steps, each with a deadline; what people did, and what they missed (ALR-2).

A later step fulfills the earlier ones: whoever calls the customer at once has seen the alert. A breach is recorded
once, and each breach of an alert escalates one level further.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pyarrow as pa

from keepwell.playbook.alerts.ledger_events import PIPELINE, STEPS, Alert, LedgerEvent, alerts_at, event_of, fold

ESCALATION = ("csm", "manager", "director", "executive")
"""Who is notified of a breach, one level up at a time."""


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


def breaches(history: Sequence[LedgerEvent], now: datetime) -> list[LedgerEvent]:
    """Every deadline missed by `now` and not recorded yet: the step was late or is still missing.

    What fell due after an alert was closed, or while its account is missing, is no breach.
    """
    done, missed = by_step(history, "done"), by_step(history, "breached")
    found = []
    for alert in fold(history, now).values():
        up = len(missed[alert.alert_id])
        for step, due in sorted(due_steps(alert), key=lambda s: (s[1], s[0])):
            was = done[alert.alert_id].get(step)
            late = was is None or was.at > due
            until = min(now, alert.closed_at or now, alert.missing_since or now)
            if late and due <= until and step not in missed[alert.alert_id]:
                up += 1
                to = ESCALATION[min(up, len(ESCALATION) - 1)]
                about = {"step": step, "due_at": due.isoformat(), "escalated_to": to}
                found.append(event_of(alert, "breached", now, PIPELINE, about))
    return found


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


def due_steps(alert: Alert) -> Iterator[tuple[str, datetime]]:
    """Each step of an alert with its deadline."""
    for step in (*STEPS, "review"):
        due = getattr(alert, f"due_{step}")
        if due is not None:
            yield step, due


def next_due(alert: Alert, done: Collection[str]) -> dict[str, datetime | str]:
    """The next step that is open, and its deadline; empty where every one is taken."""
    waiting = [(due, step) for step, due in due_steps(alert) if step not in done]
    due, step = min(waiting, default=("", ""))
    return {"next": step, "due": due}


def by_step(history: Iterable[LedgerEvent], kind: str) -> Mapping[str, Mapping[str, LedgerEvent]]:
    """The events of a kind by alert and step."""
    found: dict[str, dict[str, LedgerEvent]] = defaultdict(dict)
    for event in history:
        if event.kind == kind:
            found[event.alert_id][event.payload["step"]] = event
    return found


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
