"""Whether the account pays, on time and without dispute. No invoices at all say nothing: NULL, not perfect."""

from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.exact import exact_sum
from keepwell.features.facts.known import Rows
from keepwell.features.facts.owed import owed
from keepwell.features.measures.registry import aggregate


def owed_rows(invoices: Rows) -> ir.Table:
    """The invoices with what is owed of them: credits of any age offset what is open, so no window cuts them before."""
    return owed(invoices.table, invoices.rates)


_billing = partial(
    aggregate, "invoices", component="billing", direction=-1, null="No invoices on record", lookback_days=None,
    per_account=owed_rows,
)  # fmt: skip


@_billing(
    unit="failures",
    needs=("failed_at|first_failed_at",),
    words="{value:.0f} failed payment{s} in 90 days",
    zero="No failed payments in 90 days",
    compared=".0f",
)
def payment_failures_90d(invoices: Rows) -> ir.Value:
    """Invoices whose payment failed in the last 90 days: first failed where that is known, else last failed."""
    return (invoices.charge & invoices.within(invoices.first_failure, 90)).fill_null(False).sum()


@_billing(
    unit="disputes",
    needs=("disputed_at",),
    words="{value:.0f} disputed invoice{s} in 180 days",
    zero="No disputed invoices in 180 days",
    compared=".0f",
)
def disputes_180d(invoices: Rows) -> ir.Value:
    """Invoices disputed in the last 180 days."""
    return (invoices.charge & invoices.within(invoices.disputed_at, 180)).fill_null(False).sum()


@_billing(
    unit="days",
    needs=("paid_at",),
    words="Invoices paid {days} late on average over 180 days",
    zero="Invoices paid on time over 180 days",
)
def days_late_180d(invoices: Rows) -> ir.Value:
    """Mean days from due date to payment over due invoices of the last 180 days; early counts 0, unpaid runs."""
    until = ibis.coalesce(invoices.paid_at.cast("date"), invoices.today)
    counted = invoices.last(180) & invoices.standing & (invoices.due < invoices.today)
    return until.delta(invoices.due, unit="day").clip(lower=0).mean(where=counted)


@_billing(
    unit="share",
    needs=("paid_at", "amount"),
    words="{value:.0%} of the amount invoiced in 365 days is overdue",
    zero="No overdue invoices in 365 days",
)
def overdue_share(invoices: Rows) -> ir.Value:
    """Share of the amount invoiced in the last 365 days, net of credits, that is due and not paid."""
    recent = invoices.last(365)
    overdue = exact_sum(invoices.owed, where=recent & (invoices.due < invoices.today))
    return overdue.fill_null(0) / exact_sum(invoices.billed, where=recent).nullif(0)
