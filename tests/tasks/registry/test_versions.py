"""MLflow: one run per candidate and quarter; models without pickle, found by date, refused when changed (MOD-9)."""

import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skops.io.exceptions import UntrustedTypesFoundException

from keepwell.features.measures.all import FEATURES
from keepwell.flows.embedded_server import free_port
from keepwell.models.promotion.champions import Event
from keepwell.models.training.artifact import TRUSTED, as_one, fitted_inputs, input_columns
from keepwell.models.training.candidates import CANDIDATES
from keepwell.tasks.files.digests import sha256_of
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.learning.promotions import promotions_frame
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.registry.champion import NoModel, champions_on, find, load
from keepwell.tasks.registry.monitoring_run import MONITORING, log_monitoring
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import (
    MODEL_FILE,
    SERVING_FILE,
    TAGS,
    add_event,
    held_out,
    outcome_registry,
    sync_aliases,
)
from tests.support.running import ROOT
from tests.support.small_models import AS_OF, REFERENCE, few, quarter, runs_of, tracking, trained_result, versions_of

LATER = AS_OF + timedelta(days=31)


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    """Every candidate, trained once."""
    return trained_result()


@pytest.fixture(scope="module")
def logged(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory, whole: TrainingResult) -> Tracking:
    """A quarter with every candidate in MLflow; tests read it only."""
    place = tracking(mlflow_tables, tmp_path_factory.mktemp("logged"))
    log_trial(place, quarter(), whole, None)
    return place


@pytest.fixture
def fresh(mlflow_tables: Path, tmp_path: Path, whole: TrainingResult) -> Tracking:
    """A quarter of two candidates, to be changed."""
    place = tracking(mlflow_tables, tmp_path)
    log_trial(place, quarter(), few(whole), None)
    return place


def place_of(place: Tracking) -> Path:
    """The folder of version 1's model."""
    return Path(versions_of(place)["1"].source)


def warned(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)


def resum(place: Tracking) -> None:
    """Make the checksum that of the files as they are, as one who can write to MLflow might."""
    folder = place_of(place)
    found = sha256_of(folder / MODEL_FILE, folder / SERVING_FILE)
    place.client().set_model_version_tag("keepwell-churn", "1", "sha256", found)


# What is kept -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_comes_back_with_the_same_probabilities(name, whole):
    """By skops, with no type trusted but those of the list: whatever a quarter takes can be loaded (MOD-9)."""
    model = as_one(whole.trial.trained[name])
    back = skops.io.loads(skops.io.dumps(model), trusted=list(TRUSTED))
    test = whole.split("test")

    assert np.abs(back.predict_proba(test) - model.predict_proba(test)).max() <= 1e-12
    assert np.allclose(
        back.predict_proba(test)[:, 1], whole.trial.trained[name].probabilities(test), atol=1e-12, rtol=0
    )


def test_no_type_is_trusted_that_no_candidate_needs(whole):
    """A list that only grows would trust anything in the end (MOD-9)."""
    needed = {"keepwell.models.training.artifact.CalibratedModel"}
    for trained in whole.trial.trained.values():
        needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(as_one(trained))))

    assert needed == set(TRUSTED)


@pytest.mark.slow
def test_the_registered_model_gives_the_chances_of_the_trial(logged, whole):
    """Calibrated, from the columns that it names and nothing else (MOD-9)."""
    load_version = load(logged, "churn", "challenger", LATER)
    test = whole.split("test")

    assert load_version is not None
    assert (load_version.candidate, load_version.version, load_version.as_of) == (whole.trial.selected, "1", AS_OF)
    assert (dict(load_version.thresholds), dict(load_version.reference)) == (whole.trial.thresholds, REFERENCE)
    assert load_version.baseline == whole.baseline
    expected = whole.trial.trained[whole.trial.selected].probabilities(test)
    assert np.abs(load_version.probabilities(test[list(load_version.inputs)]) - expected).max() <= 1e-12


