"""The life of a next action over days: due dates that stay, one escalation, done by what people record (ACT-2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from keepwell.playbook.actions import Playbook, Situation
from keepwell.playbook.next_actions.day import Evidence, Past, Recommended, Rules, Wanted, new_actions
from keepwell.playbook.next_actions.life import ActionEvent, action_event, actions_at
from keepwell.playbook.settings import Action, ActionSettings

MONDAY = datetime(2026, 3, 2)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USAGE, SUPPORT = ("usage_trend", "usage"), ("urgent_tickets_90d", "support")


def action(name: str, *tiers: str, **more: object) -> Action:
    return Action.model_validate({"name": name, "owner": "csm", "tiers": tiers, "because": "it helps", **more})


BOOK = Playbook(
    action=(
        action("call", "immediate", "outreach", components=["usage"], kind="executive"),
        action("fix", "outreach", components=["support"], kind="technical_fix", within_days=2, owner="technical"),
        action("save", "immediate"),
        action("talk", "outreach"),
        action("email", "automated", owner="automation"),
    )
)
RULES = Rules(playbook={one.name: one for one in BOOK.action})


def wanted(*factors: tuple[str, str], tier: str = "outreach", account: str = "acme", **more: Any) -> Wanted:
    """What the playbook says of an account with these leading factors."""
    situation = Situation(tier, factors, alarmed=more.pop("alarmed", False))
    chosen = BOOK.next_action(situation)
    assert chosen is not None
    owner = "ann" if chosen.owner == "csm" else chosen.owner
    return Wanted(account, situation, MONDAY.date(), chosen, "the reason", more.pop("owner", owner), **more)


class Days:
    """Days in a row, as daily runs write them, and what people record in between."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.events: list[ActionEvent] = []
        self.evidence: list[Evidence] = []
        self.seen: list[Recommended] = []

    def run(self, day: int, *asked: Wanted) -> Mapping[str, Recommended]:
        at = MONDAY + day * DAY
        known = [e for e in self.evidence if e.at <= at]
        new, found = new_actions(Past(self.events, known), asked, at, self.rules)
        self.events += new
        self.seen.append(found.get("acme", Recommended()))
        return found

    def kinds(self, kind: str) -> list[ActionEvent]:
        return [e for e in self.events if e.kind == kind]


def test_a_leading_factor_that_alternates_gets_one_due_date_and_one_escalation() -> None:
    """Twenty days, usage and support in turns, nobody acts: one count of days, one escalation (ACT-2)."""
    days = Days()
    for day in range(20):
        days.run(day, wanted(USAGE if day % 2 == 0 else SUPPORT))

    assert {one.action.due_on for one in days.seen if one.action} == {(MONDAY + 3 * DAY).date()}
    assert [(e.payload["escalated_to"], e.at) for e in days.kinds("overdue")] == [("manager", MONDAY + 4 * DAY)]
    assert len(days.kinds("recommended")) == 1
    assert [one.state for one in days.seen] == ["open"] * 4 + ["overdue"] * 16


def test_a_cause_that_is_gone_on_two_days_is_replaced_and_the_due_date_stays() -> None:
    """On the second published day; the days still count from the first recommendation (ACT-2)."""
    days = Days()
    for day, factor in enumerate([USAGE, SUPPORT, SUPPORT, SUPPORT]):
        days.run(day, wanted(factor))
    first, second = days.kinds("recommended")
    found = actions_at(days.events, MONDAY + 3 * DAY)

    assert [e.at for e in days.kinds("replaced")] == [MONDAY + 2 * DAY]
    assert (found[first.action_id].state, found[second.action_id].action) == ("replaced", "fix")
    assert found[second.action_id].due_on == found[first.action_id].due_on == (MONDAY + 3 * DAY).date()
    assert found[second.action_id].recommended_on == MONDAY.date()


def test_a_more_urgent_tier_begins_a_new_count() -> None:
    """From outreach to immediate: today; back to outreach it stays what it is (ACT-2)."""
    days = Days()
    days.run(0, wanted(USAGE))
    days.run(1, wanted(USAGE, tier="immediate"))
    days.run(2, wanted(USAGE))
    due = [one.action.due_on for one in days.seen if one.action]

    assert due == [(MONDAY + n * DAY).date() for n in (3, 1, 1)]
    assert [e.at for e in days.kinds("overdue")] == [MONDAY + 2 * DAY]


@pytest.mark.parametrize(
    ("evidence", "factor", "state"),
    [
        (Evidence("acme", MONDAY + 8 * HOUR, "ann"), USAGE, "done"),
        (Evidence("acme", MONDAY + 8 * HOUR, "ann", "executive"), USAGE, "done"),
        (Evidence("acme", MONDAY + 8 * HOUR, "ann", "training"), USAGE, "open"),
        (Evidence("acme", MONDAY - 8 * HOUR, "ann"), USAGE, "open"),
        (Evidence("bolt", MONDAY + 8 * HOUR, "ann"), USAGE, "open"),
        (Evidence("acme", MONDAY + 8 * HOUR, "ann"), SUPPORT, "open"),
        (Evidence("acme", MONDAY + 8 * HOUR, "tom", "technical_fix"), SUPPORT, "done"),
    ],
    ids=["reached", "kind begun", "another kind", "before it", "another account", "not the CSM's", "the team's kind"],
)  # fmt: skip
def test_it_is_done_when_people_record_what_it_asks_for(
    evidence: Evidence, factor: tuple[str, str], state: str
) -> None:
    """A CSM's action by reaching the customer, any action by an intervention of its kind (ACT-2)."""
    days = Days()
    days.run(0, wanted(factor))
    days.evidence.append(evidence)
    days.run(1, wanted(factor))

    assert days.seen[-1].state == state
    done = [a for a in actions_at(days.events, MONDAY + DAY).values() if a.state == "done"]
    assert [(a.ended_by, a.ended_on) for a in done] == ([(evidence.by, MONDAY.date())] if state == "done" else [])


