"""Contacts by CSMs and their effects on the accounts.

At the start of each month the account's old score (legacy_scores) is written down:

    legacy = constant + slope * (x some weeks ago) + noise

By policy the account is contacted with probability
highest(segment) * sigmoid((mark - legacy) / width + confounded * u), where u ~ N(0, 1) is what a CSM knows and no table
holds; randomized, every account below the mark is contacted with probability `random_share`. In the week that follows,
a contact lifts the health by `lift`, which fades as any deviation does; a sleeping dog - a monthly contract that has
run for long - is woken instead: its health falls by `harm`.
"""

from dataclasses import dataclass, replace

import numpy as np

from keepwell.sample.settings import CompanySettings, ContactSettings
from keepwell.sample.world.company import Accounts, per_segment
from keepwell.sample.world.draws import sigmoid
from keepwell.sample.world.health import Health, fading
from keepwell.sample.world.window import DAYS_PER_MONTH, Days, Flags, Floats, Ints, Window, days_from

OFF, POLICY, RANDOM = "off", "policy", "random"


@dataclass(frozen=True)
class Contacts:
    """Accounts x months: the old score, the probability of a contact, whether it was made and on which day.

    `effect` is what a contact at that time does to the health; `sleeping` marks those whom it harms.
    """

    legacy: Floats
    probability: Floats
    made: Flags
    day: Days
    effect: Floats
    sleeping: Flags


def contacted(
    rng: np.random.Generator,
    accounts: Accounts,
    health: Health,
    before: int,
    hidden: Floats,
    settings: CompanySettings,
    window: Window,
) -> tuple[Contacts, Health]:
    """The contacts of the months on record, in order, and the health including their effects."""
    rules, months = settings.contacts, window.month_starts()
    n, phi = len(accounts), fading(settings.health)
    week = window.week_of(months) + before
    sleeping = _sleeping(accounts, months, rules)
    effect = np.where(sleeping, -rules.harm, rules.lift)
    noise = settings.commercial.legacy[2] * rng.standard_normal((n, len(months)))
    coins = rng.random((n, len(months)))
    deviation = health.deviation.copy()
    legacy, probability = np.empty((n, len(months))), np.zeros((n, len(months)))
    made = np.zeros((n, len(months)), dtype=bool)
    for m, now in enumerate(week):
        seen = max(int(now) - settings.commercial.legacy_lag_weeks, 0)
        x = health.level - health.fall[:, seen] + deviation[:, seen]
        legacy[:, m] = _old_score(x, noise[:, m], settings)
        rested = ~made[:, max(0, m - rules.rest_months) : m].any(axis=1)
        later = deviation.shape[1] - int(now) - 1
        if later > 0:
            probability[:, m] = rested * _probability(accounts, legacy[:, m], hidden, settings)
        made[:, m] = coins[:, m] < probability[:, m]
        lift = np.where(made[:, m], effect[:, m], 0.0)
        deviation[:, int(now) + 1 :] += lift[:, None] * phi ** np.arange(later)
    first = window.first_day + 7 * (window.week_of(months) + 1).astype("timedelta64[D]")
    day = first[None, :] + rng.integers(0, 5, size=made.shape).astype("timedelta64[D]")
    return Contacts(legacy, probability, made, day, effect, sleeping), replace(health, deviation=deviation)


def _old_score(x: Floats, noise: Floats, settings: CompanySettings) -> Floats:
    """The company's spreadsheet score, 0..100."""
    constant, slope, _ = settings.commercial.legacy
    return np.clip(np.round(constant + slope * x + noise, 1), 0.0, 100.0)


def _probability(accounts: Accounts, legacy: Floats, hidden: Floats, settings: CompanySettings) -> Floats:
    """Probability that an account is contacted this month."""
    rules = settings.contacts
    if rules.mode == RANDOM:
        return np.where(legacy < rules.mark, rules.random_share, 0.0)
    if rules.mode == OFF:
        return np.zeros(len(accounts))
    highest = per_segment(settings, accounts.segment, lambda s: s.contacts)
    return highest * sigmoid((rules.mark - legacy) / rules.width + rules.confounded * hidden)


def _sleeping(accounts: Accounts, months: Days, rules: ContactSettings) -> Flags:
    """Accounts x months: whether an open-ended contract has run for long."""
    tenure: Ints = days_from(accounts.start_on[:, None], months[None, :])
    return accounts.monthly[:, None] & (tenure > rules.sleeping_months * DAYS_PER_MONTH)
