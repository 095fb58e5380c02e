"""Months parted in time order, with gaps: what a model learns from lies wholly before what it is graded on.

An example of month m carries an outcome that was still open for `gap_days` after m. Between the last month of one part
and the first of the next at least so many days pass, so that no outcome of the one was known in the other (MOD-3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from keepwell.models.settings.training import SplitSettings


class TooLittleData(Exception):
    """What a model would need and does not have, as one sentence. The pipeline goes on with health alone."""


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
    """The matured snapshot months in three parts, the last ones for the test.

    The months that fall into a gap are in no part: shares are of the months that are left. Raises TooLittleData with
    the months that are missing.
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
            f"({rules.min_train_months} to learn from, "
            f"{rules.min_validation_months} to choose by, {rules.min_test_months} to report on, and two gaps of "
            f"{gap_days} days between them)."
        )
    first_validation = train + lost
    first_test = first_validation + validation + lost
    return Splits(
        tuple(ordered[:train]),
        tuple(ordered[first_validation : first_validation + validation]),
        tuple(ordered[first_test:]),
    )


def _months_in_gap(ordered: Sequence[date], gap_days: int) -> int:
    """How many months to leave out, so that wherever the gap lies at least so many days pass."""
    for lost in range(len(ordered)):
        spans = [(later - earlier).days for earlier, later in zip(ordered, ordered[lost + 1 :], strict=False)]
        if all(span >= gap_days for span in spans):
            return lost
    return len(ordered)
