"""A model on every month that it was not trained on: probabilities, flags, outcomes and metrics by month (LRN-4)."""

from collections.abc import Mapping

import pandas as pd

from keepwell.models.grading.intervals import Estimate, graded_metrics
from keepwell.models.grading.metrics import graded, top
from keepwell.models.settings.training import CandidateSettings, PolicySettings
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.split import Splits
from keepwell.models.training.trained import Trained

SEED = 1


def unseen(
    examples: pd.DataFrame, label: str, trained: Trained | ByMonth, splits: Splits, rules: PolicySettings
) -> pd.DataFrame:
    """account_id, as_of, churned_at, health, chance, flagged and happened, from the first month of validation on.

    Flagged are the highest probabilities of each month within capacity; `happened` is missing where it has not matured.
    The months of the gap before validation are left out: their outcomes overlap those of training.
    """
    later = examples[examples["as_of"] >= pd.Timestamp(splits.validation[0])]
    y_prob = trained.probabilities(later)
    flagged = top(y_prob, later["as_of"].to_numpy(), rules.capacity_share)
    y_true = later[label].map({True: 1.0, False: 0.0})
    about = later[["account_id", "as_of", "churned_at", "health"]]
    return about.assign(chance=y_prob, flagged=flagged, happened=y_true).reset_index(drop=True)


def by_month(rows: pd.DataFrame, rules: CandidateSettings) -> Mapping[pd.Timestamp, Mapping[str, Estimate]]:
    """Every metric of every matured month with both outcomes, with intervals over accounts."""
    found = {}
    for month, part in rows.dropna(subset="happened").groupby("as_of"):
        if 0 < part["happened"].mean() < 1:
            found[month] = together(part, rules)
    return found


def together(rows: pd.DataFrame, rules: CandidateSettings) -> Mapping[str, Estimate]:
    """Every metric of these rows, whose outcomes are known, with intervals over accounts."""
    side = graded(rows["happened"].to_numpy(), rows["chance"].to_numpy(), rows["flagged"].to_numpy())
    return graded_metrics(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)
