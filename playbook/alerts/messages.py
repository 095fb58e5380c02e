"""Messages made from the events of alerts, and their recipients: openings, digests, breaches (ALR-4).

A message follows from its events alone, so that a rerun sweep finds the same messages with the same keys. Names of
customers can begin no line, no mail header and no terminal escape (TRU-4).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Literal

from pydantic import Field

from keepwell.playbook.alerts.ledger_events import BOOK, DATA_RULE, LedgerEvent, short_hash
from keepwell.playbook.settings import OwnerSettings
from keepwell.values.dates import spoken_minute
from keepwell.values.setting_types import Minutes, Section, Tries
from keepwell.values.texts import one_line, visible

Kind = Literal["opened", "digest", "breached"]
MAX_LINES = 20
"""Lines of a digest; the mart `alerts` holds all."""


class Channel(Section):
    """A channel, and which messages go there."""

    url: str = Field(description="Apprise URL, for example mailtos://... or slack://...; ${NAME} from the environment")
    roles: tuple[str, ...] = Field(
        ("csm", "manager", "director", "executive", "finance", "data owner"), description="roles notified here"
    )
    kinds: tuple[Kind, ...] = Field(("opened", "digest", "breached"), description="kinds of messages sent here")
    severities: tuple[Literal["critical", "warning"], ...] = Field(
        ("critical", "warning"), description="severities of opened alerts sent here"
    )


class MessageSettings(Section):
    """Where messages go: without a channel, to files in the output folder."""

    channels: Mapping[str, Channel] = Field({}, description="channels, by name")
    retry_minutes: Minutes = Field(15, description="minutes to the second try; each later wait is twice as long")
    tries: Tries = Field(8, description="tries before a message is given up, which `keepwell sweep` reports")


@dataclass(frozen=True)
class Message:
    """One message on one channel. `key` is its identity, by which a duplicate is recognized."""

    key: str
    channel: str
    title: str
    body: str
    at: datetime


@dataclass(frozen=True)
class _Notice:
    """A message before it goes to channels."""

    identity: str
    kind: Kind
    roles: frozenset[str]
    severity: str
    title: str
    body: str
    at: datetime


def messages(
    new: Sequence[LedgerEvent], alerts: Mapping[str, Mapping[str, object]], names: Mapping[str, str],
    channels: Mapping[str, Channel], owners: OwnerSettings,
) -> list[Message]:  # fmt: skip
    """The messages of these events, on every channel that takes them.

    `alerts`: the payload of each alert's opening, by id; `names`: accounts by id.
    """
    fresh = [event for event in _notified_openings(new, alerts) if event.rule != DATA_RULE]
    notices = [
        *_openings(fresh, names), *_digests(fresh, names), *_data_alerts(new), *_breaches(new, alerts, names, owners)
    ]  # fmt: skip
    keyed = [
        (short_hash(t.identity, channel), channel, t, rules) for t in notices for channel, rules in channels.items()
    ]
    return [
        Message(key, channel, one_line(t.title), f"{visible(t.body)}\n\nMessage {key}.", t.at)
        for key, channel, t, rules in keyed
        if t.kind in rules.kinds and t.roles & set(rules.roles) and t.severity in rules.severities
    ]


def _notified_openings(
    new: Iterable[LedgerEvent], alerts: Mapping[str, Mapping[str, object]]
) -> Iterator[LedgerEvent]:  # fmt: skip
    """Openings and releases; alerts on hold are covered by the message of their data alert."""
    for event in new:
        if event.kind == "opened" and not event.payload.get("held_by"):
            yield event
        elif event.kind == "released" and "due" in event.payload:
            yield replace(event, payload={**alerts[event.alert_id], **event.payload})


def _data_alerts(new: Iterable[LedgerEvent]) -> Iterator[_Notice]:
    """One message per data alert: how many alerts this run put on hold for it, and what to do."""
    on_hold = [event.payload["held_by"] for event in new if event.kind == "opened" and event.payload.get("held_by")]
    for event in new:
        if event.kind == "opened" and event.rule == DATA_RULE:
            about, name = event.payload, event.alert_id[:8]
            yield _Notice(
                event.event_id, "opened", frozenset(about["recipients"]), about["severity"], str(about["detail"]),
                f"{on_hold.count(event.alert_id)} dependent alerts are on hold so far. Find out what changed, then:\n"
                f"if the change is real: keepwell alerts release {name} --by NAME --reason WHY\n"
                f"if the data is wrong: keepwell alerts discard {name} --by NAME --reason WHY",
                event.as_of,
            )  # fmt: skip


def _openings(new: Iterable[LedgerEvent], names: Mapping[str, str]) -> Iterator[_Notice]:
    """One message per alert that opened outside a digest."""
    for event in new:
        if event.payload["digest_id"] is None:
            about = event.payload
            yield _Notice(
                event.event_id, "opened", frozenset(about["recipients"]), about["severity"],
                f"{_name(event, names)}: {about['detail']}",
                f"{about['severity'].capitalize()}, owner {one_line(about['owner'])}. Acknowledge by "
                f"{_due(about['due']['ack'])}: keepwell alerts ack {event.alert_id[:8]} --by NAME",
                event.as_of,
            )  # fmt: skip


def _digests(new: Iterable[LedgerEvent], names: Mapping[str, str]) -> Iterator[_Notice]:
    """One message for many alerts at once: how many of each rule, and the first of them by owner."""
    storm = [e for e in new if e.payload["digest_id"] is not None]
    for digest, events in groupby(sorted(storm, key=_by_digest), key=lambda e: str(e.payload["digest_id"])):
        many = list(events)
        rules = {rule: sum(e.rule == rule for e in many) for rule in sorted({e.rule for e in many})}
        lines = [one_line(f"{e.payload['owner']}: {_name(e, names)}, {e.payload['detail']}") for e in many[:MAX_LINES]]
        more = [f"and {len(many) - MAX_LINES} more (mart alerts)"] if len(many) > MAX_LINES else []
        yield _Notice(
            digest, "digest", frozenset(r for e in many for r in e.payload["recipients"]), "critical",
            f"{len(many)} alerts opened at once: " + ", ".join(f"{n} {_words(rule)}" for rule, n in rules.items()),
            "\n".join([*lines, *more]), many[0].as_of,
        )  # fmt: skip


def _breaches(
    new: Iterable[LedgerEvent], alerts: Mapping[str, Mapping[str, object]], names: Mapping[str, str],
    owners: OwnerSettings,
) -> Iterator[_Notice]:  # fmt: skip
    """One message per run and role, a line per alert: owner and missed deadlines; by owner, first due first."""
    late = sorted((e for e in new if e.kind == "breached"), key=lambda e: (e.payload["escalated_to"], e.event_id))
    for role, events in groupby(late, key=lambda e: str(e.payload["escalated_to"])):
        same = list(events)
        many = sorted(same, key=lambda e: (str(alerts[e.alert_id]["owner"]), str(e.payload["due_at"]), e.account_id))
        by_alert: dict[str, list[LedgerEvent]] = {}
        for event in many:
            by_alert.setdefault(event.alert_id, []).append(event)
        lines = [_missed(own, alerts[alert], names) for alert, own in list(by_alert.items())[:MAX_LINES]]
        people = ", ".join(owners.roles.get(role, ())) or role
        more = [f"and {len(by_alert) - MAX_LINES} more alerts (mart alert_steps)"] if len(by_alert) > MAX_LINES else []
        of = f" of {len(by_alert)} alerts" if 1 < len(by_alert) < len(many) else ""
        yield _Notice(
            short_hash(role, *(e.event_id for e in same)), "breached", frozenset({role}), "critical",
            f"{len(many)} missed deadline{'s' if len(many) > 1 else ''}{of}, escalated to {people}",
            "\n".join([*lines, *more]), many[0].as_of,
        )  # fmt: skip


def _missed(events: Sequence[LedgerEvent], alert: Mapping[str, object], names: Mapping[str, str]) -> str:
    """The missed deadlines of one alert."""
    due = ", ".join(f"{_words(event.payload['step'])} was due {_due(event.payload['due_at'])}" for event in events)
    return one_line(f"{alert['owner']}: {_name(events[0], names)}, {due} ({alert['detail']})")


def _by_digest(event: LedgerEvent) -> tuple[str, str, str]:
    return str(event.payload["digest_id"]), str(event.payload["owner"]), event.alert_id


def _name(event: LedgerEvent, names: Mapping[str, str]) -> str:
    if event.account_id == BOOK:
        return "the portfolio"
    return f"{names.get(event.account_id, event.account_id)} ({event.account_id})"


def _due(instant: object) -> str:
    return spoken_minute(datetime.fromisoformat(str(instant)))


def _words(name: str) -> str:
    return name.replace("_", " ")
