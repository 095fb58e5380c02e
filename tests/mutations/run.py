"""Mutated companies through the real command: each mutation states beforehand what is right (TRU-3, SRC-3, SRC-10).

python -m tests.mutations.run                                      every kind ten times: half an hour
python -m tests.mutations.run --seed 3 --kind rows.orphan          one input again
"""

import argparse
import json
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from keepwell.sample.write import write_company
from keepwell.tasks.marts.schemas.all import MARTS
from tests.mutations.all import KINDS
from tests.mutations.imports import write_work
from tests.mutations.kinds import AS_OF, DAILY, IMPORT, Changes, Company, Expected, Kind, NoEffect, Refused, SameWork
from tests.support.running import Ran, bytes_of, keepwell, mart, without

LEFT_OUT = (
    "surveys", "touchpoints", "contacts", "opportunities", "churn_events", "advocacy", "interventions",
    "hold_outs", "legacy_scores", "notes",
)  # fmt: skip
"""Tables that the small company does without: a day of it takes a third of the time."""
STAMPS = ["run_id", "code_version"]
FINDINGS = ("runs", "check_results")
LONGEST_SECONDS = 180
SEEDS = range(10)
FEWER_SEEDS = range(2)
"""Of kinds whose inputs run a whole day, in the tests."""
IMPORTED_AT = "2026-06-30T12:00"
PYTHON = re.compile(r"Traceback|\b[A-Za-z_.]*[a-z](?:Error|Exception)\b|<class '|--debug shows where|\bNoneType\b")
"""What only a programmer understands."""
BY_RUN = frozenset({"runs"})
KEYS = {"factors": ("account_id", "kind", "feature")}
"""What a row of a mart is about, where its key is a place in an order."""
HASHED = {
    "alerts": ("account_id", "rule", "subject"), "alert_steps": ("account_id", "step"),
    "cases": ("account_id", "opened_at"), "next_actions": ("account_id", "recommended_on"),
}  # fmt: skip
"""The same where the key is a hash of an account's id, and the account was renamed."""
HASHES = ("action_id", "alert_id", "case_id")
"""Columns that hold such a hash."""


@dataclass(frozen=True)
class Base:
    """The company before any mutation, what one day of it published, and its work: without its file, and with it."""

    folder: Path
    no_work: str
    work: str

    @property
    def company(self) -> Path:
        return self.folder / "company"

    @property
    def out(self) -> Path:
        return self.folder / "out"


def stops_early(kind: Kind) -> bool:
    """Whether the run is refused before the data is checked: that takes a tenth of a second."""
    refused = kind.mutate.__annotations__["return"] is Refused
    return kind.command == IMPORT or (kind.command == DAILY and refused)


def seeds_of(kind: Kind) -> range:
    """How many inputs of a kind the tests run."""
    return SEEDS if stops_early(kind) else FEWER_SEEDS


def base(folder: Path) -> Base:
    """Write the small company and run its day."""
    write_company(20, 6, 5, folder / "company")
    config = folder / "company" / "pipeline.toml"
    config.write_text(without(config, *LEFT_OUT), encoding="utf-8")
    for name in LEFT_OUT:
        (folder / "company" / f"{name}.parquet").unlink(missing_ok=True)
        (folder / "company" / "sql" / f"{name}.sql").unlink(missing_ok=True)
    shutil.rmtree(folder / "company" / "truth")
    ran = keepwell("--config", config, "--out", folder / "out", "daily", "--as-of", AS_OF)
    assert ran.code == 0, ran.err
    shutil.rmtree(folder / "out" / "data_docs")
    write_work(Company(folder / "company", folder / "out"))
    no_work = recorded(Company(folder / "company", folder / "out"), folder / "out")
    shutil.copytree(folder / "out", folder / "worked")
    company = Company(folder / "company", folder / "worked")
    ran = imported(company, company.out)
    assert ran.code == 0, ran.err
    work = recorded(company, company.out)
    assert work != no_work
    return Base(folder, no_work, work)


def wrong(base: Base, kind: Kind, seed: int) -> str | None:
    """What is wrong with the answer to one input, None where it is as stated."""
    return wrong_together(base, [kind], seed)


