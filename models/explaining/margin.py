"""The margin of a model for an account, and its exact parts relative to one reference row (ACT-1).

The margin of a linear model, of boosting and of their mean is the calibrated log odds (without the season, which is the
same for all accounts of a date); of a tree and of a forest, which average probabilities, it is the probability before
calibration. A linear model's part is coefficient x (value - reference). Trees give exact Shapley values relative to the
one row (interventional form: Lundberg et al. 2020). Parts of a mean are the mean of the parts.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.inputs import seen_by
from keepwell.models.training.mean_log_odds import MeanLogOdds, log_odds_of
from keepwell.models.training.trained import Trained

EXACT = 1e-6
"""Tolerance between parts and margin; a smaller part counts as zero."""
MAX_NODES = 2**15
"""shap numbers the nodes of a tree with 16 bits."""
SLICE = 2_000
"""Rows per call: they stay in a core's cache during the loop over trees, and shap shows no progress bar."""
SUMMING = (LogisticRegression, HistGradientBoostingClassifier, MeanLogOdds)
AVERAGING = (DecisionTreeClassifier, RandomForestClassifier)


class NotAdditive(Exception):
    """The parts of a margin do not sum to it; no reasons are given rather than wrong ones."""


def margin(trained: Trained, rows: pd.DataFrame, before: pd.DataFrame | None = None) -> Floats:
    """The margin of each row, from the model that serves it.

    `before`: the rows as they were before a feature was changed, where that must not change which model serves them.
    """
    margins = np.empty(len(rows))
    for served, at in trained.serving(rows if before is None else before):
        margins[at] = _margin(served, seen_by(served.model, rows.iloc[at]))
    return margins


def parts(trained: Trained, rows: pd.DataFrame, reference: pd.DataFrame) -> tuple[float, Floats, Floats]:
    """The margins of reference and rows, and one part per column of the last step, for a model without segments.

    Raises NotAdditive where the parts of a row do not sum to its margin, TypeError for a model without a margin.
    """
    last = trained.model[-1]
    if not isinstance(last, SUMMING + AVERAGING):
        raise TypeError(f"{trained.name} ({type(last).__name__}) gives no reasons")
    inputs, base = seen_by(trained.model, rows), seen_by(trained.model, reference)
    split = _parts(trained, inputs, base)
    start, margins = float(_margin(trained, base)[0]), _margin(trained, inputs)
    gap = np.abs(start + split.sum(axis=1) - margins)
    if not (gap <= EXACT * np.maximum(1.0, np.abs(margins))).all():
        raise NotAdditive(f"the parts of {trained.name} miss its margin by up to {np.max(gap)}")
    return start, margins, split


def _margin(trained: Trained, inputs: Floats) -> Floats:
    last = trained.model[-1]
    if isinstance(last, AVERAGING):
        y_prob: Floats = last.predict_proba(inputs)[:, 1]
        return y_prob
    return trained.calibration.intercept + trained.calibration.slope * log_odds_of(last, inputs)


def _parts(trained: Trained, inputs: Floats, base: Floats) -> Floats:
    last = trained.model[-1]
    split = _uncalibrated(last, inputs, base)
    return split if isinstance(last, AVERAGING) else trained.calibration.slope * split


def _uncalibrated(last: Any, inputs: Floats, base: Floats) -> Floats:
    if isinstance(last, LogisticRegression):
        linear: Floats = last.coef_[0] * (inputs - base)
        return linear
    if isinstance(last, MeanLogOdds):
        of_parts = zip(last.by_part(inputs), last.by_part(base), strict=True)
        split = [_uncalibrated(part, own, of_base) / len(last.parts) for (part, own), (_, of_base) in of_parts]
        return np.concatenate(split, axis=1)
    return _shapley(last, inputs, base)


def _slices(inputs: Floats) -> list[Floats]:
    return [inputs[at : at + SLICE] for at in range(0, len(inputs), SLICE)]


def _shapley(trees: Any, inputs: Floats, base: Floats) -> Floats:
    """Shapley values of every column relative to the base row."""
    from shap import TreeExplainer

    explainer = TreeExplainer(trees, base, feature_perturbation="interventional")
    forest = explainer.model
    if forest.thresholds.shape[1] > MAX_NODES:
        raise NotAdditive(f"a tree has {forest.thresholds.shape[1]:,} nodes; shap can count to {MAX_NODES:,}")
    # shap rounds thresholds to 32 bits, so that a value next to one could take the wrong branch (shap issue 5116):
    # values are replaced by their rank among a column's thresholds, a small integer.
    inputs, base = (values.astype(forest.input_dtype).astype(float) for values in (inputs, base))
    inner = forest.children_left >= 0
    for column in np.unique(forest.features[inner]):
        splits = inner & (forest.features == column)
        thresholds, place = np.unique(forest.thresholds[splits], return_inverse=True)
        forest.thresholds[splits] = place
        for values in (inputs, base):
            missing = np.isnan(values[:, column])
            values[:, column] = np.where(missing, np.nan, np.searchsorted(thresholds, values[:, column]))
    explainer.data = base
    # Of a classifier's two probabilities, which sum to one, the second is enough: shap would redo all work for each.
    forest.values = np.ascontiguousarray(forest.values[:, :, -1:])
    forest.base_offset = forest.base_offset[-1:]
    forest.trees = [SimpleNamespace(values=forest.values[0])]
    # Additivity is checked against the margin itself.
    found = [explainer.shap_values(part, check_additivity=False) for part in _slices(inputs)]
    shapley: Floats = np.concatenate(found)
    return shapley
