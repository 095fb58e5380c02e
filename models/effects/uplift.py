"""Uplift: which accounts a contact helps and which it harms, fitted on randomly assigned subjects (MON-4).

Accounts are ranked by uplift only after a gate: a joint test that the contact changes the log odds of churn more for
some than for others (clustered by account). Where it changes them alike for all, risk is the right order. After the
gate a few small trees predict by how much the log odds fall, fitted to scores whose mean is the effect (Kennedy 2023),
each weighted by its precision; the probability of staying that is gained is that fall times p (1 - p). A sleeping dog
is an account that a contact harms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from keepwell.models.effects.doubly_robust import fitted_line
from keepwell.models.effects.effects import Effect, effect, outcomes_of
from keepwell.models.explaining.tree_rules import rules_of
from keepwell.models.grading.intervals import account_draws
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import EffectSettings, UpliftSettings
from keepwell.models.settings.training import InputSettings
from keepwell.models.training.inputs import filled, prepared, varied

SIDE = "side"
"""Input that is +1/2 for a contact and -1/2 for none."""
SEED = 5
SAME = 1e-9
"""Share of the largest variance below which an input is collinear with others."""


@dataclass(frozen=True)
class UpliftModel:
    """The uplift of a contact for any account; `rules` describe in words which accounts it would harm."""

    risk: Pipeline
    seen: ColumnTransformer
    trees: tuple[DecisionTreeRegressor, ...]
    rules: tuple[str, ...]

    def p_churn(self, rows: pd.DataFrame) -> Floats:
        """Probability of churn without a contact, one per row."""
        return _churn_probability(self.risk, rows, -0.5)

    def gained(self, rows: pd.DataFrame) -> Floats:
        """Fall of the probability of churn by a contact, one per row; below 0 the contact harms."""
        without = self.p_churn(rows)
        change: Floats = _fall(self.trees, self.seen.transform(rows)) * without * (1.0 - without)
        return change


@dataclass(frozen=True)
class Uplift:
    """The model, None where accounts are not ranked; the gate's p-value, NaN with too few subjects to test.

    `harmed`: the effect of contacts on the accounts that a cross-fitted model predicted to be harmed; None where no
    account is ranked or harmed. `needed`: the minimum number of subjects.
    """

    model: UpliftModel | None
    p_value: float
    harmed: Effect | None
    subjects: int
    needed: int
    notes: tuple[str, ...]


def fit_uplift(
    subjects: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: UpliftSettings,
    effects: EffectSettings,
    inputs: InputSettings,
) -> Uplift:
    """Fit uplift behind its gate. `subjects`: account_id, treated (at random), churned, and features known before."""
    needed = _needed(subjects, rules)
    if needed > len(subjects):
        notes = (
            f"Accounts are not ranked by uplift: {len(subjects):,} randomized subjects, about {needed:,} are needed."
        )
        return Uplift(None, np.nan, None, len(subjects), needed, (notes,))
    with threadpool_limits(1):
        return _tested(
            subjects, varied(subjects, numeric_features), categorical_features, rules, effects, inputs, needed
        )


def _tested(
    subjects: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: UpliftSettings,
    effects: EffectSettings,
    inputs: InputSettings,
    needed: int,
) -> Uplift:
    """The gate and, if it passes, the model."""
    p_value = gate(subjects, numeric_features, categorical_features, rules, inputs)
    tested = (
        f"joint test on {len(subjects):,} randomized subjects of whether a contact changes more for some: "
        f"p = {p_value:.3f}"
    )
    if not p_value <= rules.gate:
        notes = f"Accounts are not ranked by uplift, risk stays the order: {tested}, above {rules.gate:g}."
        return Uplift(None, p_value, None, len(subjects), needed, (notes,))
    held_out = np.empty(len(subjects))
    for others, part in GroupKFold(rules.folds).split(subjects, groups=subjects["account_id"]):
        held_out[part] = _grown(subjects.iloc[others], numeric_features, categorical_features, rules, inputs).gained(
            subjects.iloc[part]
        )
    model, dogs = _grown(subjects, numeric_features, categorical_features, rules, inputs), subjects[held_out < 0]
    churn = outcomes_of(effects)[0]
    harmed = (
        effect(dogs, churn, numeric_features, categorical_features, effects, inputs, randomized=True)
        if len(dogs)
        else None
    )
    notes = f"Accounts may be ranked by uplift: {tested}."
    return Uplift(
        model, p_value, harmed, len(subjects), needed, (notes, *_dogs(model, harmed, len(dogs) / len(subjects)))
    )


def _dogs(model: UpliftModel, harmed: Effect | None, share: float) -> tuple[str, ...]:
    """Which accounts a contact would harm, in words, and what it did to those predicted to be harmed."""
    if not model.rules or harmed is None:
        return ("No group of accounts was found that a contact would harm.",)
    estimate, named = harmed.naive, "; or ".join(model.rules)
    contacts = f"contacts changed their churn by {estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
    seen = f"A model that had not seen them predicts this for {share:.0%} of the subjects; {contacts}."
    sure = (
        "Sleeping dogs, better not contacted"
        if estimate.low > 0
        else "Perhaps sleeping dogs, though the interval contains 0"
    )
    return (f"{sure}: {named}. {seen}",)


def gate(
    subjects: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: UpliftSettings,
    inputs: InputSettings,
) -> float:
    """p-value of the joint test that no input changes the effect of a contact on the log odds of churn.

    A score test (Rao 1948), summed per account: only the model without interactions is fitted, so that a rare category
    without churn breaks nothing.
    """
    x = prepared(numeric_features, categorical_features, inputs).fit_transform(subjects)
    plain = prepared(
        numeric_features, categorical_features, inputs.model_copy(update={"spline_knots": {}})
    ).fit_transform(subjects)
    side = np.where(subjects["treated"], 0.5, -0.5)[:, None]
    base = np.column_stack([np.ones(len(x)), x, side])
    y, everyone = subjects["churned"].to_numpy(dtype=float), np.ones(len(subjects), dtype=bool)
    line = fitted_line(base, y, everyone, rules.penalty, binary=True)
    root = np.sqrt(line.slope)[:, None]
    through = plain * side
    through = through - base @ np.linalg.lstsq(root * base, root * through, rcond=None)[0]
    score = pd.DataFrame(through * (y - line.mean)[:, None]).groupby(subjects["account_id"].to_numpy()).sum().to_numpy()
    variance, total = score.T @ score, score.sum(axis=0)
    statistic = total @ np.linalg.pinv(variance, rcond=SAME, hermitian=True) @ total
    return float(
        scipy.stats.chi2.sf(statistic, np.linalg.matrix_rank(variance, tol=SAME * np.linalg.norm(variance, 2)))
    )


def _needed(subjects: pd.DataFrame, rules: UpliftSettings) -> int:
    """Subjects needed, at the churn rate so far, for either side to have the minimum number of outcomes."""
    outcomes = [float(subjects.loc[subjects["treated"] == side, "churned"].sum()) for side in (True, False)]
    return int(np.ceil(len(subjects) * rules.min_outcomes / max(min(outcomes), 1.0))) if len(subjects) else 1


def _grown(
    subjects: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: UpliftSettings,
    inputs: InputSettings,
) -> UpliftModel:
    """Risk model and uplift trees, fitted on these subjects alone."""
    seen = filled(numeric_features, categorical_features, inputs).fit(subjects)
    x, (score, weight) = (
        seen.transform(subjects),
        _scores(subjects, numeric_features, categorical_features, rules, inputs),
    )
    codes = pd.factorize(subjects["account_id"])[0]
    trees = tuple(
        _tree(rules).fit(x, score, sample_weight=drawn)
        for drawn in account_draws(codes, weight, rules.n_estimators, SEED)
    )
    summary = _tree(rules).set_params(max_leaf_nodes=2 * rules.max_groups).fit(x, _fall(trees, x))
    risk = _risk(numeric_features, categorical_features, rules, inputs).fit(_with_side(subjects), subjects["churned"])
    return UpliftModel(risk, seen, trees, rules_of(summary, _names(seen, subjects), categorical_features))


def _scores(
    subjects: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: UpliftSettings,
    inputs: InputSettings,
) -> tuple[Floats, Floats]:
    """Per subject an unbiased score of the fall of its log odds by a contact, and its precision.

    The probabilities come from a model that has not seen the account (cross-fitting).
    """
    treated, y = subjects["treated"].to_numpy(dtype=bool), subjects["churned"].to_numpy(dtype=float)
    with_contact, without = np.empty(len(subjects)), np.empty(len(subjects))
    for others, part in GroupKFold(rules.folds).split(subjects, groups=subjects["account_id"]):
        other_subjects = subjects.iloc[others]
        risk = _risk(numeric_features, categorical_features, rules, inputs).fit(
            _with_side(other_subjects), other_subjects["churned"]
        )
        with_contact[part], without[part] = (
            _churn_probability(risk, subjects.iloc[part], side) for side in (0.5, -0.5)
        )
    share = treated.mean()
    left = y - np.where(treated, with_contact, without)
    fall = without - with_contact - left * np.where(treated, 1.0 / share, -1.0 / (1.0 - share))
    p_churn = (with_contact + without) / 2.0
    precision = p_churn * (1.0 - p_churn)
    return fall / precision, precision


def _names(seen: ColumnTransformer, subjects: pd.DataFrame) -> dict[str, bool]:
    """The inputs of the trees in their order, and whether one may be missing."""
    return {str(name): name in subjects and bool(subjects[name].isna().any()) for name in seen.get_feature_names_out()}


def _tree(rules: UpliftSettings) -> DecisionTreeRegressor:
    return DecisionTreeRegressor(
        max_leaf_nodes=rules.max_groups, min_weight_fraction_leaf=rules.min_group_share, random_state=SEED
    )  # fmt: skip


def _fall(trees: Sequence[DecisionTreeRegressor], x: Floats) -> Floats:
    """Mean predicted fall of the log odds over the trees."""
    fall: Floats = np.mean([tree.predict(x) for tree in trees], axis=0)
    return fall


def _risk(
    numeric_features: Sequence[str], categorical_features: Sequence[str], rules: UpliftSettings, inputs: InputSettings
) -> Pipeline:
    """The risk model: churn probability with and without a contact that has the same effect on all."""
    line = LogisticRegression(C=1.0 / rules.penalty, solver="newton-cholesky")
    return make_pipeline(prepared([*numeric_features, SIDE], categorical_features, inputs), line)


def _with_side(subjects: pd.DataFrame) -> pd.DataFrame:
    return subjects.assign(**{SIDE: np.where(subjects["treated"], 0.5, -0.5)})


def _churn_probability(risk: Pipeline, rows: pd.DataFrame, side: float) -> Floats:
    p_churn: Floats = risk.predict_proba(rows.assign(**{SIDE: side}))[:, 1]
    return p_churn
