"""Ground truth that the company's own tables do not have: probabilities, health, slides, oddities.

The probability of account i to leave within the horizon, as of the start of a month, given its state then:

    p = 1 - E[ product over the weeks of the horizon of (1 - h(w, x(w))) ],
    x(w0 + k) ~ N(level - fall(w0 + k) - slides to come + phi^k * deviation(w0), wander^2 * (1 - phi^(2k)))

The slides that are under way run as they will; those still to come enter by their mean. The mean is taken by
Gauss-Hermite quadrature over one deviation common to all weeks of the horizon.
"""

from collections.abc import Callable, Mapping

import numpy as np

from keepwell.sample.settings import CompanySettings
from keepwell.sample.tables.columns import Coded, Columns
from keepwell.sample.world.effects import Contacts
from keepwell.sample.world.hazard import DAYS_PER_WEEK, Risk
from keepwell.sample.world.health import fading, sliding
from keepwell.sample.world.life import World, risk_of, weeks_from
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, Days, Floats, Ints
from keepwell.sample.world.words import EDUCATION

HORIZON_DAYS = 90
"""The horizon of churn (SPEC, section 0)."""
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
ODDITIES = ("never_logged_in", "outage", "renamed_event", "summer_low", "departed_champion")


def account_months(world: World) -> Columns:
    """One row per customer and start of a month: the true churn probabilities and the health behind them.

    `p_churn` is what happens under the contacts as they are made, `p0` without a contact now, `p1` with one.
    """
    months = world.window.month_starts()
    account = np.repeat(np.arange(len(world.accounts)), len(months))
    month = np.tile(np.arange(len(months)), len(world.accounts))
    notice = world.exits.churned_on[account]
    present = world.is_customer(account, months[month]) & (np.isnat(notice) | (notice >= months[month]))
    p0, p1 = (p.ravel() for p in probabilities(world))
    contacts: Contacts = world.contacts
    probability = contacts.probability.ravel()
    week = world.window.week_of(months)
    return {
        "account_id": Coded(account[present], world.accounts.account_id.tolist()),
        "as_of": months[month[present]],
        "health": world.health.x[:, week].ravel()[present],
        "p_churn": ((1.0 - probability) * p0 + probability * p1)[present],
        "p0": p0[present],
        "p1": p1[present],
        "contact_chance": probability[present],
        "contacted": contacts.made.ravel()[present],
        "sleeping_dog": contacts.sleeping.ravel()[present],
    }


