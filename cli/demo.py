"""`make demo`: the whole pipeline on the sample company, with a summary to read in a minute.

`make demo-full` is the same on a company with a longer history, with a model of every outcome.

In order: the quarter's training, a month with the challenger in shadow, its promotion, two months of scoring with the
model, the days after them, the other weeks of the month, and a weekly review.
"""

import argparse
import filecmp
import json
import logging
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.cli.process import collect_rarely
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.daily_alerts import daily_alerts
from keepwell.flows.logs import log_to_stderr
from keepwell.flows.monthly_scoring import MonthResult, monthly_scoring
from keepwell.flows.monthly_scoring import first_day as first_day_of_week
from keepwell.flows.on_demand.champions import promote
from keepwell.flows.quarterly_retraining import quarterly_retraining, summary
from keepwell.flows.run import Run
from keepwell.flows.weekly_review import weekly_review
from keepwell.models.settings.base import OUTCOMES
from keepwell.playbook.tiers import BANDS
from keepwell.sample.settings import company_with, with_few_seats
from keepwell.sample.write import write_company
from keepwell.tasks.earlier_scores import read
from keepwell.tasks.errors import ConfigError, NotPromoted
from keepwell.tasks.files.permissions import restrict_umask
from keepwell.tasks.files.scratch import scratch_folder

ACCOUNTS, MONTHS, SEED = 2400, 32, 3
FULL_MONTHS = 60
"""Expansion and advocacy look 180 days ahead: their months of training, validation and test need years of history."""
KEPT = ("company", "snapshots", "data_docs")
"""What a demo after another uses again: the source, what was staged and summed up of it, what the checks said."""
SEATS = 4.0
"""Customers are small, so that there are enough of them to learn from in a minute."""
MONTH_STARTS = tuple(date(2026, month, 1) for month in range(3, 7))
QUARTER, PROMOTED = date(2026, 3, 1), date(2026, 4, 1)
DAYS = 3
REVIEWED = date(2026, 6, 22)
SLIDING, RECOVERING = 3, 1
FOR_THE_DEMO = """
# Nobody has reviewed these models. Outside the demo, a first promotion needs a review.
[promotion]
review_required = false

[models]
outcomes = {outcomes}
"""


@dataclass(frozen=True)
class Demo:
    """Where it goes, how large the company is, and the outcomes that get a model."""

    out: Path = Path("out/demo")
    accounts: int = ACCOUNTS
    months: int = MONTHS
    outcomes: tuple[str, ...] = ("churn",)


FULL = Demo(Path("out/demo-full"), months=FULL_MONTHS, outcomes=tuple(OUTCOMES))


def main() -> None:
    """The demo, or with --full the one of every outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a model of every outcome, on a longer history")
    show(FULL if parser.parse_args().full else Demo())


def show(demo: Demo) -> None:
    """Make the company, run four months and the days and weeks after them, and print the results."""
    out = demo.out
    log_to_stderr(logging.WARNING)
    restrict_umask()
    collect_rarely()
    _clear(out)
    _print(f"The sample company: {demo.accounts} accounts, {demo.months} months, seed {SEED} -> {out}/company")
    rows = _write_company(demo)
    _print(", ".join(f"{n:,} {name}" for name, n in rows.items()))
    settings = load_settings(out / "company" / "pipeline.toml")
    months = []
    for day in MONTH_STARTS:
        if day == QUARTER:
            _train(Run(settings, out, day))
        months.append(monthly_scoring(Run(settings, out, day), week=1))
        if day == PROMOTED:
            for outcome in demo.outcomes:
                _promote(Run(settings, out, day), outcome)
    first_day = MONTH_STARTS[-1] + timedelta(days=1)
    days = [daily_alerts(Run(settings, out, first_day + timedelta(days=n))) for n in range(DAYS)]
    weeks = [monthly_scoring(Run(settings, out, first_day_of_week(MONTH_STARTS[-1], n)), week=n) for n in (2, 3, 4)]
    review = weekly_review(Run(settings, out, REVIEWED))
    last = first_day + timedelta(days=DAYS - 1)
    book = read(out / "marts", "health_scores", last)
    alerts = read(out / "marts", "alerts", last)

    _print(f"\nThe portfolio on {last}: {len(book)} accounts under contract, ARR {book['arr'].sum():,.0f} USD")
    for name in BANDS:
        group = book[book["band"] == name]
        _print(f"  {name:>9}  {len(group):4d}  {group['arr'].sum():12,.0f} USD")
    moved = _moved(book, out / "marts")
    truth = Truth(out / "company" / "truth", last)
    _print(f"\nThree larger accounts whose health fell most since {MONTH_STARTS[0]}, with the truth in parentheses:")
    for row in moved[moved["account_id"].isin(truth.sliding())].nsmallest(SLIDING, "moved").itertuples():
        _account(row, truth)
    _print("\nAn account that is recovering:")
    for row in moved[moved["account_id"].isin(truth.recovering())].nlargest(RECOVERING, "moved").itertuples():
        _account(row, truth)
    _print(f"\nAlerts over {DAYS} days: {sum(d.opened for d in days)} opened, {sum(d.closed for d in days)} closed")
    _print(_by_rule(alerts))
    _print("\nWeeks 2 to 4 of the month: outreach, interventions, results")
    for week in weeks:
        _totals(week.totals)
    _print(f"\nThe weekly review of {REVIEWED}")
    _totals(review.totals)
    _print(_where(months, out))


def _clear(out: Path) -> None:
    """Remove what an earlier demo scored, learned and recorded; the rest is used again where nothing changed."""
    out.mkdir(parents=True, exist_ok=True)
    for entry in out.iterdir():
        if entry.is_dir() and entry.name not in KEPT:
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()


def _write_company(demo: Demo) -> dict[str, int]:
    """Write the company anew and count its rows; a file that says the same stays, as of a source that is unchanged."""
    settings = with_few_seats(company_with("policy", confounder=False), SEATS)
    with scratch_folder(demo.out, ".company-") as work:
        rows = write_company(demo.accounts, demo.months, SEED, work, settings=settings)
        config = work / "pipeline.toml"
        config.write_text(config.read_text() + FOR_THE_DEMO.format(outcomes=json.dumps(demo.outcomes)))
        for new in (path for path in work.rglob("*") if path.is_file()):
            old = demo.out / "company" / new.relative_to(work)
            old.parent.mkdir(parents=True, exist_ok=True)
            if not (old.exists() and filecmp.cmp(new, old, shallow=False)):
                new.replace(old)
    return rows


class Truth:
    """Ground truth of the generator, which the company's tables do not have: slides begun over a month before `day`."""

    def __init__(self, folder: Path, day: date) -> None:
        slides = pd.read_parquet(folder / "slides.parquet")
        self.day = day
        self.slides = slides[slides["began_on"] < day - timedelta(days=30)]
        months = pd.read_parquet(folder / "account_months.parquet")
        self.probability = months[months["as_of"] == MONTH_STARTS[-1]].set_index("account_id")["p_churn"]

    def sliding(self) -> "pd.Series[str]":
        """Accounts whose health is falling."""
        return self.slides.loc[self.slides["bottom_on"] >= self.day, "account_id"]

    def recovering(self) -> "pd.Series[str]":
        """Accounts past the bottom of a slide, recovering or recovered in the months of the demo."""
        s = self.slides
        return s.loc[(s["bottom_on"] < self.day) & (s["recovered_on"] >= MONTH_STARTS[0]), "account_id"]

    def of(self, account_id: str) -> str:
        """One sentence about the account's last slide."""
        last = self.slides[self.slides["account_id"] == account_id].sort_values("began_on").iloc[-1]
        left, end = last["champion_left_on"], last["recovered_on"]
        return (
            f"true churn probability within 90 days of {MONTH_STARTS[-1]}: {self.probability[account_id]:.0%}; "
            f"its health began to fall on {last['began_on']}"
            + ("" if pd.isna(left) else f", when its champion left ({left})")
            + f", reaches its lowest point on {last['bottom_on']}"
            + ("" if pd.isna(end) else f", and recovers by {end}")
        )


