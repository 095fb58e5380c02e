"""Recorded work goes to the work ledger, and counts as a step of the alerts that it answers (MON-3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from keepwell.playbook.interventions.records import WorkEvent, work_event
from keepwell.tasks.ledger.alert_responses import respond_for
from keepwell.tasks.ledger.store import Ledger


@dataclass(frozen=True)
class Recorded:
    """What was new: lines of work, and alerts for which a step was recorded, by step."""

    events: Sequence[WorkEvent]
    steps: dict[str, Sequence[str]]


def record(ledger: Ledger, events: Sequence[WorkEvent], now: datetime, *, answer: bool = True) -> Recorded:
    """Write the lines; a call that reached the customer and a plan also count as steps of the account's open alerts.

    Steps follow for existing lines too: after a kill in between, recording again repairs it.
    """
    added = ledger.record_work(events)
    steps: dict[str, list[str]] = {}
    for event in events if answer else ():
        if (step := answered(event)) is not None:
            said = str(event.payload.get("note") or event.payload.get("metric") or event.payload.get("outcome"))
            for taken in respond_for(ledger, event.account_id, step, now, event.at, event.by, said):
                if taken.payload["step"] == step:
                    steps.setdefault(step, []).append(taken.alert_id)
    return Recorded(added, {step: tuple(alerts) for step, alerts in steps.items()})


def answered(event: WorkEvent) -> str | None:
    """The response step that a line of work counts as: contact, plan, or none."""
    if event.kind == "called" and event.payload["reached"]:
        return "contact"
    return "plan" if event.kind == "planned" else None


def sign(ledger: Ledger, week: date, now: datetime, by: str, note: str = "") -> bool:
    """Sign off that the calls of a week are recorded; False if already signed off."""
    signed = [e for e in ledger.work() if e.kind == "signed" and e.subject == week.isoformat()]
    said = {"note": note} if note else {}
    event = work_event("signed", "", week.isoformat(), now, now, by, said, ledger.company)
    return not signed and bool(ledger.record_work([event]))


def summary_of(events: Sequence[WorkEvent], found: Recorded) -> dict[str, object]:
    """A short summary: number of new lines, the single line's account and id, the alerts answered."""
    said: dict[str, object] = {"recorded": len(found.events), "already recorded": len(events) - len(found.events)}
    if len(events) == 1:
        said |= {"account": events[0].account_id}
        said |= {"id": events[0].subject} if events[0].subject else {}
        said |= _baseline(events[0])
    return said | {f"alerts, {step}": ", ".join(sorted(a[:8] for a in alerts)) for step, alerts in found.steps.items()}


def _baseline(event: WorkEvent) -> dict[str, object]:
    """The metric's value when the target was set, and whether it already meets the target."""
    if event.kind != "planned" or (was := event.payload["baseline"]) is None:
        return {}
    met = was >= event.payload["target"] if event.payload["rising"] else was <= event.payload["target"]
    return {"baseline": round(was, 2)} | ({"met already": "yes"} if met else {})
