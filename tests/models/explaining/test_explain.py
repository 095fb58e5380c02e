"""Reasons: exact parts of a model's margin, cited only where resetting the feature lowers it (ACT-1)."""

import json
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_resampling
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from keepwell.models.explaining.explain import explained, reference_row, top_reasons
from keepwell.models.explaining.margin import NotAdditive, margin
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import CANDIDATES, CATEGORICAL_FEATURES, fitted, predicted_probability
from keepwell.models.training.choose import Calibration, calibrated
from keepwell.models.training.inputs import prepared
from keepwell.models.training.trained import Trained

NUMERIC_FEATURES = ("signal", "signal_trend", "other", "rare", "noise")
QUICK = CandidateSettings(
    n_estimators=30, max_samples=1.0, max_iter=80, max_leaf_nodes=8, learning_rate=0.1, min_samples_leaf=20
)
ADDS_UP = [name for name in CANDIDATES if name != "dummy"]
AVERAGING = ("tree", "forest")


def drawn(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Accounts with two signals and their product, a mostly missing number, heavy tails, categories; and churn."""
    rng = np.random.default_rng(seed)
    signal, other, rare = (rng.standard_normal(rows) for _ in range(3))
    segment = rng.choice(["small", "large", "small-touch"], rows, p=[0.5, 0.3, 0.2])
    odds = -1.5 + 0.8 * signal + 0.8 * other + 1.5 * signal * other + (segment == "large") + 0.5 * rare
    frame = pd.DataFrame(
        {
            "signal": np.where(rng.random(rows) < 0.2, np.nan, signal),
            "signal_trend": signal + rng.standard_normal(rows),
            "other": np.round(other, 1),
            "rare": np.where(rng.random(rows) < 0.7, np.nan, rare),
            "noise": rng.standard_cauchy(rows),
            "health": 70 - 10 * other,
            "segment": segment,
            "industry": np.where(rng.random(rows) < 0.1, None, "retail"),
        },
        index=pd.Index([f"a{n}" for n in range(rows)], name="account_id"),
    )
    return frame, pd.Series(rng.random(rows) < 1 / (1 + np.exp(-odds)), frame.index)


def trained(name: str, model, rows: pd.DataFrame, label: pd.Series) -> Trained:
    """The pipeline, fitted and calibrated, on one thread: more would wait for a core on a busy machine."""
    with threadpool_limits(1):
        model.fit(rows, label)
        return Trained(name, model, calibrated(predicted_probability(model, rows), label.to_numpy(dtype=float)))


def candidate(name, rows, label):
    """A candidate, fitted and calibrated."""
    model = fitted(name, rows, label, NUMERIC_FEATURES, InputSettings(), QUICK)
    return Trained(name, model, calibrated(predicted_probability(model, rows), label.to_numpy(dtype=float)))


@pytest.fixture(scope="module")
def trained_models():
    """Every candidate, fitted on one draw, and other accounts, some with an unseen category."""
    train, label = drawn(3000, 1)
    accounts, _ = drawn(800, 2)
    accounts.iloc[:40, accounts.columns.get_loc("segment")] = "never seen"
    accounts.iloc[40:60, accounts.columns.get_loc("segment")] = None
    models = {name: candidate(name, train, label) for name in ADDS_UP}
    return models, accounts, reference_row(train)


@pytest.mark.parametrize("name", ADDS_UP)
def test_parts_and_base_sum_to_the_calibrated_log_odds_or_to_the_probability(trained_models, name):
    """Within 1e-6 for every account, missing values and unseen categories included (ACT-1)."""
    models, accounts, reference = trained_models
    model = models[name]
    why = explained(model, accounts, reference)
    y_prob = predicted_probability(model.model, accounts) if name in AVERAGING else model.probabilities(accounts)
    expected = y_prob if name in AVERAGING else np.log(y_prob / (1 - y_prob))

    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), expected, atol=1e-6)
    np.testing.assert_allclose(why.margin, expected, atol=1e-9)
    assert list(why.contributions) == (["health"] if name == "health" else [*NUMERIC_FEATURES, *CATEGORICAL_FEATURES])
    assert why.contributions.index.equals(accounts.index)


@pytest.mark.parametrize("name", ["health", "sparse_logistic", "logistic"])
def test_a_part_of_a_linear_model_is_what_the_margin_loses_without_it(trained_models, name):
    """Resetting a feature removes exactly its part: missing indicator and one-hot columns included (ACT-1)."""
    models, accounts, reference = trained_models
    why = explained(models[name], accounts, reference)

    for feature, part in why.contributions.items():
        without = margin(models[name], accounts.assign(**{feature: reference[feature]}))
        np.testing.assert_allclose(why.margin - without, part, atol=1e-9, err_msg=feature)


def test_parts_of_trees_are_shapley_values_by_hand():
    """All sixteen ways to reset some of four features, averaged over their orders (Shapley 1953)."""
    train, label = drawn(2000, 3)
    names = ["signal_trend", "other", "noise", "health"]
    reference, accounts = reference_row(train[names]), drawn(30, 4)[0]
    numbers = ColumnTransformer([("number", "passthrough", names)], verbose_feature_names_out=False)
    for last in (
        DecisionTreeClassifier(max_depth=6, random_state=1),
        RandomForestClassifier(20, min_samples_leaf=3, random_state=1, n_jobs=1),
        HistGradientBoostingClassifier(max_iter=30, random_state=1),
    ):
        model = trained("by hand", make_pipeline(numbers, last), train, label)
        worth = {
            kept: margin(model, accounts.assign(**{name: reference[name] for name in names if name not in kept}))
            for size in range(5)
            for kept in combinations(names, size)
        }
        for name in names:
            others = [kept for kept in worth if name not in kept]
            share = [factorial(len(kept)) * factorial(3 - len(kept)) / factorial(4) for kept in others]
            joined = [tuple(n for n in names if n in (*kept, name)) for kept in others]
            shapley = sum(s * (worth[j] - worth[k]) for s, j, k in zip(share, joined, others, strict=True))
            found = explained(model, accounts, reference).contributions[name]
            np.testing.assert_allclose(found, shapley, atol=1e-6, err_msg=f"{last}, {name}")


def test_a_value_next_to_a_threshold_takes_its_own_branch():
    """One 32-bit step away from it, where shap alone would round the threshold onto the value (ACT-1)."""
    numbers = ColumnTransformer([("number", "passthrough", ["a", "b"])], verbose_feature_names_out=False)
    first = np.float32(1.3)
    for low in (first, np.nextafter(first, np.float32(2))):
        steps = [low]
        for _ in range(3):
            steps.append(np.nextafter(steps[-1], np.float32(2)))
        values = np.array(steps, dtype=float)
        train = pd.DataFrame({"a": values[[0, 3] * 20], "b": np.arange(40) % 4})
        label = pd.Series(train["a"] > values[1])
        tree = make_pipeline(numbers, DecisionTreeClassifier(random_state=1)).fit(train, label)
        rows = pd.DataFrame({"a": values, "b": 0})
        why = explained(Trained("tree", tree, Calibration(1.0, 0.0)), rows, rows.iloc[0])

        np.testing.assert_allclose(why.contributions["a"], [0, 0, 1, 1], atol=1e-6)


def test_boosting_that_sees_missing_values_itself_is_explained_exactly():
    """Where a pipeline leaves a value missing, boosting takes the branch that it has for it (ACT-1)."""
    train, label = drawn(2000, 9)
    numbers = ColumnTransformer([("number", "passthrough", ["signal", "other"])], verbose_feature_names_out=False)
    boosting = HistGradientBoostingClassifier(max_iter=30, random_state=1)
    model = trained("boosting", make_pipeline(numbers, boosting), train, label)
    lacking = pd.Series({"signal": np.nan, "other": 0.0})
    why = explained(model, train, lacking)

    missing = train["signal"].isna()
    assert (why.contributions.loc[missing, "signal"] == 0).all()
    assert (why.contributions.loc[~missing, "signal"] != 0).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ADDS_UP)
def test_every_cited_reason_holds_when_it_is_put_to_the_test(trained_models, name):
    """Resetting that one feature lowers the account's probability; largest first, none twice (ACT-1)."""
    models, accounts, reference = trained_models
    model = models[name]
    why = explained(model, accounts, reference)
    reasons = top_reasons(model, accounts, why, reference, 3)
    before = pd.Series(predicted_probability(model.model, accounts), accounts.index)

    cited = accounts.loc[reasons["row"]].reset_index(drop=True)
    for feature in reasons["feature"].unique():
        cited[feature] = cited[feature].where(reasons["feature"] != feature, reference[feature])
    after = predicted_probability(model.model, cited)
    assert len(reasons) > (1000 if len(why.contributions.columns) > 1 and name != "tree" else 300)
    assert (after < before.loc[reasons["row"]].to_numpy()).all()
    for row, of in reasons.groupby("row"):
        assert list(of["rank"]) == list(range(1, len(of) + 1))
        assert of["feature"].is_unique
        assert (np.diff(of["contribution"]) <= 0).all()
        assert len(of) <= 3
        np.testing.assert_array_equal(of["contribution"], why.contributions.loc[row, of["feature"]])
        assert list(of["reference"].dropna()) == list(reference[of["feature"]].dropna())
        assert list(of["value"].dropna()) == list(accounts.loc[row, of["feature"]].dropna())


@pytest.mark.parametrize("name", ADDS_UP)
def test_nothing_that_holds_is_left_out_for_less(trained_models, name):
    """Fewer reasons than asked for, or a larger part passed over, only where the test fails (ACT-1)."""
    models, accounts, reference = trained_models
    model, few = models[name], accounts.head(60)
    why = explained(model, few, reference)
    reasons = top_reasons(model, few, why, reference, 2)
    holds = {
        feature: margin(model, few.assign(**{feature: reference[feature]})) < why.margin - 1e-6
        for feature in why.contributions
    }
    for at, row in enumerate(few.index):
        parts = why.contributions.loc[row].sort_values(ascending=False, kind="stable")
        expected = [feature for feature, part in parts.items() if part > 1e-6 and holds[feature][at]][:2]
        assert list(reasons.loc[reasons["row"] == row, "feature"]) == expected


def test_a_part_that_only_interaction_gives_is_passed_over(trained_models):
    """Boosting fits the product of two signals, so some large parts come from interaction only and are not cited."""
    models, accounts, reference = trained_models
    why = explained(models["boosting"], accounts, reference)
    first = top_reasons(models["boosting"], accounts, why, reference, 1).set_index("row")["feature"]
    largest = why.contributions.loc[first.index].idxmax(axis=1)

    assert 0.002 < (largest != first).mean() < 0.2


@pytest.mark.parametrize("name", ["sparse_logistic", "logistic", "tree", "forest", "boosting", "logistic_boosting"])
def test_the_sign_of_an_effect_is_kept(trained_models, name):
    """More of the signal where the other is usual raises the risk, less lowers it; never an absolute value (ACT-1)."""
    models, _, reference = trained_models
    low, high = (pd.DataFrame([reference]).assign(signal=value, other=0.5) for value in (-2.0, 2.0))
    rows = pd.concat([low, high], ignore_index=True).astype(dict.fromkeys(NUMERIC_FEATURES, float))
    parts = explained(models[name], rows, reference).contributions["signal"]

    assert parts[0] < 0 < parts[1]


def test_reasons_of_a_mean_are_the_mean_of_the_reasons(trained_models):
    """Of logistic and boosting, before each is calibrated; features are matched by name, not by place (ACT-1)."""
    models, accounts, reference = trained_models
    alone = {
        name: explained(replace(models[name], calibration=Calibration(1.0, 0.0)), accounts, reference)
        for name in ("logistic", "boosting", "logistic_boosting")
    }
    mean = (alone["logistic"].contributions + alone["boosting"].contributions) / 2

    pd.testing.assert_frame_equal(alone["logistic_boosting"].contributions, mean, atol=1e-9)


def test_the_typical_account_is_the_median_and_the_most_frequent_category():
    """Missing where most are; a typical account has no reasons (ACT-1)."""
    rows = pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan], "b": [np.nan, np.nan, 3.0, np.nan], "w": ["x", "y", "y", None]})
    reference = reference_row(rows)

    assert reference["a"] == 2.0
    assert np.isnan(reference["b"])
    assert reference["w"] == "y"


