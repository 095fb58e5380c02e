"""Responses to cases, written to the ledger: steps, snoozes, closings, decisions (ALR-2, ALR-3, ALR-7, SRC-5).

Each takes the id of a case or of one of its alerts. A step and a snooze are the case's; closing an alert leaves the
others of its case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from keepwell.playbook.alerts.cases import Case, by_step, cases_of, is_open
from keepwell.playbook.alerts.clocks import paused, step_events
from keepwell.playbook.alerts.definition_guard import decision_of
from keepwell.playbook.alerts.ledger_events import DATA_RULE, Alert, LedgerEvent, event_of, fold, short_hash
from keepwell.playbook.alerts.openings import Announcement, released
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger

FLOW = "alerts"


def respond(ledger: Ledger, named: str, step: str, now: datetime, by: str, note: str = "") -> Sequence[str]:
    """Record a step of a case and the steps before it, for each of its alerts; returns the steps that are new."""
    history = ledger.history(now)
    case = the_case(history, named, now)
    done = by_step(history, "done")
    events = [e for alert in case.live for e in step_events(alert, done[alert.alert_id], step, now, by, note)]
    known = {d.step for d in case.deadlines if d.done_at is not None} - {d.step for d in case.open_deadlines}
    added = ledger.record(FLOW, now, events) if events else []
    return list(dict.fromkeys(e.payload["step"] for e in added if e.payload["step"] not in known))


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


def snooze(
    ledger: Ledger, named: str, until: datetime, now: datetime, by: str, reason: str, settings: AlertSettings
) -> Case:
    """Snooze a case: its deadlines pause, and the causes of its alerts open no others."""
    if until <= now:
        raise ConfigError(f"--until {until} is not after {now}. Give a future instant.")
    case = the_case(ledger.history(now), named, now)
    about = {"until": until.isoformat(), "reason": reason}
    dues = {alert.alert_id: {"due": paused(alert, now, until, settings)} for alert in case.live}
    return _changed(ledger, named, "snoozed", now, by, {a.alert_id: about | dues[a.alert_id] for a in case.live}, case)


def close(ledger: Ledger, named: str, now: datetime, by: str, reason: str) -> Case:
    """Close a case, or one of its alerts, by hand; if its condition remains, a new alert opens after the cool-down."""
    case = the_case(ledger.history(now), named, now)
    if case.triggers[0].rule == DATA_RULE:
        raise ConfigError(f"alert {named} is a data alert: use `keepwell alerts release` or `discard`.")
    closing = [a for a in case.live if a.alert_id.startswith(named)] or case.live
    return _changed(ledger, named, "closed", now, by, {a.alert_id: {"reason": reason} for a in closing}, case)


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
    announced = Announcement(digest_id=short_hash("digest", alert.alert_id, now.isoformat()) if many else None)
    return [*events, *(released(a, now, by, reason, announced, now, settings) for a in on_hold)]


def _changed(
    ledger: Ledger, named: str, kind: str, now: datetime, by: str, about: Mapping[str, Mapping[str, Any]], case: Case
) -> Case:
    """Record what a person did to alerts of a case (`about`: its payload, by alert); the case afterwards."""
    alerts = [alert for alert in case.live if alert.alert_id in about]
    if not ledger.record(FLOW, now, [event_of(a, kind, now, by, about[a.alert_id]) for a in alerts]):
        raise ConfigError(f"{by} already recorded this for alert {named} at {now:%Y-%m-%d %H:%M}. Give a later --now.")
    return next(c for c in cases_of(ledger.history(now), now) if c.case_id == case.case_id)


def the_case(history: Sequence[LedgerEvent], named: str, now: datetime) -> Case:
    """The open case of this id, or with an alert of this id, which a beginning may stand for.

    ConfigError if there is none, or several; if it is closed; and for an alert on hold.
    """
    found = [case for case in cases_of(history, now) if case.answers_to(named)]
    if not found:
        alert = the_alert(history, named, now)
        raise ConfigError(
            f"alert {named} is on hold until data alert {str(alert.on_hold_for)[:8]} is decided: it has no deadlines "
            "yet."
        )
    if len(found) > 1:
        raise ConfigError(_not_one(len(found), named, now))
    gone = [a for a in found[0].triggers if a.alert_id.startswith(named) and not is_open(a)]
    if not found[0].live or (gone and not any(a.alert_id.startswith(named) for a in found[0].live)):
        last = gone[0] if gone else max(found[0].triggers, key=lambda a: a.closed_at or now)
        others = [c.case_id[:8] for c in cases_of(history, now) if c.live and c.account_id == found[0].account_id]
        raise ConfigError(_closed(named, last) + (f" The account's open case is {others[0]}." if others else ""))
    return found[0]


def the_alert(history: Sequence[LedgerEvent], named: str, now: datetime) -> Alert:
    """The open alert whose id begins with this text; ConfigError if none does, or several do."""
    found = [a for alert_id, a in fold(history, now).items() if alert_id.startswith(named)]
    if len(found) != 1:
        raise ConfigError(_not_one(len(found), named, now))
    if found[0].closed_at is not None:
        raise ConfigError(_closed(named, found[0]))
    return found[0]


def _not_one(count: int, named: str, now: datetime) -> str:
    many = f"{count} ids of cases or alerts begin" if count else "No id of a case or alert begins"
    return f"{many} with {named!r} (as of {now:%Y-%m-%d %H:%M} UTC). `keepwell alerts list` shows the open ones."


def _closed(named: str, alert: Alert) -> str:
    return f"alert {named} was closed at {alert.closed_at:%Y-%m-%d %H:%M}: {alert.reason}."
