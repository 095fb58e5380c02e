"""The stored form of a trained candidate: one classifier with calibrated probabilities, and its fitted inputs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline

from keepwell.models.training.choose import Calibration
from keepwell.models.training.inputs import Winsoriser
from keepwell.models.training.season import Season
from keepwell.models.training.trained import Trained

TRUSTED: Mapping[str, str] = {
    "keepwell.models.training.artifact.CalibratedModel": "ours: a model and the two numbers that calibrate it",
    "keepwell.models.training.inputs.Winsoriser": "ours: the two quantiles of each column",
    "keepwell.models.training.mean_log_odds.MeanLogOdds": "ours: the mean of classifiers that are on this list",
    "scipy.interpolate._bsplines.BSpline": "the spline basis of a numeric feature, as arrays",
    "scipy._lib.array_api_compat.numpy._aliases.asarray": "NumPy's function that makes an array, stored in a BSpline",
    "numpy.dtype": "the type of an array's values; it contains no code",
    "sklearn.tree._tree.Tree": "the nodes of a tree, rebuilt from arrays by scikit-learn",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": "the nodes of a boosted tree, as one array",
}
"""The only types that may be built on loading, besides those that skops itself trusts, and why each is harmless."""


class CalibratedModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A fitted pipeline and its calibration (a line in the log odds), as one classifier.

    `segments`: the same for each segment that has a model of its own. `season`: coefficients of harmonics of
    the year, in log odds (models/training/season.py); with them, rows need as_of.
    """

    season: Sequence[float] = ()
    """What a model has that was stored before there were seasons."""

    def __init__(
        self,
        model: Any,
        slope: float = 1.0,
        intercept: float = 0.0,
        segments: Mapping[str, Any] | None = None,
        season: Sequence[float] = (),
    ) -> None:
        self.model = model
        self.slope = slope
        self.intercept = intercept
        self.segments = segments
        self.season = season

    def predict_proba(self, rows: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """Calibrated probabilities, one row each: the first column without the outcome, the second with it."""
        right = as_trained("", self).probabilities(rows)
        return np.column_stack([1.0 - right, right])


def as_one(trained: Trained) -> CalibratedModel:
    """A candidate as one classifier, with its calibration, its season and the models of its segments."""
    segments = {name: as_one(own) for name, own in trained.segments.items()}
    calibration = trained.calibration
    return CalibratedModel(
        trained.model, calibration.slope, calibration.intercept, segments or None, list(trained.season.coefficients)
    )


def as_trained(name: str, model: CalibratedModel) -> Trained:
    """A stored classifier as a candidate of that name."""
    segments = {segment: as_trained(name, own) for segment, own in (model.segments or {}).items()}
    season = Season(tuple(model.season))
    return Trained(name, model.model, Calibration(model.slope, model.intercept), segments, season)


def input_columns(model: Pipeline) -> list[str]:
    """The columns that a candidate reads, in its order, each once; none for the dummy."""
    return list(dict.fromkeys(str(column) for _, _, columns in _branches(model) for column in columns))


def fitted_inputs(model: Pipeline) -> pd.DataFrame:
    """The fitted preparation of each input (FEA-7): `column`, winsorizing bounds `low` and `high`, `missing` handling.

    Bounds are empty where a column is not winsorized. `branch`: the column's transformer, of which a
    column may have several.
    """
    rows = []
    for branch, transformer, columns in _branches(model):
        steps = [s for _, s in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
        winsoriser = next((s for s in steps if isinstance(s, Winsoriser)), None)
        imputer = next((s for s in steps if isinstance(s, SimpleImputer)), None)
        for at, column in enumerate(columns):
            low, high = (
                (np.nan, np.nan) if winsoriser is None else (float(winsoriser.low_[at]), float(winsoriser.high_[at]))
            )
            missing = _missing(imputer, at)
            rows.append({"column": str(column), "branch": branch, "low": low, "high": high, "missing": missing})
    return pd.DataFrame(rows, columns=["column", "branch", "low", "high", "missing"])


def _branches(model: Pipeline) -> Iterator[tuple[str, Any, Sequence[str]]]:
    """Name, fitted transformer and columns of each branch of the first step, or of each of its parts."""
    first = model[0]
    parts = [part for _, part in first.transformer_list] if isinstance(first, FeatureUnion) else [first]
    for part in parts:
        if isinstance(part, ColumnTransformer):
            yield from (branch for branch in part.transformers_ if branch[0] != "remainder")


def _missing(imputer: SimpleImputer | None, at: int) -> str:
    """How a missing value of one column is handled."""
    if imputer is None:
        return "left"
    if imputer.strategy == "constant":
        return "a value of its own"
    marked = () if imputer.indicator_ is None else imputer.indicator_.features_
    return f"{imputer.strategy} and a mark" if at in marked else str(imputer.strategy)
