"""The candidate models, from the simplest to the most complex; `dummy` and `health` are the baselines (MOD-4).

Each candidate is one scikit-learn pipeline from a frame of features to a probability. It imputes all missing values, so
that its margin can be explained exactly. One thread each: on small data, or a busy machine, many threads cost more than
they save.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from keepwell.models.grading.metrics import Floats
from keepwell.models.grading.threads import one_thread
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.inputs import filled, origin, prepared, seen_by
from keepwell.models.training.mean_log_odds import MeanLogOdds, averaged, log_odds_of

CATEGORICAL_FEATURES = ("segment", "industry")
HEALTH = "health"
SPARSE = "sparse_logistic"
SEED = 1
SLICE = 5_000
"""Rows per call of a model."""


@dataclass(frozen=True)
class Shared:
    """What candidates of the same rows share.

    Fitted inputs with what they give for the training rows, by their name in INPUTS_OF, and fitted models by theirs.
    """

    inputs: dict[str, tuple[ColumnTransformer, Floats]] = field(default_factory=dict)
    models: dict[str, Pipeline] = field(default_factory=dict)

    def inputs_by(self, kind: str, prepare: ColumnTransformer, rows: pd.DataFrame) -> tuple[ColumnTransformer, Floats]:
        """The inputs of this name and what they give for the training rows; without any yet, `prepare` is fitted."""
        if kind not in self.inputs:
            with one_thread():
                self.inputs[kind] = (prepare, prepare.fit_transform(rows))
        return self.inputs[kind]


def _kinds(features: Sequence[str]) -> tuple[list[str], list[str]]:
    """The numeric ones of the features, and the categorical ones."""
    numeric = [name for name in features if name not in CATEGORICAL_FEATURES]
    return numeric, [name for name in features if name in CATEGORICAL_FEATURES]


Builder = Callable[[Sequence[str], InputSettings, CandidateSettings], Pipeline]


def _dummy(_: Sequence[str], __: InputSettings, ___: CandidateSettings) -> Pipeline:
    return make_pipeline(DummyClassifier(strategy="prior"))


def _health(_: Sequence[str], __: InputSettings, ___: CandidateSettings) -> Pipeline:
    # A company whose health is not known at all has this baseline too: it then says the base rate.
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    alone = ColumnTransformer(
        [("health", make_pipeline(imputer, StandardScaler()), [HEALTH])],
        verbose_feature_names_out=False,
    )
    return make_pipeline(alone, LogisticRegression())


def _sparse(features: Sequence[str], inputs: InputSettings, _: CandidateSettings) -> Pipeline:
    """Logistic regression without a penalty that matters, on the few features of `_chosen_features`."""
    return make_pipeline(prepared(*_kinds(features), inputs), LogisticRegression(max_iter=1000))


def _logistic(features: Sequence[str], inputs: InputSettings, _: CandidateSettings) -> Pipeline:
    return make_pipeline(prepared(*_kinds(features), inputs), LogisticRegression(C=0.1, max_iter=2000))


def _weighted(features: Sequence[str], inputs: InputSettings, _: CandidateSettings) -> Pipeline:
    """Logistic regression with balanced class weights, whose effect on the probabilities calibration removes."""
    balanced = LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced")
    return make_pipeline(prepared(*_kinds(features), inputs), balanced)


def _smote(features: Sequence[str], inputs: InputSettings, _: CandidateSettings) -> Pipeline:
    """Logistic regression with SMOTE, which oversamples the positive class (Chawla 2002), in the training rows only."""
    more = SMOTE(random_state=SEED)
    return make_resampling_pipeline(prepared(*_kinds(features), inputs), more, LogisticRegression(C=0.1, max_iter=2000))


def _tree(features: Sequence[str], inputs: InputSettings, rules: CandidateSettings) -> Pipeline:
    tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=rules.min_samples_leaf, random_state=SEED)
    return make_pipeline(filled(*_kinds(features), inputs), tree)


def _forest(features: Sequence[str], inputs: InputSettings, rules: CandidateSettings) -> Pipeline:
    forest = RandomForestClassifier(
        n_estimators=rules.n_estimators, min_samples_leaf=max(rules.min_samples_leaf // 10, 1), max_features=0.2,
        max_samples=rules.max_samples, n_jobs=1, random_state=SEED,
    )  # fmt: skip
    return make_pipeline(filled(*_kinds(features), inputs), forest)


def _boosting(features: Sequence[str], inputs: InputSettings, rules: CandidateSettings) -> Pipeline:
    boosting = HistGradientBoostingClassifier(
        max_iter=rules.max_iter, learning_rate=rules.learning_rate, max_leaf_nodes=rules.max_leaf_nodes,
        min_samples_leaf=rules.min_samples_leaf, l2_regularization=5.0, max_features=0.3, early_stopping=False,
        random_state=SEED,
    )  # fmt: skip
    return make_pipeline(filled(*_kinds(features), inputs), boosting)


CANDIDATES: Mapping[str, Builder | tuple[str, ...]] = {
    "dummy": _dummy, "health": _health, SPARSE: _sparse, "logistic": _logistic,
    "logistic_weights": _weighted, "logistic_smote": _smote, "tree": _tree, "forest": _forest, "boosting": _boosting,
    "logistic_boosting": ("logistic", "boosting"),
}  # fmt: skip
"""What builds each candidate, or the candidates whose log odds it averages."""
BASELINES = ("dummy", "health")
INPUTS_OF: Mapping[str, str] = {
    **dict.fromkeys(("logistic", "logistic_weights", "logistic_smote"), "prepared"),
    **dict.fromkeys(("tree", "forest", "boosting"), "filled"),
}
"""The candidates that have the same inputs, under one name."""
IN_LOG_ODDS = (HistGradientBoostingClassifier, MeanLogOdds)
"""Last steps whose log odds are faster to compute than their probabilities."""
WITHOUT_WEIGHTS: Mapping[str, str] = {"logistic_smote": "SMOTE interpolates between rows and takes no sample weights"}
"""Candidates that take no sample weights, and why."""


def fitted(
    name: str, rows: pd.DataFrame, label: pd.Series, numeric_features: Sequence[str], inputs: InputSettings,
    rules: CandidateSettings, sample_weight: Floats | None = None, shared: Shared | None = None,
) -> Pipeline:  # fmt: skip
    """The candidate fitted on these rows; `rows` holds the numeric features, CATEGORICAL_FEATURES and health.

    `sample_weight` goes to what selects features and to the last step; ValueError for WITHOUT_WEIGHTS.
    `shared`: what other candidates left that were fitted on the same rows, to which this one's is added.
    """
    shared = Shared() if shared is None else shared
    if name not in shared.models:
        build = CANDIDATES[name]
        if callable(build):
            features = [*numeric_features, *CATEGORICAL_FEATURES]
            if name == SPARSE:
                every = shared.inputs_by(INPUTS_OF["logistic"], prepared(*_kinds(features), inputs), rows)
                features = _chosen_features(*every, label, features, rules, sample_weight)
            shared.models[name] = _fitted(name, build(features, inputs, rules), rows, label, sample_weight, shared)
        else:
            parts = [
                fitted(part, rows, label, numeric_features, inputs, rules, sample_weight, shared) for part in build
            ]
            shared.models[name] = averaged(dict(zip(build, parts, strict=True)))
    return shared.models[name]


def _chosen_features(
    prepare: ColumnTransformer, given: Floats, label: pd.Series, features: Sequence[str], rules: CandidateSettings,
    sample_weight: Floats | None,
) -> list[str]:  # fmt: skip
    """The features with the largest weights under an L1 penalty, on which the sparse model is fitted without it.

    A feature weighs as much as the largest of its columns (relaxed lasso; Meinshausen 2007).
    """
    weighed = LogisticRegression(l1_ratio=1.0, solver="liblinear", C=0.05, random_state=SEED)
    with one_thread():
        weighed.fit(given, label.astype(int), sample_weight)
    origins = [origin(str(column), features) for column in prepare.get_feature_names_out()]
    weights = pd.Series(np.abs(weighed.coef_[0])).groupby(origins).max()
    chosen = set(weights.sort_values(ascending=False, kind="stable").head(rules.sparse_features).index)
    return [name for name in features if name in chosen]


def _fitted(
    name: str, candidate: Pipeline, rows: pd.DataFrame, label: pd.Series, sample_weight: Floats | None, shared: Shared
) -> Pipeline:
    """A pipeline fitted, with inputs that are fitted once for all that have the same."""
    fit_params = {}
    if sample_weight is not None:
        if name in WITHOUT_WEIGHTS:
            raise ValueError(f"{name}: {WITHOUT_WEIGHTS[name]}")
        fit_params = {f"{candidate.steps[-1][0]}__sample_weight": sample_weight}
    outcome, (first, prepare), kind = label.astype(int), candidate.steps[0], INPUTS_OF.get(name, name)
    with one_thread():
        if len(candidate.steps) == 1:
            return Pipeline(candidate.fit(rows, outcome, **fit_params).steps)
        prepare, given = shared.inputs_by(kind, prepare, rows)
        rest = candidate[1:].fit(given, outcome, **fit_params)
    # Resampling is for training only; the returned pipeline leaves it out.
    steps = [(first, prepare), *rest.steps]
    return Pipeline([(step, part) for step, part in steps if not hasattr(part, "fit_resample")])


def predicted_probability(model: Pipeline, rows: pd.DataFrame) -> NDArray[np.floating[Any]]:
    """The model's uncalibrated probability of the outcome for each row."""
    if isinstance(model[-1], IN_LOG_ODDS):
        return probability_of_inputs(model, seen_by(model, rows))
    slices = [rows.iloc[at : at + SLICE] for at in range(0, len(rows), SLICE)]
    with one_thread():
        y_prob: NDArray[np.floating[Any]] = np.concatenate([model.predict_proba(part)[:, 1] for part in slices])
    return y_prob


def probability_of_inputs(model: Pipeline, inputs: Floats) -> Floats:
    """The same for rows as the model's last step sees them."""
    if isinstance(model[-1], IN_LOG_ODDS):
        return np.asarray(scipy.special.expit(log_odds_of(model[-1], inputs)), dtype=float)
    slices = [inputs[at : at + SLICE] for at in range(0, len(inputs), SLICE)]
    with one_thread():
        y_prob: Floats = np.concatenate([model[-1].predict_proba(part)[:, 1] for part in slices])
    return y_prob
