"""Splits in time order with gaps: all training outcomes are known before the first month that a model is graded on.

The outcome of an example of month m is open for `gap_days` after m. Between the last month of one split and the first
of the next there are at least as many days, so that outcome windows do not overlap between splits (MOD-3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from keepwell.models.settings.training import SplitSettings


class TooLittleData(Exception):
    """Too little data for a model: one sentence on what is missing. The pipeline continues with health alone."""


@dataclass(frozen=True)
class Splits:
    """The months of training, validation and test, each in order."""

    train: tuple[date, ...]
    validation: tuple[date, ...]
    test: tuple[date, ...]


def labeled_rows(examples: pd.DataFrame, label: str, months: Sequence[date]) -> pd.DataFrame:
    """The examples of these months whose label is known."""
    return examples[examples[label].notna() & examples["as_of"].isin(pd.to_datetime(list(months)))]


def split_months(months: Sequence[date], gap_days: int, rules: SplitSettings) -> Splits:
    """The matured snapshot months in three splits, the last one for the test.

    The months in a gap are in no split: shares are of the remaining months. Raises TooLittleData with the number of
    months needed.
    """
    ordered = sorted(set(months))
    lost = _months_in_gap(ordered, gap_days)
    usable = len(ordered) - 2 * lost
    test = max(rules.min_test_months, round(usable * rules.test_share))
    validation = max(rules.min_validation_months, round(usable * rules.validation_share))
    train = usable - test - validation
    if train < rules.min_train_months:
        needed = rules.min_train_months + rules.min_validation_months + rules.min_test_months + 2 * lost
        raise TooLittleData(
            f"{len(ordered)} matured months are too few: {needed} are needed "
            f"({rules.min_train_months} for training, "
            f"{rules.min_validation_months} for validation, {rules.min_test_months} for the test, and two gaps of "
            f"{gap_days} days between them; models.split)."
        )
    first_validation = train + lost
    first_test = first_validation + validation + lost
    return Splits(
        tuple(ordered[:train]),
        tuple(ordered[first_validation : first_validation + validation]),
        tuple(ordered[first_test:]),
    )


def _months_in_gap(ordered: Sequence[date], gap_days: int) -> int:
    """Number of months to leave out so that every possible gap has at least `gap_days` days."""
    for lost in range(len(ordered)):
        spans = [(later - earlier).days for earlier, later in zip(ordered, ordered[lost + 1 :], strict=False)]
        if all(span >= gap_days for span in spans):
            return lost
    return len(ordered)
