"""A company's own alert rules: what they ask, and the life of their alerts. Values and days are written out (ALR-6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from keepwell.playbook.alerts.ledger_events import Alert, LedgerEvent, event_of, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.own_rules import Seen, answer, is_own, name_of, rule_id
from keepwell.playbook.alerts.rules import RULES, Condition, Observations, rules_of
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.rule_settings import OwnRule
from keepwell.playbook.settings import AlertSettings, OwnerSettings

MONDAY = datetime(2026, 3, 2)
TODAY = MONDAY.date()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Fields = Mapping[str, float | None]

SEATS_IDLE: dict[str, Any] = {"all": [{"field": "seat_utilisation", "op": "<", "value": 0.3}]}
RISING: dict[str, Any] = {"field": "open_tickets", "rise": 3, "within_days": 7}
FALLING: dict[str, Any] = {"field": "health", "drop": 15, "within_days": 7}


def rule(**given_: Any) -> OwnRule:
    return OwnRule.model_validate(given_)


def asked(of: OwnRule, now: Fields, **earlier: Fields) -> object:
    """The answer for one account; `earlier` by how many days ago: `ago_3={"health": 70}`."""
    days = {TODAY - int(name.removeprefix("ago_")) * DAY: pd.DataFrame([values], ["acme"])
            for name, values in earlier.items()}  # fmt: skip
    found = answer(of, Seen(TODAY, pd.DataFrame([now], ["acme"]), days))["acme"]
    return None if pd.isna(found) else found


# What a rule asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "answers"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        (">", (False, False, True)),
        (">=", (False, True, True)),
        ("==", (False, True, False)),
        ("!=", (True, False, True)),
    ],
)
def test_a_field_is_compared_with_a_number(op: str, answers: tuple[bool, ...]) -> None:
    """Below, at, and above it (ALR-6)."""
    compared = rule(all=[{"field": "open_tickets", "op": op, "value": 3}])

    assert tuple(asked(compared, {"open_tickets": tickets}) for tickets in (2, 3, 4)) == answers


@pytest.mark.parametrize("now", [{"open_tickets": None}, {"open_tickets": float("nan")}, {"health": 40.0}])
def test_a_value_that_is_not_known_is_no_answer(now: Fields) -> None:
    """Neither True nor False, also with `!=`: it opens nothing and closes nothing (ALR-6)."""
    for op in ("<", "!="):
        assert asked(rule(all=[{"field": "open_tickets", "op": op, "value": 3}]), now) is None


@pytest.mark.parametrize(("health", "expected"), [(65.1, False), (65.0, True), (20.0, True), (90.0, False)])
def test_a_drop_is_measured_from_the_highest_of_the_window(health: float, expected: bool) -> None:
    """From 80 three days ago, not from 70 yesterday (ALR-6)."""
    found = asked(rule(all=[FALLING]), {"health": health}, ago_3={"health": 80.0}, ago_1={"health": 70.0})

    assert found is expected


def test_a_drop_ignores_binary_fractions() -> None:
    """64.1 - 49.1 is 14.999999999999993 in binary, and fifteen to everybody else (ALR-6)."""
    assert asked(rule(all=[FALLING]), {"health": 49.1}, ago_1={"health": 64.1}) is True


@pytest.mark.parametrize(("tickets", "expected"), [(3, False), (4, True), (0, False)])
def test_a_rise_is_measured_from_the_lowest_of_the_window(tickets: float, expected: bool) -> None:
    """From one ticket three days ago (ALR-6)."""
    found = asked(rule(all=[RISING]), {"open_tickets": tickets}, ago_3={"open_tickets": 1}, ago_1={"open_tickets": 3})

    assert found is expected


def test_a_window_begins_within_days_ago_and_ends_yesterday() -> None:
    """Seven days ago counts, eight days ago does not (ALR-6)."""
    falling = rule(all=[FALLING])

    assert asked(falling, {"health": 60.0}, ago_7={"health": 80.0}) is True
    assert asked(falling, {"health": 60.0}, ago_8={"health": 80.0}, ago_7={"health": 61.0}) is False


def test_without_an_earlier_value_a_move_is_not_known() -> None:
    """No published day in the window, none with a value, or none today (ALR-6)."""
    falling = rule(all=[FALLING])

    assert asked(falling, {"health": 60.0}) is None
    assert asked(falling, {"health": 60.0}, ago_8={"health": 80.0}) is None
    assert asked(falling, {"health": 60.0}, ago_1={"health": None}) is None
    assert asked(falling, {"health": None}, ago_1={"health": 80.0}) is None
    assert asked(falling, {"health": 60.0}, ago_2={"health": 80.0}, ago_1={"health": None}) is True


def test_an_account_that_earlier_days_do_not_have_is_not_known() -> None:
    """A new customer beside an old one, in whatever order the days list them (ALR-6)."""
    now = pd.DataFrame({"health": [60.0, 60.0, 60.0]}, ["new", "old", "well"])
    before = pd.DataFrame({"health": [62.0, 80.0, 99.0]}, ["well", "old", "gone"])
    found = answer(rule(all=[FALLING]), Seen(TODAY, now, {TODAY - DAY: before}))

    assert found.to_dict() == {"new": None, "old": True, "well": False}


LOW: dict[str, Any] = {"field": "health", "op": "<", "value": 50}
BUSY: dict[str, Any] = {"field": "open_tickets", "op": ">", "value": 3}


@pytest.mark.parametrize(
    ("health", "tickets", "both", "either"),
    [
        (40, 5, True, True),
        (40, 1, False, True),
        (60, 1, False, False),
        (40, None, None, True),
        (60, None, False, None),
        (None, None, None, None),
    ],
)
def test_all_and_any_decide_as_soon_as_what_is_known_decides(
    health: float | None, tickets: float | None, both: bool | None, either: bool | None
) -> None:
    """One False settles `all`, one True settles `any`; else what is not known leaves it open (ALR-6)."""
    now = {"health": health, "open_tickets": tickets}

    assert asked(rule(all=[LOW, BUSY]), now) is both
    assert asked(rule(any=[LOW, BUSY]), now) is either


def test_a_rule_with_all_and_any_needs_both() -> None:
    """Low health, and many tickets or little coverage (ALR-6)."""
    mixed = rule(all=[LOW], any=[BUSY, {"field": "coverage", "op": "<", "value": 0.5}])

    assert asked(mixed, {"health": 40, "open_tickets": 1, "coverage": 0.4}) is True
    assert asked(mixed, {"health": 40, "open_tickets": 1, "coverage": 0.9}) is False
    assert asked(mixed, {"health": 60, "open_tickets": 9, "coverage": 0.4}) is False
    assert asked(mixed, {"health": 40, "open_tickets": 1, "coverage": None}) is None


# SIGNS: a day on which health was low, not low, not known, or on which nothing was published
SIGNS: Mapping[str, Fields | None] = {"!": {"health": 40.0}, ".": {"health": 60.0}, "?": {"health": None}, "-": None}


def over_days(signs: str, for_days: int) -> object:
    """The answer for days in a row, today the last: one sign per day."""
    *before, today = [SIGNS[sign] for sign in signs]
    earlier = {f"ago_{ago}": values for ago, values in enumerate(reversed(before), 1) if values is not None}
    return asked(rule(all=[LOW], for_days=for_days), today or {}, **earlier)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("!!!", True),
        (".!!!", True),
        (".!!", False),
        ("!.!", False),
        ("!!.", False),
        ("?!!", None),
        ("!?!", None),
        ("!!?", None),
        ("!-!", True),
        ("-!!", None),
        ("!-!!", None),
        ("!", None),
    ],
)
def test_a_rule_for_three_days_holds_on_each_of_them(signs: str, expected: bool | None) -> None:
    """A day without a run between others is no objection; without the first of them it is not known (ALR-6)."""
    assert over_days(signs, 3) is expected


def test_an_answer_that_is_not_known_is_none_itself() -> None:
    """Without the first of its days, too (ALR-6)."""
    now = pd.DataFrame({"health": [40.0]}, ["acme"])

    assert answer(rule(all=[LOW], for_days=3), Seen(TODAY, now, {}))["acme"] is None


def test_a_move_for_two_days_looks_back_from_each_of_them() -> None:
    """Yesterday's answer has yesterday's window, and never today's value (ALR-6)."""
    falling = rule(all=[FALLING], for_days=2)

    assert falling.look_back_days == 8
    assert asked(falling, {"health": 60.0}, ago_8={"health": 80.0}, ago_1={"health": 64.0}) is False
    assert asked(falling, {"health": 40.0}, ago_8={"health": 80.0}, ago_1={"health": 64.0}) is True
    assert asked(falling, {"health": 40.0}, ago_1={"health": 64.0}) is None


