"""Product usage: which users came on each day, which features they used, and how much.

A user u comes on day d of week w with probability

    p(u) * sigmoid(slope * (x(w) + noise(w) - turn(u))) * weekday(d) * season(industry, d) * (1 - exp(-age / ramp_days))

where p(u) is the user's own activity times the account's habit and turn(u) the health below which that user stays away:
a slide costs breadth and frequency. On such a day feature f is used with probability share(f) * sigmoid(slope *
(x(w) - turn(account, f))) from the day on which the account adopted it; where none is, the core feature is. During the
outage everybody comes less; one feature's events are renamed on a day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keepwell.sample.tables.columns import Coded, Columns, loaded_after_day
from keepwell.sample.world.draws import sigmoid
from keepwell.sample.world.life import World
from keepwell.sample.world.window import Days, Flags, Floats, Ints, days_from
from keepwell.sample.world.words import EDUCATION

HALF_MINUTES = 2.0
"""Time is recorded in so many parts of a minute."""


@dataclass(frozen=True)
class UserDays:
    """Days on which a user came, ordered by account, day and user; `rank` counts the users of an account from 0."""

    account: Ints
    day: Ints
    rank: Ints

    @property
    def week(self) -> Ints:
        """Week of each day."""
        return self.day // 7


def usage(world: World, rng: np.random.Generator) -> Columns:
    """The usage table, ordered by account, day, user and feature."""
    came = _user_days(world, rng)
    row, feature = np.nonzero(_used(world, rng, came))
    account, day, rank = came.account[row], came.day[row], came.rank[row]
    features = world.settings.usage.features
    names, name = _names(world, feature, day)
    depth = np.exp(world.settings.usage.depth * world.x).astype(np.float32)[account, came.week[row]]
    events = 1 + rng.poisson(np.array([f.events for f in features], np.float32)[feature] * depth)
    noise = np.exp(world.settings.usage.minutes_noise * rng.standard_normal(len(events), dtype=np.float32))
    minutes = (
        np.rint(events * np.array([f.minutes for f in features], np.float32)[feature] * noise * HALF_MINUTES)
        / HALF_MINUTES
    )
    date = world.window.every_day()[day]
    users, user = _user_names(world, account, rank)
    return {
        "account_id": Coded(account, world.accounts.account_id.tolist()),
        "day": date,
        "user_id": Coded(user, users),
        "feature": Coded(name, names),
        "events": events,
        "minutes": np.maximum(minutes, 1.0 / HALF_MINUTES).astype(np.float64),
        "loaded_at": loaded_after_day(date),
    }


def _users(world: World) -> Ints:
    """People with a login, per account: as many as the most seats that it ever had."""
    people = np.ceil(world.seats.max(axis=1) * world.settings.usage.users_per_seat).astype(np.int64)
    return np.where(world.accounts.never_used, 0, people)


def _user_names(world: World, account: Ints, rank: Ints) -> tuple[list[str], Ints]:
    """All user ids of the chunk, and the position of each row's user in them."""
    users = _users(world)
    first = np.cumsum(users) - users
    ids = world.accounts.account_id
    names = [f"{ids[a]}-U{u:04}" for a, count in enumerate(users) for u in range(1, count + 1)]
    return names, first[account] + rank


def _user_days(world: World, rng: np.random.Generator) -> UserDays:
    """Days on which each user came, drawn per user and day."""
    users = _users(world)
    account = np.repeat(np.arange(len(users)), users)
    rank = np.arange(len(account)) - np.repeat(np.cumsum(users) - users, users)
    probability = np.repeat(_weekly_probability(world, rng, account, rank), 7, axis=1)[:, : world.window.days]
    probability *= _day_factor(world)[account]
    who, day = np.nonzero(rng.random(probability.shape, dtype=np.float32) < probability)
    return _by_day(account[who], day, rank[who], world.window.days)


def _by_day(account: Ints, day: Ints, rank: Ints, days: int) -> UserDays:
    """The user-days ordered by account, day and user: sorted as single numbers, which is fast."""
    width = int(rank.max(initial=0)) + 1
    packed = np.sort((account * days + day) * width + rank)
    account_day, rank = np.divmod(packed, width)
    account, day = np.divmod(account_day, days)
    return UserDays(account, day, rank)


