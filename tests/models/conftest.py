"""Fixtures shared by the tests of training and grading."""

import pandas as pd
import pytest

from keepwell.models.settings.training import InputSettings
from keepwell.models.training.candidates import CANDIDATES, fitted, predicted_probability
from tests.support.training_rows import NUMERIC_FEATURES, QUICK, drawn


@pytest.fixture(scope="module")
def fitted_candidates():
    """The probabilities of every candidate, fitted on one draw, for another; its outcomes and true probabilities."""
    train, label, _ = drawn(4000, 1)
    test, y_true, true = drawn(4000, 2)
    models = {
        name: fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK) for name in CANDIDATES
    }
    return {name: predicted_probability(model, test) for name, model in models.items()}, y_true.astype(float), true
