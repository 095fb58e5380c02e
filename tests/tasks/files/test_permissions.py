"""Who may read what Keepwell writes: group and owner, of ledger and models the owner alone (TRU-5)."""

import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.tasks.files.permissions import restrict_umask
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.ledger.store import Ledger
from tests.support.running import keepwell
from tests.support.small_models import few, quarter, trained_result

DAY = date(2026, 5, 1)
PRIVATE = ("ledger.db", "ledger.db-wal", "ledger.db-shm", "mlflow.db")


@pytest.fixture
def umask() -> Iterator[None]:
    """A user for whom everything new is everybody's; the tests' own mask comes back."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(out: Path) -> dict[str, int]:
    """Every file and folder that somebody else than the owner can reach, with its mode."""
    found = {}
    for folder, folders, files in os.walk(out):
        for name in (*folders, *files):
            path = Path(folder, name)
            found[str(path.relative_to(out))] = stat.S_IMODE(path.stat().st_mode)
        folders[:] = [name for name in folders if stat.S_IMODE(Path(folder, name).stat().st_mode) & 0o077]
    return found


def run_everything(folder: Path) -> Path:
    """Monthly, daily, sweep and models, as a user would; the output folder.

    `quarterly` takes minutes: what it keeps in MLflow is written here by the same call, its marts as those of a day.
    """
    out, company = folder / "out", folder / "company"
    assert keepwell("sample", "--accounts", 25, "--months", 8, "--to", company).code == 0
    config = company / "pipeline.toml"
    config.write_text(config.read_text() + "\n[promotion]\nreview_required = false\n")

    def run(*words: object) -> None:
        ran = keepwell("--config", config, "--out", out, *words)
        assert ran.code == 0, ran.err

    for flow in ("monthly", "daily"):
        run(flow, "--as-of", DAY)
    run("monthly", "--as-of", DAY.replace(day=8), "--week", 2)
    run("sweep", "--now", "2026-05-08T10:15")
    # A model trained in seconds has none of the company's columns: it is registered once the book is scored.
    log_trial(Run(load_settings(config), out, DAY).tracking, quarter("r1", DAY), few(trained_result()), None)
    run("model", "list")
    run("model", "off", "--as-of", DAY, "--by", "ann", "--reason", "odd")
    return out


@pytest.mark.slow
def test_files_are_the_groups_to_read_and_nobody_elses(umask: None, tmp_path: Path) -> None:
    """Folders 0750, files 0640; ledger 0600, artifacts of models behind 0700; the group and set-group-ID stay (TRU-5).

    BI reads the marts through the group of the folder.
    """
    out, group = tmp_path / "out", os.getgid()
    out.mkdir()
    if os.geteuid() == 0:
        group = 4321
        os.chown(out, -1, group)
    out.chmod(0o2750)
    os.umask(0o022)
    run_everything(tmp_path)

    def wanted(path: Path) -> int:
        if path.is_dir():
            return 0o2700 if path.name == "mlartifacts" else 0o2750
        return 0o600 if path.name in PRIVATE else 0o640

    found = modes(out)
    assert {name: oct(mode) for name, mode in found.items() if mode != wanted(out / name)} == {}
    assert {(out / name).stat().st_gid for name in found} == {group}
    pages = ["reports/*.html", "reports/*.xlsx", "reports/*/*.ics"]
    stores = ["ledger.db", "mlflow.db", "mlartifacts", "snapshots/*/*.parquet", ".locks/*"]
    for kind in ("marts/*/*/*.parquet", "messages/*", "data_docs/*", *pages, *stores):
        assert list(out.glob(kind)), kind


@pytest.mark.parametrize(("theirs", "ours"), [(0, 0o027), (0o022, 0o027), (0o077, 0o077), (0o177, 0o177)])
def test_a_stricter_mask_of_the_user_stays(umask: None, theirs: int, ours: int) -> None:
    """Ours takes away, and never gives (TRU-5)."""
    os.umask(theirs)
    restrict_umask()

    assert os.umask(0) == ours


def test_a_ledger_of_before_becomes_the_owners_alone(umask: None, tmp_path: Path) -> None:
    """And so do its log and its index (TRU-5)."""
    first = tmp_path / "ledger.db"
    Ledger.open(f"sqlite:///{first}").close()
    first.chmod(0o664)
    ledger = Ledger.open(f"sqlite:///{first}")
    try:
        ledger.runs("daily_alerts")
        found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        ledger.close()

    assert found == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
