"""Running the `keepwell` command as a user does, and looking at what it left behind."""

import hashlib
import io
import os
import re
import subprocess
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from unittest import mock

import pandas as pd
import pyarrow.parquet as pq

from keepwell.cli.main import main
from keepwell.playbook.actions import Playbook
from tests.support.entry import CLOCK

ROOT = Path(__file__).parents[2]
RAVENSTACK = ROOT.parent / "shared" / "data" / "ravenstack"


@dataclass(frozen=True)
class Ran:
    """Exit code and output of one command."""

    code: int
    out: str
    err: str


def keepwell(*arguments: object, clock: datetime = CLOCK, **environment: str) -> Ran:
    """Run `keepwell` here, through its own entry point: the imports of Great Expectations are paid for once.

    `clock`: what its host's clock says.
    """
    out, err = io.StringIO(), io.StringIO()
    code = 0
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch.object(sys, "argv", ["keepwell", *map(str, arguments)]),
        ):
            main(clock=lambda: clock)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return Ran(code, out.getvalue(), err.getvalue())


def keepwell_process(*arguments: object, **environment: str) -> Ran:
    """Run `keepwell` in a process of its own."""
    command = [sys.executable, "-m", "tests.support.entry", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, timeout=300, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def shipped_playbook() -> Playbook:
    """The playbook that Keepwell ships."""
    return Playbook.model_validate(tomllib.loads((ROOT / "playbook" / "playbook.toml").read_text()))


def without(config: Path, *tables: str) -> str:
    """The configuration of a company that lacks these tables."""
    text = config.read_text()
    for table in tables:
        text = re.sub(rf"\[tables\.{table}\].*?(?=\n\[|\Z)", "", text, flags=re.DOTALL)
    return text


def mart(out: Path, name: str, as_of: date | str) -> pd.DataFrame:
    """One published partition."""
    return pq.read_table(out / "marts" / name / f"as_of={as_of}" / "data.parquet", partitioning=None).to_pandas()


def bytes_of(out: Path, *only: str, without: tuple[str, ...] = ("runs",)) -> dict[str, str]:
    """The hash of every file under the marts, but of those left out, or of these marts alone."""
    root = out / "marts"
    assert root.is_dir(), f"{out} has no marts"
    files = (p for p in sorted(root.rglob("*")) if p.is_file())
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if (p.relative_to(root).parts[0] in only if only else p.relative_to(root).parts[0] not in without)
    }
