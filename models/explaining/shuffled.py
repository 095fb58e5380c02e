"""A model's probabilities for rows of which one feature is shuffled, with all features prepared once."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.candidates import probability_of_inputs
from keepwell.models.training.inputs import seen_by
from keepwell.models.training.origins import origins
from keepwell.models.training.segments import SEGMENT
from keepwell.models.training.trained import Trained


@dataclass(frozen=True)
class _Seen:
    """What one model sees of the rows, and which of its columns come from a feature."""

    inputs: Floats
    columns: dict[str, NDArray[np.intp]]

    @classmethod
    def by(cls, model: Pipeline, rows: pd.DataFrame) -> Self:
        sources = origins(model)
        return cls(
            seen_by(model, rows), {name: np.flatnonzero(sources[:, n]) for n, name in enumerate(input_columns(model))}
        )


class Shuffled:
    """The rows as each model sees them.

    Every column of a model's inputs comes from one feature, and every row from itself, so the columns of a shuffled
    feature are the shuffled columns of the feature.
    """

    def __init__(self, trained: Trained, rows: pd.DataFrame) -> None:
        self.trained, self.segment = trained, rows[[SEGMENT]]
        models = [trained.model, *(own.model for own in trained.segments.values())]
        self.seen = {id(model): _Seen.by(model, rows) for model in models}

    def probabilities(self, name: str, order: NDArray[Any]) -> Floats:
        """The calibrated probability of each row whose feature `name` has the value of the row at its place in `order`.

        A shuffled segment has the model of its new value.
        """
        segment = self.segment.iloc[order] if name == SEGMENT else self.segment
        y_prob = np.empty(len(segment))
        for served, at in self.trained.serving(segment):
            seen = self.seen[id(served.model)]
            inputs = seen.inputs[at]
            if len(columns := seen.columns.get(name, ())):
                inputs[:, columns] = seen.inputs[order[at][:, None], columns]
            y_prob[at] = served.calibration(probability_of_inputs(served.model, inputs))
        return y_prob
