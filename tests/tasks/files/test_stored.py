"""What is stored is compared with what was written before anything is computed from it (TRU-1, TRU-3)."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.earlier_scores import MANIFEST, aside, columns_of, dates, read
from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.digests import _HASHED, sha256_of
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.unchanged import NOTE
from tests.support.running import ROOT
from tests.tasks.sources.test_staging import ACCOUNTS, CONTRACTS, USAGE, company, rows, staged

DAY, NEXT = date(2026, 6, 1), date(2026, 6, 2)
NOW = datetime(2026, 6, 1)
STAMP = Stamp("r1", "0.1.0+abc", "snap")
Damage = Callable[[Path], None]


def flip(file: Path) -> None:
    """One bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    """The first half alone."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


DAMAGES = pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])


@pytest.fixture(autouse=True)
def as_a_new_process() -> None:
    """What was hashed is forgotten, as at the start of a process."""
    _HASHED.clear()


# Snapshots ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@DAMAGES
@pytest.mark.parametrize("name", ["usage.2024-01-15.parquet", "quarantine.parquet", "snapshot.json"])
def test_a_damaged_snapshot_is_replaced_by_the_copy_staged_now(
    damage: Damage, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An edited one was published under the same run_id, a truncated one stopped every later run (TRU-1)."""
    first = staged(tmp_path)
    whole = {path.name: path.read_bytes() for path in first.path.iterdir()}
    damage(first.path / name)
    again = staged(tmp_path)

    assert again.id == first.id
    assert {path.name: path.read_bytes() for path in again.path.iterdir()} == whole
    assert f"{first.path / name} was not what had been stored" in caplog.text
    assert facts_at(again, NOW)["usage"].count().to_pyarrow().as_py() == 3


def test_an_edited_snapshot_that_is_a_good_file_is_replaced_too(tmp_path: Path) -> None:
    """By its content, not by whether it can be read (TRU-1)."""
    first = staged(tmp_path)
    (file,) = (part.file for part in first.parts("usage"))
    frame = pd.read_parquet(file)
    frame.assign(events=1000).to_parquet(file, index=False)

    assert {row["events"] for row in rows(staged(tmp_path), "usage")} == {4, 5, 7}


@DAMAGES
def test_nothing_is_computed_from_a_stored_snapshot_that_is_damaged(damage: Damage, tmp_path: Path) -> None:
    """Its file is named, with what to do; exit 1: neither the source nor the configuration is at fault (TRU-3)."""
    snapshot = staged(tmp_path)
    _HASHED.clear()
    damage(snapshot.path / "contracts.parquet")

    with pytest.raises(StoredDamaged, match=r"contracts\.parquet is not what was stored.*Run again") as refused:
        facts_at(snapshot, NOW)
    assert refused.value.exit_code == 1


def test_rows_set_aside_are_part_of_the_id(tmp_path: Path) -> None:
    """Two sources that differ in them alone shared one snapshot, and the second was believed (SRC-2)."""
    header = "account_id,day,events,quarantine_reason\n"
    aside_ = [header + f"001,2024-02-01,5,\n002,2024-02-01,7,{why}\n" for why in ("double", "test data")]
    first, second = (staged(tmp_path, usage=text) for text in aside_)

    assert first.id != second.id
    assert [row["reason"] for row in rows(second, "quarantine")] == ["test data"]


