"""The forecast of churned accounts and lost ARR in the coming quarter, with intervals (WKL-2).

Each account has a probability of churn. If these were right and the accounts independent, the number of churned
accounts would be Poisson-binomial, and an interval from that alone covers too seldom: whole quarters run above or below
the expected number. So churn is drawn as Bernoulli(probability x factor), with one factor per quarter for the whole
portfolio, Gamma distributed around a level. Level and spread of the factor are estimated from earlier quarters, each a
pair of expected and observed churned accounts, by a posterior on a grid: the count given level and spread is negative
binomial. A prior stands in while quarters are few, and older quarters count less (discounting: West and Harrison 1997).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from keepwell.models.grading.intervals import Estimate, prediction_interval
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import ForecastSettings

NO_LEVEL = 1.0
"""Prior standard deviation of the log level where no model gives one: e-fold either way."""
LEVELS = np.linspace(-1.5, 1.5, 121)
SPREADS = np.linspace(0.005, 1.0, 60)
BLOCK = 200  # draws at a time, so that memory grows with the number of accounts only


@dataclass(frozen=True)
class Quarter:
    """Churned accounts of an earlier quarter: expected (the sum of the probabilities before it) and observed."""

    expected: float
    observed: float


@dataclass(frozen=True)
class Belief:
    """The posterior of a quarter's factor: weights, summing to 1, over log level (rows) and spread (columns)."""

    weights: Floats

    @property
    def level(self) -> float:
        """Posterior mean of the level, the factor by which the sum of the probabilities is multiplied."""
        return float(self.weights.sum(axis=1) @ np.exp(LEVELS))

    @property
    def spread(self) -> float:
        """Posterior mean of the standard deviation between quarters, relative to the level."""
        return float(self.weights.sum(axis=0) @ SPREADS)


@dataclass(frozen=True)
class Forecast:
    """Churned accounts and lost ARR of the coming quarter: each its mean with a prediction interval."""

    accounts: Estimate
    arr: Estimate


def prior_spreads(rules: ForecastSettings) -> Floats:
    """Prior weight of each spread: a half-normal distribution."""
    logs = scipy.stats.norm.logpdf(SPREADS, scale=rules.spread)
    weights: Floats = np.exp(logs - logs.max())  # a curve so narrow that all of it vanishes has its nearest spread
    return weights / weights.sum()


def belief(quarters: Sequence[Quarter], level_sd: float, spreads: Floats, rules: ForecastSettings) -> Belief:
    """The posterior of level and spread given these quarters, the newest first.

    `level_sd`: prior standard deviation of the log level; `spreads`: prior weight of each spread.
    """
    log = scipy.stats.norm.logpdf(LEVELS, scale=level_sd)[:, None] + np.log(spreads + 1e-300)[None, :]
    size = 1.0 / SPREADS[None, :] ** 2
    for age, quarter in enumerate(quarters):
        mean = np.exp(LEVELS)[:, None] * max(quarter.expected, 1e-9)
        log = log + rules.discount**age * _negative_binomial(quarter.observed, size, mean)
    return Belief(scipy.special.softmax(log))


def _negative_binomial(count: float, size: Floats, mean: Floats) -> Floats:
    """Log likelihood of a count (not necessarily an integer) with variance mean + mean^2 / size."""
    share = size / (size + mean)
    found: Floats = (
        scipy.special.gammaln(count + size)
        - scipy.special.gammaln(size)
        + size * np.log(share)
        + count * np.log1p(-share)
    )
    return found


def spreads_of(found: Belief) -> Floats:
    """The marginal posterior of the spread."""
    marginal: Floats = found.weights.sum(axis=0)
    return marginal


def forecast(y_prob: Floats, arr: Floats, found: Belief, rules: ForecastSettings, seed: int) -> Forecast:
    """The forecast of the coming quarter for accounts with these probabilities and ARR."""
    rng = np.random.default_rng(seed)
    factor = _factors(found, rules.draws, rng)
    accounts, money = np.empty(rules.draws), np.empty(rules.draws)
    for start in range(0, rules.draws, BLOCK):
        part = slice(start, start + BLOCK)
        drawn = rng.random((len(factor[part]), len(y_prob)), dtype=np.float32)
        lost = drawn < factor[part, None] * y_prob[None, :]
        accounts[part], money[part] = lost.sum(axis=1), lost @ arr
    expected = found.level * y_prob
    return Forecast(
        prediction_interval(float(expected.sum()), accounts, rules.confidence),
        prediction_interval(float(expected @ arr), money, rules.confidence),
    )


def _factors(found: Belief, draws: int, rng: np.random.Generator) -> Floats:
    """Draws of the coming quarter's factor, each with a level and a spread drawn from the posterior."""
    cell = rng.choice(found.weights.size, draws, p=found.weights.ravel())
    row, column = np.unravel_index(cell, found.weights.shape)
    shape = 1.0 / SPREADS[column] ** 2
    factors: Floats = np.exp(LEVELS[row]) * rng.gamma(shape) / shape
    return factors


@dataclass(frozen=True)
class History:
    """The portfolio's earlier quarters: churn rate of each stratum, and expected and observed churn by segment.

    `quarters`: newest first, by segment, `all` for the whole portfolio.
    """

    rates: pd.Series
    whole: float
    quarters: dict[str, list[Quarter]]

    def probabilities(self, strata: pd.Series) -> Floats:
        """The churn probability of each account by its stratum; for an unseen stratum, the whole portfolio's rate."""
        found: Floats = strata.map(self.rates).fillna(self.whole).to_numpy(dtype=float)
        return found


def history(rows: pd.DataFrame, rules: ForecastSettings) -> History | None:
    """Rates by stratum over all quarters, and each quarter's churned accounts against them; None without a quarter.

    `rows`: one per account and quarter with quarter (sortable by time), segment, stratum and churned. The rate of a
    stratum is shrunk toward the whole portfolio's, as if it had `prior_accounts` more accounts at that rate.
    """
    if rows.empty:
        return None
    whole = (rows["churned"].sum() + 0.5) / (len(rows) + 1.0)
    sums = rows.groupby("stratum")["churned"].agg(["sum", "size"])
    rates = (sums["sum"] + rules.prior_accounts * whole) / (sums["size"] + rules.prior_accounts)
    with_rates = rows.assign(expected=rows["stratum"].map(rates))
    parts = {"all": with_rates, **{str(name): part for name, part in with_rates.groupby("segment")}}
    return History(rates, float(whole), {name: _quarters(part) for name, part in parts.items()})


def _quarters(rows: pd.DataFrame) -> list[Quarter]:
    sums = rows.groupby("quarter")[["expected", "churned"]].sum().sort_index(ascending=False)
    return [Quarter(float(e), float(o)) for e, o in sums.to_numpy(dtype=float)]
