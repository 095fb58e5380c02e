"""Settings of promotion."""

from pydantic import Field

from keepwell.values.numbers import (
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
    """The gates between a challenger and the champion's place."""

    assigned_share: Share = Field(
        0.0, description="share of the accounts that a challenger acts on while it stands, by a stable hash; 0: shadow"
    )
    tolerance: Share = Field(0.01, description="ROC-AUC that a challenger may lose against the champion, at most, 0..1")
    least_slope: Positive = Field(0.8, description="calibration slope, at least")
    most_slope: Positive = Field(1.2, description="calibration slope, at most")
    least_observed: Positive = Field(0.75, description="outcomes observed over expected, at least")
    most_observed: Positive = Field(1.25, description="outcomes observed over expected, at most")
    calibration_slack: Factor = Field(
        1.25, description="times that a calibration figure may lie beyond these bounds if its interval reaches inside"
    )
    least_skill: Number = Field(0.0, description="share of the base rate's Brier score that is saved: more than this")
    segment_tolerance: Share = Field(0.05, description="ROC-AUC beyond which a segment is much worse, 0..1")
    segment_outcomes: Count = Field(20, description="outcomes below which a segment is not judged")
    suspicious_auc: Share = Field(0.95, description="ROC-AUC beyond which a person must say why it is believed, 0..1")
    shadow_days: DaysOrZero = Field(30, description="days that it has scored the book beside")
    review_required: bool = Field(
        True,
        description="a first promotion needs an expert review signed by a named person; until then nothing is assigned",
    )
    replicates: Repeats = Field(400, description="draws of accounts for the interval of a difference")
    confidence: Share = Field(0.90, description="confidence of that interval, 0..1")
    power: Share = Field(
        0.80, description="chance with which the smallest difference that is named would be found, 0..1"
    )
