"""A share of the accounts is acted on by the challenger: who, for how long, and what changes for them (LRN-2)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.models.promotion.ab_test import ByAssignment, by_assignment
from keepwell.models.promotion.assignment import acted_on, place
from keepwell.models.settings.promotion import PromotionSettings
from keepwell.playbook.alerts.rules import conditions, standings
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.earlier_scores import read
from keepwell.tasks.learning.ab_test import assigned_accounts, with_outcomes
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.scoring.score import Scored
from keepwell.tasks.sources.snapshot import Snapshot
from tests.support.company import staged
from tests.support.handmade import MONDAY
from tests.support.partitions import put
from tests.tasks.scoring.test_predictions import book, champion, in_production, row_of

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
def rivals(champion: ServingModel) -> tuple[ServingModel, ServingModel]:
    """A champion that never flags anybody, and a challenger that flags the silent account, bolt."""
    return replace(champion, thresholds=NEVER), replace(champion, alias="challenger", version="10")


def warned(found: Scored) -> set[str]:
    """The accounts with the alert risk_high."""
    accounts = found.accounts.assign(days_since_last_use=0.0)
    stored = pd.DataFrame(columns=["account_id", "as_of", "health", "band"])
    standing = standings(accounts, stored, datetime.fromisoformat(MONDAY), AlertSettings())
    return {c.account_id for s in standing for c in conditions(s, AlertSettings()) if c.rule == "risk_high" and c.holds}


@pytest.mark.slow
def test_what_the_challenger_alone_flags_is_an_alert_in_its_arm_only(rivals):
    """The silent account has risk_high, another tier and the challenger's reasons where it is assigned (LRN-2)."""
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


@pytest.mark.slow
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
    assert in_production(*rivals).used == ("model/churn/champion/7", "model/churn/challenger/10")
    assert in_production(*rivals, share=0.2).used[-1] == "assigned/churn/10/0.2"
    assert in_production(rivals[0], share=0.2).used == in_production(rivals[0]).used
    assert in_production(rivals[1], share=0.2, beside_health=False).used == in_production(rivals[1]).used


# What became of both arms --------------------------------------------------------------------------------------------

FIRST, SECOND = date(2024, 1, 1), date(2024, 2, 1)
OURS, THEIRS = ([f"{side}{n}" for n in range(10)] for side in ("c", "o"))
LOST = ["c0", "o0", "o1", "o2", "o3"]
FEW = PromotionSettings(replicates=200, segment_outcomes=1)


