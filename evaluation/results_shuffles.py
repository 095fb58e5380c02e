"""Models trained on shuffled labels must have a ROC-AUC of 0.5; labels are shuffled within every split (MOD-8)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.models.grading.metrics import graded, roc_auc
from keepwell.models.settings.training import CandidateSettings, InputSettings, SplitSettings
from keepwell.models.training.candidates import CATEGORICAL_FEATURES, fitted, predicted_probability
from keepwell.models.training.inputs import varied
from keepwell.models.training.split import Splits, labeled_rows
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound

SHUFFLES = 20
GAP_DAYS = 120
QUICK = CandidateSettings(max_iter=60)
CANDIDATES = ("logistic", "boosting")
NUMERIC_FEATURES = [f.name for f in FEATURES.values() if f.published]


def bounds_of(examples: pd.DataFrame, shuffles: int = SHUFFLES) -> Iterator[Bound]:
    """Mean ROC-AUC on the test months of quick candidates trained on shuffled labels, and the farthest from 0.5.

    `examples`: the training set of one company.
    """
    labeled = examples.dropna(subset=["churned"])
    splits = splits_of(labeled, "churn", GAP_DAYS, SplitSettings())
    found = {name: [_auc(labeled, splits, name, seed) for seed in range(shuffles)] for name in CANDIDATES}
    for name, aucs in found.items():
        farthest = max(aucs, key=lambda auc: abs(auc - 0.5))
        yield Bound(f"ROC-AUC of {name} on shuffled labels, mean of {shuffles}", 0.49, 0.51, float(np.mean(aucs)))
        yield Bound("the same, farthest from 0.5", -np.inf, np.inf, farthest)


def shuffled(examples: pd.DataFrame, splits: Splits, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows, with the labels of each shuffled.

    The validation rows select and calibrate, which does not change a ranking, so they do not affect a ROC-AUC.
    """
    rng = np.random.default_rng(seed)
    train, test = (labeled_rows(examples, "churned", months) for months in (splits.train, splits.test))
    dealt = [rows.assign(churned=rng.permutation(rows["churned"].to_numpy(dtype=bool))) for rows in (train, test)]
    return dealt[0], dealt[1]


def _auc(examples: pd.DataFrame, splits: Splits, name: str, seed: int) -> float:
    train, test = shuffled(examples, splits, seed)
    numeric_features = varied(train, NUMERIC_FEATURES)
    rows = [*numeric_features, *CATEGORICAL_FEATURES, "health"]
    model = fitted(name, train[rows], train["churned"], numeric_features, InputSettings(), QUICK)
    y_true = test["churned"].to_numpy(dtype=float)
    return float(roc_auc(graded(y_true, predicted_probability(model, test[rows]), y_true > 1.0)))
