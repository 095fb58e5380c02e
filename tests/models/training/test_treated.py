"""Treated accounts in training: the untreated are weighted up where random assignment gives the probability (MOD-1)."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from keepwell.models.promotion.gates import judged
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings, PolicySettings, TreatedSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.choose import calibrated, compared
from keepwell.models.training.split import Splits
from keepwell.models.training.thresholds import choose_thresholds, what_if
from keepwell.models.training.treated import ALL_ROWS, UNTREATED, counted
from keepwell.models.training.trial import trial
from tests.models.promotion.test_gates import GOOD, RULES, rows

NUMERIC_FEATURES = ("signal", "noise")
SETTINGS = ModelSettings(candidates=CandidateSettings(n_estimators=10, max_iter=20, replicates=10))
MONTHS = [date(2025, month, 1) for month in (1, 2, 3)]
PARTS = Splits((MONTHS[0],), (MONTHS[1],), (MONTHS[2],))


def book(size: int = 9000, seed: int = 3) -> pd.DataFrame:
    """Examples of three months: three in five of those at risk are treated at random, and none of them churns."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(size)
    without = 1 / (1 + np.exp(2.2 - 1.2 * signal))
    chosen = np.where(signal > 0.5, 0.6, 0.0)
    treated = rng.random(size) < chosen
    return pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(size)],
            "as_of": pd.to_datetime(np.repeat(MONTHS, size // 3)),
            "signal": signal, "noise": rng.standard_normal(size), "health": 70 - 10 * signal, "segment": "small",
            "industry": "retail", "country": "DE", "arr": 1000.0, "high_value": False,
            "churned": (rng.random(size) < without) & ~treated,
            "treated": treated, "untreated_chance": 1.0 - chosen, "without": without,
        }
    )  # fmt: skip


BOOK = book()


@pytest.fixture(scope="module")
def randomized():
    return trial(BOOK, "churned", PARTS, NUMERIC_FEATURES, SETTINGS)


def off(found) -> float:
    """True churn without a contact over the expected churn, on all test rows."""
    test = BOOK[BOOK["as_of"] == pd.Timestamp(MONTHS[2])]
    return test["without"].sum() / found.trained[found.selected].probabilities(test).sum()


def test_the_untreated_are_weighted_by_inverse_probability():
    """One left out of five draws has weight five; beyond the maximum it is capped, and the note says so (MOD-1)."""
    examples = pd.DataFrame({"treated": [False, True, False, False], "untreated_chance": [1.0, 0.4, 0.2, 0.01]})
    found = counted(examples, "churned", TreatedSettings(max_weight=20.0))

    assert list(found.sample_weight) == [1.0, 0.0, 5.0, 20.0]
    assert found.randomized
    assert "up to 20.0, 1 of them capped at 20;" in found.note


@pytest.mark.parametrize("column", ["treated", "untreated_chance"])
def test_without_random_assignment_all_examples_have_equal_weight(column):
    """Also where it is missing for some examples, and for an outcome with another horizon (MOD-1)."""
    examples = pd.DataFrame({"treated": [False, True], "untreated_chance": [0.5, 0.5]}, dtype=object)
    for some in (examples.drop(columns=column), examples.assign(**{column: [None, examples[column][1]]})):
        found = counted(some, "churned", TreatedSettings())
        assert list(found.sample_weight) == [1.0, 1.0]
        assert not found.randomized
    assert not counted(examples, "expanded", TreatedSettings()).randomized
    assert counted(examples, "churned", TreatedSettings()).randomized


@pytest.mark.slow
def test_random_assignment_gives_the_probability_without_treatment(randomized):
    """With equal weights too few churners are expected, with the untreated alone too few at high risk (MOD-1)."""
    alike = trial(BOOK.drop(columns="untreated_chance"), "churned", PARTS, NUMERIC_FEATURES, SETTINGS)

    assert off(randomized) == pytest.approx(1.0, abs=0.1)
    assert off(alike) > 1.4
    assert randomized.metrics[randomized.selected, "all"]["observed_to_expected"].value == pytest.approx(1.0, abs=0.15)
    assert randomized.metrics[randomized.selected, ALL_ROWS]["observed_to_expected"].value < 0.8
    assert (alike.selected, UNTREATED) in alike.metrics
    assert "no random assignment" in alike.counting


def test_the_outcomes_of_the_treated_do_not_matter(randomized):
    """If all of them had churned, every probability and every metric would be the same (MOD-1)."""
    other = trial(BOOK.assign(churned=BOOK["churned"] | BOOK["treated"]), "churned", PARTS, NUMERIC_FEATURES, SETTINGS)
    same = [key for key in randomized.metrics if key[1] != ALL_ROWS]

    assert (other.test["chance"] == randomized.test["chance"]).all()
    assert repr([other.metrics[key] for key in same]) == repr([randomized.metrics[key] for key in same])
    assert dict(other.thresholds) == dict(randomized.thresholds)
    pd.testing.assert_frame_equal(other.what_if, randomized.what_if)


