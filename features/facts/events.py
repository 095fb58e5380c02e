"""Events that open an alert each: urgent tickets, failed payments, disputed invoices."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import BOOLEAN, INSTANT, STRING
from keepwell.features.facts.known import Facts, timestamp
from keepwell.features.facts.owed import owed

EVENT_COLUMNS = {
    "account_id": STRING, "rule": STRING, "subject": STRING, "occurred_at": INSTANT, "known_at": INSTANT,
    "resolved": BOOLEAN,
}  # fmt: skip


def events(facts: Facts, since: datetime, priorities: Collection[str], rates: Mapping[str, float]) -> ir.Table:
    """One row per event that became known in (since, as_of]: EVENT_COLUMNS; `subject` is the ticket or the invoice.

    A ticket is known when it became urgent, by its row or by a raised priority; a failure (the first of an invoice) or
    a dispute when it happened, but not before its invoice is. Resolved: the ticket is known to be closed; the invoice
    is known to be paid or settled, and not before the event (a payment that was disputed afterwards settles nothing),
    or nothing of it is owed any more (features/facts/owed.py). `rates`: reporting currency per unit.
    """
    found = [event.cast(EVENT_COLUMNS).select(*EVENT_COLUMNS) for event in _by_rule(facts, priorities, rates)]
    if not found:
        return ibis.memtable([], schema=EVENT_COLUMNS)
    every = ibis.union(*found) if len(found) > 1 else found[0]
    return every.filter(every.known_at > timestamp(since))


def _by_rule(facts: Facts, priorities: Collection[str], rates: Mapping[str, float]) -> Iterator[ir.Table]:
    """The events of each rule whose columns the company has."""
    if facts.has("tickets", "priority"):
        tickets = facts["tickets"].filter(lambda t: t.priority.isin(tuple(priorities)))
        urgent_at = ibis.coalesce(tickets.priority_at, tickets.opened_at)
        yield tickets.mutate(
            rule=ibis.literal("urgent_ticket"),
            subject=tickets.ticket_id,
            occurred_at=urgent_at,
            known_at=ibis.greatest(tickets.known_at, urgent_at),
            resolved=tickets.closed_at.notnull(),
        )
    for rule, columns, at in (
        ("payment_failure", "failed_at|first_failed_at", "first_failure"),
        ("billing_dispute", "disputed_at", "disputed_at"),
    ):
        if facts.has("invoices", columns):
            yield _of_invoices(owed(facts["invoices"], rates), rule, at)


def _of_invoices(invoices: ir.Table, rule: str, column: str) -> ir.Table:
    """The failures or disputes of what asks for money, and was not void by then."""
    asked = (invoices.charge | (invoices.voided_at > invoices[column])).fill_null(False)
    hit = invoices.filter(invoices[column].notnull(), asked, invoices.amount.fill_null(1.0) > 0)
    settled = [(hit[at] >= hit[column]).fill_null(False) for at in ("paid_at", "resolved_at")]
    return hit.mutate(
        rule=ibis.literal(rule),
        subject=hit.invoice_id,
        occurred_at=hit[column],
        known_at=ibis.greatest(hit.known_at, hit[column]),
        resolved=settled[0] | settled[1] | ~hit.standing,
    )
