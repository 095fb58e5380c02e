"""How often, how much and by how many the product is used. Windows in days before as_of."""

from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.known import DayBits, Rows
from keepwell.features.facts.rollups import total
from keepwell.features.measures.registry import aggregate, derived
from keepwell.features.measures.scans import LOOKBACK_DAYS, days_of_use, in_recent_days

NO_DATA = "No such usage data, or a customer for less than 28 days"
NO_PAST = "Not enough history yet: no use in the earlier weeks, or too new a customer"
A_WEEK = 7
"""The gap that one more day of use stands for, of an account with few of its own."""
_usage = partial(aggregate, "usage", component="usage", direction=1)
_days = partial(_usage, rollup="usage_days", scan_days=LOOKBACK_DAYS, per_account=days_of_use)
_users = partial(_usage, rollup="usage_users", scan_days=56, needs=("user_id",))


@_days(
    unit="days",
    lookback_days=28,
    tenure_from=28,
    empty=0,
    null=NO_DATA,
    words="Active on {value:.0f} of the last 28 days",
    zero="No activity in 28 days",
    compared=".0f",
)
def active_days_28d(days: Rows) -> ir.Value:
    """Days with any use in the last 28: login frequency."""
    return days.active_days.max()


@_users(
    unit="users",
    lookback_days=28,
    tenure_from=28,
    empty=0,
    null=NO_DATA,
    words="{value:,.0f} active user{s} in 28 days",
    zero="No active users in 28 days",
    compared=",.0f",
)
def active_users_28d(usage: Rows) -> ir.Value:
    """Distinct users in the last 28 days; NULL where there was use but no user is named."""
    recent = usage.last(28)
    return in_recent_days(recent.any(), usage.user_id.nunique(where=recent).nullif(0))


@_days(
    unit="events",
    lookback_days=28,
    tenure_from=28,
    empty=0,
    null=NO_DATA,
    needs=("events",),
    words="{value:,.0f} action{s} in 28 days",
    zero="No actions in 28 days",
    compared=",.0f",
)
def events_28d(days: Rows) -> ir.Value:
    """Actions taken in the last 28 days."""
    return in_recent_days(days.used.any(), days.events.max())


@_days(
    unit="minutes",
    lookback_days=28,
    tenure_from=28,
    empty=0,
    null=NO_DATA,
    needs=("minutes",),
    words="{value:,.0f} minute{s} of use in 28 days",
    zero="No minutes of use in 28 days",
    compared=",.0f",
)
def minutes_28d(days: Rows) -> ir.Value:
    """Minutes of use in the last 28 days."""
    return in_recent_days(days.used.any(), days.minutes.max())


@_days(
    unit="events per use",
    component="adoption",
    lookback_days=28,
    needs=("events",),
    null="No actions recorded in 28 days",
    words="{value:,.1f} action{s} per use in 28 days",
    zero="No actions in the use of 28 days",
    compared=",.1f",
)
def events_per_use_28d(days: Rows) -> ir.Value:
    """Actions per use in the last 28 days: per row of usage that counts them (of a day, user and product feature)."""
    # It differs less by habit and size than the amount of use does, so that a change of it shows sooner.
    return days.events.max() / days.counted.max().nullif(0)


@_days(
    unit="share",
    lookback_days=56,
    tenure_from=56,
    error="usage_error",
    null=NO_PAST,
    needs=("events",),
    words="Usage {change} over the last 28 days (vs. the 28 before)",
)
def usage_trend(days: Rows) -> ir.Value:
    """Relative change of actions, last 28 days against the 28 before; NULL where there were none before."""
    return relative_change(days.events.max(), days.events_before.max())


@_users(
    unit="share",
    lookback_days=56,
    tenure_from=56,
    error="active_users_trend_error",
    null=NO_PAST,
    words="Active users {change} over the last 28 days (vs. the 28 before)",
)
def active_users_trend(usage: Rows) -> ir.Value:
    """Relative change of distinct users, last 28 days against the 28 before; NULL where there were none before."""
    now, before = usage.user_id.nunique(where=usage.last(28)), usage.user_id.nunique(where=usage.last(28, before=28))
    return relative_change(now, before)


