"""Flagged episodes for studies of effect: cheap, independent, with both outcomes of each known as probabilities.

An episode is an account on the day on which it was flagged. What is observed of it: health, old score, recent change of
use, segment, ARR, tenure, months to renewal (none where the contract is open-ended). Whether it is contacted follows
the rules of sample/world/effects.py, its probability to leave those of hazard.py over the 13 weeks of the horizon:

    p0 = 1 - (1 - h(x))^13,   p1 = 1 - (1 - h(x + mean effect of a contact))^13

The use of the 28 days after moves by `use_per_x` times that effect. Not every table of a company is needed for such a
study, and 400 worlds of these take seconds.
"""

import numpy as np
import pandas as pd

from keepwell.sample.settings import CompanySettings
from keepwell.sample.world.draws import happens, sigmoid, some, stratified
from keepwell.sample.world.effects import OFF, RANDOM
from keepwell.sample.world.hazard import Risk
from keepwell.sample.world.health import fading
from keepwell.sample.world.window import WEEKS_PER_MONTH, Floats, Ints

HORIZON_WEEKS = 13
USE_WEEKS = 4


def episodes(count: int, seed: int, settings: CompanySettings, *, sleeping: bool = True) -> pd.DataFrame:
    """`count` flagged episodes, one row each.

    Observed: episode, segment, arr (USD per year), tenure (months), months_to_renewal, health, legacy, use_change (log,
    last 28 days against the 28 before), contacted, churned (within 90 days), use_after (log change of the next 28).
    True: x, hidden, sleeping_dog, p0, p1, use0, use1 (expected use_after without and with a contact).
    `settings.contacts` says who is contacted; without `sleeping` nobody is harmed.
    """
    rules, rng = settings.episodes, np.random.default_rng(seed)
    segment = stratified(rng, np.array([s.share for s in settings.segments]), count)
    x = rng.normal(*rules.health, size=count)
    hidden = rng.standard_normal(count)
    open_ended = some(rng, rules.open_ended, count)
    tenure = rng.uniform(*rules.tenure_months, size=count)
    to_renewal = np.where(open_ended, np.nan, rng.uniform(0.0, 12.0, count))
    dog = open_ended & (tenure > settings.contacts.sleeping_months) & sleeping
    effect = np.where(dog, -settings.contacts.harm, settings.contacts.lift)
    risk = _risk(settings, segment, to_renewal, hidden)
    legacy = _seen(rng, x, settings.commercial.legacy)
    contacted = happens(rng, _probability(settings, legacy, hidden))
    p0 = risk.probability(x[:, None])[:, 0]
    p1 = risk.probability((x + effect * _mean_left(settings, HORIZON_WEEKS))[:, None])[:, 0]
    use0 = rules.use_drift * x
    use1 = use0 + rules.use_per_x * effect * _mean_left(settings, USE_WEEKS)
    return pd.DataFrame(
        {
            "episode": [f"E{n:06}" for n in range(1, count + 1)],
            "segment": np.array([s.name for s in settings.segments])[segment],
            "arr": np.round(_arr(rng, settings, segment)),
            "tenure": tenure,
            "months_to_renewal": to_renewal,
            "health": _seen(rng, x, rules.seen),
            "legacy": legacy,
            "use_change": rules.use_per_x * (x - rules.health[0]) * 0.5 + rules.use_noise * rng.standard_normal(count),
            "contacted": contacted,
            "churned": happens(rng, np.where(contacted, p1, p0)),
            "use_after": np.where(contacted, use1, use0) + rules.use_noise * rng.standard_normal(count),
            "x": x, "hidden": hidden, "sleeping_dog": dog, "p0": p0, "p1": p1, "use0": use0, "use1": use1,
        }
    )  # fmt: skip


def _risk(settings: CompanySettings, segment: Ints, to_renewal: Floats, hidden: Floats) -> Risk:
    """Churn hazard over the horizon, as one step of 13 weeks."""
    churn = settings.churn
    near = np.where(np.isnan(to_renewal), 0.0, np.clip(1.0 - to_renewal / 5.0, 0.0, 1.0))
    frailty = hidden * settings.contacts.confounded_churn * (settings.contacts.confounded != 0)
    base = np.log(np.array([s.churn for s in settings.segments])[segment] / WEEKS_PER_MONTH)
    base = np.where(np.isnan(to_renewal), settings.episodes.open_ended_rise, 0.0) + base
    return Risk(
        log_odds=(base + near * churn.renewal + frailty)[:, None],
        slope=(churn.steepness + near * churn.renewal_steepness)[:, None],
        weeks=np.full((len(segment), 1), float(HORIZON_WEEKS)),
        highest=churn.highest,
    )


def _probability(settings: CompanySettings, legacy: Floats, hidden: Floats) -> Floats:
    """Probability of a contact: random, or by the old score and by what only the CSM knows."""
    rules = settings.contacts
    if rules.mode == RANDOM:
        return np.full(len(legacy), 0.5)
    if rules.mode == OFF:
        return np.zeros(len(legacy))
    return sigmoid((rules.mark - legacy) / rules.width + rules.confounded * hidden)


def _mean_left(settings: CompanySettings, weeks: int) -> float:
    """Remaining share of an effect, averaged over these weeks."""
    return float(np.mean(fading(settings.health) ** np.arange(weeks)))


def _seen(rng: np.random.Generator, x: Floats, seen: tuple[float, float, float]) -> Floats:
    """A noisy score of x between 0 and 100."""
    constant, slope, spread = seen
    return np.clip(np.round(constant + slope * x + spread * rng.standard_normal(len(x)), 1), 0.0, 100.0)


def _arr(rng: np.random.Generator, settings: CompanySettings, segment: Ints) -> Floats:
    """Log-normal ARR around the segment's median seats at its price."""
    seats, price, spread = (
        np.array([getattr(s, name) for s in settings.segments])[segment]
        for name in ("seats", "seat_price", "seat_spread")
    )
    arr: Floats = seats * price * np.exp(spread * rng.standard_normal(len(segment)))
    return arr
