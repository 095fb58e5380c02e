"""Walk-forward predictions: what a model refitted every quarter would have predicted in each month of the past.

A model that scores its own training months looks better than it is. Here the model of a month is fitted only on months
whose outcome had matured by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from keepwell.models.settings.training import CandidateSettings, InputSettings, SplitSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.inputs import varied


@dataclass(frozen=True)
class Refit:
    """One refit: its day, its months, and its accounts with and without the outcome.

    `why_not` states what was missing where there was too little data for a model.
    """

    fitted_on: date
    months: int
    with_it: int
    without: int
    why_not: str | None = None


def walk_forward(
    examples: pd.DataFrame, label: str, months: Sequence[date], gap_days: int, numeric_features: Sequence[str],
    candidate: str, refit_months: int, split: SplitSettings, inputs: InputSettings, rules: CandidateSettings,
) -> tuple[pd.Series, list[Refit]]:  # fmt: skip
    """The probability of each example of `months`, NaN elsewhere and where there was too little training data.

    The model of a month is fitted on the first day of its block of `refit_months` (quarters of the calendar by
    default), from the examples of the months that began at least `gap_days` (horizon and grace) before that day.
    """
    y_prob = pd.Series(np.nan, index=examples.index, name="model", dtype=float)
    refits = []
    for day in sorted({refit_day(month, refit_months) for month in months}):
        served = [pd.Timestamp(m) for m in months if refit_day(m, refit_months) == day]
        rows = examples[examples["as_of"].isin(served)]
        labeled = matured(examples, label, day, gap_days)
        refit = _refit(labeled, label, day, split)
        refits.append(refit)
        if refit.why_not is None and len(rows):
            names = varied(labeled, numeric_features)
            model = fitted(candidate, labeled, labeled[label].astype(bool), names, inputs, rules)
            y_prob.loc[rows.index] = predicted_probability(model, rows)
    return y_prob, refits


def refit_day(month: date, refit_months: int) -> date:
    """The first day of the block of `refit_months` in the year that a month belongs to."""
    return month.replace(month=(month.month - 1) // refit_months * refit_months + 1, day=1)


def matured(examples: pd.DataFrame, label: str, day: date, gap_days: int) -> pd.DataFrame:
    """The examples whose outcome was known by `day`."""
    last = pd.Timestamp(day - timedelta(days=gap_days))
    return examples[(examples["as_of"] <= last) & examples[label].notna()]


def _refit(labeled: pd.DataFrame, label: str, day: date, split: SplitSettings) -> Refit:
    had = labeled[label].astype(bool).groupby(labeled["account_id"]).any()
    months, with_it, without = labeled["as_of"].nunique(), int(had.sum()), int((~had).sum())
    why_not = None
    if months < split.min_train_months:
        why_not = f"{months} matured months; {split.min_train_months} are needed"
    elif min(with_it, without) < split.min_accounts:
        why_not = f"{with_it} accounts had churned and {without} had not; {split.min_accounts} of each are needed"
    return Refit(day, months, with_it, without, why_not)
