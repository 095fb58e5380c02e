"""Probabilities across accounts: each row's by a fit on the other folds of accounts, over all months at once.

They rest on every month, where those out of fold in time order lose the first ones; but a fit has seen the same months
of other accounts. So they serve where that is the same for all sides, or where the months themselves are the question.
"""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.candidates import predicted_probability
from keepwell.models.training.segments import LabeledRows

FitAll = Callable[[LabeledRows], Mapping[str, Pipeline]]
"""Fits candidates on those of the rows that count; by name."""


def cross_fitted(rows: LabeledRows, fit_all: FitAll, folds: int) -> dict[str, Floats]:
    """By candidate the probability of each row by its fit on the other folds of accounts, before calibration."""
    y_prob: dict[str, Floats] = {}
    with_it = (rows.y_true > 0) & (rows.sample_weight > 0)
    for others, mine in StratifiedGroupKFold(folds).split(rows.rows, with_it, rows.rows["account_id"]):
        for name, model in fit_all(rows.at(others)).items():
            y_prob.setdefault(name, np.empty(len(rows.rows)))[mine] = predicted_probability(model, rows.rows.iloc[mine])
    return y_prob
