"""Who talks to us, how often, and who has left."""

from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import KEY
from keepwell.features.facts.exact import exact_mean
from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate

EXECUTIVE = ("executive", "sponsor")
_talk = partial(aggregate, "touchpoints", component="relationship")


def people(contacts: Rows) -> ir.Table:
    """One row per person: in the newest of the roles."""
    newest_first = [contacts.since.desc(), contacts.role]
    place = ibis.row_number().over(group_by=[*KEY, "contact_id"], order_by=newest_first)
    ranked = contacts.table.mutate(place=place)
    return ranked.filter(ranked.place == 0)


_people = partial(
    aggregate, "contacts", unit="people", component="relationship", lookback_days=None, per_account=people
)


@_talk(
    unit="days",
    direction=-1,
    lookback_days=None,
    null="No executive contact on record",
    needs=("role",),
    words="No executive contact in {days}",
    well="Executive contact {days} ago",
    zero="Executive contact today",
)
def days_since_executive_contact(touchpoints: Rows) -> ir.Value:
    """Days since the last call or meeting in which an executive or sponsor took part."""
    met = touchpoints.kind.isin(("call", "meeting")) & touchpoints.role.isin(EXECUTIVE)
    return touchpoints.days_since(touchpoints.happened_at).min(where=met & touchpoints.attended.fill_null(True))


@aggregate(
    "touchpoints",
    unit="meetings",
    direction=1,
    lookback_days=90,
    component=None,
    empty=0,
    null="No touchpoints in the data",
    words="{value:.0f} call{s} or meeting{s} in 90 days",
    zero="No calls or meetings in 90 days",
    compared=".0f",
)
def meetings_90d(touchpoints: Rows) -> ir.Value:
    """Calls and meetings held in the last 90 days."""
    return (touchpoints.kind.isin(("call", "meeting")) & touchpoints.attended.fill_null(True)).sum()


@_talk(
    unit="share",
    direction=1,
    lookback_days=180,
    null="No meetings in 180 days",
    words="{value:.0%} of meetings attended in 180 days",
    zero="No meetings attended in 180 days",
    compared=".0%",
)
def meeting_attendance_180d(touchpoints: Rows) -> ir.Value:
    """Share of calls, meetings and webinars of the last 180 days that the account attended."""
    met = touchpoints.kind.isin(("call", "meeting", "webinar"))
    return touchpoints.attended.cast("float64").mean(where=met)


@_talk(
    unit="share",
    direction=1,
    lookback_days=90,
    null="No emails in 90 days, or no times of their answers",
    needs=("answered_at",),
    words="{value:.0%} of emails answered in 90 days",
    zero="No emails answered in 90 days",
    compared=".0%",
)
def email_response_90d(touchpoints: Rows) -> ir.Value:
    """Share of emails of the last 90 days that are answered by now."""
    return touchpoints.answered_at.notnull().cast("float64").mean(where=touchpoints.kind == "email")


@_talk(
    unit="posts",
    direction=1,
    lookback_days=90,
    empty=0,
    null="No touchpoints in the data",
    words="{value:.0f} community post{s} in 90 days",
    zero="No community posts in 90 days",
    compared=".0f",
)
def community_posts_90d(touchpoints: Rows) -> ir.Value:
    """Community posts in the last 90 days."""
    return (touchpoints.kind == "community").sum()


@aggregate(
    "touchpoints",
    unit="0..1",
    direction=1,
    lookback_days=90,
    component=None,
    null="No engagement score of calls",
    words="Engagement of {value:.0%} in calls over 90 days",
    zero="No engagement in calls over 90 days",
    compared=".0%",
)
def engagement_90d(touchpoints: Rows) -> ir.Value:
    """Mean external engagement score of the last 90 days."""
    return exact_mean(touchpoints.engagement)


@_people(
    direction=1,
    empty=0,
    null="No contacts in the data",
    words="{value:.0f} known contact{s}",
    zero="No known contacts",
    compared=".0f",
)
def stakeholders(contacts: Rows) -> ir.Value:
    """People in a role at the account: breadth of the relationship."""
    return contacts.left_on.isnull().sum()


@_people(
    direction=-1,
    null="No contacts on record",
    needs=("role", "left_on"),
    words="{value:.0f} champion{s} or sponsor{s} left in 180 days",
    zero="No champion or sponsor left in 180 days",
)
def champion_departures_180d(contacts: Rows) -> ir.Value:
    """Champions and sponsors who left in the last 180 days; NULL for an account without any known contact."""
    departed = contacts.role.isin(("champion", "sponsor")) & contacts.within(contacts.left_on, 180)
    return departed.fill_null(False).sum()