def _moved(book: pd.DataFrame, marts: Path) -> pd.DataFrame:
    """Active accounts of at least the median ARR, scored in the demo's first month and now: `before` and `moved`."""
    before = read(marts, "health_scores", MONTH_STARTS[0]).set_index("account_id")["health"]
    now = book[(book["status"] == "active") & (book["band"] != "unknown") & (book["arr"] >= book["arr"].median())]
    now = now.assign(before=now["account_id"].map(before))
    return now.assign(moved=now["health"] - now["before"]).dropna(subset="moved")


def _account(row: Any, truth: Truth) -> None:
    """An account as its CSM reads it."""
    _print(f"  {row.name} ({row.segment}, {row.csm}, {row.arr:,.0f} USD): health {row.before:.0f} -> {row.health:.0f}")
    for text in (row.summary, f"({truth.of(row.account_id)})"):
        _print(textwrap.indent(textwrap.fill(text, 110), "    "))


def _train(run: Run) -> None:
    """Train the quarter's candidates and print their metrics."""
    result = quarterly_retraining(run)
    found = summary(result)
    for outcome in result.trials:
        days = run.settings.labels.horizon_days(outcome)
        of = found[found["outcome"] == outcome].drop(columns="outcome")
        _print(
            f"\nThe quarter as of {run.as_of}: how well each candidate predicts {outcome} within {days} days, on the "
            "test months"
        )
        _print(textwrap.indent(of.to_string(index=False), "  "))
    for outcome, reason in result.refused.items():
        _print(textwrap.fill(f"{outcome}: no model. {reason}", 110, initial_indent="  ", subsequent_indent="  "))


def _promote(run: Run, outcome: str) -> None:
    """Promote the challenger if it passes every gate; the demo's settings do not require a review."""
    try:
        said = promote(run, outcome, by="the demo")
    except (NotPromoted, ConfigError) as refused:
        said = str(refused)
    text = f"After {(run.as_of - QUARTER).days} days in shadow (this demo needs no expert review): {said}"
    _print("\n" + textwrap.fill(text, 112))


def _totals(totals: Mapping[str, object]) -> None:
    """Print the totals of a flow, one per line, as its command does."""
    for name, value in totals.items():
        if value:
            _print(f"{name.replace('_', ' '):>19}  {value}")


def _by_rule(alerts: pd.DataFrame) -> str:
    counts = alerts[alerts["closed_at"].isna()].groupby("rule").size()
    return "\n".join(f"  {rule:>16}  {count:4d} open" for rule, count in counts.items())


def _where(months: Sequence[MonthResult], out: Path) -> str:
    return "\n".join(
        [
            "\nWhere to look:",
            f"  {months[-1].path}    the month's report for the CS team",
            f"  {out}/reports/blueprint-{QUARTER}.html    what predicts churn, and what the data does not show",
            f"  sh mlflow/server.sh {out}    all candidates side by side in MLflow",
            f"  {out}/reports/    the signal catalogue as a spreadsheet, beside the reports",
            f"  {out}/marts/README.md    the tables for BI, with the meaning of their columns",
            f"  {out}/data_docs/index.html    the results of the data checks",
        ]
    )


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 what the demo is for


if __name__ == "__main__":
    main()
