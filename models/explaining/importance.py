"""Which features a model leans on: what its ROC-AUC on held-out rows loses when one is shuffled (MOD-7).

Permutation importance (Breiman 2001; of any model: Fisher, Rudin and Dominici 2019) of the features as they were before
any preparation: a number goes with its mark for missing, a word with all of its marks. Two features that say the same
share what they are worth, and each may then look idle.

scikit-learn's own gives the spread over shuffles only. Here the interval also holds what other accounts would have
given, from the variance of a ROC-AUC over clusters (Obuchowski 1997), which needs no draws.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.explaining import ImportanceSettings
from keepwell.models.training.origins import weighed_by
from keepwell.models.training.trial import Trained

SEED = 1


def importance(trained: Trained, rows: pd.DataFrame, label: str, rules: ImportanceSettings) -> pd.DataFrame:
    """name, value, low, high: the loss of ROC-AUC of each feature to which the model gives any weight, largest first.

    `rows`: held-out examples with account_id and the label. Below 0 they would be ranked better without the feature.
    """
    rng = np.random.default_rng(SEED)
    rows = _of_some_accounts(rows, rules.accounts, rng)
    y_true = rows[label].to_numpy(dtype=bool)
    accounts, _ = pd.factorize(rows["account_id"])
    models = [trained, *trained.segments.values()]
    names, found = list(dict.fromkeys(name for model in models for name in weighed_by(model.model))), []
    whole = placements(trained.probabilities(rows), y_true)
    for name in names:
        shuffles = [rows[name].iloc[rng.permutation(len(rows))] for _ in range(rules.repeats)]
        given = (trained.probabilities(rows.assign(**{name: shuffled.to_numpy()})) for shuffled in shuffles)
        lost = np.mean([whole - placements(y_prob, y_true) for y_prob in given], axis=0)
        found.append((name, *_interval(lost, y_true, accounts, rules.confidence)))
    frame = pd.DataFrame(found, columns=["name", "value", "low", "high"])
    return frame.sort_values(["value", "name"], ascending=[False, True], ignore_index=True)


def placements(y_prob: Floats, y_true: NDArray[np.bool_]) -> Floats:
    """For each row that left, the share of those that stayed below it; for each that stayed, of those that left above.

    Ties count half. The mean over either group is the ROC-AUC (DeLong, DeLong and Clarke-Pearson 1988).
    """
    below = rankdata(y_prob)
    for group in (y_true, ~y_true):
        below[group] -= rankdata(y_prob[group])
    return np.where(y_true, below / (~y_true).sum(), 1.0 - below / y_true.sum())


def _interval(
    lost: Floats, y_true: NDArray[np.bool_], accounts: NDArray[Any], confidence: float
) -> tuple[float, float, float]:
    """The mean loss with its bounds; the rows of one account are no independent rows."""
    value = float(lost[y_true].mean())
    pull = (lost - value) / np.where(y_true, y_true.sum(), (~y_true).sum())
    of_account = np.bincount(accounts, pull)
    error = float(np.sqrt(np.square(of_account).sum() * len(of_account) / (len(of_account) - 1)))
    half_width = float(norm.ppf((1 + confidence) / 2)) * error
    return value, value - half_width, value + half_width


def _of_some_accounts(rows: pd.DataFrame, max_accounts: int, rng: np.random.Generator) -> pd.DataFrame:
    """The rows of so many accounts at most, drawn by chance: the cost stays the same for a larger company."""
    accounts = np.sort(rows["account_id"].unique())
    if len(accounts) > max_accounts:
        accounts = rng.choice(accounts, max_accounts, replace=False)
    return rows[rows["account_id"].isin(accounts)]
