"""Each real flow runs under a real Prefect server, as flow and task runs, and gives what it gives inline (OUT-3)."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from keepwell.sample.write import write_company
from tests.support.running import ROOT, bytes_of, keepwell, keepwell_process

pytestmark = pytest.mark.slow
DAY = "2026-06-01"


SCHEDULED = {f"flows/deployments.py:{flow}" for flow in ("daily", "sweeping", "monthly", "weekly", "crm", "quarterly")}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 14, 5, folder)
    return folder / "pipeline.toml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """One Prefect server for all tests here, with a home of its own; the environment that reaches it."""
    home = tmp_path_factory.mktemp("prefect")
    environment = {"PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}
    code = (
        "import time\nfrom keepwell.flows.embedded_server import prefect_server\n"
        "with prefect_server() as address:\n    print(address, flush=True)\n    time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:"), "the server did not start"
    yield {**environment, "PREFECT_API_URL": address}
    ended(process)


def asked(server: Mapping[str, str], path: str, body: Mapping[str, object]) -> Any:
    """What the server's API answers; asked again where its SQLite is locked (503), as Prefect's own clients do."""
    request = urllib.request.Request(
        f"{server['PREFECT_API_URL']}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
        time.sleep(1)


@pytest.mark.parametrize("flow", ["monthly", "weekly"])
def test_a_flow_under_prefect_gives_what_it_gives_inline(
    flow: str, company: Path, server: dict[str, str], tmp_path: Path
) -> None:
    """The same bytes; a completed flow run with its task runs and artifacts is on the server."""
    inline = keepwell("--config", company, "--out", tmp_path / "a", flow, "--as-of", DAY)
    under = keepwell_process("--prefect", "--config", company, "--out", tmp_path / "b", flow, "--as-of", DAY, **server)

    assert (inline.code, under.code) == (0, 0), inline.err + under.err
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    names = {"monthly": "monthly_scoring", "weekly": "weekly_review"}
    runs = asked(server, "flow_runs/filter", {"flows": {"name": {"any_": [names[flow]]}}})
    assert [run["state_type"] for run in runs] == ["COMPLETED"]
    steps = {str(t["name"]).rsplit("-", 1)[0] for t in asked(server, "task_runs/filter", {})}
    assert {"stage_sources", "check_data", "score_and_publish"} <= steps
    keys = {a["key"] for a in asked(server, "artifacts/filter", {})}
    shown = {"monthly": {"health-report", "accounts-at-risk"}, "weekly": {"weekly-review", "stand-up-sheet"}}
    assert keys >= shown[flow]


def test_data_at_fault_fails_the_flow_run_without_a_retry_and_keeps_its_exit_code(
    company: Path, server: dict[str, str], tmp_path: Path
) -> None:
    """Retries are for input and output only (OUT-3); exit 3 also under Prefect."""
    broken = tmp_path / "company"
    write_company(20, 3, 5, broken)
    (broken / "sql" / "usage.sql").write_text("SELECT account_id FROM usage WHERE false")
    start = time.monotonic()

    ran = keepwell_process(
        "--prefect",
        "--config",
        broken / "pipeline.toml",
        "--out",
        tmp_path / "out",
        "monthly",
        "--as-of",
        DAY,
        **server,
    )

    assert ran.code == 3, ran.err
    assert "usage" in ran.err
    failed = asked(server, "flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}})
    assert len(failed) == 1
    tasks = asked(server, "task_runs/filter", {"flow_runs": {"id": {"any_": [failed[0]["id"]]}}})
    assert all(t["run_count"] <= 1 for t in tasks)
    assert time.monotonic() - start < 120


def prefect(server: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **server}, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployed(server: dict[str, str]) -> dict[str, str]:
    """The server with a work pool and every deployment of prefect.yaml."""
    prefect(server, "work-pool", "create", "keepwell", "--type", "process")
    prefect(server, "deploy", "--all")
    return server


def work_off(server: dict[str, str]) -> None:
    """A real worker runs what is planned, and ends."""
    prefect(server, "worker", "start", "--pool", "keepwell", "--run-once")


def plan_run(server: Mapping[str, str], flow: str, start: str, company: Path, out: Path, **more: object) -> None:
    """A run of a deployment planned for an instant, as the server's own scheduler plans one."""
    (deployment,) = asked(server, "deployments/filter", {"flows": {"name": {"any_": [flow]}}})
    asked(
        server,
        f"deployments/{deployment['id']}/create_flow_run",
        {
            "parameters": {"config": str(company), "out": str(out), **more},
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": start}},
        },
    )


