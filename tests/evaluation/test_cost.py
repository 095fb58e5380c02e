"""What a run costs, as ratios of CPU seconds of two processes, with room for a machine that does other work (SCL-1)."""

import sys
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest

from evaluation.bench import AS_OF, NEXT_DAY, cost_of
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import staged
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import month_starts
from keepwell.tasks.scoring.measured import wide_books
from keepwell.tasks.sources.facts import facts_at_each

SMALLEST = 60


def company(folder: Path, accounts: int, months: int) -> Path:
    place = folder / f"{accounts}-{months}"
    write_company(accounts, months, 1, place)
    return place


def next_day(place: Path) -> float:
    """CPU seconds of `keepwell daily` on a source that has not changed since the day before."""
    keepwell = (sys.executable, "-m", "tests.support.entry", "--config", str(place / "pipeline.toml"))
    days = [(*keepwell, "--out", str(place / "out"), "daily", "--as-of", day) for day in (AS_OF, NEXT_DAY)]
    return [cost_of(*command).cpu for command in days][-1]


@pytest.mark.slow
def test_a_day_costs_its_own_day_whatever_lies_before_it(tmp_path: Path) -> None:
    """Sixteen times the accounts cost half as much again at most, eight times the months next to nothing."""
    large, small = (next_day(company(tmp_path, accounts, 24)) for accounts in (1_000, SMALLEST))
    old, young = (next_day(company(tmp_path, 500, months)) for months in (48, 6))

    assert large / small < 1.6  # 1.2 on two idle cores
    assert old / young < 1.3


@pytest.mark.slow
def test_many_dates_cost_little_more_than_one(tmp_path: Path) -> None:
    """One query for 24 months of a small company, and not 24."""
    place = company(tmp_path, SMALLEST, 30)
    run = Run(load_settings(place / "pipeline.toml"), tmp_path / "out", date.fromisoformat(AS_OF))
    snapshot = staged(run)
    months = [datetime(day.year, day.month, 1) for day in month_starts(date(2024, 7, 1), run.instant)]

    def cost(instants: Sequence[datetime]) -> float:
        before = time.process_time()
        wide_books(facts_at_each(snapshot, instants, run.fixed), run.scoring)
        return time.process_time() - before

    cost(months[-1:])  # the sums are there, and everything is imported
    assert min(cost(months) for _ in range(2)) < 6 * min(cost(months[-1:]) for _ in range(2))