def test_a_file_is_hashed_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging hashes what it wrote, and so do rollups; opening it, often, costs no more; a change is seen (TRU-1)."""
    hashed: list[Path] = []
    monkeypatch.setattr("keepwell.tasks.files.digests.sha256_of", lambda file: hashed.append(file) or sha256_of(file))
    snapshot = staged(tmp_path)
    written = len(hashed)
    for _ in range(3):
        snapshot.open()

    assert written == len(snapshot.sha256)
    assert len(hashed) == written + len(ROLLUPS)
    cut(snapshot.parts("usage")[0].file)
    with pytest.raises(StoredDamaged):
        snapshot.open()


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    """A snapshot may be larger than the memory: 300 MB in a process that may have 250 more than it starts with."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300_000_000)
    script = (
        "import resource, sys; from pathlib import Path; from keepwell.tasks.files.digests import digest_of\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + 250_000_000,) * 2); print(digest_of(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "large")], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert len(done.stdout.strip()) == 64, done.stderr


# Partitions ---------------------------------------------------------------------------------------------------------


def published(marts: Path, day: date, reason: str = "silence") -> Path:
    """One row of quarantine; the file of its data."""
    frame = pd.DataFrame([{"table": "usage", "key": "k", "reason": reason, "account_id": "a", "event_on": DAY}])
    publish(marts, day, {"quarantine": frame}, STAMP)
    return marts / "quarantine" / f"as_of={day}" / "data.parquet"


@DAMAGES
@pytest.mark.parametrize("name", ["data.parquet", MANIFEST])
def test_a_damaged_partition_is_named_and_never_read(damage: Damage, name: str, tmp_path: Path) -> None:
    """Of yesterday's results too nothing is computed where they were changed since, or where nobody can say (TRU-1)."""
    file = published(tmp_path, DAY)
    _HASHED.clear()
    damage(file.with_name(name))

    assert dates(tmp_path, "quarantine") == [DAY]
    for use in (read, columns_of):
        with pytest.raises(StoredDamaged, match=f"as_of={DAY}/data.parquet is not what was published.*run {DAY} again"):
            use(tmp_path, "quarantine", DAY)


def test_running_the_date_again_replaces_a_damaged_partition(tmp_path: Path) -> None:
    """Nothing of a date is read by that date itself (CONTRACT)."""
    cut(published(tmp_path, DAY))
    published(tmp_path, DAY)

    assert read(tmp_path, "quarantine", DAY)["reason"].tolist() == ["silence"]


def test_a_run_killed_between_data_and_manifest_leaves_what_can_be_read(tmp_path: Path) -> None:
    """The manifest that waits to be moved into place says that the data is what was written (TRU-1)."""
    file = published(tmp_path, DAY)
    old = file.with_name(MANIFEST).read_bytes()
    published(tmp_path, DAY, "outage")
    file.with_name(MANIFEST).rename(aside(file.with_name(MANIFEST)))
    file.with_name(MANIFEST).write_bytes(old)

    assert read(tmp_path, "quarantine", DAY)["reason"].tolist() == ["outage"]


@pytest.mark.slow
def test_a_partition_may_be_replaced_while_others_read_it(tmp_path: Path) -> None:
    """Two runs of different dates: the reader finds the old rows or the new ones, and never damage (TRU-2)."""
    published(tmp_path, DAY)
    script = (
        "import sys; from pathlib import Path; from tests.tasks.files.test_stored import DAY, published\n"
        "for n in range(150): published(Path(sys.argv[1]), DAY, f'{n}')"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) as writer:
        seen = set()
        while writer.poll() is None:
            seen |= set(read(tmp_path, "quarantine", DAY)["reason"])

    assert writer.returncode == 0
    assert len(seen) > 10


# What killed runs leave ---------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from keepwell.tasks.files.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), ".staging-") as work:
    (work / "usage.parquet").write_bytes(b"half")
    print(work, flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_is_removed_and_what_a_live_one_works_in_is_not(tmp_path: Path) -> None:
    """Kill -9 in the middle; beside it another process still works there (TRU-1, TRU-2)."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(
        [*command, "wait"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as live:
        at_work = Path(live.stdout.readline().strip())
        dead = subprocess.run([*command, "die"], cwd=ROOT, capture_output=True, text=True, check=False)
        left = Path(dead.stdout.strip())
        assert dead.returncode == -signal.SIGKILL
        assert left.is_dir()
        with scratch_folder(tmp_path, ".staging-"):
            assert not left.exists()
            assert (at_work / "usage.parquet").read_bytes() == b"half"
        live.communicate("")

    assert live.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_folders_of_before_the_locks_and_locks_without_a_folder_go_too(tmp_path: Path) -> None:
    """An older version left the one, a kill before the folder was made the other; nothing else is touched (TRU-1)."""
    (tmp_path / ".staging-old").mkdir()
    (tmp_path / ".staging-gone.lock").touch()
    (tmp_path / ".data-docs-other").mkdir()
    with scratch_folder(tmp_path, ".staging-"):
        pass

    assert [path.name for path in tmp_path.iterdir()] == [".data-docs-other"]


STAGING = """
import os, signal, sys
from pathlib import Path
import keepwell.tasks.sources.staging
from tests.tasks.sources.test_staging import staged
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
keepwell.tasks.sources.staging._join = die
staged(Path(sys.argv[1]))
"""


def test_a_staging_killed_halfway_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    """Kill -9 once every table is written and none is in its place (TRU-1)."""
    dead = subprocess.run([sys.executable, "-c", STAGING, str(tmp_path)], cwd=ROOT, check=False)
    root = tmp_path / "snapshots"
    assert dead.returncode == -signal.SIGKILL
    assert len(list(root.glob(".staging-*/usage.20*.parquet"))) == 1
    snapshot = staged(tmp_path)

    assert sorted(path.name for path in root.iterdir()) == sorted([snapshot.id, NOTE])


@pytest.mark.slow
def test_two_processes_may_stage_the_same_content_at_once(tmp_path: Path) -> None:
    """Two runs of different dates: whoever comes second finds the first one's snapshot whole (TRU-2)."""
    company(tmp_path, accounts=ACCOUNTS, contracts=CONTRACTS, usage=USAGE)
    script = (
        "import sys; from pathlib import Path; from keepwell.tasks.sources.staging import stage\n"
        "here = Path(sys.argv[1]); mappings = {path.stem: path for path in here.glob('*.sql')}\n"
        "for n in range(8): print(stage('.', here, mappings, here / 'snapshots').id)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate()[0].split() for one in both]

    assert [one.returncode for one in both] == [0, 0]
    assert len({*said[0], *said[1]}) == 1
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == sorted([said[0][0], NOTE])
