"""Permutation importance, measured on accounts that the model never saw (MOD-7)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from keepwell.models.explaining.importance import _interval, importance, placements
from keepwell.models.explaining.shuffled import Shuffled
from keepwell.models.settings.explaining import ImportanceSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.choose import Calibration
from keepwell.models.training.trained import Trained

NOISE = [f"noise_{n}" for n in range(12)]
NUMERIC_FEATURES = ["strong", "weak", *NOISE]
QUICK = CandidateSettings(n_estimators=20, max_iter=40, min_samples_leaf=20)
RULES = ImportanceSettings(repeats=3)


def drawn(accounts: int, months: int, seed: int) -> pd.DataFrame:
    """Months of accounts: a strong signal that is often missing, a weak one, noise that stays with its account."""
    rng = np.random.default_rng(seed)
    own = {name: np.repeat(rng.standard_normal(accounts), months) for name in NOISE}
    strong, weak = rng.standard_normal((2, accounts * months))
    segment = np.repeat(rng.choice(["small", "large"], accounts), months)
    odds = (
        -1.5 + 1.5 * strong + 0.3 * weak + 0.8 * (segment == "large") + np.repeat(rng.standard_normal(accounts), months)
    )
    return pd.DataFrame(
        {
            "account_id": np.repeat([f"a{n}" for n in range(accounts)], months),
            "strong": np.where(rng.random(len(strong)) < 0.2, np.nan, strong), "weak": weak, **own,
            "health": 70.0, "segment": segment, "industry": "retail",
            "churned": rng.random(len(strong)) < 1 / (1 + np.exp(-odds)),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def held_out():
    return drawn(600, 4, 2)


@pytest.fixture(scope="module")
def models():
    train = drawn(600, 4, 1)
    with threadpool_limits(1):
        pipelines = {
            name: fitted(name, train, train["churned"], NUMERIC_FEATURES, InputSettings(), QUICK)
            for name in ("logistic", "boosting")
        }
    return {name: Trained(name, model, Calibration(1.0, 0.0)) for name, model in pipelines.items()}


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_what_was_planted_comes_first_and_noise_is_within_its_interval(models, held_out, name):
    """A tenth of twelve noise columns may lie outside a 90% interval; a categorical feature is one (MOD-7)."""
    found = importance(models[name], held_out, "churned", RULES)
    by = found.set_index("name")
    noise = by.loc[[n for n in NOISE if n in by.index]]

    assert list(found["name"][:2]) == ["strong", "segment"]
    assert by.loc["strong", "low"] > 0.05
    assert by.loc["segment", "low"] > 0
    assert ((noise["low"] <= 0) & (noise["high"] >= 0)).sum() >= 9
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()
    assert found["value"].is_monotonic_decreasing


@pytest.mark.parametrize("own", ["", "large"], ids=["pooled", "own_model_of_a_segment"])
@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_shuffled_feature_gives_what_shuffled_rows_give(models, held_out, name, own):
    """Though the features are prepared once; a shuffled segment has the model of its new value (MOD-7)."""
    other = "boosting" if name == "logistic" else "logistic"
    segments = {own: replace(models[other], calibration=Calibration(0.5, -1.0))} if own else {}
    model = replace(models[name], segments=segments)
    shuffled, order = Shuffled(model, held_out), np.random.default_rng(4).permutation(len(held_out))
    for feature in [*NUMERIC_FEATURES, "segment", "industry"]:
        rows = held_out.assign(**{feature: held_out[feature].to_numpy()[order]})
        found = shuffled.probabilities(feature, order)
        np.testing.assert_allclose(found, model.probabilities(rows), rtol=1e-14, err_msg=feature)


@pytest.mark.slow
def test_the_loss_is_that_of_scikit_learn(models, held_out):
    """The same quantity as its permutation importance; ours also has an interval over accounts (MOD-7)."""
    model, names = models["logistic"].model, ["strong", "weak", "segment"]
    found = importance(models["logistic"], held_out, "churned", ImportanceSettings(repeats=5)).set_index("name")
    inputs = held_out.drop(columns=["account_id", "churned"])
    theirs = permutation_importance(
        model, inputs, held_out["churned"].astype(int), scoring="roc_auc", n_repeats=5, random_state=5
    )
    means = pd.Series(theirs["importances_mean"], inputs.columns)

    assert (found.loc[names, "value"] - means[names]).abs().max() < 0.015


def test_placements_average_to_the_area(models, held_out):
    """Over positive rows and over negative rows alike, ties included (DeLong 1988)."""
    given = np.round(predicted_probability(models["logistic"].model, held_out), 2)
    happened = held_out["churned"].to_numpy()
    found = placements(given, happened)

    assert found[happened].mean() == pytest.approx(roc_auc_score(happened, given))
    assert found[~happened].mean() == pytest.approx(roc_auc_score(happened, given))


def test_copies_of_an_accounts_rows_make_nothing_surer():
    """The interval is clustered by account: four times the rows, the same interval (MOD-7)."""
    rng = np.random.default_rng(3)
    lost, happened = rng.standard_normal(200) + 0.1, rng.random(200) < 0.3
    lost[~happened] += lost[happened].mean() - lost[~happened].mean()
    once = _interval(lost, happened, np.arange(200), 0.9)
    copied = _interval(np.repeat(lost, 4), np.repeat(happened, 4), np.repeat(np.arange(200), 4), 0.9)

    assert copied == pytest.approx(once)
    assert once[1] < once[0] < once[2]


def test_the_interval_is_that_of_a_bootstrap_over_accounts(models, held_out):
    """Its width against three hundred draws of whole accounts (MOD-4, MOD-7)."""
    happened = held_out["churned"].to_numpy()
    accounts, _ = pd.factorize(held_out["account_id"])
    given = predicted_probability(models["logistic"].model, held_out)
    mixed = np.random.default_rng(1).permutation(held_out["strong"])
    shuffled = predicted_probability(models["logistic"].model, held_out.assign(strong=mixed))
    lost = placements(given, happened) - placements(shuffled, happened)
    _, low, high = _interval(lost, happened, accounts, 0.9)

    rng, rows = np.random.default_rng(2), [np.flatnonzero(accounts == a) for a in range(600)]
    draws = []
    for _ in range(300):
        drawn_rows = np.concatenate([rows[a] for a in rng.integers(0, 600, 600)])
        left = happened[drawn_rows]
        draws.append(roc_auc_score(left, given[drawn_rows]) - roc_auc_score(left, shuffled[drawn_rows]))
    assert high - low == pytest.approx(np.diff(np.quantile(draws, [0.05, 0.95]))[0], rel=0.15)


def test_the_cost_is_bounded_by_a_number_of_accounts(models, held_out):
    """All rows of at most so many accounts, the same in every run; fewer accounts, a wider interval (MOD-7)."""
    few = ImportanceSettings(repeats=2, accounts=100)
    once, again = (importance(models["logistic"], held_out, "churned", few) for _ in range(2))
    all_of_them = importance(models["logistic"], held_out, "churned", ImportanceSettings(repeats=2))

    def width(found):
        strong = found.set_index("name").loc["strong"]
        return strong["high"] - strong["low"]

    pd.testing.assert_frame_equal(once, again)
    assert width(once) > 1.5 * width(all_of_them)


def test_a_feature_without_weight_is_no_line(held_out):
    """A sparse model with one signal uses only that one (MOD-7)."""
    train = drawn(600, 4, 1)
    sparse = fitted(
        "sparse_logistic", train, train["churned"], NUMERIC_FEATURES, InputSettings(),
        CandidateSettings(sparse_features=1),
    )  # fmt: skip
    found = importance(Trained("sparse", sparse, Calibration(1.0, 0.0)), held_out, "churned", RULES)

    assert list(found["name"]) == ["strong"]