def test_after_it_is_done_nothing_new_begins_for_a_while_unless_the_tier_gets_more_urgent() -> None:
    """Two weeks for the work to have an effect (ACT-2)."""
    days = Days(replace(RULES, actions=ActionSettings(rest_days=5)))
    days.run(0, wanted(USAGE))
    days.evidence.append(Evidence("acme", MONDAY + 8 * HOUR, "ann"))
    states = [days.run(day, wanted(USAGE))["acme"].state for day in range(1, 7)]
    urgent = Days(replace(RULES, actions=ActionSettings(rest_days=5)))
    urgent.events, urgent.evidence = days.events[:2], days.evidence
    found = urgent.run(2, wanted(USAGE, tier="immediate"))["acme"]

    assert states == ["done"] * 4 + ["open"] * 2
    assert found.action is not None
    assert found.action.due_on == (MONDAY + 2 * DAY).date()


def test_a_person_may_close_it_with_a_reason_and_the_next_count_is_new() -> None:
    """On record, by name; it is not recommended again at once (ACT-2)."""
    days = Days(replace(RULES, actions=ActionSettings(rest_days=3)))
    days.run(0, wanted(USAGE))
    (first,) = actions_at(days.events, MONDAY).values()
    closed = action_event(first.action_id, "acme", "closed", MONDAY + 9 * HOUR, "ann", {"reason": "a test account"})
    days.events.append(closed)
    for day in range(1, 5):
        days.run(day, wanted(USAGE))
    last = days.seen[-1].action

    assert [one.state for one in days.seen] == ["open", "done", "done", "open", "open"]
    assert last is not None
    assert last.recommended_on == (MONDAY + 3 * DAY).date()


def test_what_fits_no_capacity_waits_in_the_order_of_what_is_at_stake() -> None:
    """Immediate ones and accounts with an alert are never left waiting; one that is done makes room (ACT-2)."""
    days = Days(replace(RULES, calls_per_week=2))
    asked = [
        wanted(USAGE, account="small", at_stake=1.0), wanted(USAGE, account="large", at_stake=9.0),
        wanted(USAGE, account="alarm", at_stake=0.5, alarmed=True),
        wanted(USAGE, account="now", tier="immediate", at_stake=0.1),
    ]  # fmt: skip
    first = days.run(0, *asked)
    days.run(1, *asked[:2])

    assert {name: one.state for name, one in first.items()} == {
        "small": "queued", "large": "queued", "alarm": "open", "now": "open",
    }  # fmt: skip
    assert first["small"].queued == "call"
    freed = Days(replace(RULES, calls_per_week=3))
    assert {name: one.state for name, one in freed.run(0, *asked).items()}["large"] == "open"
    assert {name: one.state for name, one in freed.run(8, *asked).items()}["small"] == "queued"


def test_a_stable_account_without_risk_is_watched_without_a_date() -> None:
    """Nobody needs to contact it (ACT-2)."""
    days = Days()
    found = days.run(0, wanted(watched=True))["acme"]

    assert (found.state, found.action, days.events) == ("watched", None, [])


def test_an_unknown_score_neither_ends_nor_begins_an_action() -> None:
    """It becomes overdue all the same (ACT-2)."""
    days = Days()
    days.run(0, wanted(USAGE))
    for day in range(1, 6):
        days.run(day, Wanted("acme", None))

    assert days.seen[-1].state == "overdue"
    assert Days().run(0, Wanted("acme", None))["acme"] == Recommended()


def test_an_automated_email_is_sent_once_per_stay_in_its_tier() -> None:
    """Done when its message has left; again only after the account was in another tier; an opt-out ends it (ACT-2)."""
    days = Days()
    days.run(0, wanted(tier="automated"))
    (first,) = actions_at(days.events, MONDAY).values()
    days.evidence.append(Evidence("acme", MONDAY + 6 * HOUR, "keepwell", action_id=first.action_id))
    for day in (1, 20, 100):
        days.run(day, wanted(tier="automated"))
    again = replace(wanted(tier="automated"), since=(MONDAY + 101 * DAY).date())
    days.run(101, again)
    days.run(102, replace(again, action=None, opted_out=True))

    assert [one.state for one in days.seen] == ["open", "done", "done", "done", "open", None]
    assert [e.payload["reason"] for e in days.kinds("closed")] == ["the account opted out of automated emails"]


@pytest.mark.parametrize("kind", ["recommended", "overdue", "replaced"])
def test_a_day_that_runs_again_writes_the_same_events(kind: str) -> None:
    """Same ids, so that the ledger adds nothing (TRU-1)."""
    days = Days()
    factors: Sequence[tuple[str, str]] = [USAGE, USAGE, SUPPORT, SUPPORT, SUPPORT, SUPPORT]
    for day, factor in enumerate(factors):
        before = list(days.events)
        days.run(day, wanted(factor))
        again, _ = new_actions(Past(before), [wanted(factor)], MONDAY + day * DAY, RULES)
        assert [e.event_id for e in again] == [e.event_id for e in days.events[len(before) :]]

    assert days.kinds(kind)
