"""Outcome rates in groups of account-months, with intervals from a bootstrap over accounts.

The months of an account share its outcome, so whole accounts are drawn. Counts are summed per account first, so that
all draws take one matrix product for any number of groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, account_draws, estimated
from keepwell.models.grading.metrics import Floats

Bools = NDArray[np.bool_]
FIFTH = 0.2


@dataclass(frozen=True)
class Counts:
    """Number of rows and outcomes of each group (column): on all rows (first row), then in each draw of accounts."""

    rows: Floats
    outcomes: Floats

    @property
    def rates(self) -> Floats:
        """Outcomes over rows; NaN where a draw has no row of the group."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share: Floats = self.outcomes / self.rows
        return share


def drawn_counts(accounts: pd.Series, y_true: Floats, groups: Sequence[Bools], replicates: int, seed: int) -> Counts:
    """The counts of every group of rows; the same draws of accounts for all groups."""
    codes, names = pd.factorize(accounts)
    size = len(names)
    draws = np.stack([np.ones(size), *account_draws(np.arange(size), np.ones(size), replicates, seed)])
    rows = np.stack([np.bincount(codes, group, size) for group in groups], axis=1)
    outcomes = np.stack([np.bincount(codes, group * y_true, size) for group in groups], axis=1)
    return Counts(draws @ rows, draws @ outcomes)


@dataclass(frozen=True)
class GroupRate:
    """One group: its rows, accounts and outcomes, their rate, and that rate over the rate of all rows (lift)."""

    group: str
    rows: int
    accounts: int
    outcomes: int
    rate: Estimate
    lift: Estimate


def group_rates(
    rows: pd.DataFrame, label: str, groups: pd.Series, replicates: int, confidence: float, seed: int
) -> list[GroupRate]:
    """The outcome rate of each group in `groups` (aligned with `rows`; NaN is in none), sorted by name."""
    names = sorted(groups.dropna().unique())
    members = [(groups == name).to_numpy(dtype=bool) for name in names]
    everyone = groups.notna().to_numpy(dtype=bool)
    counts = drawn_counts(rows["account_id"], rows[label].to_numpy(dtype=float), [*members, everyone], replicates, seed)
    rates = counts.rates
    with np.errstate(invalid="ignore", divide="ignore"):
        lifts = rates / rates[:, -1:]
    return [
        GroupRate(
            str(name), int(counts.rows[0, place]), int(rows.loc[member, "account_id"].nunique()),
            int(counts.outcomes[0, place]), estimated(rates[:, place], confidence),
            estimated(lifts[:, place], confidence),
        )
        for place, (name, member) in enumerate(zip(names, members, strict=True))
    ]  # fmt: skip


def worst_fifth(values: pd.Series, direction: int) -> pd.Series:
    """`worst` for the fifth of the rows with the worst values, `other` for the rest; NaN where the value is missing.

    Rows that tie at the border are all among the worst or none of them, whichever comes nearer to a fifth.
    """
    badness = values.astype("float64") * -direction
    all_tied, none_tied = (badness.rank(pct=True, method=method) > 1 - FIFTH for method in ("max", "min"))
    nearest = min((all_tied, none_tied), key=lambda worst: abs(worst.sum() - FIFTH * badness.notna().sum()))
    return pd.Series(np.where(nearest, "worst", "other"), values.index, dtype=object).where(badness.notna())
