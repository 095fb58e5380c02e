"""What each table and column buys: the page against companies that are scored without it (HLT-2)."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import Facts
from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import Settings, load_settings
from keepwell.flows.reference.complete_company import Scenario, filled_tables
from keepwell.flows.reference.coverage import (
    COMPLETE,
    Answers,
    answers,
    buys,
    columns_of,
    optional_tables,
    sets_of_tables,
    without_columns,
)
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.scoring.measured import measured_book
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.staging import stage

AS_OF = datetime(2026, 6, 1)
WHOLE_PAST_DAYS = 400
"""Tenure from which an account has every past that a measure compares it with."""
COLUMNS = [
    max((without_columns(name, group) for group in columns_of(TABLES[name])), key=buys)
    for name in filled_tables()
    if name not in {"accounts", "opportunities"}
]
"""Of each table the column that buys most; no measure needs one of accounts or opportunities."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small sample company with a year and more of records."""
    folder = tmp_path_factory.mktemp("company")
    usual = company_with("policy", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, 3.0)}) for s in usual.segments)
    write_company(40, 18, 8, folder, settings=usual.model_copy(update={"segments": segments}))
    return load_settings(folder / "pipeline.toml")


@pytest.fixture(scope="module")
def facts(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """All that its sources know."""
    folder: Path = tmp_path_factory.mktemp("snapshots")
    snapshot = stage(settings.source.url, settings.base, settings.mappings, folder)
    return facts_at(snapshot, AS_OF)


@pytest.fixture(scope="module")
def whole(facts: Facts, settings: Settings) -> pd.Series:
    """Coverage, with every table, of each account whose past tells all: what it cannot have has no weight."""
    scores = measured_book(facts, settings, {}, None).scores
    return scores.loc[scores["tenure_days"] >= WHOLE_PAST_DAYS, "coverage"]


def coverage_without(facts: Facts, settings: Settings, scenario: Scenario) -> pd.Series:
    """Coverage of each account as the product scores a company whose mappings lack this."""
    tables = {name: rows for name, rows in facts.tables.items() if name not in scenario.tables}
    given = {name: columns for name, columns in facts.given.items() if name not in scenario.tables}
    for name, column in scenario.columns:
        rows = tables[name]
        tables[name] = rows.mutate(**{column: rows[column].nullif(rows[column])})
        given[name] = given[name] - {column, TABLES[name].text if column == "sentiment" else column}
    return measured_book(replace(facts, tables=tables, given=given), settings, {}, None).scores["coverage"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", [Scenario(frozenset({n})) for n in optional_tables() if n != "usage"] + COLUMNS, ids=lambda s: s.account
)
def test_an_account_loses_what_the_page_says(
    scenario: Scenario, facts: Facts, settings: Settings, whole: pd.Series
) -> None:
    """The figure is what an account loses of which all of it is known; no account loses more (HLT-2)."""
    lost = whole - coverage_without(facts, settings, scenario).reindex(whole.index)

    assert lost.max() == pytest.approx(buys(scenario))
    assert lost.min() >= -1e-9
    assert 0 < lost.mean() <= buys(scenario) + 1e-9


def test_the_figures_are_those_of_the_weights() -> None:
    """Worked out by hand from the defaults: weight of the component x share of the measures within it (HLT-1)."""
    by_hand = {
        Scenario(frozenset({"invoices"})): 0.10,
        Scenario(frozenset({"surveys"})): 0.10 * 2.0 / 4.5,
        Scenario(frozenset({"contacts"})): 0.12 * 1.75 / 4.5,
        Scenario(frozenset({"opportunities"})): 0.08 * 0.5 / 1.5,
        Scenario(frozenset({"tickets"})): 0.15 + 0.10 * 1.5 / 4.5,
        Scenario(frozenset({"usage"})): 0.30 + 0.15 * 7.0 / 7.5,
        Scenario(frozenset({"accounts"})): 0.0,
        without_columns("tickets", ["priority"]): 0.15 * 1.0 / 4.5,
        without_columns("invoices", ["failed_at", "first_failed_at"]): 0.10 * 1.5 / 4.5,
        without_columns("contracts", ["seats"]): 0.30 * 1.0 / 8.5 + 0.15 * 1.0 / 7.5 + 0.15 * 0.5 / 4.5,
        without_columns("usage", ["minutes"]): 0.0,
    }

    assert {s.account: buys(s) for s in by_hand} == pytest.approx({s.account: share for s, share in by_hand.items()})


def test_everything_is_known_of_the_complete_account_and_its_parts_add_up() -> None:
    """Coverage 1 with every table and column; what is left by component sums to the coverage (HLT-2)."""
    found = answers()

    assert found.coverage[COMPLETE.account] == pytest.approx(1.0)
    assert found.features(COMPLETE) == [name for name, f in FEATURES.items() if f.published]
    for name in optional_tables():
        scenario = Scenario(frozenset({name}))
        assert sum(found.components(scenario).values()) == pytest.approx(found.coverage[scenario.account])


def test_what_else_is_lost() -> None:
    """Alerts that cannot open and columns of the portfolio that change (ALR-1)."""
    found = answers()

    def alerts_without(scenario: Scenario) -> set[str]:
        return set(found.alerts(COMPLETE)) - set(found.alerts(scenario))

    assert alerts_without(Scenario(frozenset({"invoices"}))) == {"payment_failure", "billing_dispute"}
    assert alerts_without(without_columns("tickets", ["priority"])) == {"urgent_ticket"}
    assert alerts_without(Scenario(frozenset({"usage"}))) == {"no_usage"}
    assert alerts_without(Scenario(frozenset({"surveys"}))) == set()
    assert set(found.portfolio(without_columns("contracts", ["notice_on"]))) >= {"status", "notice_on"}
    assert "arr" in found.portfolio(without_columns("contracts", ["replaces"]))
    assert "renewal_on" in found.portfolio(without_columns("contracts", ["signed_on"]))
    assert found.portfolio(Scenario(frozenset({"tickets"}))) == []


def test_sets_of_tables_grow_to_everything() -> None:
    """Each line of the page has more than the one before; usage as days alone is too little for a score (HLT-2)."""
    named = sets_of_tables()
    found = Answers([COMPLETE, *(scenario for _, scenario in named)])
    shares = [found.coverage[scenario.account] for _, scenario in named]

    assert shares == sorted(set(shares))
    assert shares[-1] == pytest.approx(1.0)
    assert shares[0] < 0.3 < shares[1]
