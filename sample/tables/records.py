"""The company's own records: accounts with their history, churn, interventions, the legacy score, notes."""

import numpy as np

from keepwell.sample.tables.columns import Coded, Columns, keys, loaded_after_day, loaded_after_instant
from keepwell.sample.world.company import staff
from keepwell.sample.world.draws import Moments, between, happens, office_hours, scattered, some
from keepwell.sample.world.life import World
from keepwell.sample.world.window import DAYS_PER_YEAR, NO_DAY, Days, Floats, Instants, Ints, add_days
from keepwell.sample.world.words import COUNTRIES, EDUCATION, INDUSTRIES, company, person

REASONS = ("price", "missing features", "poor support", "champion left", "chose a competitor", "no longer needed")
BANDS = ("red", "yellow", "green")
CAUSES = (
    ("technical fix", "integration keeps failing"),
    ("training", "few users know the product"),
    ("support", "tickets wait too long"),
    ("executive", "no sponsor on their side"),
    ("commercial", "price seen as too high"),
)
NOTES = (
    ("merger", "They are merging with another company; the tools of both are compared."),
    ("budget freeze", "No new spending until the end of their fiscal year."),
    ("other", "New head of operations, wants to see the plan."),
    ("other", "Moves to a new data centre; expects an interruption."),
    ("season", "Quiet over the summer, back when term starts."),
)
SEASON = 4
DRAWN = np.timedelta64(6, "h")


def accounts(world: World, rng: np.random.Generator) -> Columns:
    """The accounts table: one row from before the first contract, one for each change of owner or segment."""
    who = world.accounts
    created = add_days(who.live_from, -between(rng, world.settings.book.prospect_days, len(who)))
    account, valid_from, segment, csm = _history(world, rng, created)
    parent = who.parent[account]
    names = [company(int(number), INDUSTRIES[sector]) for number, sector in zip(who.number, who.industry, strict=True)]
    csms = [person(n) for n in range(staff(world.settings, world.company_size)[-1].stop)]
    return {
        "account_id": who.account_id[account],
        "valid_from": valid_from,
        "name": np.array(names)[account],
        "parent_id": Coded(parent, who.account_id.tolist()),
        "industry": Coded(who.industry[account], INDUSTRIES),
        "country": Coded(who.country[account], list(COUNTRIES)),
        "segment": Coded(segment, [s.name for s in world.settings.segments]),
        "csm": Coded(csm, csms),
        "email_opt_out": who.opt_out[account],
        "loaded_at": loaded_after_day(valid_from),
    }


def _history(world: World, rng: np.random.Generator, created: Days) -> tuple[Ints, Days, Ints, Ints]:
    """Account, first day, segment and CSM of every row, ordered; a promotion to a larger segment brings a new CSM."""
    rules, n = world.settings.book, len(created)
    promoted = _some_day(world, rng, np.full(n, rules.promoted))
    handed = _some_day(world, rng, np.full(n, 1.0 - (1.0 - rules.new_owner) ** world.window.years))
    handed = np.where(handed == promoted, NO_DAY, handed)
    account = np.tile(np.arange(n), 3)
    day = np.concatenate([created, promoted, handed])
    larger = np.minimum(world.accounts.segment + 1, len(world.settings.segments) - 1)
    segment = np.where(day >= np.tile(promoted, 3), larger[account], world.accounts.segment[account])
    order = np.lexsort((day, account))
    order = order[~np.isnat(day[order])]
    return account[order], day[order], segment[order], _owners(world, rng, account[order], segment[order])


def _owners(world: World, rng: np.random.Generator, account: Ints, segment: Ints) -> Ints:
    """A CSM of the segment's team for each row of the history; each later row of an account gets another one."""
    teams = staff(world.settings, world.company_size)
    first = np.array([team.start for team in teams])[segment]
    size = np.array([len(team) for team in teams])[segment]
    begins = np.diff(account, prepend=-1) > 0
    # Steps of 1 to size - 1 around the team never come back to the colleague before.
    steps = np.where(begins, rng.integers(0, size), 1 + rng.integers(0, size - 1))
    total = np.cumsum(steps)
    before = (total - steps)[np.flatnonzero(begins)]
    within = total - np.repeat(before, np.diff(np.flatnonzero(begins), append=len(account)))
    csm: Ints = first + within % size
    return csm


