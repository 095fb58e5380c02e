"""Opportunities: a renewal for every fixed term, an expansion for every add-on, and lost expansions.

One row per opportunity and stage: open, proposal, negotiation, then won or lost. Stages that would come after the deal
was closed are left out; so is what lies before the first day on record or after the last.
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_instant
from keepwell.sample.world.company import CURRENCIES, staff
from keepwell.sample.world.draws import between, office_hours, scattered, sigmoid
from keepwell.sample.world.life import World
from keepwell.sample.world.window import DAYS_PER_YEAR, Days, Flags, Floats, Instants, Ints, add_days
from keepwell.sample.world.words import person

KINDS = ("renewal", "expansion")
RENEWAL, EXPANSION = range(len(KINDS))
STAGES = ("open", "proposal", "negotiation", "won", "lost")
WON, LOST = STAGES.index("won"), STAGES.index("lost")
SELLERS_FIRST = 1000
"""Sellers are other people than CSMs: their names begin further on in the list."""


@dataclass(frozen=True)
class Deals:
    """Opportunities, one value each; `steps` holds the days of open, proposal, negotiation (deals x 3)."""

    account: Ints
    kind: Ints
    steps: Days
    closed_on: Days
    won: Flags
    value: Floats


def opportunities(world: World, rng: np.random.Generator) -> Columns:
    """The opportunities table, ordered by opportunity and change."""
    deals = _together(_renewals(world), _expansions(world), _lost(world, rng))
    row, stage, at = _stages(world, rng, deals)
    account = deals.account[row]
    sellers = [person(SELLERS_FIRST + n) for n in range(staff(world.settings, world.company_size)[-1].stop)]
    return {
        "opportunity_id": keys(world.accounts.account_id, deals.account, "O")[row],
        "account_id": world.accounts.account_id[account],
        "changed_at": at,
        "kind": Coded(deals.kind[row], KINDS),
        "stage": Coded(stage, STAGES),
        "value": deals.value[row],
        "currency": Coded(world.accounts.currency[account], CURRENCIES),
        "owner": Coded(world.accounts.number[account] % len(sellers), sellers),
        "loaded_at": loaded_after_instant(at),
    }


def _stages(world: World, rng: np.random.Generator, deals: Deals) -> tuple[Ints, Ints, Instants]:
    """The deal of each row, its stage and the instant at which the stage began."""
    closed = deals.closed_on[:, None]
    days = np.concatenate([deals.steps, closed], axis=1)
    reached = np.concatenate([deals.steps < closed, np.full(closed.shape, True)], axis=1)
    row, step = np.nonzero(reached & (days >= world.window.first_day) & (days <= world.window.last_day))
    stage = np.where(step < WON, step, np.where(deals.won[row], WON, LOST))
    return row, stage, office_hours(rng, days[row, step])


def _renewals(world: World) -> Deals:
    """One per fixed term that ends: won when the next is signed, lost at notice or, without one, at the end."""
    schedule, leaving, window = world.schedule, world.exits, world.window
    who, term = np.nonzero(world.sizes.written & ~world.accounts.monthly[:, None])
    end, left_on = schedule.start[who, term + 1], leaving.left_on[who]
    lost = left_on <= end
    lost_on = np.where(np.isnat(leaving.notice_on[who]), left_on, leaving.notice_on[who])
    last = schedule.start.shape[1] - 1
    closed = np.where(lost, lost_on, schedule.signed[who, np.minimum(term + 1, last)])
    steps = _before(end, world.settings.commercial.renewal_days)
    opened = (steps[:, 0] >= np.maximum(window.first_day, schedule.begins[who, term])) & (steps[:, 0] < closed)
    value = world.sizes.arr_with_addon()[who, term]
    return _picked(Deals(who, np.full(len(who), RENEWAL), steps, closed, ~lost, value), np.flatnonzero(opened))


def _expansions(world: World) -> Deals:
    """One per add-on: won on the day on which it starts."""
    who, term = np.nonzero(world.sizes.written & ~np.isnat(world.sizes.addon_on))
    won_on = world.sizes.addon_on[who, term]
    steps = _before(won_on, world.settings.commercial.expansion_days)
    deals = Deals(
        who, np.full(len(who), EXPANSION), steps, won_on, np.full(len(who), True), world.sizes.addon_arr[who, term]
    )
    return _picked(deals, np.flatnonzero(world.is_customer(who, steps[:, 0])))


def _lost(world: World, rng: np.random.Generator) -> Deals:
    """Expansions that are lost in the end, or with the account; recent ones are still open on the last day."""
    rules, contracts = world.settings.commercial, world.settings.contracts
    eager = sigmoid(contracts.addon_slope * (world.x - contracts.addon_turn))
    opened = world.while_customer(scattered(rng, rules.pipeline * 7 / DAYS_PER_YEAR * eager, world.window.first_day))
    account, day, n = opened.account, opened.day, len(opened.account)
    lead = np.array(rules.expansion_days)
    closed = add_days(day, between(rng, rules.lost_days, n))
    left_on = world.exits.left_on[account]
    closed = np.where(left_on < closed, left_on, closed)
    term = np.maximum((world.schedule.start[account] <= day[:, None]).sum(axis=1) - 1, 0)
    value = np.rint(world.sizes.arr[account, term] * rng.uniform(*contracts.addon_size, size=n))
    steps = add_days(day[:, None], lead[0] - lead)
    return Deals(account, np.full(n, EXPANSION), steps, closed, np.full(n, False), value)


def _before(day: Days, days: tuple[int, ...]) -> Days:
    """The dates that many `days` before each day: deals x len(days)."""
    return add_days(day[:, None], -np.array(days))


def _picked(deals: Deals, rows: Ints) -> Deals:
    """Deals picked by row, in this order."""
    return Deals(**{name: values[rows] for name, values in vars(deals).items()})


def _together(*parts: Deals) -> Deals:
    """All deals, ordered by account and opening."""
    whole = Deals(**{name: np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])})
    return _picked(whole, np.lexsort((whole.closed_on, whole.steps[:, 0], whole.account)))
