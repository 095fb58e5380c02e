"""No rule vanishes: it runs on the columns that are given, or stands in the results as not judged (SRC-10)."""

from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keepwell.expectations.suites import TO_EXIST, UNIQUE_TOGETHER, load_suites, missing_columns, on_given
from keepwell.features.facts.canonical import TABLES
from keepwell.flows.scoring import check_frame
from keepwell.tasks.checks.results import CheckResult, coverage_left
from keepwell.tasks.checks.run import run_checks
from keepwell.tasks.settings import CheckSettings
from tests.support.company import AS_OF, CURRENCIES, Company, Row, company, settings, staged

SUITES = load_suites()
SMALL = 60


def some(names: Collection[str] = ()) -> Company:
    """A few rows of each table."""
    return {name: rows if name == "accounts" else rows[:SMALL] for name, rows in company(*names).items()}


def without(rows: Company, dropped: dict[str, Collection[str]]) -> Company:
    """The tables as a mapping gives them that lacks some columns."""
    return {
        name: [{k: v for k, v in row.items() if k not in dropped.get(name, ())} for row in of_table]
        for name, of_table in rows.items()
    }


def checked(rows: Company, folder: Path, every: float | None = 1, **bounds: Any) -> list[CheckResult]:
    return run_checks(staged(rows, folder), AS_OF, CheckSettings(**bounds), settings(every), CURRENCIES)


def optional(name: str) -> list[str]:
    return [c.name for c in TABLES[name].columns if not c.required] + ["loaded_at"]


@pytest.mark.parametrize("name", TABLES)
def test_every_rule_is_judged_or_names_what_it_lacks_for_every_subset_of_columns(name: str) -> None:
    """Exactly one of the two, whatever a mapping gives; a rule on fewer columns says so (SRC-10)."""
    table, suite = TABLES[name], SUITES[name]
    rules = [e for e in suite.expectations if e.expect != TO_EXIST]
    required = {c.name for c in table.columns if c.required}
    columns = optional(name)
    for number in range(len(columns) + 1):
        for chosen in combinations(columns, number):
            given = required | set(chosen)
            for rule in rules:
                narrowed, missing = on_given(rule, table, given), missing_columns(rule, table, given)
                assert (narrowed is rule) == (not missing)
                if narrowed is not None and missing:
                    assert rule.expect == UNIQUE_TOGETHER
                    assert set(narrowed.given) == set(rule.given) & given
                    assert all(column in narrowed.requirement for column in missing)
                assert narrowed is not None or (missing and not set(missing) & given)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_every_rule_of_every_suite_stands_in_the_results(seed: int | None, tmp_path: Path) -> None:
    """Judged, or `success` empty with the reason: with no optional column at all, and with some (SRC-10)."""
    draw = np.random.default_rng(seed or 0)
    dropped = {name: [c for c in optional(name) if seed is None or draw.random() < 0.5] for name in TABLES}
    results = checked(without(some(), dropped), tmp_path, every=None if seed is None else 1)

    everything = {(n, e.rule, e.about) for n, suite in SUITES.items() for e in suite.expectations}
    assert {(r.table, r.rule, r.column) for r in results} == everything
    assert len(results) == len(everything)
    assert all((r.success is None) == (r.not_judged is not None) for r in results)
    given = {name: {c for row in rows for c in row} for name, rows in without(some(), dropped).items()}
    for result in results:
        if result.not_judged is not None and "given" in result.not_judged:
            assert not set(result.not_judged.split(" not given")[0].split()) & given[result.table]
    assert not [r for r in results if r.success is None and "$" in r.requirement]


