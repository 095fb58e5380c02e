"""What a day does to the next actions: what is recommended, done by what people recorded, replaced, overdue.

Days count from the day on which an action was first recommended. What replaces it keeps its due date; a new count
starts only where the account enters a more urgent tier, or after the action was done or closed by a person. An action
is replaced only when its own cause is gone on two published days in a row. What fits no capacity waits without a date,
in the order of what is at stake (SPEC 0, ACT-2).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from keepwell.playbook.actions import Situation, answers, applies
from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY, PIPELINE, company_hash, short_hash
from keepwell.playbook.next_actions.life import (
    AUTOMATION,
    CLOSED,
    CSM,
    DONE,
    OPEN,
    QUEUED,
    WATCHED,
    ActionEvent,
    NextAction,
    action_event,
    actions_at,
)
from keepwell.playbook.settings import Action, ActionSettings, TierSettings
from keepwell.playbook.tiers import TIERS, due_date


@dataclass(frozen=True)
class Evidence:
    """What is on record of an account: a customer who was reached, or an intervention of a `kind` that began.

    `action_id`: of a message that left, the action that it is.
    """

    account_id: str
    at: datetime
    by: str
    kind: str | None = None
    action_id: str | None = None


T = TypeVar("T", NextAction, Evidence)


@dataclass(frozen=True)
class Wanted:
    """What the playbook says of an account today.

    `since`: the day on which it entered its tier. `situation`: what it was asked with; None where the account has no
    tier, so that nothing is known. `action`: its answer. `owner`: who does it, by name or role. `at_stake`: revenue at
    stake, by which the queue is ordered.
    `watched`: a stable account without risk, which nobody needs to contact. `opted_out`: of automated emails.
    """

    account_id: str
    situation: Situation | None
    since: date = date.min
    action: Action | None = None
    reason: str = ""
    owner: str = ""
    at_stake: float = 0.0
    watched: bool = False
    opted_out: bool = False


@dataclass(frozen=True)
class Recommended:
    """What stands for an account on a day: its action if it has a live one, and its state; None where there is none."""

    state: str | None = None
    action: NextAction | None = None
    queued: str | None = None


@dataclass(frozen=True)
class Past:
    """What the ledger holds before a day: events of actions, and what is on record of accounts."""

    events: Sequence[ActionEvent] = ()
    evidence: Sequence[Evidence] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """A hash of all of it, for the run_id of what is built on it; nothing where there is nothing."""
        if not self.events and not self.evidence:
            return ()
        said = (f"{e.account_id} {e.at.isoformat()} {e.by} {e.kind} {e.action_id}" for e in self.evidence)
        return (f"actions/{short_hash(*(e.event_id for e in self.events), *said)}",)


@dataclass(frozen=True)
class Rules:
    """The settings of actions: deadlines, capacity per CSM and week, who hears of an overdue one, whose they are."""

    actions: ActionSettings = field(default_factory=ActionSettings)
    tiers: TierSettings = field(default_factory=TierSettings)
    playbook: Mapping[str, Action] = field(default_factory=dict)
    calls_per_week: int = 15
    capacity: Mapping[str, int] = field(default_factory=dict)
    escalate_to: str = "manager"
    company: str = DEFAULT_COMPANY


def new_actions(
    past: Past, wanted: Sequence[Wanted], as_of: datetime, rules: Rules
) -> tuple[list[ActionEvent], dict[str, Recommended]]:
    """The events that the day adds, and what stands for each account after them.

    `past` is without what this day's own run wrote before, so that every flow of a day finds the same.
    """
    before = past.events
    live = {a.account_id: a for a in actions_at(before, as_of).values() if a.live}
    recorded = _by_account(past.evidence)
    new: list[ActionEvent] = []
    for one in wanted:
        if (action := live.get(one.account_id)) is not None:
            new += _of_live(action, one, recorded.get(one.account_id, ()), as_of, rules)
    own = _by_account(actions_at([*before, *new], as_of).values())
    new += _recommendations(own, wanted, as_of, rules)
    own = _by_account(actions_at([*before, *new], as_of).values())
    return new, {one.account_id: _standing(one, own.get(one.account_id, ()), as_of.date(), rules) for one in wanted}


def closed_with_account(action: NextAction, as_of: datetime) -> ActionEvent:
    """The end of an action whose account is known to have left."""
    said = {"reason": "the account is no longer under contract"}
    return action_event(action.action_id, action.account_id, "closed", as_of, PIPELINE, said)


def _by_account(rows: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(row)
    return found


def _of_live(
    live: NextAction, one: Wanted, evidence: Sequence[Evidence], as_of: datetime, rules: Rules
) -> Iterator[ActionEvent]:
    """What becomes of a live action: done, replaced, its cause gone or back, overdue."""
    today = as_of.date()
    if (found := _done(live, evidence, as_of)) is not None:
        said = {"on": found.at.date().isoformat(), "by": found.by}
        yield action_event(live.action_id, live.account_id, "done", as_of, PIPELINE, said)
        return
    situation = one.situation
    if one.opted_out and live.role == AUTOMATION:
        said = {"reason": "the account opted out of automated emails"}
        yield action_event(live.action_id, live.account_id, "closed", as_of, PIPELINE, said)
        return
    if situation is not None:
        if TIERS.index(situation.tier) < TIERS.index(live.tier):
            yield from _replaced(live, one, as_of, rules, anew=True)
            return
        holds = _holds(live, situation, rules)
        if holds and live.gone_since is not None:
            yield action_event(live.action_id, live.account_id, "cause_back", as_of, PIPELINE, {})
        elif not holds and live.gone_since is None:
            yield action_event(live.action_id, live.account_id, "cause_gone", as_of, PIPELINE, {})
        elif not holds:
            yield from _replaced(live, one, as_of, rules, anew=False)
            return
    if live.due_on < today and live.state == OPEN:
        said = {"escalated_to": rules.escalate_to}
        yield action_event(live.action_id, live.account_id, "overdue", as_of, PIPELINE, said)


def _done(live: NextAction, evidence: Sequence[Evidence], as_of: datetime) -> Evidence | None:
    """The first record since it was recommended that is what the action asks for.

    A CSM's action asks that the customer is reached; any action of a person, that an intervention of its kind begins;
    an automated one, that its message has left.
    """
    asked = (e for e in evidence if e.at.date() >= live.recommended_on and e.at <= as_of and _answers(e, live))
    return min(asked, key=lambda e: (e.at, e.by), default=None)


def _answers(evidence: Evidence, action: NextAction) -> bool:
    if evidence.action_id is not None or action.role == AUTOMATION:
        return evidence.action_id == action.action_id
    return action.role == CSM if evidence.kind is None else evidence.kind == action.kind


def _holds(live: NextAction, situation: Situation, rules: Rules) -> bool:
    """Whether the cause of an action is there: its playbook entry still answers one of the leading factors."""
    action = rules.playbook.get(live.action)
    if action is None or not applies(action, situation):
        return False
    return any(answers(action, feature, component) for feature, component in (*situation.factors, ("", "")))


def _replaced(live: NextAction, one: Wanted, as_of: datetime, rules: Rules, *, anew: bool) -> Iterator[ActionEvent]:
    """The action ends, and what the playbook says now takes its place: with its due date, or with a new count."""
    wanted = one.action is not None and not one.watched
    said = {"reason": "the account is in a more urgent tier" if anew else "its cause is gone"}
    if wanted and one.action is not None and one.situation is not None:
        due = due_date(one.situation.tier, as_of.date(), one.action.within_days, rules.tiers)
        kept = min(due, live.due_on) if live.due_on >= as_of.date() else due
        event = _recommendation(one, as_of, kept if anew else live.due_on, rules.company, replaces=live)
        about = said | {"replaced_by": event.action_id}
        yield action_event(live.action_id, live.account_id, "replaced", as_of, PIPELINE, about)
        yield event
        return
    yield action_event(live.action_id, live.account_id, "closed", as_of, PIPELINE, said)


def _recommendations(
    own: Mapping[str, Sequence[NextAction]], wanted: Sequence[Wanted], as_of: datetime, rules: Rules
) -> Iterator[ActionEvent]:
    """A new action for each account that is to be contacted and has none, as far as there is capacity.

    What is immediate, or has an open alert, needs none: it is recommended all the same.
    """
    room = _room((a for actions in own.values() for a in actions), as_of.date(), rules)
    asking = [one for one in wanted if _may_begin(one, own.get(one.account_id, ()), as_of.date(), rules)]
    for one in sorted(asking, key=_order):
        action, situation = _asked(one)
        if action.owner == CSM:
            if room[one.owner] <= 0 and situation.tier != TIERS[0] and not situation.alarmed:
                continue
            room[one.owner] -= 1
        due = due_date(situation.tier, as_of.date(), action.within_days, rules.tiers)
        yield _recommendation(one, as_of, due, rules.company)


def _asked(one: Wanted) -> tuple[Action, Situation]:
    """What is wanted of an account that is to be contacted."""
    if one.action is None or one.situation is None:
        raise ValueError(f"{one.account_id} has no tier and no action")
    return one.action, one.situation


class _Room(Counter[str]):
    """Actions that each CSM can still take on this week; one who is not listed has the usual capacity."""

    def __init__(self, usual: int, given: Mapping[str, int]) -> None:
        super().__init__(given)
        self._usual = usual

    def __missing__(self, key: str) -> int:
        return self._usual


def _room(actions: Iterable[NextAction], today: date, rules: Rules) -> _Room:
    """What is left of a week's calls: each open action takes one, and each that was done within the week."""
    room = _Room(rules.calls_per_week, rules.capacity)
    week_ago = today - timedelta(days=7)
    for action in actions:
        if action.live or (action.state == DONE and action.ended_on is not None and action.ended_on > week_ago):
            room[action.owner] -= 1
    return room


