"""How accurate the forecasts of people are compared with health and the model, and how far they agree (REV-2).

All are graded by the Brier score (Brier 1950) on the same accounts, with intervals over draws of accounts. Agreement is
Cohen's kappa of probabilities in bands, with linear weights: one band apart is half the error of two bands apart (Cohen
1968). Accounts of a sprint are picked because scores disagree on them: metrics describe them, not the whole portfolio.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from keepwell.models.grading.intervals import Estimate, account_draws, interval
from keepwell.models.grading.logistic_line import line
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.grading import GradeSettings

SEED = 1
MIDDLE, WIDTH = 50.0, 10.0  # health in tens of points around 50, so that Newton's steps are of one size
SCORES = ("health", "model")


@dataclass(frozen=True)
class Grade:
    """One metric of one side: `csm` (mean of the reviewers), a reviewer by name, health, model, override."""

    name: str
    statistic: str
    estimate: Estimate
    accounts: int
    outcomes: int | None


@dataclass(frozen=True)
class HealthLine:
    """The outcome's probability given health, by logistic regression on matured months; None with too few examples."""

    intercept: float | None
    slope: float | None
    examples: int
    with_outcome: int
    without: int

    def __call__(self, health: Floats) -> Floats:
        """The probability for each health; NaN without a fitted line or without a health."""
        if self.intercept is None or self.slope is None:
            return np.full(len(health), np.nan)
        p_outcome: Floats = 1.0 / (1.0 + np.exp(-(self.intercept + self.slope * (health - MIDDLE) / WIDTH)))
        return p_outcome

    def __str__(self) -> str:
        rests = f"{self.examples:,} matured examples, {self.with_outcome:,} accounts with the outcome"
        if self.intercept is None:
            return f"health is not graded: {rests} and {self.without:,} without are too few to calibrate a probability"
        return f"health as a probability by logistic regression on {rests}"


def health_line(examples: pd.DataFrame, rules: GradeSettings) -> HealthLine:
    """The line fitted on examples with account_id, health and happened (0 or 1), all matured before the sprint."""
    known = examples.dropna(subset=["health", "happened"])
    had = known.groupby("account_id")["happened"].max()
    counts = len(known), int(had.sum()), int((had == 0).sum())
    if min(counts[1:]) < rules.min_outcomes:
        return HealthLine(None, None, *counts)
    health = (known["health"].to_numpy(dtype=float) - MIDDLE) / WIDTH
    intercept, slope = line(health, known["happened"].to_numpy(dtype=float), np.ones(len(known)))
    return HealthLine(intercept, slope, *counts)


def grades(rows: pd.DataFrame, rules: GradeSettings) -> list[Grade]:
    """Every metric that the rows allow; `rows` has one row per account and reviewer.

    Columns: account_id, by, forecast, health, model, override (its probability; NaN without one), happened (NaN until
    matured). Brier scores need outcomes, kappas do not. Each statistic is over the rows that all its sides have.
    """
    if rows.empty:
        return []
    labeled = rows.dropna(subset=["happened"])
    return [*_briers(labeled, rules), *_reviewers(labeled, rules), *_overrides(labeled, rules), *_kappas(rows, rules)]


def _briers(labeled: pd.DataFrame, rules: GradeSettings) -> Iterator[Grade]:
    """Brier scores of CSMs (mean per account), health and model on the same accounts, and each less the model's."""
    accounts = labeled.groupby("account_id").agg(
        csm=("forecast", "mean"), **{name: (name, "first") for name in (*SCORES, "happened")}
    )
    sides = [name for name in ("csm", *SCORES) if accounts[name].notna().any()]
    yield from _compared(accounts.dropna(subset=sides).reset_index(), sides, rules)


def _reviewers(labeled: pd.DataFrame, rules: GradeSettings) -> Iterator[Grade]:
    """Brier scores of each of several reviewers against the model, on the accounts that the reviewer answered."""
    by_name = dict(list(labeled.groupby("by", sort=True)))
    for name, mine in by_name.items() if len(by_name) > 1 else ():
        side = f"csm {name}"
        found = _compared(mine.rename(columns={"forecast": side}), [side, "model"], rules)
        yield from (grade for grade in found if grade.name == side)


