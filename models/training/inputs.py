"""Input preparation: winsorized numeric features, missing indicators, one-hot categorical features (FEA-7).

Everything is fitted on the training rows alone, inside the pipeline, so that no fold sees another.
"""

from collections.abc import Collection, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.training import InputSettings


class Winsoriser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Clips values at quantiles of the training rows; missing stays missing."""

    def __init__(self, tail: float = 0.01) -> None:
        self.tail = tail

    def fit(self, rows: Any, _: Any = None) -> Self:
        """Fit the quantiles of each column; a column without a value has none."""
        values = np.asarray(rows, dtype=float)
        self.n_features_in_ = values.shape[1]
        if hasattr(rows, "columns"):
            self.feature_names_in_ = np.asarray(rows.columns, dtype=object)
        self.low_ = np.full(values.shape[1], -np.inf)
        self.high_ = np.full(values.shape[1], np.inf)
        for column in range(values.shape[1]):
            there = values[~np.isnan(values[:, column]), column]
            if len(there):
                self.low_[column], self.high_[column] = np.quantile(there, [self.tail, 1.0 - self.tail])
        return self

    def transform(self, rows: Any) -> NDArray[np.floating[Any]]:
        """The rows with values clipped at the fitted quantiles."""
        return np.clip(np.asarray(rows, dtype=float), self.low_, self.high_)


def varied(rows: pd.DataFrame, numeric_features: Sequence[str]) -> list[str]:
    """The numeric features that vary over the rows: constant ones carry no information, and some estimators fail."""
    values = rows[list(numeric_features)].astype("float64")
    return list(values.columns[values.min() < values.max()])


MARK = "missingindicator_"
"""Prefix of the missing indicators that scikit-learn's imputer adds."""
BELOW_ALL = -1e9
"""The fill value of a missing number for trees, below every other value."""


def prepared(
    numeric_features: Sequence[str], categorical_features: Sequence[str], rules: InputSettings
) -> ColumnTransformer:
    """Numeric features winsorized, median-imputed with an indicator and scaled; categorical ones one-hot.

    Rare categories are grouped. A feature with spline knots also has a piecewise linear basis: risk is not linear in
    the time to renewal.
    """
    numeric: Pipeline = make_pipeline(
        Winsoriser(rules.winsorize_quantile), SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    splines = [
        (f"bend_{name}", _spline(rules.spline_knots[name]), [name])
        for name in numeric_features
        if name in rules.spline_knots
    ]
    return _together(numeric, numeric_features, categorical_features, rules, splines)


def _spline(knots: Sequence[float]) -> Pipeline:
    """The piecewise linear basis of a numeric feature with these knots (linear B-splines)."""
    column = np.asarray(knots, dtype=float)[:, None]
    basis = SplineTransformer(degree=1, knots=column, extrapolation="constant", include_bias=False)
    return make_pipeline(SimpleImputer(strategy="median"), basis, StandardScaler())


def filled(
    numeric_features: Sequence[str], categorical_features: Sequence[str], rules: InputSettings
) -> ColumnTransformer:
    """The same for trees, which need no scaling: a missing number has its own value, which a split can separate."""
    numeric: Pipeline = make_pipeline(
        Winsoriser(rules.winsorize_quantile),
        SimpleImputer(strategy="constant", fill_value=BELOW_ALL, keep_empty_features=True),
    )
    return _together(numeric, numeric_features, categorical_features, rules)


def _together(
    numeric: Pipeline,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: InputSettings,
    more: Sequence[tuple[str, Pipeline, list[str]]] = (),
) -> ColumnTransformer:
    """Numeric features by `numeric`, categorical ones one-hot; an unseen category counts as a rare one."""
    marks = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=rules.rare_category_share, sparse_output=False
        ),
    )
    return ColumnTransformer(
        [("number", numeric, list(numeric_features)), *more, ("word", marks, list(categorical_features))],
        verbose_feature_names_out=False,
    )


def seen_by(model: Pipeline, rows: pd.DataFrame) -> Floats:
    """The inputs of the model's last step; a step that only resamples in training is skipped."""
    inputs: Any = rows
    for _, step in model.steps[:-1]:
        inputs = step.transform(inputs) if hasattr(step, "transform") else inputs
    seen: Floats = np.asarray(inputs, dtype=float)
    return seen


def origin(column: str, features: Collection[str]) -> str:
    """The feature that a column comes from."""
    if column in features:
        return column
    if column.startswith(MARK):
        return origin(column.removeprefix(MARK), features)
    begun = [name for name in features if column.startswith(f"{name}_")]
    if not begun:
        raise ValueError(f"column {column!r} of the model comes from none of the features that it reads")
    return max(begun, key=len)
