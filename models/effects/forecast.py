"""How many accounts leave in the coming quarter, how much ARR goes with them, and how sure is that (WKL-2).

Each account has a chance to leave. Were the chances right and the accounts independent, the losses would be a
Poisson-binomial draw, and an interval from that alone covers too seldom: whole quarters run above or below their
chances. So losses are drawn as Bernoulli(chance x factor), one factor for the book of a quarter, Gamma distributed
around a level. Level and spread of the factor are learnt from earlier quarters, each a pair of expected and observed
losses, by a posterior on a grid: losses given level and spread are negative binomial. A prior stands in while quarters
are few, and older quarters count less (discounting: West and Harrison 1997).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import gammaln, softmax

from keepwell.models.grading.intervals import Estimate, prediction_interval
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import ForecastSettings

NO_LEVEL = 1.0
"""Prior standard deviation of a log level of which nothing is claimed beforehand: e-fold either way."""
LEVELS = np.linspace(-1.5, 1.5, 121)
SPREADS = np.linspace(0.005, 1.0, 60)
BLOCK = 200  # draws at a time, so that memory grows with the book alone


@dataclass(frozen=True)
class Quarter:
    """Losses of an earlier quarter: the sum of the chances before it, and how many came."""

    expected: float
    observed: float


@dataclass(frozen=True)
class Belief:
    """Weights, summing to 1, over log level (rows) and spread (columns) of a quarter's losses over its chances."""

    weights: Floats

    @property
    def level(self) -> float:
        """Mean of the level: what the sum of the chances is to be multiplied by."""
        return float(self.weights.sum(axis=1) @ np.exp(LEVELS))

    @property
    def spread(self) -> float:
        """Mean of the standard deviation from quarter to quarter, relative to the level."""
        return float(self.weights.sum(axis=0) @ SPREADS)


@dataclass(frozen=True)
class Forecast:
    """Losses of the coming quarter in accounts and in ARR: mean, and the middle of the draws."""

    accounts: Estimate
    arr: Estimate


def prior_spreads(rules: ForecastSettings) -> Floats:
    """Weight of each spread before data speaks: half of a normal curve."""
    logs = stats.norm.logpdf(SPREADS, scale=rules.spread)
    weights: Floats = np.exp(logs - logs.max())  # a curve so narrow that all of it vanishes has its nearest spread
    return weights / weights.sum()


def belief(quarters: Sequence[Quarter], level_sd: float, spreads: Floats, rules: ForecastSettings) -> Belief:
    """What is believed of level and spread after these quarters, the newest first.

    `level_sd`: of the log level before they speak; `spreads`: weight of each spread before they speak.
    """
    log = stats.norm.logpdf(LEVELS, scale=level_sd)[:, None] + np.log(spreads + 1e-300)[None, :]
    size = 1.0 / SPREADS[None, :] ** 2
    for age, quarter in enumerate(quarters):
        mean = np.exp(LEVELS)[:, None] * max(quarter.expected, 1e-9)
        log = log + rules.discount**age * _negative_binomial(quarter.observed, size, mean)
    return Belief(softmax(log))


def _negative_binomial(count: float, size: Floats, mean: Floats) -> Floats:
    """Log likelihood of a count, which need not be whole, with variance mean + mean^2 / size."""
    share = size / (size + mean)
    found: Floats = gammaln(count + size) - gammaln(size) + size * np.log(share) + count * np.log1p(-share)
    return found


def spreads_of(found: Belief) -> Floats:
    """What a belief says of the spread alone."""
    marginal: Floats = found.weights.sum(axis=0)
    return marginal


def forecast(y_prob: Floats, arr: Floats, found: Belief, rules: ForecastSettings, seed: int) -> Forecast:
    """Losses among accounts of these chances and ARR in the quarter to come."""
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
    """Factors of the quarter to come, each with a level and a spread of its own."""
    cell = rng.choice(found.weights.size, draws, p=found.weights.ravel())
    row, column = np.unravel_index(cell, found.weights.shape)
    shape = 1.0 / SPREADS[column] ** 2
    factors: Floats = np.exp(LEVELS[row]) * rng.gamma(shape) / shape
    return factors


@dataclass(frozen=True)
class History:
    """What the book's own quarters say: the chance of each stratum, and expected and observed losses by segment.

    `quarters`: newest first, by segment, `all` for the whole book.
    """

    rates: pd.Series
    whole: float
    quarters: dict[str, list[Quarter]]

    def probabilities(self, strata: pd.Series) -> Floats:
        """The chance of each account by its stratum; of a stratum never seen, that of the whole book."""
        found: Floats = strata.map(self.rates).fillna(self.whole).to_numpy(dtype=float)
        return found


def history(rows: pd.DataFrame, rules: ForecastSettings) -> History | None:
    """Rates by stratum over all quarters, and each quarter's losses against them; None without a quarter.

    `rows`: one per account and quarter with quarter (sortable by time), segment, stratum and churned. The rate of a
    stratum leans towards that of the whole book as if it had `prior_accounts` accounts more of that.
    """
    if rows.empty:
        return None
    whole = (rows["churned"].sum() + 0.5) / (len(rows) + 1.0)
    sums = rows.groupby("stratum")["churned"].agg(["sum", "size"])
    rates = (sums["sum"] + rules.prior_accounts * whole) / (sums["size"] + rules.prior_accounts)
    with_rates = rows.assign(chance=rows["stratum"].map(rates))
    parts = {"all": with_rates, **{str(name): part for name, part in with_rates.groupby("segment")}}
    return History(rates, float(whole), {name: _quarters(part) for name, part in parts.items()})


def _quarters(rows: pd.DataFrame) -> list[Quarter]:
    sums = rows.groupby("quarter")[["chance", "churned"]].sum().sort_index(ascending=False)
    return [Quarter(float(e), float(o)) for e, o in sums.to_numpy(dtype=float)]
