"""Settings of effects, uplift and forecasts."""

from typing import Annotated

from pydantic import Field

from keepwell.values.numbers import (
    Count,
    Days,
    Months,
    Points,
    Positive,
    Repeats,
    Section,
    Share,
    Windows,
)


class EffectSettings(Section):
    """How the effect of an intervention is told, and when there are too few cases to tell it."""

    penalty: Positive = Field(
        3.0, description="ridge penalty of the two adjusting models, on inputs scaled to spread 1"
    )
    most_weight: Positive = Field(
        3.0, description="treated cases for which one untouched case stands, at most; beyond it the model stands in"
    )
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    power: Share = Field(0.80, description="chance with which the least effect worth knowing would be found, 0..1")
    least_churn: Positive = Field(0.10, description="least effect on the chance to churn worth knowing, 0..1")
    least_usage: Positive = Field(0.10, description="least effect on the log change of 28 days of usage worth knowing")
    least_treated: Count = Field(30, description="treated accounts, at least, and untouched ones that stand for them")
    least_outcomes: Count = Field(10, description="cases with the outcome, at least, on either side")
    least_overlap: Share = Field(
        0.25, description="share of the treated, at least, that untouched cases can stand for, 0..1"
    )


class CaseSettings(Section):
    """Which interventions are held against which untouched accounts, and what is known of both before."""

    hold_out: bool = Field(
        False, description="whether work is held against the lots of the table `hold_outs`; else against comparable"
    )
    months: Months = Field(18, description="months back from which cases are taken")
    flagged_below: Points | None = Field(
        None, description="health below which an account is flagged; empty: that of the band at_risk"
    )
    rest_days: Days = Field(
        90, description="days after an intervention in which another is part of the same, and nobody is untouched"
    )
    lot_days: Days = Field(7, description="days after a draw within which work begins where the lot fell")
    usage_days: Days = Field(28, description="days of usage before the case and after it")
    usage_bound: Positive = Field(2.0, description="log change of usage beyond which more does not count")
    false_discovery_rate: Share = Field(
        0.10, description="share of false ones among the effects that lead to a suggestion, at most, 0..1"
    )
    numbers: tuple[str, ...] = Field(
        (
            "health", "coverage", "component_usage", "component_adoption", "component_support", "component_sentiment",
            "component_relationship", "component_billing", "component_commercial", "usage_trend",
            "days_since_last_use", "open_tickets", "arr", "tenure", "months_to_renewal", "legacy",
        ),
        description="numbers known before, by which cases are made comparable: features, and the legacy score",
    )  # fmt: skip
    words: tuple[str, ...] = Field(("segment", "industry"), description="words known before, the same")


class UpliftSettings(Section):
    """When accounts may be ranked by what a contact would change, and how that is learnt."""

    least_outcomes: Count = Field(100, description="randomised cases with the outcome, at least, on either side")
    gate: Share = Field(0.10, description="p-value of the joint test of the interactions, at most, 0..1")
    parts: Annotated[Repeats, Field(ge=2)] = Field(
        5, description="parts of the accounts; a group is rated on the others"
    )
    groups: Annotated[Repeats, Field(ge=2)] = Field(4, description="groups of a tree that answer differently, at most")
    least_group: Share = Field(0.08, description="share of the cases in a group, at least, 0..1")
    trees: Repeats = Field(50, description="trees grown on draws of accounts, whose mean is the uplift")
    penalty: Positive = Field(3.0, description="ridge penalty of the risk, on inputs scaled to spread 1")


class ForecastSettings(Section):
    """How many will leave in the coming quarter, with an interval."""

    quarters: Windows = Field(
        8, description="matured stretches of one horizon that the book's own history is read from"
    )
    least_accounts: Count = Field(50, description="accounts of the book at the start of such a stretch, at least")
    doubt: Positive = Field(
        10.0, description="accounts for which the rate of the whole book counts in the rate of a stratum"
    )
    spread: Positive = Field(
        0.2, description="standard deviation from quarter to quarter of losses over expected, before data speaks"
    )
    model_level: Positive = Field(
        0.15, description="standard deviation, on the log scale, of a promoted model's losses over expected"
    )
    discount: Annotated[Positive, Field(le=1)] = Field(
        0.85, description="what a quarter counts, as a share of the one after it"
    )
    draws: Repeats = Field(2000, description="draws of the coming quarter")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    graded_days: Days = Field(730, description="days back in which earlier forecasts are graded")
