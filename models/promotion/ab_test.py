"""The A/B test of a challenger: accounts compared by the arm that each was first assigned to (LRN-2).

A hash of the account's id is as good as random assignment, so a difference between the arms comes from the actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import pandas as pd

from keepwell.models.grading.intervals import Estimate, account_draws, interval
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.promotion import PromotionSettings

SEED = 1


@dataclass(frozen=True)
class Contrast:
    """One metric of both arms and the challenger's less the other's; NaN where nothing, or too little, is known."""

    name: str
    challenger: float
    other: float
    difference: Estimate


@dataclass(frozen=True)
class ByAssignment:
    """Both arms since `began`: accounts in each (the challenger's first), metrics, and notes on their limits.

    `matured`: accounts whose outcome is known.
    """

    began: date
    accounts: tuple[int, int]
    matured: tuple[int, int]
    contrasts: Sequence[Contrast]
    notes: Sequence[str]


def by_assignment(accounts: pd.DataFrame, outcome: str, rules: PromotionSettings) -> ByAssignment:
    """The arms side by side, with the difference over draws of accounts within each.

    `accounts`: one row each with assigned, entered_on, told_on (when its outcome will be known), moved, flagged (share
    of its dates), chance (the challenger's as it entered), arr as it entered; happened and arr_lost, NaN until known.
    `outcome`: its name as a participle, "churned".
    """
    ours, theirs = accounts[accounts["assigned"]], accounts[~accounts["assigned"]]
    labeled = [side.dropna(subset=["happened"]) for side in (ours, theirs)]
    enough = min(side["happened"].sum() for side in labeled) >= rules.segment_outcomes
    contrasts = [
        _contrast("flagged", [_mean(side, "flagged") for side in (ours, theirs)], rules),
        _contrast(outcome, [_mean(side, "happened") for side in labeled], rules, bounds=enough),
        _contrast("net_arr_lost", [_Ratio.of(side, "arr_lost", "arr") for side in labeled], rules, bounds=enough),
    ]
    matured = len(labeled[0]), len(labeled[1])
    notes = [_power(accounts, outcome, rules), _waits(accounts)]
    if all(matured) and not enough:
        notes.insert(0, _few(labeled, rules))
    if accounts["moved"].any():
        notes.append(
            f"{int(accounts['moved'].sum())} accounts changed sides as the share was changed; they count in their "
            "first arm."
        )
    return ByAssignment(min(accounts["entered_on"]), (len(ours), len(theirs)), matured, contrasts, notes)


@dataclass(frozen=True)
class _Ratio:
    """A metric of one arm: a sum over a sum, one entry per account."""

    above: Floats
    below: Floats

    @classmethod
    def of(cls, side: pd.DataFrame, above: str, below: str) -> "_Ratio":
        return cls(side[above].to_numpy(dtype=float), side[below].to_numpy(dtype=float))

    def value(self, weight: Floats) -> float:
        whole = float(np.dot(weight, self.below))
        return float(np.dot(weight, self.above)) / whole if whole else float("nan")

    def drawn(self, rules: PromotionSettings, seed: int) -> list[float]:
        """The metric over draws of the arm's accounts."""
        count = len(self.above)
        return [self.value(w) for w in account_draws(np.arange(count), np.ones(count), rules.replicates, seed)]


def _mean(side: pd.DataFrame, column: str) -> _Ratio:
    return _Ratio(side[column].to_numpy(dtype=float), np.ones(len(side)))


def _contrast(name: str, sides: Sequence[_Ratio], rules: PromotionSettings, *, bounds: bool = True) -> Contrast:
    ours, theirs = (side.value(np.ones(len(side.above))) for side in sides)
    drawn: list[float] = []
    if bounds and not np.isnan(ours - theirs):
        first, second = (side.drawn(rules, SEED + at) for at, side in enumerate(sides))
        drawn = [one - other for one, other in zip(first, second, strict=True)]
    return Contrast(name, ours, theirs, interval(ours - theirs, drawn, rules.confidence))


def _few(labeled: Sequence[pd.DataFrame], rules: PromotionSettings) -> str:
    ours, theirs = (int(side["happened"].sum()) for side in labeled)
    return (
        f"With {ours} and {theirs} outcomes in the arms no interval is given; {rules.segment_outcomes} in each are "
        "needed."
    )


def _power(accounts: pd.DataFrame, outcome: str, rules: PromotionSettings) -> str:
    """The sentence on power: the smallest detectable difference of two shares, by the normal approximation."""
    labeled = accounts.dropna(subset=["happened"])
    predicted = not labeled["happened"].any()
    counted = accounts if predicted else labeled
    rate = float(accounts["chance"].mean() if predicted else labeled["happened"].mean())
    ours, theirs = int(counted["assigned"].sum()), int((~counted["assigned"]).sum())
    if not ours or not theirs:
        return "One arm is empty: nothing can be compared."
    normal = NormalDist()
    error = (rate * (1.0 - rate) * (1.0 / ours + 1.0 / theirs)) ** 0.5
    smallest = error * (normal.inv_cdf((1 + rules.confidence) / 2) + normal.inv_cdf(rules.power))
    said = f"of whom {rate:.1%} {'are predicted to have' if predicted else 'had'} the outcome ({outcome})"
    return (
        f"With {ours} and {theirs} accounts, {said}, a difference of {100 * smallest:.1f} points in that share "
        f"would be detected with a power of {rules.power:.0%}."
    )


def _waits(accounts: pd.DataFrame) -> str:
    """The sentence on outcomes that are not known yet, and when they will be."""
    open_ones = accounts[accounts["happened"].isna()]
    if open_ones.empty:
        return "All outcomes are known."
    first, last = min(open_ones["told_on"]), max(open_ones["told_on"])
    if len(open_ones) < len(accounts):
        return f"Outcomes of {len(accounts) - len(open_ones)} accounts are known; those of {len(open_ones)} by {last}."
    on = f"all will be known on {last}" if first == last else f"the first will be known on {first}, the last on {last}"
    return f"No outcome has matured yet: {on}."
