"""What people do about alerts, written to the ledger: a step of the response, a snooze, a closing (ALR-2, ALR-3)."""

from collections.abc import Sequence
from datetime import datetime

from playbook.alert_events import Alert, LedgerEvent, event_of, fold
from playbook.clocks import by_step, taken
from tasks.errors import ConfigError
from tasks.ledger import Ledger

FLOW = "alerts"


def respond(ledger: Ledger, named: str, step: str, now: datetime, by: str, note: str = "") -> Sequence[str]:
    """Take a step of one alert and of the steps before it; the steps that this recorded, none where it was taken."""
    history = ledger.history(now)
    alert = the_alert(history, named, now)
    done = by_step(history, "done")[alert.alert_id]
    added = ledger.record(FLOW, now, taken(alert, done, step, now, by, note))
    return [event.payload["step"] for event in added]


def snooze(ledger: Ledger, named: str, until: datetime, now: datetime, by: str, reason: str) -> Alert:
    """Let an alert sleep: its clocks stand still, and its cause opens nothing beside it."""
    if until <= now:
        raise ConfigError(f"--until {until} is not after {now}: an alert sleeps into the future.")
    return _change(ledger, named, "snoozed", now, by, {"until": until.isoformat(), "reason": reason})


def close(ledger: Ledger, named: str, now: datetime, by: str, reason: str) -> Alert:
    """Close an alert by hand; a condition that lasts opens again after the cool-down."""
    return _change(ledger, named, "closed", now, by, {"reason": reason})


def _change(ledger: Ledger, named: str, kind: str, now: datetime, by: str, about: dict[str, str]) -> Alert:
    alert = the_alert(ledger.history(now), named, now)
    ledger.record(FLOW, now, [event_of(alert, kind, now, by, about)])
    return fold(ledger.history(now), now)[alert.alert_id]


def the_alert(history: Sequence[LedgerEvent], named: str, now: datetime) -> Alert:
    """The live alert whose id begins so; ConfigError where none does, or several do."""
    found = [a for alert_id, a in fold(history, now).items() if alert_id.startswith(named)]
    if len(found) != 1:
        many = f"{len(found)} alerts begin" if found else "no alert begins"
        raise ConfigError(f"{many} with {named!r} at {now:%Y-%m-%d %H:%M}. keepwell alerts list shows those that live.")
    if found[0].closed_at is not None:
        raise ConfigError(f"alert {named} was closed at {found[0].closed_at:%Y-%m-%d %H:%M}: {found[0].reason}.")
    return found[0]
