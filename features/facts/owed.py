"""What is owed: positive, not void, net of credits, in the reporting currency.

Every measure of billing and every payment event asks here, so that they agree. A credit note is an invoice below zero.
It offsets the invoice that its `credit_of` names; what that one cannot take, and a note that names none, offsets the
account's oldest open amounts, by due date. One with `paid_at` was refunded and offsets nothing. A void invoice, one
credited in full and one settled otherwise (`resolved_at`, unless a dispute came after it) is owed by nobody, as if it
had never been due. What was written off is owed as before: nobody paid it.
"""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.exact import exact_sum, exact_sum_over

ROUNDING = 0.005
"""Amounts are sums of cents in binary: what is left below half a cent is nothing."""


def owed(invoices: ir.Table, rates: Mapping[str, float]) -> ir.Table:
    """The invoices with what is owed of them; `rates`: reporting currency per unit, that of its own first.

    `due`: when payment is due. `charge`: asks for money and is not void. `standing`: a charge that was paid, or of
    which some is still to be paid. `billed`: its amount net of credits, in the reporting currency. `owed`: what of it
    is still to be paid. `first_failure`: when its payment first failed. An amount without a rate is unknown: NULL, and
    standing.
    """
    settled = (invoices.resolved_at >= ibis.coalesce(invoices.disputed_at, invoices.resolved_at)).fill_null(False)
    void, paid = invoices.voided_at.notnull(), invoices.paid_at.notnull()
    own, *_ = rates
    rate = invoices.currency.fill_null(own).cases(*rates.items(), else_=ibis.null()).cast("float64")
    sized = invoices.mutate(
        due=ibis.coalesce(invoices.due_on, invoices.issued_on),
        first_failure=ibis.coalesce(invoices.first_failed_at, invoices.failed_at),
        charge=(invoices.amount.isnull() | (invoices.amount > 0)) & ~void,
        note=(invoices.amount < 0).fill_null(False) & ~void & ~paid & ~settled,
        open=~paid & ~settled,
        value=invoices.amount * rate,
    )
    net = _net_of_credits(sized)
    standing = net.charge & (net.paid_at.notnull() | (net.open & (net.left.isnull() | (net.left > 0))))
    return net.mutate(
        standing=standing,
        billed=standing.ifelse(net.open.ifelse(net.left, net.value), 0.0),
        owed=(standing & net.open).ifelse(net.left, 0.0),
    ).drop("note", "open", "value", "left")


def _net_of_credits(sized: ir.Table) -> ir.Table:
    """The invoices with `left`: what the credits leave of an open charge; NULL of any other row."""
    notes = sized.filter(sized.note & sized.credit_of.notnull())
    named = notes.group_by(AS_OF, of="account_id", to="credit_of").agg(named=-exact_sum(notes.value))
    joined = sized.left_join(named, [AS_OF, ("account_id", "of"), ("invoice_id", "to")]).drop("as_of_right", "of", "to")
    value = (joined.open & joined.charge).ifelse(joined.value, ibis.null())
    by_name = (value < joined.named).ifelse(value, joined.named).fill_null(0.0)
    before = joined.mutate(
        before=value - by_name,
        # What the named invoice cannot take is the account's own, as is a note that names none.
        spare=joined.note.ifelse(-joined.value, 0.0).fill_null(0.0) - value.notnull().ifelse(by_name, 0.0),
    )
    account = ibis.window(group_by=KEY)
    by_due = [before.due, before.issued_on, before.invoice_id]
    reached = exact_sum_over(before.before, ibis.window(group_by=KEY, order_by=by_due, preceding=None, following=0))
    uncovered = (reached - exact_sum_over(before.spare, account)).clip(lower=0.0)
    left = (uncovered < before.before).ifelse(uncovered, before.before)
    return before.mutate(left=(left < ROUNDING).ifelse(0.0, left)).drop("named", "before", "spare")
