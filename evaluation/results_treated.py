"""Calibration where four in ten of the flagged accounts are contacted: metrics for `make results` (MOD-1).

The truth is the true probability without a contact in the whole horizon, on all rows of the test months, so that the
only noise is from the model's own examples. The two alternatives without random assignment are equal weights for all
examples, and leaving out the treated that stayed.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import LabelSettings
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.split import Splits, labeled_rows
from keepwell.models.training.trial import trial
from keepwell.sample.settings import CompanySettings, ContactSettings
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound

ASSIGNED_SHARE = 0.4
SETTINGS = ModelSettings()
GAP_DAYS = LabelSettings().churn_horizon_days
"""The sample company records its churn, so that no grace is waited for."""
NUMERIC_FEATURES = [f.name for f in FEATURES.values() if f.published]


def randomized_company() -> CompanySettings:
    """The sample company whose CSMs contact a random four in ten of the accounts below the legacy score's threshold."""
    return CompanySettings(contacts=ContactSettings(mode="random", random_share=ASSIGNED_SHARE))


def bounds_of(worlds: Iterable[pd.DataFrame], settings: ModelSettings = SETTINGS) -> Iterator[Bound]:
    """Observed over expected for each way of weighting, with the true probability without a contact as observed.

    `worlds`: the training set of each randomized company, with its `p0`.
    """
    found = pd.DataFrame([ratios(world, settings) for world in worlds])
    count = f"mean of {len(found)} companies"
    yield Bound(
        f"share treated, in one draw {ASSIGNED_SHARE:.0%} or in several, of the randomly assigned examples",
        -np.inf,
        np.inf,
        found["drawn"].mean(),
    )
    yield Bound(
        f"observed / expected without a contact, weighted by the assignment, {count}",
        0.90,
        1.10,
        found["randomized"].mean(),
    )
    for name, label in {
        "randomized": "the same",
        "alike": "all examples have equal weight",
        "stayed": "treated accounts that stayed are left out",
    }.items():
        if name != "randomized":
            yield Bound(f"the same where {label}, mean", -np.inf, np.inf, found[name].mean())
        yield Bound("lowest company", -np.inf, np.inf, found[name].min())
        yield Bound("highest company", -np.inf, np.inf, found[name].max())


def ratios(world: pd.DataFrame, settings: ModelSettings) -> dict[str, float]:
    """True churn without a contact over the churn expected by each way, on the test months of one company."""
    splits = splits_of(world, "churn", GAP_DAYS, settings.split)
    treated, lost = world["treated"].astype(bool), world["churned"].astype(bool)
    without = world.drop(columns="untreated_chance")
    ways = {"randomized": world, "alike": without, "stayed": without[~treated | lost]}
    test = labeled_rows(world, "churned", splits.test)
    assigned = world["untreated_chance"] < 1.0
    found = {
        name: float(test["p0"].sum() / expected(examples, test, splits, settings).sum())
        for name, examples in ways.items()
    }
    return {"drawn": float(treated[assigned].mean()), **found}


def expected(examples: pd.DataFrame, test: pd.DataFrame, splits: Splits, settings: ModelSettings) -> Floats:
    """The probabilities of the test rows by the candidate selected on these examples."""
    found = trial(examples, "churned", splits, NUMERIC_FEATURES, settings)
    return found.trained[found.selected].probabilities(test)
