"""How the customers fare: the latent health that everything else follows from.

Per account and week w

    x(w) = level - onboarding_drop * skipped + wander(w) - sum over slides of depth * fall(w) * kept(w)

    fall(w) = ramp((w - start) / length)

    wander(w + 1) = phi * wander(w) + sqrt(1 - phi^2) * sd * e,   e ~ N(0, 1),   phi = 0.5^(1 / half_life)
    kept(w) = 1, or 1 - ramp((w - start - length) / recovery) where the slide is made good;   ramp(t) = t in [0, 1]

x is about 1 for a contented account and below 0 for one in trouble. Interventions do not change it.
"""

from dataclasses import dataclass

import numpy as np

from sample.company import Accounts
from sample.draws import between, happens, some
from sample.settings import HealthSettings
from sample.window import DAYS_PER_YEAR, NO_DAY, Days, Flags, Floats, Ints, Window, add_days, days_from


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
    """The latent health x (accounts x weeks), its slides, and when the champion left (NaT: has not)."""

    x: Floats
    slides: Slides
    champion_left_on: Days


def live(rng: np.random.Generator, accounts: Accounts, settings: HealthSettings, window: Window) -> Health:
    """The health of these accounts in each week on record."""
    n = len(accounts)
    slides = _slides(rng, accounts, settings, window)
    level = settings.level + settings.level_spread * rng.standard_normal(n)
    level -= settings.onboarding_drop * accounts.skipped_onboarding
    x = level[:, None] + wandering(rng, n, window.weeks, settings) - sliding(slides, window.weeks)
    return Health(x, slides, _champions_left(rng, slides, settings, window))


def wandering(rng: np.random.Generator, n: int, weeks: int, settings: HealthSettings) -> Floats:
    """The mean-reverting part, accounts x weeks, in its standing distribution from the first week on."""
    phi = 0.5 ** (1.0 / settings.half_life)
    noise = settings.wander * rng.standard_normal((n, weeks))
    path = np.empty_like(noise)
    path[:, 0] = noise[:, 0]
    for week in range(1, weeks):
        path[:, week] = phi * path[:, week - 1] + np.sqrt(1.0 - phi**2) * noise[:, week]
    return path


def sliding(slides: Slides, weeks: int) -> Floats:
    """How far the slides have pulled each account down, accounts x weeks."""
    fall = np.zeros((len(slides.start), weeks))
    for slot in range(slides.start.shape[1]):
        since = np.arange(weeks) - slides.start[:, slot, None]
        length = slides.weeks[:, slot, None]
        made_good = ramp((since - length) / slides.recovery_weeks[:, slot, None]) * slides.recovers[:, slot, None]
        depth = (slides.depth * slides.exists)[:, slot, None]
        fall += depth * ramp(since / length) * (1.0 - made_good)
    return fall


def ramp(t: Floats) -> Floats:
    """0 before 0, 1 after 1, straight between."""
    return np.clip(t, 0.0, 1.0)


def _slides(rng: np.random.Generator, accounts: Accounts, settings: HealthSettings, window: Window) -> Slides:
    """Slides begin at any week, also before the record begins, but not before the account is a customer."""
    shape = (len(accounts), settings.slide_slots)
    earliest = -settings.slides_before_weeks
    start = rng.integers(earliest, window.weeks, size=shape)
    first_week = days_from(window.first_day, accounts.live_from)[:, None] // 7
    years = (window.weeks - earliest) * 7 / DAYS_PER_YEAR
    return Slides(
        exists=some(rng, min(1.0, settings.slides_per_year * years / settings.slide_slots), shape)
        & (start >= first_week),
        start=start,
        weeks=between(rng, settings.slide_weeks, shape),
        depth=rng.uniform(*settings.slide_depth, size=shape),
        recovers=some(rng, settings.recovers, shape),
        recovery_weeks=between(rng, settings.recovery_weeks, shape),
    )


def _champions_left(rng: np.random.Generator, slides: Slides, settings: HealthSettings, window: Window) -> Days:
    """The day on which the champion left, for the first slides that begin so."""
    start = slides.start[:, 0]
    span = settings.champion_days
    left = add_days(np.full(len(start), window.first_day), 7 * start + between(rng, (-span, span), len(start)))
    led = slides.exists[:, 0] & happens(rng, np.full(len(start), settings.champion_led))
    return np.where(led, left, NO_DAY)