def _weekly_probability(world: World, rng: np.random.Generator, account: Ints, rank: Ints) -> NDArray[np.float32]:
    """Probability of each user (rows) to come on a working day of each week, 0 without a seat."""
    rules = world.settings.usage
    mood = world.x + rules.weekly_noise * rng.standard_normal(world.x.shape)
    turn = rng.normal(*rules.user_turn, size=len(account))
    habit = np.exp(rules.level_spread * rng.standard_normal(len(world.accounts)))
    own = np.minimum(rng.beta(*rules.activity, size=len(account)) * habit[account], 1.0)
    seated = rank[:, None] < (world.seats * rules.users_per_seat)[account]
    willing = sigmoid((rules.user_slope * (mood[account] - turn[:, None])).astype(np.float32))
    return (own[:, None].astype(np.float32) * willing * seated).astype(np.float32)


def _day_factor(world: World) -> NDArray[np.float32]:
    """Factor of weekday, season and a new account's ramp-up, 0 if not a customer, accounts x days."""
    rules, accounts, days = world.settings.usage, world.accounts, world.window.every_day()
    usual = np.where(np.is_busday(days), 1.0, rules.weekend) * np.where(
        _between(days, *rules.holiday_days), rules.holiday, 1.0
    )
    summer = np.where(_between(days, *rules.summer_days), rules.summer, 1.0)
    planted = world.settings.planted
    usual = usual * np.where(outage(world, days), planted.outage_use, 1.0)
    season = np.where(accounts.industry[:, None] == EDUCATION, usual * summer, usual)
    age = days_from(accounts.live_from[:, None], days[None, :]) + 1
    rows = np.broadcast_to(np.arange(len(accounts))[:, None], age.shape)
    customer = world.is_customer(rows, np.broadcast_to(days, age.shape))
    return (season * (1.0 - np.exp(-np.maximum(age, 0) / rules.ramp_days)) * customer).astype(np.float32)


def outage(world: World, days: Days) -> Flags:
    """Whether each day lies in the outage."""
    first = world.window.months_before_end(world.settings.planted.outage_months)
    return (days >= first) & (days < first + np.timedelta64(world.settings.planted.outage_days, "D"))


def _names(world: World, feature: Ints, day: Ints) -> tuple[list[str], Ints]:
    """Event names in order, and the position of each row's name; one of them is renamed on some day."""
    planted = world.settings.planted
    before, after = planted.renamed
    names = sorted([*(f.name for f in world.settings.usage.features), after])
    position = np.array([names.index(f.name) for f in world.settings.usage.features])[feature]
    renamed = (position == names.index(before)) & (
        world.window.every_day()[day] >= world.window.months_before_end(planted.renamed_months)
    )
    return names, np.where(renamed, names.index(after), position)


def _between(days: Days, first: str, last: str) -> Flags:
    """Whether each day lies in a part of the year, both ends (month-day) included; it may span New Year."""
    month_day = np.strings.slice(days.astype("datetime64[D]").astype(str), 5, 10)
    after, before = month_day >= first, month_day <= last
    return after & before if first <= last else after | before


def _used(world: World, rng: np.random.Generator, came: UserDays) -> Flags:
    """Which features were used, user-days x features; at least the core one."""
    probability = _feature_probability(world, rng)[came.account, came.week]
    used = rng.random(probability.shape, dtype=np.float32) < probability
    used[:, _core(world)] |= ~used.any(axis=1)
    return used


def _core(world: World) -> int:
    """Position of the core feature."""
    rules = world.settings.usage
    return [f.name for f in rules.features].index(rules.core)


def _feature_probability(world: World, rng: np.random.Generator) -> NDArray[np.float32]:
    """Probability of each feature on a user's day, accounts x weeks x features; 0 before the account adopted it."""
    rules, n = world.settings.usage, len(world.accounts)
    turn = rng.normal(*rules.feature_turn, size=(n, 1, len(rules.features)))
    adopted = days_from(world.window.first_day, world.accounts.live_from)[:, None] + rng.exponential(
        rules.adoption_days, size=(n, len(rules.features))
    )
    begun = adopted[:, None, :] <= 7 * np.arange(world.window.weeks)[None, :, None]
    retained = sigmoid(rules.feature_slope * (world.x[:, :, None] - turn))
    probability: Floats = np.array([f.share for f in rules.features]) * retained * begun
    return probability.astype(np.float32)
