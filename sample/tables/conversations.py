"""Touchpoints: regular meetings, executive business reviews, calls, emails, webinars, community posts, onboarding.

Whether somebody comes or answers has the logit constant + slope * x.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_instant, nullable
from keepwell.sample.tables.people import CHAMPION, ROLES
from keepwell.sample.tables.texts import TALKS, sentiments, written
from keepwell.sample.world.draws import (
    Moments,
    happens,
    logit_probability,
    office_hours,
    ordered,
    regular,
    scattered,
    sigmoid,
    some,
)
from keepwell.sample.world.life import World
from keepwell.sample.world.window import NO_INSTANT, WEEKS_PER_MONTH, Flags, Floats, Ints, add_days

KINDS = ("call", "meeting", "email", "webinar", "community", "onboarding")
MILESTONES = ("kick-off", "data connected", "first dashboard", "team trained", "gone live")
EXECUTIVE, SPONSOR, USER = ROLES.index("executive"), ROLES.index("sponsor"), ROLES.index("user")


@dataclass(frozen=True)
class Talks:
    """Touchpoints of one kind. `attended` NaN: not applicable; `milestone` -1: none; `talked`: both sides talked."""

    moments: Moments
    kind: str
    role: Ints
    attended: Floats
    milestone: Ints
    talked: Flags


def touchpoints(world: World, rng: np.random.Generator) -> Columns:
    """The touchpoints table, ordered by account and time."""
    sorts = (_meetings, _reviews, _calls, _emails, _webinars, _posts, _onboarding)
    parts = [sort(world, rng) for sort in sorts]
    account = np.concatenate([p.moments.account for p in parts])
    at = np.concatenate([p.moments.at for p in parts])
    order = np.lexsort((at, account))
    account, at = account[order], at[order]
    kind = np.repeat([KINDS.index(p.kind) for p in parts], [len(p.role) for p in parts])[order]
    attended = np.concatenate([p.attended for p in parts])[order]
    talked = np.concatenate([p.talked for p in parts])[order]
    rules, x = world.settings.relations, world.felt(account, at.astype("datetime64[D]"))
    texts = talked & (attended != 0) & some(rng, rules.transcript, len(x))
    emails = kind == KINDS.index("email")
    # Answered, or scored, within hours: no draw, so that the rest of the world stays as it is.
    later = at + (20 + 37 * np.arange(len(at)) % 220).astype("timedelta64[m]")
    known = world.window.up_to_end
    text = written(rng, sentiments(rng, rules.sentiment, x), texts, TALKS, rules.foreign)
    engagement = _engagement(world, rng, account, (kind == KINDS.index("meeting")) & (attended == 1), x)
    return {
        "touchpoint_id": keys(world.accounts.account_id, account, "M"),
        "account_id": world.accounts.account_id[account],
        "happened_at": at,
        "kind": Coded(kind, KINDS),
        "role": Coded(np.concatenate([p.role for p in parts])[order], ROLES),
        "attended": attended,
        "answered_at": known(np.where(emails & (attended == 1), later, NO_INSTANT)),
        "milestone": Coded(np.concatenate([p.milestone for p in parts])[order], MILESTONES),
        "text": text,
        "engagement": engagement,
        "scored_at": known(np.where(np.isnan(engagement), NO_INSTANT, later)),
        "loaded_at": loaded_after_instant(at),
    }


def _engagement(world: World, rng: np.random.Generator, account: Ints, met: Flags, x: Floats) -> Floats:
    """An external tool's score of the largest segment's meetings, 0..1; NaN elsewhere."""
    largest = world.accounts.segment[account] == len(world.settings.segments) - 1
    rules = world.settings.relations
    scored = met & largest & some(rng, rules.engagement, len(x))
    constant, slope, spread = rules.engagement_logit
    score = sigmoid(constant + slope * x + spread * rng.standard_normal(len(x)))
    return nullable(np.round(score, 2), scored)


def _talks(
    world: World,
    rng: np.random.Generator,
    moments: Moments,
    kind: str,
    role: NDArray[np.int64],
    logit: tuple[float, float] | None,
    talked: bool,
) -> Talks:
    """Touchpoints, with attendance drawn from the logit if one is given."""
    n = len(moments.account)
    came = np.full(n, np.nan)
    if logit:
        came = happens(rng, logit_probability(logit, world.felt(moments.account, moments.day))).astype(float)
    return Talks(moments, kind, role, came, np.full(n, -1), np.full(n, talked))


def _rhythm(world: World, rng: np.random.Generator, every_days: Floats) -> Moments:
    """Regular moments at a fixed interval of days, while the account is a customer."""
    start = np.maximum(world.accounts.live_from, world.window.first_day)
    jitter = world.settings.relations.jitter_days
    return world.while_customer(regular(rng, start, world.window.last_day, every_days.astype(np.int64), jitter))


def _now_and_then(world: World, rng: np.random.Generator, per_month: Floats) -> Moments:
    """Poisson moments while the account is a customer; rate per account, or per account and week."""
    per_week = np.broadcast_to(per_month.reshape(len(world.accounts), -1) / WEEKS_PER_MONTH, world.x.shape)
    return world.while_customer(scattered(rng, per_week, world.window.first_day))


def _meetings(world: World, rng: np.random.Generator) -> Talks:
    """Regular meetings with the champion or another user of the product."""
    moments = _rhythm(world, rng, world.per(lambda s: s.meeting_days))
    role = rng.integers(CHAMPION, len(ROLES), size=len(moments.account))
    return _talks(world, rng, moments, "meeting", role, world.settings.relations.meeting, talked=True)


def _reviews(world: World, rng: np.random.Generator) -> Talks:
    """Executive business reviews."""
    moments = _rhythm(world, rng, world.per(lambda s: s.review_days))
    executive = some(rng, world.settings.relations.executive, len(moments.account))
    role = np.where(executive, EXECUTIVE, SPONSOR)
    return _talks(world, rng, moments, "meeting", role, world.settings.relations.review, talked=True)


def _calls(world: World, rng: np.random.Generator) -> Talks:
    """Unscheduled calls."""
    moments = _now_and_then(world, rng, np.full(len(world.accounts), world.settings.relations.calls))
    role = rng.integers(SPONSOR, len(ROLES), size=len(moments.account))
    return _talks(world, rng, moments, "call", role, None, talked=True)


def _emails(world: World, rng: np.random.Generator) -> Talks:
    """Emails from us, answered or not."""
    moments = _now_and_then(world, rng, world.per(lambda s: s.emails))
    role = rng.integers(SPONSOR, len(ROLES), size=len(moments.account))
    return _talks(world, rng, moments, "email", role, world.settings.relations.email, talked=True)


def _webinars(world: World, rng: np.random.Generator) -> Talks:
    """Webinars that the account had registered for."""
    moments = _now_and_then(world, rng, np.full(len(world.accounts), world.settings.relations.webinars))
    role = rng.integers(CHAMPION, len(ROLES), size=len(moments.account))
    return _talks(world, rng, moments, "webinar", role, world.settings.relations.webinar, talked=False)


def _posts(world: World, rng: np.random.Generator) -> Talks:
    """Community posts, none by accounts that never logged in."""
    rate, slope = world.settings.relations.posts
    moments = _now_and_then(world, rng, rate * np.exp(slope * world.x) * ~world.accounts.never_used[:, None])
    return _talks(world, rng, moments, "community", np.full(len(moments.account), USER), None, talked=True)


def _onboarding(world: World, rng: np.random.Generator) -> Talks:
    """Milestone sessions of the first 90 days; attending one reaches the milestone."""
    rules, accounts = world.settings.relations, world.accounts
    account = np.repeat(np.arange(len(accounts)), len(MILESTONES))
    milestone = np.tile(np.arange(len(MILESTONES)), len(accounts))
    day = add_days(accounts.live_from[account], np.array(rules.milestone_days)[milestone])
    moments = ordered(account, office_hours(rng, day))
    customer = world.is_customer(account, day)
    usual, skipping = rules.onboarding
    came = happens(rng, np.where(accounts.skipped_onboarding[account], skipping, usual))[customer]
    none = np.full(len(came), -1)
    return Talks(
        moments.where(customer),
        "onboarding",
        np.full(len(came), CHAMPION),
        came.astype(float),
        np.where(came, milestone[customer], none),
        np.full(len(came), False),
    )