@_users(
    component=None,
    direction=0,
    unit="share",
    lookback_days=56,
    published=False,
    null="No users before",
    words="{value:.0%}",
)
def active_users_trend_error(usage: Rows) -> ir.Value:
    """Standard error of active_users_trend: the root of the users of one window alone, per user before (McNemar)."""
    now, before = usage.user_id.nunique(where=usage.last(28)), usage.user_id.nunique(where=usage.last(28, before=28))
    return (2 * usage.user_id.nunique(where=usage.last(56)) - now - before).sqrt() / before.nullif(0)


@_usage(
    rollup="usage_days",
    unit="share",
    lookback_days=392,
    unread=(28, 364),
    tenure_from=392,
    error="usage_error",
    null=NO_PAST,
    needs=("events",),
    words="Usage {change} over the last 28 days (vs. the same weeks last year)",
)
def usage_against_last_year(usage: Rows) -> ir.Value:
    """Relative change of actions, last 28 days against the same weekdays 364 days earlier: takes the season out."""
    return relative_change(total(usage.events, usage.last(28)), total(usage.events, usage.last(28, before=364)))


@aggregate(
    "usage",
    rollup="usage_accounts",
    unit="days",
    direction=-1,
    lookback_days=None,
    component=None,
    published=False,
    null="Never used",
    words="Last used {days} before the newest usage data",
)
def usage_age_days(usage: DayBits) -> ir.Value:
    """Days from the account's last day of use to the newest day that the whole source knows."""
    return usage.days_before_newest(usage.last_day).min()


@aggregate(
    "quarantine",
    unit="days",
    direction=0,
    lookback_days=None,
    component=None,
    published=False,
    null="No usage row set aside",
    words="Newest usage row set aside is from {days} before the newest usage data",
)
def usage_set_aside_age_days(quarantine: Rows) -> ir.Value:
    """Days from the newest usage row that was set aside to the newest day that the source knows."""
    age = quarantine.days_before_newest(quarantine.event_on, "usage")
    return age.min(where=quarantine.table_name == "usage")


@derived(
    "usage",
    unit="days",
    direction=-1,
    component="usage",
    null="Last login unknown: newer usage rows are set aside",
    words="No logins for {days}",
    well="Last login {days} before the newest usage data",
    zero="Logged in on the newest day of the usage data",
    never="Has never logged in (customer for {duration})",
    usual="usual_gap_days",
    version=2,  # 1 counted from the contract's start also where that lies before the source's first day
)
def days_since_last_use(row: ir.Table) -> ir.Value:
    """Days without use to the newest day the source knows, from the last use, the contract's start or its first day."""
    silent = _silent(row)
    uncertain = row.usage_set_aside_age_days.notnull() & (row.usage_set_aside_age_days < silent)
    return uncertain.ifelse(ibis.null(), silent)


@_days(
    unit="days",
    component=None,
    direction=0,
    lookback_days=LOOKBACK_DAYS,
    empty=0,
    published=False,
    null="No usage data",
    words="Active on {value:.0f} of the last 182 days",
)
def days_of_use_182d(days: Rows) -> ir.Value:
    """Days with any use in the last 26 weeks."""
    return days.days_of_use.max()


@derived(
    "usage",
    unit="days",
    direction=0,
    component=None,
    published=False,
    null="No usage data",
    words="Usually {days} between days of use",
)
def usual_gap_days(row: ir.Table) -> ir.Value:
    """Mean days from one day of use to the next, of the 26 weeks up to the last use; drawn towards a week where few."""
    observed = ibis.least(row.observed_days, LOOKBACK_DAYS)
    before = (observed - _silent(row)).clip(lower=0)
    return (before + A_WEEK) / (row.days_of_use_182d + 1)


def _silent(row: ir.Table) -> ir.Value:
    return ibis.least(ibis.coalesce(row.usage_age_days, row.observed_days), row.observed_days)


@derived(
    "usage",
    unit="events per seat",
    direction=1,
    component="usage",
    null="No seats sold, no count of actions, or a customer for less than 28 days",
    words="{value:,.1f} actions per seat in 28 days",
    zero="No actions per seat in 28 days",
    compared=",.1f",
)
def events_per_seat_28d(row: ir.Table) -> ir.Value:
    """Actions per paid seat in the last 28 days: depth of use."""
    return row.events_28d / row.seats.nullif(0)


def relative_change(now: ir.Value, before: ir.Value) -> ir.Value:
    """(now - before) / before; -1 where nothing is left, NULL where there was nothing before."""
    return (now.fill_null(0) - before) / before.nullif(0)