def wrong_together(base: Base, kinds: list[Kind], seed: int) -> str | None:
    """The same of several mutations of one company, whose statements have to hold at once."""
    with tempfile.TemporaryDirectory(prefix="mutated-") as temporary:
        folder = Path(temporary)
        shutil.copytree(base.company, folder / "company")
        company = Company(folder / "company", base.out)
        stated = [kind.mutate(random.Random(f"{kind.name} {seed}"), company) for kind in kinds]  # noqa: S311
        out = folder / "out"
        if not isinstance(stated[0], NoEffect | Changes):
            shutil.copytree(base.out, out)
        ran = _ran(kinds[0].command, company, out)
        said = [JUDGES[type(one)](one, ran, base, company, out) for one in stated]
        found = PYTHON.search(ran.out + ran.err)
        said.append(f"prints {found[0]!r}" if found else None)
        problems = "; ".join(one for one in said if one)
        return f"{problems}\n  stated: {stated}\n  exit {ran.code}: {_messages(ran)}" if problems else None


def _ran(command: str, company: Company, out: Path) -> Ran:
    with _within(LONGEST_SECONDS):
        if command == IMPORT:
            return imported(company, out)
        return keepwell("--config", company.config, "--out", out, command, "--as-of", AS_OF)


def imported(company: Company, out: Path) -> Ran:
    """`work import` of the company's file; that of another name where a mutation made one."""
    files = sorted(company.folder.glob("work.*")) or [company.work]
    arguments = ("work", "import", files[0], "--by", "ann", "--now", IMPORTED_AT)
    return keepwell("--config", company.config, "--out", out, "--json", *arguments)


