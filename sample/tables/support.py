"""Support tickets: frequency, priority, sentiment and resolution.

Tickets per week fall with exp(-slope * (x - 1)). The severity z = e - severity * x, e ~ N(0, 1), gives the priority and
makes an escalation likelier. Satisfaction rises with x and with the sentiment.
"""

import numpy as np

from keepwell.sample.tables.behaviour import outage
from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_instant, nullable
from keepwell.sample.tables.texts import TICKETS, sentiments, written
from keepwell.sample.world.draws import Moments, happens, logit_probability, scattered, some
from keepwell.sample.world.life import World
from keepwell.sample.world.window import NO_INSTANT, WEEKS_PER_MONTH, Floats, Instants, Ints

BAD = 0
"""Whoever writes during the outage is angry about it."""
PRIORITIES = ("low", "medium", "high", "urgent", "critical")


def tickets(world: World, rng: np.random.Generator) -> Columns:
    """The tickets table, ordered by account and opening. What happens after the last day is null."""
    rules = world.settings.support
    opened = _opened(world, rng)
    x = world.felt(opened.account, opened.day)
    z = rng.standard_normal(len(x)) - rules.severity * x
    priority = np.searchsorted(np.array(rules.priority_thresholds), z)
    answered = later(opened.at, _hours(rng, rules.response_hours, priority, rules.hours_spread))
    closed = later(answered, _hours(rng, rules.close_hours, priority, rules.hours_spread))
    escalated = happens(rng, logit_probability(rules.escalation, z))
    escalated_at = np.where(escalated, answered + (closed - answered) // 2, NO_INSTANT)
    known, ended = world.window.up_to_end, closed < world.window.end
    out = outage(world, opened.day)
    sentiment = np.where(out, BAD, sentiments(rng, rules.sentiment, x))
    return {
        "ticket_id": keys(world.accounts.account_id, opened.account, "T"),
        "account_id": world.accounts.account_id[opened.account],
        "opened_at": opened.at,
        "priority": Coded(priority, PRIORITIES),
        "priority_at": np.full(len(x), NO_INSTANT),  # opened with it
        "text": written(rng, sentiment, np.full(len(x), True), TICKETS, world.settings.relations.foreign),
        "first_response_at": known(answered),
        "closed_at": known(closed),
        "closed": ended,
        "escalated_at": known(escalated_at),
        "escalated": nullable(escalated, ended | ~np.isnat(known(escalated_at))),
        **_satisfaction(world, rng, closed, x, sentiment),
        "loaded_at": loaded_after_instant(opened.at),
    }


def _opened(world: World, rng: np.random.Generator) -> Moments:
    """Opening times of tickets."""
    rules = world.settings.support
    per_week = world.per(lambda s: s.tickets) / WEEKS_PER_MONTH
    more = np.where(outage(world, world.window.week_starts()), world.settings.planted.outage_tickets, 1.0)
    return world.while_customer(
        scattered(rng, per_week[:, None] * np.exp(-rules.slope * (world.x - 1.0)) * more, world.window.first_day)
    )


def _hours(rng: np.random.Generator, medians: tuple[float, ...], priority: Ints, spread: float) -> Floats:
    """Log-normal hours around the priority's median."""
    return np.array(medians)[priority] * np.exp(spread * rng.standard_normal(len(priority)))


def later(at: Instants, hours: Floats) -> Instants:
    """The instants `hours` later, to the second, at least one second later."""
    moved: Instants = at + np.maximum(np.rint(hours * 3600.0), 1).astype("timedelta64[s]")
    return moved


def _satisfaction(world: World, rng: np.random.Generator, closed: Instants, x: Floats, sentiment: Ints) -> Columns:
    """The columns csat and csat_at: some customers answer a while after closing."""
    rules = world.settings.support
    at = later(closed, rng.exponential(rules.csat_hours, size=len(closed)))
    answers = some(rng, rules.csat_answered, len(closed)) & (at < world.window.end)
    mean, slope, spread = rules.csat
    felt = mean + slope * x + rules.csat_sentiment * (sentiment - 1) + spread * rng.standard_normal(len(x))
    return {
        "csat_at": np.where(answers, at, NO_INSTANT),
        "csat": nullable(np.clip(np.rint(felt), 1, 5), answers),
    }
