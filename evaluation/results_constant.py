"""How still health stands where nothing changes: the last part of `make results`, on a page of its own (HLT-3, FEA-4).

Every account of these companies keeps its rates for life (tests/support/constant_world.py); what moves its score from
one month to the next is noise alone. Writes docs/reference/results/constant-company.md; nothing is typed in.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from keepwell.features.health.change import change_parts
from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import HealthSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.tasks.scoring.measured import Measured, measured, wide_books
from keepwell.tasks.sources.facts import at_once, facts_at_each
from keepwell.tasks.sources.staging import stage
from tests.support.bounds import Bound, table
from tests.support.constant_world import LAST_DAY, MONTHLY, rate_of, write_constant_company
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "constant-company.md"
MONTHS = [datetime(2025, 12, 1), *(datetime(2026, month, 1) for month in range(1, 7))]
MOST_FLAGGED, LEAST_CORRELATION = 0.01, 0.85
FREE = (-np.inf, np.inf)
SHOWN = 12
"""Measures of the table: those that make most of what moves."""


@dataclass(frozen=True)
class Months:
    """A company scored month after month.

    `pairs`: per account and month, health, health a month before, and the part of the change that is the account's own
    (change_data). `moved`: per account and month, the change of each measure's contribution, in points.
    """

    pairs: pd.DataFrame
    moved: pd.DataFrame

    def flagged(self, monthly: float | None = None) -> float:
        """Share of the account-months, all or those of one rate, with a change that is flagged."""
        of = self.pairs if monthly is None else self.pairs[rate_of(self.pairs["account_id"]) == monthly]
        return float((of["own"].abs() > HealthSettings().change_flag).mean())

    @property
    def correlation(self) -> float:
        """Of health with that of the month before."""
        return float(self.pairs["health"].corr(self.pairs["before"]))

    @property
    def shares(self) -> pd.Series:
        """By measure, its share of the variance of the monthly change of health; they sum to 1."""
        change = self.moved.sum(axis=1)
        return self.moved.apply(lambda one: one.cov(change)).sort_values(ascending=False) / change.var()


def constant_months(accounts: int, seed: int, *, optional: bool) -> Months:
    """So many accounts of each rate, scored on seven month starts."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_constant_company(accounts, seed, folder, optional=optional)
        scored = list(_scored(folder))
    pairs, moved = zip(*(_pair(before, now) for before, now in pairwise(scored)), strict=True)
    return Months(pd.concat(pairs, ignore_index=True), pd.concat(moved, ignore_index=True))


def _scored(folder: Path) -> Iterator[Measured]:
    """The health of each month, as `monthly` has it."""
    settings = load_settings(folder / "pipeline.toml")
    snapshot = stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")
    scoring, before = Run(settings, folder / "out", LAST_DAY).scoring, None
    for some in at_once(snapshot, MONTHS):
        for book in wide_books(facts_at_each(snapshot, some), scoring):
            found = measured(book, scoring, {}, before)
            before = found.measures
            yield found


def _pair(before: Measured, now: Measured) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What changed from one month to the next, by account: the score, and each measure's contribution."""
    earlier = before.scores.reindex(now.scores.index)
    sides = now.scores[["health", "health_computed"]].assign(
        health_before=earlier["health"], computed_before=earlier["health_computed"]
    )
    parts = change_parts(before.measures, now.measures, sides, FEATURES, HealthSettings())
    own = parts["change_data"] + parts["change_override"]
    pairs = pd.DataFrame({"health": sides["health"], "before": sides["health_before"], "own": own}).reset_index()
    each = [m.measures.pivot(index="account_id", columns="feature", values="contribution") for m in (before, now)]
    return pairs, (each[1] - each[0]).fillna(0.0)


def bounds_of(months: Months) -> Iterator[Bound]:
    """What has to hold of a company that does not change."""
    points = f"{HealthSettings().change_flag:g} points"
    yield Bound(
        f"share of account-months flagged for a change above {points}", -np.inf, MOST_FLAGGED, months.flagged(), 4
    )
    for monthly in MONTHLY:
        yield Bound(f"the same, some {monthly:,.0f} actions a month", *FREE, months.flagged(monthly), 4)
    yield Bound("correlation of health with that of the month before", LEAST_CORRELATION, 1.0, months.correlation)


def page(accounts: int, seeds: Sequence[int]) -> str:
    """The page, in Markdown."""
    how = (
        f"Companies of {accounts * len(MONTHLY):,} accounts (seeds {', '.join(map(str, seeds))}), a third each with "
        f"some {', '.join(f'{monthly:,.0f}' for monthly in MONTHLY)} actions a month, Poisson at rates for life. "
        f"Health on {len(MONTHS)} month starts, {MONTHS[0].date()} to {MONTHS[-1].date()}: all that moves it is noise."
    )
    text = ["# A company where nothing changes", "", "Written by `make results`; edit the code instead.", "", how]
    for optional, heading in ((False, "The three required tables"), (True, "Every table")):
        found = [constant_months(accounts, seed, optional=optional) for seed in seeds]
        both = Months(pd.concat([m.pairs for m in found]), pd.concat([m.moved for m in found]))
        shares = both.shares.head(SHOWN)
        text += ["", f"## {heading}", "", *table(list(bounds_of(both))), ""]
        text += ["Each measure's share of the variance of the monthly change:", ""]
        text += ["| measure | share |", "|---|---|", *(f"| `{name}` | {share:.1%} |" for name, share in shares.items())]
    return "\n".join([*text, ""])


def main() -> None:
    """Write, score, compare, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100, help="of each rate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    text = page(arguments.accounts, arguments.seeds)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
