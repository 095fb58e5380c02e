"""The source feature of each column that a model sees, including missing indicators and one-hot columns.

Read from the column names that scikit-learn's steps give, so that it works for any pipeline.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.inputs import origin


def origins(model: Pipeline) -> Floats:
    """Matrix of the last step's columns (rows) by `input_columns` (columns): 1 for the source feature, else 0."""
    place = {name: at for at, name in enumerate(input_columns(model))}
    columns = _column_names(model)
    marks = np.zeros((len(columns), len(place)))
    for row, column in enumerate(columns):
        marks[row, place[origin(column, place)]] = 1.0
    return marks


def _column_names(model: Pipeline) -> Sequence[str]:
    names = None
    for _, step in model.steps[:-1]:
        names = _names_out(step, names) if hasattr(step, "transform") else names
    return [str(name) for name in names] if names is not None else []


def _names_out(step: Any, names: Sequence[str] | None) -> Sequence[str]:
    """The names that a step gives its columns; those of parts side by side without the part."""
    if isinstance(step, FeatureUnion):
        return [name for _, part in step.transformer_list for name in part.get_feature_names_out(names)]
    found: Sequence[str] = step.get_feature_names_out(names)
    return found
