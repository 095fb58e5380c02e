"""Settings of drift and estimates."""

from typing import Annotated

from pydantic import Field

from keepwell.values.setting_types import (
    Amount,
    Count,
    Days,
    Factor,
    Months,
    Repeats,
    Section,
    Share,
)


class DriftSettings(Section):
    """When inputs, scores or outcomes count as drifted."""

    bins: Annotated[Repeats, Field(ge=2)] = Field(
        10, description="quantile bins of the reference, missing values apart"
    )
    min_rows: Count = Field(5, description="accounts expected in a bin, below which bins are merged")
    false_discovery_rate: Share = Field(0.05, description="false discovery rate of drift alarms, at most, 0..1")
    min_psi: Amount = Field(0.1, description="population stability index (PSI) of a drift, at least")
    usual_share: Share = Field(
        0.95, description="quantile of the PSI of the reference's own months that a drift must exceed, 0..1"
    )
    min_ratio: Amount = Field(
        0.2, description="distance from 1 of the ratio of outcome rates that counts as drift, at least"
    )
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class EstimateSettings(Section):
    """Metrics estimated before outcomes are known, and when they are withheld."""

    replicates: Repeats = Field(200, description="draws of outcomes from the probabilities")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    check_months: Months = Field(3, description="newest matured months that the estimates are checked against")
    check_confidence: Share = Field(
        0.98, description="confidence of the interval that must contain the metrics of those months, 0..1"
    )
    min_gap: Amount = Field(0.02, description="difference in ROC-AUC that counts, at least")
    min_ratio: Amount = Field(
        0.2, description="distance from 1 of churned over predicted accounts that counts, at least"
    )
    min_outcomes: Count = Field(10, description="matured examples with the outcome that an estimate needs, at least")
    max_drifted_share: Share = Field(
        0.25, description="share of the inputs that may have drifted before the estimate is withheld, 0..1"
    )


class EarlyWarningSettings(Section):
    """The rule that flags accounts by any score, and how lead time is counted."""

    capacity_share: Share = Field(0.10, description="share of each month's portfolio that is flagged, 0..1")
    stay: Factor = Field(3.0, description="factor by which last month's flag raises an account's rank")
    cap_days: Days = Field(180, description="longest lead time that counts, days")
    early_days: Days = Field(60, description="lead time that counts as early, days")
    replicates: Repeats = Field(400, description="bootstrap draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
