"""What one run does to the alerts: what opens, whose cause is gone or back, what closes (ALR-3).

A run changes an alert at most once, and its events' ids follow from what they say: running a day again adds nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from playbook.alert_events import PIPELINE, Alert, LedgerEvent, event_of, fold, short_hash
from playbook.alert_runs import Runs
from playbook.alerts import RULES, Condition, Observations, Occurrence, due_times
from playbook.settings import AlertSettings, OwnerSettings

Cause = tuple[str, str, str | None]


def new_events(
    history: Sequence[LedgerEvent],
    seen: Observations,
    as_of: datetime,
    book: Mapping[str, str | None],
    settings: AlertSettings,
    owners: OwnerSettings,
    runs: Runs,
    told_at: datetime | None = None,
) -> list[LedgerEvent]:
    """What the run of `as_of` adds to the ledger; nothing where the ledger holds a newer run.

    `told_at`: when what it opens reaches people, as_of unless said; the clocks run from then.

    `book` names the CSM of every account under contract; one without falls to the default owner. What was not observed,
    or could not be told, neither opens nor closes.
    """
    if runs.last is not None and as_of < runs.last:
        return []
    alerts = fold(history, as_of)
    done = {event.alert_id for event in history if event.as_of == as_of and event.by == PIPELINE}
    changes = _changes([a for a in alerts.values() if a.alert_id not in done], _causes(seen), as_of, book, settings)
    floor = runs.opening_floor(as_of, settings)
    openings = {
        opening.alert_id: opening
        for opening in (
            *_openings_of_conditions(seen.conditions, alerts, done, as_of, settings),
            *(_opening_of_event(o) for o in seen.occurrences if floor < o.known_at <= as_of),
        )
        if opening.account_id in book and opening.alert_id not in alerts
    }
    in_this_run = len(openings) + sum(alert.opened_at == as_of for alert in alerts.values())
    digest_id = short_hash("digest", as_of.isoformat()) if is_storm(in_this_run, len(book), settings) else None
    due = partial(due_times, told_at=told_at or as_of, settings=settings)
    opened = [_opened(o, as_of, _owner(book[o.account_id], owners), digest_id, due) for o in openings.values()]
    return sorted([*changes, *opened], key=lambda e: (e.account_id, e.rule, e.subject or "", e.kind, e.event_id))


def is_storm(opened: int, book: int, settings: AlertSettings) -> bool:
    """Whether one run opened so many alerts that they are told in one message."""
    of_the_book = opened >= settings.storm_minimum and opened > settings.storm_share * book
    return opened > settings.storm_alerts or of_the_book


@dataclass(frozen=True)
class _Opening:
    """An alert about to be opened."""

    alert_id: str
    account_id: str
    rule: str
    subject: str | None
    episode: int | None
    detail: str
    known_at: datetime


def _causes(seen: Observations) -> dict[Cause, bool | None]:
    """Whether the cause of an alert is there; what was not observed is not in it."""
    causes: dict[Cause, bool | None] = {(c.account_id, c.rule, None): c.holds for c in seen.conditions}
    return causes | {(o.account_id, o.rule, o.subject): not o.resolved for o in seen.occurrences}


def _changes(
    alerts: Iterable[Alert],
    causes: Mapping[Cause, bool | None],
    as_of: datetime,
    book: Mapping[str, str | None],
    settings: AlertSettings,
) -> Iterator[LedgerEvent]:
    """What becomes of the live ones; at most one event each."""
    for alert in alerts:
        holds, gone_at = causes.get(alert.cause), alert.cause_gone_at
        if alert.closed_at is not None:
            continue
        if alert.account_id not in book:
            yield event_of(alert, "closed", as_of, PIPELINE, {"reason": "the account left the book"})
        elif holds is True and gone_at is not None:
            yield event_of(alert, "cause_back", as_of, PIPELINE, {})
        elif holds is False and gone_at is None:
            yield event_of(alert, "cause_gone", as_of, PIPELINE, {})
        elif holds is False and gone_at is not None and as_of - gone_at >= timedelta(days=settings.gone_days):
            word = "resolved" if alert.subject is not None else "the cause gone"
            yield event_of(alert, "closed", as_of, PIPELINE, {"reason": f"{word} for {settings.gone_days} days"})


def _openings_of_conditions(
    conditions: Sequence[Condition],
    alerts: Mapping[str, Alert],
    done: set[str],
    as_of: datetime,
    settings: AlertSettings,
) -> Iterator[_Opening]:
    """A new episode for each condition that holds, has no live alert, and is past its cool-down."""
    newest = {alert.cause: alert for alert in sorted(alerts.values(), key=lambda a: a.episode or 0)}
    for condition in conditions:
        last = newest.get((condition.account_id, condition.rule, None))
        cooled = last is None or (
            last.closed_at is not None
            and last.alert_id not in done
            and as_of - last.closed_at >= timedelta(days=settings.cool_down_days)
        )
        if condition.holds is True and cooled:
            episode = 1 + ((last.episode or 0) if last is not None else 0)
            identity = short_hash(condition.account_id, condition.rule, episode)
            yield _Opening(identity, condition.account_id, condition.rule, None, episode, condition.detail, as_of)


def _opening_of_event(event: Occurrence) -> _Opening:
    detail = f"{event.rule.replace('_', ' ')}: {event.subject}"
    identity = short_hash(event.account_id, event.rule, event.subject)
    return _Opening(identity, event.account_id, event.rule, event.subject, None, detail, event.known_at)


def _opened(
    opening: _Opening, as_of: datetime, owner: str, digest_id: str | None, due: Callable[..., dict[str, datetime]]
) -> LedgerEvent:
    rule = RULES[opening.rule]
    payload = {
        "episode": opening.episode,
        "severity": rule.severity,
        "detail": opening.detail,
        "known_at": opening.known_at.isoformat(),
        "owner": owner,
        "recipients": list(rule.recipients),
        "due": {step: at.isoformat() for step, at in due(rule, owner=owner).items()},
        "digest_id": digest_id,
    }
    return event_of(opening, "opened", as_of, PIPELINE, payload)


def _owner(csm: object, owners: OwnerSettings) -> str:
    """The CSM, or the default owner; a missing name may come as None or as a frame's NaN."""
    return csm if isinstance(csm, str) and csm else owners.default_csm
