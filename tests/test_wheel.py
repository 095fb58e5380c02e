"""What users install holds all that a day needs, under one import name (section 0 of the SPEC)."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from keepwell.flows.reference.architecture import PACKAGES
from tests.support.running import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip does it, far from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_adds_one_name_to_an_environment(installed: Path) -> None:
    """`tasks` or `models` beside it would be taken for those of somebody else."""
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}

    assert names == {"keepwell"}
    assert {p.name for p in (installed / "keepwell").iterdir()} == {*PACKAGES, "__init__.py"}


@pytest.mark.slow
def test_the_wheel_runs_a_month_and_a_day(installed: Path, tmp_path: Path) -> None:
    """Playbook, templates, rules and migrations come along."""
    (tmp_path / "tasks.py").write_text("raise SystemExit('the wrong package')")
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def keepwell(*arguments: str) -> str:
        command = [sys.executable, "-m", "keepwell.cli.main", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    keepwell("sample", "--accounts", "60", "--months", "14", "--seed", "3", "--to", "company")
    config = ("--config", "company/pipeline.toml")
    keepwell(*config, "monthly", "--as-of", "2026-06-01")
    keepwell(*config, "daily", "--as-of", "2026-06-02")

    assert list((tmp_path / "out" / "reports").glob("*.html"))
    assert list((tmp_path / "out" / "marts" / "alerts").glob("as_of=*/*.parquet"))
    where = [sys.executable, "-c", "import keepwell.tasks.version as v; print(v.__file__, len(v.computing()))"]
    file, computing = subprocess.check_output(where, cwd=tmp_path, env=environment, text=True).split()
    assert file.startswith(str(installed))
    assert int(computing) == len(list(computing_files()))


def computing_files() -> list[Path]:
    """Every module and rule that a result rests on, counted in the checkout without the product's own list."""
    folders = ("features", "models", "playbook", "values", "expectations", "tasks")
    python = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    return [*python, *(ROOT / "expectations").rglob("*.toml")]
