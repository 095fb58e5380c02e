"""Which contract follows which, as far as contracts known at an instant tell (SPEC section 0, succession).

docs/explanation/contracts.md lists every way in which one contract follows another, and what is decided for it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keepwell.features.facts.terms import Counts, Days, Flags, Terms, count

Floats = npt.NDArray[np.float64]
NOBODY = -1
NEAR, EARLY = 1, 2
SPAN = 10_000_000
"""More days than lie between any two dates: account and day in one number, to search by."""
PART_OF_TERM = 10
"""At a tacit renewal any plan may take over, within a tenth of the term: a month has too many days near its ends."""


@dataclass(frozen=True)
class SuccessionRules:
    """The bounds of succession, in days and shares of ARR, and the rates at which amounts are compared."""

    grace_days: int = 30
    overlap_days: int = 7
    window_days: int = 90
    min_share: float = 0.5
    max_share: float = 2.0
    rates: tuple[tuple[str, float], ...] = (("USD", 1.0),)


@dataclass(frozen=True)
class Contracts:
    """Contracts ordered by account, start and id, one value each; NaT where a date is not given or not yet known.

    `end_on`: the end agreed first; `agreed`: the one in force, after tacit renewals that are certain; `ended_on`: the
    actual one. `renews`: renews itself until a notice. `replaces`: the position of the contract that the source names,
    NOBODY where it names none; `group`: a number per chain_id, NOBODY without one.
    """

    account: Counts
    start: Days
    end_on: Days
    agreed: Days
    ended_on: Days
    notice_on: Days
    value: Floats
    plan: Counts
    trial: Flags
    renews: Flags
    replaces: Counts
    group: Counts

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> Days:
        """The first day no longer covered, by what is known; NaT where it is open."""
        found: Days = np.fmin(self.agreed, self.ended_on)
        return found

    @property
    def covers(self) -> Flags:
        """Whether it covers any day: one that was called off before it began follows nothing."""
        return np.isnat(self.end) | (self.end > self.start)


@dataclass(frozen=True)
class Succession:
    """`after`: the position of the contract that follows, NOBODY where none does; `end`: the end that it follows.

    `follows`: whether it follows one. `unclear`: whether it may be a renewal or an add-on, which nothing tells.
    """

    after: Counts
    end: Days
    follows: Flags
    unclear: Flags


@dataclass(frozen=True)
class Pairs:
    """Contracts a and b of one account, b later; `gap`: days from an `end` of a to the start of b."""

    a: Counts
    b: Counts
    end: Days
    gap: Counts

    def where(self, those: Flags) -> "Pairs":
        """Those pairs alone."""
        return Pairs(self.a[those], self.b[those], self.end[those], self.gap[those])


def succession(rows: Contracts, rules: SuccessionRules) -> Succession:
    """What the source says first; then the nearest start at each end; then those that one contract takes over together.

    A contract that renews itself is followed at its first end like any other, but from then on, and at later ends, only
    by one that is surely no add-on: it needs no successor.
    """
    found = Succession(
        np.full(len(rows), NOBODY), np.full(len(rows), np.datetime64("NaT"), "datetime64[D]"),
        np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool),
    )  # fmt: skip
    _said(rows, found)
    _nearest(rows, _at_ends(rows, rules), rules, found)
    _nearest(rows, _at_tacit_renewals(rows, found), rules, found)
    _find_merges(rows, _at_ends(rows, rules), rules, found)
    _mark_unclear(rows, rules, found)
    return found


def _said(rows: Contracts, found: Succession) -> None:
    """Links that the source names: `replaces`, else the next start of one chain_id."""
    named = np.flatnonzero(rows.replaces != NOBODY)
    named = named[rows.replaces[rows.replaces[named]] != named]
    for a, b in ((rows.replaces[named], named), _next_of_groups(rows)):
        own = (a != b) & (rows.account[a] == rows.account[b]) & (rows.start[b] >= rows.start[a])
        own &= rows.covers[b] & (rows.trial[a] | ~rows.trial[b])
        for one, other in sorted(zip(a[own].tolist(), b[own].tolist(), strict=True), key=lambda pair: pair[1]):
            found.follows[other] = True
            if found.after[one] == NOBODY:
                found.after[one], found.end[one] = other, rows.start[other]


def _next_of_groups(rows: Contracts) -> tuple[Counts, Counts]:
    """Of each chain_id of an account, every contract and the first that starts on a later day."""
    mine = np.flatnonzero((rows.group != NOBODY) & rows.covers)
    mine = mine[np.lexsort((mine, rows.start[mine], rows.group[mine]))]
    key = rows.group[mine] * SPAN + _day(rows, rows.start[mine])
    later = np.searchsorted(key, key, side="right")
    there = later < len(mine)
    a, b = mine[there], mine[later[there]]
    same = rows.group[a] == rows.group[b]
    return a[same], b[same]


def _at_ends(rows: Contracts, rules: SuccessionRules) -> Pairs:
    """Starts around every end of a contract: the one agreed first, the one in force, the actual one, the notice."""
    without = np.isnat(rows.end_on)
    ends = (rows.end_on, rows.agreed, rows.ended_on, np.where(without, rows.notice_on, np.datetime64("NaT")))
    found = [_starts_near(rows, end, end - rules.window_days, end + rules.grace_days) for end in ends]
    return Pairs(*(np.concatenate([getattr(p, name) for p in found]) for name in ("a", "b", "end", "gap")))


def _starts_near(rows: Contracts, at: Days, first: Days, last: Days) -> Pairs:
    """The later contracts of the same account that start on first..last, both included."""
    those = np.flatnonzero(~np.isnat(at))
    base = rows.account[those] * SPAN
    key = rows.account * SPAN + _day(rows, rows.start)
    earliest = np.maximum(_day(rows, first[those]), _day(rows, rows.start[those]) + 1)
    low = np.searchsorted(key, base + earliest, side="left")
    high = np.searchsorted(key, base + np.minimum(_day(rows, last[those]), SPAN - 1), side="right")
    many = np.maximum(high - low, 0)
    a = np.repeat(those, many)
    b = np.repeat(low, many) + np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return Pairs(a, b, at[a], count(rows.start[b] - at[a]))


def _day(rows: Contracts, days: Days) -> Counts:
    """Days since the earliest start."""
    return count(days - rows.start.min()) if len(rows) else count(days - days)


def _at_tacit_renewals(rows: Contracts, found: Succession) -> Pairs:
    """Later starts and the ends next to them, of contracts that renew themselves and that nothing follows yet."""
    free = np.where(rows.renews & (found.after == NOBODY), rows.end_on, np.datetime64("NaT"))
    far = np.full(len(rows), np.datetime64("9999-12-31", "D"))
    later = _starts_near(rows, free, free, far)
    later = later.where(~found.follows[later.b])
    on = rows.start[later.b]
    terms = Terms(rows.start[later.a], rows.end_on[later.a])
    coming = terms.renewals_until(on - 1)
    ends = (terms.end_after(coming), terms.end_after(np.maximum(coming - 1, 0)))
    both = [Pairs(later.a, later.b, at, count(on - at)) for at in ends]
    return Pairs(*(np.concatenate([getattr(p, name) for p in both]) for name in ("a", "b", "end", "gap")))


def _nearest(rows: Contracts, pairs: Pairs, rules: SuccessionRules, found: Succession) -> None:
    """Link each contract to the nearest that may follow it; each follows at most one here."""
    kind = _kind(rows, pairs, rules)
    possible = (kind > 0) & (found.after[pairs.a] == NOBODY) & ~found.follows[pairs.b]
    kind, pairs = kind[possible], pairs.where(possible)
    share = _share(rows, pairs)
    away = np.abs(np.log(np.where(share > 0, share, 1.0)))
    other_plan = rows.plan[pairs.a] != rows.plan[pairs.b]
    order = np.lexsort((pairs.b, pairs.a, away, other_plan, np.abs(pairs.gap), rows.trial[pairs.a], kind))
    for a, b, place in zip(pairs.a[order].tolist(), pairs.b[order].tolist(), order.tolist(), strict=True):
        if found.after[a] == NOBODY and not found.follows[b]:
            found.after[a], found.end[a], found.follows[b] = b, pairs.end[place], True


def _kind(rows: Contracts, pairs: Pairs, rules: SuccessionRules) -> Counts:
    """NEAR where b starts around the end of a, EARLY where it is a renewal that overlaps longer, else 0."""
    a, gap = pairs.a, pairs.gap
    alike = _same_plan(rows, pairs) & _share_fits(rows, pairs, rules)
    before = (gap >= -rules.overlap_days) & (gap <= 0)
    after = (gap > 0) & (gap <= rules.grace_days)
    first = pairs.end == rows.end_on[a]
    term = count(np.where(rows.renews[a], rows.end_on[a] - rows.start[a], np.timedelta64(0, "D")))
    close = np.abs(gap) * PART_OF_TERM <= term
    renews = rows.renews[a]
    near = np.where(renews, (before & (first | close)) | (after & alike), before | after)
    early = (gap >= -rules.window_days) & (gap < -rules.overlap_days) & (alike | rows.trial[a])
    early &= _agreed(rows, pairs)
    kind = np.where(near, NEAR, np.where(early, EARLY, 0))
    return np.where(_possible(rows, pairs, rules), kind, 0)


def _possible(rows: Contracts, pairs: Pairs, rules: SuccessionRules) -> Flags:
    """Whether b outlives the end of a, a had not ended long before, and no trial takes over what was paid for."""
    a, b = pairs.a, pairs.b
    end = rows.end[b]
    outlives = np.isnat(end) | (end > pairs.end) | rows.renews[b]
    over = count(rows.start[b] - np.where(np.isnat(rows.ended_on[a]), rows.start[b], rows.ended_on[a]))
    fits: Flags = rows.covers[b] & outlives & (over <= rules.grace_days) & (rows.trial[a] | ~rows.trial[b])
    return fits


def _agreed(rows: Contracts, pairs: Pairs) -> Flags:
    """Whether the end was agreed: what starts long before an end that only came about renews nothing early."""
    a = pairs.a
    return rows.renews[a] | (pairs.end == rows.agreed[a]) | (pairs.end == rows.end_on[a])


def _same_plan(rows: Contracts, pairs: Pairs) -> Flags:
    """One plan, or neither names one."""
    return rows.plan[pairs.a] == rows.plan[pairs.b]


def _share(rows: Contracts, pairs: Pairs) -> Floats:
    """ARR of b as a share of that of a; 0 where it is unknown or a is worth nothing."""
    worth = rows.value[pairs.a]
    share: Floats = np.where(worth > 0, rows.value[pairs.b] / np.where(worth > 0, worth, 1.0), 0.0)
    return np.nan_to_num(share)


def _share_fits(rows: Contracts, pairs: Pairs, rules: SuccessionRules) -> Flags:
    share = _share(rows, pairs)
    return (share >= rules.min_share) & (share <= rules.max_share)


def _find_merges(rows: Contracts, pairs: Pairs, rules: SuccessionRules, found: Succession) -> None:
    """Contracts that end together where one follows that is worth them together: a merge.

    One that would renew itself is taken over only where the sum is closer to what follows than without it.
    """
    kind = _kind(rows, pairs, rules)
    merges = (kind == NEAR) & (found.after[pairs.a] == NOBODY) & found.follows[pairs.b] & ~rows.trial[pairs.a]
    pairs = pairs.where(merges)
    if not len(pairs.a):
        return
    worth = np.zeros(len(rows))
    linked = np.flatnonzero(found.after != NOBODY)
    np.add.at(worth, found.after[linked], rows.value[linked])
    ends = np.full(len(rows), np.datetime64("NaT"), "datetime64[D]")
    ends[found.after[linked]] = found.end[linked]
    together = np.abs(count(ends[pairs.b] - pairs.end)) <= rules.overlap_days
    order = np.lexsort((pairs.b, pairs.a, np.abs(pairs.gap)))
    for place in order.tolist():
        a, b = pairs.a[place], pairs.b[place]
        total = worth[b] + rows.value[a]
        if found.after[a] != NOBODY or not together[place] or not total > 0:
            continue
        share = rows.value[b] / total
        fits = rules.min_share <= share <= rules.max_share
        if fits and rows.renews[a] and worth[b] > 0 and rows.value[b] > 0:
            fits = abs(np.log(share)) < abs(np.log(rows.value[b] / worth[b]))
        if fits:
            found.after[a], found.end[a], worth[b] = b, pairs.end[place], total


def _mark_unclear(rows: Contracts, rules: SuccessionRules, found: Succession) -> None:
    """What starts long before an end that nothing follows, with the plan or the size of a renewal, not both."""
    pairs = _at_ends(rows, rules)
    alone = (found.after[pairs.a] == NOBODY) & ~found.follows[pairs.b] & ~rows.trial[pairs.a] & ~rows.trial[pairs.b]
    pairs = pairs.where(alone & _possible(rows, pairs, rules) & (_kind(rows, pairs, rules) == 0))
    pairs = pairs.where(_agreed(rows, pairs))
    half = _same_plan(rows, pairs) != _share_fits(rows, pairs, rules)
    found.unclear[pairs.b[half]] = True
