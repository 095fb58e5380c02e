"""What all features of many month ends cost, beside a bare scan of usage: run by `evaluation.bench`, as a process.

`python -m evaluation.bench_months COMPANY OUT AS_OF MONTHS FILE` writes CPU seconds, without imports and staging: of
the scan; of the features with the sums of usage; from sums that are there; of each month alone.
"""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import staged
from keepwell.tasks.learning.training import month_starts
from keepwell.tasks.scoring.measured import wide_books
from keepwell.tasks.sources.facts import at_once, facts_at_each

COLUMNS = ("account_id", "user_id", "day", "feature", "events", "minutes")


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of all threads."""
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    """Measure one company and write four numbers."""
    company, out, as_of, months, file = sys.argv[1:]
    run = Run(load_settings(Path(company) / "pipeline.toml"), Path(out), date.fromisoformat(as_of))
    snapshot = staged(run)
    starts = [datetime(day.year, day.month, 1) for day in month_starts(date(2000, 1, 1), run.instant)[-int(months) :]]
    columns = ", ".join(f"max({name})" for name in COLUMNS)
    usage = f"SELECT {columns} FROM read_parquet('{company}/usage.parquet')"

    def features(groups: Iterable[Sequence[datetime]]) -> None:
        for some in groups:
            wide_books(facts_at_each(snapshot, some, run.fixed), run.scoring)

    together, alone = list(at_once(snapshot, starts)), [[start] for start in starts]
    found = [cpu_of(lambda: duckdb.sql(usage).fetchall())]
    found += [cpu_of(partial(features, groups)) for groups in (together, together, alone)]
    Path(file).write_text(" ".join(map(str, found)))


if __name__ == "__main__":
    main()
