"""`keepwell quarterly`: candidates side by side on months they never saw, or a refusal in one sentence (MOD-2..4)."""

import json
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.monitoring import watch_month
from keepwell.flows.quarterly_retraining import try_candidates
from keepwell.flows.run import Run
from keepwell.flows.scoring import read_sources
from keepwell.models.promotion.champions import CHAMPION, Event
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.candidates import CANDIDATES
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.monitoring import Monitoring
from keepwell.tasks.learning.training import TrainingSet, training_set
from keepwell.tasks.registry.champion import find
from keepwell.tasks.registry.monitoring_run import MONITORING
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import SERVING_FILE, add_event
from tests.support.running import bytes_of, keepwell, mart, without
from tests.support.small_models import runs_of, versions_of

QUICK = """
[models.split]
min_accounts = 20

[models.candidates]
n_estimators = 10
max_iter = 40
min_samples_leaf = 40
replicates = 20
"""


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Configuration, output and what was printed of one quarterly run: 350 accounts, 26 months, contacts off."""
    folder = tmp_path_factory.mktemp("company")
    small = company_with("off", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, 6.0)}) for s in small.segments)
    write_company(350, 26, 8, folder, settings=small.model_copy(update={"segments": segments}))
    config = folder / "pipeline.toml"
    config.write_text(without(config, "invoices", "contacts", "opportunities", "notes", "touchpoints") + QUICK)
    ran = keepwell("--config", config, "--out", folder / "out", "quarterly", "--as-of", "2026-07-01")
    assert ran.code == 0, ran.err
    return config, folder / "out", ran.out + ran.err


@pytest.mark.slow
def test_every_candidate_stands_beside_health_and_the_dummy(retrained: tuple[Path, Path, str]) -> None:
    """One figure each, on the last months, with an interval; one of them is taken, and never a baseline (MOD-4)."""
    _, out, said = retrained
    figures = mart(out, "model_performance", "2026-07-01")
    churn = figures[
        (figures["outcome"] == "churn")
        & (figures["segment"] == "all")
        & (figures["metric"] == "roc_auc")
        & figures["taken"].notna()
    ]
    names = set(CANDIDATES)

    assert set(churn["version"]) == names
    assert churn["low"].le(churn["value"]).all()
    assert churn["high"].ge(churn["value"]).all()
    assert churn["taken"].sum() == 1
    assert not churn.loc[churn["version"].isin(["dummy", "health"]), "taken"].any()
    assert churn.set_index("version").loc["dummy", "value"] == 0.5
    assert all(name in said for name in names)


def test_what_the_past_teaches_is_published_beside(retrained: tuple[Path, Path, str]) -> None:
    """Insights, weights, importance, what-ifs, the blueprint page, and a challenger in MLflow (MOD-5, 7, 10, HLT-5)."""
    _, out, said = retrained
    churn = {name: mart(out, name, "2026-07-01").query("outcome == 'churn'") for name in ("weights", "importance")}
    what_if = mart(out, "what_if", "2026-07-01")

    assert churn["weights"].groupby("segment")["tuned"].sum().round(3).eq(1).all()
    assert len(churn["importance"]) > 3
    assert (
        what_if.sort_values(["outcome", "group", "share"]).groupby(["outcome", "group"])["caught"].diff() < 0
    ).sum() == 0
    assert "churn: version 1 is the challenger" in said
    assert "Tuned weights: ROC-AUC" in said
    adopted = tomllib.loads((out / "reports" / "weights-2026-07-01.toml").read_text())
    tuned = churn["weights"].query("segment == 'all'").set_index("component")["tuned"]
    assert adopted["health"]["weights"] == tuned.round(3).to_dict()
    assert "Most important signals" in (out / "reports" / "blueprint-2026-07-01.html").read_text()


def test_the_test_months_are_the_last_that_have_matured(retrained: tuple[Path, Path, str]) -> None:
    """90 days of horizon before the run's date (MOD-1, MOD-3)."""
    _, out, _ = retrained
    figures = mart(out, "model_performance", "2026-07-01")

    tried = figures[(figures["outcome"] == "churn") & figures["taken"].notna()]

    assert set(pd.to_datetime(tried["last_month"])) == {pd.Timestamp("2026-04-01")}


