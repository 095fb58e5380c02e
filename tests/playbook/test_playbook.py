"""Tiers, due dates and the playbook: how urgently to answer, with what, by when."""

from datetime import date

import pytest
from pydantic import ValidationError

from keepwell.features.settings import Bands
from keepwell.playbook.actions import Playbook, Situation, reason_of
from keepwell.playbook.settings import Action, TierSettings
from keepwell.playbook.tiers import business_day_after, due_date, tier
from keepwell.tasks.scoring.measured import band
from tests.support.running import shipped_playbook

DEFAULT = TierSettings()


@pytest.mark.parametrize(
    ("health", "name"),
    [
        (0, "critical"), (49.94, "critical"), (49.96, "at_risk"), (50, "at_risk"), (69.94, "at_risk"), (70, "stable"),
        (80, "stable"), (80.04, "stable"), (80.06, "healthy"), (100, "healthy"), (None, "unknown"),
        (float("nan"), "unknown"),
    ],
)  # fmt: skip
def test_bands_have_their_bounds(health: float | None, name: str) -> None:
    """Critical <50, at_risk 50 to <70, stable 70 to 80, healthy >80, unknown; of the score as shown (section 0)."""
    assert band(health, Bands()) == name


@pytest.mark.parametrize(
    ("health", "name"),
    [(49.94, "immediate"), (49.96, "outreach"), (50, "outreach"), (80, "outreach"), (80.06, "automated")],
)
def test_tiers_have_their_bounds(health: float, name: str) -> None:
    """Below 50 immediate, 50 to 80 outreach, above 80 automated (section 0)."""
    assert tier(health, None, None, DEFAULT)[0] == name


@pytest.mark.parametrize(
    ("health", "risk", "expected"),
    [
        (90, 0.19, ("automated", "health 90.0 (automated)")),
        (90, 0.20, ("outreach", "health 90.0 (automated); risk 20% (outreach)")),
        (90, 0.50, ("immediate", "health 90.0 (automated); risk 50% (immediate)")),
        (60, 0.30, ("outreach", "health 60.0 (outreach); risk 30% (outreach)")),
        (40, 0.20, ("immediate", "health 40.0 (immediate); risk 20% (outreach)")),
        (40, 0.01, ("immediate", "health 40.0 (immediate)")),
    ],
)
def test_the_more_urgent_of_health_and_risk_wins_and_both_are_said(health, risk, expected) -> None:
    """Over its threshold (0.2 here) risk says outreach, over the urgent one immediate (section 0)."""
    assert tier(health, risk, 0.20, DEFAULT) == expected


def test_an_unknown_health_has_no_tier() -> None:
    """Whatever the risk (section 0)."""
    assert tier(None, 0.9, 0.2, DEFAULT) == (None, None)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2024-03-04", 3, "2024-03-07"),  # Monday
        ("2024-03-06", 3, "2024-03-11"),  # Wednesday, over a weekend
        ("2024-03-08", 3, "2024-03-13"),  # Friday
        ("2024-03-09", 3, "2024-03-13"),  # Saturday: no later than what began on Sunday
        ("2024-03-10", 3, "2024-03-13"),  # Sunday
        ("2024-03-27", 3, "2024-04-03"),  # over Good Friday and Easter Monday
        ("2024-03-29", 1, "2024-04-02"),  # on Good Friday itself
        ("2024-03-04", 0, "2024-03-04"),
        ("2024-03-09", 0, "2024-03-11"),
    ],
)
def test_business_days_leave_out_weekends_and_holidays(start: str, days: int, due: str) -> None:
    """CSM outreach within 3 business days of entering the tier (section 0)."""
    easter = [date(2024, 3, 29), date(2024, 4, 1)]

    assert business_day_after(date.fromisoformat(start), days, easter) == date.fromisoformat(due)


def test_due_dates_are_the_tiers_or_earlier_where_the_playbook_says_so() -> None:
    """Immediate today, outreach 3 business days, the email 5; a playbook's own days are never later (ACT-2)."""
    friday = date(2024, 3, 8)
    due = {name: due_date(name, friday, None, DEFAULT) for name in ("immediate", "outreach", "automated")}

    assert due == {"immediate": friday, "outreach": date(2024, 3, 13), "automated": date(2024, 3, 15)}
    assert due_date("outreach", friday, 2, DEFAULT) == date(2024, 3, 10)
    assert due_date("outreach", friday, 10, DEFAULT) == date(2024, 3, 13)
    assert due_date("immediate", friday, 2, DEFAULT) == friday
    assert due_date("immediate", date(2024, 3, 9), None, DEFAULT) == date(2024, 3, 11)


def test_a_later_entry_is_never_due_earlier() -> None:
    """Over a whole year of days and any number of business days."""
    days = [date.fromordinal(date(2024, 1, 1).toordinal() + n) for n in range(366)]
    for business_days in (0, 1, 3, 5):
        due = [business_day_after(day, business_days, [date(2024, 12, 25)]) for day in days]

        assert due == sorted(due)
        assert all(day.weekday() < 5 for day in due)


# The playbook ---------------------------------------------------------------------------------------------------------


def action(name: str, *tiers: str, **more: object) -> Action:
    return Action.model_validate({"name": name, "owner": "csm", "tiers": tiers, "because": "it does", **more})