VALUES = st.none() | st.integers(0, 9).map(float)


@given(st.dictionaries(st.integers(1, 12), VALUES, max_size=8), VALUES, st.integers(1, 9), st.integers(1, 12))
@effort(max_examples=150, deadline=None)
def test_a_rule_reads_no_further_back_than_it_reports(
    stored: dict[int, float | None], now: float | None, points: int, within: int
) -> None:
    """Days before `look_back_days` change no answer; a fall is what a hand count finds (ALR-6)."""
    falling = rule(all=[{"field": "health", "drop": points, "within_days": within}])
    window = [v for ago, v in stored.items() if ago <= within and v is not None]
    expected = None if now is None or not window else max(window) - now >= points

    assert falling.look_back_days == within
    assert asked(falling, {"health": now}, **{f"ago_{ago}": {"health": v} for ago, v in stored.items()}) is expected


# Its identity ---------------------------------------------------------------------------------------------------------


def test_a_rule_is_its_name_and_a_hash_of_what_it_asks() -> None:
    """Recipients, words, severity, deadlines and kind make no other rule; a number or a span of days does (ALR-6)."""
    plain = rule_id("seats_idle", rule(**SEATS_IDLE))
    same = {"recipients": ["manager"], "words": "Few seats", "severity": "critical", "kind": "opportunity",
            "clocks": {"plan_hours": 8}}  # fmt: skip

    assert rule_id("seats_idle", rule(**SEATS_IDLE, **same)) == plain
    assert (name_of(plain), is_own(plain)) == ("seats_idle", True)
    assert not any(is_own(built_in) for built_in in RULES)
    others = {
        rule_id("seats_unused", rule(**SEATS_IDLE)),
        rule_id("seats_idle", rule(**SEATS_IDLE, for_days=2)),
        rule_id("seats_idle", rule(any=SEATS_IDLE["all"])),
        rule_id("seats_idle", rule(all=[SEATS_IDLE["all"][0] | {"value": 0.4}])),
    }
    assert len(others | {plain}) == 5