def test_an_outcome_without_enough_months_is_refused_while_others_go_on(retrained: tuple[Path, Path, str]) -> None:
    """180 days of horizon leave two long gaps: too few months for expansion here, said in one sentence (MOD-2)."""
    _, out, said = retrained

    assert "expansion: no model. 17 matured months are too few" in said
    assert "two gaps of 210 days between them; models.split)" in said
    assert set(mart(out, "model_performance", "2026-07-01")["outcome"]) == {"churn"}


def test_only_the_outcomes_of_the_settings_are_tried(tmp_path: Path) -> None:
    """`models.outcomes`: of the others nothing is said (LRN-1)."""
    write_company(5, 2, 1, tmp_path)
    config = tmp_path / "pipeline.toml"
    config.write_text(config.read_text() + '\n[models]\noutcomes = ["advocacy", "churn"]\n')
    run = Run(load_settings(config), tmp_path / "out", date(2026, 7, 1))
    labels = dict.fromkeys(("churned", "expanded", "advocated"), True)
    one = pd.DataFrame([{"account_id": "a", "as_of": pd.Timestamp("2026-01-01"), **labels}])

    found = try_candidates(run, TrainingSet("", run.instant, one))

    assert list(found.refused) == ["advocacy", "churn"]
    assert not found.trained


