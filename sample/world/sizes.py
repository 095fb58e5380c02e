"""Seats and revenue of each contract term and its add-on, and the paid seats in each week.

    seats(k + 1) = (seats(k) + seats of the add-on) * factor
    arr(k + 1) = (arr(k) + arr of the add-on) * factor * (1 + uplift)

factor is above 1 with probability grows * sigmoid(grows_slope * (x - addon_turn)), below 1 with probability
shrinks * sigmoid(shrinks_slope * x), else 1. An add-on (more seats, or a module without seats) comes in a term with
probability addon * years * sigmoid(addon_slope * (x - addon_turn)).
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.settings import ContractSettings
from keepwell.sample.world.company import Accounts
from keepwell.sample.world.draws import sigmoid, some
from keepwell.sample.world.hazard import Exits
from keepwell.sample.world.schedule import Schedule
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, Days, Flags, Floats, Ints, Window, days_from


@dataclass(frozen=True)
class Sizes:
    """Seats and ARR of each term, accounts x terms; ARR in the account's own currency per year.

    `addon_on` is the add-on's first day, NaT where there is none; `written`: the term's contract is on record.
    """

    seats: Ints
    arr: Floats
    addon_on: Days
    addon_seats: Ints
    addon_arr: Floats
    written: Flags

    def arr_with_addon(self) -> Floats:
        """ARR at the end of each term."""
        return self.arr + self.addon_arr


@dataclass(frozen=True)
class _Term:
    """One term of all accounts while the sizes are drawn."""

    seats: Ints
    arr: Floats


def sized(
    rng: np.random.Generator,
    accounts: Accounts,
    schedule: Schedule,
    leaving: Exits,
    x: Floats,
    rules: ContractSettings,
    window: Window,
) -> Sizes:
    """Sizes of all terms, one after the other."""
    terms = schedule.start.shape[1] - 1
    now = _Term(accounts.seats, np.rint(accounts.seats * accounts.seat_price))
    kept: list[tuple[Ints, Floats, Days, Ints, Floats]] = []
    for k in range(terms):
        start, end = schedule.start[:, k], schedule.start[:, k + 1]
        on, more_seats, more_arr = _addon(rng, now, start, end, leaving, x, rules, window)
        kept.append((now.seats, now.arr, on, more_seats, more_arr))
        now = _renewed(rng, _Term(now.seats + more_seats, now.arr + more_arr), at_day(x, end, window), rules)
    seats, arr, addon_on, addon_seats, addon_arr = (np.stack(parts, axis=1) for parts in zip(*kept, strict=True))
    reached = np.isnat(leaving.left_on)[:, None] | (schedule.start[:, :-1] < leaving.left_on[:, None])
    written = reached & (schedule.signed[:, :-1] <= window.last_day)
    return Sizes(seats, arr, addon_on, addon_seats, addon_arr, written)


def at_day(x: Floats, day: Days, window: Window) -> Floats:
    """Health of each account on its own day (one day per account)."""
    return x[np.arange(len(x)), window.week_of(day)]


def _addon(
    rng: np.random.Generator,
    term: _Term,
    start: Days,
    end: Days,
    leaving: Exits,
    x: Floats,
    rules: ContractSettings,
    window: Window,
) -> tuple[Days, Ints, Floats]:
    """First day, seats and ARR of the term's add-on; NaT and 0 where there is none or where it lies in the future."""
    n, length = len(start), days_from(start, end)
    on = start + (length * rng.uniform(*rules.addon_when, size=n)).astype("timedelta64[D]")
    eager = sigmoid(rules.addon_slope * (at_day(x, on, window) - rules.addon_turn))
    bought = rng.random(n) < np.minimum(rules.addon * length / DAYS_PER_YEAR * eager, 1.0)
    bought &= (on <= window.last_day) & (np.isnat(leaving.left_on) | (on < leaving.churned_on))
    module, size = some(rng, rules.module, n), rng.uniform(*rules.addon_size, size=n)
    seats = np.where(bought & ~module, np.maximum(np.rint(term.seats * size), 1), 0).astype(np.int64)
    arr = np.where(module, np.rint(term.arr * size), np.rint(term.arr / term.seats * seats))
    return np.where(bought, on, NO_DAY), seats, np.where(bought, arr, 0.0)


def _renewed(rng: np.random.Generator, term: _Term, x: Floats, rules: ContractSettings) -> _Term:
    """The next term: larger, smaller or unchanged, at a new price."""
    n = len(x)
    grows = rng.random(n) < rules.grows * sigmoid(rules.grows_slope * (x - rules.addon_turn))
    shrinks = (rng.random(n) < rules.shrinks * sigmoid(rules.shrinks_slope * x)) & ~grows
    growth, shrinkage = rng.uniform(*rules.growth, size=n), rng.uniform(*rules.shrinkage, size=n)
    factor = np.where(grows, growth, np.where(shrinks, shrinkage, 1.0))
    seats = np.maximum(np.rint(term.seats * factor), 1).astype(np.int64)
    price = term.arr / term.seats * (1.0 + rng.uniform(*rules.uplift, size=n))
    return _Term(seats, np.rint(seats * price))


def seats_by_week(schedule: Schedule, sizes: Sizes, window: Window) -> Ints:
    """Seats paid for in each week on record, accounts x weeks, for accounts while they are customers."""
    weeks = window.week_starts()[None, :]
    seats = np.zeros((len(sizes.seats), window.weeks), dtype=np.int64)
    for k in range(sizes.seats.shape[1]):
        within = weeks < schedule.start[:, k + 1, None]
        if k > 0:  # a trial comes before the first term and has its seats
            within &= weeks >= schedule.start[:, k, None]
        added = np.where(weeks >= sizes.addon_on[:, k, None], sizes.addon_seats[:, k, None], 0)
        seats = np.where(within & (seats == 0), sizes.seats[:, k, None] + added, seats)
    return seats
