"""`make sentences`: every feature in a CSM's words, as they come out on the demo's portfolio (ACT-1, ACT-4).

Writes docs/reference/results/sentences.md; nothing is typed in.
"""

import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.cli.demo import ACCOUNTS, MONTHS, SEATS, SEED
from keepwell.features.health.words import TYPICAL, in_words, never_in_words
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import Feature
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import stage_sources
from keepwell.sample.settings import company_with, with_few_seats
from keepwell.sample.write import write_company
from keepwell.tasks.scoring.measured import Measured, measured_book
from keepwell.tasks.sources.facts import facts_at
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "sentences.md"
DAY = date(2026, 6, 4)
BAD = 0.01
"""Share of the accounts with a value that have a worse one than the bad one."""


def demo_portfolio(folder: Path) -> Measured:
    """The demo's company on the demo's last day, measured as a run measures it."""
    settings = with_few_seats(company_with("policy", confounder=False), SEATS)
    write_company(ACCOUNTS, MONTHS, SEED, folder / "company", settings=settings)
    run = Run(load_settings(folder / "company" / "pipeline.toml"), folder / "out", DAY)
    snapshot = stage_sources(run)
    return measured_book(facts_at(snapshot, run.instant, run.fixed), run.scoring, {}, None)


def rows(found: Measured, currency: str) -> Iterator[tuple[str, str, str, str]]:
    """Feature and its sentences: of a bad value, of a typical one, of none."""
    for feature in FEATURES.values():
        if not feature.published:
            continue
        values = found.features.set_index("account_id")[feature.name].astype(float)
        known = values.dropna().sort_values(ascending=feature.direction > 0, kind="stable")
        bad, typical = (_said(feature, known, share, found, currency) for share in (BAD, 0.5))
        unknown = f"{in_words(feature, None, None)} ({values.isna().sum():,} accounts)"
        yield f"`{feature.name}`", bad, typical, unknown if values.isna().any() else "always known"


def _said(feature: Feature, ranked: pd.Series, share: float, found: Measured, currency: str) -> str:
    """The sentence about the account at this place among the ranked; compared with its peers, else with the median."""
    account = ranked.index[round(share * (len(ranked) - 1))]
    mine = found.measures[(found.measures["account_id"] == account) & (found.measures["feature"] == feature.name)]
    if len(mine) and mine["reference"].notna().all():
        return in_words(feature, ranked[account], float(mine["reference"].iloc[0]), currency=currency)
    return in_words(feature, ranked[account], float(ranked.median()), against=TYPICAL, currency=currency)


def page(found: Measured, currency: str) -> str:
    """The page, in Markdown."""
    never = found.never_used
    what = (
        f"The demo's company ({ACCOUNTS:,} accounts, {MONTHS} months, seed {SEED}) on {DAY}: {len(found.features):,} "
        f"accounts under contract. A bad value is the worst but {BAD:.0%} of them (of a "
        "feature that is neither good nor bad: the highest), a typical one is the median. A health factor compares "
        "with similar accounts, a risk factor with the model's typical account."
    )
    text = [
        "# Every feature in words",
        "",
        "Written by `make sentences`; edit the code instead.",
        "",
        what,
        "",
        "| feature | a bad value | a typical value | no value |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows(found, currency)),
    ]
    if len(never):
        sentence = never_in_words(FEATURES["days_since_last_use"], float(never.median()))
        text += ["", f"Accounts that have never used the product ({len(never):,} of these): “{sentence}”."]
    return "\n".join(text) + "\n"


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        found = demo_portfolio(Path(folder))
        PAGE.write_text(page(found, "USD"))
    print(PAGE.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
