"""What one run does to the alerts: what opens, whose cause is gone or back, what closes (ALR-3).

An alert that rests on a measure that has moved opens on hold (SPEC SRC-5): people are notified, and deadlines start,
once it is released. A run changes an alert at most once, and ids of events follow from their content: rerunning a day
adds nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from keepwell.playbook.alerts.cases import live_cases
from keepwell.playbook.alerts.clocks import paused
from keepwell.playbook.alerts.ledger_events import (
    BOOK,
    DATA_RULE,
    MODEL_RULES,
    PIPELINE,
    RUN_RULE,
    Alert,
    LedgerEvent,
    company_hash,
    event_of,
    fold,
)
from keepwell.playbook.alerts.openings import (
    QUIETER,
    Announcement,
    Opening,
    clocks_start,
    joining,
    opened_event,
    opening_of_event,
    openings_of_conditions,
    released,
)
from keepwell.playbook.alerts.own_rules import is_own, name_of
from keepwell.playbook.alerts.rules import Condition, Observations, rules_of
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings


@dataclass(frozen=True)
class Absences:
    """What is known of accounts that are not under contract, by account.

    `left`: what is known explains that it is absent if it was last seen before this day; `seen`: the day of the newest
    published book that has it; `accepted`: days whose absences a person accepted, and who did.
    """

    left: Mapping[str, date] = field(default_factory=dict)
    seen: Mapping[str, date] = field(default_factory=dict)
    accepted: Mapping[date, str] = field(default_factory=dict)

    def has_left(self, account: str, seen: date | None) -> bool:
        """Whether it is known to have left since it was last seen, there or on the day given."""
        last, left = seen or self.seen.get(account), self.left.get(account)
        return left is not None and (last is None or left > last)

    def accepted_by(self, since: datetime, as_of: datetime) -> str | None:
        """Who accepted an absence that began then."""
        return next((by for day, by in self.accepted.items() if since.date() <= day <= as_of.date()), None)


NO_ABSENCES = Absences()
ABOUT_RUNS = MODEL_RULES | {RUN_RULE}
"""The rules whose events are about the whole portfolio; they close as soon as their cause is gone."""
Cause = tuple[str, str, str | None]


def new_events(
    history: Sequence[LedgerEvent],
    seen: Observations,
    as_of: datetime,
    book: Mapping[str, str | None],
    settings: AlertSettings,
    owners: OwnerSettings,
    runs: Runs,
    notified_at: datetime | None = None,
    absences: Absences = NO_ABSENCES,
) -> list[LedgerEvent]:
    """What the run of `as_of` adds to the ledger; nothing where the ledger holds a newer run.

    `notified_at`: when people are notified, by default as_of; deadlines start then, or when an event became known where
    they are notified promptly.

    `book` names the CSM of every account under contract; one without falls to the default owner. What was not observed,
    or is unknown, neither opens nor closes: an account that is missing and not known to have left has its alerts put
    on hold.
    """
    if runs.last is not None and as_of < runs.last:
        return []
    alerts = fold(history, as_of)
    done = {event.alert_id for event in history if event.as_of == as_of and event.by == PIPELINE}
    undone = [a for a in alerts.values() if a.alert_id not in done]
    absent = _Absent(absences, _last_seen(history), as_of, settings.missing_days)
    rules = rules_of(settings)
    changes = list(_changes(undone, _causes(seen), as_of, book, absent, settings))
    floor = runs.opening_floor(as_of, settings)
    openings = {
        opening.alert_id: opening
        for opening in (
            *openings_of_conditions(seen, alerts, done, as_of, settings, rules),
            *(opening_of_event(seen.company, o) for o in seen.occurrences if floor < o.known_at <= as_of),
        )
        if (opening.account_id in book or opening.rule in ABOUT_RUNS) and opening.alert_id not in alerts
    }
    to_release = [
        a for a in _to_release(alerts.values(), seen.conditions) if a.alert_id not in done and a.account_id in book
    ]
    starting: list[Opening | Alert] = [*(o for o in openings.values() if o.on_hold_for is None), *to_release]
    before = sum(a.opened_at == as_of and a.state != "held" and a.subject is None for a in alerts.values())
    storm = is_storm(sum(one.subject is None for one in starting) + before, len(book), settings)
    joins = joining(starting, live_cases(fold([*history, *changes], as_of).values()), rules)
    digest, ever = company_hash(seen.company, "digest", as_of.isoformat()), {event.rule for event in history}

    def in_digest(one: Opening | Alert) -> bool:
        """In a storm, as news of an open case, and on the first day of an own rule."""
        begins = is_own(one.rule) and one.rule not in ever
        return one.subject is None and (storm or begins or joins.get(one.alert_id) == QUIETER)

    announced = {
        one.alert_id: Announcement(joins.get(one.alert_id), digest if in_digest(one) else None) for one in starting
    }
    notified_at = notified_at or as_of
    opened = [
        opened_event(o, as_of, _owner(o, book, owners), announced.get(o.alert_id, Announcement()),
                clocks_start(o, notified_at, settings), settings)
        for o in openings.values()
    ]  # fmt: skip
    reason = "true without what moved, too"
    opened += [released(a, as_of, PIPELINE, reason, announced[a.alert_id], notified_at, settings) for a in to_release]
    return sorted([*changes, *opened], key=lambda e: (e.account_id, e.rule, e.subject or "", e.kind, e.event_id))


def is_storm(opened: int, book: int, settings: AlertSettings) -> bool:
    """Whether one run opened so many alerts that one digest replaces their messages."""
    of_the_book = opened >= settings.storm_minimum and opened > settings.storm_share * book
    return opened > settings.storm_alerts or of_the_book


def _to_release(alerts: Iterable[Alert], conditions: Iterable[Condition]) -> Iterator[Alert]:
    """Alerts on hold whose cause holds without what moved, or after the measures are back."""
    firm = {(c.account_id, c.rule, None) for c in conditions if c.holds is True and c.on_hold_for is None}
    for alert in alerts:
        if (
            alert.on_hold_for is not None
            and alert.closed_at is None
            and alert.cause_gone_at is None
            and alert.cause in firm
        ):
            yield alert


def _causes(seen: Observations) -> dict[Cause, bool | None]:
    """Whether the cause of an alert is there; what was not observed is not in it."""
    causes: dict[Cause, bool | None] = {(c.account_id, c.rule, None): c.holds for c in seen.conditions}
    return causes | {(o.account_id, o.rule, o.subject): not o.resolved for o in seen.occurrences}


def _changes(
    alerts: Iterable[Alert],
    causes: Mapping[Cause, bool | None],
    as_of: datetime,
    book: Mapping[str, str | None],
    absent: "_Absent",
    settings: AlertSettings,
) -> Iterator[LedgerEvent]:
    """Changes of the open alerts; at most one event each."""
    for alert in alerts:
        holds, gone_at = causes.get(alert.cause), alert.cause_gone_at
        if alert.closed_at is not None:
            continue
        if is_own(alert.rule) and name_of(alert.rule) not in settings.rules:
            said = {"reason": f"the rule {name_of(alert.rule)} was removed from the settings"}
            yield event_of(alert, "closed", as_of, PIPELINE, said)
            continue
        if alert.account_id not in book and alert.account_id != BOOK:
            yield from absent.change(alert)
        elif alert.missing_since is not None:
            due = paused(alert, alert.missing_since, as_of, settings)
            yield event_of(alert, "returned", as_of, PIPELINE, {"due": due})
        elif holds is True and gone_at is not None:
            yield event_of(alert, "cause_back", as_of, PIPELINE, {})
        elif holds is False and gone_at is None:
            yield event_of(alert, "cause_gone", as_of, PIPELINE, {})
        elif holds is False and gone_at is not None and as_of - gone_at >= timedelta(days=_gone_days(alert, settings)):
            word = "resolved" if alert.subject is not None else "the cause gone"
            yield event_of(
                alert, "closed", as_of, PIPELINE, {"reason": f"{word} for {_gone_days(alert, settings)} days"}
            )


@dataclass(frozen=True)
class _Absent:
    """What becomes of the alerts of accounts that are not under contract at `as_of`."""

    known: Absences
    last_seen: Mapping[str, date]
    as_of: datetime
    missing_days: int

    def change(self, alert: Alert) -> Iterator[LedgerEvent]:
        """Closed by what is known; else on hold until the account is back, accepted as gone, or missing too long."""
        since = alert.missing_since
        seen = self.known.seen.get(alert.account_id) if since is None else self.last_seen.get(alert.alert_id)
        if self.known.has_left(alert.account_id, seen):
            yield self._closed(alert, "the account is no longer under contract")
        elif by := self.known.accepted_by(since or self.as_of, self.as_of):
            yield self._closed(alert, f"the account is gone from the contracts, accepted by {by}")
        elif since is None:
            about = {"last_seen": seen.isoformat()} if seen else {}
            yield event_of(alert, "missing", self.as_of, PIPELINE, about)
        elif self.as_of - since >= timedelta(days=self.missing_days):
            yield self._closed(alert, f"the account has been missing from the contracts for {self.missing_days} days")

    def _closed(self, alert: Alert, reason: str) -> LedgerEvent:
        return event_of(alert, "closed", self.as_of, PIPELINE, {"reason": reason})


def _last_seen(history: Iterable[LedgerEvent]) -> dict[str, date]:
    """By alert: the day of the last book that had its account, noted when it went missing."""
    noted = [e for e in sorted(history, key=lambda e: e.as_of) if e.kind == "missing" and "last_seen" in e.payload]
    return {e.alert_id: date.fromisoformat(e.payload["last_seen"]) for e in noted}


def _gone_days(alert: Alert, settings: AlertSettings) -> int:
    """Days for which a cause must be gone; an alert about a run or a model closes at once."""
    at_once = dict.fromkeys(ABOUT_RUNS, 0)
    return {DATA_RULE: settings.guard.back_days, **at_once}.get(alert.rule, settings.gone_days)


def _owner(opening: Opening, book: Mapping[str, str | None], owners: OwnerSettings) -> str:
    """The account's CSM, or the default owner; a missing name may come as None or as a frame's NaN."""
    if opening.rule in MODEL_RULES:
        return owners.ml_owner
    csm = owners.data_owner if opening.account_id == BOOK else book[opening.account_id]
    return csm if isinstance(csm, str) and csm else owners.default_csm