def _overrides(labeled: pd.DataFrame, rules: GradeSettings) -> Iterator[Grade]:
    """The value of overrides: the model's Brier score less theirs, on the accounts that they are about."""
    over = labeled.dropna(subset=["override"])
    if len(over):
        y_true = over["happened"].to_numpy(dtype=float)
        saved = _squares(over, "model", y_true) - _squares(over, "override", y_true)
        estimate = _drawn(over, _mean(saved), rules)
        yield Grade("override", "brier_saved", estimate, over["account_id"].nunique(), _outcomes(over))


def _compared(rows: pd.DataFrame, sides: list[str], rules: GradeSettings) -> Iterator[Grade]:
    if rows.empty:
        return
    y_true, count, outcomes = rows["happened"].to_numpy(dtype=float), rows["account_id"].nunique(), _outcomes(rows)
    errors = {side: _squares(rows, side, y_true) for side in sides}
    for side in sides:
        statistics = {"brier": errors[side]}
        if side != "model" and "model" in errors:
            statistics["brier_less_model"] = errors[side] - errors["model"]
        for statistic, values in statistics.items():
            estimate = _drawn(rows, _mean(values), rules)
            yield Grade(side, statistic, estimate, count, outcomes)


def _kappas(rows: pd.DataFrame, rules: GradeSettings) -> Iterator[Grade]:
    """Kappas between CSMs and model, CSMs and health, and each pair of reviewers."""
    for score in SCORES:
        both = rows.dropna(subset=[score])
        if len(both):
            yield _kappa(both, "csm", score, both["forecast"], both[score], rules)
    wide = rows.pivot(index="account_id", columns="by", values="forecast")
    for one, other in combinations(sorted(wide.columns), 2):
        both = wide.dropna(subset=[one, other]).reset_index()
        if len(both):
            yield _kappa(both, f"csm {one}", f"csm {other}", both[one], both[other], rules)


def _kappa(
    rows: pd.DataFrame, name: str, other: str, left: pd.Series, right: pd.Series, rules: GradeSettings
) -> Grade:  # fmt: skip
    from sklearn.metrics import cohen_kappa_score  # a second of imports, which every day without a sprint would pay

    sides = [np.digitize(side.to_numpy(dtype=float), sorted(rules.bands)) for side in (left, right)]
    labels = list(range(len(rules.bands) + 1))

    def statistic(weight: Floats) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # undefined where both sides have only one band: NaN is right
            return float(cohen_kappa_score(*sides, labels=labels, weights="linear", sample_weight=weight))

    return Grade(name, f"kappa with {other}", _drawn(rows, statistic, rules), rows["account_id"].nunique(), None)


def _drawn(rows: pd.DataFrame, statistic: Callable[[Floats], float], rules: GradeSettings) -> Estimate:
    """The metric with its interval over draws of accounts; no bounds where every draw gives the same value."""
    codes, ones = pd.factorize(rows["account_id"])[0], np.ones(len(rows))
    draws = [statistic(weight) for weight in account_draws(codes, ones, rules.replicates, SEED)]
    value = statistic(ones)
    if np.ptp([d for d in draws if np.isfinite(d)] or [0.0]) == 0:
        return Estimate(value, np.nan, np.nan)
    return interval(value, draws, rules.confidence)


def _mean(values: Floats) -> Callable[[Floats], float]:
    return lambda weight: float(np.average(values, weights=weight))


def _squares(rows: pd.DataFrame, side: str, y_true: Floats) -> Floats:
    errors: Floats = (rows[side].to_numpy(dtype=float) - y_true) ** 2
    return errors


def _outcomes(rows: pd.DataFrame) -> int:
    return int(rows.groupby("account_id")["happened"].first().sum())
