"""Settings of the models: every number with its default and unit."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from values.numbers import (
    Amount,
    Count,
    Days,
    DaysOrZero,
    Factor,
    Months,
    Number,
    Points,
    Positive,
    Repeats,
    Section,
    Share,
    Windows,
)

OUTCOMES = {"churn": "churned", "expansion": "expanded", "advocacy": "advocated"}
"""Each outcome that a model predicts, and the column of its label."""


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


class InsightSettings(Section):
    """Which contrasts between groups of accounts are worth telling."""

    false_discovery: Share = Field(0.05, description="share of false discoveries among those told, at most, 0..1")
    least_ratio: Factor = Field(1.25, description="times as often, or as rarely, at least")
    least_accounts: Count = Field(50, description="accounts of each of the two groups, at least")
    least_outcomes: Count = Field(20, description="account-months with the outcome in each of the two, at least")
    most: Count = Field(15, description="insights per outcome, at most")
    replicates: Repeats = Field(200, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


class WeightSettings(Section):
    """How far tuned weights of the health components may leave those set by hand."""

    spread: Positive = Field(
        0.15, description="standard deviation of a tuned weight around the one set by hand, before data speaks (sum 1)"
    )
    segment_spread: Positive = Field(0.05, description="the same of a segment's weight around the whole book's")
    least_losses: Count = Field(30, description="accounts of a segment that left; with fewer it has the book's weights")


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


class ImportanceSettings(Section):
    """How it is measured which features a model leans on."""

    repeats: Repeats = Field(5, description="times that a feature is shuffled")
    accounts: Count = Field(2000, description="accounts of the test months that it is measured on, at most")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


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


class GradeSettings(Section):
    """How forecasts of people are graded beside health and the model."""

    bands: tuple[Share, ...] = Field(
        (0.05, 0.2, 0.5), min_length=1, description="chances that part low, middle, high and very high, for agreement"
    )
    health_months: Months = Field(6, description="newest matured months whose outcomes turn health into a chance")
    least_outcomes: Count = Field(20, description="accounts with and without the outcome that this needs, of each")
    replicates: Repeats = Field(400, description="draws of accounts for an interval")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")


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


class ModelSettings(Section):
    """Everything about learning."""

    split: SplitSettings = SplitSettings()
    inputs: InputSettings = InputSettings()
    candidates: CandidateSettings = CandidateSettings()
    policy: PolicySettings = PolicySettings()
    audit: AuditSettings = AuditSettings()
    tripwires: TripwireSettings = TripwireSettings()
    insights: InsightSettings = InsightSettings()
    weights: WeightSettings = WeightSettings()
    importance: ImportanceSettings = ImportanceSettings()
    drift: DriftSettings = DriftSettings()
    estimate: EstimateSettings = EstimateSettings()
    early_warning: EarlyWarningSettings = EarlyWarningSettings()
    treated: TreatedSettings = TreatedSettings()
    segments: SegmentSettings = SegmentSettings()
    effects: EffectSettings = EffectSettings()
    cases: CaseSettings = CaseSettings()
    uplift: UpliftSettings = UpliftSettings()
    grades: GradeSettings = GradeSettings()
    forecast: ForecastSettings = ForecastSettings()


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
