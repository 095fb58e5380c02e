"""Settings of training."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from keepwell.values.setting_types import (
    Count,
    Days,
    Factor,
    Months,
    Number,
    Positive,
    Repeats,
    Section,
    Share,
)


class SplitSettings(Section):
    """How months are split in time order, and how many are needed."""

    run_in_days: Days = Field(90, description="days of usage before the first training month")
    validation_share: Share = Field(
        0.15, description="share of the months for validation, which choose candidate, threshold and calibration, 0..1"
    )
    test_share: Share = Field(
        0.15, description="share of the months for test, used once for the reported metrics, 0..1"
    )
    min_train_months: Months = Field(6, description="training months, at least")
    min_validation_months: Months = Field(2, description="validation months, at least")
    min_test_months: Months = Field(2, description="test months, at least")
    min_accounts: Count = Field(200, description="accounts with and accounts without the outcome, at least of each")


class InputSettings(Section):
    """How features become a model's inputs."""

    winsorize_quantile: Share = Field(
        0.01, description="quantile of the training rows at which values are winsorized, at each end, 0..1"
    )
    rare_category_share: Share = Field(
        0.01, description="share of the training rows below which categories are grouped, 0..1"
    )
    excluded_features: tuple[str, ...] = Field((), description="features that no model sees")
    spline_knots: Mapping[str, tuple[Number, ...]] = Field(
        {"months_to_renewal": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0)},
        description="numeric features with a piecewise linear effect in linear models, and its knots",
    )


class CandidateSettings(Section):
    """The candidate models, from the simplest to the most complex."""

    sparse_features: Count = Field(15, description="features of the sparse model, at most")
    n_estimators: Repeats = Field(100, description="trees of the forest")
    max_samples: Share = Field(0.3, description="share of the rows that each tree of the forest is trained on, 0..1")
    max_iter: Repeats = Field(600, description="boosting iterations")
    learning_rate: Positive = Field(0.04, description="learning rate of boosting")
    max_leaf_nodes: Annotated[Repeats, Field(ge=2)] = Field(4, description="leaves per tree of boosting, at most")
    min_samples_leaf: Count = Field(100, description="rows per leaf, at least")
    replicates: Repeats = Field(200, description="bootstrap draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    finalist_errors: Positive = Field(
        2.0,
        description="standard errors behind the best on validation up to which a candidate is a finalist: two or more "
        "are compared again on all months up to validation",
    )
    finalist_folds: Annotated[Repeats, Field(ge=2)] = Field(3, description="folds of accounts of that comparison")


class PolicySettings(Section):
    """Who is flagged: recall first where a miss is costly, precision first where a contact is; within capacity."""

    precision_first: tuple[str, ...] = Field(
        ("digital-touch",), description="segments where precision comes first; never for high-value accounts"
    )
    precision_lift: Positive = Field(
        3.0, description="precision first: churn rate of the flagged accounts, in multiples of the base rate, at least"
    )
    recall_enough: Share = Field(0.8, description="recall first: recall at which no more accounts are flagged, 0..1")
    capacity_share: Share = Field(0.10, description="share of the portfolio that may be flagged in a month, 0..1")
    capacity_slack: Annotated[Factor, Field(ge=1)] = Field(
        1.2, description="accounts flagged on one date, in multiples of that share, at most"
    )
    what_if_shares: tuple[Share, ...] = Field(
        (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30), description="shares of the portfolio in the what-if table"
    )


class SeasonSettings(Section):
    """How the season of an outcome is estimated, which calibration then holds (models/training/season.py)."""

    harmonics: Repeats = Field(2, description="harmonics of the year: 1 is a single rise and fall")
    min_months: Months = Field(15, description="matured months, at least")
    min_accounts: Count = Field(50, description="accounts with the outcome, at least")
    folds: Annotated[Repeats, Field(ge=2)] = Field(3, description="folds of accounts for cross-fitting")
    p_value: Share = Field(0.05, description="p-value of the Wald test above which there is no season, 0..1")
    spread: Positive = Field(0.3, description="standard deviation of a coefficient in log odds, expected")


class RefitSettings(Section):
    """How the selected candidate is fitted again on all matured months, and when the refit does not serve."""

    block_months: Months = Field(3, description="months that one fit out of fold predicts")
    min_months: Months = Field(6, description="matured months before such a block, at least")
    slope_spread: Positive = Field(0.25, description="standard deviation of the calibration slope around 1, expected")
    level_spread: Positive = Field(0.5, description="standard deviation of the level of the log odds, expected")
    max_shift: Positive = Field(
        0.5, description="mean difference of log odds from the graded fit, before calibration, at most"
    )
    max_spread: Positive = Field(1.5, description="standard deviation of that difference, at most")
    season: SeasonSettings = Field(SeasonSettings(), description="the season of an outcome")


class TripwireSettings(Section):
    """Which metrics are too good to be true, and which features or models are allowed all the same."""

    feature_auc: Share = Field(
        0.90, description="ROC-AUC of one feature alone on training rows; a feature above it is refused"
    )
    model_auc: Share = Field(0.95, description="ROC-AUC of a model on validation rows; a model above it is refused")
    groups: Repeats = Field(20, description="quantile groups of a numeric feature for target encoding")
    folds: Annotated[Repeats, Field(ge=2)] = Field(5, description="folds of accounts for target encoding")
    allowed: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="features or models that a person allows, with the reason: NAME = reason"
    )


class WeightSettings(Section):
    """How far tuned weights of the health components may move from those set by hand."""

    spread: Positive = Field(
        0.15, description="prior standard deviation of a tuned weight around the one set by hand (weights sum to 1)"
    )
    segment_spread: Positive = Field(
        0.05, description="the same for a segment's weight around that of the whole portfolio"
    )
    min_churned_accounts: Count = Field(
        30, description="churned accounts of a segment; with fewer it has the portfolio's weights"
    )


class TreatedSettings(Section):
    """How untreated examples are weighted where treatment was assigned at random."""

    max_weight: Factor = Field(10.0, description="sample weight of an untreated example, at most")


class SegmentSettings(Section):
    """When a segment gets a model of its own."""

    min_accounts: Count = Field(
        200, description="accounts of the segment with and without the outcome among training rows, at least of each"
    )
    min_validation_accounts: Count = Field(20, description="the same among validation rows")
    replicates: Repeats = Field(400, description="draws of accounts for the interval of the difference in ROC-AUC")
    confidence: Share = Field(0.90, description="confidence of that interval, whose lower bound must be above 0, 0..1")
