"""The expert review: which accounts, blind first, graded alike, signed (REV-1..4)."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, cohen_kappa_score

from keepwell.models.grading.review import grades, health_line
from keepwell.models.settings.grading import GradeSettings
from keepwell.playbook.review.sample import AGREEING, HEALTHIER, RISKIER, by_size, chosen
from keepwell.playbook.review.sprint import (
    NotAllowed,
    ReviewEvent,
    Sprint,
    after,
    answered,
    flagged,
    followed,
    revealed,
    signature,
    signed,
    sprints,
)
from keepwell.playbook.settings import ReviewSettings

RULES, GRADES = ReviewSettings(), GradeSettings(replicates=60)
NOW = datetime.fromisoformat("2026-01-05T09:00")
HOUR = timedelta(hours=1)

# Which accounts -----------------------------------------------------------------------------------------------------


def book(size: int = 400, seed: int = 1) -> pd.DataFrame:
    """Accounts of three segments whose two scores have something in common."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(size)
    return pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(size)],
            "segment": rng.choice(["small", "middle", "large"], size, p=[0.6, 0.3, 0.1]),
            "model": 1 / (1 + np.exp(2 - common - rng.standard_normal(size))),
            "ill": common + rng.standard_normal(size) - 70,
        }
    )


def test_the_accounts_are_those_that_disagree_most_and_some_that_agree() -> None:
    """36, half of those that disagree each way, larger gaps before smaller ones, every segment (REV-1)."""
    rows = book()
    found = chosen(rows, RULES, "s")
    gap = (rows["model"].rank(pct=True) - rows["ill"].rank(pct=True)).set_axis(rows["account_id"])
    counts = found["why"].value_counts()
    left = gap.drop(list(found["account_id"]))

    assert counts.to_dict() == {AGREEING: 9, RISKIER: 14, HEALTHIER: 13}
    assert set(found["segment"]) == {"small", "middle", "large"}
    for why, sign in ((RISKIER, 1), (HEALTHIER, -1)):
        for segment, mine in found[found["why"] == why].groupby("segment"):
            others = rows.loc[rows["segment"] == segment, "account_id"]
            assert mine["gap"].mul(sign).min() >= left[left.index.isin(others)].mul(sign).max()
    agree = found[found["why"] == AGREEING]
    assert agree["gap"].abs().max() <= gap.abs().median()
    assert agree["model"].rank(pct=True).max() > agree["model"].quantile(0.5)
    assert (agree["model"] > rows["model"].quantile(0.67)).sum() == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 90), st.integers(0, 30), st.integers(1, 60))
def test_a_choice_is_whole_stable_and_blind_to_the_order_of_rows(size: int, seed: int, places: int) -> None:
    """Each account once, as many as asked for or all; shuffled rows and other units change nothing (REV-1)."""
    rows = book(size, seed)
    rows.loc[rows.index % 7 == 3, "ill"] = np.nan
    rules = ReviewSettings(accounts=places)
    found = chosen(rows, rules, "s")
    again = chosen(rows.sample(frac=1, random_state=seed).assign(model=lambda r: r["model"] ** 3), rules, "s")

    assert len(found) == min(places, int(rows["ill"].notna().sum()))
    assert found["account_id"].is_unique
    assert list(found["account_id"]) == list(again["account_id"])


def test_the_order_of_the_questions_says_nothing_of_the_scores() -> None:
    """Over many sprints the place in the queue is as often early for one kind as for another (REV-1)."""
    places = [
        chosen(book(), RULES, str(salt)).reset_index().groupby("why")["index"].mean() for salt in range(40)
    ]  # fmt: skip

    assert pd.concat(places, axis=1).mean(axis=1).sub(17.5).abs().max() < 2


def test_places_are_shared_out_by_size() -> None:
    """Whole quotas, then the largest remainders; nobody has more places than accounts."""
    assert by_size([60, 30, 10], 10) == [6, 3, 1]
    assert by_size([2, 1], 9) == [2, 1]
    assert sum(by_size([7, 5, 3], 8)) == 8
    assert by_size([], 3) == []


# What is allowed when -----------------------------------------------------------------------------------------------


def begun(accounts: int = 3) -> Sprint:
    """A sprint of accounts a0, a1 ..."""
    frozen = [
        {"account_id": f"a{n}", "why": AGREEING, "model": 0.1, "health": 60.0, "health_chance": 0.2}
        for n in range(accounts)
    ]
    about = {
        "outcome": "churn", "version": "1", "as_of": "2026-01-01", "horizon_end": "2026-04-01",
        "told_on": "2026-05-01", "health_line": "", "accounts": frozen,
    }  # fmt: skip
    return sprints([ReviewEvent("r", 1, "", "started", NOW, "lea", about)])["r"]