def test_a_number_written_in_two_ways_is_the_same_rule() -> None:
    """50 and 50.0, tuple or list: a rewritten file opens nothing anew (ALR-6)."""
    assert rule_id("low", rule(all=[LOW])) == rule_id("low", rule(all=(LOW | {"value": 50.0},)))


def test_a_rule_of_a_built_in_name_is_another_rule() -> None:
    """A company's `health_low` stands beside ours (ALR-6)."""
    rules = rules_of(AlertSettings(rules={"health_low": rule(all=[LOW])}))

    assert set(rules) - set(RULES) == {rule_id("health_low", rule(all=[LOW]))}
    assert rules["health_low"].definition is None


# The life of its alerts -----------------------------------------------------------------------------------------------


class Company:
    """A ledger in memory, and day runs with the answers of own rules as `own_conditions` gives them."""

    def __init__(self, **rules: OwnRule) -> None:
        self.rules = rules
        self.book = {"acme": "ann"}
        self.history: list[LedgerEvent] = []

    @property
    def settings(self) -> AlertSettings:
        return AlertSettings(rules=self.rules, gone_days=2, cool_down_days=3)

    def day(self, day: int, **signs: bool | None) -> list[tuple[str, str]]:
        """What the run of a day adds: account and kind. `signs` by account: of every rule in the settings."""
        conditions = [
            Condition(account, rule_id(name, one), sign, name)
            for account, sign in signs.items() for name, one in self.rules.items()
        ]  # fmt: skip
        return self.run(day, *conditions)

    def run(self, day: int, *conditions: Condition) -> list[tuple[str, str]]:
        at = MONDAY + day * DAY
        runs = Runs(MONDAY, at) if day else Runs()
        new = new_events(
            self.history, Observations(conditions), at, self.book, self.settings, OwnerSettings(), runs, at + 5 * HOUR
        )
        self.history += new
        return [(e.account_id, e.kind) for e in new]

    def alerts(self, day: float) -> list[Alert]:
        found = fold(self.history, MONDAY + day * DAY).values()
        return sorted(found, key=lambda a: (a.account_id, a.opened_at, a.rule))

    def opened(self) -> list[LedgerEvent]:
        return [e for e in self.history if e.kind == "opened"]


def test_it_has_the_life_of_a_built_in_rule() -> None:
    """Opens once, is not sure for a day, is gone for two days, closes, cools down, opens again (ALR-6, ALR-3)."""
    company = Company(seats_idle=rule(**SEATS_IDLE))
    signs = (False, True, True, None, False, None, False, True, True, True)
    days = [[kind for _, kind in company.day(day, acme=sign)] for day, sign in enumerate(signs)]

    assert days == [[], ["opened"], [], [], ["cause_gone"], [], ["closed"], [], [], ["opened"]]
    assert [a.episode for a in company.alerts(9)] == [1, 2]