@pytest.mark.slow
def test_what_is_not_judged_breaks_nothing_and_costs_no_coverage(tmp_path: Path) -> None:
    """In the mart `success` is empty and `not_judged` says why; Data Docs list it (SRC-3, SRC-10)."""
    rows = without(some(("accounts", "contracts", "usage")), {"contracts": ["ended_on", "notice_on"]})
    snapshot, docs = staged(rows, tmp_path / "company"), tmp_path / "docs"
    results = run_checks(snapshot, AS_OF, CheckSettings(), settings(None), CURRENCIES, docs)

    frame = check_frame(results).set_index(["table", "expectation"]).sort_index()
    late = frame.loc[("contracts", "ended_after_start")]
    assert late["success"] is None
    assert late["not_judged"] == "ended_on is not given by the mapping"
    assert coverage_left(results, 0.5)["contracts"] == 1
    index = (docs / "index.html").read_text()
    assert "ended_after_start of ended_on: ended_on is not given by the mapping" in index


def twice(rows: Sequence[Row], **changes: object) -> list[Row]:
    """The rows, and the first three again with these values changed."""
    return [*rows, *({**row, **changes} | {k: v(row) for k, v in changes.items() if callable(v)} for row in rows[:3])]


def other_id(row: Row) -> str:
    return f"MIG-{row['contract_id']}"


TWICE: list[tuple[str, str, Collection[str], Callable[[Sequence[Row]], list[Row]]]] = [
    ("accounts", "key_unique", ["valid_from"], lambda rows: twice(rows, csm="lea", segment="ent")),
    ("contracts", "not_said_twice", ["ended_on"], lambda rows: twice(rows, contract_id=other_id)),
    ("contracts", "not_said_twice", ["end_on"], lambda rows: twice(rows, contract_id=other_id)),
    ("contracts", "not_said_twice", ["end_on", "ended_on"], lambda rows: twice(rows, contract_id=other_id)),
    ("contracts", "not_said_twice", ["end_on", "ended_on", "plan", "seats"],
     lambda rows: twice(rows, contract_id=other_id)),
    ("usage", "key_unique", ["user_id"], lambda rows: twice(rows, events=99)),
    ("usage", "key_unique", ["feature"], lambda rows: twice(rows, events=99)),
    ("usage", "key_unique", ["user_id", "feature"], lambda rows: twice(rows, events=99)),
]  # fmt: skip


@pytest.mark.slow
def test_a_rule_of_several_columns_runs_on_those_that_are_given(tmp_path: Path) -> None:
    """A contract under two ids, an account twice in a CRM without history, usage that came twice (SRC-4, SRC-10)."""
    for number, (table, rule, dropped, change) in enumerate(TWICE):
        rows = some({"accounts", "contracts", "usage"})
        if table == "usage":
            rows["usage"] = [row for row in rows["usage"] if row["user_id"] == "u-0"] or rows["usage"][:1]
            rows["usage"] = [{**row, "day": f"2024-05-{1 + i:02}"} for i, row in enumerate(rows["usage"][:20])]
        plain = without(rows, {table: dropped})
        again = without({**rows, table: change(rows[table])}, {table: dropped})
        for part, broken in ((plain, None), (again, 2 * min(3, len(rows[table])))):
            folder = tmp_path / f"{number}-{broken}"
            (found,) = [r for r in checked(part, folder) if (r.table, r.rule) == (table, rule)]
            assert found.broken == (broken is not None), (table, rule, dropped)
            assert found.failed_rows == (broken or 0)
            assert f"judged without {' and '.join(c for c in dropped if c in found.requirement)}" in found.requirement
        if table == "accounts":
            assert found.sample_keys == tuple(row["account_id"] for row in rows["accounts"][:3])


@pytest.mark.slow
def test_a_contract_without_a_signature_is_agreed_on_when_it_starts(tmp_path: Path) -> None:
    """Notice before that is a finding whether or not the source has signatures (SRC-10)."""
    rows = some({"accounts", "contracts", "usage"})
    rows["contracts"][0]["notice_on"] = "2000-01-01"
    results = checked(without(rows, {"contracts": ["signed_on"]}), tmp_path, every=None)

    assert {r.rule for r in results if r.broken and r.table == "contracts"} == {"notice_after_agreement"}
