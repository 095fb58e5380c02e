"""How much of the product is used, by how much of the team, and how fast that grows."""

from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import AS_OF
from keepwell.features.facts.known import DayBits, Rows
from keepwell.features.measures.registry import aggregate, derived
from keepwell.features.measures.scans import LOOKBACK_DAYS, features_in_use, in_recent_days

_breadth = partial(
    aggregate, "usage", rollup="usage_features", unit="features", component="adoption", direction=1, needs=("feature",),
    scan_days=LOOKBACK_DAYS, per_account=features_in_use,
)  # fmt: skip


@_breadth(
    lookback_days=28,
    tenure_from=28,
    empty=0,
    null="No features in the usage data, or a customer for less than 28 days",
    words="{value:.0f} feature{s} used in 28 days",
    zero="No features used in 28 days",
    compared=".0f",
)
def features_used_28d(features: Rows) -> ir.Value:
    """Distinct features used in the last 28 days: breadth of use; NULL where there was use but no feature is named."""
    return in_recent_days(features.used.any(), features.recent.max().nullif(0))


@_breadth(
    lookback_days=180,
    tenure_from=180,
    error="adoption_velocity_error",
    null="Not enough history yet: no use in the earlier 90 days, or too new a customer",
    words="{more} feature{s} in use over the last 90 days (vs. the 90 before)",
    zero="As many features in use over the last 90 days as in the 90 before",
)
def adoption_velocity(features: Rows) -> ir.Value:
    """Features in use in the last 90 days less those in the 90 before; NULL without any use in the 90 before."""
    return features.quarter.max() - features.quarter_before.max().nullif(0)


@_breadth(
    component=None,
    direction=0,
    lookback_days=180,
    published=False,
    null="No use in 180 days",
    words="{value:.1f} features",
)
def adoption_velocity_error(features: Rows) -> ir.Value:
    """Standard error of adoption_velocity: the root of the features in use in one quarter alone (McNemar 1947)."""
    return features.changed.max().sqrt()


@aggregate(
    "usage",
    rollup="usage_accounts",
    unit="days",
    direction=0,
    lookback_days=None,
    component=None,
    published=False,
    null="Never used",
    words="First used {days} ago",
)
def first_use_age_days(usage: DayBits) -> ir.Value:
    """Days from the first day of use ever to as_of."""
    return usage.days_since(usage.first_day).max()


@derived(
    "usage",
    unit="share",
    direction=1,
    component="adoption",
    null="No seats sold, no users in the usage data, or a customer for less than 28 days",
    words="{value:.0%} of paid seats active in 28 days",
    zero="No paid seats active in 28 days",
    compared=".0%",
)
def seat_utilisation(row: ir.Table) -> ir.Value:
    """Share of paid seats whose users were active in the last 28 days, at most 1."""
    return (row.active_users_28d / row.seats.nullif(0)).clip(upper=1.0)


@derived(
    "usage",
    unit="days",
    direction=-1,
    component="adoption",
    null="Never used, or a customer since before the usage data begin",
    words="First use {days} after the contract started",
    zero="In use since the first day of the contract",
)
def time_to_value_days(row: ir.Table) -> ir.Value:
    """Days from the first contract to the first use; NULL where the contract is older than any use known."""
    first_contract = row.today.delta(row.first_start_on, unit="day")
    recorded = first_contract <= row.first_use_age_days.max().over(ibis.window(group_by=AS_OF))
    return recorded.ifelse((first_contract - row.first_use_age_days).clip(lower=0), ibis.null())


@aggregate(
    "touchpoints",
    unit="share",
    direction=1,
    lookback_days=None,
    component="adoption",
    null="No onboarding steps on record",
    needs=("attended",),
    words="{value:.0%} of onboarding steps attended",
    zero="No onboarding steps attended",
    compared=".0%",
)
def onboarding_attendance(touchpoints: Rows) -> ir.Value:
    """Share of onboarding steps that the account attended, over its whole life."""
    return touchpoints.attended.cast("float64").mean(where=touchpoints.kind == "onboarding")
