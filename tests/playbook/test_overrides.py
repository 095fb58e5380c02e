"""What a person sets in a score's place: author, reason, expiry; the computed score is never touched (HLT-4)."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from keepwell.playbook.interventions.records import WorkEvent, work_event
from keepwell.playbook.overrides import Override, notes_at, overrides_at
from keepwell.playbook.settings import WorkSettings
from keepwell.tasks.earlier_scores import stored_before
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.overrides import add_note, lift_override, set_override
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.scoring.score import People, score_book
from tests.support.handmade import MONDAY, company
from tests.tasks.scoring.test_health import STEADY, row_of, settings

NOW = datetime(2026, 3, 2, 9)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = date(2026, 3, 12)


def set_at(at: datetime, health: float, until: date = UNTIL) -> WorkEvent:
    about = {"health": health, "until": until.isoformat(), "reason": "the sponsor told me"}
    return work_event("overridden", "acme", None, at, at, "ann", about)


def lifted_at(at: datetime) -> WorkEvent:
    return work_event("lifted", "acme", None, at, at, "bob", {"reason": "settled"})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")


# What is in force -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "at", "health"),
    [
        ([set_at(NOW, 40)], NOW - HOUR, None),  # not yet said
        ([set_at(NOW, 40)], NOW, 40),
        ([set_at(NOW, 40), set_at(NOW + HOUR, 55)], NOW + DAY, 55),  # the last word
        ([set_at(NOW, 40), lifted_at(NOW + HOUR)], NOW + DAY, None),
        ([set_at(NOW, 40), lifted_at(NOW + HOUR), set_at(NOW + DAY, 60)], NOW + DAY, 60),
        ([set_at(NOW, 40)], datetime(2026, 3, 11, 23), 40),  # the day before it expires
        ([set_at(NOW, 40)], datetime(2026, 3, 12), None),
    ],
)
def test_the_last_that_was_set_stands_until_it_is_lifted_or_over(events, at, health) -> None:
    """Cut at the instant, so that an old day reads as it did (HLT-4, ALR-5)."""
    found = overrides_at(events, at)

    assert found.get("acme") is None if health is None else found["acme"].health == health


def test_an_override_is_for_a_while_and_has_a_reason(ledger: Ledger) -> None:
    """Refused with what would be right; nothing is written (HLT-4)."""
    rules = WorkSettings(max_override_days=10)
    for until, reason, says in (
        (date(2026, 3, 2), "x", "is not between 2026-03-03 and 2026-03-12"),
        (date(2026, 3, 13), "x", "max_override_days"),
        (UNTIL, " ", "--reason is empty"),
    ):
        with pytest.raises(ConfigError, match=says):
            set_override(ledger, "acme", 40, until, NOW, "ann", reason, rules)
    with pytest.raises(ConfigError, match="acme has no active override"):
        lift_override(ledger, "acme", NOW, "ann", "settled")
    with pytest.raises(ConfigError, match="is not after"):
        add_note(ledger, "acme", "merger", date(2026, 3, 2), NOW, "ann")

    assert ledger.work() == []
    assert set_override(ledger, "acme", 40, UNTIL, NOW, "ann", "renewed", rules).by == "ann"
    assert lift_override(ledger, "acme", NOW + HOUR, "bob", "settled").health == 40
    assert overrides_at(ledger.work(), NOW + HOUR) == {}


def test_what_is_said_at_one_instant_is_read_in_its_order(ledger: Ledger) -> None:
    """Set and lifted within a second, and lifted and set again, whatever the lines' ids are (HLT-4)."""
    for number in range(6):
        account, rules = f"a{number}", WorkSettings()
        set_override(ledger, account, 40, UNTIL, NOW, "ann", "renewed", rules)
        lift_override(ledger, account, NOW, "bob", "settled")
        assert account not in overrides_at(ledger.work(), NOW)

        assert set_override(ledger, account, 55, UNTIL, NOW + HOUR, "ann", "renewed", rules).health == 55
        lift_override(ledger, account, NOW + 2 * HOUR, "bob", "settled")
        assert set_override(ledger, account, 60, UNTIL, NOW + 2 * HOUR, "ann", "renewed", rules).health == 60


def test_a_note_stands_until_its_day(ledger: Ledger) -> None:
    """And is read as of an instant, like everything else (HLT-4)."""
    add_note(ledger, "acme", "merger with Bolt", UNTIL, NOW, "ann")
    events = ledger.work()

    assert [n.text for n in notes_at(events, NOW)] == ["merger with Bolt"]
    assert notes_at(events, NOW - HOUR) == []
    assert notes_at(events, datetime(2026, 3, 12)) == []


# What it does to a score ----------------------------------------------------------------------------------------------


def score(overrides: Mapping[str, Override], root: Path, as_of: str = MONDAY):
    stored = stored_before(root, date.fromisoformat(as_of), 30)
    return score_book(company(as_of, **STEADY), settings(), {}, stored, None, People(overrides))


def override(health: float) -> dict[str, Override]:
    return overrides_at([set_at(NOW, health)], NOW)


@pytest.mark.slow
def test_health_follows_the_override_and_the_computed_one_does_not(tmp_path: Path) -> None:
    """Band, tier, action and the line follow; who set it, why and until when stand beside (HLT-4)."""
    plain, over = row_of(score({}, tmp_path)), row_of(score(override(30), tmp_path))

    assert plain["health"] == plain["health_computed"] > 50
    assert plain["override_by"] is None
    assert over["health"] == 30
    assert over["health_computed"] == plain["health_computed"]
    assert (over["band"], over["tier"]) == ("critical", "immediate")
    assert (over["override_by"], over["override_reason"], over["override_until"]) == (
        "ann", "the sponsor told me", UNTIL,
    )  # fmt: skip
    assert "health 30.0 set by ann, critical" in over["summary"]
    assert "set by" not in plain["summary"]


@pytest.mark.slow
def test_an_account_of_which_too_little_is_known_has_the_health_that_a_person_set(tmp_path: Path) -> None:
    """What the CSM knows is better than nothing (HLT-2, HLT-4)."""
    rows = {"contracts": STEADY["contracts"]}
    blind = settings(minimum_coverage=1)
    stored = stored_before(tmp_path, date.fromisoformat(MONDAY), 30)
    plain, over = (
        row_of(score_book(company(MONDAY, **rows), blind, {}, stored, None, People(o))) for o in ({}, override(65))
    )

    assert plain["band"] == "unknown"
    assert (over["health"], over["band"]) == (65, "at_risk")
