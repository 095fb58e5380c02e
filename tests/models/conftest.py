"""What tests of training and grading share."""

import pandas as pd
import pytest

from keepwell.models.settings.training import InputSettings
from keepwell.models.training.candidates import CANDIDATES, fitted, predicted_probability
from tests.support.training_rows import NUMERIC_FEATURES, QUICK, drawn


@pytest.fixture(scope="module")
def fitted_candidates():
    """Every candidate, fitted on one draw, with its chances on another."""
    train, label, _ = drawn(4000, 1)
    test, happened, true = drawn(4000, 2)
    models = {
        name: fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK) for name in CANDIDATES
    }
    return {name: predicted_probability(model, test) for name, model in models.items()}, happened.astype(float), true