def seen(sprint: Sprint, account: str, by: str = "ann", at: datetime = NOW) -> Sprint:
    """A forecast and its reveal."""
    sprint = after(sprint, answered(sprint, account, 0.3, by, at, RULES))
    shown = revealed(sprint, account, by, at)
    assert shown is not None
    return after(sprint, shown)


def test_nothing_is_answered_after_its_reveal_nor_revealed_before_its_answer() -> None:
    """Also not with an earlier instant; another reviewer is not bound by it (REV-1)."""
    sprint = begun()
    with pytest.raises(NotAllowed, match="first the forecast"):
        revealed(sprint, "a0", "ann", NOW)
    sprint = after(sprint, answered(sprint, "a0", 0.3, "ann", NOW, RULES))
    again = answered(sprint, "a0", 0.4, "ann", NOW + HOUR, RULES)
    sprint = seen(sprint, "a0")
    for at in (NOW, NOW + HOUR, NOW - HOUR):
        with pytest.raises(NotAllowed, match=r"revealed|newest entry"):
            answered(sprint, "a0", 0.4, "ann", at, RULES)

    assert again.payload == {"chance": 0.4}
    assert answered(sprint, "a0", 0.9, "bob", NOW, RULES).number == sprint.events + 1
    assert revealed(sprint, "a0", "ann", NOW + HOUR) is None


def test_forecasts_and_overrides_are_not_taken_late() -> None:
    """Whoever gives one after 30 days knows more than the scores that it is graded against (REV-2)."""
    sprint, late = seen(begun(), "a0"), NOW + timedelta(days=30, minutes=1)
    with pytest.raises(NotAllowed, match="closed for forecasts"):
        answered(sprint, "a1", 0.3, "ann", late, RULES)
    with pytest.raises(NotAllowed, match="closed for forecasts"):
        flagged(sprint, "a0", "override", "x", "ann", late, RULES, until=date(2026, 5, 1))

    assert flagged(sprint, "a0", "note", "merged", "ann", late, RULES).payload["note"] == "merged"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("note", " ", None, None), "needs an explanation"),
        (("override", "x", 0.5, None), "an override needs an expiry"),
        (("override", "x", 0.5, date(2026, 1, 5)), "an override needs an expiry"),
        (("override", "x", 1.5, date(2026, 3, 1)), "between 0 and 100"),
        (("seasonal", "x", 0.5, None), "are for overrides only"),
    ],
)
def test_a_flag_is_explained_and_an_override_expires(asked: tuple[Any, ...], why: str) -> None:
    """And only who has answered may raise one (REV-3)."""
    kind, note, probability, until = asked
    with pytest.raises(NotAllowed, match=why):
        flagged(seen(begun(), "a0"), "a0", kind, note, "ann", NOW, RULES, probability, until)
    with pytest.raises(NotAllowed, match="has not forecast"):
        flagged(begun(), "a0", "note", "x", "ann", NOW, RULES)


def test_a_sprint_is_signed_once_by_a_name_when_enough_was_seen() -> None:
    """An answer without its reveal is not looked at; after the signature nothing is answered (REV-4)."""
    rules = ReviewSettings(min_reviewed=2)
    sprint = seen(begun(), "a0")
    half = after(sprint, answered(sprint, "a1", 0.3, "ann", NOW, RULES))
    with pytest.raises(NotAllowed, match="1 of 3 accounts were forecast and revealed; 2 are needed"):
        signed(half, "Dr. Lee", "", NOW, rules)
    enough = seen(half, "a1")
    with pytest.raises(NotAllowed, match="named person"):
        signed(enough, " ", "", NOW, rules)
    over = after(enough, signed(enough, "Dr. Lee", "fine", NOW + HOUR, rules))
    with pytest.raises(NotAllowed, match=r"is closed: Dr\. Lee"):
        answered(over, "a2", 0.3, "ann", NOW + HOUR, RULES)

    assert (over.signed_by, over.signed_note) == ("Dr. Lee", "fine")
    with pytest.raises(NotAllowed, match="3 are needed"):  # all of a sprint that is smaller than 30
        signed(enough, "Dr. Lee", "", NOW + HOUR, RULES)


def test_a_signature_counts_for_its_version_from_its_instant_on() -> None:
    """Same outcome and version, begun after it was registered, signed by then (REV-4)."""
    sprint = seen(begun(1), "a0")
    found = {"r": after(sprint, signed(sprint, "Dr. Lee", "", NOW + HOUR, RULES))}
    day = NOW.date()

    assert signature(found, "churn", "1", day, NOW + HOUR) is found["r"]
    assert signature(found, "churn", "1", day, NOW) is None
    assert signature(found, "churn", "2", day, NOW + HOUR) is None
    assert signature(found, "expansion", "1", day, NOW + HOUR) is None
    assert signature(found, "churn", "1", day + timedelta(days=1), NOW + HOUR) is None
    assert signature({"r": sprint}, "churn", "1", day, NOW + HOUR) is None


