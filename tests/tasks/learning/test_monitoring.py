"""What watches a model, from its examples to the rows that are published (LRN-3, LRN-4)."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keepwell.flows.monitoring import in_place
from keepwell.models.monitoring.baseline import Baseline
from keepwell.models.monitoring.drift import drift, reference
from keepwell.models.monitoring.early_warning import early_warning
from keepwell.models.monitoring.estimate import estimate_metrics, strong_drift
from keepwell.models.monitoring.outcome_drift import outcome_drift, rate_of
from keepwell.models.monitoring.over_time import by_month, together, unseen
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.monitoring import DriftSettings, EarlyWarningSettings, EstimateSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.artifact import as_one
from keepwell.models.training.candidates import CATEGORICAL_FEATURES, fitted, predicted_probability
from keepwell.models.training.choose import calibrated
from keepwell.models.training.split import Splits, TooLittleData
from keepwell.models.training.trained import Trained
from keepwell.tasks.learning.monitoring import OVER_TIME, InPlace, Monitoring, fallen_metrics, watch
from keepwell.tasks.marts.monitoring import (
    drift_frame,
    estimated_frame,
    lead_times_frame,
    realised_frame,
    warning_frame,
)
from keepwell.tasks.marts.publish import Stamp, mart_table
from keepwell.tasks.marts.schemas.all import MARTS
from keepwell.tasks.registry.versions import ServingModel

NUMERIC_FEATURES = ("use", "noise")
MONTHS = pd.date_range("2025-01-01", periods=14, freq="MS")
PARTS = Splits(
    tuple(m.date() for m in MONTHS[:4]), tuple(m.date() for m in MONTHS[7:9]), tuple(m.date() for m in MONTHS[10:11])
)
ACCOUNTS = 900
RULES = CandidateSettings(replicates=20)
STAMP = Stamp("run", "code", "snapshot")
WATCHING = ModelSettings(
    candidates=RULES,
    # Nobody new comes, so that use rises as those leave who use least: one input of three drifts.
    estimate=EstimateSettings(replicates=20, check_months=1, max_drifted_share=0.5),
    early_warning=EarlyWarningSettings(replicates=20),
)


@pytest.fixture(scope="module")
def examples() -> pd.DataFrame:
    """14 months of 900 accounts; those that use less leave more often; the last three months have not matured."""
    rng = np.random.default_rng(1)
    lasting, frames = rng.standard_normal(ACCOUNTS), []
    at = pd.Series(pd.NaT, range(ACCOUNTS), dtype="datetime64[us]")
    for month in MONTHS:
        leaves = at.isna() & (rng.random(ACCOUNTS) < 1 / (1 + np.exp(4.2 + 1.5 * lasting)))
        at = at.mask(leaves, month + pd.Timedelta(days=20))
    for month in MONTHS:
        soon = (at > month) & (at <= month + pd.Timedelta(days=90))
        frame = pd.DataFrame({"account_id": [f"a{n}" for n in range(ACCOUNTS)], "as_of": month, "noise": rng.random()})
        frame["use"] = lasting + rng.normal(0, 0.5, ACCOUNTS)
        frame["health"] = 60 + 10 * lasting + rng.normal(0, 15, ACCOUNTS)
        label = soon.astype(object) if month < MONTHS[-3] else pd.Series([None] * ACCOUNTS, dtype=object)
        frame = frame.assign(segment="small", industry="retail", churned_at=at.where(soon), churned=label)
        frames.append(frame[(at.isna() | (at > month)).to_numpy()])
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def train(examples) -> pd.DataFrame:
    rows = examples[examples["as_of"].isin(pd.to_datetime(list(PARTS.train)))]
    return rows.assign(happened=rows["churned"].astype(float))


@pytest.fixture(scope="module")
def trained(examples, train) -> Trained:
    """A logistic regression on use alone, calibrated on validation."""
    model = fitted("logistic", train, train["churned"].astype(bool), ["use"], InputSettings(), RULES)
    validation = examples[examples["as_of"].isin(pd.to_datetime(list(PARTS.validation)))]
    line = calibrated(predicted_probability(model, validation), validation["churned"].to_numpy(dtype=float))
    return Trained("logistic", model, line)


@pytest.fixture(scope="module")
def rows(examples, trained) -> pd.DataFrame:
    """Every month that the model did not learn from."""
    return unseen(examples, "churned", trained, PARTS, ModelSettings())


@pytest.fixture(scope="module")
def champion(train, trained, rows) -> InPlace:
    """The model with what it is held against."""
    held = rows[rows["as_of"].isin([MONTHS[7], MONTHS[8], MONTHS[10]])]
    was = reference(train, NUMERIC_FEATURES, CATEGORICAL_FEATURES, held, DriftSettings())
    figures = together(rows[rows["as_of"] == MONTHS[10]], RULES)
    return InPlace("champion", "3", trained, Baseline(PARTS, was, rate_of(train), figures))


def test_training_months_and_months_that_overlap_them_are_not_monitored(rows) -> None:
    """From the first of validation on; a tenth of each month is flagged; what has not matured is missing (LRN-4)."""
    assert rows["as_of"].min() == MONTHS[7]
    assert set(rows.loc[rows["happened"].isna(), "as_of"]) == set(MONTHS[-3:])
    assert rows.groupby("as_of")["flagged"].mean().between(0.1, 0.102).all()


def test_precision_recall_miss_and_false_alarms_are_reported_by_month(rows) -> None:
    """Each matured month by itself, and what they are of (LRN-4)."""
    months = by_month(rows, RULES)
    month = rows[rows["as_of"] == MONTHS[9]]
    frame = realised_frame("churn", "v1", months)
    said = frame[frame["first_month"] == MONTHS[9]].set_index("metric")["value"]

    assert list(months) == list(MONTHS[7:11])
    assert said["recall"] == month.loc[month["happened"] == 1, "flagged"].mean()
    assert said["miss_rate"] == 1 - said["recall"]
    assert said["false_alarm_rate"] == 1 - month.loc[month["flagged"], "happened"].mean()
    assert mart_table(MARTS["model_performance"], frame, STAMP).num_rows == len(frame)


def test_estimates_stand_beside_what_was_measured(rows) -> None:
    """The months that have not matured, marked as estimated, with the reason where they are not to be trusted."""
    rules = EstimateSettings(replicates=40, check_months=1)
    frame = estimated_frame("churn", "v1", estimate_metrics(rows, 90, rules, ["a doubt"]))
    both = pd.concat([realised_frame("churn", "v1", by_month(rows, RULES)), frame], ignore_index=True)
    table = mart_table(MARTS["model_performance"], both, STAMP).to_pandas()
    estimated = table[table["estimated"]]

    assert set(estimated["metric"]) == {"roc_auc", "precision", "recall", "losses"}
    assert (estimated["first_month"].iloc[0], estimated["last_month"].iloc[0]) == (date(2025, 12, 1), date(2026, 2, 1))
    assert not estimated["matured"].any()
    assert not estimated["trusted"].any()
    assert estimated["reason"].iloc[0].startswith("a doubt")
    assert table.loc[table["matured"], "trusted"].isna().all()


def test_drift_of_inputs_score_and_outcome_is_one_table(examples, train, rows) -> None:
    """A book whose use has fallen: the input and the score are named, and the estimate hears of it (LRN-3)."""
    rules = DriftSettings()
    validation = rows[rows["as_of"] <= MONTHS[8]]
    was = reference(train, NUMERIC_FEATURES, CATEGORICAL_FEATURES, validation, rules)
    newest = examples[examples["as_of"] == MONTHS[-1]].merge(rows[["account_id", "as_of", "chance"]])
    shifted = newest.assign(use=newest["use"] - 1.0, chance=newest["chance"] * 3)
    outcomes = outcome_drift(rows.dropna(subset="happened"), rate_of(train), rules)
    frame = drift_frame("churn", {MONTHS[-1]: drift(was, shifted, rules)}, outcomes)
    table = mart_table(MARTS["drift"], frame, STAMP).to_pandas()

    psi = table[table["statistic"] == "psi"].set_index("name")
    assert set(psi.index) == {"use", "segment", "industry", "chance"}, "noise is the same for all of a month"
    assert set(psi.index[psi["drifted"]]) == {"use", "chance"}
    assert set(table.loc[table["kind"] == "outcome", "month"]) == {m.date() for m in MONTHS[7:11]}
    assert strong_drift(frame, EstimateSettings()) == ["the score `chance` has drifted", "1 of 3 inputs have drifted"]


def test_lead_times_are_published_by_score_and_churner(rows) -> None:
    """And what they come to, beside the other figures; the champion is ahead of health (LRN-4)."""
    found = early_warning(
        rows, {"champion": rows["chance"], "health": -rows["health"]}, MONTHS[10], EarlyWarningSettings(replicates=40)
    )
    leads = mart_table(MARTS["lead_times"], lead_times_frame("churn", found), STAMP).to_pandas()
    figures = warning_frame("churn", found, MONTHS[10], MONTHS[13])
    table = mart_table(MARTS["model_performance"], figures, STAMP).to_pandas().set_index(["version", "metric"])["value"]

    assert set(leads["score"]) == {"champion", "health", "random", "always"}
    assert len(set(leads.groupby("score").size())) == 1
    assert leads.loc[leads["flagged_from"].isna(), "lead_days"].eq(0).all()
    assert table["champion", "early_share"] > table["health", "early_share"]
    assert table["health", "early_share_behind_first"] == pytest.approx(
        table["champion", "early_share"] - table["health", "early_share"], abs=1e-5
    )


def test_a_model_is_monitored_on_every_month_since_its_training(examples, champion) -> None:
    """Figures where outcomes are known, drift since the test, the estimate and lead times at the newest (LRN-3, 4)."""
    found = watch("churn", champion, examples, 90, None, WATCHING)
    lines = {pd.Timestamp(day): set(points) for day, points in found.lines.items()}
    performance = mart_table(MARTS["model_performance"], found.performance, STAMP).to_pandas()

    assert list(lines) == list(MONTHS[7:])
    assert all(lines[month] == set(OVER_TIME) for month in MONTHS[7:11])
    assert all(lines[month] == {"drift/share_of_inputs", "drift/score_psi"} for month in MONTHS[11:13])
    assert {"estimated/roc_auc", "early_warning/early_share", "degraded"} < lines[MONTHS[13]]
    assert (found.worse, found.lines[MONTHS[13].date()]["degraded"]) == ((), 0.0)
    assert set(performance["version"]) == {"champion", "health", "random", "always"}
    assert set(performance.loc[performance["version"] == "champion", "model_version"]) == {"3"}
    assert performance.loc[performance["version"] != "champion", "model_version"].isna().all()
    assert set(mart_table(MARTS["drift"], found.drift, STAMP).to_pandas()["kind"]) == {"input", "score", "outcome"}
    assert mart_table(MARTS["lead_times"], found.leads, STAMP).num_rows > 0
    assert Monitoring({"churn": found}).alerts == {}


def test_a_book_that_is_another_degrades_the_model(examples, champion) -> None:
    """The newest book uses far less: one sentence names it, and the estimate's rows carry the reason (LRN-3)."""
    newest = examples["as_of"] == MONTHS[13]
    found = watch("churn", champion, examples.assign(use=examples["use"] - 2.0 * newest), 90, None, WATCHING)
    estimated = found.performance[found.performance["estimated"]]

    assert found.worse == ("the score `chance` has drifted",)
    assert found.lines[MONTHS[13].date()]["degraded"] == 1.0
    assert found.lines[MONTHS[13].date()]["drift/score_psi"] > found.lines[MONTHS[12].date()]["drift/score_psi"]
    assert estimated["reason"].str.startswith("the score `chance` has drifted").all()
    assert Monitoring({"churn": found}).alerts == {
        "churn": "churn: the champion (version 3) has degraded: the score `chance` has drifted."
    }


