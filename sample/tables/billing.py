"""Invoices: issued by the terms of each contract, then paid, late, failed or disputed.

The probabilities of a failure, of non-payment and of a dispute fall with exp(-slope * x); the days that a payment is
late fall by a constant per unit of x.
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_day
from keepwell.sample.world.company import CURRENCIES
from keepwell.sample.world.draws import between, happens, office_hours, some
from keepwell.sample.world.life import World
from keepwell.sample.world.window import NO_INSTANT, Days, Flags, Floats, Instants, Ints, add_days, add_months

MAX_PER_TERM = 12
"""Invoices of a contract, at most: months of a monthly one's year, quarters of three years."""


@dataclass(frozen=True)
class Issued:
    """Invoices as issued, ordered by account and day."""

    account: Ints
    on: Days
    amount: Floats
    monthly: Flags


def invoices(world: World, rng: np.random.Generator) -> Columns:
    """The invoices table. What happens after the last day is null."""
    rules, accounts, window = world.settings.billing, world.accounts, world.window
    issued = _issued(world, rng)
    x = world.felt(issued.account, issued.on)
    due = add_days(issued.on, np.where(issued.monthly, rules.card_days, rules.terms_days))
    failed = _failures(world, rng, issued, x)
    paid = _payments(world, rng, issued, due, failed, x)
    disputed, resolved = _disputes(world, rng, issued, x)
    contested = ~np.isnat(disputed) & ~(paid < disputed)
    paid = np.where(contested, resolved, paid)
    failed = np.where(paid < failed, NO_INSTANT, failed)  # what a settled dispute has paid is not tried again
    return {
        "invoice_id": keys(accounts.account_id, issued.account, "I"),
        "account_id": accounts.account_id[issued.account],
        "issued_on": issued.on,
        "due_on": due,
        "amount": issued.amount,
        "currency": Coded(accounts.currency[issued.account], CURRENCIES),
        "paid_at": window.up_to_end(paid),
        "first_failed_at": window.up_to_end(failed),
        "failed_at": window.up_to_end(failed),
        "disputed_at": window.up_to_end(disputed),
        "resolved_at": window.up_to_end(resolved),
        "loaded_at": loaded_after_day(issued.on),
    }


def _issued(world: World, rng: np.random.Generator) -> Issued:
    """An invoice at the start of every billing period of every term, its add-on included from its start on."""
    accounts, sizes, window, rules = world.accounts, world.sizes, world.window, world.settings.billing
    step = np.where(accounts.monthly, 1, np.where(some(rng, rules.quarterly, len(accounts)), 3, 12))
    who, term = np.nonzero(sizes.written)
    nth = np.arange(MAX_PER_TERM)
    on = add_months(world.schedule.start[who, term][:, None], step[who][:, None] * nth)
    on = np.maximum(on, world.schedule.begins[who, term][:, None])
    arr = sizes.arr[who, term][:, None] + sizes.addon_arr[who, term][:, None] * (
        on >= sizes.addon_on[who, term][:, None]
    )
    left_on = world.exits.left_on[who][:, None]
    due_now = (nth * step[who][:, None] < accounts.term_months[who][:, None]) & (np.isnat(left_on) | (on < left_on))
    earliest = add_months(np.array([window.first_day]), np.array([-rules.history_months]))[0]
    row, column = np.nonzero(due_now & (on >= earliest) & (on <= window.last_day))
    amount = np.round(arr[row, column] * step[who][row] / 12.0, 2)
    return Issued(who[row], on[row, column], amount, accounts.monthly[who][row])


def _failures(world: World, rng: np.random.Generator, issued: Issued, x: Floats) -> Instants:
    """When the payment failed: on the issue day for cards, else near the end of the payment term."""
    rules = world.settings.billing
    probability = np.where(issued.monthly, rules.failure[1], rules.failure[0]) * np.exp(-rules.failure_slope * x)
    day = add_days(issued.on, np.where(issued.monthly, 0, rules.terms_days - rng.integers(0, rules.card_days, len(x))))
    return np.where(happens(rng, probability), office_hours(rng, day), NO_INSTANT)


def _payments(
    world: World, rng: np.random.Generator, issued: Issued, due: Days, failed: Instants, x: Floats
) -> Instants:
    """When the invoice was paid: cards on the day, transfers around the due date, failed ones some days later."""
    rules, n = world.settings.billing, len(x)
    late, per_x, spread = rules.paid_after
    lateness = np.rint(late - per_x * x + spread * rng.standard_normal(n)).astype(np.int64)
    transfer = np.maximum(add_days(due, lateness), add_days(issued.on, np.ones(n, dtype=np.int64)))
    usual = office_hours(rng, np.where(issued.monthly, issued.on, transfer))
    again = failed + between(rng, rules.retry_days, n).astype("timedelta64[D]")
    never = happens(rng, rules.unpaid * np.exp(-rules.failure_slope * x))
    return np.where(never, NO_INSTANT, np.where(np.isnat(failed), usual, again))


def _disputes(world: World, rng: np.random.Generator, issued: Issued, x: Floats) -> tuple[Instants, Instants]:
    """When the invoice was disputed and when the dispute was settled."""
    rules, n = world.settings.billing, len(x)
    raised = happens(rng, rules.dispute * np.exp(-rules.dispute_slope * x))
    at = office_hours(rng, add_days(issued.on, between(rng, rules.disputed_days, n)))
    over = at + between(rng, rules.settled_days, n).astype("timedelta64[D]")
    settled = raised & some(rng, rules.settled, n)
    return np.where(raised, at, NO_INSTANT), np.where(settled, over, NO_INSTANT)
