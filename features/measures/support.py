"""Tickets: how many, how bad, how old, and how content people were with the answer."""

from functools import partial

import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate, derived

URGENT = ("urgent", "critical")
_tickets = partial(aggregate, "tickets", null="no ticket source", empty=0, direction=-1)
_opened = partial(_tickets, unit="tickets", lookback_days=90)


@_opened(component=None, words="{value:.0f} ticket{s} in 90 days", zero="no tickets in 90 days")
def tickets_90d(tickets: Rows) -> ir.Value:
    """Tickets opened in the last 90 days."""
    return tickets.ticket_id.count()


@derived(
    "tickets",
    unit="tickets per seat",
    direction=-1,
    component="support",
    null="no seats sold, or no ticket source",
    words="{value:.2f} tickets per seat in 90 days (peers {reference:.2f})",
)
def tickets_per_seat_90d(row: ir.Table) -> ir.Value:
    """Tickets opened in the last 90 days per paid seat."""
    return row.tickets_90d / row.seats.nullif(0)


@_opened(
    component="support",
    needs=("priority",),
    words="{value:.0f} urgent or critical ticket{s} in 90 days",
    zero="no urgent or critical tickets in 90 days",
)
def urgent_tickets_90d(tickets: Rows) -> ir.Value:
    """Tickets of priority urgent or critical opened in the last 90 days."""
    return tickets.priority.isin(URGENT).sum()


@_opened(
    component="support",
    needs=("escalated|escalated_at",),
    words="{value:.0f} escalated ticket{s} in 90 days",
    zero="no escalated tickets in 90 days",
)
def escalations_90d(tickets: Rows) -> ir.Value:
    """Tickets opened in the last 90 days that are known to have been escalated."""
    return (tickets.escalated.fill_null(False) | tickets.escalated_at.notnull()).sum()


@_tickets(
    unit="tickets",
    lookback_days=365,
    component=None,
    needs=("closed_at",),
    words="{value:.0f} open ticket{s} of the last 365 days",
    zero="no open tickets",
)
def open_tickets(tickets: Rows) -> ir.Value:
    """Tickets of the last 365 days that are still open."""
    return tickets.closed_at.isnull().sum()


@_tickets(
    unit="days",
    lookback_days=365,
    component="support",
    needs=("closed_at",),
    words="oldest open ticket {value:.0f} day{s} old",
    zero="no ticket open for a day or more",
)
def oldest_open_ticket_days(tickets: Rows) -> ir.Value:
    """Age of the oldest ticket of the last 365 days that is still open; 0 with none open."""
    return tickets.days_since(tickets.opened_at.min(where=tickets.closed_at.isnull())).fill_null(0)


@aggregate(
    "tickets",
    unit="1..5",
    direction=1,
    lookback_days=180,
    component="support",
    null="no answer about tickets in 180 days",
    words="ticket satisfaction {value:.1f} of 5 over 180 days",
)
def csat_180d(tickets: Rows) -> ir.Value:
    """Mean satisfaction with tickets opened in the last 180 days."""
    return tickets.csat.mean()


@aggregate(
    "tickets",
    unit="hours",
    direction=-1,
    lookback_days=180,
    component=None,
    null="no ticket closed in 180 days",
    words="{value:,.0f} hour{s} to close a ticket over 180 days",
)
def hours_to_close_180d(tickets: Rows) -> ir.Value:
    """Mean hours from opening to closing of tickets opened in the last 180 days and closed since."""
    # Not delta(unit="minute"): DuckDB counts the minutes that begin, Spark those that have passed.
    seconds = tickets.closed_at.epoch_seconds() - tickets.opened_at.epoch_seconds()
    return seconds.mean() / 3600