def test_what_is_not_known_neither_opens_nor_closes() -> None:
    """A missing field is no reason for an alert, nor for its end (ALR-6)."""
    company = Company(seats_idle=rule(**SEATS_IDLE))
    assert company.day(0, acme=None) == []
    assert company.day(1, acme=True) == [("acme", "opened")]
    assert [company.day(day, acme=None) for day in range(2, 9)] == [[]] * 7
    assert [a.state for a in company.alerts(9)] == ["open"]


def test_its_alert_has_the_rules_own_severity_recipients_deadlines_and_kind() -> None:
    """And says by which definition it was opened (ALR-6)."""
    fast = {"acknowledge_hours": 1, "assess_hours": 3, "plan_hours": 8, "contact_hours": 16, "follow_up_hours": 30}
    given_ = {"severity": "critical", "recipients": ["manager", "finance"], "clocks": fast, "kind": "opportunity"}
    company = Company(seats_idle=rule(**SEATS_IDLE, **given_), low=rule(all=[LOW]))
    company.day(0, acme=True)
    own = {name_of(a.rule): a for a in company.alerts(0)}

    idle, low = own["seats_idle"], own["low"]
    assert (idle.severity, idle.recipients, idle.kind) == ("critical", ("manager", "finance"), "opportunity")
    five = MONDAY + 5 * HOUR
    dues = (idle.due_ack, idle.due_assess, idle.due_plan, idle.due_contact, idle.due_follow_up, idle.due_review)
    assert dues == (*(five + hours * HOUR for hours in (1, 3, 8, 16, 30)), None)
    assert (low.severity, low.recipients, low.kind, low.due_ack) == ("warning", ("csm",), "risk", five + 2 * HOUR)
    definitions = {name_of(e.rule): e.payload["definition"] for e in company.opened()}
    assert definitions == {name: one.definition for name, one in company.rules.items()}
    assert OwnRule.model_validate(definitions["low"]).definition == company.rules["low"].definition


def test_the_first_day_of_a_rule_is_one_digest_and_later_alerts_are_messages() -> None:
    """Whoever writes a rule is not flooded: what it finds on its first day is one list (ALR-6)."""
    company = Company(low=rule(all=[LOW]))
    company.book = dict.fromkeys(("acme", "bolt", "cask"), "ann")
    company.day(0, acme=True, bolt=True, cask=False)
    company.day(1, acme=True, bolt=True, cask=True)
    first, second, third = (e.payload["digest_id"] for e in company.opened())

    assert first == second is not None
    assert third is None


def test_a_rule_that_is_added_later_has_a_first_day_of_its_own() -> None:
    """The day on which it first finds something, whatever other rules found before (ALR-6)."""
    company = Company(low=rule(all=[LOW]))
    company.book = dict.fromkeys(("acme", "bolt", "cask"), "ann")
    company.day(0, acme=True)
    company.rules = {"low": rule(all=[LOW]), "seats_idle": rule(**SEATS_IDLE)}
    idle = rule_id("seats_idle", rule(**SEATS_IDLE))
    for day, account in ((1, "bolt"), (2, "cask")):
        company.run(day, Condition(account, idle, True))

    assert [(e.account_id, e.payload["digest_id"] is None) for e in company.opened()] == [
        ("acme", False), ("bolt", False), ("cask", True),
    ]  # fmt: skip


STRICTER = rule(all=[SEATS_IDLE["all"][0] | {"value": 0.2}])


def test_a_changed_rule_leaves_its_live_alert_until_that_alerts_own_cause_is_gone() -> None:
    """The new definition opens nothing beside it, and opens once the old alert is closed (ALR-6)."""
    company = Company(seats_idle=rule(**SEATS_IDLE))
    company.day(0, acme=True)
    old, new = rule_id("seats_idle", rule(**SEATS_IDLE)), rule_id("seats_idle", STRICTER)
    company.rules = {"seats_idle": STRICTER}

    def both(day: int, of_old: bool, of_new: bool) -> list[tuple[str, str]]:
        return company.run(day, Condition("acme", new, of_new), Condition("acme", old, of_old))

    assert both(1, True, True) == []
    assert both(2, False, True) == [("acme", "cause_gone")]
    assert both(3, False, True) == []
    assert both(4, False, True) == [("acme", "closed")]
    assert both(5, True, True) == [("acme", "opened")]
    assert [(a.rule, a.state) for a in company.alerts(5)] == [(old, "closed"), (new, "open")]


