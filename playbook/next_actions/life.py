"""The life of a next action, folded from its events: recommended, done, replaced, overdue, closed.

Everything is an event that is only added. Nothing here looks at settings, so that an old day reads the same after a
setting has changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from keepwell.playbook.alerts.ledger_events import short_hash

KINDS = ("recommended", "replaced", "done", "closed", "cause_gone", "cause_back", "overdue")
"""In the order in which events of one instant are read."""
OPEN, OVERDUE, QUEUED, WATCHED, DONE, REPLACED, CLOSED = (
    "open", "overdue", "queued", "watched", "done", "replaced", "closed",
)  # fmt: skip
"""States. Only an open or overdue action has a date; `queued` and `watched` are those of an account without one."""
AUTOMATION, CSM = "automation", "csm"


@dataclass(frozen=True)
class ActionEvent:
    """One line of an action's life. `as_of` is when the line was written, `at` when the thing happened, both UTC."""

    event_id: str
    action_id: str
    account_id: str
    kind: str
    as_of: datetime
    at: datetime
    by: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class NextAction:
    """A recommended action, folded from its events.

    `due_on` counts from `recommended_on`; a replacement has both from the action that it replaced (`replaces`). `tier`:
    the account's when the count began. `gone_since`: the day on which its cause was first not seen. `ended_on`: when it
    was done, replaced or closed. `escalated_to`: the role that was notified when its day passed.
    """

    action_id: str
    account_id: str
    action: str
    reason: str
    owner: str
    role: str
    tier: str
    recommended_on: date
    due_on: date
    kind: str | None = None
    replaces: str | None = None
    gone_since: date | None = None
    overdue_on: date | None = None
    escalated_to: str | None = None
    ended_on: date | None = None
    ended_by: str | None = None
    note: str | None = None
    state: str = OPEN

    @property
    def live(self) -> bool:
        return self.state in (OPEN, OVERDUE)


def action_event(
    action_id: str, account: str, kind: str, at: datetime, by: str, payload: Mapping[str, Any]
) -> ActionEvent:
    """The event; a run that is made again writes the same ids."""
    repeats = kind in ("cause_gone", "cause_back")
    identity = short_hash(action_id, kind, *((at.isoformat(),) if repeats else ()))
    return ActionEvent(identity, action_id, account, kind, at, at, by, payload)


def actions_at(events: Iterable[ActionEvent], as_of: datetime) -> dict[str, NextAction]:
    """Every action by its id as it stood at an instant."""
    found: dict[str, NextAction] = {}
    known = (e for e in events if e.as_of <= as_of and e.kind in KINDS)
    for event in sorted(known, key=lambda e: (e.as_of, KINDS.index(e.kind), e.event_id)):
        if event.kind == "recommended":
            found.setdefault(event.action_id, _recommended(event))
        elif (action := found.get(event.action_id)) is not None and action.live:
            found[event.action_id] = _changed(action, event)
    return found


def _recommended(event: ActionEvent) -> NextAction:
    given = event.payload
    overdue = given.get("overdue_on")
    return NextAction(
        event.action_id, event.account_id, given["action"], given["reason"], given["owner"], given["role"],
        given["tier"], date.fromisoformat(given["recommended_on"]), date.fromisoformat(given["due_on"]),
        given.get("kind"), given.get("replaces"),
        overdue_on=date.fromisoformat(overdue) if overdue else None, escalated_to=given.get("escalated_to"),
        state=OVERDUE if overdue else OPEN,
    )  # fmt: skip


def _changed(action: NextAction, event: ActionEvent) -> NextAction:
    given, on = event.payload, event.at.date()
    match event.kind:
        case "cause_gone":
            return replace(action, gone_since=on)
        case "cause_back":
            return replace(action, gone_since=None)
        case "overdue":
            return replace(action, state=OVERDUE, overdue_on=on, escalated_to=given["escalated_to"])
        case "done":
            done_on = date.fromisoformat(given["on"]) if "on" in given else on
            return replace(
                action, state=DONE, ended_on=done_on, ended_by=given.get("by", event.by), note=given.get("note")
            )
        case "replaced":
            return replace(action, state=REPLACED, ended_on=on, ended_by=event.by, note=given["reason"])
        case _:
            return replace(action, state=CLOSED, ended_on=on, ended_by=event.by, note=given["reason"])