def test_a_reference_that_was_kept_as_json_gives_the_same_reasons(trained_models):
    """The typical account is stored with its model as JSON, where a missing number is null (MOD-9, ACT-1)."""
    models, accounts, reference = trained_models
    kept = json.loads(reference.to_json())
    assert kept["rare"] is None
    for name in ("logistic", "forest"):
        both = [
            top_reasons(models[name], accounts, explained(models[name], accounts, typical), typical, 3)
            for typical in (reference, pd.Series(kept, dtype=object))
        ]
        pd.testing.assert_frame_equal(both[0].drop(columns="reference"), both[1].drop(columns="reference"), rtol=1e-9)


def test_a_missing_value_is_a_reason_of_its_number(trained_models):
    """Indicator and imputed median count together; where most lack a value, a missing one is no reason (ACT-1)."""
    models, accounts, reference = trained_models
    why = explained(models["logistic"], accounts, reference)
    assert np.isnan(reference["rare"])
    assert (why.contributions.loc[accounts["rare"].isna(), "rare"] == 0).all()
    assert (why.contributions.loc[accounts["signal"].isna(), "signal"] != 0).all()
    assert why.contributions.loc[accounts["signal"].isna(), "signal"].std() < 1e-12


def test_a_feature_may_be_kept_from_being_cited(trained_models):
    """A calendar effect, the same for all accounts, is no reason; the others move up (ACT-1)."""
    models, accounts, reference = trained_models
    why = explained(models["logistic"], accounts, reference)
    reasons = top_reasons(models["logistic"], accounts, why, reference, 3, ["signal", "segment"])

    assert not {"signal", "segment"} & set(reasons["feature"])
    assert (reasons.groupby("row").size() == 3).sum() > 100


