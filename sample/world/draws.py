"""Random draws for the sample company, all from seeded generators."""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.signal_settings import Range
from keepwell.sample.world.window import Days, Flags, Floats, Instants, Ints, add_days

OFFICE_OPENS, OFFICE_CLOSES = 7 * 3600, 19 * 3600
"""People write and meet between these seconds of the day, UTC."""


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-x))


def logit_probability(logit: tuple[float, float], x: Floats) -> Floats:
    """Probability with logit constant + slope * x."""
    return sigmoid(logit[0] + logit[1] * x)


def happens(rng: np.random.Generator, probability: Floats) -> Flags:
    """One draw per probability: true with that probability."""
    return rng.random(np.shape(probability)) < probability


def some(rng: np.random.Generator, probability: float, shape: int | tuple[int, ...]) -> Flags:
    """Independent draws, each true with this probability."""
    return rng.random(shape) < probability


def between(rng: np.random.Generator, bounds: Range, shape: int | tuple[int, ...]) -> Ints:
    """Random integers, both bounds included."""
    return rng.integers(bounds[0], bounds[1], size=shape, endpoint=True)


def stratified(rng: np.random.Generator, shares: Floats, n: int) -> Ints:
    """Classes 0, 1, ... in a random order, each as often as its share of `n`, to within one."""
    place = (rng.permutation(n) + 0.5) / n
    return np.minimum(np.searchsorted(np.cumsum(shares), place), len(shares) - 1)


@dataclass(frozen=True)
class Moments:
    """Events: account row and time, ordered by account and time."""

    account: Ints
    at: Instants

    @property
    def day(self) -> Days:
        """The date of each moment."""
        return self.at.astype("datetime64[D]")

    def where(self, chosen: Flags) -> "Moments":
        """The chosen moments."""
        return Moments(self.account[chosen], self.at[chosen])


def office_hours(rng: np.random.Generator, day: Days) -> Instants:
    """A random instant within office hours of each date."""
    seconds = rng.integers(OFFICE_OPENS, OFFICE_CLOSES, size=day.shape)
    at: Instants = day.astype("datetime64[s]") + seconds.astype("timedelta64[s]")
    return at


def ordered(account: Ints, at: Instants) -> Moments:
    """The same, ordered by account and time."""
    order = np.lexsort((at, account))
    return Moments(account[order], at[order])


def scattered(rng: np.random.Generator, per_week: Floats, first_day: np.datetime64) -> Moments:
    """Poisson events: `per_week` holds the expected number per account and week."""
    counts = rng.poisson(per_week)
    account, week = np.nonzero(counts)
    repeats = counts[account, week]
    account, week = np.repeat(account, repeats), np.repeat(week, repeats)
    day = first_day + (7 * week + rng.integers(0, 7, size=len(week))).astype("timedelta64[D]")
    return ordered(account, office_hours(rng, day))


def regular(rng: np.random.Generator, start: Days, end: np.datetime64, every_days: Ints, jitter_days: int) -> Moments:
    """Events at a fixed interval of days (0: never), from a random phase after `start` up to `end`."""
    step = np.where(every_days > 0, every_days, 1)
    room = np.where(every_days > 0, (end - start).astype(np.int64), -1)
    first = rng.integers(0, step)
    counts = np.maximum((room - first) // step + 1, 0)
    account = np.repeat(np.arange(len(start)), counts)
    nth = np.arange(len(account)) - np.repeat(np.cumsum(counts) - counts, counts)
    day = add_days(start[account], first[account] + nth * step[account])
    day = np.minimum(add_days(day, between(rng, (-jitter_days, jitter_days), len(day))), end)
    return ordered(account, office_hours(rng, day))


def sequence(account: Ints) -> Ints:
    """1, 2, 3 ... within each account; the accounts must lie together."""
    position = np.arange(len(account))
    starts = np.flatnonzero(np.diff(account, prepend=-1))
    return position - np.repeat(starts, np.diff(starts, append=len(account))) + 1
