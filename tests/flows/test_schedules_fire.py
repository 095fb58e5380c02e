"""Schedules that fire: Prefect's own scheduler plans the runs, nothing here does (OUT-3, OUT-7).

Each test starts what a user starts, with a PREFECT_HOME of its own, and waits for runs that the scheduler made.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from keepwell.flows.embedded_server import LEASES, free_port
from keepwell.sample.write import write_company
from tests.support.running import ROOT, keepwell, mart

pytestmark = pytest.mark.slow

FOUR_MINUTES = 240
EVERY_MINUTE = """
[schedule]
timezone = "Pacific/Auckland"
daily = "* * * * *"
sweep = "* * * * *"
unstarted_minutes = 1
report_seconds = 2
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company whose schedule says every minute; its data ends in the past, so nothing asks how fresh it is."""
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 14, 5, folder)
    file = folder / "pipeline.toml"
    file.write_text(re.sub(r"expected_every_days = \d+\n", "", file.read_text()) + EVERY_MINUTE)
    return file


@contextmanager
def running(
    *command: object, home: Path, log: Path, waits_for_runs: bool = False, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program with its output in a file, ended as a service manager ends it.

    Prefect's worker `waits_for_runs` that go on, and with a run each minute it may wait long: it is killed after 90
    seconds, as systemd does. Whatever else does not end fails.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdout=output, stderr=output, cwd=ROOT,
            env={**inherited, "PREFECT_HOME": str(home), **environment},
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            if not waits_for_runs:
                raise


def prefect(*arguments: object, home: Path, log: Path, **environment: str) -> None:
    with running(sys.executable, "-m", "prefect", "--no-prompt", *arguments, home=home, log=log, **environment) as ran:
        assert ran.wait(timeout=200) == 0, log.read_text()


def asked(address: str, path: str, body: Mapping[str, object]) -> Any:
    request = urllib.request.Request(
        f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def completed(address: str) -> set[str]:
    """The flows of which a run that the server's scheduler made has completed; none before there is a server."""
    if not address:
        return set()
    runs = asked(address, "flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
    names = {flow["id"]: flow["name"] for flow in asked(address, "flows/filter", {})}
    return {names[run["flow_id"]] for run in runs if run["auto_scheduled"]}


def until(what: Callable[[], bool], seconds: float, log: Path) -> None:
    """Wait until something is so; the log where it is not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if what():
                return
        except OSError:
            pass
        time.sleep(1)
    pytest.fail(f"not in {seconds} s:\n{log.read_text()[-6000:]}")


def address_in(log: Path) -> str:
    """The server that `keepwell serve` names."""
    found = re.search(r"http://127\.0\.0\.1:\d+/api", log.read_text())
    return found.group() if found else ""


def days_on_record(out: Path) -> dict[str, set[str]]:
    """The flows on record in the mart `runs`, by date."""
    days = [folder.name.removeprefix("as_of=") for folder in sorted((out / "marts" / "runs").glob("as_of=*"))]
    return {day: set(mart(out, "runs", day)["flow"]) for day in days}


def local_days(since: datetime) -> set[str]:
    """The days that it has been in the company's zone since an instant."""
    return {str(at.astimezone(ZoneInfo("Pacific/Auckland")).date()) for at in (since, datetime.now(UTC))}


def serve(company: Path, out: Path) -> tuple[object, ...]:
    return sys.executable, "-m", "keepwell.cli.main", "--config", company, "--out", out, "serve"


def test_serve_runs_what_the_scheduler_plans_and_goes_on_after_a_kill(company: Path, tmp_path: Path) -> None:
    """Daily and sweep complete within four minutes, of the local day; reported. A killed run blocks no later one."""
    home, out, log = tmp_path / "home", tmp_path / "out", tmp_path / "log"
    began = datetime.now(UTC)
    with running(*serve(company, out), home=home, log=log):
        both = {"daily_alerts", "sweep"}
        until(lambda: completed(address_in(log)) >= both, FOUR_MINUTES, log)
        until(lambda: "daily_alerts planned for" in log.read_text() and ": completed in" in log.read_text(), 20, log)
    assert set(days_on_record(out)) <= local_days(began)
    assert "daily_alerts" in days_on_record(out)[max(days_on_record(out))]

    first = log.read_text().count("Beginning flow run")
    log.write_text("")
    with running(*serve(company, out), home=home, log=log) as killed:
        until(lambda: "Task run 'stage_sources" in log.read_text(), FOUR_MINUTES, log)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    log.write_text("")
    with running(*serve(company, out), home=home, log=log):
        until(lambda: "daily_alerts planned for" in log.read_text(), FOUR_MINUTES, log)
        until(lambda: bool(re.search(r"daily_alerts planned for .*: completed", log.read_text())), FOUR_MINUTES, log)
    assert first >= 2


def test_server_pool_and_worker_run_what_the_scheduler_plans(company: Path, tmp_path: Path) -> None:
    """`prefect server start`, `deploy --all` of the generated prefect.yaml, a process worker: within four minutes."""
    home, out, log, port = tmp_path / "home", tmp_path / "out", tmp_path / "log", free_port()
    address, file = f"http://127.0.0.1:{port}/api", tmp_path / "prefect.yaml"
    ran = keepwell("--config", company, "--out", out, "deployments", "--to", file)
    assert ran.code == 0, ran.err
    server = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui")
    worker = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "keepwell")
    with running(*server, home=home, log=log, **LEASES):
        until(lambda: urllib.request.urlopen(f"{address}/health", timeout=2).status == 200, 150, log)
        prefect("work-pool", "create", "keepwell", "--type", "process", home=home, log=log, PREFECT_API_URL=address)
        deploy = ("deploy", "--all", "--prefect-file", file)
        prefect(*deploy, home=home, log=log, PREFECT_API_URL=address)
        with running(*worker, home=home, log=log, waits_for_runs=True, PREFECT_API_URL=address):
            until(lambda: completed(address) >= {"daily_alerts", "sweep"}, FOUR_MINUTES, log)
    assert [d for d, flows in days_on_record(out).items() if "daily_alerts" in flows]


def test_serve_says_so_when_the_server_plans_nothing(company: Path, tmp_path: Path) -> None:
    """Against a server whose scheduler does not run, as with a library that does not fit it (OUT-3)."""
    home, log, port = tmp_path / "home", tmp_path / "log", free_port()
    address = f"http://127.0.0.1:{port}/api"
    server = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui")
    with running(*server, "--no-services", home=home, log=tmp_path / "server"):
        until(lambda: urllib.request.urlopen(f"{address}/health", timeout=2).status == 200, 150, log)
        with running(*serve(company, tmp_path / "out"), home=home, log=log, PREFECT_API_URL=address):
            says = r"sweep was due at .* and has not begun; the server has planned no run: is its scheduler working\?"
            until(lambda: bool(re.search(says, log.read_text())), FOUR_MINUTES, log)
    assert "Beginning flow run" not in log.read_text()
