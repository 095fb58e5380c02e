"""What `quarterly` says of a model that adds nothing (LRN-1): nobody has to look it up in MLflow."""

from dataclasses import replace

import pytest

from keepwell.flows.quarterly_retraining import QuarterResult, verdicts
from keepwell.models.grading.intervals import Estimate
from keepwell.models.training.trial import Trial, trial
from keepwell.tasks.learning.quarter import TrainingResult
from tests.support.refit_rows import FEATURES, SETTINGS, SPLITS, company


@pytest.fixture(scope="module")
def found() -> Trial:
    """A trial of a company whose churn two features explain."""
    return trial(company(300, 4, per_month=0.1), "churned", SPLITS, FEATURES, SETTINGS)


def said_of(found: Trial, **metrics: Estimate) -> list[str]:
    """The warnings about the selected candidate with these metrics."""
    whole = found.metrics[found.selected, "all"]
    changed = replace(found, metrics={**found.metrics, (found.selected, "all"): {**whole, **metrics}})
    return verdicts(QuarterResult({"churn": TrainingResult("churn", changed, found.test)}, {}))


def test_a_good_model_is_not_warned_of(found: Trial) -> None:
    """It ranks, its probabilities are better than the base rate, and it was fitted again (MOD-11)."""
    assert said_of(found) == []


def test_probabilities_no_better_than_the_base_rate_are_named(found: Trial) -> None:
    """It may rank all the same (MOD-4)."""
    (said,) = said_of(found, brier_skill=Estimate(-0.02, -0.05, 0.01))

    assert "no better than the base rate on the test months (Brier skill -0.020, -0.050 to 0.010)" in said


def test_a_model_without_a_refit_says_what_it_has_not_seen(found: Trial) -> None:
    """And why (MOD-11)."""
    (said,) = said_of(replace(found, refit=None, why_no_refit="too few months"))

    what = f"is not fitted again on all matured months, and knows none after {SPLITS.train[-1]}: too few months."
    assert said.endswith(what)
