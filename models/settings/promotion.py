"""Settings of promotion."""

from pydantic import Field

from keepwell.values.setting_types import (
    Count,
    DaysOrZero,
    Factor,
    Number,
    Positive,
    Repeats,
    Section,
    Share,
)


class PromotionSettings(Section):
    """The gates that a challenger passes to become champion."""

    assigned_share: Share = Field(
        0.0, description="share of the accounts scored by the challenger (A/B test, by a stable hash); 0: shadow mode"
    )
    tolerance: Share = Field(0.01, description="ROC-AUC by which a challenger may be below the champion, at most, 0..1")
    min_slope: Positive = Field(0.8, description="calibration slope, at least")
    max_slope: Positive = Field(1.2, description="calibration slope, at most")
    min_observed: Positive = Field(0.75, description="observed over expected outcomes, at least")
    max_observed: Positive = Field(1.25, description="observed over expected outcomes, at most")
    calibration_slack: Factor = Field(
        1.25, description="factor by which calibration may lie outside these bounds if its interval overlaps them"
    )
    min_skill: Number = Field(0.0, description="Brier skill score against the base rate, more than this")
    segment_tolerance: Share = Field(
        0.05, description="drop in ROC-AUC from which a segment counts as much worse, 0..1"
    )
    segment_outcomes: Count = Field(20, description="outcomes that a segment needs to be judged")
    suspicious_auc: Share = Field(0.95, description="ROC-AUC above which a person must give a reason, 0..1")
    shadow_days: DaysOrZero = Field(30, description="days in shadow mode before a promotion")
    review_required: bool = Field(
        True,
        description="a first promotion needs a signed expert review; until then no accounts are assigned",
    )
    replicates: Repeats = Field(400, description="bootstrap draws of accounts for the interval of a difference")
    confidence: Share = Field(0.90, description="confidence of that interval, 0..1")
    power: Share = Field(
        0.80, description="power: probability of detecting the smallest difference that is reported, 0..1"
    )
