"""A company with seven numbers per account and month gets health, a report and a blueprint (MOD-10)."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import staged
from keepwell.models.grading.insights import contrasts
from keepwell.sample.settings import company_with
from keepwell.sample.seven_signals import write_seven_signals
from keepwell.sample.write import write_company
from keepwell.tasks.learning.blueprint import blueprint
from keepwell.tasks.learning.training import training_set
from keepwell.tasks.reports.blueprint import as_html
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from tests.support.running import ROOT, keepwell, mart

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples" / "seven_signals"
LATE = "\n[models.split]\nrun_in_days = 300\n"
"""Only three months of training, to be quick."""
FIRST = "2026-07-01"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lists of a small sample company: 200 accounts, 17 months."""
    folder = tmp_path_factory.mktemp("company")
    usual = company_with("policy", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, 6.0)}) for s in usual.segments)
    write_company(200, 17, 8, folder, settings=usual.model_copy(update={"segments": segments}))
    write_seven_signals(folder, folder / "lists")
    return folder / "lists"


@pytest.fixture(scope="module")
def lists(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "accounts_by_month.csv", dtype={"account_id": str})


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The month's and the quarter's run, by the command."""
    to = tmp_path_factory.mktemp("run")
    config = shutil.copytree(EXAMPLE, to / "example") / "pipeline.toml"
    config.write_text(config.read_text() + LATE)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEVEN_SIGNALS_DATA", str(data))
        for flow in ("monthly", "quarterly"):
            ran = keepwell("--config", config, "--out", to / "out", flow, "--as-of", FIRST)
            assert ran.code == 0, ran.err
        yield Run(load_settings(config), to / "out", date.fromisoformat(FIRST))


@pytest.fixture(scope="module")
def snapshot(run: Run) -> Snapshot:
    return staged(run)


@pytest.fixture(scope="module")
def examples(run: Run, snapshot: Snapshot) -> pd.DataFrame:
    """The training set of three months."""
    months = [date(2026, month, 1) for month in (1, 2, 3)]
    return training_set(snapshot, months, run.instant, run.scoring, run.settings.labels).examples


def test_every_account_of_the_last_list_is_scored(lists: pd.DataFrame, run: Run) -> None:
    """No more and no fewer; most have health, from what a list can tell (MOD-10, SRC-7)."""
    scores = mart(run.out, "health_scores", FIRST)
    last = lists[lists["listed_on"] == "2026-06-30"]

    assert set(scores["account_id"]) == set(last["account_id"])
    assert scores["health"].notna().mean() > 0.8
    assert scores["factor_1"].notna().mean() > 0.8
    assert (run.out / "reports" / f"health-{FIRST}.html").exists()


def test_the_seven_numbers_come_out_as_features(lists: pd.DataFrame, run: Run) -> None:
    """What goes in comes out: users, twentieths, tickets, NPS, executive contact, ARR, months to renewal (MOD-10)."""
    features = mart(run.out, "features", FIRST).set_index("account_id")
    last = lists[lists["listed_on"] == "2026-06-30"].set_index("account_id")
    quarter = lists[lists["listed_on"] >= "2026-04-30"].groupby("account_id")["tickets"].sum()
    settled = features.index[features["tenure"] >= 28]
    used = settled[last.loc[settled, "monthly_active_users"] > 0]
    met = last.index[last["days_since_executive_contact"].notna()]
    answers = lists[lists["listed_on"] > "2025-07-01"].groupby("account_id")["nps"].mean().reindex(features.index)

    assert (features.loc[settled, "active_users_28d"] == last.loc[settled, "monthly_active_users"]).all()
    adopted = (last.loc[used, "feature_adoption_pct"] / 5).round()
    assert (features.loc[used, "features_used_28d"].fillna(0) == adopted).all()
    assert (features["tickets_90d"] == quarter.reindex(features.index)).all()
    assert (
        features.loc[met, "days_since_executive_contact"] == last.loc[met, "days_since_executive_contact"] + 1
    ).all()
    assert answers.notna().any()
    pd.testing.assert_series_equal(features["nps_score_365d"], answers, check_names=False, atol=1e-6)
    assert (features["contract_value"] == last["arr"].reindex(features.index)).all()
    assert (features["months_to_renewal"].isna() == last["months_to_renewal"].isna().reindex(features.index)).all()
    assert (features["months_to_renewal"] - last["months_to_renewal"]).dropna().abs().max() < 0.1
    assert features[["paid_seats", "seat_utilisation", "events_28d", "csat_180d"]].isna().all(axis=None)


def test_who_is_missing_from_a_list_has_left(lists: pd.DataFrame, examples: pd.DataFrame) -> None:
    """A run in the past sees the accounts of its day's list, and those missing from the next have churned (MOD-1)."""
    february = examples[examples["as_of"] == "2026-02-01"].set_index("account_id")
    on = {day: set(lists.loc[lists["listed_on"] == day, "account_id"]) for day in ("2026-01-31", "2026-03-31")}
    gone = february.index.isin(on["2026-01-31"] - on["2026-03-31"])

    assert set(february.index) <= on["2026-01-31"]
    assert gone.any()
    assert february.loc[gone, "churned"].astype(bool).all()


def test_a_list_is_known_at_the_midnight_after_it_and_not_before(snapshot: Snapshot) -> None:
    """Also what it says of the past: the day of an executive contact is known from the list that tells it (FEA-3)."""
    for name in ("usage", "tickets", "surveys", "touchpoints", "contracts"):
        before, after = (
            facts_at(snapshot, at)[name].count().execute() for at in (datetime(2026, 6, 30), datetime(2026, 7, 1))
        )
        assert after > before, name
    met = facts_at(snapshot, datetime(2026, 6, 30))["touchpoints"]
    assert met.happened_at.max().execute() <= pd.Timestamp("2026-05-31")


def test_the_blueprint_comes_out_of_seven_numbers(run: Run, examples: pd.DataFrame) -> None:
    """At least three derived metrics, bands, and the many blind spots of such a company (MOD-10)."""
    settings = run.settings
    rules = settings.models.insights.model_copy(update={"min_accounts": 10, "min_outcomes": 3})
    found = contrasts(examples, "churned", [f.name for f in FEATURES.values() if f.published], ["segment"], rules)
    importance = pd.DataFrame(columns=["name", "value", "low", "high"])
    page = blueprint(
        run.as_of, examples, importance, found, mart(run.out, "signal_catalogue", FIRST), FEATURES, settings.health,
        rules, 90, refused="3 matured months are too few.",
    )  # fmt: skip

    assert len(page.signals) == 5
    assert len(page.derived) >= 3
    assert page.bands["rows"].sum() == len(examples)
    assert {"invoices", "contacts", "opportunities"} <= set(page.absent)
    assert "There is no model: 3 matured months are too few." in as_html(page)