def test_metrics_below_those_that_it_was_accepted_with_degrade_it(rows, champion) -> None:
    """Three months after the test with churn independent of the probability are worse; the test months are not."""
    known = rows[rows["as_of"].isin(MONTHS[7:11])]
    rng = np.random.default_rng(3)
    later = known.assign(as_of=known["as_of"] + pd.DateOffset(months=4), happened=rng.permutation(known["happened"]))
    said = fallen_metrics(pd.concat([known, later]), champion.baseline, WATCHING)

    assert fallen_metrics(known, champion.baseline, WATCHING) == []
    assert said[0].startswith("ROC-AUC of 2026-03 to 2026-03 is 0.")
    assert "that the model was accepted with" in said[0]


def randomized(examples: pd.DataFrame) -> pd.DataFrame:
    """The examples where half of those who use least are drawn for a contact from the tenth month on."""
    drawn = (examples["use"] < -0.5) & examples["churned"].notna()
    chance = np.where(drawn, 0.5, 1.0)
    treated = np.random.default_rng(5).random(len(examples)) > chance
    recorded = (examples["as_of"] >= MONTHS[9]) & examples["churned"].notna()
    return examples.assign(
        treated=pd.Series(treated, examples.index).where(recorded), untreated_chance=np.where(recorded, chance, np.nan)
    )


