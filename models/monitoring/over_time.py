"""A model on every month that it was not trained on: probabilities, flags, outcomes and metrics by month (LRN-4).

Examples count as at acceptance (treated.py). Work that retains accounts would otherwise look like a model that has got
worse: it predicts the probability without a contact.
"""

from collections.abc import Mapping

import pandas as pd

from keepwell.models.grading.intervals import Estimate, graded_metrics
from keepwell.models.grading.metrics import WEIGHT, graded, top, weight_of
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, TreatedSettings
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.split import Splits
from keepwell.models.training.trained import Trained
from keepwell.models.training.treated import counted

SEED = 1


def unseen(
    examples: pd.DataFrame, label: str, trained: Trained | ByMonth, splits: Splits, rules: ModelSettings
) -> pd.DataFrame:
    """account_id, as_of, churned_at, health, chance, flagged, happened and weight, from validation's first month on.

    Flagged are the highest probabilities of each month within capacity; `happened` is missing where it has not matured.
    The months of the gap before validation are left out: their outcomes overlap those of training.
    """
    later = examples[examples["as_of"] >= pd.Timestamp(splits.validation[0])]
    y_prob = trained.probabilities(later)
    flagged = top(y_prob, later["as_of"].to_numpy(), rules.policy.capacity_share)
    y_true = later[label].map({True: 1.0, False: 0.0})
    about = later[["account_id", "as_of", "churned_at", "health"]]
    rows = about.assign(chance=y_prob, flagged=flagged, happened=y_true)
    return rows.assign(**{WEIGHT: _weights(later, label, rules.treated)}).reset_index(drop=True)


def _weights(examples: pd.DataFrame, label: str, rules: TreatedSettings) -> pd.Series:
    """The sample weight of each example; 1 where the outcome is open.

    By month: random assignment that began after training counts from its first month on.
    """
    weights = pd.Series(1.0, examples.index)
    for _, month in examples.dropna(subset=[label]).groupby("as_of"):
        weights[month.index] = counted(month, label, rules).sample_weight
    return weights


def by_month(rows: pd.DataFrame, rules: CandidateSettings) -> Mapping[pd.Timestamp, Mapping[str, Estimate]]:
    """Every metric of each matured month with both outcomes among the rows that count, with intervals over accounts."""
    found = {}
    for month, part in rows.dropna(subset="happened").groupby("as_of"):
        if gradable(part):
            found[month] = together(part, rules)
    return found


def gradable(rows: pd.DataFrame) -> bool:
    """Whether some of the rows that count have the outcome, and some have it not."""
    return bool(0 < rows.loc[weight_of(rows) > 0, "happened"].mean() < 1)


def together(rows: pd.DataFrame, rules: CandidateSettings) -> Mapping[str, Estimate]:
    """Every metric of these rows, whose outcomes are known, with intervals over accounts."""
    y_true, y_prob, flagged = (rows[name].to_numpy() for name in ("happened", "chance", "flagged"))
    side = graded(y_true, y_prob, flagged, weight_of(rows))
    return graded_metrics(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)
