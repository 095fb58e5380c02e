"""`make bench`: the cost of `keepwell monthly` on growing companies, compared with a bare scan of the columns it reads.

What a second `keepwell daily` costs on a source that has not changed, compared with a company of 60 accounts; what all
features of 24 month ends cost (evaluation/bench_months.py). And what it costs to write such companies (`keepwell
sample`), and to score and explain a large book by a model.

CPU seconds and peak memory of whole processes, the median of a few runs; of a model in this process, once it is loaded.
Prints tables; nothing here is a test.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from keepwell.features.facts.canonical import TABLES
from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.quarterly_retraining import label_past, months_of, rebuild_past
from keepwell.flows.run import Run
from keepwell.flows.scoring import staged
from keepwell.models.explaining.explain import reference_row
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import CATEGORICAL_FEATURES, fitted, predicted_probability
from keepwell.models.training.choose import calibrated
from keepwell.models.training.inputs import varied
from keepwell.models.training.trained import Trained
from keepwell.sample.write import write_company
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.schemas.all import MARTS
from keepwell.tasks.scoring.reasons import model_factors
from keepwell.tasks.sources.unchanged import SETTLED
from tests.support.running import ROOT

AS_OF, NEXT_DAY = "2026-06-01", "2026-06-02"
SMALLEST = 60
"""Accounts of the company whose day is all fixed cost."""
MONTHS = 24
TRAINING_ACCOUNTS = 2_000
NUMERIC_FEATURES = 40
TABLES_PRINTED = ("monthly", "daily", "months", "written", "explained", "published")
RISKIEST_SHARE = 0.1
SCAN = """
import sys, duckdb
con = duckdb.connect()
for path, columns in {plan!r}:
    con.sql("SELECT " + ", ".join(f'max("{{c}}")' for c in columns) + f" FROM read_parquet('{{path}}')").fetchall()
"""


@dataclass(frozen=True)
class Cost:
    """CPU and memory of one process."""

    cpu: float
    mib: float


def cost_of(*command: str) -> Cost:
    """Run a command and return its CPU and memory, as the operating system reports them."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median_cost(commands: Sequence[Sequence[str]]) -> Cost:
    """The median CPU and the highest memory of several runs."""
    costs = [cost_of(*command) for command in commands]
    return Cost(statistics.median(c.cpu for c in costs), max(c.mib for c in costs))


def scan_command(company: Path) -> tuple[str, ...]:
    """A process that reads every column which the mappings read, and nothing else."""
    plan = [
        (str(company / f"{t.name}.parquet"), given(company / "sql" / f"{t.name}.sql", t.columns))
        for t in TABLES.values()
    ]
    return sys.executable, "-c", SCAN.format(plan=plan)


def given(sql: Path, columns: object) -> list[str]:
    """The canonical columns that a mapping of the sample company selects."""
    text = sql.read_text()
    return [c.name for c in columns if c.name in text]  # type: ignore[attr-defined]


def measured(accounts: int, runs: int, folder: Path) -> dict[str, float]:
    """One row of the table."""
    company = folder / str(accounts)
    usage_rows = write_company(accounts, MONTHS, 1, company)["usage"]
    scan = median_cost([scan_command(company)] * runs)
    keepwell = (sys.executable, "-m", "tests.support.entry", "--config", str(company / "pipeline.toml"))
    # Each run has an empty folder: in a used one it would find the sentiment of all texts in the cache.
    monthly = median_cost(
        [(*keepwell, "--out", str(folder / f"{accounts}-{n}"), "monthly", "--as-of", AS_OF) for n in range(runs)]
    )
    return {
        "accounts": accounts, "usage_rows": usage_rows,
        "scan_cpu": scan.cpu, "monthly_cpu": monthly.cpu, "ratio": monthly.cpu / scan.cpu, "peak_mib": monthly.mib,
        "cpu_per_million": monthly.cpu / usage_rows * 1e6,
    }  # fmt: skip


def second_day(accounts: int, runs: int, folder: Path) -> tuple[Cost, Cost]:
    """The cost of `daily` on the first date, and on the next one with an unchanged source."""
    company = folder / str(accounts)
    keepwell = (sys.executable, "-m", "tests.support.entry", "--config", str(company / "pipeline.toml"))
    outs = [str(folder / f"daily-{accounts}-{n}") for n in range(runs)]
    time.sleep(SETTLED)  # of a file that was written just now nobody can tell whether it changes again
    days = [[(*keepwell, "--out", out, "daily", "--as-of", day) for out in outs] for day in (AS_OF, NEXT_DAY)]
    return median_cost(days[0]), median_cost(days[1])