def _may_begin(one: Wanted, own: Sequence[NextAction], today: date, rules: Rules) -> bool:
    """Whether a new count may start: nothing is live, and the last action that people ended is long enough ago.

    A more urgent tier than that action's needs no rest.
    """
    if one.situation is None or one.action is None or one.watched or any(a.live for a in own):
        return False
    last = _answered(own)
    return (
        last is None or TIERS.index(one.situation.tier) < TIERS.index(last.tier) or not _rests(last, one, today, rules)
    )


def _answered(own: Sequence[NextAction]) -> NextAction | None:
    """The last action of an account that was done, or that a person closed."""
    ended = [a for a in own if a.state == DONE or (a.state == CLOSED and a.ended_by != PIPELINE)]
    return max(ended, key=lambda a: (a.ended_on or a.recommended_on, a.action_id), default=None)


def _rests(last: NextAction, one: Wanted, today: date, rules: Rules) -> bool:
    """Whether the effect of the last action is waited for; an automated email is sent once per stay in its tier."""
    ended = last.ended_on or today
    if last.role == AUTOMATION and one.action is not None and one.action.owner == AUTOMATION and one.since <= ended:
        return True
    return today - ended < timedelta(days=rules.actions.rest_days)


def _order(one: Wanted) -> tuple[int, bool, float, str]:
    situation = _asked(one)[1]
    return TIERS.index(situation.tier), not situation.alarmed, -one.at_stake, one.account_id


