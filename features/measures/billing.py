"""Whether the account pays, on time and without dispute. No invoices at all say nothing: NULL, not perfect."""

from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate

_billing = partial(aggregate, "invoices", component="billing", direction=-1, null="No invoices on record")


@_billing(
    unit="failures",
    lookback_days=None,
    needs=("failed_at",),
    words="{value:.0f} failed payment{s} in 90 days",
    zero="No failed payments in 90 days",
    compared=".0f",
)
def payment_failures_90d(invoices: Rows) -> ir.Value:
    """Invoices whose payment last failed in the last 90 days."""
    return invoices.within(invoices.failed_at, 90).fill_null(False).sum()


@_billing(
    unit="disputes",
    lookback_days=None,
    needs=("disputed_at",),
    words="{value:.0f} disputed invoice{s} in 180 days",
    zero="No disputed invoices in 180 days",
    compared=".0f",
)
def disputes_180d(invoices: Rows) -> ir.Value:
    """Invoices disputed in the last 180 days."""
    return invoices.within(invoices.disputed_at, 180).fill_null(False).sum()


@_billing(
    unit="days",
    lookback_days=180,
    needs=("paid_at",),
    words="Invoices paid {days} late on average over 180 days",
    zero="Invoices paid on time over 180 days",
)
def days_late_180d(invoices: Rows) -> ir.Value:
    """Mean days from due date to payment over due invoices of the last 180 days; early counts 0, unpaid runs."""
    today = ibis.literal(invoices.today)
    due = _due(invoices)
    settled = ibis.coalesce(invoices.paid_at.cast("date"), today)
    return settled.delta(due, unit="day").clip(lower=0).mean(where=due < today)


@_billing(
    unit="share",
    lookback_days=365,
    needs=("paid_at", "amount"),
    words="{value:.0%} of the amount invoiced in 365 days is overdue",
    zero="No overdue invoices in 365 days",
)
def overdue_share(invoices: Rows) -> ir.Value:
    """Share of the amount invoiced in the last 365 days that is due and unpaid; one currency per account."""
    overdue = invoices.paid_at.isnull() & (_due(invoices) < ibis.literal(invoices.today))
    return invoices.amount.sum(where=overdue).fill_null(0) / invoices.amount.sum().nullif(0)


def _due(invoices: Rows) -> ir.Value:
    return ibis.coalesce(invoices.due_on, invoices.issued_on)