def test_the_outcomes_of_the_treated_do_not_matter_where_a_draw_decided(examples, champion) -> None:
    """As at acceptance, the untreated stand for all: work that helps is no sign of a worse model (MOD-1, LRN-3)."""
    drawn = randomized(examples)
    treated = drawn["treated"].fillna(False).astype(bool)
    helped = drawn.assign(churned=drawn["churned"].where(~treated, False))
    one, other = (watch("churn", champion, some, 90, None, WATCHING) for some in (drawn, helped))
    month = unseen(drawn, "churned", champion.trained, PARTS, WATCHING)
    month = month[month["as_of"] == MONTHS[9]]

    assert int(drawn.loc[treated, "churned"].sum()) > 20
    pd.testing.assert_frame_equal(one.performance, other.performance)
    pd.testing.assert_frame_equal(one.drift, other.drift)
    assert one.worse == other.worse
    assert set(month["weight"]) == {0.0, 1.0, 2.0}
    realised = by_month(month, RULES)[MONTHS[9]]["observed_to_expected"].value
    assert realised == (month["weight"] * month["happened"]).sum() / (month["weight"] * month["chance"]).sum()


def test_months_before_the_first_draw_count_as_they_did(examples, champion) -> None:
    """Nothing is known of who was treated then: every example has weight one, as where the outcome is open (MOD-1)."""
    rows = unseen(randomized(examples), "churned", champion.trained, PARTS, WATCHING)

    assert rows.loc[(rows["as_of"] < MONTHS[9]) | rows["happened"].isna(), "weight"].eq(1.0).all()


