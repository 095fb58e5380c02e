"""`make demo`: the main job on the sample company, in one go, with a summary to read in a minute."""

import logging
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from flows.daily_alerts import daily_alerts
from flows.monthly_scoring import MonthResult, monthly_scoring
from flows.run import Run
from flows.settings import load_settings
from sample.write import write_company
from tasks.charts import BANDS
from tasks.store import read

OUT = Path("out/demo")
ACCOUNTS, MONTHS, SEED = 300, 24, 1
MONTH_STARTS = (date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1))
DAYS = 5


def main() -> None:
    """Make the company, run three months and the days after them, and say what came out."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    shutil.rmtree(OUT, ignore_errors=True)
    _say(f"The sample company: {ACCOUNTS} accounts, {MONTHS} months, seed {SEED} -> {OUT}/company")
    rows = write_company(ACCOUNTS, MONTHS, SEED, OUT / "company")
    _say(", ".join(f"{n:,} {name}" for name, n in rows.items()))
    settings = load_settings(OUT / "company" / "pipeline.toml")
    months = [_month(Run(settings, OUT, day)) for day in MONTH_STARTS]
    first_day = MONTH_STARTS[-1] + timedelta(days=1)
    days = [daily_alerts(Run(settings, OUT, first_day + timedelta(days=n))) for n in range(DAYS)]
    last = first_day + timedelta(days=DAYS - 1)
    book = read(OUT / "marts", "health_scores", last)
    alerts = read(OUT / "marts", "alerts", last)

    _say(f"\nThe book on {last}: {len(book)} accounts under contract, ARR {book['arr'].sum():,.0f} USD")
    for name in BANDS:
        group = book[book["band"] == name]
        _say(f"  {name:>9}  {len(group):4d}  {group['arr'].sum():12,.0f} USD")
    _say("\nThe worst three by ARR, as their CSMs read them:")
    worst = book[book["band"] == "critical"].nlargest(3, "arr")
    for row in worst.itertuples():
        _say(f"  {row.name} ({row.segment}, {row.csm}, {row.arr:,.0f} USD)")
        _say(textwrap.indent(textwrap.fill(row.summary, 110), "    "))
    _say(f"\nAlerts over {DAYS} days: {sum(d.opened for d in days)} opened, {sum(d.closed for d in days)} closed")
    _say(_by_rule(alerts))
    _say(_where(months))


def _month(run: Run) -> MonthResult:
    """One month's week 1; later weeks are not asked for."""
    return monthly_scoring(run, week=1)


def _by_rule(alerts: pd.DataFrame) -> str:
    counts = alerts[alerts["closed_at"].isna()].groupby("rule").size()
    return "\n".join(f"  {rule:>16}  {count:4d} live" for rule, count in counts.items())


def _where(months: Sequence[MonthResult]) -> str:
    return "\n".join(
        [
            "\nWhere to look:",
            f"  {months[-1].path}    the month's report for the CSM team",
            f"  {OUT}/reports/    the signal catalogue as a spreadsheet, beside the reports",
            f"  {OUT}/marts/README.md    the tables for BI and what their columns mean",
            f"  {OUT}/data_docs/index.html    what the data checks saw",
        ]
    )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 what the demo is for


if __name__ == "__main__":
    main()
