"""Settings of metrics, audits and insights."""

from typing import Annotated, Literal

from pydantic import Field

from keepwell.values.numbers import (
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
    """Which contrasts between groups of accounts are worth telling."""

    false_discovery: Share = Field(0.05, description="share of false discoveries among those told, at most, 0..1")
    least_ratio: Factor = Field(1.25, description="times as often, or as rarely, at least")
    least_accounts: Count = Field(50, description="accounts of each of the two groups, at least")
    least_outcomes: Count = Field(20, description="account-months with the outcome in each of the two, at least")
    most: Count = Field(15, description="insights per outcome, at most")
    replicates: Repeats = Field(200, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class AuditSettings(Section):
    """The past against the scores of its time. Share flagged: see `policy`; draws and confidence: see `candidates`."""

    months: Months = Field(18, description="months of losses that are looked at")
    days_before: tuple[Days, ...] = Field((30, 60, 90), min_length=1, description="days before a loss, each a look-up")
    settle_days: DaysOrZero = Field(
        1, description="days after a month's start at which its flags are set: a score dated the 1st is known by then"
    )
    oldest_score_days: Days = Field(120, description="days after which a score counts as none")
    legacy_high_is_good: bool = Field(True, description="whether a high legacy score is good news")
    legacy_flagged_bands: tuple[str, ...] = Field(
        ("red", "critical", "at risk", "at-risk", "at_risk"),
        description="bands of the legacy score that are a flag, whatever their case",
    )
    candidate: Literal[
        "sparse_logistic", "logistic", "logistic_weights", "logistic_smote", "tree", "forest", "boosting"
    ] = Field("logistic", description="the kind of model that is learnt anew as time goes on")
    refit_months: Annotated[Months, Field(le=12)] = Field(3, description="months for which a model serves, 1..12")
    surprise_days: Days = Field(60, description="days before a loss; without a flag in them it is a surprise")
    contact_kinds: tuple[str, ...] = Field(
        ("call", "meeting"), description="touchpoints that are a contact where no interventions are recorded"
    )
    least_losses: Count = Field(10, description="losses of a segment with fewer of which it has no figures")
    churners_shown: Count = Field(25, description="churned accounts that the page lists; the mart holds all")


class GradeSettings(Section):
    """How forecasts of people are graded beside health and the model."""

    bands: tuple[Share, ...] = Field(
        (0.05, 0.2, 0.5), min_length=1, description="chances that part low, middle, high and very high, for agreement"
    )
    health_months: Months = Field(6, description="newest matured months whose outcomes turn health into a chance")
    least_outcomes: Count = Field(20, description="accounts with and without the outcome that this needs, of each")
    replicates: Repeats = Field(400, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
