"""The history of one account in order, from the ledger's events (ALR-5, MON-3)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from keepwell.playbook.alerts.ledger_events import LedgerEvent
from keepwell.playbook.alerts.own_rules import name_of
from keepwell.playbook.interventions.records import PlanTarget, WorkEvent, follow_ups_at, interventions_at
from keepwell.values.dates import spoken_day, spoken_minute


@dataclass(frozen=True)
class Line:
    """One event: when, about which alert (or intervention, plan, nothing), what, and by whom."""

    at: datetime
    alert_id: str
    what: str
    by: str


def alert_lines(history: Iterable[LedgerEvent], account: str, as_of: datetime) -> list[Line]:
    """The account's alert events up to `as_of`, oldest first.

    A step that a later one fulfilled has no line, and what a person did to a case has one for all of its alerts.
    """
    events = [e for e in history if e.account_id == account and e.as_of <= as_of and e.kind in WORDS]
    entries = sorted((e for e in events if "with" not in e.payload), key=_order)
    of_cases = {(e.kind, e.at, e.by, e.payload.get("step")): e for e in reversed(entries) if e.kind in OF_CASES}
    first = {e.event_id for e in of_cases.values()}
    return [
        Line(e.at, e.alert_id, WORDS[e.kind](e), e.by) for e in entries if e.kind not in OF_CASES or e.event_id in first
    ]


def work_lines(events: Iterable[WorkEvent], account: str, as_of: datetime) -> list[Line]:
    """What people did for the account up to `as_of`, oldest first."""
    seen = [e for e in events if e.account_id == account and max(e.as_of, e.at) <= as_of and e.kind in WORK]
    order = list(WORK)
    seen.sort(key=lambda e: (e.at, order.index(e.kind), e.event_id))
    lines = [(e, WORK[e.kind](e.payload)) for e in seen]
    notes = {e.event_id: f": {e.payload['note']}" if e.payload.get("note") else "" for e in seen}
    return [Line(e.at, e.subject or "", what + notes[e.event_id], e.by) for e, what in lines]


def open_work(events: Iterable[WorkEvent], plans: Iterable[PlanTarget], account: str, as_of: datetime) -> list[str]:
    """Open work: running interventions, open targets, follow-ups of today and later.

    `plans`: every target as it is graded.
    """
    own = [event for event in events if event.account_id == account]
    return [
        *(
            f"{i.intervention_id[:8]}  {_words(i.kind)}{f' for {_words(i.root_cause)}' if i.root_cause else ''}, "
            f"since {spoken_day(i.started_at, as_of)}, {i.by}"
            for i in interventions_at(own, as_of)
            if i.ended_at is None
        ),
        *(
            f"{p.plan_id[:8]}  {_words(p.metric)} {'at least' if p.rising else 'at most'} {p.target:g} "
            f"by {spoken_day(p.due, as_of)}, {p.owner}"
            for p in plans
            if p.account_id == account and p.status == "open"
        ),
        *(
            f"{'':8}  follow-up on {spoken_day(f.due, as_of)}{f': {f.note}' if f.note else ''}, {f.by}"
            for f in follow_ups_at(own, as_of)
            if f.due >= as_of.date()
        ),
    ]


def _order(event: LedgerEvent) -> tuple[datetime, str, str]:
    return event.at, str(event.payload.get("due_at", "")), event.event_id


def _opened(event: LedgerEvent) -> str:
    hold = " on hold (data alert)" if event.payload.get("held_by") else ""
    return f"Alert opened{hold}: {event.payload['detail']}"


def _snoozed(event: LedgerEvent) -> str:
    until = datetime.fromisoformat(event.payload["until"])
    return f"Alert snoozed until {spoken_minute(until)} ({_words(event.rule)}): {event.payload['reason']}"


def _done(event: LedgerEvent) -> str:
    note = event.payload.get("note")
    return f"{DONE.get(event.payload['step'], event.payload['step'])} ({_words(event.rule)})" + (
        f": {note}" if note else ""
    )


def _breached(event: LedgerEvent) -> str:
    due = datetime.fromisoformat(event.payload["due_at"])
    step = _words(event.payload["step"])
    return (
        f"Missed: {step}, due {spoken_minute(due)} ({_words(event.rule)}); escalated to {event.payload['escalated_to']}"
    )


DONE: Mapping[str, str] = {
    "ack": "Alert acknowledged", "assess": "Alert assessed", "plan": "Plan recorded", "contact": "Customer contacted",
    "follow_up": "Followed up", "review": "Alert reviewed",
}  # fmt: skip


OF_CASES = ("done", "snoozed")
"""Events that are written for each alert of a case."""


def _words(name: str) -> str:
    return name_of(name).replace("_", " ")


WORDS: Mapping[str, Callable[[LedgerEvent], str]] = {
    "opened": _opened,
    "released": lambda event: f"Alert released ({_words(event.rule)}): {event.payload['reason']}",
    "snoozed": _snoozed,
    "done": _done,
    "breached": _breached,
    "cause_gone": lambda event: f"Cause gone ({_words(event.rule)})",
    "cause_back": lambda event: f"Cause back ({_words(event.rule)})",
    "notified": lambda event: f"Message sent late ({_words(event.rule)}): deadlines start then",
    "closed": lambda event: f"Alert closed ({_words(event.rule)}): {event.payload['reason']}",
}


def _day(iso: str) -> str:
    return spoken_day(date.fromisoformat(iso))


def _planned(given: Mapping[str, Any]) -> str:
    was = f" (was {given['baseline']:.4g})" if given.get("baseline") is not None else ""
    wanted = f"{'at least' if given['rising'] else 'at most'} {given['target']:g}"
    return f"Success plan: {_words(given['metric'])} {wanted}{was} by {_day(given['due'])}"


def _progressed(given: Mapping[str, Any]) -> str:
    said = [f"now {given['value']:g}"] if given.get("value") is not None else []
    return ", ".join(["Success plan", *said, *([given["status"]] if given.get("status") else [])])


WORK: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "called": lambda given: f"Call: {_words(given['outcome'])}",
    "caused": lambda given: f"Root cause: {_words(given['cause'])}",
    "started": lambda given: (
        f"Started {_words(given['kind'])}" + (f" for {_words(given['cause'])}" if given.get("cause") else "")
    ),
    "ended": lambda given: f"Intervention ended: {given['result']}",
    "planned": _planned,
    "progressed": _progressed,
    "follow_up": lambda given: f"Follow-up promised for {_day(given['due'])}",
    "overridden": lambda given: (
        f"Health overridden to {given['health']:g} until {_day(given['until'])}: {given['reason']}"
    ),
    "lifted": lambda given: f"Override lifted: {given['reason']}",
    "drawn": lambda given: f"Random assignment of calls: {'held out' if given['held_out'] else 'to be called'}",
    "noted": lambda given: f"Note (expires {_day(given['until'])}): {given['text']}",
}
