"""Settings of metrics, audits and insights."""

from typing import Annotated, Literal

from pydantic import Field

from keepwell.values.setting_types import (
    Count,
    Days,
    DaysOrZero,
    Factor,
    Months,
    Repeats,
    Section,
    Share,
)


class InsightSettings(Section):
    """Which differences between groups of accounts are reported as insights."""

    false_discovery_rate: Share = Field(
        0.05, description="false discovery rate of the reported insights, at most, 0..1"
    )
    min_ratio: Factor = Field(1.25, description="ratio of the two rates (or its inverse), at least")
    min_accounts: Count = Field(50, description="accounts of each of the two groups, at least")
    min_outcomes: Count = Field(20, description="account-months with the outcome in each of the two groups, at least")
    max_insights: Count = Field(15, description="insights per outcome, at most")
    replicates: Repeats = Field(200, description="bootstrap draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class AuditSettings(Section):
    """Churned accounts against the scores of their time. Share flagged: `policy`; draws, confidence: `candidates`."""

    months: Months = Field(18, description="months whose churned accounts are audited")
    days_before: tuple[Days, ...] = Field(
        (30, 60, 90), min_length=1, description="days before churn at which scores are looked up"
    )
    settle_days: DaysOrZero = Field(
        1,
        description="days after a month's start at which accounts are flagged: a score dated the 1st is known by then",
    )
    oldest_score_days: Days = Field(120, description="age in days from which a score counts as missing")
    legacy_high_is_good: bool = Field(True, description="whether a high legacy score is good")
    legacy_flagged_bands: tuple[str, ...] = Field(
        ("red", "critical", "at risk", "at-risk", "at_risk"),
        description="bands of the legacy score that count as a flag, in any case",
    )
    candidate: Literal[
        "sparse_logistic",
        "logistic",
        "logistic_weights",
        "logistic_smote",
        "tree",
        "forest",
        "boosting",
        "logistic_boosting",
    ] = Field("logistic", description="the candidate that is refitted as time goes on")
    refit_months: Annotated[Months, Field(le=12)] = Field(3, description="months between refits, 1..12")
    surprise_days: Days = Field(60, description="days before churn; churn without a flag in them is surprise churn")
    contact_kinds: tuple[str, ...] = Field(
        ("call", "meeting"), description="touchpoints that are a contact where no interventions are recorded"
    )
    min_churned_accounts: Count = Field(10, description="churned accounts that a segment needs for metrics of its own")
    listed_churners: Count = Field(25, description="churned accounts listed on the page; the mart has all")


class GradeSettings(Section):
    """How forecasts by people are graded alongside health and the model."""

    bands: tuple[Share, ...] = Field(
        (0.05, 0.2, 0.5),
        min_length=1,
        description="probabilities between low, medium, high and very high, for agreement",
    )
    health_months: Months = Field(6, description="newest matured months that calibrate health to a probability")
    min_outcomes: Count = Field(
        20, description="accounts with and accounts without the outcome that this needs, of each"
    )
    replicates: Repeats = Field(400, description="bootstrap draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
