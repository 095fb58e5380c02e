"""Settings of drift and estimates."""

from typing import Annotated

from pydantic import Field

from keepwell.values.numbers import (
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
    """When inputs, scores or outcomes count as other than they were."""

    bins: Annotated[Repeats, Field(ge=2)] = Field(10, description="bins of equal mass of the reference, missing apart")
    least_rows: Count = Field(5, description="accounts expected in a bin, below which bins are taken together")
    false_discovery_rate: Share = Field(0.05, description="share of false alarms among alarms, at most, 0..1")
    least_psi: Amount = Field(0.1, description="population stability index of a drift, at least")
    usual_share: Share = Field(
        0.95, description="share of the reference's own months whose index a drift has to exceed, 0..1"
    )
    least_ratio: Amount = Field(
        0.2, description="distance from 1 of a ratio of rates of an outcome that counts as drift, at least"
    )
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class EstimateSettings(Section):
    """Figures told before outcomes are known, and when they are not to be trusted."""

    replicates: Repeats = Field(200, description="draws of outcomes from the chances")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    check_months: Months = Field(3, description="newest matured months that the chances are held against")
    check_confidence: Share = Field(
        0.98, description="confidence of the interval that those months have to lie in, 0..1"
    )
    least_gap: Amount = Field(0.02, description="distance of ROC-AUC that counts, at least")
    least_ratio: Amount = Field(0.2, description="distance from 1 of losses over foretold losses that counts, at least")
    least_losses: Count = Field(10, description="losses among matured examples, at least, that an estimate rests on")
    most_drifted: Share = Field(0.25, description="share of the inputs that may have drifted, at most, 0..1")


class EarlyWarningSettings(Section):
    """The one rule that flags accounts, whatever the score, and how lead time is counted."""

    capacity_share: Share = Field(0.10, description="share of each month's book under flag, 0..1")
    stay: Factor = Field(3.0, description="how many times higher an account ranks that was under flag the month before")
    cap_days: Days = Field(180, description="longest lead time that counts, days")
    early_days: Days = Field(60, description="lead time that counts as early, days")
    replicates: Repeats = Field(400, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