def test_mlflow_alone_gives_calibrated_probabilities(logged, whole):
    """With its signature and its input example: another program needs no calibration of its own (MOD-9)."""
    model = mlflow.pyfunc.load_model(str(place_of(logged)))
    test = whole.split("test")
    columns = input_columns(whole.trial.trained[whole.trial.selected].model)

    found = model.predict(test[columns])
    assert np.abs(found[:, 1] - whole.trial.trained[whole.trial.selected].probabilities(test)).max() <= 1e-12
    assert model.metadata.signature.inputs.input_names() == columns
    assert len(model.input_example) == 3


def test_the_fitted_inputs_are_logged(whole):
    """The quantiles where tails are cut, and which columns carry a mark where they are missing (FEA-7)."""
    every = fitted_inputs(whole.trial.trained["logistic"].model)
    found = every[every["branch"].isin(["number", "word"])].set_index("column")
    train = whole.split("train")

    assert found.loc["noise", "low"] == pytest.approx(train["noise"].quantile(0.01))
    assert found.loc["noise", "high"] == pytest.approx(train["noise"].quantile(0.99))
    assert dict(found["missing"]) == {
        "signal": "median and a mark", "other": "median", "noise": "median",
        "segment": "a value of its own", "industry": "a value of its own",
    }  # fmt: skip


