"""Usage in parts: together they are the table, and a new day leaves the others as they are (SCL-1, SRC-8, TRU-1)."""

import json
import os
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.sources import rollup_files
from keepwell.tasks.sources.connect import SPILL
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.parts import UNDATED, parts_of, write_parts
from keepwell.tasks.sources.rows_written import ROWS_PER_BATCH
from keepwell.tasks.sources.snapshot import ABOUT, Snapshot, stored_snapshot
from keepwell.tasks.sources.staging import stage
from tests.support.running import ROOT
from tests.tasks.sources.test_rollups import TODAY, features, snapshot, usage
from tests.tasks.sources.test_staging import ACCOUNTS, CONTRACTS, company

__all__ = ["snapshot"]
USAGE = TABLES["usage"]
HEADER = "account_id,day,events\n"


def days(first: str, number: int) -> str:
    start = date.fromisoformat(first)
    return "".join(f"001,{start + timedelta(days=n)},{n % 9}\n" for n in range(number))


def staged(folder: Path, rows: str) -> Snapshot:
    mappings = company(folder, accounts=ACCOUNTS, contracts=CONTRACTS, usage=HEADER + rows)
    return stage(".", folder, mappings, folder / "snapshots")


def test_parts_are_blocks_of_56_days_in_order(tmp_path: Path) -> None:
    """Two hundred days are four or five parts; each holds its days alone (SCL-1)."""
    made = staged(tmp_path, days("2024-01-01", 200))
    of_part = [pq.read_table(part.file)["day"].to_pylist() for part in made.parts("usage")]

    assert [day for own in of_part for day in own] == [date(2024, 1, 1) + timedelta(days=n) for n in range(200)]
    assert [(own[-1] - own[0]).days + 1 for own in of_part[1:-1]] == [56] * (len(of_part) - 2)
    assert all(
        own[0] >= date.fromisoformat(part.name.partition(".")[2])
        for own, part in zip(of_part, made.parts("usage"), strict=True)
    )
    assert made.tables["usage"].rows == 200


