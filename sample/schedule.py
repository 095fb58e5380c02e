"""When contracts come up for renewal, and who leaves: decision, notice, end.

The chance to decide, per month, of an account with health x:

    h(x) = min(highest, churn(segment) * exp(-steepness * x)) * (near or far a renewal; 1 on monthly contracts)

Who decides leaves at the end of the term that is not yet renewed; some give notice before it, a few of them go early.
Monthly contracts end some days after the decision.
"""

from dataclasses import dataclass

import numpy as np

from sample.company import Accounts, per_segment
from sample.draws import between, some
from sample.settings import ChurnSettings, CompanySettings, ContractSettings
from sample.window import (
    DAYS_PER_MONTH,
    NO_DAY,
    Days,
    Flags,
    Floats,
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

    def pick(self, term: Ints) -> Days:
        """Start of that term of each account."""
        return np.take_along_axis(self.start, term.reshape(len(self.start), -1), axis=1).reshape(term.shape)


@dataclass(frozen=True)
class Exits:
    """Who leaves: the day of decision, of notice, and the first day no longer a customer; NaT where there is none."""

    decided_on: Days
    notice_on: Days
    left_on: Days


def scheduled(rng: np.random.Generator, accounts: Accounts, settings: CompanySettings, window: Window) -> Schedule:
    """Terms from the first contract until past the last day on record."""
    n, rules = len(accounts), settings.contracts
    months = settings.book.tenure_months + round(window.days / DAYS_PER_MONTH)
    number = np.arange(months // 12 + 3)
    start = add_months(accounts.start_on[:, None], accounts.term_months[:, None] * number)
    late = _lateness(rng, (n, len(number)), accounts.monthly, rules)
    before = between(rng, rules.renewed_before, (n, len(number)))
    # Monthly contracts are papered anew on the very day; a first contract has its own lead.
    before = np.where(accounts.monthly[:, None] | (late > 0), 0, before)
    before[:, 0] = between(rng, rules.signed_before, n)
    begins = add_days(start, late)
    return Schedule(start, begins, add_days(begins, -before))


def _lateness(rng: np.random.Generator, shape: tuple[int, int], monthly: Flags, rules: ContractSettings) -> Ints:
    """Days by which each renewal starts late, mostly 0."""
    late = np.where(some(rng, rules.late_renewal, shape), between(rng, rules.late_days, shape), 0)
    late[:, 0] = 0
    return np.where(monthly[:, None], 0, late)


def exits(
    rng: np.random.Generator,
    accounts: Accounts,
    schedule: Schedule,
    x: Floats,
    settings: CompanySettings,
    window: Window,
) -> Exits:
    """Decisions drawn week by week from the hazard, with what follows from them.

    They begin some weeks before the record does, so that its first months have their share of leavers.
    """
    before = settings.churn.warm_up_weeks
    earlier = np.concatenate([np.repeat(x[:, :1], before, axis=1), x], axis=1)
    first_day = window.first_day - np.timedelta64(7 * before, "D")
    weeks = np.broadcast_to(first_day + 7 * np.arange(earlier.shape[1]).astype("timedelta64[D]"), earlier.shape)
    leaves = rng.random(earlier.shape) < _weekly_hazard(accounts, schedule, earlier, weeks, settings)
    day = first_day + (7 * np.argmax(leaves, axis=1) + rng.integers(0, 7, len(x))).astype("timedelta64[D]")
    decided = window.happened(np.where(leaves.any(axis=1), day, NO_DAY))
    leaving = _consequences(rng, accounts, schedule, decided, settings.churn)
    # Who would have left before the record begins is no customer of whom it could tell: such decisions never were.
    told = leaving.left_on > window.first_day
    return Exits(*(np.where(told, day, NO_DAY) for day in (leaving.decided_on, leaving.notice_on, leaving.left_on)))


def _weekly_hazard(accounts: Accounts, schedule: Schedule, x: Floats, weeks: Days, settings: CompanySettings) -> Floats:
    """Chance to decide in each week, accounts x weeks; 0 in the settling time."""
    rules = settings.churn
    base = per_segment(settings, accounts.segment, lambda s: s.churn) * np.where(
        accounts.never_used, rules.never_used, 1.0
    )
    monthly = np.minimum(base[:, None] * np.exp(-rules.steepness * x), rules.highest)
    to_end = days_from(weeks, schedule.pick(schedule.term_on(weeks) + 1))
    pull = np.where(to_end <= rules.near_days, rules.near, rules.far)
    monthly = np.minimum(monthly * np.where(accounts.monthly[:, None], 1.0, pull), rules.highest)
    settled = weeks >= add_days(accounts.start_on, np.full(len(accounts), rules.settle_days))[:, None]
    return np.where(settled, 1.0 - (1.0 - monthly) ** (7.0 / DAYS_PER_MONTH), 0.0)


def _consequences(
    rng: np.random.Generator, accounts: Accounts, schedule: Schedule, decided: Days, rules: ChurnSettings
) -> Exits:
    """Notice and end that follow from each decision."""
    n = len(accounts)
    day = np.where(np.isnat(decided), accounts.start_on, decided)
    end = schedule.pick(schedule.term_on(day) + 1)
    earliest = add_days(end, -between(rng, rules.notice_before_end, n))
    notice = np.maximum(add_days(day, between(rng, rules.notice_after, n)), earliest)
    told = some(rng, rules.gives_notice, n)
    in_time = notice <= add_days(end, np.full(n, -rules.notice_least))
    early = some(rng, rules.early_exit, n) & told & in_time
    fixed_end = np.where(early, np.minimum(add_days(notice, np.full(n, rules.early_exit_days)), end), end)
    monthly_end = np.minimum(add_days(day, between(rng, rules.monthly_exit_days, n)), end)
    notice = np.where(accounts.monthly, np.where(told, day, NO_DAY), np.where(told & in_time, notice, NO_DAY))
    left = np.where(accounts.monthly, monthly_end, fixed_end)
    gone = ~np.isnat(decided)
    return Exits(decided, np.where(gone, notice, NO_DAY), np.where(gone, left, NO_DAY))