LAST_RESORT = action("call", "immediate", "outreach", "automated")
BOOK = Playbook(
    action=(
        action("finance", "immediate", features=["disputes_180d"]),
        action("support", "immediate", "outreach", components=["support"]),
        LAST_RESORT,
    )
)


@pytest.mark.parametrize(
    ("tier_name", "factors", "expected"),
    [
        ("immediate", [("disputes_180d", "billing")], "finance"),
        ("outreach", [("disputes_180d", "billing")], "call"),  # not in this tier
        ("outreach", [("usage_trend", "usage"), ("csat_180d", "support")], "support"),  # the second factor
        ("immediate", [("csat_180d", "support"), ("disputes_180d", "billing")], "support"),  # the first factor first
        ("immediate", [("usage_trend", "usage")], "call"),
        ("automated", [], "call"),
    ],
)
def test_the_leading_factor_finds_its_action(tier_name, factors, expected) -> None:
    """First the leading factor from the top of the file, then the next; at last what answers anything (ACT-2)."""
    assert BOOK.next_action(Situation(tier_name, factors)).name == expected


def test_the_reason_of_an_action_is_the_factor_that_it_answers() -> None:
    """A listening call because of "renews in 6 weeks" would be no reason (ACT-1)."""
    factors = [("days_to_renewal", "commercial", "Renews in 6 weeks"), ("usage_trend", "usage", "Usage down 62%")]
    call = Action(name="call", owner="csm", tiers=("outreach",), because="it helps", components=("usage",))

    assert reason_of(call, factors) == "Usage down 62%"
    assert reason_of(call, factors[:1]) == "Renews in 6 weeks"
    assert reason_of(call, []) is None
    assert reason_of(call.model_copy(update={"leaving": True}), factors) == "the customer gave notice"
    assert reason_of(call.model_copy(update={"never_used": True}), factors) == "nobody there has used the product yet"


def test_a_playbook_that_leaves_a_tier_without_answer_is_refused() -> None:
    """Every account with a tier gets an action (ACT-1)."""
    with pytest.raises(ValidationError, match="tier 'automated' has no fallback action"):
        Playbook(action=(action("call", "immediate", "outreach"), action("mail", "automated", components=["usage"])))


@pytest.mark.parametrize(
    ("conditions", "case", "taken"),
    [
        ({"segments": ["smb"]}, {"segment": "smb"}, True),
        ({"segments": ["smb"]}, {"segment": "enterprise"}, False),
        ({"segments": ["smb"]}, {}, False),
        ({"renewal_within_days": 60}, {"renewal_days": 60}, True),
        ({"renewal_within_days": 60}, {"renewal_days": 61}, False),
        ({"renewal_within_days": 60}, {"renewal_days": -1}, False),
        ({"renewal_within_days": 60}, {}, False),
        ({"risk_from": 0.4}, {"risk": 0.4}, True),
        ({"risk_from": 0.4}, {"risk": 0.39}, False),
        ({"expansion_from": 0.3}, {"expansion": 0.3}, True),
        ({"expansion_from": 0.3}, {}, False),
        ({"advocacy_from": 0.3}, {"advocacy": 0.2}, False),
        ({"grows": True}, {}, True),
        ({"grows": True}, {"alarmed": True}, False),
        ({"expansion_from": 0.3, "grows": True}, {"expansion": 0.9, "alarmed": True}, False),
    ],
)
def test_an_action_can_ask_for_segment_renewal_chances_and_peace(conditions, case, taken) -> None:
    """All must hold; what is not known holds nothing; upsell and reference wait until no alert is open (ACT-2)."""
    book = Playbook(action=(action("special", "automated", **conditions), LAST_RESORT))

    assert (book.next_action(Situation("automated", **case)).name == "special") is taken


def test_an_action_with_conditions_is_no_last_resort() -> None:
    """Or an account would be left without an answer (ACT-1)."""
    with pytest.raises(ValidationError, match="tier 'automated' has no fallback action"):
        Playbook(action=(action("call", "immediate", "outreach"), action("sell", "automated", grows=True)))


def test_the_shipped_playbook_answers_every_tier() -> None:
    """And it is valid (ACT-2)."""
    shipped = shipped_playbook()

    assert shipped.next_action(Situation("immediate", [("payment_failures_90d", "billing")])).owner == "finance"
    for name in ("immediate", "outreach", "automated"):
        assert shipped.next_action(Situation(name)) is not None


def test_who_leaves_or_never_came_has_a_course_of_its_own() -> None:
    """Before any factor: nothing changed where nothing ever began; an upsell is nothing for who leaves (ACT-2)."""
    shipped, silent = shipped_playbook(), [("days_since_last_use", "usage")]
    chosen = [
        shipped.next_action(Situation(tier_name, silent, **course)).name
        for tier_name in ("immediate", "outreach")
        for course in ({}, {"never_used": True}, {"leaving": True}, {"leaving": True, "never_used": True})
    ]
    growing = Situation("automated", expansion=0.9, leaving=True)

    assert [name.split()[0] for name in chosen] == ["Call", "Start", "Ask", "Ask", "Usage", "Start", "Ask", "Ask"]
    assert shipped.next_action(growing).name.startswith("Ask why they leave")