def published(marts: Path, day: date, ours: Sequence[str], theirs: Sequence[str], flagged: Sequence[str]) -> None:
    """What scoring leaves of one date: version 1 is champion, version 2 acts on `ours`."""
    accounts = [*ours, *theirs]
    rows = [
        {
            "account_id": account, "outcome": outcome, "model_version": version, "alias": alias, "probability": 0.2,
            "flagged": account in flagged, "acting": (account in ours) == (version == "2"),
        }
        for account in accounts for outcome in ("churn", "expansion")
        for version, alias in (("1", "champion"), ("2", "challenger"))
    ]  # fmt: skip
    health = [{"account_id": account, "arr": 1000.0, "band": "critical"} for account in accounts]
    for name, frame in {"predictions": rows, "health_scores": health}.items():
        put(marts, name, day, pd.DataFrame(frame))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten accounts in each arm; in February one has changed sides, and one is new. Version 1 flags half of its arm."""
    marts = tmp_path_factory.mktemp("history") / "marts"
    published(marts, FIRST, OURS, THEIRS, ["c0", "c1", *THEIRS[:5]])
    published(marts, SECOND, [*OURS, "c10", "o9"], THEIRS[:9], ["c0", *THEIRS[:5]])
    return marts


def contracts() -> list[dict[str, Any]]:
    """1,000 a year each; one of the challenger's accounts and four others give notice, one of its doubles."""
    rows = [
        {"contract_id": account, "account_id": account, "start_on": date(2023, 1, 1), "end_on": date(2025, 1, 1),
         "notice_on": date(2024, 2, 10) if account in LOST else None, "arr": 1000.0, "currency": "USD"}
        for account in (*OURS, *THEIRS, "c10")
    ]  # fmt: skip
    return [*rows, {**rows[1], "contract_id": "more", "start_on": date(2024, 3, 1)}]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The company of that history."""
    accounts = [{"account_id": row["account_id"], "valid_from": date(2023, 1, 1)} for row in contracts()[:-1]]
    usage = [{"account_id": "c0", "day": date(2024, 1, 2), "user_id": "ann", "feature": "edit", "events": 1}]
    tables = {"accounts": accounts, "contracts": contracts(), "usage": usage}
    return staged(tables, tmp_path_factory.mktemp("company"))


def arms(history: Path, sources: Snapshot, as_of: date, rules: PromotionSettings = FEW) -> ByAssignment:
    """What `keepwell model compare` shows at a date."""
    accounts = assigned_accounts(history, "churn", "2", as_of, 120)
    now = datetime.combine(as_of, time(0))
    entered = with_outcomes(accounts, "churn", sources, now, frozenset(), BookSettings(), LabelSettings())
    return by_assignment(entered, "churned", rules)


def test_the_arms_are_compared_by_what_became_of_their_accounts(history, sources):
    """One of ten left against four of ten; of the ARR nothing net, since one doubled, against four tenths (LRN-2)."""
    found = arms(history, sources, date(2024, 5, 1))
    figures = {c.name: (c.challenger, c.other, c.difference.value) for c in found.contrasts}

    assert (found.began, found.accounts, found.matured) == (FIRST, (11, 10), (10, 10))
    assert figures["churned"] == pytest.approx((0.1, 0.4, -0.3))
    assert figures["net_arr_lost"] == pytest.approx((0.0, 0.4, -0.4))
    assert figures["flagged"] == pytest.approx((1.5 / 11, 0.5, 1.5 / 11 - 0.5))
    for contrast in found.contrasts:
        assert contrast.difference.low < contrast.difference.value < contrast.difference.high
    assert (
        "With 10 and 10 accounts, of whom 25.0% had the outcome (churned), a difference of 48.2 points"
        in found.notes[0]
    )
    assert found.notes[1] == "Outcomes of 20 accounts are known; those of 1 by 2024-05-31."
    assert found.notes[2].startswith("1 accounts changed sides")


def test_before_any_outcome_has_matured_only_what_waits_is_said(history, sources):
    """Counts and flags are shown; what is lost is not, and the days are named (LRN-2)."""
    found = arms(history, sources, date(2024, 4, 29))
    flagged, churned, lost = found.contrasts

    assert found.matured == (0, 0)
    assert np.isnan([churned.difference.value, churned.difference.low, lost.difference.value]).all()
    assert flagged.difference.value < 0
    assert "of whom 20.0% are predicted to have the outcome (churned), a difference of 43.5 points" in found.notes[0]
    assert found.notes[1] == (
        "No outcome has matured yet: the first will be known on 2024-04-30, the last on 2024-05-31."
    )


def test_with_few_outcomes_there_is_no_interval(history, sources):
    """One churned account in an arm is too few for an interval: metrics, the count, and no bounds (LRN-2)."""
    found = arms(history, sources, date(2024, 5, 1), PromotionSettings(replicates=50))
    churned = found.contrasts[1].difference

    assert churned.value == pytest.approx(-0.3)
    assert np.isnan(churned.low)
    assert found.notes[0] == "With 1 and 4 outcomes in the arms no interval is given; 20 in each are needed."


def test_only_what_was_published_says_who_was_in_which_arm(history, tmp_path):
    """Another version, a date before the first assignment and a mart without the column have no arms (LRN-2)."""
    put(tmp_path, "predictions", FIRST, read(history, "predictions", FIRST).drop(columns="acting"))

    assert assigned_accounts(history, "churn", "1", SECOND, 120) is None
    assert assigned_accounts(history, "churn", "2", FIRST - timedelta(days=1), 120) is None
    assert assigned_accounts(tmp_path, "churn", "2", SECOND, 120) is None
    accounts = assigned_accounts(history, "churn", "2", SECOND, 120).set_index("account_id")
    assert sorted(accounts.index[accounts["assigned"]]) == sorted([*OURS, "c10"])
    assert accounts["moved"].to_dict()["o9"]


def test_days_without_an_assignment_are_left_out(tmp_path):
    """Shadow before, shadow after: who enters then was drawn for no arm (LRN-2)."""
    published(tmp_path, FIRST, [], ["a", "b"], [])
    published(tmp_path, SECOND, ["a"], ["b"], [])
    published(tmp_path, SECOND + timedelta(days=1), [], ["a", "b", "late"], [])
    accounts = assigned_accounts(tmp_path, "churn", "2", date(2025, 1, 1), 120)

    assert list(accounts["account_id"]) == ["a", "b"]
    assert set(accounts["entered_on"]) == {SECOND}


def test_where_health_acts_the_critical_band_is_the_flag(tmp_path):
    """Without a champion nobody flags the others but health (LRN-2)."""
    published(tmp_path, FIRST, ["a"], ["b"], [])
    file = tmp_path / "predictions" / f"as_of={FIRST}" / "data.parquet"
    rows = pd.read_parquet(file)
    put(tmp_path, "predictions", FIRST, rows[rows["alias"] == "challenger"])
    accounts = assigned_accounts(tmp_path, "churn", "2", FIRST, 120).set_index("account_id")

    assert accounts["flagged"].to_dict() == {"a": 0.0, "b": 1.0}


@pytest.mark.slow
def test_interval_and_power_between_arms_hold():
    """Where nothing differs nine of ten intervals hold zero; what is promised is found as often as said (LRN-2)."""
    rules = PromotionSettings(replicates=100)
    rng = np.random.default_rng(5)
    assigned = rng.random(1200) < 0.3

    def world(rate: float) -> ByAssignment:
        happened = rng.random(1200) < np.where(assigned, rate, 0.15)
        rows = pd.DataFrame({"assigned": assigned, "happened": happened.astype(float), "arr": 1.0, "flagged": 0.0})
        rows = rows.assign(arr_lost=rows["happened"], chance=0.15, moved=False, entered_on=FIRST, told_on=SECOND)
        return by_assignment(rows, "churned", rules)

    same = [world(0.15).contrasts[1].difference for _ in range(50)]
    least = float(re.search(r"a difference of (\d+\.\d) points", world(0.15).notes[0])[1]) / 100
    worse = [world(0.15 + least).contrasts[1].difference for _ in range(50)]

    assert np.mean([e.low <= 0 <= e.high for e in same]) == pytest.approx(0.9, abs=0.12)
    assert np.mean([e.low > 0 for e in worse]) == pytest.approx(0.8, abs=0.16)
