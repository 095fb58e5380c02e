"""The season of an outcome: how its level moves over the year, as far as the data can show (MOD-11).

Accounts churn more in some months of the year than in others, and no account's own features say so. The season is a sum
of the first harmonics of the year in the log odds (harmonic regression: Stolwijk, Straatman and Zielhuis 1999), beside
a trend over time, which is not part of it. It is left out where a Wald test, clustered by account, finds none, else
shrunk by its standard error. A shock that came in one year alone looks like a season.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from keepwell.models.grading.logistic_line import clustered, shrunk_to_zero
from keepwell.models.grading.metrics import Floats, log_odds
from keepwell.models.settings.training import SeasonSettings
from keepwell.models.training.cross_fit import cross_fitted
from keepwell.models.training.segments import LabeledRows

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Season:
    """Coefficients of cosine and sine of each harmonic of the year, in log odds, the yearly first; empty: no season."""

    coefficients: tuple[float, ...] = ()

    def levels(self, as_of: pd.Series) -> Floats:
        """What the season adds to the log odds at each of these instants."""
        found: Floats = _harmonics(as_of, len(self.coefficients) // 2) @ np.array(self.coefficients)
        return found

    def on(self, y_prob: Floats, as_of: pd.Series) -> Floats:
        """The probabilities at these instants, of those in a year without a season."""
        return _moved(y_prob, self.levels(as_of)) if self.coefficients else y_prob

    def off(self, y_prob: Floats, as_of: pd.Series) -> Floats:
        """The probabilities in a year without a season, of those at these instants."""
        return _moved(y_prob, -self.levels(as_of)) if self.coefficients else y_prob


NO_SEASON = Season()
Fit = Callable[[LabeledRows], Pipeline]
"""Fits the selected candidate on those of the rows that count."""


@dataclass(frozen=True)
class SeasonEstimate:
    """The season that the rows show, and in one sentence what they show."""

    season: Season
    summary: str


def season(rows: LabeledRows, fit: Fit, rules: SeasonSettings) -> SeasonEstimate:
    """The season of these rows, whose outcomes are known, beside probabilities that `fit` gives across accounts."""
    months, (positive, _) = rows.rows["as_of"].nunique(), rows.accounts()
    if months < rules.min_months or positive < rules.min_accounts:
        return SeasonEstimate(
            NO_SEASON,
            f"No season can be estimated from {months} months and {positive:,} accounts with the outcome; "
            f"{rules.min_months} and {rules.min_accounts} are needed.",
        )
    y_prob = cross_fitted(rows, lambda others: {"": fit(others)}, rules.folds)[""]
    as_of, accounts = rows.rows["as_of"], rows.rows["account_id"].to_numpy()
    odds, years = log_odds(y_prob), (as_of - as_of.min()).dt.days.to_numpy() / DAYS_PER_YEAR
    known = np.column_stack([np.ones_like(odds), odds - odds.mean(), years - years.mean()])
    columns = np.column_stack([known, _harmonics(as_of, rules.harmonics)])
    line = LogisticRegression(C=np.inf, fit_intercept=False, max_iter=1_000)
    line.fit(columns, rows.y_true > 0, sample_weight=rows.sample_weight)
    of = slice(known.shape[1], None)
    error = clustered(columns, line.coef_[0], rows.y_true, rows.sample_weight, accounts)[of, of]
    estimate = line.coef_[0][of]
    p_value = float(scipy.stats.chi2.sf(estimate @ np.linalg.pinv(error) @ estimate, len(estimate)))
    if not p_value <= rules.p_value:
        return SeasonEstimate(NO_SEASON, f"The data show no season (Wald test, p = {p_value:.2f}).")
    found = Season(tuple(shrunk_to_zero(estimate, error, np.full(len(estimate), rules.spread)).tolist()))
    factors = np.exp(found.levels(pd.Series(pd.date_range("2001-01-01", periods=12, freq="MS"))))
    return SeasonEstimate(
        found,
        f"The data show a season (Wald test, p = {p_value:.2g}): the odds are multiplied by {factors.min():.2f} for "
        f"accounts scored in {_month(factors.argmin())} and by {factors.max():.2f} in {_month(factors.argmax())}.",
    )


def _month(place: np.intp) -> str:
    return f"{pd.Timestamp(2001, int(place) + 1, 1):%B}"


def _harmonics(as_of: pd.Series, count: int) -> Floats:
    """Cosine and sine of each harmonic of the year at these instants, a row each."""
    turn = 2.0 * np.pi * (as_of.dt.day_of_year.to_numpy() - 1) / DAYS_PER_YEAR
    sides = [side(n * turn) for n in range(1, count + 1) for side in (np.cos, np.sin)]
    return np.column_stack(sides) if sides else np.empty((len(as_of), 0))


def _moved(y_prob: Floats, levels: Floats) -> Floats:
    moved: Floats = 1.0 / (1.0 + np.exp(-(log_odds(y_prob) + levels)))
    return moved
