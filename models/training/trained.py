"""A fitted candidate with its calibration, and the models of the segments that have their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.candidates import predicted_probability
from keepwell.models.training.choose import Calibration
from keepwell.models.training.segments import SEGMENT


@dataclass(frozen=True)
class Trained:
    """One fitted candidate with its calibration; `segments` holds the models of segments that have their own."""

    name: str
    model: Pipeline
    calibration: Calibration
    segments: Mapping[str, "Trained"] = field(default_factory=dict)

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
            y_prob[at] = served.calibration(predicted_probability(served.model, rows.iloc[at]))
        return y_prob
