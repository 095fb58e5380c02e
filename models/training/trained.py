"""A fitted candidate with its calibration and season, and the models of the segments that have their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.candidates import predicted_probability
from keepwell.models.training.choose import Calibration
from keepwell.models.training.season import NO_SEASON, Season
from keepwell.models.training.segments import SEGMENT


@dataclass(frozen=True)
class Trained:
    """One fitted candidate with its calibration; `segments` holds the models of segments that have their own.

    `season` is added to the calibrated log odds; with one, rows need as_of.
    """

    name: str
    model: Pipeline
    calibration: Calibration
    segments: Mapping[str, "Trained"] = field(default_factory=dict)
    season: Season = NO_SEASON

    def serving(self, rows: pd.DataFrame) -> list[tuple["Trained", NDArray[np.intp]]]:
        """Each serving model, without segments, with the positions of the rows that it serves."""
        pooled = replace(self, segments={})
        if not self.segments:
            return [(pooled, np.arange(len(rows)))]
        own = {name: place for place, name in enumerate(self.segments, start=1)}
        place = rows[SEGMENT].map(own).fillna(0).to_numpy()
        models = enumerate([pooled, *self.segments.values()])
        return [(model, np.flatnonzero(place == n)) for n, model in models if (place == n).any()]

    def probabilities(self, rows: pd.DataFrame) -> Floats:
        """Calibrated probability of each row."""
        y_prob = np.empty(len(rows))
        for served, at in self.serving(rows):
            mine = rows.iloc[at]
            y_prob[at] = served.calibration(predicted_probability(served.model, mine))
            if served.season.coefficients:
                y_prob[at] = served.season.on(y_prob[at], mine["as_of"])
        return y_prob

    def in_season(self, thresholds: Floats, rows: pd.DataFrame) -> Floats:
        """Thresholds of a year without a season at the instants of these rows; one that flags nobody stays so."""
        return np.where(np.isfinite(thresholds), self._each(thresholds, rows, Season.on), thresholds)

    def without_season(self, y_prob: Floats, rows: pd.DataFrame) -> Floats:
        """The probabilities of these rows in a year without a season: what ranks accounts of different months."""
        return self._each(y_prob, rows, Season.off)

    def _each(self, y_prob: Floats, rows: pd.DataFrame, move: Callable[[Season, Floats, pd.Series], Floats]) -> Floats:
        moved = y_prob.copy()
        for served, at in self.serving(rows):
            if served.season.coefficients:
                moved[at] = move(served.season, y_prob[at], rows["as_of"].iloc[at])
        return moved
