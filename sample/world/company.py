"""Who the customers of the sample company are: what is fixed about each account from its first day on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from keepwell.sample.settings import BookSettings, CompanySettings, Segment
from keepwell.sample.world.draws import between, some, stratified
from keepwell.sample.world.window import Days, Flags, Floats, Ints, Window, add_days, add_months
from keepwell.sample.world.words import COUNTRIES, INDUSTRY_SHARES

CURRENCIES = ("EUR", "GBP", "USD")


@dataclass(frozen=True)
class Accounts:
    """One chunk of accounts; every array has one value per account, in the order of their numbers.

    `segment`, `industry`, `country`, `currency` are positions in their lists; `parent` is a row of this chunk or -1;
    `declares`: says when it leaves, rather than letting its contract run out.
    """

    account_id: NDArray[np.str_]
    number: Ints
    segment: Ints
    industry: Ints
    country: Ints
    currency: Ints
    parent: Ints
    start_on: Days
    trial_days: Ints
    term_months: Ints
    monthly: Flags
    seats: Ints
    seat_price: Floats
    never_used: Flags
    skipped_onboarding: Flags
    opt_out: Flags
    declares: Flags

    @property
    def live_from(self) -> Days:
        """First day as a customer, of a trial if there was one."""
        return add_days(self.start_on, -self.trial_days)

    def __len__(self) -> int:
        return len(self.number)


def per_segment(settings: CompanySettings, segment: Ints, of: Callable[[Segment], float]) -> Floats:
    """A segment's parameter for each account."""
    return np.array([of(s) for s in settings.segments], dtype=float)[segment]


def found(rng: np.random.Generator, n: int, settings: CompanySettings, window: Window) -> Accounts:
    """`n` candidate accounts without number and parent: not all of them will be customers in the window."""
    book = settings.book
    segment = stratified(rng, np.array([s.share for s in settings.segments]), n)
    country = stratified(rng, np.array([share for share, _ in COUNTRIES.values()]), n)
    monthly = rng.random(n) < per_segment(settings, segment, lambda s: s.monthly)
    currency = np.array([CURRENCIES.index(code) for _, code in COUNTRIES.values()])[country]
    return Accounts(
        account_id=np.full(n, ""),
        number=np.zeros(n, dtype=np.int64),
        segment=segment,
        industry=stratified(rng, np.array(INDUSTRY_SHARES), n),
        country=country,
        currency=currency,
        parent=np.full(n, -1),
        start_on=_starts(rng, n, book, window),
        trial_days=np.where(
            rng.random(n) < per_segment(settings, segment, lambda s: s.trial), between(rng, book.trial_days, n), 0
        ),
        term_months=_terms(rng, monthly, book.long_terms, per_segment(settings, segment, lambda s: s.multi_year)),
        monthly=monthly,
        seats=_seats(rng, settings, segment),
        seat_price=_prices(rng, settings, segment, currency),
        never_used=some(rng, book.never_used, n),
        skipped_onboarding=some(rng, book.skipped_onboarding, n),
        opt_out=some(rng, book.opt_out, n),
        declares=some(rng, settings.churn.declares, n),
    )


def enrolled(
    rng: np.random.Generator, accounts: Accounts, account_range: range, width: int, settings: CompanySettings
) -> Accounts:
    """The accounts with their numbers, ids of `width` digits and parents."""
    return replace(
        accounts,
        account_id=np.array([f"A{number:0{width}}" for number in account_range]),
        number=np.array(account_range),
        parent=_parents(rng, accounts.segment, len(settings.segments) - 1, settings.book.subsidiary),
    )


def _starts(rng: np.random.Generator, n: int, book: BookSettings, window: Window) -> Days:
    """First paid days: customers come at a steady rate, from long before the record until near its end."""
    earliest = add_months(np.array([window.first_day]), np.array([-book.tenure_months]))[0]
    latest = max(window.last_day - np.timedelta64(book.settle_days, "D"), window.first_day + np.timedelta64(1, "D"))
    return add_days(np.full(n, earliest), rng.integers(0, int((latest - earliest).astype(np.int64)), size=n))


def _terms(rng: np.random.Generator, monthly: Flags, long_terms: tuple[int, ...], multi_year: Floats) -> Ints:
    """Months of a term; open-ended contracts are renewed on paper every year."""
    long = (rng.random(len(monthly)) < multi_year) & ~monthly
    return np.where(long, rng.choice(long_terms, size=len(monthly)), 12)


def _parents(rng: np.random.Generator, segment: Ints, largest: int, share: float) -> Ints:
    """Row of the parent or -1. Parents are large and have none themselves."""
    n = len(segment)
    candidates = np.flatnonzero(segment == largest)
    child = some(rng, share, n)
    heads = candidates[~child[candidates]]
    if len(heads) == 0:
        return np.full(n, -1)
    return np.where(child, heads[rng.integers(0, len(heads), size=n)], -1)


def _seats(rng: np.random.Generator, settings: CompanySettings, segment: Ints) -> Ints:
    """Seats: log-normal around the segment's median, at least one."""
    spread = per_segment(settings, segment, lambda s: s.seat_spread)
    seats = per_segment(settings, segment, lambda s: s.seats) * np.exp(spread * rng.standard_normal(len(segment)))
    return np.maximum(np.rint(seats), 1).astype(np.int64)


def _prices(rng: np.random.Generator, settings: CompanySettings, segment: Ints, currency: Ints) -> Floats:
    """Price per seat and year in the account's own currency, log-normal around the list price."""
    rates = np.array([settings.book.fx_rates.get(code, 1.0) for code in CURRENCIES])[currency]
    noise = np.exp(settings.book.price_spread * rng.standard_normal(len(segment)))
    prices: Floats = per_segment(settings, segment, lambda s: s.seat_price) * noise / rates
    return prices


def staff(settings: CompanySettings, accounts: int) -> list[range]:
    """Numbers of each segment's CSMs in a company of this size."""
    counts = [max(settings.book.fewest_csms, round(accounts * s.share / s.accounts_per_csm)) for s in settings.segments]
    ends = np.cumsum(counts)
    return [range(int(end) - count, int(end)) for end, count in zip(ends, counts, strict=True)]
