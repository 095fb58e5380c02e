"""Responses to alerts, written to the ledger: steps, snoozes, closings, decisions (ALR-2, ALR-3, SRC-5)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

from keepwell.playbook.alerts.clocks import by_step, step_events
from keepwell.playbook.alerts.definition_guard import decision_of
from keepwell.playbook.alerts.ledger_events import DATA_RULE, Alert, LedgerEvent, event_of, fold, short_hash
from keepwell.playbook.alerts.lifecycle import released
from keepwell.playbook.alerts.rules import due_times
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger

FLOW = "alerts"


def respond(ledger: Ledger, named: str, step: str, now: datetime, by: str, note: str = "") -> Sequence[str]:
    """Record a step of one alert and the steps before it; returns those newly recorded."""
    history = ledger.history(now)
    alert = _answerable(history, named, now)
    done = by_step(history, "done")[alert.alert_id]
    added = ledger.record(FLOW, now, step_events(alert, done, step, now, by, note))
    return [event.payload["step"] for event in added]


def respond_for(
    ledger: Ledger, account: str, step: str, now: datetime, at: datetime, by: str, note: str = ""
) -> list[LedgerEvent]:
    """Record a step for every open alert that an account had at `at`; returns the new events, as of `now`.

    A recorded step stays as it is, so that recording it again adds nothing. An alert on hold has no steps yet.
    """
    history = ledger.history(now)
    done = by_step(history, "done")
    own = [a for a in fold(history, now).values() if a.account_id == account]
    live = [a for a in own if a.closed_at is None and a.on_hold_for is None and a.opened_at <= at]
    steps = [e for a in live for e in step_events(a, done[a.alert_id], step, at, by, note)]
    return ledger.record(FLOW, now, [replace(event, as_of=now) for event in steps]) if steps else []


def snooze(ledger: Ledger, named: str, until: datetime, now: datetime, by: str, reason: str) -> Alert:
    """Snooze an alert: its deadlines pause, and its cause opens no other alert."""
    if until <= now:
        raise ConfigError(f"--until {until} is not after {now}. Give a future instant.")
    _answerable(ledger.history(now), named, now)
    return _change(ledger, named, "snoozed", now, by, {"until": until.isoformat(), "reason": reason})


def close(ledger: Ledger, named: str, now: datetime, by: str, reason: str) -> Alert:
    """Close an alert by hand; if its condition remains, a new one opens after the cool-down."""
    if the_alert(ledger.history(now), named, now).rule == DATA_RULE:
        raise ConfigError(f"alert {named} is a data alert: use `keepwell alerts release` or `discard`.")
    return _change(ledger, named, "closed", now, by, {"reason": reason})


def decided(
    history: Sequence[LedgerEvent], named: str, decision: str, now: datetime, by: str, reason: str,
    settings: AlertSettings,
) -> list[LedgerEvent]:  # fmt: skip
    """Events that release or discard a data alert, which also assesses it, and the alerts on hold for it."""
    alert = the_alert(history, named, now)
    if alert.rule != DATA_RULE or decision_of(history, alert.alert_id) is not None:
        what = "is not a data alert" if alert.rule != DATA_RULE else "is already decided"
        raise ConfigError(f"alert {named} {what}. `keepwell alerts list` shows data alerts (rule {DATA_RULE}).")
    on_hold = [a for a in fold(history, now).values() if a.on_hold_for == alert.alert_id and a.closed_at is None]
    done = by_step(history, "done")[alert.alert_id]
    events = [*step_events(alert, done, "assess", now, by), event_of(alert, decision, now, by, {"reason": reason})]
    if decision == "discarded":
        return [*events, *(event_of(a, "closed", now, by, {"reason": f"discarded: {reason}"}) for a in on_hold)]
    many = len(on_hold) > settings.storm_minimum
    digest_id = short_hash("digest", alert.alert_id, now.isoformat()) if many else None
    due = partial(due_times, notified_at=now, settings=settings)
    return [*events, *(released(a, now, by, reason, digest_id, due) for a in on_hold)]


def account_names(marts: Path, up_to: date) -> dict[str, str]:
    """Names of the accounts with the newest score."""
    days = [day for day in dates(marts, "health_scores") if day <= up_to]
    book = read(marts, "health_scores", days[-1], ["account_id", "name"]) if days else None
    return {} if book is None else book.dropna().set_index("account_id")["name"].to_dict()


def _answerable(history: Sequence[LedgerEvent], named: str, now: datetime) -> Alert:
    """The open alert whose id begins with this text, unless it is on hold."""
    alert = the_alert(history, named, now)
    if alert.on_hold_for is not None:
        raise ConfigError(
            f"alert {named} is on hold until data alert {alert.on_hold_for[:8]} is decided: it has no deadlines yet."
        )
    return alert


def _change(ledger: Ledger, named: str, kind: str, now: datetime, by: str, about: dict[str, str]) -> Alert:
    alert = the_alert(ledger.history(now), named, now)
    if not ledger.record(FLOW, now, [event_of(alert, kind, now, by, about)]):
        raise ConfigError(f"{by} already recorded this for alert {named} at {now:%Y-%m-%d %H:%M}. Give a later --now.")
    return fold(ledger.history(now), now)[alert.alert_id]


def the_alert(history: Sequence[LedgerEvent], named: str, now: datetime) -> Alert:
    """The open alert whose id begins with this text; ConfigError if none does, or several do."""
    found = [a for alert_id, a in fold(history, now).items() if alert_id.startswith(named)]
    if len(found) != 1:
        many = f"{len(found)} alerts' ids begin" if found else "No alert's id begins"
        raise ConfigError(
            f"{many} with {named!r} (as of {now:%Y-%m-%d %H:%M} UTC). `keepwell alerts list` shows the open ones."
        )
    if found[0].closed_at is not None:
        raise ConfigError(f"alert {named} was closed at {found[0].closed_at:%Y-%m-%d %H:%M}: {found[0].reason}.")
    return found[0]