def test_a_scheduled_run_speaks_as_of_its_planned_day(company: Path, deployed: dict[str, str], tmp_path: Path) -> None:
    """A deployment of prefect.yaml, run by a real worker, publishes its planned day as it is inline (OUT-3)."""
    plan = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert {d["entrypoint"] for d in plan["deployments"]} == SCHEDULED
    assert all(d["schedules"] and d["concurrency_limit"]["limit"] == 1 for d in plan["deployments"])

    plan_run(deployed, "daily_alerts", f"{DAY}T05:00:00+00:00", company, tmp_path / "out")
    work_off(deployed)

    assert keepwell("--config", company, "--out", tmp_path / "inline", "daily", "--as-of", DAY).code == 0
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "inline")
    assert "alerts" in {a["key"] for a in asked(deployed, "artifacts/filter", {})}


def test_week_three_is_suspended_until_a_person_signs_and_holds_no_worker(
    company: Path, deployed: dict[str, str], tmp_path: Path
) -> None:
    """The worker ends while the run waits; the signature resumes it, and it still speaks as of its own day (MON-5)."""
    out, pages = tmp_path / "out", tmp_path / "out" / "reports"

    def state() -> list[object]:
        runs = asked(deployed, "flow_runs/filter", {})
        return [run["state_name"] for run in runs if run["parameters"].get("out") == str(out)]

    plan_run(deployed, "monthly_scoring", "2026-06-15T06:00:00+00:00", company, out, week=3)
    work_off(deployed)
    assert state() == ["Suspended"]
    assert {limit["active_slots"] for limit in asked(deployed, "v2/concurrency_limits/filter", {})} == {0}
    assert [page.name for page in pages.glob("work-*")] == ["work-2026-06-15-open.html"]

    signed = keepwell_process(
        "--config", company, "--out", out, "work", "done", "--week", "2026-06-20", "--by", "lea",
        "--now", "2026-06-22T09:00", **deployed,
    )  # fmt: skip
    work_off(deployed)
    assert (signed.code, state()) == (0, ["Completed"]), signed.err
    assert [page.name for page in pages.glob("work-*")] == ["work-2026-06-15.html"]
    assert "Signed off by <bdi>lea</bdi>" in (pages / "work-2026-06-15.html").read_text()


@contextmanager
def serving(company: Path, folder: Path) -> Iterator[str]:
    """`keepwell serve` with no server in the environment; the address that it says, and its end as a service's."""
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    process = subprocess.Popen(
        [sys.executable, "-m", "keepwell.cli.main", "--config", company, "--out", folder / "out", "serve"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**environment, "PREFECT_HOME": str(folder / "home"), "PREFECT_LOGGING_LEVEL": "ERROR"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield address_said(process.stdout)
    finally:
        ended(process)


def address_said(lines: Iterable[str]) -> str:
    """The address of the server, which `serve` says last before it serves."""
    return next(line.split()[-1] for line in lines if "http://" in line)


def assert_gone(address: str) -> None:
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{address}/health", timeout=2)


def test_serve_offers_every_schedule_and_takes_its_server_with_it(company: Path, tmp_path: Path) -> None:
    """`keepwell serve` without a server starts one on loopback, one run of each flow at a time, and ends it (OUT-3)."""
    with serving(company, tmp_path) as address:
        assert address.startswith("http://127.0.0.1:")
        served = wait_for_deployments({"PREFECT_API_URL": address})

    assert {d["entrypoint"] for d in served} == {f"keepwell/{entrypoint}" for entrypoint in SCHEDULED}
    assert all(d["global_concurrency_limit"]["limit"] == 1 for d in served)
    assert_gone(address)


def test_serve_stopped_before_it_serves_leaves_no_server_behind(company: Path, tmp_path: Path) -> None:
    """SIGTERM before Prefect's runner has taken it over still ends the server that was started (OUT-3)."""
    with serving(company, tmp_path) as address:
        pass

    assert_gone(address)


def ended(process: "subprocess.Popen[str]") -> None:
    """Ask a process to end, as a service manager does; it takes the server that it started with it."""
    process.terminate()
    process.wait(timeout=60)


def wait_for_deployments(server: Mapping[str, str]) -> list[dict[str, object]]:
    deadline = time.monotonic() + 60
    found: list[dict[str, object]] = []
    while len(found) < len(SCHEDULED) and time.monotonic() < deadline:
        time.sleep(0.5)
        found = asked(server, "deployments/filter", {})
    return found
