"""`keepwell review`, as experts type it, and the promotion that waits for it (REV-1..4)."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.review_marts import publish_reviews
from keepwell.flows.run import Run
from keepwell.models.explaining.explain import reference_row
from keepwell.models.monitoring.baseline import baseline
from keepwell.models.settings.training import InputSettings
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.trial import trial
from keepwell.sample.write import write_company
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.sources.staging import stage
from tests.support.running import Ran, bytes_of, keepwell, mart
from tests.support.small_models import PARTS, QUICK, examples, few, quarter, tracking

INPUTS = {"signal": "disputes_180d", "other": "season", "noise": "tenure"}
SCORED, REGISTERED = date(2026, 1, 1), date(2025, 12, 15)
EASY = """
[promotion]
shadow_days = 1
min_slope = 0.5
max_slope = 2
replicates = 40

[models.grades]
health_months = 1
min_outcomes = 3
replicates = 40

[reviews]
accounts = 6
min_reviewed = 4
"""


class Place:
    """A configuration and an output folder."""

    def __init__(self, config: Path, out: Path) -> None:
        self.config, self.out = config, out

    def run(self, *arguments: object) -> Ran:
        return keepwell("--json", "--config", self.config, "--out", self.out, *arguments)

    def review(self, at: str, *arguments: object) -> Any:
        ran = self.run("review", *arguments, "--now", f"2026-01-0{at}")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def refused(self, at: str, *arguments: object) -> str:
        ran = self.run("review", *arguments, "--now", f"2026-01-0{at}")
        assert ran.code == 2, ran.out
        return ran.err


def of_published_features() -> TrainingResult:
    """The small model of tests/support, as if its inputs were features that a book has."""
    rows = examples().rename(columns=INPUTS)
    rules = QUICK.model_copy(update={"inputs": InputSettings(spline_knots={})})
    found = trial(rows, "churned", PARTS, list(INPUTS.values()), rules)
    whole = TrainingResult("churn", found, rows)
    typical = reference_row(whole.split("train")[input_columns(found.trained["logistic"].model)])
    held = pd.concat([whole.split("validation"), whole.split("test")])
    return few(
        replace(
            whole,
            reference=typical.to_dict(),
            baseline=baseline(found, whole.split("train"), held, "churned", rules.drift),
        )
    )


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, mlflow_tables: Path) -> Place:
    """A sample company whose book of one day was scored by a registered challenger, and a sprint about it."""
    folder = tmp_path_factory.mktemp("company")
    write_company(90, 18, 11, folder)
    config = folder / "pipeline.toml"
    config.write_text(config.read_text() + EASY)
    place = Place(config, tmp_path_factory.mktemp("out"))
    log_trial(tracking(mlflow_tables, place.out), quarter(as_of=REGISTERED), of_published_features(), None)
    ran = place.run("daily", "--as-of", SCORED)
    assert ran.code == 0, ran.err
    began = place.review("2T09:00", "start", "--by", "lea")
    assert (began["version"], began["accounts"], began["outcomes_known_on"]) == ("1", 6, "2026-04-01")
    assert not began["health_line"].startswith("health is not graded")
    return place


@pytest.fixture
def place(scored: Place, tmp_path: Path) -> Place:
    """The same with an output of its own."""
    shutil.copytree(scored.out, tmp_path / "out")
    return Place(scored.config, tmp_path / "out")


@pytest.mark.slow
def test_a_sprint_by_command(place: Place) -> None:
    """Facts, forecast, scores, flags, signature, promotion, outcome: each in its turn (REV-1..4)."""
    asked = place.review("2T09:10", "next", "--by", "ann")
    account = asked["account"]

    assert {"name", "segment", "arr"} <= set(asked["about"])
    assert len(asked["facts"]) > 5
    text = json.dumps(asked)
    assert not any(word in text for word in ("risk", "chance", "disagree", "churn_risk", "band", "tier"))
    assert "first the forecast" in place.refused("2T09:15", "reveal", account, "--by", "ann")
    assert "is still open" in place.refused("2T09:15", "start", "--by", "bob")

    for by, probability in (("ann", 20), ("bob", 60)):
        for hour in range(5):
            name = place.review(f"2T1{hour}:00", "next", "--by", by)["account"]
            place.review(f"2T1{hour}:01", "answer", name, probability + 5 * hour, "--by", by)
    before = place.review("2T15:00", "answer", account, 35, "--by", "ann", "--flag", "seasonal", "--note", "harvest")
    (shown,) = place.review("3T09:00", "reveal", account, "--by", "ann")
    refused = place.refused("2T16:00", "answer", account, 90, "--by", "ann"), place.refused(
        "3T10:00", "answer", account, 90, "--by", "ann"
    )  # fmt: skip
    assert before["left"] == 1
    assert shown["forecast_ann"] == 0.35
    assert 0 < shown["model_chance"] < 1
    assert 0 < shown["health_chance"] < 1
    assert shown["outcome"] == "not known before 2026-04-01"
    assert all("2026-01-0" in text and account in text for text in refused[1:])

    assert "1 of 6 accounts" in place.refused("3T11:00", "report", "--sign", "Dr. Lee")
    rows = [row for by in ("ann", "bob") for row in place.review("3T12:00", "reveal", "--by", by)]
    over = ("flag", account, "--kind", "override", "--note", "renewed by phone", "--by", "bob", "--chance", 1)
    place.review("3T13:00", *over, "--until", "2026-03-01")
    assert len(rows) == 10
    assert any(row["model_says"] for row in rows)
    assert any(row["health_says"] for row in rows)

    gate = place.run("model", "promote", "--as-of", "2026-01-04", "--by", "ann")
    assert gate.code == 1
    assert "[review] no expert review of this version is signed" in gate.err
    done = place.review("4T15:00", "report", "--sign", "Dr. Lee", "--note", "looks right")
    assert (done["seen"], done["signed_by"]) == (5, "Dr. Lee")
    assert {f["statistic"] for f in done["figures"]} == {"kappa with model", "kappa with health", "kappa with csm bob"}
    seasonal, override = done["flags"]
    place.review("4T16:00", "followed", seasonal["flag_id"], "--by", "kim", "--note", "season is a feature")
    too_early = place.run("model", "promote", "--as-of", "2026-01-04", "--by", "ann")
    promoted = place.run("model", "promote", "--as-of", "2026-01-05", "--by", "ann")
    assert "[review]" in too_early.err
    assert promoted.code == 0, promoted.err

    ran = place.run("daily", "--as-of", "2026-05-02")
    assert ran.code == 0, ran.err
    late = place.run("review", "report", "--now", "2026-05-02T00:00")
    found = json.loads(late.out)
    figures = {(f["name"], f["statistic"]): f["value"] for f in found["figures"]}
    published = mart(place.out, "reviews", "2026-05-02").set_index(["name", "statistic"])["value"]
    answers = mart(place.out, "review_answers", "2026-05-02")
    flags = mart(place.out, "review_flags", "2026-05-02").set_index("flag_id")
    losses = set(answers.loc[answers["happened"].astype(bool), "account_id"])
    assert {"csm", "health", "model"} <= {name for name, statistic in figures if statistic == "brier"}
    assert ("override", "brier_saved") in figures
    assert {k: v for k, v in figures.items() if v is not None} == pytest.approx(
        published.drop("sprint").dropna().to_dict(), abs=1e-6
    )
    assert len(answers) == 10
    assert answers["happened"].notna().all()
    assert losses <= set(answers["account_id"])
    assert flags.loc[seasonal["flag_id"], ["followed_by", "followed"]].tolist() == ["kim", "season is a feature"]
    assert pd.isna(flags.loc[override["flag_id"], "followed"])


def publish_day(place: Place, day: date) -> None:
    """What `daily` does of reviews."""
    run = Run(load_settings(place.config), place.out, day)
    snapshot = stage(run.settings.source.url, run.settings.base, run.settings.mappings, run.snapshots)
    ledger = Ledger.open(run.ledger_url)
    publish_reviews(run, ledger, snapshot, run.stamp(snapshot, None))
    ledger.close()


@pytest.mark.slow
def test_scores_stay_hidden_in_the_marts_until_the_sprint_is_signed(place: Place) -> None:
    """Answers are published cut at the day; whoever still has to answer finds no score there (REV-1, TRU-1)."""
    name = place.review("2T09:10", "next", "--by", "ann")["account"]
    place.review("2T09:20", "answer", name, 10, "--by", "ann")
    place.review("2T09:30", "reveal", name, "--by", "ann")
    publish_day(place, date(2026, 1, 3))
    row = mart(place.out, "review_answers", "2026-01-03").iloc[0]
    kept = bytes_of(place.out, "review_answers")
    place.review("3T09:00", "answer", place.review("3T08:00", "next", "--by", "ann")["account"], 10, "--by", "ann")
    publish_day(place, date(2026, 1, 3))
    publish_day(place, date(2026, 1, 2))

    assert (row["account_id"], row["forecast"]) == (name, 0.1)
    assert row[["why", "health", "health_chance", "model_chance", "happened"]].isna().all()
    assert not (place.out / "marts" / "reviews" / "as_of=2026-01-02").exists()
    assert bytes_of(place.out, "review_answers") == kept != {}


def test_what_cannot_be_done_is_said_in_one_sentence(scored: Place) -> None:
    """Exit 2, and what to do (OUT-5)."""
    empty = Place(scored.config, scored.out / "elsewhere")
    assert "there is no review yet" in empty.refused("2", "next", "--by", "ann")
    assert "Run `keepwell daily` first" in scored.refused("9", "start", "--by", "ann")
    assert "version 7 has no scores" in scored.refused("2", "start", "--by", "ann", "--version", "7")
    assert "0 flags begin" in scored.refused("2", "followed", "x", "--by", "ann", "--note", "y")
