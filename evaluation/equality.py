"""Checks that a change alters no value: two checkouts run one company, and their marts are compared by cell.

python -m evaluation.equality BEFORE AFTER --config company/pipeline.toml --until 2026-06-28

Each checkout runs the month, seven days and the quarter with its own code and the same Python. Sentences may differ
between versions, and so do the stamps of a run: both are left out and listed.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

STAMPS = ("run_id", "code_version")
BY_RUN = ("runs",)
"""Marts about the runs themselves: durations and findings differ each time."""


def run(checkout: Path, config: Path, out: Path, *command: str) -> None:
    """One command of a checkout, by its own code."""
    module = "keepwell.cli.main" if (checkout / "cli").is_dir() else "flows.cli"
    call = [sys.executable, "-m", module, "--config", str(config), "--out", str(out), *command]
    done = subprocess.run(call, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{checkout.name}: {' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")


def month_of(checkout: Path, config: Path, out: Path, until: date) -> None:
    """The month's weeks, seven days up to a date, and the quarter."""
    run(checkout, config, out, "monthly", "--as-of", str(until))
    for back in range(6, -1, -1):
        run(checkout, config, out, "daily", "--as-of", str(until - timedelta(days=back)))
    run(checkout, config, out, "quarterly", "--as-of", str(until))


def partitions(out: Path) -> dict[str, pd.DataFrame]:
    """Every partition of every mart."""
    places = sorted(p for p in (out / "marts").glob("*/as_of=*") if p.parent.name not in BY_RUN)
    return {f"{p.parent.name}/{p.name}": pd.read_parquet(p) for p in places}


def differences(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """The columns that differ, with the number of rows; stamps left out."""
    if list(before.columns) != list(after.columns) or len(before) != len(after):
        yield f"columns or rows: {before.shape} and {after.shape}"
        return
    for column in before.columns.difference(STAMPS):
        one, other = before[column].astype(object).map(repr), after[column].astype(object).map(repr)
        if (one != other).any():
            is_text = before[column].dropna().map(_is_text).all()
            yield f"{column}: {(one != other).sum()} of {len(one)} rows{' (text)' if is_text else ''}"


def _is_text(value: object) -> bool:
    """A sentence, or a list of sentences."""
    return isinstance(value, str) or (isinstance(value, np.ndarray) and all(isinstance(v, str) for v in value))


def main() -> int:
    """Run both and compare; 1 where anything but a text differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--until", type=date.fromisoformat, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = []
        for name, checkout in (("before", given.before), ("after", given.after)):
            out = Path(folder) / name
            own = checkout.resolve() / given.config  # an example that each version has in its own words
            month_of(checkout.resolve(), own if own.exists() else given.config.resolve(), out, given.until)
            sides.append(partitions(out))
    before, after = sides
    wrong = sorted(before.keys() ^ after.keys())
    texts: dict[str, int] = {}
    for name in before.keys() & after.keys():
        for found in differences(before[name], after[name]):
            if found.endswith("(text)"):
                key = f"{name.split('/')[0]}.{found.split(':')[0]}"
                texts[key] = texts.get(key, 0) + 1
            else:
                wrong.append(f"{name}: {found}")
    cells = sum(frame.size for frame in before.values())
    print(f"{len(before)} partitions, {cells:,} cells; texts that differ: {texts or 'none'}")
    print("\n".join(wrong) if wrong else "everything else is equal")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
