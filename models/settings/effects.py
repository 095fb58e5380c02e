"""Settings of effects, uplift and forecasts."""

from typing import Annotated

from pydantic import Field

from keepwell.values.setting_types import (
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
    """How the effect of an intervention is estimated, and how many subjects that needs."""

    penalty: Positive = Field(
        3.0, description="ridge penalty of the propensity and outcome models, on standardized inputs"
    )
    max_weight: Positive = Field(
        3.0, description="weight of an untreated subject, at most; beyond it the outcome model is used alone"
    )
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    power: Share = Field(0.80, description="power: probability of detecting the smallest effect that matters, 0..1")
    min_churn_change: Share = Field(
        0.5, description="smallest effect on churn that matters, as a share of the churn of the untreated, 0..1"
    )
    min_usage_effect: Positive = Field(
        0.10, description="smallest effect on the log change of 28 days of usage that matters"
    )
    min_treated: Count = Field(30, description="treated accounts, and effective untreated ones, at least of each")
    min_outcomes: Count = Field(10, description="subjects with the outcome, at least, on either side")
    min_overlap: Share = Field(
        0.25, description="share of the treated that have comparable untreated subjects, at least, 0..1"
    )


class SubjectSettings(Section):
    """Which treated accounts are compared with which untreated ones, and on which features."""

    hold_out: bool = Field(
        False,
        description="compare with the randomized hold-out of the table `hold_outs`; false: with comparable accounts",
    )
    months: Months = Field(18, description="months back from which subjects come")
    flagged_below: Points | None = Field(
        None, description="health below which an account is flagged; empty: the upper bound of the band at_risk"
    )
    rest_days: Days = Field(
        90,
        description="days after an intervention in which another counts as the same, and no account is untreated",
    )
    assignment_days: Days = Field(7, description="days after the random assignment within which treatment starts")
    usage_days: Days = Field(28, description="days of usage before the subject's date and after it")
    usage_bound: Positive = Field(2.0, description="log change of usage at which larger changes are capped")
    false_discovery_rate: Share = Field(
        0.02, description="false discovery rate of the effects that lead to a suggestion or a rank, at most, 0..1"
    )
    numeric_features: tuple[str, ...] = Field(
        (
            "health", "coverage", "component_usage", "component_adoption", "component_support", "component_sentiment",
            "component_relationship", "component_billing", "component_commercial", "usage_trend",
            "days_since_last_use", "open_tickets", "arr", "tenure", "months_to_renewal", "legacy",
        ),
        description="numeric covariates known before: features and the legacy score",
    )  # fmt: skip
    categorical_features: tuple[str, ...] = Field(
        ("segment", "industry"), description="categorical covariates known before"
    )


class UpliftSettings(Section):
    """When accounts may be ranked by uplift, and how it is estimated."""

    min_outcomes: Count = Field(100, description="randomized subjects with the outcome, at least, on either side")
    gate: Share = Field(0.10, description="p-value of the joint test of the interactions, at most, 0..1")
    folds: Annotated[Repeats, Field(ge=2)] = Field(5, description="folds of accounts for cross-fitting")
    max_groups: Annotated[Repeats, Field(ge=2)] = Field(4, description="leaves of an uplift tree, at most")
    min_group_share: Share = Field(0.08, description="share of the subjects per leaf, at least, 0..1")
    n_estimators: Repeats = Field(
        50, description="trees, each on a bootstrap draw of accounts; their mean is the uplift"
    )
    penalty: Positive = Field(3.0, description="ridge penalty of the risk model, on standardized inputs")


class ForecastSettings(Section):
    """The forecast of churned accounts in the coming quarter, with an interval."""

    quarters: Windows = Field(8, description="matured periods of one horizon in the history that rates come from")
    min_accounts: Count = Field(50, description="accounts at the start of such a period, at least")
    prior_accounts: Positive = Field(
        10.0, description="accounts of the portfolio's rate added to each stratum (prior strength)"
    )
    spread: Positive = Field(
        0.2, description="prior standard deviation between quarters of churned over expected accounts"
    )
    model_level: Positive = Field(
        0.15, description="standard deviation, on the log scale, of churned over expected accounts of a promoted model"
    )
    discount: Annotated[Positive, Field(le=1)] = Field(
        0.85, description="weight of a quarter as a share of the next quarter's"
    )
    draws: Repeats = Field(2000, description="simulated draws of the coming quarter")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
    graded_days: Days = Field(730, description="days back in which earlier forecasts are graded")
