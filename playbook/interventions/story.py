"""What happened about one account, in order, as the ledger's events tell it (ALR-5, MON-3)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keepwell.playbook.alerts.ledger_events import LedgerEvent
from keepwell.playbook.interventions.records import PlanTarget, WorkEvent, follow_ups_at, interventions_at


@dataclass(frozen=True)
class Line:
    """One thing that happened: when, about which alert (or intervention, plan, nothing), what, and who did it."""

    at: datetime
    alert_id: str
    what: str
    by: str


def alert_lines(history: Iterable[LedgerEvent], account: str, as_of: datetime) -> list[Line]:
    """The account's lines up to `as_of`, oldest first; steps that a later one fulfilled are not told apart."""
    events = [e for e in history if e.account_id == account and e.as_of <= as_of and e.kind in WORDS]
    entries = [e for e in events if "with" not in e.payload]
    return [Line(e.at, e.alert_id, WORDS[e.kind](e), e.by) for e in sorted(entries, key=_order)]


def work_lines(events: Iterable[WorkEvent], account: str, as_of: datetime) -> list[Line]:
    """What people did for the account up to `as_of`, oldest first."""
    seen = [e for e in events if e.account_id == account and max(e.as_of, e.at) <= as_of and e.kind in WORK]
    order = list(WORK)
    seen.sort(key=lambda e: (e.at, order.index(e.kind), e.event_id))
    lines = [(e, WORK[e.kind](e.payload)) for e in seen]
    notes = {e.event_id: f": {e.payload['note']}" if e.payload.get("note") else "" for e in seen}
    return [Line(e.at, e.subject or "", what + notes[e.event_id], e.by) for e, what in lines]


def open_work(events: Iterable[WorkEvent], plans: Iterable[PlanTarget], account: str, as_of: datetime) -> list[str]:
    """What is begun and not over: running interventions, open targets, follow-ups of today and later.

    `plans`: every target as it is graded.
    """
    own = [event for event in events if event.account_id == account]
    return [
        *(
            f"{i.intervention_id[:8]}  {i.kind}{f' for {i.root_cause}' if i.root_cause else ''}, "
            f"since {i.started_at:%Y-%m-%d %H:%M}, {i.by}"
            for i in interventions_at(own, as_of)
            if i.ended_at is None
        ),
        *(
            f"{p.plan_id[:8]}  {p.metric} {'at least' if p.rising else 'at most'} {p.target:g} by {p.due}, {p.owner}"
            for p in plans
            if p.account_id == account and p.status == "open"
        ),
        *(
            f"{'':8}  follow-up on {f.due}{f': {f.note}' if f.note else ''}, {f.by}"
            for f in follow_ups_at(own, as_of)
            if f.due >= as_of.date()
        ),
    ]


def _order(event: LedgerEvent) -> tuple[datetime, str, str]:
    return event.at, str(event.payload.get("due_at", "")), event.event_id


def _opened(event: LedgerEvent) -> str:
    hold = ", on hold for a data alert" if event.payload.get("held_by") else ""
    return f"{event.rule} opened{hold}: {event.payload['detail']}"


def _snoozed(event: LedgerEvent) -> str:
    until = datetime.fromisoformat(event.payload["until"])
    return f"{event.rule} sleeps until {until:%Y-%m-%d %H:%M}: {event.payload['reason']}"


def _done(event: LedgerEvent) -> str:
    note = event.payload.get("note")
    return f"{event.rule}, {event.payload['step']}" + (f": {note}" if note else "")


def _breached(event: LedgerEvent) -> str:
    due = datetime.fromisoformat(event.payload["due_at"])
    return (
        f"{event.rule}, {event.payload['step']} missed (due {due:%m-%d %H:%M}), told to {event.payload['escalated_to']}"
    )


WORDS: Mapping[str, Callable[[LedgerEvent], str]] = {
    "opened": _opened,
    "released": lambda event: f"{event.rule} released: {event.payload['reason']}",
    "snoozed": _snoozed,
    "done": _done,
    "breached": _breached,
    "cause_gone": lambda event: f"{event.rule}: the cause is gone",
    "cause_back": lambda event: f"{event.rule}: the cause is back",
    "closed": lambda event: f"{event.rule} closed: {event.payload['reason']}",
}


def _planned(given: Mapping[str, Any]) -> str:
    was = f" (was {given['baseline']:.4g})" if given.get("baseline") is not None else ""
    wanted = f"{'at least' if given['rising'] else 'at most'} {given['target']:g}"
    return f"plan: {given['metric']} {wanted}{was} by {given['due']}"


def _progressed(given: Mapping[str, Any]) -> str:
    said = [f"now {given['value']:g}"] if given.get("value") is not None else []
    return ", ".join(["plan", *said, *([given["status"]] if given.get("status") else [])])


WORK: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "called": lambda given: f"call, {given['outcome']}",
    "caused": lambda given: f"root cause {given['cause']}",
    "started": lambda given: f"{given['kind']} begins" + (f" for {given['cause']}" if given.get("cause") else ""),
    "ended": lambda given: f"over, {given['result']}",
    "planned": _planned,
    "progressed": _progressed,
    "follow_up": lambda given: f"follow-up promised for {given['due']}",
    "overridden": lambda given: f"health set to {given['health']:g} until {given['until']}: {given['reason']}",
    "lifted": lambda given: f"health is the computed one again: {given['reason']}",
    "drawn": lambda given: f"lot of the calls: {'left alone' if given['held_out'] else 'called'}",
    "noted": lambda given: f"note until {given['until']}: {given['text']}",
}