@pytest.mark.slow
def test_a_company_too_small_for_any_model_goes_on_with_health_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Exit code 0, one sentence per outcome that also comes before the past is rebuilt, an empty mart (MOD-2)."""
    write_company(60, 6, 5, tmp_path)
    ran = keepwell(
        "--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out", "quarterly", "--as-of", "2026-07-01"
    )

    early = [said for said in caplog.messages if "there will be no model" in said]
    assert len(early) == len(OUTCOMES)
    assert "200 of each are needed (models.split.min_accounts)" in early[0]
    assert ran.code == 0, ran.err
    assert ran.err.count("accounts had the outcome") == 3
    assert ran.out == "not enough data for any model: scores use health alone\n"
    assert mart(tmp_path / "out", "model_performance", "2026-07-01").empty


def test_the_registered_model_holds_the_definitions_it_was_trained_on(retrained: tuple[Path, Path, str]) -> None:
    """The versions of the features among its inputs lie beside it (FEA-2, MOD-9)."""
    _, out, _ = retrained
    folder = versions_of(Tracking(f"sqlite:///{out / 'mlflow.db'}", str(out / "mlartifacts")))["1"].source
    about = json.loads((Path(folder) / SERVING_FILE).read_text())

    assert about["versions"] == {name: FEATURES[name].version for name in about["inputs"] if name in FEATURES}
    assert len(about["versions"]) > 3


def lines(out: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of churn's lines over time in MLflow, by day."""
    place = Tracking(f"sqlite:///{out / 'mlflow.db'}", str(out / "mlartifacts"))
    client = place.client()
    (run,) = runs_of(place, MONITORING)
    return {
        name: sorted((p.step, p.value) for p in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }


def test_the_model_is_watched_up_to_the_newest_book(retrained: tuple[Path, Path, str]) -> None:
    """The months without an outcome are seen by the watch, not by the models: drift, estimate, leads (LRN-3, 4)."""
    _, out, said = retrained
    drift, leads = mart(out, "drift", "2026-07-01"), mart(out, "lead_times", "2026-07-01")
    figures = mart(out, "model_performance", "2026-07-01")
    watched = figures[figures["model_version"] == "1"]
    estimated = watched[watched["estimated"]]
    books = pd.to_datetime(drift.loc[drift["kind"] == "input", "month"])

    assert set(books) == set(pd.date_range("2026-05-01", "2026-07-01", freq="MS")), "the months after the test"
    assert set(watched["version"]) == {"challenger"}
    assert {"challenger", "health", "random", "always"} <= set(leads["score"])
    assert set(pd.to_datetime(estimated["last_month"])) == {pd.Timestamp("2026-07-01")}
    assert (estimated["trusted"].astype(bool) | estimated["reason"].notna()).all()
    assert "has degraded" not in said, "a challenger does not act"


def test_metrics_and_drift_are_lines_over_time(retrained: tuple[Path, Path, str]) -> None:
    """In MLflow, each realised month at its own day, drift at the book's, the estimate at the newest (LRN-3, OUT-2)."""
    _, out, _ = retrained
    figures = mart(out, "model_performance", "2026-07-01")
    realised = figures[(figures["model_version"] == "1") & figures["matured"] & (figures["metric"] == "precision")]
    months = pd.to_datetime(realised["first_month"])
    days = sorted((month - pd.Timestamp("1970-01-01")).days for month in months)
    drawn = lines(out)

    assert len(days) > 2
    for name in ("roc_auc", "precision", "recall", "false_alarm_rate", "miss_rate", "observed_to_expected"):
        assert [day for day, _ in drawn[name]] == days
    published = realised.sort_values("first_month")["value"].to_list()  # the mart has six decimals
    assert [value for _, value in drawn["precision"]] == pytest.approx(published, abs=1e-6)
    assert len(drawn["drift/score_psi"]) == len(drawn["drift/share_of_inputs"]) == 3
    newest = (pd.Timestamp("2026-07-01") - pd.Timestamp("1970-01-01")).days
    assert [day for day, _ in drawn["estimated/roc_auc"] + drawn["early_warning/early_share"]] == [newest, newest]


@pytest.mark.slow
def test_a_champion_is_watched_every_month_between_the_quarters(retrained: tuple[Path, Path, str]) -> None:
    """On the months since its validation; not where the quarterly run of the date has looked at it (LRN-3)."""
    config, out, _ = retrained
    run = Run(load_settings(config), out, date(2026, 8, 1))
    challenger = find(run.tracking, "churn", "challenger", run.as_of)
    champion = replace(challenger, alias=CHAMPION)
    snapshot = read_sources(run)

    assert watch_month(run, snapshot, [challenger]) == Monitoring()
    assert watch_month(replace(run, as_of=date(2026, 7, 1)), snapshot, [champion]) == Monitoring()
    found = watch_month(run, snapshot, [champion])
    (row,) = mart(out, "monitored_models", "2026-08-01").to_dict("records")
    assert (row["outcome"], row["alias"], row["model_version"]) == ("churn", "champion", "1")
    assert row["degraded"] == bool(found.watched["churn"].worse)
    assert "2026-08-01" in set(mart(out, "drift", "2026-08-01")["month"].astype(str))
    assert mart(out, "monitored_models", "2026-07-01")["alias"].tolist() == ["challenger"]


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes(retrained: tuple[Path, Path, str]) -> None:
    """Seeds and single threads: nothing depends on the hour or the machine's mood (CONTRACT)."""
    config, out, _ = retrained
    before, drawn = bytes_of(out), lines(out)
    assert keepwell("--config", config, "--out", out, "quarterly", "--as-of", "2026-07-01").code == 0

    assert bytes_of(out) == before
    assert lines(out) == drawn


@pytest.mark.slow
def test_an_audit_grades_the_model_that_served(retrained: tuple[Path, Path, str], tmp_path: Path) -> None:
    """From its promotion on the champion; before it a model of the time, said in one sentence (LRN-5)."""
    config, _, _ = retrained
    command = ("--config", config, "--out", tmp_path)
    assert keepwell(*command, "quarterly", "--as-of", "2026-03-01").code == 0
    run, month = Run(load_settings(config), tmp_path, date(2026, 7, 1)), date(2026, 4, 1)
    add_event(run.tracking.client(), "churn", Event(1, month, "promote", "1", "ann", "because"))
    champion = find(run.tracking, "churn", CHAMPION, month)

    ran = keepwell(*command, "audit", "--as-of", "2026-07-01")

    assert ran.code == 0, ran.err
    said = " ".join((tmp_path / "reports" / "audit-2026-07-01.html").read_text().split())
    assert "months from 2026-04 to 2026-06 on which a champion served, that of the champion (version 1)" in said
    assert "for the others, that of a logistic model refitted every 3 months" in said
    past = training_set(read_sources(run), [month], run.instant, run.scoring, run.settings.labels, run.fixed)
    by_champion = pd.Series(champion.probabilities(past.examples), past.examples["account_id"])
    graded = mart(tmp_path, "audit_churners", "2026-07-01").dropna(subset="model")
    scored = pd.to_datetime(graded["scored_month"])
    april = graded[scored == pd.Timestamp(month)]

    assert len(april) > 0
    assert april["model"].to_numpy() == pytest.approx(by_champion[april["account_id"]].to_numpy(), abs=1e-6)
    assert (scored < pd.Timestamp(month)).any()
