"""What a model sees: numbers with tame tails, a mark where one was missing, words as marks (FEA-7).

Everything is learnt from the training rows alone, inside the pipeline, so that no fold sees another.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

from keepwell.models.settings.training import InputSettings


class Winsoriser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Values beyond the training rows' quantiles become those quantiles; missing stays missing."""

    def __init__(self, tail: float = 0.01) -> None:
        self.tail = tail

    def fit(self, rows: Any, _: Any = None) -> Self:
        """Learn the quantiles of each column; a column without a value has none."""
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
        """The rows with their tails cut."""
        return np.clip(np.asarray(rows, dtype=float), self.low_, self.high_)


def varied(rows: pd.DataFrame, numeric_features: Sequence[str]) -> list[str]:
    """The numbers that differ between some of the rows: the others say nothing, and some learners fail on them."""
    values = rows[list(numeric_features)].astype("float64")
    return list(values.columns[values.min() < values.max()])


BELOW_ALL = -1e9
"""What a missing number is to a tree: a value of its own, below every other."""


def prepared(
    numeric_features: Sequence[str], categorical_features: Sequence[str], rules: InputSettings
) -> ColumnTransformer:
    """Numbers winsorised, imputed by their median with a mark, scaled; words as one mark each, rare ones together.

    A number with bends has besides a piecewise linear basis: the risk of a renewal is no straight line in its distance.
    """
    numeric: Pipeline = make_pipeline(
        Winsoriser(rules.winsorize_quantile), SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    bent = [
        (f"bend_{name}", _bent(rules.spline_knots[name]), [name])
        for name in numeric_features
        if name in rules.spline_knots
    ]
    return _together(numeric, numeric_features, categorical_features, rules, bent)


def _bent(at: Sequence[float]) -> Pipeline:
    """A number as its place between the values at which its effect may bend (linear B-splines)."""
    knots = np.asarray(at, dtype=float)[:, None]
    basis = SplineTransformer(degree=1, knots=knots, extrapolation="constant", include_bias=False)
    return make_pipeline(SimpleImputer(strategy="median"), basis, StandardScaler())


def filled(
    numeric_features: Sequence[str], categorical_features: Sequence[str], rules: InputSettings
) -> ColumnTransformer:
    """The same for trees, which need no scale: a missing number is a value of its own, that a split can part off."""
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
    """Numbers as given, words as one mark each; a word that training never saw counts as a rare one."""
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
