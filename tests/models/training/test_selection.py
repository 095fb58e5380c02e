"""Which candidate is selected where the validation months are few (MOD-4)."""

import numpy as np
import pandas as pd
import pytest

from keepwell.models.training.trial import Trial, trial
from tests.support.refit_rows import FEATURES, SETTINGS, SPLITS, company


def bent_company(seed: int) -> pd.DataFrame:
    """A company whose risk follows the size of `signal` where `other` is above 0: what trees see and no line does."""
    rows, rng = company(250, seed), np.random.default_rng(seed)
    level = -2.2 + 1.2 * rows["signal"].abs() * (rows["other"] > 0) + 0.5 * rows["other"]
    return rows.assign(churned=rng.random(len(rows)) < 1 / (1 + np.exp(-level)))


def tried(rows: pd.DataFrame, finalist_errors: float = 2.0) -> Trial:
    rules = SETTINGS.candidates.model_copy(update={"finalist_errors": finalist_errors, "replicates": 60})
    return trial(rows, "churned", SPLITS, FEATURES, SETTINGS.model_copy(update={"candidates": rules}))


@pytest.mark.parametrize("seed", [0, 2, 7])
def test_what_two_months_cannot_tell_apart_all_months_before_the_test_do(seed: int) -> None:
    """Two months select another candidate each time; eleven find the one that fits the company (MOD-4)."""
    rows = bent_company(seed)

    of_validation, of_all = tried(rows, finalist_errors=1e-9), tried(rows)

    assert of_validation.selected != "boosting"
    assert "no two candidates" in of_validation.selection
    assert of_all.selected == "boosting"
    assert "On all 11 months up to them, by fits on other accounts" in of_all.selection


def test_the_test_months_have_no_say_in_the_selection() -> None:
    """Their outcomes, turned around, change no selection, and none of its figures (MOD-3)."""
    rows = bent_company(0)
    late = rows["as_of"] >= pd.Timestamp(SPLITS.test[0])
    turned = rows.assign(churned=rows["churned"].where(~late, ~rows["churned"]))

    assert tried(turned).selection == tried(rows).selection