def _some_day(world: World, rng: np.random.Generator, probability: Floats) -> Days:
    """A random day on record for some of the accounts, if they are customers on it; NaT for the others."""
    n = len(probability)
    day = add_days(np.full(n, world.window.first_day), rng.integers(0, world.window.days, size=n))
    return np.where(happens(rng, probability) & world.is_customer(np.arange(n), day), day, NO_DAY)


def churn_events(world: World, rng: np.random.Generator) -> Columns:
    """The churn_events table: every churn on the day that it shows: of the notice, else of the end."""
    churned_on = world.window.up_to_last_day(world.exits.churned_on)
    gone = np.flatnonzero(~np.isnat(churned_on))
    return {
        "churn_id": keys(world.accounts.account_id, gone, "X"),
        "account_id": world.accounts.account_id[gone],
        "churned_on": churned_on[gone],
        "reason": Coded(rng.integers(0, len(REASONS), size=len(gone)), REASONS),
        "loaded_at": loaded_after_day(churned_on[gone]),
    }


def interventions(world: World, rng: np.random.Generator) -> Columns:
    """The interventions table: every contact that a CSM made with a customer."""
    account, month = np.nonzero(world.contacts.made)
    day = world.contacts.day[account, month]
    begun = world.while_customer(Moments(account, office_hours(rng, day)))
    cause = rng.integers(0, len(CAUSES), size=len(begun.account))
    return {
        "intervention_id": keys(world.accounts.account_id, begun.account, "V"),
        "account_id": world.accounts.account_id[begun.account],
        "started_at": begun.at,
        "kind": Coded(cause, [kind for kind, _ in CAUSES]),
        "root_cause": Coded(cause, [why for _, why in CAUSES]),
        "loaded_at": loaded_after_instant(begun.at),
    }


def hold_outs(world: World, _: np.random.Generator) -> Columns:
    """The hold_outs table: every random draw, made before the office opens on the day of the planned contact."""
    account, month = np.nonzero(world.contacts.probability)
    day = world.contacts.day[account, month]
    present = world.is_customer(account, day)
    account, month = account[present], month[present]
    midnight: Instants = day[present].astype("datetime64[s]")
    at = midnight + DRAWN
    return {
        "account_id": world.accounts.account_id[account],
        "drawn_at": at,
        "chance": world.contacts.probability[account, month],
        "held_out": ~world.contacts.made[account, month],
        "loaded_at": loaded_after_instant(at),
    }


def legacy_scores(world: World, _: np.random.Generator) -> Columns:
    """The legacy_scores table, on the first of each month: a noisy score of the health some weeks earlier."""
    rules, months = world.settings.commercial, world.window.month_starts()
    account = np.repeat(np.arange(len(world.accounts)), len(months))
    day = np.tile(months, len(world.accounts))
    present = world.is_customer(account, day)
    score = world.contacts.legacy.ravel()[present]
    return {
        "account_id": world.accounts.account_id[account[present]],
        "scored_on": day[present],
        "score": score,
        "band": Coded(np.searchsorted(np.array(rules.legacy_bands), score, side="right"), BANDS),
        "loaded_at": loaded_after_day(day[present]),
    }


def notes(world: World, rng: np.random.Generator) -> Columns:
    """The notes table; notes about education are about the season."""
    rules, n = world.settings.commercial, len(world.accounts)
    per_week = np.full((n, world.window.weeks), rules.notes * 7 / DAYS_PER_YEAR)
    noted = world.while_customer(scattered(rng, per_week, world.window.first_day))
    education = world.accounts.industry[noted.account] == EDUCATION
    which = np.where(education, SEASON, rng.integers(0, SEASON, size=len(education)))
    until = add_days(noted.day, between(rng, rules.note_days, len(education)))
    return {
        "note_id": keys(world.accounts.account_id, noted.account, "K"),
        "account_id": world.accounts.account_id[noted.account],
        "noted_at": noted.at,
        "kind": Coded(which, [kind for kind, _ in NOTES]),
        "note": Coded(which, [note for _, note in NOTES]),
        "expires_on": np.where(some(rng, rules.note_expires, len(education)), until, NO_DAY),
        "loaded_at": loaded_after_instant(noted.at),
    }
