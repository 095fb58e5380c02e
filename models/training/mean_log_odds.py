"""Several fitted classifiers as one: the mean of their log odds, a logarithmic pool (Genest and Zidek 1986).

Log odds that are sums of parts have a mean that is one too, so that reasons still add up (models/explaining/margin.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import FeatureUnion, Pipeline

from keepwell.models.grading.metrics import Floats
from keepwell.models.grading.threads import one_thread
from keepwell.models.training.small_trees import boosted_log_odds


class MeanLogOdds(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The mean of the log odds of fitted classifiers, each with its own columns, side by side in their order."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts

    @property
    def classes_(self) -> NDArray[Any]:
        """Without the outcome, with it."""
        classes: NDArray[Any] = self.parts[0].classes_
        return classes

    @property
    def n_features_in_(self) -> int:
        """Columns of all parts together."""
        return sum(part.n_features_in_ for part in self.parts)

    def __sklearn_is_fitted__(self) -> bool:
        """Its parts are."""
        return True

    def by_part(self, inputs: Floats) -> Iterator[tuple[Any, Floats]]:
        """Each part with its own columns of the inputs."""
        first = 0
        for part in self.parts:
            yield part, inputs[:, first : first + part.n_features_in_]
            first += part.n_features_in_

    def decision_function(self, inputs: Floats) -> Floats:
        """The mean log odds of each row."""
        odds: Floats = np.mean([log_odds_of(part, own) for part, own in self.by_part(inputs)], axis=0)
        return odds

    def predict_proba(self, inputs: Floats) -> Floats:
        """Two columns: the probabilities without and with the outcome."""
        with_it = 1.0 / (1.0 + np.exp(-self.decision_function(inputs)))
        return np.column_stack([1.0 - with_it, with_it])


def log_odds_of(classifier: Any, inputs: Floats) -> Floats:
    """The uncalibrated log odds of each row, by a linear model, by boosting or by the mean of such."""
    if isinstance(classifier, HistGradientBoostingClassifier):
        return boosted_log_odds(classifier, inputs)
    with one_thread():
        odds: Floats = classifier.decision_function(inputs)
    return odds


def averaged(models: Mapping[str, Pipeline]) -> Pipeline:
    """Fitted pipelines of two steps as one: their inputs side by side, then the mean of their log odds."""
    inputs = FeatureUnion([(name, model[0]) for name, model in models.items()])
    return Pipeline([("inputs", inputs), ("mean", MeanLogOdds([model[-1] for model in models.values()]))])