def test_a_month_whose_accounts_were_all_treated_has_no_metrics(examples, champion) -> None:
    """There is nobody who could tell (MOD-1)."""
    drawn = randomized(examples)
    month = drawn["as_of"] == MONTHS[9]
    found = watch("churn", champion, drawn.assign(treated=drawn["treated"].mask(month, True)), 90, None, WATCHING)

    realised = found.performance[~found.performance["estimated"] & (found.performance["version"] == "champion")]
    assert MONTHS[9] not in set(realised["first_month"])
    assert MONTHS[8] in set(realised["first_month"])


def test_too_few_outcomes_for_a_check_are_no_alert(examples, champion) -> None:
    """The estimate is not trusted and says so, but nothing says that the model is worse (LRN-3)."""
    rules = WATCHING.model_copy(update={"estimate": WATCHING.estimate.model_copy(update={"min_outcomes": 10_000})})
    found = watch("churn", champion, examples, 90, None, rules)

    assert found.worse == ()
    assert not found.performance.loc[found.performance["estimated"], "trusted"].any()


def test_legacy_scores_stand_beside_where_they_have_numbers(examples, champion) -> None:
    """By the newest score known when the month's flags are set; bands alone rank nobody (LRN-4)."""
    scored = examples[["account_id", "as_of", "health"]].rename(columns={"as_of": "scored_on", "health": "score"})
    legacy = scored.assign(known_at=scored["scored_on"], band=None)
    found = watch("churn", champion, examples, 90, legacy, WATCHING)
    share = found.leads.groupby("score")["early"].mean()

    assert share["legacy"] == share["health"], "the same numbers rank the same accounts"
    bands = watch("churn", champion, examples, 90, legacy.assign(score=np.nan), WATCHING)
    assert set(bands.leads["score"]) == {"champion", "health", "random", "always"}


def test_the_champion_is_watched_and_the_challenger_only_where_there_is_none(champion, trained) -> None:
    """Never another model instead: a champion that was stored without a baseline is said to be unwatched (LRN-3)."""
    kept = ServingModel(
        "churn", "3", "champion", "logistic", date(2026, 1, 1), date(2025, 11, 1),
        as_one(trained), ["use"], {}, {}, champion.baseline,
    )  # fmt: skip
    found = SimpleNamespace(trial=SimpleNamespace(graded=trained, refit=None))
    found.baseline = champion.baseline
    trained_now, versions = {"churn": found}, {"churn": "4"}

    assert in_place("churn", {"churn": kept}, trained_now, versions).alias == "champion"
    assert in_place("churn", {}, trained_now, versions) == InPlace("challenger", "4", trained, champion.baseline)
    assert in_place("expansion", {"churn": kept}, trained_now, versions) is None
    with pytest.raises(TooLittleData, match="Version 3 was stored without a baseline"):
        in_place("churn", {"churn": replace(kept, baseline=None)}, trained_now, versions)
