"""The simulated life of one chunk of accounts, from which every table is derived."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from keepwell.sample.settings import CompanySettings, Segment
from keepwell.sample.world.company import Accounts, enrolled, found, per_segment
from keepwell.sample.world.draws import Moments
from keepwell.sample.world.effects import Contacts, contacted
from keepwell.sample.world.hazard import Exits, Risk, exits, risk
from keepwell.sample.world.health import Health, live
from keepwell.sample.world.schedule import Schedule, scheduled
from keepwell.sample.world.sizes import Sizes, seats_by_week, sized
from keepwell.sample.world.window import DAYS_PER_MONTH, Days, Flags, Floats, Ints, Window

TOPICS = (
    "accounts", "health", "schedule", "exits", "sizes", "history", "contracts", "usage", "tickets", "invoices",
    "surveys", "touchpoints", "contacts", "opportunities", "churn_events", "interventions", "legacy_scores", "notes",
    "hold_outs", "advocacy",
)  # fmt: skip
"""Each has its own random stream: a change in one moves no other. New ones go to the end."""


@dataclass(frozen=True)
class World:
    """Everything that happens to one chunk of accounts.

    `x` (accounts x weeks) is the health as lived: it falls when the account gives notice. `seats` are paid for.
    """

    settings: CompanySettings
    window: Window
    accounts: Accounts
    company_size: int
    health: Health
    schedule: Schedule
    contacts: Contacts
    frailty: Floats
    exits: Exits
    sizes: Sizes
    x: Floats
    seats: Ints

    def per(self, of: Callable[[Segment], float]) -> Floats:
        """The parameter of each account's segment."""
        return per_segment(self.settings, self.accounts.segment, of)

    def felt(self, account: Ints, day: Days) -> Floats:
        """Health of these accounts on these days."""
        return self.x[account, self.window.week_of(day)]

    def is_customer(self, account: Ints, day: Days) -> Flags:
        """Whether the accounts are customers on these days, and the days are on record."""
        left_on = self.exits.left_on[account]
        begun = (day >= self.accounts.live_from[account]) & (day >= self.window.first_day)
        return begun & (np.isnat(left_on) | (day < left_on)) & (day <= self.window.last_day)

    def while_customer(self, moments: Moments) -> Moments:
        """Moments at which the account was a customer."""
        return moments.where(self.is_customer(moments.account, moments.day))


@dataclass(frozen=True)
class _Lives:
    """Draws made before it is known who is still a customer when the record begins."""

    accounts: Accounts
    health: Health
    schedule: Schedule
    contacts: Contacts
    frailty: Floats
    exits: Exits


def streams(seed: np.random.SeedSequence) -> dict[str, np.random.Generator]:
    """One random generator per topic."""
    return {topic: np.random.default_rng(child) for topic, child in zip(TOPICS, seed.spawn(len(TOPICS)), strict=True)}


def imagine(
    rng: dict[str, np.random.Generator],
    account_range: range,
    company_size: int,
    settings: CompanySettings,
    window: Window,
) -> World:
    """The simulated life of the accounts with these numbers.

    The book is burnt in: customers have come and gone for years before the record begins, and only those who are still
    there are recorded. So the share that leaves is flat from the first month on record.
    """
    before = round(settings.book.tenure_months * DAYS_PER_MONTH / 7)
    lives = _survivors(rng, len(account_range), before, settings, window)
    accounts = enrolled(rng["accounts"], lives.accounts, account_range, max(5, len(str(company_size))), settings)
    health = _on_record(lives.health, before)
    sizes = sized(rng["sizes"], accounts, lives.schedule, lives.exits, health.x, settings.contracts, window)
    weeks = window.week_starts()
    leaving = weeks[None, :] >= lives.exits.churned_on[:, None]
    return World(
        settings, window, accounts, company_size, health, lives.schedule, lives.contacts, lives.frailty, lives.exits,
        sizes, health.x - settings.health.leaving_drop * leaving, seats_by_week(lives.schedule, sizes, window),
    )  # fmt: skip


def _survivors(
    rng: dict[str, np.random.Generator], n: int, before: int, settings: CompanySettings, window: Window
) -> _Lives:
    """The first n candidates who are still customers when the record begins, or come later."""
    share = settings.book.spare
    while True:
        lives = _lives(rng, round(n * share) + 10, before, settings, window)
        recorded = np.flatnonzero(np.isnat(lives.exits.left_on) | (lives.exits.left_on > window.first_day))
        if len(recorded) >= n:
            first: _Lives = _rows_of(lives, recorded[:n])
            return first
        share *= 2


def _lives(
    rng: dict[str, np.random.Generator], n: int, before: int, settings: CompanySettings, window: Window
) -> _Lives:
    """The lives of n candidates, from years before the record."""
    accounts = found(rng["accounts"], n, settings, window)
    hidden = rng["exits"].standard_normal(n)
    frailty = hidden * settings.contacts.confounded_churn * (settings.contacts.confounded != 0)
    health = live(rng["health"], accounts, settings.health, window, before)
    contacts, health = contacted(rng["legacy_scores"], accounts, health, before, hidden, settings, window)
    schedule = scheduled(rng["schedule"], accounts, settings, window)
    weeks = weeks_from(window, -before, health.deviation.shape[1])
    risks = risk(accounts, schedule, weeks, frailty, settings)
    leaving = exits(rng["exits"], accounts, schedule, risks, health.x, weeks, settings.churn, window)
    return _Lives(accounts, health, schedule, contacts, frailty, leaving)


def weeks_from(window: Window, first: int, count: int) -> Days:
    """First days of consecutive weeks, counted from the first week on record (negative: before it)."""
    days: Days = window.first_day + (7 * np.arange(first, first + count)).astype("timedelta64[D]")
    return days


def risk_of(world: World, weeks: Days) -> Risk:
    """The risk of the accounts in the weeks that begin on these days."""
    return risk(world.accounts, world.schedule, weeks, world.frailty, world.settings)


def _on_record(health: Health, before: int) -> Health:
    """The health without the weeks before the record."""
    return replace(health, fall=health.fall[:, before:], deviation=health.deviation[:, before:])


def _rows_of(record: Any, rows: Ints) -> Any:
    """Rows of these accounts, from an array or from every array in a dataclass and its nested dataclasses."""
    if isinstance(record, np.ndarray):
        return record[rows]
    return replace(record, **{f.name: _rows_of(getattr(record, f.name), rows) for f in fields(record)})


def chunks(accounts: int, size: int) -> list[range]:
    """Numbers of the accounts, in chunks of a fixed size."""
    return [range(first, min(first + size, accounts + 1)) for first in range(1, accounts + 1, size)]
