"""Tickets: how many, how bad, how old, and how content people were with the answer."""

from functools import partial

import ibis.expr.types as ir

from keepwell.features.facts.exact import exact_mean
from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate, derived

URGENT = ("urgent", "critical")
_tickets = partial(aggregate, "tickets", null="No tickets in the data", empty=0, direction=-1)
_opened = partial(_tickets, unit="tickets", lookback_days=90)


@_opened(component=None, words="{value:.0f} ticket{s} in 90 days", zero="No tickets in 90 days", compared=".0f")
def tickets_90d(tickets: Rows) -> ir.Value:
    """Tickets opened in the last 90 days."""
    return tickets.ticket_id.count()


@derived(
    "tickets",
    unit="tickets per seat",
    direction=-1,
    component="support",
    null="No seats sold, or no tickets in the data",
    words="{value:.2f} ticket{s} per seat in 90 days",
    zero="No tickets per seat in 90 days",
    compared=".2f",
)
def tickets_per_seat_90d(row: ir.Table) -> ir.Value:
    """Tickets opened in the last 90 days per paid seat."""
    return row.tickets_90d / row.seats.nullif(0)


@_opened(
    component="support",
    needs=("priority",),
    words="{value:.0f} urgent ticket{s} in 90 days",
    zero="No urgent tickets in 90 days",
    compared=".0f",
)
def urgent_tickets_90d(tickets: Rows) -> ir.Value:
    """Tickets opened in the last 90 days that are known to be urgent or critical."""
    # Before it was raised a priority reads NULL, and must read as it did then: not urgent.
    return tickets.priority.isin(URGENT).fill_null(False).sum()


@_opened(
    component="support",
    needs=("escalated|escalated_at",),
    words="{value:.0f} escalated ticket{s} in 90 days",
    zero="No escalated tickets in 90 days",
    compared=".0f",
)
def escalations_90d(tickets: Rows) -> ir.Value:
    """Tickets opened in the last 90 days that are known to have been escalated."""
    return (tickets.escalated.fill_null(False) | tickets.escalated_at.notnull()).sum()


@_tickets(
    unit="tickets",
    lookback_days=365,
    component=None,
    needs=("closed_at",),
    words="{value:.0f} open ticket{s} from the last 365 days",
    zero="No open tickets",
    compared=".0f",
)
def open_tickets(tickets: Rows) -> ir.Value:
    """Tickets of the last 365 days that are still open."""
    return tickets.closed_at.isnull().sum()


@_tickets(
    unit="days",
    lookback_days=365,
    component="support",
    needs=("closed_at",),
    words="Oldest open ticket is {days} old",
    zero="No ticket open for a day or more",
)
def oldest_open_ticket_days(tickets: Rows) -> ir.Value:
    """Age of the oldest ticket of the last 365 days that is still open; 0 with none open."""
    return tickets.days_since(tickets.opened_at).max(where=tickets.closed_at.isnull()).fill_null(0)


@aggregate(
    "tickets",
    unit="1..5",
    direction=1,
    lookback_days=180,
    component="support",
    null="No ratings of tickets in 180 days",
    words="Tickets rated {value:.1f} out of 5 on average over 180 days",
    compared=".1f",
)
def csat_180d(tickets: Rows) -> ir.Value:
    """Mean satisfaction with tickets opened in the last 180 days."""
    return exact_mean(tickets.csat)


@aggregate(
    "tickets",
    unit="hours",
    direction=-1,
    lookback_days=180,
    component=None,
    null="No tickets closed in 180 days",
    words="Tickets take {value:,.0f} hour{s} to close on average over 180 days",
    zero="Tickets are closed at once over 180 days",
    compared=",.0f",
)
def hours_to_close_180d(tickets: Rows) -> ir.Value:
    """Mean hours from opening to closing of tickets opened in the last 180 days and closed since."""
    # Not delta(unit="minute"): DuckDB counts the minutes that begin, Spark those that have passed.
    seconds = tickets.closed_at.epoch_seconds() - tickets.opened_at.epoch_seconds()
    return seconds.mean() / 3600
