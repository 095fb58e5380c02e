"""Settings of money, labels and the health score, each with its default and unit."""

import difflib
from collections.abc import Container, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from keepwell.features.facts.succession import SuccessionRules
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.values.setting_types import Amount, Count, Days, Number, Points, Positive, Section, Share

Missing = Literal["exclude", "penalise", "carry"]


class BookSettings(Section):
    """Currency, high-value accounts, and when an account has churned."""

    reporting_currency: str = Field("USD", description="ISO 4217 code of the currency of all amounts")
    fx_rates: Mapping[str, Positive] = Field(
        {}, description="exchange rate: reporting currency per unit of a foreign currency"
    )
    high_value_share: Share = Field(0.10, description="share of the portfolio, by ARR, that is high-value, 0..1")
    high_value_arr: Number | None = Field(
        None, description="ARR above which an account is high-value whatever its rank"
    )
    churn_grace_days: Days = Field(
        30, description="days after the end of a contract until the account counts as churned"
    )
    arr_change_days: Days = Field(365, description="days over which the change in ARR is measured")
    overlap_days: Days = Field(
        7, description="days before the end of a contract from which another one follows it, whatever its plan"
    )
    renewal_window_days: Days = Field(
        90, description="days before the end of a contract from which one of the same plan and like ARR renews it early"
    )
    renewal_min_share: Share = Field(0.5, description="least ARR of an early renewal, as a share of the contract's")
    renewal_max_share: Positive = Field(2.0, description="most ARR of an early renewal, as a share of the contract's")
    returns_by: Literal["contract", "usage"] = Field(
        "contract", description="what ends the churn that churn_events records: a contract that starts, or usage"
    )
    roll_up_to_parent: bool = Field(
        True, description="count what subsidiaries without a contract do for the parent company that has one"
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "BookSettings":
        if self.overlap_days > self.renewal_window_days:
            raise ValueError("renewal_window_days must not be less than overlap_days")
        if self.renewal_min_share > self.renewal_max_share:
            raise ValueError("renewal_max_share must not be less than renewal_min_share")
        return self

    def grace_days(self, outcome: str, tables: Container[str]) -> int:
        """Days after its horizon until an outcome is known, by the tables that the company has.

        A contract may be followed late. A churn that `churn_events` records, or an advocate's word, is known at once.
        """
        recorded = outcome == "advocacy" or (outcome == "churn" and "churn_events" in tables)
        return 0 if recorded else self.churn_grace_days

    def rates(self) -> dict[str, float]:
        """Reporting currency per unit of every currency that may occur."""
        return {self.reporting_currency: 1.0, **self.fx_rates}

    @property
    def succession(self) -> SuccessionRules:
        """The rules by which one contract follows another."""
        return SuccessionRules(
            self.churn_grace_days, self.overlap_days, self.renewal_window_days, self.renewal_min_share,
            self.renewal_max_share, tuple(sorted(self.rates().items())),
        )  # fmt: skip


class LabelSettings(Section):
    """Outcomes: definition and horizon."""

    churn_horizon_days: Days = Field(90, description="horizon of churn, days")
    expansion_horizon_days: Days = Field(180, description="horizon of expansion, days")
    advocacy_horizon_days: Days = Field(180, description="horizon of advocacy, days")
    expansion_rise: Positive = Field(0.10, description="rise in ARR that counts as an expansion, share")
    contraction_fall: Share = Field(
        0.10, description="fall in ARR of a customer that stays that counts as a contraction, share"
    )
    advocate_rating_from: Amount = Field(4, description="stars from which a review is advocacy, 1..5")
    promoter_from: Number = Field(9, description="NPS answer from which a person is a promoter, 0..10")
    min_tenure_days: Days = Field(60, description="days under contract before an account is a training example")

    def horizon_days(self, outcome: str) -> int:
        """The horizon of churn, expansion or advocacy."""
        horizon: int = getattr(self, f"{outcome}_horizon_days")
        return horizon


class Bands(Section):
    """Bounds of the bands of health: critical < at_risk <= at_risk < stable <= stable <= healthy < healthy."""

    critical_below: Points = Field(50, description="health below which an account is critical")
    at_risk_below: Points = Field(70, description="health below which an account is at risk")
    healthy_above: Points = Field(80, description="health above which an account is healthy; up to it, stable")

    @model_validator(mode="after")
    def _in_order(self) -> "Bands":
        if not self.critical_below < self.at_risk_below <= self.healthy_above:
            raise ValueError("bands must rise: critical_below < at_risk_below <= healthy_above")
        return self


class Measure(Section):
    """How one feature becomes points from 0 to 100.

    `peers`: the distance from the median of the segment's peers, in robust standard deviations. `own`: the account
    against its own past: what of a change exceeds its noise, or the multiple of what is usual for the account. `fixed`:
    the value as it is. The last two run linearly from `worst` (0 points) to `best` (100).
    """

    weight: Amount = Field(1.0, description="weight within the component")
    reference: Literal["peers", "own", "fixed"] = Field("peers", description="what the value is compared with")
    worst: Number | None = Field(None, description="value with 0 points (own, fixed)")
    best: Number | None = Field(None, description="value with 100 points (own, fixed)")
    missing: Missing = Field("exclude", description="treatment of a missing value")

    @model_validator(mode="after")
    def _scaled(self) -> "Measure":
        if self.reference != "peers" and (self.worst is None or self.best is None or self.worst == self.best):
            raise ValueError(
                f"a measure with reference = {self.reference!r} needs two different values: worst and best"
            )
        return self

    @property
    def scale(self) -> tuple[float, float]:
        """The values of 0 and of 100 points: worst and best of an own or fixed scale."""
        assert self.worst is not None, "the settings refuse an own or fixed scale without worst"
        assert self.best is not None, "the settings refuse an own or fixed scale without best"
        return self.worst, self.best


def _fixed(worst: float, best: float, weight: float = 1.0, missing: Missing = "exclude") -> Measure:
    return Measure(weight=weight, reference="fixed", worst=worst, best=best, missing=missing)


def _trend(weight: float) -> Measure:
    """A relative change of one window to an earlier one: no change gives 75, a halving 12.5, a fifth more 100."""
    return Measure(weight=weight, reference="own", worst=-0.6, best=0.2)


def _shift(weight: float) -> Measure:
    """A shift of level in standard errors: none gives 75."""
    return Measure(weight=weight, reference="own", worst=-4.5, best=1.5)


DEFAULT_MEASURES: Mapping[str, Measure] = {
    "active_days_28d": Measure(weight=1.0),
    "events_per_seat_28d": Measure(weight=1.0),
    "active_users_28d": Measure(weight=0.5),
    "days_since_last_use": Measure(weight=1.5, reference="own", worst=12, best=-4),  # no silence is typical
    "usage_trend": _trend(1.0),
    "active_users_trend": _trend(1.0),
    "usage_change_point": _shift(2.0),
    "usage_against_last_year": _trend(0.5),
    "features_used_28d": Measure(weight=1.0),
    "events_per_use_28d": Measure(weight=3.0),
    "seat_utilisation": _fixed(0.0, 0.9),
    "breadth_change_point": _shift(1.0),
    "adoption_velocity": Measure(weight=0.5, reference="own", worst=-6, best=2),
    "onboarding_attendance": _fixed(0.0, 1.0, 0.5),
    "time_to_value_days": _fixed(120, 0, 0.5),
    "tickets_per_seat_90d": Measure(weight=0.5),
    "urgent_tickets_90d": _fixed(4, -1),
    "escalations_90d": _fixed(3, -1),
    "oldest_open_ticket_days": _fixed(45, -10),
    "csat_180d": _fixed(1, 5, 1.0, "carry"),
    "nps_score_365d": _fixed(0, 10, 1.5, "carry"),
    "nps_change": _fixed(-6, 3, 0.5),
    "ticket_sentiment_90d": Measure(missing="carry"),
    "ticket_sentiment_trend": _fixed(-0.6, 0.2, 0.5),
    "touchpoint_sentiment_90d": Measure(missing="carry"),
    "days_since_executive_contact": _fixed(365, 0, 1.0, "penalise"),
    "meeting_attendance_180d": _fixed(0.0, 0.9),
    "email_response_90d": _fixed(0.0, 0.7, 0.5),
    "community_posts_90d": Measure(weight=0.25),
    "stakeholders": Measure(weight=0.75),
    "champion_departures_180d": _fixed(2, -0.5),
    "payment_failures_90d": _fixed(3, -0.5, 1.5),
    "disputes_180d": _fixed(2, -0.5),
    "days_late_180d": _fixed(45, -5),
    "overdue_share": _fixed(1.0, -0.2),
    "arr_change": _fixed(-0.6, 0.2),
    "lost_deals_180d": _fixed(3, -1, 0.5),
}

DEFAULT_WEIGHTS = {
    "usage": 0.30, "adoption": 0.15, "support": 0.15, "sentiment": 0.10, "relationship": 0.12, "billing": 0.10,
    "commercial": 0.08,
}  # fmt: skip


def _over(default: Measure | None, changes: Any) -> Any:
    """A measure as its default is but for some keys."""
    plain = changes.model_dump() if isinstance(changes, Measure) else changes
    return {**default.model_dump(), **plain} if default and isinstance(plain, Mapping) else plain


def _component(name: str) -> str:
    if name not in COMPONENTS:
        raise ValueError(f"no component {name!r}; there are {', '.join(COMPONENTS)}")
    return name


def _sign(name: str) -> str:
    """The name of a feature that can be a measure of health."""
    feature = FEATURES.get(name)
    if feature is None or not feature.published:
        close = difflib.get_close_matches(name, FEATURES, n=1)
        raise ValueError(f"no feature {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    if feature.component is None or feature.direction == 0:
        raise ValueError(f"{name} is no sign of good or bad health and cannot be a measure of it")
    return name


Weights = Mapping[Annotated[str, AfterValidator(_component)], Amount]
Measures = Mapping[Annotated[str, AfterValidator(_sign)], Measure]


class HealthSettings(Section):
    """The definition of the health score."""

    bands: Bands = Bands()
    weights: Weights = Field(DEFAULT_WEIGHTS, description="weight of each component, on any scale")
    segment_weights: Mapping[str, Weights] = Field({}, description="component weights by segment")
    measures: Measures = Field({}, description="how each feature is scored", validate_default=True)
    minimum_coverage: Share = Field(
        0.3, description="share of the weight that must be known, else the health is `unknown`, 0..1"
    )
    typical_points: Points = Field(75, description="points of a value at the median of similar accounts")
    points_per_deviation: Positive = Field(20, description="points per robust standard deviation from that median")
    minimum_peers: Count = Field(
        20, description="accounts that a segment needs for its own median, else its parent segment's"
    )
    sure_from: Amount = Field(
        2.0, description="standard errors up to which a change against the account's own past counts as noise"
    )
    penalty_points: Points = Field(25, description="points of a missing value with the policy `penalise`")
    carry_half_life_days: Days = Field(60, description="days after which a carried value has half its weight")
    carry_max_days: Days = Field(365, description="days after which a value is no longer carried")
    change_flag: Points = Field(
        15, description="monthly change from data and overrides, in points, from which an account is flagged"
    )
    coverage_after_warning: Share = Field(
        0.5, description="share of coverage left to the measures of a table with a warning (stale, low volume), 0..1"
    )

    @model_validator(mode="before")
    @classmethod
    def _over_the_defaults(cls, given: Any) -> Any:
        """A file names only what it changes: single weights, single keys of single measures."""
        if not isinstance(given, Mapping):
            return given
        own, weights = given.get("measures", {}), given.get("weights", {})
        if isinstance(own, Mapping):
            every = {**DEFAULT_MEASURES, **own}
            own = {name: _over(DEFAULT_MEASURES.get(name), changes) for name, changes in every.items()}
        if isinstance(weights, Mapping):
            weights = {**DEFAULT_WEIGHTS, **weights}
        return {**given, "measures": own, "weights": weights}

    @model_validator(mode="after")
    def _can_be_measured(self) -> "HealthSettings":
        wrong = []
        for name, measure in self.measures.items():
            direction = FEATURES[name].direction
            if measure.reference != "peers" and (measure.scale[1] - measure.scale[0]) * direction < 0:
                wrong.append(f"measures: best of {name} must be {'above' if direction > 0 else 'below'} worst")
        for place, weights in (("weights", self.weights), *self.segment_weights.items()):
            if not any({**self.weights, **weights}.values()):
                wrong.append(f"{place}: every weight is 0; give at least one component some")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def weights_of(self, segment: str | None) -> dict[str, float]:
        """Component weights of a segment, normalised to sum 1: its own, over its parents', over the general ones.

        To twelve decimals: the same weights on another scale are the same to the last digit.
        """
        weights = dict.fromkeys(COMPONENTS, 0.0)
        for group in reversed([*with_parents(segment or ""), ""]):
            weights.update(self.segment_weights.get(group, {}) if group else self.weights)
        total = sum(weights.values())
        return {c: round(w / total, 12) for c, w in weights.items()}


def with_parents(segment: str) -> Iterator[str]:
    """The segment and what it is a part of, nearest first: `a/b`, then `a`."""
    while segment:
        yield segment
        segment = segment.rpartition("/")[0]
