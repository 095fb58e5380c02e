"""Messages about next actions: to their owners, to the manager, and the list for the e-mail tool (ACT-2, ALR-4)."""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from io import StringIO
from itertools import groupby

from keepwell.playbook.alerts.account_card import AccountCard, account_line, named
from keepwell.playbook.alerts.channels import HELP, Notice
from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.next_actions.life import AUTOMATION, CSM, ActionEvent
from keepwell.playbook.settings import OwnerSettings
from keepwell.playbook.tiers import TIERS
from keepwell.values.dates import spoken_day
from keepwell.values.texts import one_line

MANAGER = "manager"
LARGEST = "Most at stake first: ARR times risk."


def action_notices(
    events: Sequence[ActionEvent], accounts: Mapping[str, AccountCard], owners: OwnerSettings, at: datetime,
    announced: Collection[str] = (),
) -> list[Notice]:  # fmt: skip
    """A day's messages: to each owner the new actions, to the manager the immediate and the overdue ones.

    `accounts`: as messages show them, by id. `announced`: accounts whose case is announced in a message of its own,
    which says the action too. What replaces an overdue action is no news: that it is overdue was told.
    """
    new = [e for e in events if e.kind == "recommended" and e.payload["due_on"] >= at.date().isoformat()]
    by_people = (e for e in new if e.payload["role"] != AUTOMATION and e.account_id not in announced)
    found = []
    for (role, owner), own in groupby(sorted(by_people, key=_owner), key=_owner):
        same = list(own)
        title = f"{owner}: {_count(same, 'new action')}"
        found.append(_notice(role, title, "Record the call or the work, and it is done.", same, accounts, at, owners))
    if immediate := [e for e in new if e.payload["tier"] == TIERS[0]]:
        need = "needs" if len(immediate) == 1 else "need"
        title = f"{_people(MANAGER, owners)}: {_count(immediate, 'account')} {need} immediate intervention"
        why = f"Today: confirm with each owner that they act. {HELP}"
        found.append(_notice(MANAGER, title, why, immediate, accounts, at, owners))
    found += _overdue(events, accounts, owners, at)
    emails = [e for e in new if e.payload["role"] == AUTOMATION]
    return [*found, *([_check_ins(emails, accounts, at)] if emails else [])]


def _notice(
    role: str, title: str, why: str, events: Sequence[ActionEvent], accounts: Mapping[str, AccountCard], at: datetime,
    owners: OwnerSettings,
) -> Notice:  # fmt: skip
    ordered = sorted(events, key=lambda e: _urgency(e, accounts))
    return Notice(
        short_hash(role, title, at.isoformat(), *(e.event_id for e in ordered)), "action", frozenset({role}),
        "critical", title, "\n".join([f"{why} Earliest due first.", *(_line(e, accounts, owners) for e in ordered)]),
        at,
    )  # fmt: skip


def _count(events: Sequence[ActionEvent], noun: str) -> str:
    return f"{len(events)} {noun}{'s' if len(events) > 1 else ''}"


def _line(event: ActionEvent, accounts: Mapping[str, AccountCard], owners: OwnerSettings) -> str:
    """Account, action, owner, due date, and why."""
    given, card = event.payload, accounts.get(event.account_id)
    about = account_line(card)[0] if card else ""
    due = date.fromisoformat(given["due_on"])
    instead = " (instead of the one before, whose date stands)" if given.get("replaces") else ""
    owner = given["owner"] if given["role"] == CSM else _people(given["owner"], owners)
    said = f"- {named(event.account_id, card)}: {given['action']} ({owner}), by {spoken_day(due)}{instead}. {about}"
    return one_line(f"{said} Why: {given['reason']}.")


def _overdue(
    events: Sequence[ActionEvent], accounts: Mapping[str, AccountCard], owners: OwnerSettings, at: datetime
) -> Iterator[Notice]:
    """One message per role that an overdue action is escalated to."""

    def order(event: ActionEvent) -> tuple[str, float, str]:
        card = accounts.get(event.account_id)
        return str(event.payload["escalated_to"]), -(card.at_stake if card else 0.0), event.account_id

    late = sorted((e for e in events if e.kind == "overdue"), key=order)
    for role, same in groupby(late, key=lambda e: str(e.payload["escalated_to"])):
        many = list(same)
        lines = [_late_line(e, accounts.get(e.account_id)) for e in many]
        yield Notice(
            short_hash(role, at.isoformat(), *(e.event_id for e in many)), "action", frozenset({role}), "critical",
            f"{_count(many, 'overdue action')}, escalated to {_people(role, owners)}",
            "\n".join([f"No call or work is recorded for these. Today: ask each owner. {HELP} {LARGEST}", *lines]), at,
        )  # fmt: skip


def _late_line(event: ActionEvent, card: AccountCard | None) -> str:
    step = " ".join(card.next_step()).removeprefix("Next: ") if card else ""
    said = f"- {named(event.account_id, card)}: {step}"
    return one_line(" ".join([said, *(account_line(card) if card else [])]))


def _check_ins(events: Sequence[ActionEvent], accounts: Mapping[str, AccountCard], at: datetime) -> Notice:
    """The list for the e-mail tool: accounts that get an automated check-in today; none that opted out is on it."""
    ordered = sorted(events, key=lambda e: e.account_id)
    table = StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["account_id", "name", "csm"])
    for event in ordered:
        card = accounts.get(event.account_id, AccountCard())
        rows.writerow([one_line(text) for text in (event.account_id, card.name or "", card.csm or "")])
    return Notice(
        short_hash(AUTOMATION, at.isoformat(), *(e.event_id for e in ordered)), "check_in", frozenset({AUTOMATION}),
        "warning", f"{_count(ordered, 'account')} for the automated check-in email",
        "Send them your check-in email today, with your e-mail tool. Accounts that opted out are not on the list, and "
        f"neither are those with an open case. An account is on it once, and again if it falls and recovers.\n\n"
        f"{table.getvalue()}", at,
        tuple(e.action_id for e in ordered),
    )  # fmt: skip


def _urgency(event: ActionEvent, accounts: Mapping[str, AccountCard]) -> tuple[str, int, float, str]:
    card, given = accounts.get(event.account_id), event.payload
    return given["due_on"], TIERS.index(given["tier"]), -(card.at_stake if card else 0.0), event.account_id


def _owner(event: ActionEvent) -> tuple[str, str]:
    return event.payload["role"], event.payload["owner"]


def _people(role: str, owners: OwnerSettings) -> str:
    return ", ".join(owners.roles.get(role, ())) or role
