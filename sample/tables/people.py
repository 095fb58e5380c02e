"""People at the accounts, their survey answers on recommending the product, and what they say for it in public."""

from dataclasses import dataclass

import numpy as np

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_day, loaded_after_instant, nullable
from keepwell.sample.tables.texts import COMMENTS, written
from keepwell.sample.world.draws import between, happens, logit_probability, ordered, regular, scattered, some
from keepwell.sample.world.life import World
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, Days, Ints, add_days

ROLES = ("executive", "sponsor", "champion", "admin", "user")
CHAMPION = ROLES.index("champion")
ADVOCACY = ("reference", "review", "referral", "case study")
REVIEW = ADVOCACY.index("review")
NPS_THRESHOLDS = (6.5, 8.5)
"""Detractors below, promoters above, as NPS defines them; a comment has the sentiment of its score."""
WAVE_SECONDS = 3600
"""The answers of one wave come in within an hour."""


@dataclass(frozen=True)
class People:
    """People with their account, role, and the first and last day on which they are known."""

    account: Ints
    role: Ints
    since: Days
    left_on: Days


def contacts(world: World, rng: np.random.Generator) -> Columns:
    """The contacts table, ordered by account. Departures after the account has churned are not recorded."""
    people = _with_successors(world, rng, _first_people(world, rng))
    account_left = world.exits.left_on[people.account]
    present = (people.since <= world.window.last_day) & (np.isnat(account_left) | (people.since < account_left))
    order = np.flatnonzero(present)[np.lexsort((people.role[present], people.since[present], people.account[present]))]
    account, since = people.account[order], people.since[order]
    left_on = np.where(people.left_on[order] > account_left[order], NO_DAY, people.left_on[order])
    return {
        "contact_id": keys(world.accounts.account_id, account, "P"),
        "account_id": world.accounts.account_id[account],
        "since": since,
        "role": Coded(people.role[order], ROLES),
        "left_on": world.window.up_to_last_day(left_on),
        "loaded_at": loaded_after_day(since),
    }


def _first_people(world: World, rng: np.random.Generator) -> People:
    """People known from the start. The first champion may leave as the health slides; not all is recorded."""
    counts = np.array([s.people for s in world.settings.segments])[world.accounts.segment]
    account, role = np.nonzero(counts)
    many = counts[account, role]
    first = np.repeat(np.arange(len(account)), many)
    leads = np.diff(first, prepend=-1) > 0
    account, role = account[first], role[first]
    rules, n = world.settings.relations, len(account)
    since = add_days(world.accounts.live_from[account], between(rng, rules.met_days, n))
    stay = rng.exponential(DAYS_PER_YEAR / rules.departure_rate, size=n).astype(np.int64) + 1
    # Those who left before the first day on record have long been replaced by the people known today.
    left_on = add_days(np.maximum(since, world.window.first_day), stay)
    slid = world.health.champion_left_on[account]
    follows = leads & (role == CHAMPION) & (slid > since)
    recorded = np.where(world.health.seen[account], slid, NO_DAY)
    return People(account, role, since, np.where(follows, recorded, left_on))


def _with_successors(world: World, rng: np.random.Generator, people: People) -> People:
    """The people and the successors of departed champions."""
    rules, n = world.settings.relations, len(people.account)
    replaced = (people.role == CHAMPION) & some(rng, rules.replaced, n) & (people.left_on <= world.window.last_day)
    since = add_days(people.left_on[replaced], between(rng, rules.replaced_days, int(replaced.sum())))
    return People(
        account=np.concatenate([people.account, people.account[replaced]]),
        role=np.concatenate([people.role, people.role[replaced]]),
        since=np.concatenate([people.since, since]),
        left_on=np.concatenate([people.left_on, np.full(len(since), NO_DAY)]),
    )


def surveys(world: World, rng: np.random.Generator) -> Columns:
    """The surveys table: waves per account; who does not answer has a row without a score."""
    rules, n = world.settings.relations, len(world.accounts)
    waves = regular(
        rng, np.full(n, world.window.first_day), world.window.last_day, np.full(n, rules.survey_days), rules.jitter_days
    )
    asked = world.per(lambda s: s.asked).astype(np.int64)[waves.account]
    at = np.repeat(waves.at, asked) + rng.integers(0, WAVE_SECONDS, size=int(asked.sum())).astype("timedelta64[s]")
    answers = world.while_customer(ordered(np.repeat(waves.account, asked), at))
    x = world.felt(answers.account, answers.day)
    answered = happens(rng, logit_probability(rules.answered, x))
    mean, slope, spread = rules.nps
    score = np.clip(np.rint(mean + slope * x + spread * rng.standard_normal(len(x))), 0, 10)
    commented = answered & some(rng, rules.comment, len(x))
    sentiment = np.searchsorted(np.array(NPS_THRESHOLDS), score)
    return {
        "survey_id": keys(world.accounts.account_id, answers.account, "N"),
        "account_id": world.accounts.account_id[answers.account],
        "answered_at": answers.at,
        "score": nullable(score, answered),
        "role": Coded(_asked_roles(world, rng, answers.account), ROLES),
        "comment": written(rng, sentiment, commented, COMMENTS, rules.foreign),
        "loaded_at": loaded_after_instant(answers.at),
    }


def advocacy(world: World, rng: np.random.Generator) -> Columns:
    """The advocacy table: Poisson events, the more the better the account fares; none by those that never logged in."""
    rules = world.settings.relations
    at_zero, per_x = rules.advocacy
    per_week = at_zero * 7 / DAYS_PER_YEAR * np.exp(per_x * world.x) * ~world.accounts.never_used[:, None]
    given = world.while_customer(scattered(rng, per_week, world.window.first_day))
    kind = rng.choice(len(ADVOCACY), size=len(given.account), p=rules.advocacy_shares)
    mean, slope, spread = rules.rating
    x = world.felt(given.account, given.day)
    stars = np.clip(np.rint(mean + slope * x + spread * rng.standard_normal(len(x))), 1, 5)
    return {
        "advocacy_id": keys(world.accounts.account_id, given.account, "R"),
        "account_id": world.accounts.account_id[given.account],
        "given_on": given.day,
        "kind": Coded(kind, ADVOCACY),
        "rating": nullable(stars, kind == REVIEW),
        "loaded_at": loaded_after_day(given.day),
    }


def _asked_roles(world: World, rng: np.random.Generator, account: Ints) -> Ints:
    """Random roles of survey recipients, as frequent as among the known people."""
    counts = np.array([s.people for s in world.settings.segments])[world.accounts.segment[account]]
    cumulated = np.cumsum(counts, axis=1)
    roles: Ints = (rng.random(len(account))[:, None] * cumulated[:, -1:] >= cumulated).sum(axis=1)
    return roles