def test_without_random_assignment_marks_of_treatment_change_nothing():
    """Without random assignment the models equal those of a company that marks no treatment (MOD-1)."""
    marks = ["treated", "untreated_chance"]
    marked, bare = (
        trial(BOOK.drop(columns=gone), "churned", PARTS, NUMERIC_FEATURES, SETTINGS) for gone in (marks[1:], marks)
    )

    assert marked.test["chance"].tolist() == bare.test["chance"].tolist()
    assert all(repr(marked.metrics[key]) == repr(bare.metrics[key]) for key in bare.metrics)


def test_smote_is_left_out_where_rows_are_weighed(randomized):
    """SMOTE takes no sample weights: the note says so (MOD-1, MOD-4)."""
    assert "logistic_smote" not in randomized.trained
    assert "logistic_smote is left out: SMOTE" in randomized.counting
    with pytest.raises(ValueError, match="SMOTE interpolates between rows"):
        fitted(
            "logistic_smote",
            BOOK,
            BOOK["churned"],
            NUMERIC_FEATURES,
            InputSettings(),
            SETTINGS.candidates,
            np.ones(len(BOOK)),
        )


@pytest.mark.parametrize("name", ["dummy", "health", "sparse_logistic", "logistic", "tree", "forest", "boosting"])
def test_a_sample_weight_fits_like_copies(name):
    """Nearly: quantiles, scales and the rows of a leaf are counted in rows (MOD-1)."""
    some = BOOK.head(3000)
    weight = np.where(some["churned"], 4, 1)
    copies = some.loc[some.index.repeat(weight)]
    rules = SETTINGS.candidates.model_copy(update={"min_samples_leaf": 20, "n_estimators": 60})
    weighed = fitted(name, some, some["churned"], NUMERIC_FEATURES, InputSettings(), rules, weight.astype(float))
    copied = fitted(name, copies, copies["churned"], NUMERIC_FEATURES, InputSettings(), rules)
    plain = fitted(name, some, some["churned"], NUMERIC_FEATURES, InputSettings(), rules)
    apart = [
        np.abs(predicted_probability(model, some) - predicted_probability(copied, some)).mean()
        for model in (weighed, plain)
    ]

    assert apart[0] < apart[1] / 2


def test_a_sample_weight_calibrates_and_compares_like_copies():
    """The same line, the same distances (MOD-1)."""
    some = BOOK.head(900)
    given = {"near": some["without"].to_numpy(), "far": np.random.default_rng(1).random(900)}
    y_true, weight = some["churned"].to_numpy(dtype=float), np.random.default_rng(2).integers(0, 4, 900)
    copies = np.repeat(np.arange(900), weight)
    line, copied = (
        calibrated(given["near"], y_true, weight.astype(float)), calibrated(given["near"][copies], y_true[copies])
    )  # fmt: skip
    weighed = compared(y_true, given, some["account_id"].to_numpy(), 1, 1, weight.astype(float))
    alike = compared(
        y_true[copies], {n: c[copies] for n, c in given.items()}, some["account_id"].to_numpy()[copies], 1, 1
    )

    assert (line.slope, line.intercept) == pytest.approx((copied.slope, copied.intercept))
    assert [c.roc_auc for c in weighed] == pytest.approx([c.roc_auc for c in alike])


def test_workload_is_counted_in_rows_and_churn_by_weight():
    """A treated account uses capacity, but its churn does not count as caught (MOD-1, MOD-5)."""
    months = pd.DataFrame(
        {"segment": "enterprise", "high_value": False, "arr": 100.0, "as_of": MONTHS[0]}, index=range(10)
    )
    y_prob, y_true = np.linspace(0.9, 0.1, 10), np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    weight = np.array([0.0, 5, 1, 1, 1, 1, 1, 1, 1, 1])
    policy = PolicySettings(capacity_share=0.2, what_if_shares=(0.2,), recall_enough=0.8)
    thresholds = choose_thresholds(months, y_true, y_prob, policy, weight)
    line = what_if(months, y_true, y_prob, policy, weight).set_index("group").loc["all"]

    assert thresholds["recall_first"] == y_prob[1]
    assert (line["accounts_per_month"], line["caught"], line["recall"]) == (2, 5, 5 / 6)
    assert (line["precision"], line["arr_caught"]) == (1.0, 500.0)


def test_a_promotion_is_judged_by_the_rows_that_count():
    """Rows of weight 0 change no gate (MOD-1, LRN-2)."""
    base = rows().assign(weight=1.0)
    silent = base.assign(account_id=base["account_id"] + "t", happened=1.0 - base["happened"], chance=0.0, weight=0.0)
    plain = judged(GOOD, RULES, 0.1).metrics["observed_to_expected"][0].value
    weighed = judged(replace(GOOD, rows=pd.concat([base, silent])), RULES, 0.1)

    assert weighed.metrics["observed_to_expected"][0].value == pytest.approx(plain)
    assert weighed.refusals == []