@contextmanager
def served(folder: Path) -> Iterator[Tracking]:
    """MLflow behind the server that the README names, over HTTP on this machine."""
    port = free_port()
    command = ["sh", str(ROOT / "mlflow" / "server.sh"), str(folder), str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", server, folder / "log")
            yield Tracking(f"http://127.0.0.1:{port}", "")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def wait_for(url: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    """Until the server answers."""
    until = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.slow
def test_a_tracking_server_keeps_models_as_a_file_does(mlflow_tables, tmp_path, whole):
    """Runs, artifacts, versions and events over HTTP; the server decides where artifacts lie (MOD-9)."""
    shutil.copy(mlflow_tables, tmp_path / "mlflow.db")
    with served(tmp_path) as place:
        log_trial(place, quarter(), few(whole), None)
        promoted(place, "1", LATER)
        champion, test = load(place, "churn", "champion", LATER), whole.split("test")
        rows = held_out(place, versions_of(place)["1"])

    expected = whole.trial.trained["logistic"].probabilities(test)
    assert np.abs(champion.probabilities(test) - expected).max() <= 1e-12
    assert np.allclose(rows["chance"], expected)
    assert (tmp_path / "mlartifacts").is_dir()


# What MLflow shows --------------------------------------------------------------------------------------------------


def test_every_candidate_is_a_run_that_can_be_compared(logged, whole):
    """Figures with intervals, overall and per segment, under the same names; the snapshot; who was taken (OUT-2)."""
    runs = {run.data.tags["candidate"]: run for run in runs_of(logged)}
    figures = whole.trial.metrics["forest", "all"]["roc_auc"]

    assert set(runs) == set(CANDIDATES)
    forest = runs["forest"].data
    assert forest.metrics["all/roc_auc"] == figures.value
    bounds = [forest.metrics[f"range/roc_auc_{side}"] for side in ("low", "high")]
    assert bounds == [figures.low, figures.high]
    assert forest.metrics["of.segment.enterprise/recall"] == whole.trial.metrics["forest", "enterprise"]["recall"].value
    assert forest.params["snapshot_id"] == "snap-1"
    assert forest.params["inputs.winsorize_quantile"] == "0.01"
    assert forest.params["test.months"] == "2025-11-01 to 2025-12-01"
    assert [name for name, run in runs.items() if run.data.tags["taken"] == "yes"] == [whole.trial.selected]


def test_a_run_holds_curves_card_and_inputs(logged, whole):
    """A picture that can be opened, its points, and a card that says what the model cannot know (MOD-9)."""
    client = logged.client()
    run = next(r for r in runs_of(logged) if r.data.tags["candidate"] == whole.trial.selected)
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    place = Path(client.download_artifacts(run.info.run_id, ""))
    points = pd.read_csv(place / "curves.csv")

    assert names == {
        "curves.csv",
        "curves.png",
        "held_out.parquet",
        "inputs.csv",
        "model_card.md",
        "segments.csv",
        "what_if.csv",
    }
    assert (place / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert set(points["curve"]) == {"precision and recall", "ROC", "calibration"}
    assert points[["x", "y"]].stack().between(0, 1).all()
    roc = points[points["curve"] == "ROC"]
    area = np.trapezoid(roc["y"], roc["x"])
    assert area == pytest.approx(whole.trial.metrics[whole.trial.selected, "all"]["roc_auc"].value, abs=0.01)
    tenths = points[points["curve"] == "calibration"]
    assert (tenths["rows"].sum(), len(tenths)) == (len(whole.split("test")), 10)
    card = (place / "model_card.md").read_text()
    assert "What it cannot know" in card
    assert "| test | 2025-11-01 to 2025-12-01 | 1,200 | 600 |" in card


def test_metrics_go_in_one_call_per_run(mlflow_tables, tmp_path, whole, monkeypatch):
    """One by one they take a hundred times as long over a network (MOD-9)."""
    calls = []
    real = MlflowClient.log_batch

    def counted(self, run_id, metrics=(), params=(), tags=(), **more):
        calls.append((run_id, len(metrics)))
        return real(self, run_id, metrics, params, tags, **more)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    log_trial(tracking(mlflow_tables, tmp_path), quarter(), few(whole), None)

    with_metrics = [run for run, count in calls if count]
    assert len(with_metrics) == len(set(with_metrics)) == 2
    assert all(count > 80 for _, count in calls if count)


def test_nothing_is_written_where_nobody_said(mlflow_tables, tmp_path, whole, monkeypatch):
    """MLflow's global store would be made in the working folder (ARCHITECTURE: no side effects)."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    place = tracking(mlflow_tables, tmp_path / "out")
    log_trial(place, quarter(), few(whole), None)

    assert load(place, "churn", "challenger", LATER) is not None
    assert list(elsewhere.iterdir()) == []


# Running again ------------------------------------------------------------------------------------------------------


def test_a_quarter_run_again_writes_nothing(fresh, whole):
    """The same settings, data and champion: the same runs, the same version (STYLE: rerunning replaces)."""
    before = {run.info.run_id for run in runs_of(fresh)}

    assert log_trial(fresh, quarter(), few(whole), None) == "1"
    assert {run.info.run_id for run in runs_of(fresh)} == before
    assert set(versions_of(fresh)) == {"1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "killed_at", ["log_artifacts", "set_terminated", "log_model_artifacts", "create_model_version"]
)
def test_a_run_killed_halfway_leaves_no_trace_in_the_next(mlflow_tables, tmp_path, whole, monkeypatch, killed_at):
    """Wherever it was: then every candidate once, whole, and one version that loads (MOD-9)."""
    place = tracking(mlflow_tables, tmp_path)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, killed_at, killed)
        with pytest.raises(KeyboardInterrupt):
            log_trial(place, quarter(), few(whole), None)
    assert load(place, "churn", "challenger", LATER) is None
    log_trial(place, quarter(), few(whole), None)

    assert sorted(run.data.tags["candidate"] for run in runs_of(place)) == ["health", "logistic"]
    assert {run.info.status for run in runs_of(place)} == {"FINISHED"}
    assert set(versions_of(place)) == {"1"}
    assert load(place, "churn", "challenger", LATER) is not None


def test_a_quarter_run_again_with_other_settings_replaces_its_runs(fresh, whole):
    """Numbers of versions are never used twice, so the old version and its run stay, marked (MOD-9)."""
    assert log_trial(fresh, quarter("r2"), few(whole, "tree"), None) == "2"

    marks = sorted((r.data.tags["candidate"], r.data.tags.get("replaced", "no")) for r in runs_of(fresh))
    assert marks == [("health", "no"), ("logistic", "yes"), ("tree", "no")]
    found = load(fresh, "churn", "challenger", LATER)
    assert found is not None
    assert (found.version, found.candidate) == ("2", "tree")


# What a run may use -------------------------------------------------------------------------------------------------


def promoted(place: Tracking, version: str, as_of: date, number: int = 1, action: str = "promote") -> None:
    client = place.client()
    add_event(client, "churn", Event(number, as_of, action, version, "ann", "because"))
    sync_aliases(client, "churn")


def test_a_champion_is_found_by_the_date_that_a_run_speaks_as_of(fresh, whole):
    """A rerun of a day before the promotion finds what was in force then: nothing (CONTRACT: same bytes)."""
    promoted(fresh, "1", LATER)

    assert load(fresh, "churn", "champion", LATER).version == "1"
    assert load(fresh, "churn", "champion", LATER - timedelta(days=1)) is None
    assert load(fresh, "churn", "challenger", LATER) is None
    assert load(fresh, "churn", "challenger", LATER - timedelta(days=1)).version == "1"


def test_a_model_that_knows_later_data_is_refused(fresh, caplog):
    """Even where somebody wrote down that it was in force: what came after the date is in it (LRN-1)."""
    early = AS_OF - timedelta(days=40)
    promoted(fresh, "1", early)

    assert load(fresh, "churn", "champion", early) is None
    assert "was trained on data up to 2026-05-01, after 2026-03-22" in warned(caplog)
    assert load(fresh, "churn", "challenger", early) is None


def test_the_kill_switch_holds_from_its_date_on(fresh, caplog):
    """Off, and the reason said; on again; days before it are as they were (MOD-9)."""
    promoted(fresh, "1", AS_OF)
    promoted(fresh, "1", LATER, 2, "off")
    promoted(fresh, "1", LATER + timedelta(days=9), 3, "on")

    assert load(fresh, "churn", "champion", LATER - timedelta(days=1)) is not None
    assert load(fresh, "churn", "champion", LATER) is None
    assert "Switched off by ann as of 2026-06-01: because" in warned(caplog)
    assert load(fresh, "churn", "champion", LATER + timedelta(days=9)) is not None


def test_the_champions_of_earlier_days_are_those_that_served_then(fresh, whole):
    """For an audit of what served: none before the promotion, while switched off, or before its own data (LRN-5)."""
    log_trial(fresh, quarter("r2", AS_OF + timedelta(days=10)), few(whole, "tree"), None)
    promoted(fresh, "1", AS_OF - timedelta(days=40))
    promoted(fresh, "2", LATER, 2)
    promoted(fresh, "2", LATER + timedelta(days=9), 3, "off")
    days = [AS_OF - timedelta(days=1), AS_OF, LATER - timedelta(days=1), LATER, LATER + timedelta(days=9)]

    found = champions_on(fresh, "churn", days)

    assert {day: model.version for day, model in found.items()} == {
        AS_OF: "1", LATER - timedelta(days=1): "1", LATER: "2",
    }  # fmt: skip
    assert found[AS_OF] is found[LATER - timedelta(days=1)], "loaded once"


def test_switched_off_by_hand_in_mlflow_is_off_at_once(fresh, caplog):
    """In an emergency nobody looks up a command (MOD-9)."""
    promoted(fresh, "1", AS_OF)
    fresh.client().set_registered_model_tag("keepwell-churn", "serving", "off")

    assert load(fresh, "churn", "champion", LATER) is None
    assert "by hand" in warned(caplog)


def test_an_alias_moved_by_hand_promotes_nothing(fresh):
    """There is one way to become champion, and it goes through the gates (LRN-2)."""
    fresh.client().set_registered_model_alias("keepwell-churn", "champion", "1")

    assert load(fresh, "churn", "champion", LATER) is None


def test_after_a_rollback_the_one_before_serves_and_the_fallen_is_no_challenger(fresh, whole):
    """One event; whoever it was, it does not come back by itself (LRN-2)."""
    log_trial(fresh, quarter("r2", AS_OF + timedelta(days=10)), few(whole, "tree"), None)
    promoted(fresh, "1", LATER)
    promoted(fresh, "2", LATER + timedelta(days=1), 2)
    promoted(fresh, "1", LATER + timedelta(days=2), 3, "rollback")
    late = LATER + timedelta(days=2)

    assert load(fresh, "churn", "champion", LATER + timedelta(days=1)).version == "2"
    assert load(fresh, "churn", "champion", late).version == "1"
    assert load(fresh, "churn", "challenger", late) is None
    aliases = outcome_registry(fresh.client(), "churn").aliases
    assert aliases == {"champion": "1"}


@pytest.mark.parametrize("file", [MODEL_FILE, SERVING_FILE])
def test_a_changed_or_missing_file_is_no_model(fresh, caplog, file):
    """Health alone, and the reason: never a model that somebody touched, and never another one instead (MOD-9)."""
    path = place_of(fresh) / file
    path.write_bytes(path.read_bytes()[:-1] + b" ")

    assert load(fresh, "churn", "challenger", LATER) is None
    assert "are not those that were registered" in warned(caplog)
    caplog.clear()
    path.unlink()
    assert load(fresh, "churn", "challenger", LATER) is None
    assert "health alone. FileNotFoundError" in warned(caplog)


def test_an_untrusted_type_is_refused_whatever_mlflow_says(fresh, caplog):
    """The list of trusted types beside a model comes from whoever wrote the model: only our own list counts (MOD-9)."""
    folder = place_of(fresh)
    evil = io.BytesIO()
    skops.io.dump(make_pipeline(FunctionTransformer(func=os.getenv)), evil)
    (folder / MODEL_FILE).write_bytes(evil.getvalue())
    described = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(described.replace("- numpy.dtype", "- numpy.dtype\n    - os.getenv"))
    resum(fresh)

    with pytest.raises(UntrustedTypesFoundException):
        skops.io.load(folder / MODEL_FILE, trusted=list(TRUSTED))
    assert load(fresh, "churn", "challenger", LATER) is None
    assert "holds a type that is not trusted" in warned(caplog)


def test_a_model_that_works_differently_here_is_refused(fresh):
    """Another library version may predict other probabilities: three example rows are checked each time (MOD-9)."""
    path = place_of(fresh) / SERVING_FILE
    about = json.loads(path.read_text())
    about["chances"][0] += 1e-6
    path.write_text(json.dumps(about))
    resum(fresh)

    with pytest.raises(NoModel, match="predicts other probabilities here"):
        find(fresh, "churn", "challenger", LATER)


def test_a_model_trained_on_another_definition_of_a_feature_is_refused(fresh, monkeypatch):
    """A changed definition is a new version: what was learned of the old one does not apply to it (FEA-2, MOD-9)."""
    monkeypatch.setitem(FEATURES, "other", replace(FEATURES["days_since_last_use"], name="other", version=2))
    with pytest.raises(NoModel, match="trained on other@1, which is @2 now: retrain it"):
        find(fresh, "churn", "challenger", LATER)

    path = place_of(fresh) / SERVING_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "versions": {"other": 2}}))
    resum(fresh)
    assert find(fresh, "churn", "challenger", LATER).version == "1"


@pytest.mark.slow
def test_looking_for_a_model_where_none_is_makes_nothing_and_loads_nothing(tmp_path):
    """A company without models pays neither for MLflow's import nor for its tables (ARCHITECTURE)."""
    code = (
        "import sys; from datetime import date; from pathlib import Path; "
        "from keepwell.tasks.registry.champion import load; "
        "from keepwell.tasks.registry.tracking import Tracking; "
        f"print(load(Tracking('sqlite:///{tmp_path}/mlflow.db', ''), 'churn', 'champion', date(2026, 1, 1)), "
        f"'mlflow' in sys.modules, list(Path('{tmp_path}').iterdir()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout == "None False []\n"


# The comparison -----------------------------------------------------------------------------------------------------


def test_the_champion_is_graded_on_the_months_that_it_never_saw(fresh, whole):
    """Beside the challenger, on the same rows; nothing from a month before its own first test month (LRN-1)."""
    promoted(fresh, "1", LATER)
    champion = load(fresh, "churn", "champion", LATER)
    younger = replace(champion, first_test=date(2025, 12, 1))
    log_trial(fresh, quarter("r3", LATER), few(whole, "tree"), younger)
    rows = held_out(fresh, versions_of(fresh)["2"])
    test = whole.split("test").reset_index(drop=True)
    seen = rows["as_of"] < "2025-12-01"

    assert rows.loc[seen, "champion"].isna().all()
    assert np.allclose(rows.loc[~seen, "champion"], champion.probabilities(test[~seen]), atol=1e-12)
    assert np.allclose(rows["chance"], whole.trial.trained["tree"].probabilities(test), atol=1e-12)
    assert np.allclose(rows["health"], whole.trial.trained["health"].probabilities(test), atol=1e-12)
    assert versions_of(fresh)["2"].tags["against"] == "1"


def test_held_out_rows_that_were_changed_are_none(fresh):
    """A promotion rests on them (LRN-2: fails closed)."""
    version = versions_of(fresh)["1"]
    assert held_out(fresh, version) is not None
    path = Path(fresh.client().get_run(version.run).info.artifact_uri) / "held_out.parquet"
    pd.read_parquet(path).assign(chance=0.5).to_parquet(path, index=False)

    assert held_out(fresh, version) is None


def test_changes_made_at_once_from_two_machines_are_both_kept(fresh):
    """Neither knows of the other and both take the next number: no key is written twice (LRN-2)."""
    promoted(fresh, "1", AS_OF)
    client = fresh.client()
    for event in (Event(2, LATER, "off", "1", "ann", "odd"), Event(2, LATER, "rollback", "", "bob", "worse")):
        add_event(client, "churn", event)
    held = outcome_registry(client, "churn")

    assert sorted(event.action for event in held.events) == ["off", "promote", "rollback"]
    assert "Switched off by ann" in held.off(LATER)
    assert held.in_production("champion", LATER) is None
    assert promotions_frame([held], LATER)["number"].tolist() == [2, 3]


def test_events_of_before_the_longer_keys_are_read(fresh):
    """`event.0001` alone is what earlier versions wrote (CONTRACT)."""
    value = json.dumps({"as_of": str(AS_OF), "action": "promote", "version": "1", "by": "ann", "reason": "because"})
    fresh.client().set_registered_model_tag("keepwell-churn", "event.0001", value)

    assert load(fresh, "churn", "champion", LATER).version == "1"


@pytest.mark.parametrize("tag", TAGS)
def test_a_champion_that_lost_a_tag_is_said_in_a_warning(fresh, caplog, tag):
    """It was gone without a word: health alone goes on, and people see why (MOD-9)."""
    promoted(fresh, "1", AS_OF)
    fresh.client().delete_model_version_tag("keepwell-churn", "1", tag)

    assert load(fresh, "churn", "champion", LATER) is None
    assert f"churn: no champion, health alone. Version 1 has lost what MLflow's tags said of it: {tag}" in warned(
        caplog
    )


def test_a_champion_that_lost_all_tags_is_said_in_a_warning(fresh, caplog):
    """MLflow no longer knows it as ours; the events do (MOD-9)."""
    promoted(fresh, "1", AS_OF)
    for tag in TAGS:
        fresh.client().delete_model_version_tag("keepwell-churn", "1", tag)

    assert load(fresh, "churn", "champion", LATER) is None
    assert "Version 1 is champion, but MLflow no longer has it, or none of its tags." in warned(caplog)


def test_a_challenger_that_lost_a_tag_is_not_passed_over_for_an_older_one(fresh, whole, caplog):
    """Never another model instead (MOD-9)."""
    log_trial(fresh, quarter("r2"), few(whole, "tree"), None)
    fresh.client().delete_model_version_tag("keepwell-churn", "2", "as_of")

    assert load(fresh, "churn", "challenger", LATER) is None
    assert "Version 2 has lost what MLflow's tags said of it: as_of" in warned(caplog)


def test_a_change_that_is_missing_in_between_lets_no_model_serve(fresh, caplog):
    """The switch that was turned off may be the one that is gone (MOD-9)."""
    promoted(fresh, "1", AS_OF)
    promoted(fresh, "1", AS_OF, 2, "off")
    promoted(fresh, "1", AS_OF, 3, "on")
    client = fresh.client()
    (key,) = (k for k in client.get_registered_model("keepwell-churn").tags if k.startswith("event.0002"))
    client.delete_registered_model_tag("keepwell-churn", key)

    assert load(fresh, "churn", "champion", LATER) is None
    assert "MLflow has lost change 2 of its models" in warned(caplog)


@pytest.mark.parametrize("file", [MODEL_FILE, SERVING_FILE, "held_out.parquet"])
def test_files_are_compared_with_the_digest_of_their_registration(fresh, file):
    """One flipped bit is enough; a model has its digest in MLflow's tags, as have its held-out rows (MOD-9)."""
    version = versions_of(fresh)["1"]
    folder = Path(fresh.client().get_run(version.run).info.artifact_uri) if "held" in file else place_of(fresh)
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)

    found = held_out(fresh, version) if "held" in file else load(fresh, "churn", "challenger", LATER)
    assert found is None


# Over time ----------------------------------------------------------------------------------------------------------


def lines(place: Tracking) -> dict[str, list[tuple[int, float]]]:
    """The points of each line of churn, in order."""
    client = place.client()
    (run,) = runs_of(place, MONITORING)
    return {
        key: sorted((p.step, p.value) for p in client.get_metric_history(run.info.run_id, key))
        for key in run.data.metrics
    }


def test_monitoring_is_a_line_per_metric_whose_points_are_days(mlflow_tables, tmp_path):
    """One run per outcome; a date again replaces its point, in whatever order dates come; NaN is no point (LRN-3)."""
    place = tracking(mlflow_tables, tmp_path)
    first, second = date(2026, 1, 1), date(2026, 2, 1)
    days = [(day - date(1970, 1, 1)).days for day in (first, second)]
    log_monitoring(place, "churn", {second: {"recall": 0.4, "psi.tenure": 0.1}})
    log_monitoring(place, "churn", {first: {"recall": 0.3, "precision": float("nan")}})
    log_monitoring(place, "churn", {second: {"recall": 0.4}})
    assert lines(place) == {"recall": [(days[0], 0.3), (days[1], 0.4)], "psi.tenure": [(days[1], 0.1)]}

    log_monitoring(place, "churn", {first: {"recall": 0.5}})

    assert lines(place) == {"recall": [(days[0], 0.5), (days[1], 0.4)], "psi.tenure": [(days[1], 0.1)]}


def test_monitoring_killed_while_rewriting_loses_nothing(mlflow_tables, tmp_path, monkeypatch):
    """The old line goes only once the new one is whole (LRN-3)."""
    place = tracking(mlflow_tables, tmp_path)
    day = date(2026, 1, 1)
    log_monitoring(place, "churn", {day: {"recall": 0.3, "precision": 0.2}})

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for killed_at in ("set_terminated", "delete_run"):
        with monkeypatch.context() as broken:
            broken.setattr(MlflowClient, killed_at, killed)
            with pytest.raises(KeyboardInterrupt):
                log_monitoring(place, "churn", {day: {"recall": 0.6}})
    log_monitoring(place, "churn", {day: {"recall": 0.7}})

    points = lines(place)
    assert {name: [value for _, value in line] for name, line in points.items()} == {
        "recall": [0.7],
        "precision": [0.2],
    }
