"""How alerts open: which causes ask for one, how people hear of it, from when its deadlines count (ALR-3, ALR-7)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keepwell.playbook.alerts.cases import is_louder
from keepwell.playbook.alerts.ledger_events import BOOK, PIPELINE, Alert, LedgerEvent, company_hash, event_of
from keepwell.playbook.alerts.own_rules import is_own, name_of
from keepwell.playbook.alerts.rules import Observations, Occurrence, Rule, due_times, rules_of
from keepwell.playbook.settings import AlertSettings

LOUDER, QUIETER = "louder", "quieter"
"""How an alert joins a live case: asking for a response of its own, or as a line of the next digest."""


@dataclass(frozen=True)
class Announcement:
    """How people hear of an alert that opens: how it `joins` a live case (None: it opens one), and in which digest."""

    joins: str | None = None
    digest_id: str | None = None


@dataclass(frozen=True)
class Opening:
    """An alert about to be opened."""

    alert_id: str
    account_id: str
    rule: str
    subject: str | None
    episode: int | None
    detail: str
    known_at: datetime
    on_hold_for: str | None = None


def openings_of_conditions(
    seen: Observations,
    alerts: Mapping[str, Alert],
    done: set[str],
    as_of: datetime,
    settings: AlertSettings,
    known: Collection[str],
) -> Iterator[Opening]:
    """A new episode for each condition that holds, has no open alert, and is past its cool-down.

    One whose alert was closed because the account was missing needs none: nobody had looked at it.
    """
    newest = {alert.cause: alert for alert in sorted(alerts.values(), key=lambda a: a.episode or 0)}
    older = {(a.account_id, name_of(a.rule)): a.rule for a in alerts.values() if is_own(a.rule) and a.closed_at is None}
    for condition in seen.conditions:
        if is_own(condition.rule):
            live = older.get((condition.account_id, name_of(condition.rule)))
            if condition.rule not in known or (live is not None and live != condition.rule):
                continue  # an older definition opens nothing, and keeps the new one from opening beside it
        last = newest.get((condition.account_id, condition.rule, None))
        cooled = last is None or (
            last.closed_at is not None
            and last.alert_id not in done
            and (last.missing_since is not None or as_of - last.closed_at >= timedelta(days=settings.cool_down_days))
        )
        if condition.holds is True and cooled:
            episode = 1 + ((last.episode or 0) if last is not None else 0)
            identity = company_hash(seen.company, condition.account_id, condition.rule, episode)
            yield Opening(
                identity, condition.account_id, condition.rule, None, episode, condition.detail, as_of,
                condition.on_hold_for,
            )  # fmt: skip


def opening_of_event(company: str, event: Occurrence) -> Opening:
    """The opening of an event's alert: one per ticket or invoice."""
    detail = event.detail or f"{event.rule.replace('_', ' ')}: {event.subject}"
    identity = company_hash(company, event.account_id, event.rule, event.subject)
    return Opening(identity, event.account_id, event.rule, event.subject, None, detail, event.known_at)


def joining(
    starting: Iterable["Opening | Alert"], live: Mapping[str, Sequence[Alert]], rules: Mapping[str, Rule]
) -> dict[str, str]:
    """How each alert that opens now joins the live case of its account; one that opens a case is not in it."""
    severities = {account: [a.severity for a in own] for account, own in live.items()}
    found = {}
    for one in sorted(starting, key=lambda o: o.alert_id):
        if one.account_id in severities:
            severity = one.severity if isinstance(one, Alert) else rules[one.rule].severity
            before = severities[one.account_id]
            found[one.alert_id] = LOUDER if is_louder(one.subject, severity, before) else QUIETER
            before.append(severity)
    return found


def released(
    alert: Alert,
    at: datetime,
    by: str,
    reason: str,
    announced: Announcement,
    notified_at: datetime,
    settings: AlertSettings,
) -> LedgerEvent:
    """The event by which an alert on hold opens: its deadlines start when people are notified."""
    rule = rules_of(settings).get(alert.rule) or Rule(alert.rule, alert.severity, alert.recipients)
    about = _response(rule, alert.owner, announced, notified_at, settings)
    return event_of(alert, "released", at, by, {"reason": reason} | about)


def _response(
    rule: Rule, owner: str, announced: Announcement, notified_at: datetime, settings: AlertSettings
) -> dict[str, Any]:
    """What an opening says of the response: deadlines, from when they count, and how people hear of it."""
    due = due_times(rule, notified_at, settings, owner)
    return {
        "due": {step: at.isoformat() for step, at in due.items()},
        "notified_at": notified_at.isoformat(),
        "digest_id": announced.digest_id,
    } | ({"joins": announced.joins} if announced.joins else {})


def opened_event(
    opening: Opening,
    as_of: datetime,
    owner: str,
    announced: Announcement,
    notified_at: datetime,
    settings: AlertSettings,
) -> LedgerEvent:
    """The event by which an alert opens; one on hold has no deadlines yet."""
    rule = rules_of(settings)[opening.rule]
    payload: dict[str, Any] = {
        "episode": opening.episode,
        "severity": rule.severity,
        "detail": opening.detail,
        "known_at": opening.known_at.isoformat(),
        "owner": owner,
        "recipients": list(rule.recipients),
    }
    if rule.definition is not None:
        payload |= {"kind": rule.kind, "definition": rule.definition}
    if opening.on_hold_for is None:
        return event_of(
            opening, "opened", as_of, PIPELINE, payload | _response(rule, owner, announced, notified_at, settings)
        )
    payload |= {"due": {}, "digest_id": None, "held_by": opening.on_hold_for}
    return event_of(opening, "opened", as_of, PIPELINE, payload)


def clocks_start(opening: Opening, notified_at: datetime, settings: AlertSettings) -> datetime:
    """Since when deadlines count: of an event that people hear of promptly, since it became known.

    What the pipeline delivers later than that does not count against people.
    """
    prompt = timedelta(0) <= notified_at - opening.known_at <= timedelta(minutes=settings.prompt_minutes)
    of_an_account = opening.subject is not None and opening.account_id != BOOK
    return opening.known_at if of_an_account and prompt else notified_at
