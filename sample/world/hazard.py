"""Churn: which accounts leave, and when.

The probability of an account to give notice in week w, while it is a customer:

    logit h = log(churn(segment) / weeks per month) - steepness * x + near * (renewal - renewal_steepness * x)
              + never_used + season + frailty

`near` goes from 0 to 1 as a renewal approaches, and is 0 on monthly contracts. Who gives notice leaves at the end of
the term, a few of them early; monthly contracts end some days after the notice, or at once without one. Who never
gives notice lets the contract run out: in the week of its end, with the probability 1 - (1 - h)^lapse_weeks.
"""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.settings import ChurnSettings, CompanySettings
from keepwell.sample.world.company import Accounts, per_segment
from keepwell.sample.world.draws import between, sigmoid, some
from keepwell.sample.world.schedule import Schedule
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, WEEKS_PER_MONTH, Days, Floats, Ints, Window, add_days

DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Exits:
    """Churn dates: the day of notice and the first day without a contract; NaT where there is none."""

    notice_on: Days
    left_on: Days

    @property
    def churned_on(self) -> Days:
        """The day on which the churn shows: of the notice, else of the end."""
        return np.where(np.isnat(self.notice_on), self.left_on, self.notice_on)


@dataclass(frozen=True)
class Risk:
    """What the churn probability depends on besides health, accounts x weeks.

    `log_odds` at x = 0 and its fall per unit of x; `weeks`: how many weeks of hazard the week stands for.
    """

    log_odds: Floats
    slope: Floats
    weeks: Floats
    highest: float

    def probability(self, x: Floats) -> Floats:
        """Churn probability in each week."""
        weekly = np.minimum(sigmoid(self.log_odds - self.slope * x), self.highest)
        probability: Floats = 1.0 - (1.0 - weekly) ** self.weeks
        return probability

    def of_weeks(self, first: int, count: int) -> "Risk":
        """The risk in some of the weeks."""
        part = slice(first, first + count)
        return Risk(self.log_odds[:, part], self.slope[:, part], self.weeks[:, part], self.highest)


def risk(accounts: Accounts, schedule: Schedule, weeks: Days, frailty: Floats, settings: CompanySettings) -> Risk:
    """The risk in the weeks that begin on these days; `frailty` (per account) is what nobody observes."""
    rules, shape = settings.churn, (len(accounts), len(weeks))
    days = np.broadcast_to(weeks, shape)
    to_end = schedule.days_to_end(days)
    monthly = accounts.monthly[:, None]
    near = np.where(monthly, 0.0, _nearness(to_end, rules))
    base = np.log(per_segment(settings, accounts.segment, lambda s: s.churn) / WEEKS_PER_MONTH)
    base = base + rules.never_used * accounts.never_used + frailty
    settled = days >= add_days(accounts.start_on, np.full(len(accounts), rules.settle_days))[:, None]
    runs_out = ~accounts.declares[:, None] & ~monthly
    ends = to_end <= DAYS_PER_WEEK
    weight = np.where(runs_out, np.where(ends, rules.lapse_weeks, 0.0), 1.0)
    return Risk(
        log_odds=base[:, None] + near * rules.renewal + _season(weeks, rules),
        slope=rules.steepness + near * rules.renewal_steepness,
        weeks=np.where(settled, weight, 0.0),
        highest=rules.highest,
    )


def _season(weeks: Days, rules: ChurnSettings) -> Floats:
    """What the time of the year adds to the log odds: a cosine, highest at the turn of the year."""
    summer, winter = np.log(rules.season)
    turn = 2.0 * np.pi * ((weeks - weeks.astype("datetime64[Y]")) / np.timedelta64(1, "D")) / DAYS_PER_YEAR
    season: Floats = (winter + summer) / 2.0 + (winter - summer) / 2.0 * np.cos(turn)
    return season


def _nearness(to_end: Ints, rules: ChurnSettings) -> Floats:
    """How near the renewal is: 1 near, 0 far, linear between."""
    whole, none = rules.near_days
    return np.clip((none - to_end) / (none - whole), 0.0, 1.0)


def exits(
    rng: np.random.Generator,
    accounts: Accounts,
    schedule: Schedule,
    risks: Risk,
    x: Floats,
    weeks: Days,
    rules: ChurnSettings,
    window: Window,
) -> Exits:
    """Week of churn by random draw, with the notice and the end that follow; `x` and `weeks` as in `risks`."""
    n = len(accounts)
    departs = rng.random(x.shape) < risks.probability(x)
    week = np.argmax(departs, axis=1)
    start = weeks[week]
    term = schedule.term_on(start[:, None])[:, 0]
    end = schedule.pick(term + 1)
    day = np.minimum(add_days(start, rng.integers(0, DAYS_PER_WEEK, n)), end - 1)
    # A late renewal leaves days without a contract: there is none to give notice of before it begins.
    began = np.take_along_axis(schedule.begins, term[:, None], axis=1)[:, 0]
    day = np.where(schedule.pick(term) <= day, np.maximum(day, began), day)
    in_time = accounts.declares & (accounts.monthly | (day <= end - rules.notice_min_days))
    early = some(rng, rules.early_exit, n) & in_time
    fixed_end = np.where(early, np.minimum(add_days(day, np.full(n, rules.early_exit_days)), end), end)
    monthly_end = np.where(in_time, np.minimum(add_days(day, between(rng, rules.monthly_exit_days, n)), end), day + 1)
    gone = departs.any(axis=1) & (day <= window.last_day)
    return Exits(
        notice_on=np.where(gone & in_time, day, NO_DAY),
        left_on=np.where(gone, np.where(accounts.monthly, monthly_end, fixed_end), NO_DAY),
    )
