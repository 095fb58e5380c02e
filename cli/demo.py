"""`make demo`: the main job on the sample company, in one go, with a summary to read in a minute.

In order: the quarter's training, a month in which the challenger scores beside, its promotion, two months with risk,
the days after them, the other weeks of the month, and a weekly review.
"""

import logging
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.daily_alerts import daily_alerts
from keepwell.flows.logs import log_to_stderr
from keepwell.flows.monthly_scoring import MonthResult, monthly_scoring
from keepwell.flows.monthly_scoring import first_day as first_day_of_week
from keepwell.flows.on_demand.champions import promote
from keepwell.flows.quarterly_retraining import quarterly_retraining, summary
from keepwell.flows.run import Run
from keepwell.flows.weekly_review import weekly_review
from keepwell.playbook.tiers import BANDS
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.earlier_scores import read
from keepwell.tasks.errors import ConfigError, NotPromoted
from keepwell.tasks.files.permissions import restrict_umask

OUT = Path("out/demo")
ACCOUNTS, MONTHS, SEED = 2400, 32, 3
SEATS = 4.0
"""Customers are small, so that there are enough of them to learn from in a minute."""
MONTH_STARTS = tuple(date(2026, month, 1) for month in range(3, 7))
QUARTER, PROMOTED = date(2026, 3, 1), date(2026, 4, 1)
DAYS = 3
REVIEWED = date(2026, 6, 22)
SLIDING, RECOVERING = 3, 1
FOR_THE_DEMO = """
# Nobody has reviewed this model, which a first promotion needs elsewhere; the demo says so.
[promotion]
review_required = false
"""


def main() -> None:
    """Make the company, run four months, days and weeks after them, and say what came out."""
    log_to_stderr(logging.WARNING)
    restrict_umask()
    shutil.rmtree(OUT, ignore_errors=True)
    _print(f"The sample company: {ACCOUNTS} accounts, {MONTHS} months, seed {SEED} -> {OUT}/company")
    company = company_with("policy", confounder=False)
    small = tuple(s.model_copy(update={"seats": min(s.seats, SEATS)}) for s in company.segments)
    rows = write_company(
        ACCOUNTS, MONTHS, SEED, OUT / "company", settings=company.model_copy(update={"segments": small})
    )
    _print(", ".join(f"{n:,} {name}" for name, n in rows.items()))
    config = OUT / "company" / "pipeline.toml"
    config.write_text(config.read_text() + FOR_THE_DEMO)
    settings = load_settings(config)
    months = []
    for day in MONTH_STARTS:
        if day == QUARTER:
            _train(Run(settings, OUT, day))
        months.append(monthly_scoring(Run(settings, OUT, day), week=1))
        if day == PROMOTED:
            _promote(Run(settings, OUT, day))
    first_day = MONTH_STARTS[-1] + timedelta(days=1)
    days = [daily_alerts(Run(settings, OUT, first_day + timedelta(days=n))) for n in range(DAYS)]
    weeks = [monthly_scoring(Run(settings, OUT, first_day_of_week(MONTH_STARTS[-1], n)), week=n) for n in (2, 3, 4)]
    review = weekly_review(Run(settings, OUT, REVIEWED))
    last = first_day + timedelta(days=DAYS - 1)
    book = read(OUT / "marts", "health_scores", last)
    alerts = read(OUT / "marts", "alerts", last)

    _print(f"\nThe book on {last}: {len(book)} accounts under contract, ARR {book['arr'].sum():,.0f} USD")
    for name in BANDS:
        group = book[book["band"] == name]
        _print(f"  {name:>9}  {len(group):4d}  {group['arr'].sum():12,.0f} USD")
    moved = _moved(book)
    truth = Truth(OUT / "company" / "truth", last)
    _print(
        f"\nThree larger accounts that slide, the steepest since {MONTH_STARTS[0]}; in brackets what is true of them:"
    )
    for row in moved[moved["account_id"].isin(truth.sliding())].nsmallest(SLIDING, "moved").itertuples():
        _account(row, truth)
    _print("\nOne that recovers:")
    for row in moved[moved["account_id"].isin(truth.recovering())].nlargest(RECOVERING, "moved").itertuples():
        _account(row, truth)
    _print(f"\nAlerts over {DAYS} days: {sum(d.opened for d in days)} opened, {sum(d.closed for d in days)} closed")
    _print(_by_rule(alerts))
    _print("\nThe month's other weeks: whom to call, what was done, what it changed")
    for week in weeks:
        _totals(week.totals)
    _print(f"\nThe review of the week, {REVIEWED}")
    _totals(review.totals)
    _print(_where(months))