def test_what_became_of_a_flag_is_kept_with_it() -> None:
    """Also after the signature; the newest note stands, all are in the ledger (REV-3)."""
    sprint = seen(begun(1), "a0")
    sprint = after(sprint, flagged(sprint, "a0", "seasonal", "harvest", "ann", NOW, RULES))
    (flag_id,) = sprint.flags
    sprint = after(sprint, signed(sprint, "Dr. Lee", "", NOW, RULES))
    done = after(sprint, followed(sprint, flag_id, "the season is a feature", "kim", NOW + HOUR))

    assert (done.flags[flag_id].followed_by, done.flags[flag_id].followed) == ("kim", "the season is a feature")
    with pytest.raises(NotAllowed, match="what was done"):
        followed(sprint, flag_id, "", "kim", NOW)


# How good -----------------------------------------------------------------------------------------------------------


def forecasts(accounts: int = 40, seed: int = 2) -> pd.DataFrame:
    """Two reviewers per account, who see the true probability with noise; the model sees it with less noise."""
    rng = np.random.default_rng(seed)
    true = rng.beta(1, 3, accounts)
    one = pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(accounts)],
            "health": np.full(accounts, 0.25),
            "model": true,
            "override": np.where(np.arange(accounts) < 6, 1.0 - true, np.nan),
            "happened": (rng.random(accounts) < true).astype(float),
        }
    )
    noisy = [one.assign(by=by, forecast=np.clip(true + rng.normal(0, 0.2, accounts), 0, 1)) for by in ("ann", "bob")]
    return pd.concat(noisy, ignore_index=True)


def test_csm_health_and_model_are_graded_alike_on_the_same_accounts() -> None:
    """Brier scores as scikit-learn has them, the CSMs' by their mean; each with an interval (REV-2)."""
    rows = forecasts()
    rows.loc[rows["account_id"] == "a39", "health"] = np.nan
    by_name = {(g.name, g.statistic): g for g in grades(rows, GRADES)}
    known = rows.dropna(subset=["health"]).groupby("account_id").mean(numeric_only=True)

    for side, column in (("csm", "forecast"), ("health", "health"), ("model", "model")):
        grade = by_name[side, "brier"]
        assert grade.estimate.value == pytest.approx(brier_score_loss(known["happened"], known[column]))
        assert grade.accounts == 39
        assert grade.outcomes == known["happened"].sum()
        assert grade.estimate.low < grade.estimate.value < grade.estimate.high
    less = by_name["csm", "brier"].estimate.value - by_name["model", "brier"].estimate.value
    assert by_name["csm", "brier_less_model"].estimate.value == pytest.approx(less)
    assert by_name["csm ann", "brier"].accounts == 40
    six = rows[rows["override"].notna()]
    saved = brier_score_loss(six["happened"], six["model"]) - brier_score_loss(six["happened"], six["override"])
    assert by_name["override", "brier_saved"].estimate.value == pytest.approx(saved)
    assert by_name["override", "brier_saved"].accounts == 6


def test_agreement_is_cohens_kappa_of_bands_and_needs_no_outcome() -> None:
    """Weighted by distance; 1 where reviewers say the same; undefined where everybody is in one band (REV-2)."""
    rows = forecasts().assign(happened=np.nan)
    found = {(g.name, g.statistic): g.estimate for g in grades(rows, GRADES)}
    bands = [np.digitize(rows[side], GRADES.bands) for side in ("forecast", "model")]
    twins = rows.assign(forecast=rows["model"])
    same = {(g.name, g.statistic): g.estimate for g in grades(twins, GRADES)}
    flat = {(g.name, g.statistic): g.estimate for g in grades(rows.assign(forecast=0.1, model=0.1), GRADES)}

    assert not any(statistic.startswith("brier") for _, statistic in found)
    assert found["csm", "kappa with model"].value == pytest.approx(cohen_kappa_score(*bands, weights="linear"))
    assert found["csm", "kappa with model"].low < found["csm", "kappa with model"].value
    assert same["csm ann", "kappa with csm bob"].value == pytest.approx(1.0)
    assert np.isnan(flat["csm", "kappa with model"].value)


def test_health_becomes_a_chance_only_where_enough_have_matured() -> None:
    """A logistic line finds the truth that made the rows; with few losses there is none, and why is said (REV-2)."""
    rng = np.random.default_rng(1)
    health = rng.uniform(20, 95, 4000)
    true = 1 / (1 + np.exp(2 + 0.08 * (health - 50)))
    rows = pd.DataFrame({"account_id": [f"a{n}" for n in range(4000)], "health": health})
    rows["happened"] = (rng.random(4000) < true).astype(float)
    line = health_line(rows, GRADES)
    few_rows = health_line(rows.head(60), GRADES)

    assert line(np.array([30.0, 60.0, 90.0])) == pytest.approx(1 / (1 + np.exp([0.4, 2.8, 5.2])), rel=0.25)
    assert np.isnan(few_rows(np.array([50.0]))).all()
    assert "too few" in str(few_rows)