def recorded(company: Company, out: Path) -> str:
    """Everything that the ledger of work holds, as `work list` shows it."""
    ran = keepwell("--config", company.config, "--out", out, "--json", "work", "list", "--now", IMPORTED_AT)
    assert ran.code == 0, ran.err
    return ran.out


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """A hang is an error that names itself."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"hangs: no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _messages(ran: Ran) -> str:
    """What was printed but for the progress."""
    return "\n".join(line for line in ran.err.splitlines() if " INFO " not in line)[:1500] or ran.out[:300]


# Judges: None where an answer is as stated ----------------------------------------------------------------------


def _refusal(stated: Refused, ran: Ran, base: Base, company: Company, out: Path) -> str | None:
    if ran.code != stated.code:
        return f"{'SILENT: ' if ran.code == 0 else ''}exit {ran.code} instead of {stated.code}"
    if missing := [part for part in stated.says if part not in ran.err]:
        return f"does not say {missing}"
    if bytes_of(out, without=FINDINGS) != bytes_of(base.out, without=FINDINGS):
        return "SILENT: what was published before has changed"
    if recorded(Company(base.company, out), out) != base.no_work:
        return "SILENT: part of a refused file is recorded"
    return None


def _no_effect(stated: NoEffect, ran: Ran, base: Base, company: Company, out: Path) -> str | None:
    if ran.code:
        return f"exit {ran.code} instead of 0"
    if not stated.stamped and not stated.renamed:
        before, after = bytes_of(base.out), bytes_of(out)
        other = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        other = [name for name in other if not _other_mapping_alone(base.out / "marts" / name, out / "marts" / name)]
        return f"SILENT: other bytes in {other}" if other else None
    return _outside(Changes({}), base.out, out, stated.renamed)


def _other_mapping_alone(before: Path, after: Path) -> bool:
    """Whether two manifests differ in nothing but how the contracts are read: the same rows by another SELECT."""
    if before.name != "_manifest.json" or not (before.is_file() and after.is_file()):
        return False
    one, other = (json.loads(path.read_text()) for path in (before, after))
    return {**one, "mapping_id": ""} == {**other, "mapping_id": ""}


def _changes(stated: Changes, ran: Ran, base: Base, company: Company, out: Path) -> str | None:
    if ran.code:
        return f"exit {ran.code} instead of 0"
    scores = mart(out, "health_scores", AS_OF).set_index("account_id")
    for column, values in stated.values.items():
        other = {a: scores[column].get(a) for a, v in values.items() if not _same(scores[column].get(a), v)}
        if other:
            return f"SILENT: health_scores.{column} is {other} instead of { {a: values[a] for a in other} }"
    return _outside(stated, base.out, out, {})


def _same(one: object, other: object) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-6 * max(1.0, abs(other))
    return one == other


def _outside(stated: Changes, before: Path, after: Path, renamed: dict[str, str]) -> str | None:
    """What changed and was not stated, and what was stated and did not change."""
    found: dict[str, set[str]] = {}
    for name in sorted(p.name for p in (before / "marts").iterdir() if p.is_dir() and p.name not in BY_RUN):
        was, now = (mart(out, name, AS_OF).drop(columns=STAMPS, errors="ignore") for out in (before, after))
        was = was.assign(account_id=was["account_id"].replace(renamed)) if "account_id" in was else was
        of_key = {**KEYS, **(HASHED if renamed else {})}
        keys = [key for key in of_key.get(name, MARTS[name].key) if key in was] or list(was)
        was, now = (_keyed(frame, keys) for frame in (was, now))
        gone = was.index.symmetric_difference(now.index)
        strangers = _strangers(gone, keys, stated)
        if len(gone) and (name not in stated.rows or strangers):
            return f"SILENT: rows of {name} come or go: {list(gone[:3])} ({len(gone)})"
        if len(gone):
            found.setdefault(name, set()).add("*")
        both = was.index.intersection(now.index)
        for column in was.columns:
            differs = was.loc[both, column].astype(object).map(str) != now.loc[both, column].astype(object).map(str)
            if renamed and column in HASHES:
                differs &= ~both.isin([row for row in both if row.split("|")[0] in renamed.values()])
            if not differs.any():
                continue
            may = {column for of in (stated.columns, stated.follows, stated.peers) for column in of.get(name, ())}
            if column not in may:
                return f"SILENT: {name}.{column} changes: {_shown(was, now, both[differs], column)}"
            if column not in stated.peers.get(name, ()) and _strangers(both[differs], keys, stated):
                return f"SILENT: {name}.{column} changes of others: {_shown(was, now, both[differs], column)}"
            found.setdefault(name, set()).add(column)
    still = {n: sorted(c - found.get(n, set())) for n, c in stated.columns.items() if c - found.get(n, set())}
    return f"SILENT: nothing changes in {still}" if still else None


def _keyed(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    index = pd.Index(["|".join(map(str, row)) for row in frame[keys].itertuples(index=False)], dtype=object)
    return frame.set_axis(index, axis=0).sort_index()


def _strangers(rows: pd.Index, keys: list[str], stated: Changes) -> bool:
    """Whether rows are of accounts that the statement does not name."""
    if stated.accounts is None or "account_id" not in keys:
        return False
    place = keys.index("account_id")
    return any(row.split("|")[place] not in stated.accounts for row in rows)


def _shown(was: pd.DataFrame, now: pd.DataFrame, rows: pd.Index, column: str) -> str:
    return ", ".join(f"{row}: {was.loc[row, column]!r} -> {now.loc[row, column]!r}" for row in rows[:3])


def _same_work(_: Expected, ran: Ran, base: Base, company: Company, out: Path) -> str | None:
    if ran.code:
        return f"exit {ran.code} instead of 0"
    now = recorded(company, out)
    return None if now == base.work else f"SILENT: recorded {len(json.loads(now or '[]'))} lines that differ"


JUDGES: dict[type, Callable[..., str | None]] = {
    Refused: _refusal, NoEffect: _no_effect, Changes: _changes, SameWork: _same_work,
}  # fmt: skip


def main() -> int:
    """Run the named inputs; 1 where an answer is not as stated."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kind", action="append", choices=sorted(KINDS))
    asked.add_argument("--seed", action="append", type=int)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutator-") as folder:
        whole, mistakes = base(Path(folder)), 0
        for name in given.kind or KINDS:
            for seed in given.seed or SEEDS:
                start = time.process_time()
                said = wrong(whole, KINDS[name], seed)
                print(f"{name} --seed {seed}: {said or 'as stated'} ({time.process_time() - start:.1f} s)", flush=True)
                mistakes += said is not None
    print(f"{mistakes} not as stated")
    return int(mistakes > 0)


if __name__ == "__main__":
    sys.exit(main())
