"""A company with another mechanism than the sample's, written before the features that it grades (FEA-1).

Accounts fall within a week instead of over months and some come back as fast; they wander little. A few heavy users
stand for all use: a sixth of the people of the sample's accounts, each of them there on most days. Nobody writes
tickets.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from evaluation.results_models import GAP_DAYS
from keepwell.features.measures.all import FEATURES
from keepwell.models.grading.intervals import drawn, estimated
from keepwell.models.grading.metrics import Graded, graded, roc_auc
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.inputs import varied
from keepwell.models.training.split import labeled_rows
from keepwell.sample.settings import SEGMENTS, CompanySettings, HealthSettings, company_with
from keepwell.sample.signal_settings import UsageSettings
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound

GRADED = ("events_per_use_28d",)
"""The features that are graded: with them against without."""
CANDIDATE = "logistic_boosting"
SETTINGS = ModelSettings()
DRAWS, SEED, CONFIDENCE = 400, 1, 0.90


def jumping_company() -> CompanySettings:
    """The company whose accounts jump."""
    return company_with("off", confounder=False).model_copy(
        update={
            "segments": tuple(segment.model_copy(update={"tickets": 0.0}) for segment in SEGMENTS),
            "health": HealthSettings(wander=0.2, slide_weeks=(1, 1), recovery_weeks=(1, 3)),
            "usage": UsageSettings(users_per_seat=0.15, activity=(5.0, 2.0)),
        }
    )


def even_company() -> CompanySettings:
    """The sample company in which as much is done at each use, however the account fares."""
    company = company_with("off", confounder=False)
    return company.model_copy(update={"usage": company.usage.model_copy(update={"depth": 0.0})})


def bounds_of(worlds: Iterable[pd.DataFrame], min_gain: float) -> Iterator[Bound]:
    """ROC-AUC of one candidate on the test months with the graded features, and less that without, paired."""
    found = pd.DataFrame([gain(world) for world in worlds])
    count = f"mean of {len(found)} companies"
    yield Bound(f"ROC-AUC of {CANDIDATE} on the test months, {count}", -np.inf, np.inf, found["auc"].mean())
    yield Bound(
        f"less that without {', '.join(GRADED)}, {count}", min_gain, np.inf, found["difference"].mean(), digits=4
    )
    yield Bound("lowest lower bound of a company", -np.inf, np.inf, found["low"].min(), digits=4)
    yield Bound("highest lower bound of a company", -np.inf, np.inf, found["low"].max(), digits=4)


def gain(world: pd.DataFrame) -> dict[str, float]:
    """`auc` with all features on the test months, its `difference` to without, and the lower bound `low` of that."""
    splits = splits_of(world, "churn", GAP_DAYS, SETTINGS.split)
    train, test = (labeled_rows(world, "churned", months) for months in (splits.train, splits.test))
    published = varied(train, [f.name for f in FEATURES.values() if f.published])
    without = [name for name in published if name not in GRADED]
    sides = {"with": _side(train, test, published), "without": _side(train, test, without)}
    auc = drawn(sides, {"roc_auc": roc_auc}, test["account_id"].to_numpy(), DRAWS, SEED)
    more = estimated(auc["with"]["roc_auc"] - auc["without"]["roc_auc"], CONFIDENCE)
    return {"auc": float(auc["with"]["roc_auc"][0]), "difference": more.value, "low": more.low}


def _side(train: pd.DataFrame, test: pd.DataFrame, names: list[str]) -> Graded:
    """The candidate fitted on the training rows with these features, on the test rows."""
    label = train["churned"].astype(bool)
    model = fitted(CANDIDATE, train, label, names, SETTINGS.inputs, SETTINGS.candidates)
    nobody = np.zeros(len(test), dtype=bool)
    return graded(test["churned"].to_numpy(dtype=float), predicted_probability(model, test), nobody)