def test_nobody_above_the_typical_account_is_an_empty_table(trained_models):
    """The typical account itself has no reasons (ACT-1)."""
    models, accounts, reference = trained_models
    typical = accounts.head(1).assign(**reference)
    reasons = top_reasons(
        models["forest"], typical, explained(models["forest"], typical, reference), reference, 3
    )  # fmt: skip

    assert reasons.empty
    assert {"row", "rank", "feature", "value", "reference", "contribution"} == set(reasons)


def test_parts_that_miss_the_margin_are_refused(trained_models):
    """No reasons rather than wrong ones; a dummy has no margin (ACT-1)."""
    models, accounts, reference = trained_models
    broken = Trained("broken", models["logistic"].model, Calibration(float("nan"), 0.0))
    with pytest.raises(NotAdditive, match="the parts of broken miss its margin"):
        explained(broken, accounts, reference)

    train, label = drawn(500, 5)
    dummy = Trained(
        "dummy", CANDIDATES["dummy"](NUMERIC_FEATURES, InputSettings(), QUICK).fit(train, label), broken.calibration
    )
    with pytest.raises(TypeError, match=r"dummy \(DummyClassifier\) gives no reasons"):
        explained(dummy, accounts, reference)


def test_a_tree_too_large_to_be_explained_is_refused():
    """Beyond shap's number of nodes the parts would be wrong, or take forever (ACT-1)."""
    rng = np.random.default_rng(1)
    train = pd.DataFrame({"a": rng.standard_normal(50_000)})
    numbers = ColumnTransformer([("number", "passthrough", ["a"])], verbose_feature_names_out=False)
    tree = make_pipeline(numbers, DecisionTreeClassifier(random_state=1)).fit(train, rng.random(50_000) < 0.5)

    with pytest.raises(NotAdditive, match=r"a tree has [45]\d,\d{3} nodes; shap can count to 32,768"):
        explained(Trained("tree", tree, Calibration(1.0, 0.0)), train.head(3), train.iloc[0])


def test_a_step_that_resamples_is_passed_over():
    """SMOTE inside the fold changes the fit, not the explanation (MOD-4, ACT-1)."""
    train, label = drawn(1500, 7)
    resampled = make_resampling(
        prepared(NUMERIC_FEATURES, CATEGORICAL_FEATURES, InputSettings()),
        SMOTE(random_state=1),
        LogisticRegression(max_iter=500),
    )
    model = trained("smote", resampled, train, label)
    why = explained(model, train, reference_row(train))

    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), margin(model, train), atol=1e-9)
