"""Lines to real servers of MLflow and Prefect that fail in the middle of the work (SRC-12, MOD-9, OUT-3)."""

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa

from keepwell.sample.write import write_company
from keepwell.tasks.errors import Unreachable
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.registry.champion import serving_models
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import held_out
from keepwell.tasks.settings import RetrySettings
from tests.support.dropping import Line, line
from tests.support.running import ROOT, bytes_of, keepwell
from tests.support.small_models import few, quarter, runs_of, trained_result, versions_of
from tests.tasks.registry.test_versions import LATER, promoted, served

pytestmark = pytest.mark.slow
QUICK = RetrySettings(attempts=3, wait_seconds=0.1, connect_seconds=5, silence_seconds=20)
DAY = "2026-06-01"


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    return few(trained_result())


@pytest.fixture
def over_http(mlflow_tables: Path, tmp_path: Path) -> Iterator[tuple[Line, Tracking]]:
    """A line to MLflow's own server."""
    shutil.copy(mlflow_tables, tmp_path / "mlflow.db")
    with served(tmp_path) as place, line(int(place.uri.rsplit(":", 1)[1])) as there:
        yield there, Tracking(f"http://127.0.0.1:{there.port}", "", QUICK)


@pytest.fixture
def in_postgres(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Line, Tracking]]:
    """A line to a database in which MLflow's tables are."""
    name, url = f"mlflow_{uuid.uuid4().hex}", sa.make_url(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with line(int(url.port or 0)) as there:
        address = f"postgresql://postgres:hunter2@127.0.0.1:{there.port}/{name}"
        place = Tracking(address, str(tmp_path / "artifacts"), QUICK)
        place.client()
        yield there, place


def new_lines(there: Line) -> None:
    """End what is open: MLflow keeps its connections, and cuts are of new ones."""
    there.refuse()
    there.mend()


REQUESTS = [
    b"/mlflow/experiments/create",
    b"/mlflow/runs/create",
    b"/mlflow/model-versions/create",
    b"/mlflow/runs/log-batch",
]
STATEMENTS = [b"INSERT INTO experiments", b"INSERT INTO runs", b"INSERT INTO model_versions", b"INSERT INTO metrics"]


@pytest.mark.parametrize("lost", REQUESTS)
def test_a_quarter_whose_answers_are_lost_over_http_is_kept_once(
    over_http: tuple[Line, Tracking], whole: TrainingResult, lost: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The server acted, and its answer never came: one run a candidate and one version all the same (MOD-9, SRC-12)."""
    assert_kept_once(*over_http, whole, lost)
    assert "Try 1 of 3" in caplog.text


@pytest.mark.postgres
@pytest.mark.parametrize("lost", [*STATEMENTS, b"COMMIT"])
def test_a_quarter_whose_database_drops_is_kept_once(
    in_postgres: tuple[Line, Tracking], whole: TrainingResult, lost: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The same with MLflow's tables in PostgreSQL (MOD-9, SRC-12)."""
    assert_kept_once(*in_postgres, whole, lost)
    assert "Try 1 of 3" in caplog.text


def assert_kept_once(there: Line, place: Tracking, whole: TrainingResult, lost: bytes) -> None:
    there.lose_answers(lost, lost)
    number = log_trial(place, quarter(), whole, None)
    there.mend()
    promoted(place, number, LATER)
    (champion,) = serving_models(place, LATER, "champion", outcomes=["churn"])
    test = whole.split("test")

    assert sorted(run.data.tags["candidate"] for run in runs_of(place)) == ["health", "logistic"]
    assert list(versions_of(place)) == [number]
    expected = whole.trial.trained["logistic"].probabilities(test)
    assert np.abs(champion.probabilities(test) - expected).max() <= 1e-12


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["over_http", "in_postgres"])
def test_mlflow_that_goes_in_the_middle_is_named_once(
    request: pytest.FixtureRequest, whole: TrainingResult, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Scoring goes on by health alone with one warning; who needs MLflow gets one sentence, soon (LRN-2, SRC-12)."""
    there, place = request.getfixturevalue(kind)
    number = log_trial(place, quarter(), whole, None)
    promoted(place, number, LATER)
    version = versions_of(place)[number]
    caplog.clear()
    new_lines(there)
    there.cut(6000, for_ever=True)
    start = time.monotonic()
    kept = serving_models(place, LATER, "champion", "challenger")
    warned = [r.getMessage() for r in caplog.records if "health alone" in r.getMessage()]
    place = replace(place, down=[])
    with pytest.raises(Unreachable, match=r"^MLflow at .* cannot be reached: .*\. Tried 3 times in \d+ s\.$"):
        held_out(place, version)
    with pytest.raises(Unreachable, match="Tried 3 times"):
        log_trial(place, quarter("r2"), whole, None)

    assert kept == []
    assert len(warned) == 1
    assert time.monotonic() - start < 30
    assert "hunter2" not in caplog.text
    assert "Traceback" not in caplog.text


# Prefect ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(40, 6, 5, folder)
    config = folder / "pipeline.toml"
    config.write_text(
        config.read_text() + "\n[retries]\nwait_seconds = 0.5\nconnect_seconds = 3\nsilence_seconds = 20\n"
    )
    return config


@pytest.fixture(scope="module")
def prefect_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, dict[str, str]]]:
    """A line to a Prefect server, and the environment that leads along it."""
    environment = {"PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")), "DO_NOT_TRACK": "1"}
    code = (
        "import time\nfrom keepwell.flows.embedded_server import prefect_server\n"
        "with prefect_server() as address:\n    print(address, flush=True)\n    time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    try:
        found = re.search(r":(\d+)/api", process.stdout.readline())
        assert found is not None, "the server did not start"
        with line(int(found[1])) as there:
            yield there, {**environment, "PREFECT_API_URL": f"http://127.0.0.1:{there.port}/api"}
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def day_under_prefect(config: Path, out: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """`keepwell --prefect daily`, as soon as it has read the source and goes on."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "tests.support.entry", "--prefect", "--config", config, "--out", out,
            "daily", "--as-of", DAY,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        while process.poll() is None and not list(out.glob("snapshots/*/snapshot.json")):
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


def test_a_run_under_prefect_survives_a_server_that_is_away_for_a_moment(
    company: Path, prefect_line: tuple[Line, dict[str, str]], tmp_path: Path
) -> None:
    """Prefect's own client tries again; the marts are those of the run inline (OUT-3)."""
    there, environment = prefect_line
    there.mend()
    with day_under_prefect(company, tmp_path / "a", environment) as process:
        there.refuse()
        time.sleep(2)
        there.mend()
        _, said = process.communicate(timeout=200)

    assert process.returncode == 0, said
    assert keepwell("--config", company, "--out", tmp_path / "b", "daily", "--as-of", DAY).code == 0
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_a_server_of_prefect_that_stays_away_is_named_in_one_sentence(
    company: Path, prefect_line: tuple[Line, dict[str, str]], tmp_path: Path, when: str
) -> None:
    """Exit 1, no traceback, and no minutes in which Prefect's client would send what nobody takes (OUT-3, SRC-12)."""
    there, environment = prefect_line
    there.mend()
    if when == "before":
        there.refuse()
    start = time.monotonic()
    with day_under_prefect(company, tmp_path / "out", environment) as process:
        there.refuse()
        _, said = process.communicate(timeout=200)
    last = said.splitlines()[-1]

    assert process.returncode == 1, said
    assert last.startswith(f"keepwell: Prefect at 127.0.0.1:{there.port} cannot be reached: Connection refused."), said
    assert "Traceback" not in said
    assert time.monotonic() - start < 90
    assert (tmp_path / "out" / "marts" / "check_results").exists() == (when != "before")


def test_a_source_that_stays_away_is_tried_no_more_often_under_prefect(
    company: Path, prefect_line: tuple[Line, dict[str, str]], tmp_path: Path
) -> None:
    """Three tries in all, one flow run and one task run; the same sentence and exit code as inline (OUT-3, SRC-12)."""
    there, environment = prefect_line
    there.mend()
    config = tmp_path / "pipeline.toml"
    with line(1) as gone:
        gone.refuse()
        text = company.read_text().replace('url = "."', f'url = "postgresql://me:hunter2@127.0.0.1:{gone.port}/none"')
        config.write_text(text.replace('sql = "sql/', f'sql = "{company.parent}/sql/'))
        with day_under_prefect(config, tmp_path / "out", environment) as process:
            _, said = process.communicate(timeout=200)

    assert process.returncode == 1, said
    assert said.splitlines()[-1].startswith("keepwell: the source at 127.0.0.1:")
    assert len(re.findall(r"Try \d of 3", said)) == 2
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert not (tmp_path / "out" / "marts").exists()
