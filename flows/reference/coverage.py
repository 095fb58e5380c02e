"""What each canonical table and column buys, found by scoring a company that lacks it.

Nothing is listed by hand: features, coverage, alerts and the portfolio of complete_company.py are computed by the code
that scores real companies, once with everything and once for each table and column that is missing.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import chain

import pandas as pd

from keepwell.features.book import book
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.events import events
from keepwell.features.facts.known import Facts
from keepwell.features.health.score import Inputs, coverage, measure_frame
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS, answerable, companions, feature_table
from keepwell.features.settings import BookSettings, HealthSettings
from keepwell.flows.reference.complete_company import Scenario, facts_of, filled_tables, given_without
from keepwell.playbook.alerts.rules import Standing, conditions
from keepwell.playbook.settings import AlertSettings

MONEY, HEALTH, ALERTS = BookSettings(), HealthSettings(), AlertSettings()
COMPLETE = Scenario()


class Answers:
    """What the accounts of these scenarios get: features, coverage by component, portfolio and alerts."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        facts = facts_of(scenarios)
        under_contract = book(facts, MONEY)
        wide = feature_table(facts, under_contract, FEATURES, MONEY.rates(), companions(FEATURES)).to_pandas()
        wide = wide.set_index("account_id", drop=False)
        for scenario in scenarios:
            given = given_without(scenario)
            own = replace(facts, tables={n: t for n, t in facts.tables.items() if n in given}, given=given)
            lost = [n for n, f in FEATURES.items() if f.published and not answerable(own, f)]
            wide.loc[scenario.account, lost] = None
        self._wide = wide
        self._portfolio = wide[[c for c in under_contract.columns if c != "account_id"]]
        self._measures = _measures(wide, facts)
        self._events = events(facts, facts.as_of.min, ALERTS.ticket_priorities, MONEY.rates()).to_pandas()
        self.coverage = coverage(self._measures)

    def components(self, scenario: Scenario) -> dict[str, float]:
        """The share of the score's whole weight that is known, by component; they sum to the coverage."""
        mine = self._measures[self._measures["account_id"] == scenario.account]
        found = {}
        for component, rows in mine.groupby("component"):
            known = (rows["weight"] * rows["coverage"]).sum() / rows["weight"].sum()
            found[str(component)] = float(known * rows["component_weight"].iloc[0])
        return {component: found.get(component, 0.0) for component in COMPONENTS}

    def features(self, scenario: Scenario) -> list[str]:
        """The published features that have a value."""
        row = self._wide.loc[scenario.account]
        return [name for name, feature in FEATURES.items() if feature.published and pd.notna(row[name])]

    def portfolio(self, scenario: Scenario) -> list[str]:
        """The columns of the portfolio that have another value than with everything."""
        mine, whole = (self._portfolio.loc[s.account] for s in (scenario, COMPLETE))
        return [c for c in mine.index if not (mine[c] == whole[c] or (pd.isna(mine[c]) and pd.isna(whole[c])))]

    def alerts(self, scenario: Scenario) -> list[str]:
        """The rules that can hold: those of events, and the conditions that are not unknown."""
        opened = self._events[self._events["account_id"] == scenario.account]["rule"]
        row, known = self._wide.loc[scenario.account], self.coverage[scenario.account]
        health = HEALTH.typical_points if known >= HEALTH.minimum_coverage else None
        silent = row["days_since_last_use"]
        standing = Standing(
            scenario.account, None if pd.isna(silent) else float(silent), row["tenure_days"], health, health
        )
        found = [c.rule for c in conditions(standing, ALERTS) if c.holds is not None]
        return [*found, *dict.fromkeys(opened)]


def _measures(wide: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The measures of the health score, every source trusted and nothing carried."""
    trusted = pd.DataFrame(1.0, index=wide.index, columns=[])
    inputs = Inputs(frozenset(FEATURES), trusted, None, facts.today)
    rows = wide.reset_index(drop=True)
    return measure_frame(rows[["account_id", "segment", "tenure_days"]], rows, FEATURES, HEALTH, inputs)


def optional_tables() -> list[str]:
    """The tables that a feature, a score or an alert can read and that a company may lack, and usage."""
    return [name for name in filled_tables() if name == "usage" or TABLES[name].optional]


def columns_of(table: CanonicalTable) -> list[tuple[str, ...]]:
    """The columns that a mapping may leave out; those of which a feature needs any one come together.

    Of a text only the sentiment is stored: either of the two will do.
    """
    needed = [tuple(n.split("|")) for f in FEATURES.values() if table.name in f.sources for n in f.needs if "|" in n]
    either = dict.fromkeys(tuple(sorted(group)) for group in needed)
    grouped = set(chain.from_iterable(either))
    single = [
        (c.name,) for c in table.columns
        if not c.required and c.name not in {*table.key[:1], "account_id", "valid_from", table.text, *grouped}
    ]  # fmt: skip
    return [*single, *either]


def without_columns(table: str, columns: Sequence[str]) -> Scenario:
    """The scenario without these columns of one table."""
    return Scenario(columns=frozenset((table, column) for column in columns))


def sets_of_tables() -> list[tuple[str, Scenario]]:
    """Tables that a company may begin with, in words, each with one more than the one before."""
    others = [name for name in optional_tables() if name != "usage"]
    optional = frozenset(("usage", column) for group in columns_of(TABLES["usage"]) for column in group)
    found = [
        ("accounts, contracts, usage as days alone", Scenario(frozenset(others), optional)),
        ("usage with users, features and counts of actions", Scenario(frozenset(others))),
    ]
    while others:
        added = max(others, key=lambda name: (buys(Scenario(frozenset({name}))), name))
        others.remove(added)
        found.append((f"+ {added}", Scenario(frozenset(others))))
    return found


@cache
def answers() -> Answers:
    """The answers of every scenario on the page."""
    tables = [Scenario(frozenset({name})) for name in filled_tables() if name != "contracts"]
    columns = [without_columns(n, group) for n in filled_tables() for group in columns_of(TABLES[n])]
    return Answers([COMPLETE, *tables, *columns])


def buys(scenario: Scenario) -> float:
    """The coverage that the account loses by what the scenario lacks."""
    return float(answers().coverage[COMPLETE.account] - answers().coverage[scenario.account])
