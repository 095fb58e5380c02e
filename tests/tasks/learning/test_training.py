"""Training sets: the whole book, in time order, rebuilt from a snapshot, refused where there is too little (MOD-2)."""

import shutil
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.features.settings import LabelSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.training import SplitSettings
from keepwell.models.training.split import TooLittleData
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import labeled_accounts, month_starts, splits_of, training_set
from keepwell.tasks.sources import facts as door
from keepwell.tasks.sources.facts import at_once
from keepwell.tasks.sources.staging import stage

NOW = datetime.fromisoformat("2026-07-01")
GAP = 90


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sample company of 300 accounts and 14 months."""
    to = tmp_path_factory.mktemp("company")
    write_company(300, 14, 6, to, settings=company_with("policy", confounder=False))
    return to


@pytest.fixture(scope="module")
def snapshot(folder):
    settings = load_settings(folder / "pipeline.toml")
    return stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")


def examples_of(folder, snapshot, months):
    """The examples of these months."""
    settings = load_settings(folder / "pipeline.toml")
    scoring = Run(settings, folder / "out", months[-1]).scoring
    return training_set(snapshot, months, NOW, scoring, LabelSettings()).examples


MONTHS = month_starts(date(2025, 10, 1), NOW - timedelta(days=GAP))


@pytest.fixture(scope="module")
def examples(folder, snapshot):
    """The examples of every matured month from October on."""
    return examples_of(folder, snapshot, MONTHS)


@pytest.mark.slow
def test_every_matured_month_holds_the_whole_cohort_and_its_outcome(folder, examples):
    """Labels agree with the truth beside the company; who gave notice and who is too young is no example (MOD-1, 2)."""
    truth = pd.read_parquet(folder / "truth" / "account_months.parquet")
    truth["as_of"] = pd.to_datetime(truth["as_of"])
    lost = pd.read_parquet(folder / "truth" / "churn.parquet").set_index("account_id")["churned_on"]
    on = pd.to_datetime(examples["account_id"].map(lost))
    expected = (on >= examples["as_of"]) & (on < examples["as_of"] + pd.Timedelta(days=90))

    assert [
        date(2025, 10, 1),
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
        date(2026, 3, 1),
        date(2026, 4, 1),
    ] == MONTHS
    assert (examples["churned"].astype(bool) == expected).all()
    assert examples["churned"].astype(bool).sum() > 20
    assert examples["tenure_days"].min() >= 60
    assert len(examples.merge(truth, on=["account_id", "as_of"])) == len(examples)
    assert examples["treated"].astype(bool).any()


def test_a_recorded_churn_ends_the_examples_of_its_account(folder, tmp_path):
    """Contracts that go on, without notice or end, do not make a stayer of who left (section 0, churn; MOD-1)."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("snapshots"))
    contracts = pq.read_table(folder / "contracts.parquet").to_pylist()
    endless = [{**row, "notice_on": None, "ended_on": None, "end_on": None} for row in contracts]
    pq.write_table(pa.Table.from_pylist(endless, pq.read_schema(folder / "contracts.parquet")),
                   tmp_path / "contracts.parquet")  # fmt: skip
    settings = load_settings(tmp_path / "pipeline.toml")
    snapshot = stage(settings.source.url, settings.base, settings.mappings, tmp_path / "snapshots")
    left = pd.read_parquet(folder / "churn_events.parquet").set_index("account_id")["churned_on"]

    found = examples_of(tmp_path, snapshot, MONTHS)
    left_on = pd.to_datetime(found["account_id"].map(left))

    assert found.loc[left_on < found["as_of"], "account_id"].tolist() == []
    assert set(found.loc[found["churned"].astype(bool), "account_id"]) == set(
        found.loc[left_on.sub(found["as_of"]).dt.days.between(0, 89), "account_id"]
    )
    assert left_on.notna().sum() > 50


@pytest.mark.slow
def test_a_training_set_is_rebuilt_from_its_snapshot(folder, snapshot, examples):
    """The same snapshot, months and now give the same rows, whichever months come after them (MOD-3)."""
    again = examples_of(folder, snapshot, MONTHS[:2])

    pd.testing.assert_frame_equal(again, examples[: len(again)], check_dtype=False)


def test_month_by_month_gives_what_one_query_gives(folder, snapshot, examples, monkeypatch):
    """Features, labels and the health that months carry over are those of each month alone (SCL-1, FEA-3)."""
    assert [len(some) for some in at_once(snapshot, [NOW] * 30)] == [24, 6]
    monkeypatch.setattr(door, "CONTRACTS_AT_ONCE", 1)

    assert [len(some) for some in at_once(snapshot, [NOW] * 3)] == [1, 1, 1]
    alone = examples_of(folder, snapshot, MONTHS[:3])
    pd.testing.assert_frame_equal(alone, examples[: len(alone)], check_dtype=False)


def test_labeled_accounts_are_those_of_the_training_set(folder, snapshot, examples):
    """No account or label is lost or added by the features; a refusal does not wait for those (MOD-2)."""
    scoring = Run(load_settings(folder / "pipeline.toml"), folder / "out", MONTHS[-1]).scoring
    found = labeled_accounts(snapshot, MONTHS, NOW, scoring, LabelSettings())
    columns = ["as_of", "account_id", "churned", "expanded", "contracted", "advocated"]
    alone = found[columns].sort_values(columns[:2], ignore_index=True)

    assert alone["churned"].sum() > 10
    pd.testing.assert_frame_equal(alone, examples[columns], check_dtype=False)


def test_the_never_logged_in_are_examples(folder, examples):
    """Survivors only would be an inner join on usage (SRC-7, MOD-2)."""
    oddities = pd.read_parquet(folder / "truth" / "oddities.parquet")
    silent = set(oddities.loc[oddities["oddity"] == "never_logged_in", "account_id"])

    assert set(examples.loc[examples["as_of"] == pd.Timestamp(MONTHS[-1]), "account_id"]) & silent


def test_too_few_accounts_are_refused_with_their_number():
    """At least 200 accounts with the outcome and 200 without (MOD-2)."""
    few = pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(400)],
            "as_of": pd.Timestamp("2026-01-01"),
            "churned": np.arange(400) < 150,
        }
    )

    with pytest.raises(TooLittleData, match=r"250 did not; 200 of each are needed .models.split.min_acc"):
        splits_of(few, "churn", GAP, SplitSettings())