def test_a_new_day_writes_one_part_and_sums_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other files lie on the disk once, and nothing of them is summed up again (SCL-1, SRC-8)."""
    before = staged(tmp_path, days("2024-01-01", 200))
    before.open()
    summed: list[str] = []
    written = rollup_files._written

    def noted(folder: Path, stem: str, rows: pa.Table) -> Path:
        summed.append(stem.partition("-")[0])
        return written(folder, stem, rows)

    monkeypatch.setattr(rollup_files, "_written", noted)
    after = staged(tmp_path, days("2024-01-01", 201))
    after.open()

    old, new = ({part.name: part.file.stat().st_ino for part in made.parts("usage")} for made in (before, after))
    assert [name for name in new if new[name] != old.get(name)] == [max(new)]
    assert summed == list(ROLLUPS)
    assert (after.path / "accounts.parquet").stat().st_ino == (before.path / "accounts.parquet").stat().st_ino


def test_a_late_row_changes_the_part_of_its_day(tmp_path: Path) -> None:
    """And no other, whatever rows come after it (SRC-8)."""
    before = staged(tmp_path, days("2024-01-01", 200))
    after = staged(tmp_path, days("2024-01-01", 200) + "002,2024-03-03,7\n")
    changed = [name for name, digest in after.sha256.items() if before.sha256[name] != digest]

    assert len(changed) == 1
    (part,) = (part for part in after.parts("usage") if part.name == changed[0])
    assert date(2024, 3, 3) in pq.read_table(part.file)["day"].to_pylist()


def test_a_part_has_the_same_bytes_however_its_rows_come(tmp_path: Path) -> None:
    """In batches of any size, after any number of rows of earlier parts, with more rows than a batch (TRU-1)."""
    schema = pa.schema([("account_id", pa.string()), ("day", pa.date32())])
    rng = np.random.default_rng(3)

    def written(folder: str, before: int, size: int) -> list[bytes]:
        early, late = date(2024, 1, 1), date(2025, 1, 1)
        number = ROWS_PER_BATCH * 2 + 17
        column = [*[early] * before, *[late] * number, None]
        names = pa.array([str(n) for n in (*range(before), *range(number), 0)])
        rows = pa.table([names, pa.array(column, pa.date32())], schema=schema)
        (tmp_path / folder).mkdir()
        assert write_parts(tmp_path / folder, USAGE, schema, iter(rows.to_batches(size))) == len(column)
        return [path.read_bytes() for path in sorted((tmp_path / folder).iterdir())][-2:]

    one = written("one", 1, ROWS_PER_BATCH)
    assert pq.ParquetFile(sorted((tmp_path / "one").iterdir())[1]).num_row_groups == 3
    for n in range(3):
        assert written(f"again {n}", int(rng.integers(1, 1000)), int(rng.integers(1, 90_000))) == one
    assert (tmp_path / "one" / f"usage.{UNDATED}.parquet").exists()


def test_a_table_without_rows_is_one_empty_file(tmp_path: Path) -> None:
    """It can be opened like any (TRU-2)."""
    made = staged(tmp_path, "")
    assert [part.name for part in made.parts("usage")] == ["usage"]
    assert made.open()["usage_users"].count().to_pyarrow().as_py() == 0
    assert facts_at(made, datetime(2024, 1, 1))["usage"].count().to_pyarrow().as_py() == 0


def test_a_snapshot_of_before_the_parts_gives_the_same_features(snapshot: Snapshot) -> None:
    """One file of all usage; what a model names stays readable (MOD-3, SCL-1)."""
    expected = features(facts_at(snapshot, TODAY))
    old = snapshot.path.parent / "0123456789abcdef"
    old.mkdir()
    about = json.loads((snapshot.path / ABOUT).read_text())
    tables = [pq.read_table(part.file) for part in snapshot.parts("usage")]
    pq.write_table(pa.concat_tables(tables), old / "usage.parquet")
    for name in [name for name in about["sha256"] if not name.startswith("usage")]:
        (old / f"{name}.parquet").write_bytes((snapshot.path / f"{name}.parquet").read_bytes())
    about["sha256"] = {n: d for n, d in about["sha256"].items() if not n.startswith("usage")}
    about["sha256"]["usage"] = digest_of(old / "usage.parquet")
    (old / ABOUT).write_text(json.dumps(about))
    one = stored_snapshot(old.parent, old.name)

    assert len(one.parts("usage")) == 1 < len(snapshot.parts("usage"))
    pd.testing.assert_frame_equal(features(facts_at(one, TODAY)), expected, check_exact=True)


def test_parts_of_another_table_are_none_of_its_own() -> None:
    """`usage` and what else begins like it (TRU-1)."""
    files = {"usage.2024-01-15": "a", "usage_notes": "b", "usage.undated": "c", "accounts": "d"}
    found = parts_of("usage", files, Path("x"))

    assert [part.name for part in found] == ["usage.2024-01-15", "usage.undated"]
    assert [part.block for part in found] == [parts_of("usage", {"usage.2024-01-15": ""}, Path("x"))[0].block, None]
    assert parts_of("accounts", files, Path("x"))[0].whole


def test_random_usage_is_the_same_in_parts_and_in_rollups(snapshot: Snapshot) -> None:
    """Every row of the source is in a part, in the order of the whole (SRC-2)."""
    parts = [pq.read_table(part.file).to_pandas() for part in snapshot.parts("usage")]
    together = pd.concat(parts, ignore_index=True)

    assert len(together) == len(usage())
    assert together["day"].is_monotonic_increasing


def test_sums_of_parts_that_are_gone_go_after_a_week(tmp_path: Path) -> None:
    """Every day leaves a newest part behind; those of now stay, however old they are (SCL-1)."""
    staged(tmp_path, days("2024-01-01", 100)).open()
    folder = tmp_path / "snapshots" / rollup_files.FOLDER
    before = {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    (folder / f"usage_days-0123456789abcdef-00000000-{'0' * 16}.parquet").touch()
    staged(tmp_path, days("2024-01-01", 101)).open()
    after = {path.name for path in folder.iterdir()}

    assert len(before - after) == len(after - before) - 1 == len(ROLLUPS)
    assert len(after) == len(before) + 1


def test_a_large_sort_is_spilled_and_what_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    """Memory is bounded; the folder is the system's temporary one, and gone afterwards (SCL-2, TRU-1)."""
    script = (
        "import os, signal\n"
        "from keepwell.tasks.sources import connect\n"
        "connect.MEMORY = '100MB'\n"
        "con = connect.engine().con\n"
        "rows = con.sql('SELECT hash(i) AS h, i FROM range(12_000_000) t(i) ORDER BY h').fetchmany(1)\n"
        "print(rows, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "[(" in ran.stdout, ran.stderr
    (left,) = tmp_path.glob(f"{SPILL}*")
    subprocess.run(
        [sys.executable, "-c", "from keepwell.tasks.sources.connect import engine; engine()"],
        cwd=ROOT, env=environment, check=True,
    )  # fmt: skip
    assert not left.exists()