def probabilities(world: World) -> tuple[Floats, Floats]:
    """Churn probability within the horizon of a month's start, without and with a contact, accounts x months."""
    window, rules, months = world.window, world.settings.health, world.window.month_starts()
    ahead = -(-HORIZON_DAYS // DAYS_PER_WEEK) + 1
    weeks = np.arange(window.weeks + ahead)
    fall = sliding(world.health.slides, weeks)
    risks = risk_of(world, weeks_from(window, 0, len(weeks)))
    step = np.arange(ahead)
    phi = fading(rules) ** step
    spread = rules.wander * np.sqrt(1.0 - phi**2)
    lift = np.where(step > 0, phi / fading(rules), 0.0)  # a contact acts from the week after on
    p0, p1 = (np.empty((len(world.accounts), len(months))) for _ in range(2))
    for m, day in enumerate(months):
        w0 = int(window.week_of(day))
        mean = (
            world.health.level[:, None] - fall[:, w0 : w0 + ahead] - _slides_to_come(world.settings, ahead)
            + phi * world.health.deviation[:, w0, None]
        )  # fmt: skip
        inside, part = _overlap(world, w0, day, ahead), risks.of_weeks(w0, ahead)
        p0[:, m] = _within(part, mean, spread, inside)
        p1[:, m] = _within(part, mean + world.contacts.effect[:, m, None] * lift, spread, inside)
    return p0, p1


def _within(risks: Risk, mean: Floats, spread: Floats, inside: Floats) -> Floats:
    """Churn probability over these weeks; `inside` is the share of each that lies in the horizon."""
    stays = np.zeros(len(mean))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        probability = risks.probability(mean + spread * node)
        stays += weight * np.exp((inside * np.log1p(-probability)).sum(axis=1))
    return 1.0 - stays


def _overlap(world: World, w0: int, day: np.datetime64, ahead: int) -> Floats:
    """Share of the days of each week that lies in the horizon of a day; a contract's end lies in it or not."""
    starts = weeks_from(world.window, w0, ahead)
    first = np.maximum(starts, day)
    last = np.minimum(starts + DAYS_PER_WEEK, day + HORIZON_DAYS)
    return np.maximum((last - first).astype(np.int64), 0) / DAYS_PER_WEEK


def _slides_to_come(settings: CompanySettings, ahead: int) -> Floats:
    """Mean fall in health by slides that have not begun yet, per week ahead; each falls for its mean length."""
    rules = settings.health
    per_week = rules.slides_per_year * DAYS_PER_WEEK / DAYS_PER_YEAR
    weeks = float(np.mean(rules.slide_weeks))
    fallen = np.cumsum(np.minimum(np.arange(ahead), weeks))
    fall: Floats = per_week * (np.mean(rules.slide_depth) / weeks) * np.concatenate([[0.0], fallen[:-1]])
    return fall


def slides(world: World) -> Columns:
    """One row per slide that has begun on record, while the account was a customer: when, how deep, how it ended."""
    s, window = world.health.slides, world.window
    account, slot = np.nonzero(s.exists & (s.start >= 0))
    start = s.start[account, slot]
    began = window.first_day + (7 * start).astype("timedelta64[D]")
    present = world.is_customer(account, began)
    account, slot, start, began = account[present], slot[present], start[present], began[present]
    bottom = began + (7 * s.weeks[account, slot]).astype("timedelta64[D]")
    recovered = bottom + (7 * s.recovery_weeks[account, slot]).astype("timedelta64[D]")
    led = world.health.led[account, slot]
    return {
        "account_id": Coded(account, world.accounts.account_id.tolist()),
        "began_on": began,
        "bottom_on": bottom,
        "recovered_on": np.where(s.recovers[account, slot], recovered, NO_DAY),
        "depth": s.depth[account, slot],
        "champion_left_on": np.where(led, world.health.champion_left_on[account], NO_DAY),
    }


def churn(world: World) -> Columns:
    """One row per churned account on record: the day it shows, whether by notice, the first day without a contract."""
    on = world.window.up_to_last_day(world.exits.churned_on)
    account = np.flatnonzero(~np.isnat(on))
    return {
        "account_id": Coded(account, world.accounts.account_id.tolist()),
        "churned_on": on[account],
        "by_notice": ~np.isnat(world.exits.notice_on[account]),
        "left_on": world.exits.left_on[account],
    }


def oddities(world: World) -> Columns:
    """One row per planted oddity and account that shows it; `detail` says what a reader of the data would see."""
    found = [_never(world), _out(world), _renamed(world), _summers(world), _departed(world)]
    account = np.concatenate([f[0] for f in found])
    which = np.repeat(np.arange(len(found)), [len(f[0]) for f in found])
    details = sorted({d for f in found for d in f[3]})
    detail = np.array([details.index(d) for f in found for d in f[3]], dtype=np.int64)
    first, last = (np.concatenate([f[i] for f in found]) for i in (1, 2))
    order = np.lexsort((first, account, which))
    return {
        "oddity": Coded(which[order], ODDITIES),
        "account_id": Coded(account[order], world.accounts.account_id.tolist()),
        "first_day": first[order],
        "last_day": last[order],
        "detail": Coded(detail[order], details),
    }


Found = tuple[Ints, Days, Days, list[str]]
"""Accounts, first days, last days (NaT: open) and details of one sort of oddity."""


def _never(world: World) -> Found:
    account = np.flatnonzero(world.accounts.never_used)
    first = np.maximum(world.accounts.live_from[account], world.window.first_day)
    return account, first, np.full(len(account), NO_DAY), ["no usage row, ever"] * len(account)


def _out(world: World) -> Found:
    planted = world.settings.planted
    first = world.window.months_before_end(planted.outage_months)
    account = _customers_on(world, first)
    days = np.full(len(account), first)
    detail = f"use at {planted.outage_use:.0%} of the usual, {planted.outage_tickets:g} times the tickets, all angry"
    return account, days, days + np.timedelta64(planted.outage_days - 1, "D"), [detail] * len(account)


def _renamed(world: World) -> Found:
    planted = world.settings.planted
    first = world.window.months_before_end(planted.renamed_months)
    account = _customers_on(world, first)
    detail = f"{planted.renamed[0]} is called {planted.renamed[1]}"
    return account, np.full(len(account), first), np.full(len(account), NO_DAY), [detail] * len(account)


def _summers(world: World) -> Found:
    rules, window = world.settings.usage, world.window
    years = np.unique(window.every_day().astype("datetime64[Y]"))
    first, last = (np.array([f"{year}-{day}" for year in years], "datetime64[D]") for day in rules.summer_days)
    education = np.flatnonzero(world.accounts.industry == EDUCATION)
    account, year = np.repeat(education, len(years)), np.tile(np.arange(len(years)), len(education))
    present = world.is_customer(account, first[year])
    account, year = account[present], year[present]
    return account, first[year], last[year], [f"use at {rules.summer:.0%} of the usual"] * len(account)


def _departed(world: World) -> Found:
    left, n = world.health.champion_left_on, len(world.accounts)
    account = np.flatnonzero(~np.isnat(left) & world.is_customer(np.arange(n), left))
    seen = world.health.seen[account]
    return account, left[account], left[account], ["recorded" if s else "not recorded" for s in seen]


def _customers_on(world: World, day: np.datetime64) -> Ints:
    n = len(world.accounts)
    customers: Ints = np.flatnonzero(world.is_customer(np.arange(n), np.full(n, day)))
    return customers


TRUTH: Mapping[str, Callable[[World], Columns]] = {
    "account_months": account_months, "slides": slides, "churn": churn, "oddities": oddities,
}  # fmt: skip
"""The tables of the truth; no mapping reads them."""
