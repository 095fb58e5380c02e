"""A share of the accounts is acted on by the challenger: who, for how long, and what changes for them (LRN-2)."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assignment import acted_on, place
from playbook.alerts import conditions, standings
from playbook.settings import AlertSettings
from tasks.registry import Kept
from tasks.score import Scored
from tests.handmade import MONDAY
from tests.test_predictions import book, champion, in_force, row_of

__all__ = ["champion"]
MANY = [f"account-{n}" for n in range(20_000)]
NEVER = {"recall_first": float("inf"), "precision_first": float("inf")}


# Who is in which arm -------------------------------------------------------------------------------------------------


def test_an_account_keeps_its_place_for_ever():
    """Written down once: another process, machine or month finds the same arm (LRN-2)."""
    assert place("acme", "churn", "10") == pytest.approx(0.829494933796)
    assert place("bolt", "churn", "10") == pytest.approx(0.402567136948)


@given(st.lists(st.text(max_size=8), unique=True), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_only_adds_accounts(accounts, one, other):
    """Nobody changes sides twice because the share was raised; 0 is nobody and 1 is everybody (LRN-2)."""
    few, more = (acted_on(accounts, "churn", "2", share) for share in sorted((one, other)))

    assert not (few & ~more).any()
    assert not acted_on(accounts, "churn", "2", 0.0).any()
    assert acted_on(accounts, "churn", "2", 1.0).all()


@given(st.permutations(MANY[:8]))
def test_the_arm_does_not_depend_on_who_else_is_in_the_book(accounts):
    """Accounts come and go over the months; each keeps its arm (LRN-2)."""
    alone = {account: acted_on([account], "churn", "2", 0.5)[0] for account in accounts}

    assert dict(zip(accounts, acted_on(accounts, "churn", "2", 0.5), strict=True)) == alone


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_so_many_are_assigned_as_the_setting_says(share):
    """Over many accounts, within four standard errors (LRN-2)."""
    error = np.sqrt(share * (1 - share) / len(MANY))

    assert acted_on(MANY, "churn", "2", share).mean() == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("other", [("expansion", "2"), ("churn", "3")])
def test_outcomes_and_challengers_are_assigned_independently(other):
    """Who is in both arms is the product of the shares: one comparison does not disturb another (LRN-2)."""
    both = acted_on(MANY, "churn", "2", 0.5) & acted_on(MANY, *other, 0.5)

    assert both.mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / len(MANY)))


# What changes for whom -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rivals(champion: Kept) -> tuple[Kept, Kept]:
    """A champion that never flags anybody, and a challenger that flags the silent account, bolt."""
    return replace(champion, thresholds=NEVER), replace(champion, alias="challenger", version="10")


def warned(found: Scored) -> set[str]:
    """The accounts with the alert risk_high."""
    accounts = found.accounts.assign(days_since_last_use=0.0)
    stored = pd.DataFrame(columns=["account_id", "as_of", "health", "band"])
    told = standings(accounts, stored, datetime.fromisoformat(MONDAY), AlertSettings())
    return {c.account_id for s in told for c in conditions(s, AlertSettings()) if c.rule == "risk_high" and c.holds}


def test_what_the_challenger_alone_flags_is_an_alert_in_its_arm_only(rivals):
    """The silent account gets risk_high, a more urgent tier and the challenger's reasons where it is assigned (LRN-2)."""
    at = place("bolt", "churn", "10")
    outside, inside = book(*rivals, share=at), book(*rivals, share=np.nextafter(at, 1))

    assert (warned(outside), warned(inside)) == (set(), {"bolt"})
    assert row_of(inside, "bolt")["tier"] == "immediate"
    assert row_of(outside, "bolt")["tier"] == row_of(book(rivals[0]), "bolt")["tier"]
    assert list(inside.cited["account_id"]) == ["bolt"]
    assert outside.cited.empty
    acting = inside.predictions.set_index(["account_id", "alias"])["acting"]
    assert acting["bolt"].to_dict() == {"champion": False, "challenger": True}
    assert inside.predictions.groupby("account_id")["acting"].sum().eq(1).all()


def test_accounts_of_the_champion_are_as_if_there_were_no_challenger(rivals):
    """Bolt is assigned, the others are not: not a figure of theirs moves (LRN-2)."""
    ours, without = (
        book(*models, share=np.nextafter(place("bolt", "churn", "10"), 1)).accounts for models in (rivals, rivals[:1])
    )
    assert place("acme", "churn", "10") > place("bolt", "churn", "10")

    pd.testing.assert_frame_equal(ours[ours["account_id"] != "bolt"], without[without["account_id"] != "bolt"])
    assert not ours.equals(without)


def test_with_no_share_a_challenger_stays_in_shadow(rivals):
    """The default: everything but the row beside is as without it (LRN-2)."""
    beside, alone = book(*rivals), book(rivals[0])

    pd.testing.assert_frame_equal(beside.accounts, alone.accounts)
    assert beside.predictions.set_index("alias")["acting"].groupby(level=0).all().to_dict() == {
        "champion": True, "challenger": False,
    }  # fmt: skip


def test_beside_health_a_challenger_acts_only_where_no_review_is_waited_for(rivals):
    """Without a champion its share has a risk and the others are health's; before a review nobody is (LRN-2, REV-4)."""
    at = np.nextafter(place("bolt", "churn", "10"), 1)
    allowed, waiting = (book(rivals[1], share=at, beside_health=may) for may in (True, False))

    assert allowed.accounts.set_index("account_id")["churn_risk"].notna().to_dict() == {
        "acme": False, "bolt": True, "cask": False, "dell": False,
    }  # fmt: skip
    pd.testing.assert_frame_equal(waiting.accounts, book().accounts)
    assert not waiting.predictions["acting"].any()


def test_the_run_id_depends_on_the_share_once_somebody_is_assigned(rivals):
    """Another share is another result; shadow is as before (CONTRACT)."""
    assert in_force(*rivals).used == ("model/churn/champion/7", "model/churn/challenger/10")
    assert in_force(*rivals, share=0.2).used[-1] == "assigned/churn/10/0.2"
    assert in_force(rivals[0], share=0.2).used == in_force(rivals[0]).used
    assert in_force(rivals[1], share=0.2, beside_health=False).used == in_force(rivals[1]).used
