"""One chunk of the sample company's life, from which every table is read off."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sample.company import Accounts, found, per_segment
from sample.draws import Moments
from sample.health import Health, live
from sample.schedule import Exits, Schedule, exits, scheduled
from sample.settings import CompanySettings, Segment
from sample.sizes import Sizes, seats_by_week, sized
from sample.window import Days, Flags, Floats, Ints, Window

TOPICS = (
    "accounts", "health", "schedule", "exits", "sizes", "history", "contracts", "usage", "tickets", "invoices",
    "surveys", "touchpoints", "contacts", "opportunities", "churn_events", "interventions", "legacy_scores", "notes",
)  # fmt: skip
"""Each has its own random stream: a change in one moves no other. New ones go to the end."""


@dataclass(frozen=True)
class World:
    """What truly happens to one chunk of accounts.

    `x` (accounts x weeks) is the health as lived: it falls when the account decides to leave. `seats` are paid for.
    """

    settings: CompanySettings
    window: Window
    accounts: Accounts
    company_size: int
    health: Health
    schedule: Schedule
    exits: Exits
    sizes: Sizes
    x: Floats
    seats: Ints

    def per(self, of: Callable[[Segment], float]) -> Floats:
        """A segment's parameter for each account."""
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
        """The moments at which the account was a customer."""
        return moments.where(self.is_customer(moments.account, moments.day))


def streams(seed: np.random.SeedSequence) -> dict[str, np.random.Generator]:
    """One generator per topic."""
    return {topic: np.random.default_rng(child) for topic, child in zip(TOPICS, seed.spawn(len(TOPICS)), strict=True)}


def imagine(
    rng: dict[str, np.random.Generator], numbers: range, company_size: int, settings: CompanySettings, window: Window
) -> World:
    """The life of the accounts of these numbers."""
    accounts = found(rng["accounts"], numbers, max(5, len(str(company_size))), settings, window)
    health = live(rng["health"], accounts, settings.health, window)
    schedule = scheduled(rng["schedule"], accounts, settings, window)
    leaving = exits(rng["exits"], accounts, schedule, health.x, settings, window)
    sizes = sized(rng["sizes"], accounts, schedule, leaving, health.x, settings.contracts, window)
    weeks = window.week_starts()
    decided = weeks[None, :] >= leaving.decided_on[:, None]
    lived = health.x - settings.health.leaving_drop * decided
    return World(
        settings, window, accounts, company_size, health, schedule, leaving, sizes, lived,
        seats_by_week(schedule, sizes, window),
    )  # fmt: skip


def chunks(accounts: int, size: int) -> list[range]:
    """Numbers of the accounts, in chunks of a fixed size."""
    return [range(first, min(first + size, accounts + 1)) for first in range(1, accounts + 1, size)]
