"""Contracts as in the CRM: trials, yearly or longer terms, open-ended monthly ones, and add-ons.

A fixed term has an `end_on`; a monthly contract has none and gets its `ended_on` when it is replaced or canceled.
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_day, nullable
from keepwell.sample.world.company import CURRENCIES
from keepwell.sample.world.draws import between, some
from keepwell.sample.world.life import World
from keepwell.sample.world.window import NO_DAY, NO_INSTANT, Days, Flags, Floats, Ints, add_days

MODULES = ("Insights module", "Automation module", "Premium support")


@dataclass(frozen=True)
class Rows:
    """Contracts, one value each. `term_end` is where the term ends by schedule, `plan` a position in the plans."""

    account: Ints
    start_on: Days
    term_end: Days
    signed_on: Days
    arr: Floats
    seats: Floats
    plan: Ints
    trial: Flags


def contracts(world: World, rng: np.random.Generator) -> Columns:
    """The contracts table. A renewal that is signed but starts after the last day has no `loaded_at`."""
    rows = _ordered(_trials(world), _terms(world), _addons(world, rng))
    accounts, window = world.accounts, world.window
    monthly = accounts.monthly[rows.account] & ~rows.trial
    left_on = world.exits.left_on[rows.account]
    ends = np.where(np.isnat(left_on), rows.term_end, np.minimum(rows.term_end, left_on))
    stored = loaded_after_day(rows.start_on)
    return {
        "contract_id": keys(accounts.account_id, rows.account, "C"),
        "account_id": accounts.account_id[rows.account],
        "start_on": rows.start_on,
        "end_on": np.where(monthly, NO_DAY, rows.term_end),
        "ended_on": window.up_to_last_day(ends),
        "signed_on": rows.signed_on,
        "notice_on": _notices(world, rows),
        "arr": rows.arr,
        "currency": Coded(accounts.currency[rows.account], CURRENCIES),
        "seats": rows.seats,
        "plan": Coded(rows.plan, plans(world)),
        "trial": rows.trial,
        "auto_renew": monthly | (some(rng, world.settings.contracts.auto_renew, len(rows.account)) & ~rows.trial),
        "loaded_at": np.where(rows.start_on <= window.last_day, stored, NO_INSTANT),
    }


def plans(world: World) -> list[str]:
    """The plan of each segment, then the modules."""
    return [*(s.plan for s in world.settings.segments), *MODULES]


def _trials(world: World) -> Rows:
    """A trial before the first contract of some accounts; its ARR is what they would pay."""
    accounts = world.accounts
    who = np.flatnonzero(accounts.trial_days > 0)
    return Rows(
        account=who,
        start_on=accounts.live_from[who],
        term_end=accounts.start_on[who],
        signed_on=np.full(len(who), NO_DAY),
        arr=world.sizes.arr[who, 0],
        seats=world.sizes.seats[who, 0].astype(float),
        plan=accounts.segment[who],
        trial=np.full(len(who), True),
    )


def _terms(world: World) -> Rows:
    """The contract of each term."""
    who, term = np.nonzero(world.sizes.written)
    return Rows(
        account=who,
        start_on=world.schedule.begins[who, term],
        term_end=world.schedule.start[who, term + 1],
        signed_on=world.schedule.signed[who, term],
        arr=world.sizes.arr[who, term],
        seats=world.sizes.seats[who, term].astype(float),
        plan=world.accounts.segment[who],
        trial=np.full(len(who), False),
    )


def _addons(world: World, rng: np.random.Generator) -> Rows:
    """Add-ons; each ends with its term."""
    who, term = np.nonzero(world.sizes.written & ~np.isnat(world.sizes.addon_on))
    start = world.sizes.addon_on[who, term]
    seats = world.sizes.addon_seats[who, term]
    module = len(world.settings.segments) + rng.integers(0, len(MODULES), size=len(who))
    signed = add_days(start, -between(rng, world.settings.contracts.signed_before, len(who)))
    return Rows(
        account=who,
        start_on=start,
        term_end=world.schedule.start[who, term + 1],
        signed_on=np.maximum(signed, world.schedule.signed[who, term]),
        arr=world.sizes.addon_arr[who, term],
        seats=nullable(seats, seats > 0),
        plan=np.where(seats > 0, world.accounts.segment[who], module),
        trial=np.full(len(who), False),
    )


def _ordered(*parts: Rows) -> Rows:
    """All contracts together, ordered by account and start."""
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__dataclass_fields__}
    order = np.lexsort((whole["term_end"], whole["start_on"], whole["account"]))
    return Rows(**{name: values[order] for name, values in whole.items()})


def _notices(world: World, rows: Rows) -> Days:
    """Notice dates: on every contract that ran when notice was given, and on a renewal already signed then."""
    notice = world.window.up_to_last_day(world.exits.notice_on)[rows.account]
    agreed_on = np.fmin(rows.start_on, rows.signed_on)
    return np.where((agreed_on <= notice) & (notice < rows.term_end), notice, NO_DAY)
