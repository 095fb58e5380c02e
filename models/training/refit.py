"""The selected candidate fitted again on all matured months, before it serves (MOD-11).

The fit that was graded saw the training months alone: when it serves, its newest month is more than a year old. The
refit sees every month whose outcomes are known. No month is left to calibrate it on, so calibration and thresholds come
from probabilities out of fold in time order: each block of months is predicted by a fit on the months whose outcomes
were known before the block began. The season needs all months, so its probabilities are cross-fitted over
accounts. The figures that are quoted stay those of the graded fit on the test months.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.metrics import Floats, log_odds
from keepwell.models.settings.training import RefitSettings
from keepwell.models.training.candidates import predicted_probability
from keepwell.models.training.choose import Calibration, shrunk
from keepwell.models.training.season import NO_SEASON, Fit, Season, season
from keepwell.models.training.segments import SEGMENT, LabeledRows
from keepwell.models.training.trained import Trained

MIN_OUTCOMES = 10
"""Rows with the outcome, and without, that a fold or a calibration needs."""


@dataclass(frozen=True)
class Agreement:
    """The log odds of the refit less those of the graded fit, on the test rows: mean and standard deviation.

    Both before calibration: that of the graded fit rests on few months, which the refit's is there to mend.
    """

    shift: float
    spread: float

    def refused(self, rules: RefitSettings) -> str:
        """Why the two do not agree; empty where they do."""
        if abs(self.shift) <= rules.max_shift and self.spread <= rules.max_spread:
            return ""
        return (
            f"its log odds differ from those of the graded fit by {self.shift:+.2f} in the mean (allowed: "
            f"{rules.max_shift:g}) with a standard deviation of {self.spread:.2f} (allowed: {rules.max_spread:g})"
        )


@dataclass(frozen=True)
class Refit:
    """What serves: the refit with its calibration, and the rows out of fold that calibrated it.

    `months`: first and last month that it was fitted on. `held_out`: the rows of the months out of fold; `y_prob`:
    their calibrated probability. `agreement`: with the graded fit.
    """

    trained: Trained
    months: tuple[date, date]
    rows: LabeledRows
    held_out: LabeledRows
    y_prob: Floats
    agreement: Agreement
    season: str

    @property
    def ranked(self) -> Floats:
        """`y_prob` of a year without a season, on which thresholds rest: they flag as many in every month."""
        return self.trained.without_season(self.y_prob, self.held_out.rows)


def refitted(
    rows: LabeledRows, graded: Trained, test: pd.DataFrame, gap_days: int, fit: Fit, rules: RefitSettings
) -> Refit | None:
    """The refit on these rows, all of whose outcomes are known; None where too few months have enough before them.

    A row of weight 0 counts in no fit and no calibration, but belongs to the portfolio whose riskiest are flagged.
    `graded`: the fit on the training months, which keeps its segments' own models. `test`: the rows to compare both on.
    `gap_days`: between the last month of a fold's fit and the first that it predicts.
    """
    estimate = season(rows, fit, rules.season)
    pooled = _one(rows, gap_days, fit, rules, estimate.season)
    own = {segment: _one(rows.of(segment), gap_days, fit, rules, estimate.season) for segment in graded.segments}
    able = {segment: one for segment, one in own.items() if one is not None}
    if pooled is None or len(able) < len(own):
        return None
    segments = {
        segment: Trained(graded.name, one.model, one.calibration, season=one.season) for segment, one in able.items()
    }
    trained = Trained(graded.name, pooled.model, pooled.calibration, segments, pooled.season)
    held_out, y_prob = pooled.held_out, pooled.y_prob
    for segment, one in able.items():
        mine = (held_out.rows[SEGMENT] == segment).to_numpy(dtype=bool)
        at = pd.Series(one.y_prob, one.held_out.rows.index).reindex(held_out.rows.index[mine])
        y_prob[mine] = np.where(at.notna(), at, y_prob[mine])
    months = rows.rows["as_of"]
    difference = log_odds(_plain(trained).probabilities(test)) - log_odds(_plain(graded).probabilities(test))
    agreement = Agreement(float(difference.mean()), float(difference.std()))
    return Refit(
        trained, (months.min().date(), months.max().date()), rows, held_out, y_prob, agreement, estimate.summary
    )


def _plain(trained: Trained) -> Trained:
    """The model before calibration and season."""
    segments = {name: _plain(own) for name, own in trained.segments.items()}
    return replace(trained, calibration=Calibration(1.0, 0.0), segments=segments, season=NO_SEASON)


@dataclass(frozen=True)
class ByMonth:
    """Two fits of one model, each asked about the months that it has not seen: what monitoring may look at.

    `graded` answers for the months up to `seen_until`, on which it was graded; `serving` for those after it.
    """

    serving: Trained
    graded: Trained
    seen_until: date

    def probabilities(self, rows: pd.DataFrame) -> Floats:
        """Calibrated probability of each row; `rows` has as_of."""
        y_prob = np.empty(len(rows))
        for trained, mine in self._each(rows):
            y_prob[mine] = trained.probabilities(rows[mine])
        return y_prob

    def without_season(self, y_prob: Floats, rows: pd.DataFrame) -> Floats:
        """The probabilities of these rows in a year without a season."""
        moved = y_prob.copy()
        for trained, mine in self._each(rows):
            moved[mine] = trained.without_season(y_prob[mine], rows[mine])
        return moved

    def _each(self, rows: pd.DataFrame) -> list[tuple[Trained, NDArray[np.bool_]]]:
        """Each fit with the rows of the months that it has not seen."""
        later = (rows["as_of"] > pd.Timestamp(self.seen_until)).to_numpy()
        return [(of, mine) for of, mine in ((self.serving, later), (self.graded, ~later)) if mine.any()]


@dataclass(frozen=True)
class _One:
    """One model on all its rows, its calibration and season, and the rows out of fold with their probability."""

    model: Pipeline
    calibration: Calibration
    season: Season
    held_out: LabeledRows
    y_prob: Floats


def _one(rows: LabeledRows, gap_days: int, fit: Fit, rules: RefitSettings, of_year: Season) -> _One | None:
    """The refit of all segments, or of one; None where no months have enough before them."""
    blocks = [
        (later, predicted_probability(fit(before), later.rows)) for before, later in _folds(rows, gap_days, rules)
    ]
    if not blocks:
        return None
    held_out, y_prob = _together([later for later, _ in blocks]), np.concatenate([of for _, of in blocks])
    if not _both(held_out):
        return None
    as_of, accounts = held_out.rows["as_of"], held_out.rows["account_id"].to_numpy()
    calibration = shrunk(
        of_year.on(y_prob, as_of), held_out.y_true, accounts, held_out.sample_weight, rules.slope_spread,
        rules.level_spread,
    )  # fmt: skip
    return _One(fit(rows), calibration, of_year, held_out, of_year.on(calibration(y_prob), as_of))


def _folds(rows: LabeledRows, gap_days: int, rules: RefitSettings) -> Iterator[tuple[LabeledRows, LabeledRows]]:
    """Blocks of months with the rows whose outcomes were known before each, in time order."""
    months = sorted(rows.rows["as_of"].unique())
    for first in range(0, len(months), rules.block_months):
        block = months[first : first + rules.block_months]
        known = rows.rows["as_of"] <= block[0] - pd.Timedelta(days=gap_days)
        before = rows.at(np.flatnonzero(known))
        if before.rows["as_of"].nunique() >= rules.min_months and _both(before):
            yield before, rows.at(np.flatnonzero(rows.rows["as_of"].isin(block)))


def _both(rows: LabeledRows) -> bool:
    """Whether enough rows that count have the outcome, and enough have it not."""
    y_true = rows.y_true[rows.sample_weight > 0]
    return bool(MIN_OUTCOMES <= y_true.sum() <= len(y_true) - MIN_OUTCOMES)


def _together(parts: Sequence[LabeledRows]) -> LabeledRows:
    return LabeledRows(
        pd.concat([part.rows for part in parts]),
        np.concatenate([part.y_true for part in parts]),
        np.concatenate([part.sample_weight for part in parts]),
    )
