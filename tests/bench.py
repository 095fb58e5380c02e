"""`make bench`: what `keepwell monthly` costs on growing companies, beside the bare scan of the columns that it reads.

And what it costs to write such companies (`keepwell sample`).

CPU seconds and peak memory of whole processes, the median of a few runs. Prints a table; nothing here is a test.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from features.canonical import TABLES
from sample.write import write_company
from tests.running import ROOT

AS_OF = "2026-06-01"
MONTHS = 24
SCAN = """
import sys, duckdb
con = duckdb.connect()
for path, columns in {plan!r}:
    con.sql("SELECT " + ", ".join(f'max("{{c}}")' for c in columns) + f" FROM read_parquet('{{path}}')").fetchall()
"""


@dataclass(frozen=True)
class Cost:
    """What one process used."""

    cpu: float
    mib: float


def cost_of(*command: str) -> Cost:
    """Run a command and read what it used from the operating system."""
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
    keepwell = (sys.executable, "-m", "flows.cli", "--config", str(company / "pipeline.toml"))
    # Every run into an empty folder: a second one in the same would find the tones of all texts.
    monthly = median_cost(
        [(*keepwell, "--out", str(folder / f"{accounts}-{n}"), "monthly", "--as-of", AS_OF) for n in range(runs)]
    )
    return {
        "accounts": accounts, "usage_rows": usage_rows,
        "scan_cpu": scan.cpu, "monthly_cpu": monthly.cpu, "ratio": monthly.cpu / scan.cpu, "peak_mib": monthly.mib,
        "cpu_per_million": monthly.cpu / usage_rows * 1e6,
    }  # fmt: skip


def written(accounts: int, folder: Path) -> tuple[int, Cost]:
    """Usage rows and cost of writing a company of 42 months."""
    company = folder / f"written-{accounts}"
    size = ("--accounts", str(accounts), "--months", "42", "--to", str(company))
    cost = cost_of(sys.executable, "-m", "flows.cli", "sample", *size)
    return pq.read_metadata(company / "usage.parquet").num_rows, cost


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1_000, 5_000, 20_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--written", type=int, nargs="+", default=[5_000, 10_000, 28_000])
    arguments = parser.parse_args()
    print(f"keepwell monthly --as-of {AS_OF}, {MONTHS} months, median of {arguments.runs} runs, {os.cpu_count()} cores")
    print("| accounts | usage rows | scan, CPU s | monthly, CPU s | ratio | CPU s per million usage rows | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for accounts in arguments.accounts:
            m = measured(accounts, arguments.runs, Path(folder))
            cells = (
                f"{m['accounts']:,}", f"{m['usage_rows']:,}", f"{m['scan_cpu']:.1f}", f"{m['monthly_cpu']:.1f}",
                f"{m['ratio']:.0f}", f"{m['cpu_per_million']:.1f}", f"{m['peak_mib']:,.0f}",
            )  # fmt: skip
            print("| " + " | ".join(cells) + " |", flush=True)
        print("\nkeepwell sample, 42 months, one run")
        print("| accounts | usage rows | CPU s | CPU s per million usage rows | peak MiB |")
        print("|---|---|---|---|---|")
        for accounts in arguments.written:
            rows, cost = written(accounts, Path(folder))
            per_million = cost.cpu / rows * 1e6
            print(f"| {accounts:,} | {rows:,} | {cost.cpu:.1f} | {per_million:.2f} | {cost.mib:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