def month_ends(accounts: int, runs: int, folder: Path) -> tuple[list[float], float]:
    """Median CPU of the scan, and of the features with their sums, from sums that are there and alone; peak MiB."""
    company, found, peak = folder / str(accounts), [], 0.0
    for n in range(runs):
        out = folder / f"months-{accounts}-{n}"
        about = folder / f"months-{accounts}-{n}.txt"
        asked = (str(company), str(out), AS_OF, str(MONTHS), str(about))
        peak = max(peak, cost_of(sys.executable, "-m", "evaluation.bench_months", *asked).mib)
        found.append([float(cpu) for cpu in about.read_text().split()])
    return [statistics.median(cpu) for cpu in zip(*found, strict=True)], peak


def written(accounts: int, folder: Path) -> tuple[int, Cost]:
    """Usage rows and cost of writing a company of 42 months."""
    company = folder / f"written-{accounts}"
    size = ("--accounts", str(accounts), "--months", "42", "--to", str(company))
    cost = cost_of(sys.executable, "-m", "tests.support.entry", "sample", *size)
    return pq.read_metadata(company / "usage.parquet").num_rows, cost


def explained(accounts: int, runs: int, folder: Path) -> Iterator[dict[str, object]]:
    """One row of the table per model: CPU seconds of all probabilities, of the top tenth's reasons, of all reasons."""
    company = folder / "training"
    write_company(TRAINING_ACCOUNTS, MONTHS, 1, company)
    run = Run(load_settings(company / "pipeline.toml"), folder / "training-out", date.fromisoformat(AS_OF))
    snapshot = staged(run)
    months = months_of(run, snapshot)
    past = rebuild_past(run, snapshot, months, label_past(run, snapshot, months)).examples.dropna(subset=["churned"])
    numeric_features = varied(past, [f.name for f in FEATURES.values() if f.published])[:NUMERIC_FEATURES]
    rows = jittered(past[[*numeric_features, *CATEGORICAL_FEATURES, "health"]], numeric_features, accounts)
    reference, y_true = reference_row(past), past["churned"].astype(bool)
    for name in ("sparse_logistic", "logistic", "tree", "boosting", "forest"):
        model = fitted(name, past, y_true, numeric_features, InputSettings(), CandidateSettings())
        trained = Trained(name, model, calibrated(predicted_probability(model, past), y_true.to_numpy(dtype=float)))
        riskiest = rows.iloc[np.argsort(-trained.probabilities(rows))[: round(RISKIEST_SHARE * accounts)]]
        model_factors(trained, rows.head(1), reference, 3)  # late imports are not counted
        all_probabilities = cpu_of(partial(trained.probabilities, rows), runs)
        few = cpu_of(partial(model_factors, trained, riskiest, reference, 3), runs)
        every = cpu_of(partial(model_factors, trained, rows, reference, 3), 1)
        yield {"model": name, "rows": len(past), "probabilities": all_probabilities, "few": few, "every": every}


