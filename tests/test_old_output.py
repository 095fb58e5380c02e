"""What an earlier version left goes on under this one: its output folder, ledger and registry (CONTRACT, MOD-3, MOD-9).

`data/c9eab25.tar.xz` was made by the commands of commit c9eab25 on its own sample company: two days, a quarter, a
promotion, sweeps, and what people recorded. `expected/` is what that commit gave: 300 rows of its training set with the
champion's probabilities, and its open alerts at two instants.
"""

import json
import shutil
import sqlite3
import tarfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keepwell.flows.configuration.renamed import RENAMED
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.tasks.learning.training import first_month, month_starts, training_set
from keepwell.tasks.ledger.recorded import read_recorded
from keepwell.tasks.registry.champion import load
from keepwell.tasks.sources.snapshot import stored_snapshot
from tests.support.running import ROOT, keepwell, mart

pytestmark = pytest.mark.slow

MADE_AT = "/tmp/keepwell-c9eab25"  # noqa: S108 written into MLflow's tables when it was made
SNAPSHOT = "3a731042c7edf3ad"
QUARTER, DAY = date(2026, 7, 1), date(2026, 7, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as it was left, moved here: its tables are read from its own snapshot."""
    place = tmp_path_factory.mktemp("c9eab25")
    with tarfile.open(ROOT / "tests" / "data" / "c9eab25.tar.xz") as stored:
        stored.extractall(place, filter="data")
    for table in ("accounts", "contracts", "usage", "tickets", "invoices"):
        shutil.copy(place / "out" / "snapshots" / SNAPSHOT / f"{table}.parquet", place / "company")
        (place / "company" / "sql" / f"{table}.sql").write_text(f"SELECT * FROM {table}")
    database = sqlite3.connect(place / "out" / "mlflow.db")
    for table, column in (
        ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"),
        ("model_versions", "storage_location"), ("logged_models", "artifact_location"),
    ):  # fmt: skip
        database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (MADE_AT, str(place)))
    database.commit()
    database.close()
    config = place / "company" / "pipeline.toml"
    config.write_text(with_new_keys(config.read_text()))
    return place


def with_new_keys(text: str) -> str:
    """The settings as their error messages ask for: each old key under its new name, in the same section."""
    section, lines = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        key, _, value = line.partition(" = ")
        new = RENAMED.get(f"{section}.{key}", "")
        lines.append(f"{new.rpartition('.')[2]} = {value}" if new else line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return Run(load_settings(folder / "company" / "pipeline.toml"), folder / "out", QUARTER)


def test_the_champion_gives_the_same_probabilities(run: Run, folder: Path) -> None:
    """Its types are stored under the names of then."""
    rows = pd.read_parquet(folder / "expected" / "examples.parquet")
    champion = load(run.tracking, "churn", "champion", DAY)

    assert champion is not None
    assert (champion.version, champion.candidate) == ("1", "logistic_weights")
    np.testing.assert_allclose(champion.probabilities(rows), rows["probability_of_champion"], rtol=0, atol=1e-12)


def test_a_training_set_is_rebuilt_from_its_snapshot_id(run: Run, folder: Path) -> None:
    """Features, labels and treatment, to the last bit of what was stored; subsidiaries were then by themselves.

    Labels are compared where they were known then: what the company records waits for no grace any more. Health is
    replayed by the definition of today (decision 54).
    """
    snapshot = stored_snapshot(run.snapshots, SNAPSHOT)
    recorded = read_recorded(run.open_ledger(), run.instant)
    first = first_month(snapshot, run.instant, run.settings.models.split.run_in_days, run.fixed)
    months = month_starts(first, run.instant)
    money = run.settings.money.model_copy(update={"roll_up_to_parent": False})
    scoring = replace(run.scoring, money=money)
    again = training_set(snapshot, months, run.instant, scoring, run.settings.labels, run.fixed, recorded).examples
    then = pd.read_parquet(folder / "expected" / "examples.parquet").drop(columns="probability_of_champion")
    keys = ["as_of", "account_id"]

    assert len(again) == 4645
    found = again.merge(then[keys], on=keys).sort_values(keys, ignore_index=True)
    then = then.sort_values(keys, ignore_index=True)
    labels = ["churned", "advocated", "treated", "untreated_chance"]
    found[labels] = found[labels].where(then[labels].notna(), then[labels])
    then = then.drop(columns=[c for c in then if c in ("health", "coverage") or c.startswith("component_")])
    pd.testing.assert_frame_equal(found[list(then)], then, check_dtype=False, check_exact=False, rtol=1e-12)


@pytest.mark.parametrize("now", ["2026-07-02T12", "2026-07-03T09"])
def test_the_events_of_the_ledger_fold_to_the_same_alerts(folder: Path, now: str) -> None:
    """Acknowledged, assessed, snoozed and closed ones among them; the database gets its new tables on the way.

    They form one case per account: its next step and deadlines are those of its alerts (ALR-7).
    """
    out = folder / "out"
    config = folder / "company" / "pipeline.toml"
    ran = keepwell("--json", "--config", config, "--out", out, "alerts", "list", "--now", f"{now}:00")
    then = json.loads((folder / "expected" / f"alerts-{now}.json").read_text())

    assert ran.code == 0, ran.err
    assert len(then) > 70
    found = json.loads(ran.out)
    same = ("alert", "account", "rule", "state", "owner", "opened", "detail")
    assert sorted(tuple(one[name] for name in same) for one in found) == sorted(
        tuple(one[name] for name in same) for one in then
    )
    of_accounts = [one for one in found if one["account"]]
    assert len({one["case"] for one in of_accounts}) == len({one["account"] for one in of_accounts}) < len(of_accounts)
    for case in of_accounts:
        own = [one for one in then if one["account"] == case["account"]]
        assert (case["next"], case["due"]) in _deadlines(own)
        # Those of an alert that was closed stay the case's.
        assert set(case["missed"].split(", ")) >= {step for one in own for step in one["missed"].split(", ")}


def _deadlines(alerts: list[dict[str, str]]) -> set[tuple[str, str]]:
    """The next step of each of an account's alerts, and the review of those that escalate."""
    reviewed = [one for one in alerts if "review" in one["missed"]]
    next_day = {(datetime.fromisoformat(one["opened"]) + timedelta(days=1, hours=5)) for one in reviewed}
    return {(one["next"], one["due"]) for one in alerts} | {("review", f"{at.isoformat()}.000") for at in next_day}


def test_the_next_day_is_scored_by_the_champion(folder: Path) -> None:
    """And its alerts go on from those that are open."""
    out, config = folder / "out", folder / "company" / "pipeline.toml"
    before = len(json.loads((folder / "expected" / "alerts-2026-07-03T09.json").read_text()))
    ran = keepwell("--json", "--config", config, "--out", out, "daily", "--as-of", "2026-07-04")
    scores, predictions = mart(out, "health_scores", "2026-07-04"), mart(out, "predictions", "2026-07-04")

    assert ran.code == 0, ran.err
    assert predictions["model_version"].unique().tolist() == ["1"]
    assert scores["churn_risk"].notna().mean() > 0.9
    assert json.loads(ran.out)["live"] >= before - json.loads(ran.out)["closed"]
    assert datetime.fromisoformat(json.loads(ran.out)["days"][-1]).date() == date(2026, 7, 4)
