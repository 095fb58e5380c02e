"""Without a ledger: what only reads or answers makes none; what records may."""

import json
from pathlib import Path

import pytest

from tests.support.running import keepwell

BY = ("--by", "ann")
WHY = (*BY, "--reason", "so")
NOW = ("--now", "2026-06-01")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of which only the settings are read."""
    path = tmp_path / "pipeline.toml"
    tables = "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in ("accounts", "contracts", "usage"))
    path.write_text(f'[source]\nurl = "data"\n{tables}')
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("alerts", "ack", "deadbeef", *BY, *NOW),
        ("alerts", "snooze", "deadbeef", *WHY, "--until", "2026-06-09", *NOW),
        ("alerts", "close", "deadbeef", *WHY, *NOW),
        ("alerts", "release", "deadbeef", *WHY, *NOW),
        ("account", "A1", "--as-of", "2026-06-01"),
    ],
)
def test_an_answer_without_a_ledger_is_refused_and_makes_none(
    config: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Exit 2, where it was looked for, and nothing is created: --out may be mistyped."""
    out = tmp_path / "no" / "out"
    ran = keepwell("--config", config, "--out", out, *command)

    said = f"There is no ledger at {out / 'ledger.db'} yet: `keepwell daily` makes it. Is --out right?"
    assert (ran.code, ran.err) == (2, f"keepwell: {said}\n")
    assert not out.parent.exists()


@pytest.mark.parametrize("command", ["alerts", "work", "override"])
def test_a_list_without_a_ledger_is_empty_and_makes_none(config: Path, tmp_path: Path, command: str) -> None:
    """Exit 0, an empty result, and the same sentence on stderr."""
    out = tmp_path / "no" / "out"
    ran = keepwell("--config", config, "--out", out, "--json", command, "list", *NOW)

    assert (ran.code, json.loads(ran.out)) == (0, [])
    assert f"There is no ledger at {out / 'ledger.db'} yet" in ran.err
    assert not out.parent.exists()


@pytest.mark.parametrize("command", [("call", "A1", "--outcome", "reached"), ("end", "I1", "--result", "worked")])
def test_work_that_is_refused_makes_no_ledger(config: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """An account that is not there, an intervention that was not begun: exit 2 and nothing created."""
    out = tmp_path / "no" / "out"
    ran = keepwell("--config", config, "--out", out, "work", *command, *BY, *NOW)

    assert ran.code == 2, ran.err
    assert not out.parent.exists()
