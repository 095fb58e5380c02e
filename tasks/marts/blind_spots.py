"""Blind spots of a signal, in words: absent, empty, set aside, or known for engaged customers only."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from keepwell.features.facts.canonical import OUTCOMES
from keepwell.tasks.marts.signals import Signal
from keepwell.tasks.settings import CatalogueSettings

SPOKEN = frozenset({"text", "comment", "sentiment", "csat", "score", "engagement"})
"""Columns that have a value only where a person said or answered something."""

DEALINGS = frozenset({"usage", "tickets", "invoices", "surveys", "touchpoints", "contacts", "opportunities"})
"""Tables whose rows come from dealings with the customer: an account without any is a silent one."""


@dataclass(frozen=True)
class Seen:
    """Coverage of one signal in one segment: accounts, those with any row and with any value, rows and values.

    `set_aside` counts rows that the mapping set aside, `undated` the accounts whose row holds today's values. `ratio`
    is the use of the product by the accounts that are seen, over that of the others; None where it is unknown.
    """

    accounts: int
    with_rows: int
    with_values: int
    rows: int
    values: int
    set_aside: int
    undated: int
    ratio: float | None

    @property
    def fill_rate(self) -> float | None:
        """Share of rows that have a value."""
        return self.values / self.rows if self.rows else None

    @property
    def accounts_share(self) -> float | None:
        """Share of accounts that have any value."""
        return self.with_values / self.accounts if self.accounts else None


def blind_spot(signal: Signal, seen: Seen | None, mapped: bool, settings: CatalogueSettings) -> str | None:
    """The blind spot of one signal in one segment, in words; None if none is known."""
    if seen is None:
        name = signal.table.name
        return (
            f"absent: the source has no {signal.column.name}" if mapped else f"absent: no {name} ({signal.table.doc})"
        )
    return "; ".join(_parts(signal, seen, settings)) or None


def _parts(signal: Signal, seen: Seen, settings: CatalogueSettings) -> Iterator[str]:
    name, column = signal.table.name, signal.column
    if name in OUTCOMES:
        yield "kept from every score: an outcome, or a consequence of one"
    if not seen.rows:
        yield "no row for any of these accounts"
    elif not seen.values:
        yield "empty on every row"
    elif (seen.fill_rate or 0) < settings.low_fill_rate:
        yield f"empty on {1 - (seen.fill_rate or 0):.0%} of rows ({column.null})"
    if name in DEALINGS and seen.rows and seen.accounts:
        yield from _engaged_only(signal, seen, settings)
    if name == "accounts" and seen.undated:
        yield f"undated for {seen.undated / seen.accounts:.0%} of accounts: today's value, used in reports only"
    if column.name == signal.table.text:
        yield "only its sentiment is stored, and texts in languages other than English have none"
    if seen.set_aside:
        yield f"{seen.set_aside:,} rows set aside by the mapping ({seen.set_aside / (seen.set_aside + seen.rows):.0%})"


def _engaged_only(signal: Signal, seen: Seen, settings: CatalogueSettings) -> Iterator[str]:
    """The bias of signals that only engaged customers give; nothing is known about the others, good or bad."""
    # A ticket without an escalation tells as much as one with; a survey that nobody answered tells nothing.
    share = (seen.with_values if signal.column.name in SPOKEN else seen.with_rows) / seen.accounts
    if signal.table.name == "usage":
        if share < 1:
            yield f"{1 - share:.0%} of accounts never appear: their silence is itself a signal"
        return
    used_more = seen.ratio is not None and seen.ratio >= settings.engaged_ratio
    if share < settings.low_accounts_share or (used_more and share < settings.max_accounts_share):
        more = ""
        if used_more and seen.ratio is not None:
            times = (
                f"{seen.ratio:.1f} times as much as the others"
                if isfinite(seen.ratio)
                else "while the others do not use it"
            )
            more = f", which use the product {times}"
        yield f"only-engaged-customers bias: {share:.0%} of accounts have this signal{more}"