def test_an_older_definition_opens_nothing() -> None:
    """Not for another account, and not again after its own end (ALR-6)."""
    company = Company(seats_idle=rule(**SEATS_IDLE))
    company.book = {"acme": "ann", "bolt": "ann"}
    company.day(0, acme=True, bolt=False)
    old, new = rule_id("seats_idle", rule(**SEATS_IDLE)), rule_id("seats_idle", STRICTER)
    company.rules = {"seats_idle": STRICTER}
    conditions = [Condition(account, of, of == old) for account in company.book for of in (old, new)]

    assert company.run(1, *conditions) == []
    company.history.append(event_of(company.alerts(1)[0], "closed", MONDAY + DAY, "ann", {"reason": "agreed"}))
    assert [company.run(day, *conditions) for day in range(2, 9)] == [[]] * 7


def test_a_rule_that_is_defined_as_before_has_its_alert_again() -> None:
    """Changed and changed back while its alert is open: nothing was opened, nothing is lost (ALR-6)."""
    company = Company(seats_idle=rule(**SEATS_IDLE))
    company.day(0, acme=True)
    company.rules = {"seats_idle": STRICTER}
    company.run(1, Condition("acme", rule_id("seats_idle", STRICTER), True))
    company.rules = {"seats_idle": rule(**SEATS_IDLE)}

    assert company.day(2, acme=True) == []
    assert [kind for day in (3, 4, 5) for _, kind in company.day(day, acme=False)] == ["cause_gone", "closed"]


def test_a_removed_rule_closes_its_alerts_with_that_reason() -> None:
    """Whatever their cause, and also on hold; other rules stay (ALR-6)."""
    company = Company(seats_idle=rule(**SEATS_IDLE), low=rule(all=[LOW]))
    company.book = {"acme": "ann", "bolt": "ann"}
    company.day(0, acme=True)
    company.run(1, Condition("bolt", rule_id("seats_idle", rule(**SEATS_IDLE)), True, "", "data-alert"))
    company.rules = {"low": rule(all=[LOW])}

    assert company.day(2, acme=True) == [("acme", "closed"), ("bolt", "closed")]
    reasons = {(a.account_id, name_of(a.rule)): a.reason for a in company.alerts(2)}
    removed = "the rule seats_idle was removed from the settings"
    assert reasons == {("acme", "low"): None, ("acme", "seats_idle"): removed, ("bolt", "seats_idle"): removed}


# Settings that are refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({}, "asks nothing"),
        ({"all": [{"field": "health"}]}, "exactly one of"),
        ({"all": [{"field": "health", "op": "<"}]}, "`op` and `value` together"),
        ({"all": [{"field": "health", "value": 50}]}, "`op` and `value` together"),
        ({"all": [LOW | {"drop": 15}]}, "exactly one of"),
        ({"all": [{"field": "health", "drop": 15, "rise": 15}]}, "exactly one of"),
        ({"all": [{"field": "health", "drop": 0}]}, "greater than or equal"),
        ({"all": [{"field": "health", "drop": -15}]}, "greater than or equal"),
        ({"all": [{"field": "health", "op": "=<", "value": 50}]}, "Input should be"),
        ({"all": [{"field": "health", "op": "<", "value": "fifty"}]}, "valid number"),
        ({"all": [{"field": "health", "op": "<", "value": float("nan")}]}, "finite number"),
        ({"all": [LOW], "for_days": 0}, "greater than"),
        ({"all": [LOW], "severity": "fatal"}, "critical"),
        ({"all": [LOW], "recipients": ["ceo"]}, "Input should be"),
        ({"all": [LOW], "recipients": []}, "at least 1"),
        ({"all": [LOW], "kind": "hint"}, "opportunity"),
        ({"all": [LOW], "clocks": {"plan_hours": 0}}, "greater than or equal"),
        ({"all": [LOW], "expression": "health < 50"}, "expression"),
    ],
)
def test_a_rule_that_asks_nothing_or_two_things_is_refused(given_: dict[str, Any], error: str) -> None:
    """When the configuration is read, with what is wrong; an expression is no setting (ALR-6)."""
    with pytest.raises(ValidationError, match=error):
        rule(**given_)


@pytest.mark.parametrize("name", ["Seats", "2seats", "seats idle", "seats#1", "", "seats-idle", "seats.idle"])
def test_a_name_is_lower_case_letters_digits_and_underscores(name: str) -> None:
    """A name with the separator would be no identity (ALR-6)."""
    with pytest.raises(ValidationError, match="should match pattern"):
        AlertSettings(rules={name: rule(all=[LOW])})
