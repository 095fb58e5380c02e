"""The latent health of each account, from which everything else follows.

Per account and week w

    x(w) = level - onboarding_drop * skipped - fall(w) + deviation(w)

    fall(w) = sum over slides of depth * ramp((w - start) / length) * kept(w)
    kept(w) = 1, or 1 - ramp((w - start - length) / recovery) where the slide is made good;   ramp(t) = t in [0, 1]
    deviation(w + 1) = phi * deviation(w) + sqrt(1 - phi^2) * wander * e + lift of a contact,   e ~ N(0, 1)
    phi = 0.5^(1 / half_life)

x is about 1 for a contented account and below 0 for one in trouble. The lift of a contact fades as any deviation does.
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.settings import HealthSettings
from keepwell.sample.world.company import Accounts
from keepwell.sample.world.draws import between, some
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, Days, Flags, Floats, Ints, Window, add_days, days_from


@dataclass(frozen=True)
class Slides:
    """Slow declines, accounts x slots. Weeks count from the first week on record and may lie before it."""

    exists: Flags
    start: Ints
    weeks: Ints
    depth: Floats
    recovers: Flags
    recovery_weeks: Ints


@dataclass(frozen=True)
class Health:
    """The latent health and its parts.

    `level` per account; `fall` and `deviation` accounts x weeks. `led` marks the slides (accounts x slots) that began
    as the champion left, on the day `champion_left_on` (NaT: has not), which the company recorded if `seen`.
    """

    level: Floats
    fall: Floats
    deviation: Floats
    slides: Slides
    led: Flags
    champion_left_on: Days
    seen: Flags

    @property
    def x(self) -> Floats:
        """The health, accounts x weeks."""
        return self.level[:, None] - self.fall + self.deviation


def live(rng: np.random.Generator, accounts: Accounts, settings: HealthSettings, window: Window, before: int) -> Health:
    """The health of these accounts from `before` weeks before the record on: the columns begin with that week."""
    n = len(accounts)
    slides = _slides(rng, accounts, settings, window, before)
    level = settings.level + settings.level_spread * rng.standard_normal(n)
    level -= settings.onboarding_drop * accounts.skipped_onboarding
    weeks = np.arange(-before, window.weeks)
    led, left_on = _champions_left(rng, slides, settings, window)
    seen = some(rng, settings.champion_seen, n)
    return Health(level, sliding(slides, weeks), wandering(rng, n, len(weeks), settings), slides, led, left_on, seen)


def fading(settings: HealthSettings) -> float:
    """phi: the share of a deviation that remains after a week."""
    return 0.5 ** (1.0 / settings.half_life)


def wandering(rng: np.random.Generator, n: int, weeks: int, settings: HealthSettings) -> Floats:
    """The mean-reverting part, accounts x weeks, in its stationary distribution from the first week on."""
    phi = fading(settings)
    noise = settings.wander * rng.standard_normal((n, weeks))
    path = np.empty_like(noise)
    path[:, 0] = noise[:, 0]
    for week in range(1, weeks):
        path[:, week] = phi * path[:, week - 1] + np.sqrt(1.0 - phi**2) * noise[:, week]
    return path


def sliding(slides: Slides, weeks: Ints) -> Floats:
    """How far slides have lowered each account's health, accounts x weeks."""
    fall = np.zeros((len(slides.start), len(weeks)))
    for slot in range(slides.start.shape[1]):
        since = weeks - slides.start[:, slot, None]
        length = slides.weeks[:, slot, None]
        made_good = ramp((since - length) / slides.recovery_weeks[:, slot, None]) * slides.recovers[:, slot, None]
        depth = (slides.depth * slides.exists)[:, slot, None]
        fall += depth * ramp(since / length) * (1.0 - made_good)
    return fall


def ramp(t: Floats) -> Floats:
    """0 below 0, 1 above 1, linear between."""
    return np.clip(t, 0.0, 1.0)


def _slides(
    rng: np.random.Generator, accounts: Accounts, settings: HealthSettings, window: Window, before: int
) -> Slides:
    """Slides of each account: in any week since it became a customer, also before the record begins."""
    shape = (len(accounts), settings.slide_slots)
    start = rng.integers(-before, window.weeks, size=shape)
    first_week = days_from(window.first_day, accounts.live_from)[:, None] // 7
    years = (window.weeks + before) * 7 / DAYS_PER_YEAR
    return Slides(
        exists=some(rng, min(1.0, settings.slides_per_year * years / settings.slide_slots), shape)
        & (start >= first_week),
        start=start,
        weeks=between(rng, settings.slide_weeks, shape),
        depth=rng.uniform(*settings.slide_depth, size=shape),
        recovers=some(rng, settings.recovers, shape),
        recovery_weeks=between(rng, settings.recovery_weeks, shape),
    )


def _champions_left(
    rng: np.random.Generator, slides: Slides, settings: HealthSettings, window: Window
) -> tuple[Flags, Days]:
    """Which slides on record began as the champion left, at most the first of each account, and on which day."""
    n = len(slides.start)
    on_record = slides.exists & (slides.start >= 0)
    slot = np.argmin(np.where(on_record, slides.start, np.iinfo(np.int64).max), axis=1)
    chosen = on_record.any(axis=1) & some(rng, settings.champion_led, n)
    led = np.zeros_like(slides.exists)
    led[np.arange(n), slot] = chosen
    span = settings.champion_days
    start = slides.start[np.arange(n), slot]
    left = add_days(np.full(n, window.first_day), 7 * np.where(chosen, start, 0) + between(rng, (-span, span), n))
    return led, np.where(chosen, left, NO_DAY)
