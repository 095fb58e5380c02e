"""Health overrides and notes by people: each with author, reason and expiry (HLT-4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from keepwell.playbook.interventions.records import WorkEvent, in_order


@dataclass(frozen=True)
class Override:
    """A health score that replaces the computed one before a day."""

    event_id: str
    account_id: str
    health: float
    until: date
    reason: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Note:
    """Something to know about an account before a day: a merger, a budget freeze, a season."""

    account_id: str
    text: str
    until: date
    at: datetime
    by: str


def overrides_at(events: Iterable[WorkEvent], as_of: datetime) -> dict[str, Override]:
    """The active override of each account that has one: the last that was set, unless lifted or expired.

    A lifting names what it lifts, so that one set at the same instant stays active.
    """
    active: dict[str, Override] = {}
    for event in in_order(events, as_of, ("overridden", "lifted")):
        before = active.get(event.account_id)
        if event.kind == "overridden":
            active[event.account_id] = _override(event)
        elif before is not None and event.payload.get("lifts", before.event_id) == before.event_id:
            del active[event.account_id]
    return {account: override for account, override in active.items() if as_of.date() < override.until}


def notes_at(events: Iterable[WorkEvent], as_of: datetime) -> list[Note]:
    """The notes that have not expired, oldest first."""
    found = [
        Note(e.account_id, e.payload["text"], date.fromisoformat(e.payload["until"]), e.at, e.by)
        for e in in_order(events, as_of, ("noted",))
    ]
    return [note for note in found if as_of.date() < note.until]


def _override(event: WorkEvent) -> Override:
    given = event.payload
    return Override(
        event.event_id, event.account_id, given["health"], date.fromisoformat(given["until"]), given["reason"],
        event.at, event.by,
    )  # fmt: skip
