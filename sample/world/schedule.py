"""Renewal dates of the contracts."""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.settings import CompanySettings, ContractSettings
from keepwell.sample.world.company import Accounts
from keepwell.sample.world.draws import between, some
from keepwell.sample.world.window import (
    DAYS_PER_MONTH,
    Days,
    Flags,
    Ints,
    Window,
    add_days,
    add_months,
    days_from,
)


@dataclass(frozen=True)
class Schedule:
    """Terms of each account, accounts x (terms + 1): term k covers [start k, start k+1).

    `begins` is the day on which term k's own contract begins: later than `start` where the renewal was late.
    `signed` is when it was signed; `committed` is that too, but never after `start`.
    """

    start: Days
    begins: Days
    signed: Days

    @property
    def committed(self) -> Days:
        """From this day on the account no longer decides about term k."""
        return np.minimum(self.signed, self.start)

    def term_on(self, day: Days) -> Ints:
        """Number of the last term that is committed to on each day; days may have several columns per account."""
        committed = self.committed.reshape(len(self.start), *([1] * (day.ndim - 1)), -1)
        terms: Ints = np.maximum((committed <= day[..., None]).sum(axis=-1) - 1, 0)
        return terms

    def days_to_end(self, weeks: Days) -> Ints:
        """Days from each week (accounts x weeks) to the end of the term that is committed to then; at least 1."""
        return days_from(weeks, self.pick(self.term_on(weeks) + 1))

    def pick(self, term: Ints) -> Days:
        """Start of that term of each account."""
        return np.take_along_axis(self.start, term.reshape(len(self.start), -1), axis=1).reshape(term.shape)


def scheduled(rng: np.random.Generator, accounts: Accounts, settings: CompanySettings, window: Window) -> Schedule:
    """Terms from the first contract until past the last day on record."""
    n, rules = len(accounts), settings.contracts
    months = settings.book.tenure_months + round(window.days / DAYS_PER_MONTH)
    number = np.arange(months // 12 + 3)
    start = add_months(accounts.start_on[:, None], accounts.term_months[:, None] * number)
    late = _lateness(rng, (n, len(number)), accounts.monthly, rules)
    before = between(rng, rules.renewed_before, (n, len(number)))
    # Monthly contracts and those that may run out are papered anew on the very day; a first contract has its own lead.
    before = np.where((accounts.monthly | ~accounts.declares)[:, None] | (late > 0), 0, before)
    before[:, 0] = between(rng, rules.signed_before, n)
    begins = add_days(start, late)
    return Schedule(start, begins, add_days(begins, -before))


def _lateness(rng: np.random.Generator, shape: tuple[int, int], monthly: Flags, rules: ContractSettings) -> Ints:
    """Days by which each renewal starts late, mostly 0."""
    late = np.where(some(rng, rules.late_renewal, shape), between(rng, rules.late_days, shape), 0)
    late[:, 0] = 0
    return np.where(monthly[:, None], 0, late)
