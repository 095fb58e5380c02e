"""Settings of training."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from keepwell.values.numbers import (
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
    """How months are parted in time order, and how much there has to be of them."""

    run_in_days: Days = Field(90, description="days of usage before the first month that is learnt from")
    validation_share: Share = Field(0.15, description="share of the months that choose threshold and calibration, 0..1")
    test_share: Share = Field(0.15, description="share of the months that are reported on, once, 0..1")
    least_train_months: Months = Field(6, description="months of training, at least")
    least_validation_months: Months = Field(2, description="months of validation, at least")
    least_test_months: Months = Field(2, description="months of test, at least")
    least_accounts: Count = Field(200, description="accounts with and without the outcome, at least of each")


class InputSettings(Section):
    """How features become a model's inputs."""

    tail: Share = Field(0.01, description="share of the training rows beyond which a value is cut, at each end, 0..1")
    rare_share: Share = Field(0.01, description="share of the training rows below which words are taken together, 0..1")
    leave_out: tuple[str, ...] = Field((), description="features that no model sees")
    bends: Mapping[str, tuple[Number, ...]] = Field(
        {"months_to_renewal": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0)},
        description="numbers whose effect may bend at these values in a linear model",
    )


class CandidateSettings(Section):
    """What is tried, from the simplest to the least simple."""

    signals: Count = Field(15, description="most signals of the sparse model")
    trees: Repeats = Field(100, description="trees of the forest")
    tree_share: Share = Field(0.3, description="share of the rows that each tree of the forest is grown on, 0..1")
    rounds: Repeats = Field(600, description="rounds of boosting")
    learning_rate: Positive = Field(0.04, description="step of a round of boosting")
    leaves: Annotated[Repeats, Field(ge=2)] = Field(4, description="leaves of a tree of boosting, at most")
    leaf_rows: Count = Field(100, description="rows of a leaf, at least")
    replicates: Repeats = Field(200, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class PolicySettings(Section):
    """Who is flagged: recall first where a miss is dear, precision first where a contact is; within capacity."""

    precision_first: tuple[str, ...] = Field(
        ("digital-touch",), description="segments where precision comes first; high-value accounts never"
    )
    precision_lift: Positive = Field(
        3.0, description="precision first: churn among the flagged, in multiples of the base rate, at least"
    )
    recall_enough: Share = Field(
        0.8, description="recall first: share of the losses at which no more are flagged, 0..1"
    )
    capacity_share: Share = Field(0.10, description="share of the book that may be flagged in a month, 0..1")
    what_if_shares: tuple[Share, ...] = Field(
        (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30), description="shares of the book shown in the what-if table"
    )


class TripwireSettings(Section):
    """What is too good to be true, and who said that it is true all the same."""

    feature_auc: Share = Field(0.90, description="ROC-AUC of one feature alone on training rows; above is refused")
    model_auc: Share = Field(0.95, description="ROC-AUC of a model on validation rows; above is refused")
    groups: Repeats = Field(20, description="groups of a number by quantiles, each rated by itself")
    folds: Annotated[Repeats, Field(ge=2)] = Field(
        5, description="parts of the accounts; a group is rated on the others"
    )
    let_through: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="feature or model that a person lets through, with the reason: NAME = reason"
    )


class WeightSettings(Section):
    """How far tuned weights of the health components may leave those set by hand."""

    spread: Positive = Field(
        0.15, description="standard deviation of a tuned weight around the one set by hand, before data speaks (sum 1)"
    )
    segment_spread: Positive = Field(0.05, description="the same of a segment's weight around the whole book's")
    least_losses: Count = Field(30, description="accounts of a segment that left; with fewer it has the book's weights")


class TreatedSettings(Section):
    """How untreated examples stand for the treated ones, where a lot decides who is treated."""

    most_weight: Factor = Field(10.0, description="examples for which one untreated example stands, at most")


class SegmentSettings(Section):
    """When a segment is given a model of its own."""

    least_accounts: Count = Field(
        200, description="accounts of the segment with and without the outcome among training rows, at least of each"
    )
    least_validation_accounts: Count = Field(20, description="the same among validation rows")
    replicates: Repeats = Field(400, description="draws of accounts for the interval of the difference in ROC-AUC")
    confidence: Share = Field(0.90, description="confidence of that interval, whose lower bound must be above 0, 0..1")