def published(accounts: int, runs: int, folder: Path) -> tuple[int, float]:
    """Rows and CPU seconds of publishing all marts of a date: of a small company, copied to that many accounts."""
    company, out, day = folder / "published", folder / "published-out", date.fromisoformat(AS_OF)
    write_company(TRAINING_ACCOUNTS, MONTHS, 1, company)
    cost_of(
        sys.executable, "-m", "tests.support.entry", "--config", str(company / "pipeline.toml"), "--out", str(out),
        "daily", "--as-of", AS_OF,
    )  # fmt: skip
    frames = {name: read(out / "marts", name, day) for name in MARTS if day in dates(out / "marts", name)}
    copies = -(-accounts // len(frames["health_scores"]))
    many = {name: copied(frame, MARTS[name].key, copies) for name, frame in frames.items()}
    stamp = Stamp("bench", "bench", "bench")
    cpu = cpu_of(lambda: publish(folder / "published-marts", day, many, stamp), runs)
    return sum(map(len, many.values())), cpu


def copied(rows: pd.DataFrame, key: Sequence[str], copies: int) -> pd.DataFrame:
    """Rows of accounts, each copy with keys of its own; what is not about accounts stays as it is."""
    if "account_id" not in rows:
        return rows
    texts = [name for name in {"account_id", *key} if pd.api.types.is_string_dtype(rows[name])]
    whole = (rows.assign(**{name: rows[name] + f"-{n}" for name in texts}) for n in range(copies))
    return pd.concat(whole, ignore_index=True)


def jittered(rows: pd.DataFrame, numeric_features: Sequence[str], accounts: int) -> pd.DataFrame:
    """A sample of `accounts` rows with a little noise on their numbers, so that no two are the same."""
    rng = np.random.default_rng(1)
    sampled = rows.iloc[rng.integers(0, len(rows), accounts)].reset_index(drop=True)
    for name in numeric_features:
        sampled[name] += rng.normal(0.0, 0.01 * float(rows[name].std()), accounts)
    return sampled.assign(account_id=[f"a{n:06}" for n in range(accounts)])


def cpu_of(work: Callable[[], object], runs: int) -> float:
    """The median CPU seconds, of all threads, of several calls."""
    costs = []
    for _ in range(runs):
        before = time.process_time()
        work()
        costs.append(time.process_time() - before)
    return statistics.median(costs)


def print_monthly(accounts: Sequence[int], runs: int, folder: Path) -> None:
    """The month's cost on growing companies."""
    print(f"keepwell monthly --as-of {AS_OF}, {MONTHS} months, median of {runs} runs, {os.cpu_count()} cores")
    print("| accounts | usage rows | scan, CPU s | monthly, CPU s | ratio | CPU s per million usage rows | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for size in accounts:
        m = measured(size, runs, folder)
        cells = (
            f"{m['accounts']:,}", f"{m['usage_rows']:,}", f"{m['scan_cpu']:.1f}", f"{m['monthly_cpu']:.1f}",
            f"{m['ratio']:.0f}", f"{m['cpu_per_million']:.1f}", f"{m['peak_mib']:,.0f}",
        )  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)


def print_daily(accounts: Sequence[int], runs: int, folder: Path) -> None:
    """What a day costs on an unchanged source, beside the day of the smallest company."""
    print(
        f"\nkeepwell daily --as-of {NEXT_DAY} after {AS_OF}, {MONTHS} months, unchanged source, median of {runs} runs"
    )
    print("| accounts | first day, CPU s | next day, CPU s | of the day of 60 accounts | peak MiB |")
    print("|---|---|---|---|---|")
    sizes, least = (SMALLEST, *accounts), None
    for size in sizes:  # all before the first is measured: a file written a moment ago would be read again
        write_company(size, MONTHS, 1, folder / str(size))
    for size in sizes:
        first, second = second_day(size, runs, folder)
        least = second.cpu if least is None else least
        cells = (
            f"{size:,}",
            f"{first.cpu:.1f}",
            f"{second.cpu:.1f}",
            f"{second.cpu / least:.2f}",
            f"{second.mib:,.0f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def print_months(accounts: Sequence[int], runs: int, folder: Path) -> None:
    """What the features of many month ends cost, beside a scan of usage."""
    print(f"\nall features of {MONTHS} month ends to {AS_OF}, median of {runs} runs, without imports and staging")
    print("| accounts | scan of usage, CPU s | with sums | sums there | ratio | each month alone | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for size in accounts:
        write_company(size, MONTHS, 1, folder / str(size))
        (scan, first, again, alone), peak = month_ends(size, runs, folder)
        cells = (
            f"{size:,}",
            f"{scan:.2f}",
            f"{first:.1f}",
            f"{again:.1f}",
            f"{again / scan:.0f}",
            f"{alone:.1f}",
            f"{peak:,.0f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def print_written(accounts: Sequence[int], folder: Path) -> None:
    """The cost of writing companies."""
    print("\nkeepwell sample, 42 months, one run")
    print("| accounts | usage rows | CPU s | CPU s per million usage rows | peak MiB |")
    print("|---|---|---|---|---|")
    for size in accounts:
        rows, cost = written(size, folder)
        per_million = cost.cpu / rows * 1e6
        print(f"| {size:,} | {rows:,} | {cost.cpu:.1f} | {per_million:.2f} | {cost.mib:,.0f} |", flush=True)


def print_explained(accounts: int, runs: int, folder: Path) -> None:
    """The cost of a model's probabilities and reasons."""
    print(
        f"\n{accounts:,} accounts x {NUMERIC_FEATURES} numeric and {len(CATEGORICAL_FEATURES)} categorical features, "
        f"median of {runs} runs; reasons in words"
    )
    print(
        "| model | training rows | all probabilities, CPU s | reasons of the riskiest tenth | reasons of all, CPU s |"
    )
    print("|---|---|---|---|---|")
    for m in explained(accounts, runs, folder):
        print(
            f"| {m['model']} | {m['rows']:,} | {m['probabilities']:.2f} | {m['few']:.2f} | {m['every']:.1f} |",
            flush=True,
        )


def print_published(accounts: int, runs: int, folder: Path) -> None:
    """The cost of publishing the marts of a large book."""
    rows, cpu = published(accounts, runs, folder)
    print(f"\nall marts of a day of {accounts:,} accounts, {rows:,} rows: {cpu:.1f} CPU s, median of {runs} runs")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1_000, 5_000, 20_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--written", type=int, nargs="+", default=[5_000, 10_000, 28_000])
    parser.add_argument("--explained", type=int, default=100_000)
    parser.add_argument("--only", choices=TABLES_PRINTED, help="one table alone")
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else TABLES_PRINTED
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "monthly" in wanted:
            print_monthly(arguments.accounts, arguments.runs, folder)
        if "daily" in wanted:
            print_daily(arguments.accounts, arguments.runs, folder)
        if "months" in wanted:
            print_months(arguments.accounts, arguments.runs, folder)
        if "written" in wanted:
            print_written(arguments.written, folder)
        if "explained" in wanted:
            print_explained(arguments.explained, arguments.runs, folder)
        if "published" in wanted:
            print_published(arguments.explained, arguments.runs, folder)


if __name__ == "__main__":
    main()
