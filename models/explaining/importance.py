"""Permutation importance: how much ROC-AUC a model loses on held-out rows when a feature is shuffled (MOD-7).

Permutation importance (Breiman 2001; of any model: Fisher, Rudin and Dominici 2019) of the raw features, before any
preparation: a numeric feature with its missing indicator, a categorical one with all of its one-hot columns. Two
redundant features share their importance, and each may then look unimportant.

scikit-learn's own gives the spread over shuffles only. Here the interval also covers the sampling of accounts, from the
variance of a ROC-AUC over clusters (Obuchowski 1997), which needs no draws.
"""

from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from keepwell.models.explaining.shuffled import Shuffled
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.explaining import ImportanceSettings
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.trained import Trained

SEED = 1


def importance(trained: Trained, rows: pd.DataFrame, label: str, rules: ImportanceSettings) -> pd.DataFrame:
    """The drop in ROC-AUC for each feature that the model uses, largest first: name, value, low, high.

    `rows`: held-out examples with account_id and the label. Below 0 they would be ranked better without the feature.
    """
    rng = np.random.default_rng(SEED)
    rows = _of_some_accounts(rows, rules.accounts, rng)
    y_true = rows[label].to_numpy(dtype=bool)
    accounts, _ = pd.factorize(rows["account_id"])
    models = [trained, *trained.segments.values()]
    names, found = list(dict.fromkeys(name for model in models for name in input_columns(model.model))), []
    whole = placements(trained.probabilities(rows), y_true)
    shuffled = Shuffled(trained, rows)
    for name in names:
        orders = [rng.permutation(len(rows)) for _ in range(rules.repeats)]
        given = (shuffled.probabilities(name, order) for order in orders)
        lost = np.mean([whole - placements(y_prob, y_true) for y_prob in given], axis=0)
        found.append((name, *_interval(lost, y_true, accounts, rules.confidence)))
    frame = pd.DataFrame(found, columns=["name", "value", "low", "high"])
    return frame.sort_values(["value", "name"], ascending=[False, True], ignore_index=True)


def placements(y_prob: Floats, y_true: NDArray[np.bool_]) -> Floats:
    """For each positive row the share of negatives below it; for each negative row the share of positives above it.

    Ties count half. The mean over either group is the ROC-AUC (DeLong, DeLong and Clarke-Pearson 1988).
    """
    below = scipy.stats.rankdata(y_prob)
    for group in (y_true, ~y_true):
        below[group] -= scipy.stats.rankdata(y_prob[group])
    return np.where(y_true, below / (~y_true).sum(), 1.0 - below / y_true.sum())


def _interval(
    lost: Floats, y_true: NDArray[np.bool_], accounts: NDArray[Any], confidence: float
) -> tuple[float, float, float]:
    """The mean drop with its interval, clustered by account."""
    value = float(lost[y_true].mean())
    pull = (lost - value) / np.where(y_true, y_true.sum(), (~y_true).sum())
    of_account = np.bincount(accounts, pull)
    error = float(np.sqrt(np.square(of_account).sum() * len(of_account) / (len(of_account) - 1)))
    half_width = float(scipy.stats.norm.ppf((1 + confidence) / 2)) * error
    return value, value - half_width, value + half_width


def _of_some_accounts(rows: pd.DataFrame, max_accounts: int, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of a random sample of at most `max_accounts` accounts, which bounds the cost for a large company."""
    accounts = np.sort(rows["account_id"].unique())
    if len(accounts) > max_accounts:
        accounts = rng.choice(accounts, max_accounts, replace=False)
    return rows[rows["account_id"].isin(accounts)]
