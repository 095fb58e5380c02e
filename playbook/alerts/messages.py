"""Messages made from the events of alerts, and their recipients: openings, digests, breaches (ALR-4, ALR-7).

A message follows from its events alone, so that a rerun sweep finds the same messages with the same keys. It can be
acted on as it stands: account, revenue, health and risk, why, what to do by when. Names of customers can begin no line,
no mail header and no terminal escape (TRU-4).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any

from keepwell.playbook.alerts.account_card import account_line, with_more
from keepwell.playbook.alerts.cases import REPEATED
from keepwell.playbook.alerts.channels import CSM, FINANCE, HELP, STEP_WORDS, Background, Channel, Message, Notice
from keepwell.playbook.alerts.ledger_events import BOOK, DATA_RULE, SEVERITIES, STEPS, LedgerEvent, short_hash
from keepwell.values.texts import one_line, visible

EVENT_STEPS: Mapping[str, str] = {
    "urgent_ticket": "First: answer the ticket, and call the customer about it.",
    "payment_failure": "First: find out with finance what failed, and ask the customer for another way to pay.",
    "billing_dispute": "First: settle the invoice with finance, and tell the customer by when.",
    "run_missed": "First: find out why the schedule did not start it; messages and deadlines wait for the next run.",
    "model_degraded": "First: decide whether it goes on serving, or a new challenger, or health alone.",
    "model_unusable": "First: train and promote a model that can serve; health alone serves until then.",
}
"""What an event asks for before anything else, by rule."""
FIND_OUT = "First: find out what happened, and contact the customer."
"""What a case asks for that has no next action."""


def messages(
    new: Sequence[LedgerEvent], opened: Mapping[str, Mapping[str, Any]], background: Background,
    channels: Mapping[str, Channel], notices: Iterable[Notice] = (),
) -> list[Message]:  # fmt: skip
    """The messages of these events, and further notices, on every channel that takes them.

    `opened`: the payload of each alert's opening, by id.
    """
    fresh = [event for event in _notified_openings(new, opened) if event.rule != DATA_RULE]
    every = [
        *_openings(fresh, background), *_digests(fresh, background), *_data_alerts(new, background),
        *_breaches(new, opened, background), *notices,
    ]  # fmt: skip
    keyed = [(short_hash(t.identity, channel), channel, t, rules) for t in every for channel, rules in channels.items()]
    return [
        Message(key, channel, one_line(t.title), f"{visible(t.body)}\n\nMessage {key}.", t.at, " ".join(t.about))
        for key, channel, t, rules in keyed
        if t.kind in rules.kinds and t.roles & set(rules.roles) and t.severity in rules.severities
    ]


def _notified_openings(
    new: Iterable[LedgerEvent], opened: Mapping[str, Mapping[str, Any]]
) -> Iterator[LedgerEvent]:  # fmt: skip
    """Openings and releases; alerts on hold are covered by the message of their data alert."""
    for event in new:
        if event.kind == "opened" and not event.payload.get("held_by"):
            yield event
        elif event.kind == "released" and "due" in event.payload:
            yield replace(event, payload={**opened[event.alert_id], **event.payload})


def _data_alerts(new: Iterable[LedgerEvent], background: Background) -> Iterator[Notice]:
    """One message per data alert: how many alerts this run put on hold for it, and what to do."""
    on_hold = [event.payload["held_by"] for event in new if event.kind == "opened" and event.payload.get("held_by")]
    for event in new:
        if event.kind == "opened" and event.rule == DATA_RULE:
            about, waiting = event.payload, on_hold.count(event.alert_id)
            held = (
                f"{waiting} dependent alert{'s are' if waiting != 1 else ' is'} on hold; CSMs do not see them. Release "
                "them if the change is real; discard them if the data is wrong."
            )
            people = ", ".join(background.people(role) for role in about["recipients"])
            lines = [
                f"Severity: {about['severity']}. For {people}.",
                "First: find out what changed at the source.",
                held if waiting else "",
                _deadlines([event], "", background),
                f"Data alert {event.alert_id[:8]}",
            ]
            yield Notice(
                event.event_id, "opened", frozenset(about["recipients"]), about["severity"], str(about["detail"]),
                "\n".join(line for line in lines if line), event.as_of, (event.alert_id,),
            )  # fmt: skip


def _openings(fresh: Iterable[LedgerEvent], background: Background) -> Iterator[Notice]:
    """One message per case and run, for what opened outside a digest; an alert about the pipeline by itself."""
    alone = sorted((e for e in fresh if e.payload["digest_id"] is None), key=_by_account)
    for (account, _), events in groupby(
        alone, key=lambda e: (e.account_id, e.alert_id if e.account_id == BOOK else "")
    ):
        same = sorted(events, key=lambda e: (e.subject is None, SEVERITIES.index(e.payload["severity"]), e.event_id))
        first, owner = same[0], str(same[0].payload["owner"])
        identity = first.event_id if len(same) == 1 else short_hash(*(e.event_id for e in same))
        roles = list(dict.fromkeys(role for e in same for role in e.payload["recipients"]))
        people = [*([f"{owner} (owner)"] if CSM in roles else []), *(background.people(r) for r in roles if r != CSM)]
        card, case = background.accounts.get(account), background.cases.get(first.alert_id, "")
        step = card.next_step(_contact_day(same, owner, background)) if card else []
        asked = EVENT_STEPS.get(first.rule, "" if step or account == BOOK else FIND_OUT)
        lines = [
            f"Severity: {first.payload['severity']}. For {', '.join(people)}.",
            *(account_line(card) if card else []),
            f"What happened: {'; '.join(str(e.payload['detail']) for e in same)}."
            + (" This joins an open case, whose other deadlines stand." if first.payload.get("joins") else ""),
            asked,
            *step,
            _deadlines(same, owner, background),
            *_reviews(same, owner, background),
            background.place(account, case) if account != BOOK else f"Alert {first.alert_id[:8]}",
        ]  # fmt: skip
        yield Notice(
            identity, "opened", frozenset(roles), min((e.payload["severity"] for e in same), key=SEVERITIES.index),
            f"{background.name(account)}: {with_more(str(first.payload['detail']), len(same) - 1)}",
            "\n".join(one_line(line) for line in lines if line), first.as_of, tuple(e.alert_id for e in same),
        )  # fmt: skip


def _deadlines(same: Sequence[LedgerEvent], owner: str, background: Background) -> str:
    """The tightest deadline of each step, in words; of what joins a case only those that it brings."""
    joins = any(e.payload.get("joins") for e in same)
    dues = {
        step: min((due for e in same if (due := _due(e, step))), default=None)
        for step in (REPEATED if joins else STEPS)
    }
    said = [f"{STEP_WORDS[step]} by {background.due(due, owner)}" for step, due in dues.items() if due]
    return f"Deadlines: {'; '.join(said)}." if said else ""


def _due(event: LedgerEvent, step: str) -> str | None:
    """When a step of an alert is due; where the CSM alone hears of it, an assessment is the review as well."""
    due, alone = event.payload["due"], list(event.payload["recipients"]) == [CSM]
    steps = ("assess", "review") if step == "assess" and alone else (step,)
    return min((due[one] for one in steps if one in due), default=None)


def _reviews(same: Sequence[LedgerEvent], owner: str, background: Background) -> list[str]:
    """What those who review do by when, a sentence each."""
    found: dict[str, str] = {}
    helping = next((w for e in same if (w := _helping(e, owner, background))), None)
    for event in same:
        who, due = background.reviewers(event.payload["recipients"]), event.payload["due"].get("review")
        if who and due:
            found[who] = min(due, found.get(who, due))
    return [
        f"{who[0].upper()}{who[1:]}: review the plan with {owner} by {background.due(due, owner)}."
        for who, due in found.items()
    ] + ([helping] if helping else [])


def _helping(event: LedgerEvent, owner: str, background: Background) -> str | None:
    """What finance does about an event of billing, where it hears of it."""
    if FINANCE not in event.payload["recipients"] or "review" in event.payload["due"]:
        return None
    who = background.people(FINANCE)
    return f"{who[0].upper()}{who[1:]}: tell {owner} today what failed or is disputed, and what would settle it."


def _contact_day(same: Sequence[LedgerEvent], owner: str, background: Background) -> date | None:
    """The day by which the customer is to be contacted."""
    due = min((e.payload["due"]["contact"] for e in same if "contact" in e.payload["due"]), default=None)
    return background.day(due, owner) if due else None


def _digests(fresh: Iterable[LedgerEvent], background: Background) -> Iterator[Notice]:
    """For each recipient of many alerts at once, or of news in open cases: an account a line, urgent ones first."""
    many = [
        ((str(e.payload["digest_id"]), role, str(e.payload["owner"]) if role == CSM else ""), e)
        for e in fresh if e.payload["digest_id"] is not None for role in e.payload["recipients"]
    ]  # fmt: skip
    for (digest, role, owner), pairs in groupby(sorted(many, key=lambda p: (p[0], p[1].alert_id)), key=lambda p: p[0]):
        by_account: dict[str, list[LedgerEvent]] = {}
        for _, event in pairs:
            by_account.setdefault(event.account_id, []).append(event)
        ordered = sorted(by_account.items(), key=lambda one: _urgency(one[0], one[1], background))
        critical = sum(any(e.payload["severity"] == SEVERITIES[0] for e in own) for own in by_account.values())
        who, room = owner or background.people(role), background.settings.digest_lines
        events = [e for own in by_account.values() for e in own]
        yield Notice(
            short_hash(digest, role, owner), "digest", frozenset({role}), SEVERITIES[0],
            f"{who}: {len(ordered)} account{'s need' if len(ordered) > 1 else ' needs'} attention"
            + (f", {critical} with a critical alert" if critical else ""),
            "\n".join([
                f"{_asked_of(role, owner, events, background)} Critical alerts first, then by ARR times risk.",
                *(_digest_line(account, own, background) for account, own in ordered[:room]),
                *([f"and {len(ordered) - room} more (mart cases)"] if len(ordered) > room else []),
            ]),
            ordered[0][1][0].as_of, tuple(e.alert_id for _, own in ordered for e in own),
        )  # fmt: skip


def _asked_of(role: str, owner: str, events: Sequence[LedgerEvent], background: Background) -> str:
    """What a digest asks of its recipient."""
    if role != CSM:
        due = min((e.payload["due"]["review"] for e in events if "review" in e.payload["due"]), default=None)
        return f"Your part: review each plan by {background.due(due, owner)}." if due else "The owners act on these."
    new = [e.payload["due"]["ack"] for e in events if not e.payload.get("joins")]
    if not new:
        return "News of open cases, whose deadlines stand."
    return f"Acknowledge each new case by {background.due(min(new), owner)}."


def _urgency(account: str, own: Sequence[LedgerEvent], background: Background) -> tuple[int, float, str]:
    severity = min(SEVERITIES.index(e.payload["severity"]) for e in own)
    card = background.accounts.get(account)
    return severity, -(card.at_stake if card else 0.0), account


def _digest_line(account: str, own: Sequence[LedgerEvent], background: Background) -> str:
    card = background.accounts.get(account)
    details = "; ".join(str(e.payload["detail"]) for e in sorted(own, key=lambda e: e.event_id))
    joins = " (open case)" if all(e.payload.get("joins") for e in own) else ""
    latest = _contact_day(own, str(own[0].payload["owner"]), background)
    parts = [f"- {background.name(account)}{joins}: {details}.", *(account_line(card) if card else []),
             *(card.next_step(latest) if card else []),
             background.place(account, background.cases.get(own[0].alert_id, ""))]  # fmt: skip
    return one_line(" ".join(part for part in parts if part))


def _breaches(
    new: Iterable[LedgerEvent], opened: Mapping[str, Mapping[str, Any]], background: Background
) -> Iterator[Notice]:  # fmt: skip
    """One message per run and role, a line per account: owner and missed deadlines; by owner, first due first."""
    late = sorted((e for e in new if e.kind == "breached"), key=lambda e: (e.payload["escalated_to"], e.event_id))
    for role, events in groupby(late, key=lambda e: str(e.payload["escalated_to"])):
        same = list(events)
        many = sorted(same, key=lambda e: (str(opened[e.alert_id]["owner"]), str(e.payload["due_at"]), e.account_id))
        by_case: dict[str, list[LedgerEvent]] = {}
        for event in many:
            by_case.setdefault(background.cases.get(event.alert_id, event.alert_id), []).append(event)
        room = background.settings.digest_lines
        lines = [_missed(own, opened, background) for own in list(by_case.values())[:room]]
        more = [f"and {len(by_case) - room} more accounts (mart cases)"] if len(by_case) > room else []
        of = f" on {len(by_case)} accounts" if 1 < len(by_case) < len(many) else ""
        yield Notice(
            short_hash(role, *(e.event_id for e in same)), "breached", frozenset({role}), "critical",
            f"{len(many)} missed deadline{'s' if len(many) > 1 else ''}{of}, escalated to {background.people(role)}",
            "\n".join([f"Today: ask who missed it what stands in the way. {HELP}", *lines, *more]),
            many[0].as_of,
        )  # fmt: skip


def _missed(
    events: Sequence[LedgerEvent], opened: Mapping[str, Mapping[str, Any]], background: Background
) -> str:  # fmt: skip
    """The missed deadlines of one case."""
    about, first = opened[events[0].alert_id], events[0]
    owner, card = str(about["owner"]), background.accounts.get(first.account_id)
    reviewers = background.reviewers(about["recipients"])
    who = {"review": f" by {reviewers}" if reviewers else " of the event"}
    latest = min((d for e in events if (d := opened[e.alert_id].get("due", {}).get("contact"))), default=None)
    due = ", ".join(
        f"{STEP_WORDS[e.payload['step']]}{who.get(e.payload['step'], '')} "
        f"(due {background.due(e.payload['due_at'], owner)})"
        for e in events
    )
    now = account_line(card) if card else []
    parts = [
        f"- {background.name(first.account_id)} (owner {owner}), opened for: {about['detail']}. Missed: {due}.",
        *([f"Now: {now[0]}", *now[1:]] if now else []),
        *(card.next_step(background.day(latest, owner) if latest else None) if card else []),
        background.place(first.account_id, background.cases.get(first.alert_id, "")) if first.account_id else "",
    ]  # fmt: skip
    return one_line(" ".join(part for part in parts if part))


def _by_account(event: LedgerEvent) -> tuple[str, str]:
    return event.account_id, event.alert_id