def _recommendation(
    one: Wanted, as_of: datetime, due: date, company: str, replaces: NextAction | None = None
) -> ActionEvent:
    action, situation = _asked(one)
    action_id = company_hash(company, "action", one.account_id, action.name, as_of.date().isoformat())
    since = as_of.date() if replaces is None or due != replaces.due_on else replaces.recommended_on
    about: dict[str, Any] = {
        "action": action.name, "reason": one.reason, "owner": one.owner, "role": action.owner, "tier": situation.tier,
        "due_on": due.isoformat(), "kind": action.kind, "recommended_on": since.isoformat(),
    }  # fmt: skip
    if replaces is not None:
        about["replaces"] = replaces.action_id
        if replaces.overdue_on is not None and due == replaces.due_on:
            about |= {"overdue_on": replaces.overdue_on.isoformat(), "escalated_to": replaces.escalated_to}
    return action_event(action_id, one.account_id, "recommended", as_of, PIPELINE, about)


def _standing(one: Wanted, own: Sequence[NextAction], today: date, rules: Rules) -> Recommended:
    """What the day shows of an account: its live action; else whether it is watched, was answered, or waits."""
    action = next((a for a in own if a.live), None)
    if action is not None:
        return Recommended(action.state, action)
    if one.action is None or one.situation is None:
        return Recommended()
    if one.watched:
        return Recommended(WATCHED)
    last = _answered(own)
    if last is not None and _rests(last, one, today, rules):
        return Recommended(DONE, last)
    return Recommended(QUEUED, queued=one.action.name)
