"""What a command says as it goes: instant and level on stderr, and under Prefect the same in the run's logs (OUT-9)."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keepwell.sample.write import write_company
from tests.flows import test_prefect
from tests.flows.test_prefect import address_said, asked, ended, plan_run, wait_for_deployments
from tests.support.running import ROOT, keepwell, keepwell_process

LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([A-Z]+) (.*)$", re.MULTILINE)
EARLIER, DAY = "2026-01-05", "2026-06-01"
server, deployed = test_prefect.server, test_prefect.deployed
LAST = "publish work: "
STEPS = ("stage sources", "check data", "score and publish", "decide", "keep alerts")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(20, 14, 5, folder)
    return folder / "pipeline.toml"


@pytest.fixture(scope="module")
def long_ago(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output whose last day lies so far back that the next `daily` warns of the days that it does not make up."""
    out = tmp_path_factory.mktemp("long_ago") / "out"
    assert keepwell("--config", company, "--out", out, "daily", "--as-of", EARLIER).code == 0
    return out


@pytest.fixture
def out(long_ago: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(long_ago, tmp_path / "out")


@pytest.mark.slow
def test_progress_carries_instant_and_level(company: Path, tmp_path: Path) -> None:
    """In UTC, whatever the time zone of the machine; a final message stays a sentence (OUT-9)."""
    before = datetime.now(UTC).replace(microsecond=0)
    ran = keepwell_process("--config", company, "--out", tmp_path, "check", "--as-of", DAY, TZ="Asia/Tokyo")

    lines = LINE.findall(ran.err)
    assert len(lines) == len(ran.err.splitlines())
    assert [level for _, level, _ in lines] == ["INFO"] * len(lines)
    assert [said.split(":")[0].removesuffix(" ...") for _, _, said in lines[::2]] == ["stage sources", "check data"]
    instants = [datetime.fromisoformat(at) for at, _, _ in lines]
    assert before <= instants[0] <= instants[-1] <= before + timedelta(minutes=5)


@pytest.mark.slow
def test_a_warning_says_that_it_is_one(company: Path, out: Path) -> None:
    """Days that `daily` does not make up are a warning, the steps are not (OUT-9)."""
    ran = keepwell_process("--config", company, "--out", out, "daily", "--as-of", DAY)

    assert_steps_and_warning(records_in(ran.err))


@pytest.mark.slow
def test_importing_the_flows_changes_no_logger() -> None:
    """Only a flow that runs does (OUT-3)."""
    code = (
        "import logging, keepwell.cli.main, keepwell.flows.deployments\n"
        "log = logging.getLogger('keepwell')\n"
        "print(log.level, log.handlers, log.propagate)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout == "0 [] True\n"


def records_in(printed: str) -> list[tuple[str, str]]:
    """Level and text of every line that carries them."""
    return [(level, said) for _, level, said in LINE.findall(printed)]


def assert_steps_and_warning(records: Sequence[tuple[str, str]]) -> None:
    """Every step at its beginning and its end, once each, and the one warning of the missed days."""
    info = [said for level, said in records if level == "INFO"]
    assert all(info.count(f"{step} ...") == 1 for step in STEPS), info
    assert all(sum(said.startswith(f"{step}: ") for said in info) == 1 for step in STEPS), info
    (warning,) = [said for level, said in records if level == "WARNING"]
    assert "days were missed since 2026-01-05" in warning


def until(ask: Callable[[], Any], there: Callable[[Any], bool]) -> Any:
    """What is there in the end, asked for once a second."""
    deadline = time.monotonic() + 120
    while not there(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(1)
    return found


def run_records(server: Mapping[str, str], out: Path) -> list[tuple[str, str]]:
    """Level and text of every record of keepwell in the logs of the one flow run into this output, once it is done."""
    runs = until(
        lambda: [r for r in asked(server, "flow_runs/filter", {}) if r["parameters"].get("out") == str(out)],
        lambda found: found[0]["state_type"] == "COMPLETED",
    )
    logs = until(  # the run's process sends them in batches
        lambda: asked(server, "logs/filter", {"logs": {"flow_run_id": {"any_": [runs[0]["id"]]}}}),
        lambda found: any(LAST in one["message"] for one in found),
    )
    return [(logging.getLevelName(one["level"]), one["message"]) for one in logs if one["name"] == "keepwell"]


@contextmanager
def serving(company: Path, folder: Path) -> Iterator[dict[str, str]]:
    """`keepwell serve` on a server of its own; how to reach it. What it prints on stderr is in the folder."""
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    with (folder / "stderr").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "keepwell.cli.main", "--config", company, "--out", folder / "served", "serve"],
            stdout=subprocess.PIPE, stderr=err, text=True, cwd=ROOT,
            env={**environment, "PREFECT_HOME": str(folder / "home"), "PREFECT_LOGGING_LEVEL": "ERROR"},
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield {"PREFECT_API_URL": address_said(process.stdout)}
        finally:
            ended(process)


@pytest.mark.slow
def test_a_served_run_logs_to_the_server_and_to_stderr(company: Path, out: Path, tmp_path: Path) -> None:
    """`keepwell serve` runs each flow in a process of its own; nothing is to be set for it (OUT-9)."""
    with serving(company, tmp_path) as server:
        wait_for_deployments(server)
        plan_run(server, "daily_alerts", f"{DAY}T05:00:00+00:00", company, out)
        records = run_records(server, out)
        printed = until((tmp_path / "stderr").read_text, lambda text: LAST in text)

    assert_steps_and_warning(records)
    assert set(records) <= set(records_in(printed))


@pytest.mark.slow
def test_a_run_by_command_logs_to_the_server_and_to_stderr(company: Path, out: Path, server: dict[str, str]) -> None:
    """Although Prefect itself is to log nothing below an error here (OUT-9)."""
    assert server["PREFECT_LOGGING_LEVEL"] == "ERROR"
    ran = keepwell_process("--prefect", "--config", company, "--out", out, "daily", "--as-of", DAY, **server)

    assert ran.code == 0, ran.err
    records = run_records(server, out)
    assert_steps_and_warning(records)
    assert sorted(records_in(ran.err)) == sorted(records)


@pytest.mark.slow
def test_a_run_by_a_worker_logs_to_the_server_and_to_stderr(company: Path, out: Path, deployed: dict[str, str]) -> None:
    """A process worker passes on what the run's process prints (OUT-9)."""
    plan_run(deployed, "daily_alerts", f"{DAY}T05:00:00+00:00", company, out)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "keepwell", "--run-once"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **deployed}, timeout=200, check=True,
    )  # fmt: skip

    records = run_records(deployed, out)
    assert_steps_and_warning(records)
    assert sorted(records_in(done.stderr)) == sorted(records)
