"""What watches a model, from its examples to the rows that are published (LRN-3, LRN-4)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.candidates import WORDS, chance, fitted
from models.choose import calibrated
from models.drift import drift, reference
from models.early_warning import early_warning
from models.estimate import foretell, strong_drift
from models.outcome_drift import outcome_drift
from models.over_time import by_month, unseen
from models.settings import (
    CandidateSettings,
    DriftSettings,
    EarlyWarningSettings,
    EstimateSettings,
    InputSettings,
    PolicySettings,
)
from models.split import Parts
from models.training import Trained
from tasks.marts import MARTS
from tasks.monitoring import drift_frame, estimated_frame, lead_times_frame, realised_frame, warning_frame
from tasks.publish import Stamp, mart_table

NUMBERS = ("use", "noise")
MONTHS = pd.date_range("2025-01-01", periods=14, freq="MS")
PARTS = Parts(
    tuple(m.date() for m in MONTHS[:4]), tuple(m.date() for m in MONTHS[7:9]), tuple(m.date() for m in MONTHS[10:11])
)
ACCOUNTS = 900
RULES = CandidateSettings(replicates=20)
STAMP = Stamp("run", "code", "snapshot")


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
def rows(examples, train) -> pd.DataFrame:
    """Every month that the model did not learn from."""
    model = fitted("logistic", train, train["churned"].astype(bool), ["use"], InputSettings(), RULES)
    validation = examples[examples["as_of"].isin(pd.to_datetime(list(PARTS.validation)))]
    line = calibrated(chance(model, validation), validation["churned"].to_numpy(dtype=float))
    return unseen(examples, "churned", Trained("logistic", model, line), PARTS, PolicySettings())


def test_months_that_were_learnt_from_or_overlap_them_are_not_watched(rows) -> None:
    """From the first of validation on; a tenth of each month is flagged; what has not matured is missing (LRN-4)."""
    assert rows["as_of"].min() == MONTHS[7]
    assert set(rows.loc[rows["happened"].isna(), "as_of"]) == set(MONTHS[-3:])
    assert rows.groupby("as_of")["flagged"].mean().between(0.1, 0.102).all()


def test_precision_recall_miss_and_false_alarms_are_told_month_by_month(rows) -> None:
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
    frame = estimated_frame("churn", "v1", foretell(rows, 90, rules, ["a doubt"]))
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
    was = reference(train, NUMBERS, WORDS, validation, rules)
    newest = examples[examples["as_of"] == MONTHS[-1]].merge(rows[["account_id", "as_of", "chance"]])
    fallen = newest.assign(use=newest["use"] - 1.0, chance=newest["chance"] * 3)
    outcomes = outcome_drift(rows.dropna(subset="happened"), train, rules)
    frame = drift_frame("churn", date(2026, 2, 1), drift(was, fallen, rules), outcomes)
    table = mart_table(MARTS["drift"], frame, STAMP).to_pandas()

    psi = table[table["statistic"] == "psi"].set_index("name")
    assert set(psi.index) == {"use", "segment", "industry", "chance"}, "noise is the same for all of a month"
    assert psi.index[psi["drifted"]].tolist() == ["use", "chance"] or set(psi.index[psi["drifted"]]) == {
        "use",
        "chance",
    }
    assert set(table.loc[table["kind"] == "outcome", "month"]) == {m.date() for m in MONTHS[7:11]}
    assert strong_drift(frame, EstimateSettings()) == ["the score `chance` has drifted", "1 of 3 inputs have drifted"]


def test_lead_times_are_published_by_score_and_churner(rows) -> None:
    """And what they come to, beside the other figures; the champion is ahead of health (LRN-4)."""
    found = early_warning(
        rows, {"champion": rows["chance"], "health": -rows["health"]}, MONTHS[10], EarlyWarningSettings(replicates=40)
    )
    leads = mart_table(MARTS["lead_times"], lead_times_frame("churn", found), STAMP).to_pandas()
    figures = warning_frame("churn", found, date(2025, 11, 1), date(2026, 2, 1))
    table = mart_table(MARTS["model_performance"], figures, STAMP).to_pandas().set_index(["version", "metric"])["value"]

    assert set(leads["score"]) == {"champion", "health", "random", "always"}
    assert len(set(leads.groupby("score").size())) == 1
    assert leads.loc[leads["flagged_from"].isna(), "lead_days"].eq(0).all()
    assert table["champion", "early_share"] > table["health", "early_share"]
    assert table["health", "early_share_behind_first"] == pytest.approx(
        table["champion", "early_share"] - table["health", "early_share"], abs=1e-5
    )