class Truth:
    """What the generator knows of the company and no table of it tells: slides that began a month before `day`."""

    def __init__(self, folder: Path, day: date) -> None:
        slides = pd.read_parquet(folder / "slides.parquet")
        self.day = day
        self.slides = slides[slides["began_on"] < day - timedelta(days=30)]
        months = pd.read_parquet(folder / "account_months.parquet")
        self.chance = months[months["as_of"] == MONTH_STARTS[-1]].set_index("account_id")["p_churn"]

    def sliding(self) -> "pd.Series[str]":
        """Accounts on their way down."""
        return self.slides.loc[self.slides["bottom_on"] >= self.day, "account_id"]

    def recovering(self) -> "pd.Series[str]":
        """Accounts past the bottom of a slide that is made good, or was in the months of the demo."""
        s = self.slides
        return s.loc[(s["bottom_on"] < self.day) & (s["recovered_on"] >= MONTH_STARTS[0]), "account_id"]

    def of(self, account_id: str) -> str:
        """One sentence about the last slide that has begun."""
        last = self.slides[self.slides["account_id"] == account_id].sort_values("began_on").iloc[-1]
        left, end = last["champion_left_on"], last["recovered_on"]
        return (
            f"in truth {self.chance[account_id]:.0%} to leave within 90 days of {MONTH_STARTS[-1]}: a slide began on "
            + str(last["began_on"])
            + ("" if pd.isna(left) else f" as the champion left ({left})")
            + f", to its bottom on {last['bottom_on']}"
            + ("" if pd.isna(end) else f", made good by {end}")
        )


def _moved(book: pd.DataFrame) -> pd.DataFrame:
    """Active accounts of at least the median ARR, scored in the demo's first month and now: `before` and `moved`."""
    before = read(OUT / "marts", "health_scores", MONTH_STARTS[0]).set_index("account_id")["health"]
    now = book[(book["status"] == "active") & (book["band"] != "unknown") & (book["arr"] >= book["arr"].median())]
    now = now.assign(before=now["account_id"].map(before))
    return now.assign(moved=now["health"] - now["before"]).dropna(subset="moved")


def _account(row: Any, truth: Truth) -> None:
    """An account as its CSM reads it."""
    _print(f"  {row.name} ({row.segment}, {row.csm}, {row.arr:,.0f} USD): health {row.before:.0f} -> {row.health:.0f}")
    for text in (row.summary, f"({truth.of(row.account_id)})"):
        _print(textwrap.indent(textwrap.fill(text, 110), "    "))


def _train(run: Run) -> None:
    """The quarter's candidates, and what came of them."""
    result = quarterly_retraining(run)
    churn = summary(result).query("outcome == 'churn'") if result.trials else summary(result)
    _print(f"\nThe quarter, as of {run.as_of}: who leaves within 90 days, on months that no candidate has seen")
    _print(textwrap.indent(churn.drop(columns="outcome", errors="ignore").to_string(index=False), "  "))
    for outcome, reason in result.refused.items():
        _print(textwrap.fill(f"{outcome}: no model. {reason}", 110, initial_indent="  ", subsequent_indent="  "))


def _promote(run: Run) -> None:
    """Champion, if every gate lets it through; without a review, which the demo's settings do not ask for."""
    try:
        said = promote(run, "churn", by="the demo")
    except (NotPromoted, ConfigError) as refused:
        said = str(refused)
    text = f"After {(run.as_of - QUARTER).days} days side by side (no expert review: this is a demo): {said}"
    _print("\n" + textwrap.fill(text, 112))


def _totals(totals: Mapping[str, object]) -> None:
    """The figures of a flow, one a line, as its command prints them."""
    for name, value in totals.items():
        if value:
            _print(f"{name.replace('_', ' '):>19}  {value}")


def _by_rule(alerts: pd.DataFrame) -> str:
    counts = alerts[alerts["closed_at"].isna()].groupby("rule").size()
    return "\n".join(f"  {rule:>16}  {count:4d} live" for rule, count in counts.items())


def _where(months: Sequence[MonthResult]) -> str:
    return "\n".join(
        [
            "\nWhere to look:",
            f"  {months[-1].path}    the month's report for the CSM team",
            f"  {OUT}/reports/blueprint-{QUARTER}.html    what tells who leaves, and what nobody can know",
            f"  sh mlflow/server.sh {OUT}    every candidate, side by side, in MLflow",
            f"  {OUT}/reports/    the signal catalogue as a spreadsheet, beside the reports",
            f"  {OUT}/marts/README.md    the tables for BI and what their columns mean",
            f"  {OUT}/data_docs/index.html    what the data checks saw",
        ]
    )


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 what the demo is for


if __name__ == "__main__":
    main()
