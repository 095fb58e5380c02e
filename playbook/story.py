"""What happened about one account, in order, as the ledger's events tell it (ALR-5)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from playbook.alert_events import LedgerEvent


@dataclass(frozen=True)
class Line:
    """One thing that happened: when, about which alert, what, and who did it."""

    at: datetime
    alert_id: str
    what: str
    by: str


def told(history: Iterable[LedgerEvent], account: str, as_of: datetime) -> list[Line]:
    """The account's lines up to `as_of`, oldest first; steps that a later one fulfilled are not told apart."""
    events = [e for e in history if e.account_id == account and e.as_of <= as_of and e.kind in WORDS]
    shown = [e for e in events if "with" not in e.payload]
    return [Line(e.at, e.alert_id, WORDS[e.kind](e), e.by) for e in sorted(shown, key=_order)]


def _order(event: LedgerEvent) -> tuple[datetime, str, str]:
    return event.at, str(event.payload.get("due_at", "")), event.event_id


def _opened(event: LedgerEvent) -> str:
    held = ", held by a data alert" if event.payload.get("held_by") else ""
    return f"{event.rule} opened{held}: {event.payload['detail']}"


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
