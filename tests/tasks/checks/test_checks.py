"""The data checks: a company without a flaw, broken in every way that a suite knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from keepwell.expectations.derived import with_existence
from keepwell.expectations.sieve import repeated_marks, value_breaks
from keepwell.expectations.suites import EVERY_TABLE, FOLDER, TO_EXIST, Expectation, load_suites
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.settings import BookSettings
from keepwell.tasks.checks import judge as judge_module
from keepwell.tasks.checks import run as run_module
from keepwell.tasks.checks.rows import ROW_KEY, Asked, Rows, with_row_key
from keepwell.tasks.checks.run import CheckResult, coverage_left, raise_if_critical, run_checks
from keepwell.tasks.checks.summed import OfRows
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.settings import CheckSettings, Override
from keepwell.tasks.sources.connect import engine
from keepwell.tasks.sources.snapshot import Snapshot, StagedTable
from tests.support.company import AS_OF, CURRENCIES, CUSTOMERS, Company, Row, company, settings, staged

OLD, NEVER = "2000-01-01", "1900-01-01"
SUITES = load_suites()
DEFAULTS = CheckSettings()
BROKEN_ROWS = 4
OTHER_UNITS = (("arr_unit", "arr"), ("arr_unit_of_plan", "arr"))
UNDATED = tuple((f"{column}_dated", column) for column in ("segment", "industry", "country", "parent_id"))
CORE = ("accounts", "contracts", "usage", "tickets")
REQUIRED_TABLES = {name for name, table in TABLES.items() if not table.optional}


@dataclass(frozen=True, eq=False)
class Break:
    """One way to break one rule of one table: what changes in some rows, and which rules break beside it."""

    table: str
    rule: str
    change: Mapping[str, Any] | Callable[[Row, int], Row]
    column: str | None = None
    rows: int = BROKEN_ROWS
    added: bool = False
    also: tuple[tuple[str, str | None], ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.rule}"


def changed(**values: Any) -> Mapping[str, Any]:
    return values


def shared_by_every_table() -> list[Break]:
    """Breaks of the rules in every_table.toml that judge rows."""
    breaks = []
    for name, table in TABLES.items():
        rules = SUITES[name].rules
        required = [c.name for c in table.columns if c.required]
        breaks += [Break(name, f"{column}_not_null", {column: None}, column) for column in required]
        breaks += [Break(name, f"{c}_exists", {c: "A-gone"}, c) for c in table.references]
        key = table.key[0] if len(table.key) == 1 else None
        breaks.append(Break(name, "key_unique", said_again(name), key, rows=6, added=True))
        if "not_after_load" in rules:
            breaks.append(Break(name, "not_after_load", {"loaded_at": OLD}, table.event))
    return breaks


def said_again(name: str) -> Callable[[Row, int], Row]:
    """A copy that differs outside the key, so that only the key says that it is one."""
    if name == "contracts":
        return lambda row, _: {**row, "arr": row["arr"] + 1}
    if name == "churn_events":
        return lambda row, _: {**row, "churned_on": row["churned_on"] - timedelta(days=1)}
    return lambda row, _: dict(row)


ENTERED = ("touchpoints", "opportunities", "interventions", "notes")


def entered_late(row: Row, _: int) -> Row:
    """Written down nine days after the source's usual time."""
    return {**row, "loaded_at": row["loaded_at"] + timedelta(days=9)}


OF_ROWS = [
    *shared_by_every_table(),
    Break("accounts", "valid_from_given", changed(valid_from=None), "valid_from", also=UNDATED),
    Break("accounts", "valid_from_plausible", changed(valid_from=NEVER), "valid_from"),
    Break("accounts", "parent_id_exists", changed(parent_id="A-gone"), "parent_id"),
    Break("accounts", "country_code", changed(country="Germany"), "country"),
    Break("contracts", "arr_range", changed(arr=-5), "arr", also=OTHER_UNITS[:1]),  # of invoices beyond their range
    Break("contracts", "seats_range", changed(seats=-5), "seats"),
    Break("contracts", "currency_has_rate", changed(currency="XTS"), "currency"),
    Break("contracts", "end_after_start", changed(end_on=OLD), "end_on"),
    Break("contracts", "ended_after_start", changed(ended_on=OLD), "ended_on"),
    Break("contracts", "notice_after_agreement", changed(notice_on=OLD), "notice_on"),
    Break("contracts", "signed_not_after_load", changed(loaded_at=OLD), "signed_on"),
    Break("contracts", "start_plausible", changed(start_on=NEVER), "start_on"),
    Break("contracts", "replaces_known", changed(replaces="nobody"), "replaces"),
    Break("contracts", "not_said_twice", lambda row, i: {**row, "contract_id": f"Z-{i}"}, rows=6, added=True),
    Break("usage", "day_plausible", changed(day=NEVER), "day"),
    Break("usage", "events_range", changed(events=-1), "events"),
    Break("usage", "minutes_range", changed(minutes=-1), "minutes"),
    Break("usage", "minutes_of_a_day", changed(minutes=1500), "minutes"),
    Break("usage", "feature_spelling", changed(feature="Re-Ports"), "feature"),
    Break("usage", "user_id_given", changed(user_id=None), "user_id"),
    Break("tickets", "priority_set", changed(priority="P1"), "priority"),
    Break("tickets", "csat_range", changed(csat=9), "csat"),
    Break("tickets", "csat_has_time", changed(csat_at=None, closed_at=None, closed=None), "csat"),
    Break(
        "tickets", "escalated_has_time", changed(escalated_at=None, closed_at=None, closed=None, csat=None), "escalated"
    ),
    Break("tickets", "closed_has_time", changed(closed_at=None, closed=True), "closed"),
    Break("tickets", "raised_after_opened", changed(priority_at=OLD), "priority_at"),
    Break("tickets", "sentiment_range", changed(sentiment=2), "sentiment"),
    Break("tickets", "closed_after_opened", changed(closed_at=OLD), "closed_at"),
    Break("tickets", "answered_after_opened", changed(first_response_at=OLD), "first_response_at"),
    Break("tickets", "escalated_after_opened", changed(escalated_at=OLD), "escalated_at"),
    Break("tickets", "csat_after_opened", changed(csat_at=OLD), "csat_at"),
    Break("invoices", "amount_range", changed(amount=1e13), "amount"),
    Break("invoices", "currency_has_rate", changed(currency="XTS"), "currency"),
    Break("invoices", "due_after_issued", changed(due_on=OLD), "due_on"),
    Break("invoices", "paid_after_issued", changed(paid_at=OLD), "paid_at"),
    Break("invoices", "failed_after_issued", changed(failed_at=OLD, first_failed_at=None), "failed_at"),
    Break("invoices", "disputed_after_issued", changed(disputed_at=OLD), "disputed_at"),
    Break("invoices", "resolved_after_disputed", changed(resolved_at=OLD), "resolved_at"),
    Break("invoices", "retried_after_failed", changed(first_failed_at="2024-05-31T12:00"), "failed_at"),
    Break("invoices", "voided_after_issued", changed(voided_at=OLD), "voided_at"),
    Break("surveys", "score_range", changed(score=11), "score"),
    Break("surveys", "role_set", changed(role="boss"), "role"),
    Break("surveys", "sentiment_range", changed(sentiment=-2), "sentiment"),
    Break("touchpoints", "kind_set", changed(kind="fax"), "kind"),
    Break("touchpoints", "role_set", changed(role="boss"), "role"),
    Break("touchpoints", "sentiment_range", changed(sentiment=2), "sentiment"),
    Break("touchpoints", "engagement_range", changed(engagement=7), "engagement"),
    Break("touchpoints", "answer_has_time", changed(kind="email", attended=True, answered_at=None), "attended"),
    Break("touchpoints", "answered_after_sent", changed(kind="email", answered_at=OLD), "answered_at"),
    *(Break(table, "entered_in_time", entered_late, "known_at") for table in ENTERED),
    Break("contacts", "role_set", changed(role="boss"), "role"),
    Break("contacts", "left_after_since", changed(left_on=OLD), "left_on"),
    Break("opportunities", "kind_set", changed(kind="new business"), "kind"),
    Break("opportunities", "stage_set", changed(stage="closed lost"), "stage"),
    Break("opportunities", "value_range", changed(value=-5), "value"),
    Break("opportunities", "currency_has_rate", changed(currency="XTS"), "currency"),
    Break("churn_events", "not_said_twice", lambda row, i: {**row, "churn_id": f"Z-{i}"}, rows=6, added=True),
    Break("advocacy", "kind_set", changed(kind="applause"), "kind"),
    Break("advocacy", "rating_range", changed(rating=9), "rating"),
    Break("interventions", "kind_set", changed(kind="lunch"), "kind"),
    Break("hold_outs", "chance_range", changed(chance=40), "chance"),
    Break("legacy_scores", "score_given", changed(score=None), "score"),
    Break("notes", "kind_set", changed(kind="gossip"), "kind"),
    Break("notes", "expires_after_noted", changed(expires_on=OLD), "expires_on"),
]

OUTLIERS = [
    Break("contracts", "arr_outliers", changed(arr=10**11), "arr", rows=12, also=OTHER_UNITS[1:]),
    Break("contracts", "seats_outliers", changed(seats=10**8), "seats", rows=12, also=OTHER_UNITS[1:]),
    Break("usage", "events_outliers", changed(events=10**8), "events", rows=40),
    Break(
        "usage", "minutes_outliers", changed(minutes=10**8), "minutes", rows=40, also=(("minutes_of_a_day", "minutes"),)
    ),
    Break("invoices", "amount_outliers", changed(amount=10**11), "amount", rows=12),
    Break("opportunities", "value_outliers", changed(value=10**11), "value", rows=12),
]

OF_TABLES = {
    "column_exists", "not_empty", "type", "fresh", "not_stale", "volume", "known_by_then", "accounts_stay",
    "few_accounts_vanish", "accounts_move_little", "arr_moves_little", "end_kept", "end_reached", "renewal_or_addon",
    "starts_a_day_late", "renewal_has_a_row",
    *(f"{c}_dated" for c in ("priority", "failed_at", "sentiment", "engagement")),
}  # fmt: skip
"""Rules that have a test of their own below, or in test_book_watch.py."""
OF_VALUES = {
    "open_end", "local_day", "arr_unit", "arr_unit_of_plan", "end_plausible", "segment_dated", "industry_dated",
    "country_dated", "parent_id_dated",
    *(f"{c.name}_plausible" for table in TABLES.values() for c in table.columns if c.type in ("date", "timestamp")),
}  # fmt: skip
"""Rules that have a test of their own in test_values.py."""


def broken(breaks: Sequence[Break]) -> tuple[Company, dict[Break, list[Row]]]:
    """The company with all these breaks at once, each in rows of its own, and the rows that each break left."""
    rows, left = company("accounts", *{each.table for each in breaks}), {}
    used = {**dict.fromkeys(TABLES, 0), "accounts": CUSTOMERS}
    for each in breaks:
        of_table, start = rows[each.table], used[each.table]
        count = each.rows // 2 if each.added else each.rows
        change = each.change if callable(each.change) else lambda row, _, values=each.change: {**row, **values}
        mine = [change(of_table[start + i], start + i) for i in range(count)]
        if each.added:
            left[each] = of_table[start : start + count] + mine
            of_table.extend(mine)
        else:
            left[each] = mine
            of_table[start : start + count] = mine
        used[each.table] += count
    return rows, left


@cache
def broken_company(group: str, folder: Path) -> tuple[Snapshot, dict[Break, list[Row]]]:
    rows, left = broken({"rows": OF_ROWS, "outliers": OUTLIERS}[group])
    return staged(rows, folder / group), left


@cache
def findings(group: str, folder: Path, rows_in_memory: int = DEFAULTS.rows_in_memory) -> list[CheckResult]:
    """What the checks say of a company with one group of breaks; judged once per way of judging."""
    snapshot, _ = broken_company(group, folder)
    return run_checks(snapshot, AS_OF, CheckSettings(rows_in_memory=rows_in_memory), settings(), CURRENCIES)


def everything(
    rows: ir.Table, accounts: ir.Table, table: CanonicalTable, about: StagedTable, asked: Sequence[Asked], limit: int
) -> Rows:
    """All rows of a table, each rule in doubt: what the judge says without the sieve. In place of `rows_to_judge`."""
    del limit
    whole = with_row_key(with_existence(rows, table.name, about.given, accounts), table, about.given)
    needed = {c for a in asked for c in (*a.expectation.given, a.expectation.column or "") if c in whole.columns}
    columns = (ROW_KEY, *sorted(needed))
    frame = whole.select(*columns).order_by(*columns).to_pyarrow().to_pandas(date_as_object=False)
    filled = [int(frame[a.expectation.given[0]].notna().sum()) for a in asked]
    in_doubt = [replace(a, failed=len(frame), filled=n) for a, n in zip(asked, filled, strict=True)]
    return Rows(frame, len(frame), tuple(in_doubt))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("companies")


@pytest.fixture(scope="module")
def sound(folder: Path) -> Snapshot:
    """The company without a flaw."""
    return staged(company(), folder / "sound")


@pytest.fixture(scope="module")
def core(folder: Path) -> Snapshot:
    """Its tables that matter most."""
    return staged(company(*CORE), folder / "core")


@pytest.fixture(scope="module")
def odd_tickets(folder: Path) -> Snapshot:
    """The same with three tickets whose id and priority are no good."""
    rows = company(*CORE)
    for row in rows["tickets"][:3]:
        row |= {"ticket_id": f"<script>{row['ticket_id']}</script>", "priority": "$cost {x} <b>"}
    rows["tickets"][3]["csat"] = "n/a"
    return staged(rows, folder / "odd_tickets")


def failed(results: Sequence[CheckResult]) -> set[tuple[str, str, str | None]]:
    return {(r.table, r.rule, r.column) for r in results if r.broken}


def one(results: Sequence[CheckResult], table: str, rule: str, column: str | None = None) -> CheckResult:
    (found,) = [r for r in results if (r.table, r.rule, r.column) == (table, rule, column)]
    return found


def keys_of(table: str, rows: Sequence[Row]) -> list[str]:
    """What names these rows in a finding: the key, or account and event where it is gone; in order, each once."""
    canonical = TABLES[table]
    names = canonical.key
    keys = set()
    for row in rows:
        there = any(row[name] is not None for name in names)
        parts = [row[name] for name in (names if there else ("account_id", canonical.event))]
        keys.add("|".join("" if p is None else str(p) for p in parts))
    return sorted(keys)


# Rules about rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broke", [*OF_ROWS, *OUTLIERS], ids=str)
def test_a_row_that_breaks_a_rule_is_found_counted_and_named(broke: Break, folder: Path) -> None:
    """Table, column, rule, count, three keys and the remedy of every rule about rows (SRC-3, SRC-4)."""
    group = "outliers" if broke in OUTLIERS else "rows"
    results, (_, left) = findings(group, folder), broken_company(group, folder)

    found = one(results, broke.table, broke.rule, broke.column)
    assert found.broken
    assert found.failed_rows == broke.rows
    assert list(found.sample_keys) == keys_of(broke.table, left[broke])[:3]
    assert found.rows is not None
    assert found.rows > 100
    assert found.remedy


@pytest.mark.parametrize(("group", "breaks"), [("rows", OF_ROWS), ("outliers", OUTLIERS)])
def test_no_other_rule_is_blamed(group: str, breaks: Sequence[Break], folder: Path) -> None:
    """What is broken is found, and nothing else is."""
    results = findings(group, folder)

    expected = {(b.table, rule, column) for b in breaks for rule, column in ((b.rule, b.column), *b.also)}
    assert failed(results) == expected


@pytest.mark.slow
@pytest.mark.parametrize("group", ["rows", "outliers"])
def test_the_sieve_and_the_judge_find_what_the_judge_finds_alone(
    group: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sieve lets every row and value through that breaks a rule: verdicts, counts and keys are equal (SRC-3)."""
    sieved = findings(group, folder)
    monkeypatch.setattr(run_module, "rows_to_judge", everything)
    monkeypatch.setattr(run_module, "counts_of", lambda rows, _, __, suite, ___: OfRows(rows, TABLES[suite.table]))
    snapshot, _ = broken_company(group, folder)

    assert run_checks(snapshot, AS_OF, DEFAULTS, settings(), CURRENCIES) == sieved


@pytest.mark.slow
def test_a_value_of_a_table_is_compared_as_the_judge_compares_it(core: Snapshot, folder: Path) -> None:
    """Every rule about a whole table, with values within, at and beyond its bounds (SRC-3)."""
    asked: list[tuple[Asked, dict[str, Any]]] = []

    def remembered(expectation: Expectation, values: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
        bounds = [b for b in (arguments.get("min_value"), arguments.get("max_value")) if b is not None]
        (name,) = expectation.given
        tried = [values.get(name), *bounds, *(b + by for b in bounds for by in (-0.5, 0.5))]
        asked.extend((Asked(expectation, arguments), {name: value}) for value in tried)
        if expectation.expect == TO_EXIST:
            asked.append((Asked(expectation, arguments), {"other": 1}))
        return value_breaks(expectation, values, arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module, "value_breaks", remembered)
        for snapshot in (core, broken_company("rows", folder)[0]):
            run_checks(snapshot, AS_OF, DEFAULTS, settings(), CURRENCIES)

    assert {"not_empty", "fresh", "column_exists", "volume"} <= {question.expectation.rule for question, _ in asked}
    answers = set()
    judge = judge_module.Judge({})
    for question, values in asked:
        ((_, answer),) = judge.answers([question], pd.DataFrame([{ROW_KEY: "", **values}]), [True])
        assert answer.success == (not value_breaks(question.expectation, values, question.arguments)), question
        answers.add(answer.success)
    assert answers == {True, False}


def test_rules_without_a_row_in_doubt_ask_nobody(core: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations takes seconds to load: a day whose rules all hold does without (SCL-1)."""
    monkeypatch.setattr(judge_module, "_great_expectations", lambda: pytest.fail("the judge was asked"))

    assert failed(run_checks(core, AS_OF, DEFAULTS, settings(), CURRENCIES)) == set()


@pytest.mark.slow
def test_more_broken_rows_than_fit_in_memory_are_still_counted(folder: Path) -> None:
    """Where even the broken rows are too many, Great Expectations sees some of them and the engine counts (SCL-2)."""

    def counted(results: Sequence[CheckResult]) -> list[CheckResult]:
        return [replace(r, sample_keys=(), observed=None) for r in results]

    assert counted(findings("rows", folder, rows_in_memory=1)) == counted(findings("rows", folder))


def test_neighbours_are_found_in_a_file_of_many_row_groups(tmp_path: Path) -> None:
    """Repeated keys of a large ordered file are found without sorting it, wherever its pieces meet (SCL-2)."""
    row_group, repeated = 50_000, [0, 49_999, 50_000, 250_001, 399_999]
    days = np.sort(np.concatenate([np.arange(400_000), repeated]))
    table = pa.table({"day": days, "user_id": pa.nulls(len(days), pa.string())})
    pq.write_table(table, tmp_path / "usage.parquet", row_group_size=row_group)
    rows = engine(tmp_path).read_parquet(tmp_path / "usage.parquet")

    for in_order in (True, False):
        marks = repeated_marks(rows, ("day", "user_id"), in_order)
        assert marks.count().to_pyarrow().as_py() == len(repeated)


def with_successors(number: int, **changes: Callable[[Row], Any]) -> Company:
    """The company's core with a further contract for the first one of so many accounts."""
    rows = company(*CORE)
    first = rows["contracts"][:number]
    rows["contracts"] += [
        {**row, "contract_id": f"Z-{i:02}", "end_on": row["end_on"] + timedelta(days=305)}
        | {name: change(row) for name, change in changes.items()}
        for i, row in enumerate(first)
    ]
    return rows


def judged(rows: Company, folder: Path, checks: CheckSettings = DEFAULTS) -> list[CheckResult]:
    succession = BookSettings(fx_rates={"EUR": 1.1}).succession
    return run_checks(staged(rows, folder), AS_OF, checks, settings(), CURRENCIES, succession=succession)


@pytest.mark.slow
def test_what_may_be_a_renewal_or_an_add_on_is_named_until_the_source_says_it(folder: Path) -> None:
    """Two months before the end, at the same ARR, on another plan: its ARR is added up, and said (section 0)."""
    unclear = {"start_on": lambda row: row["end_on"] - timedelta(days=60), "plan": lambda _: "max"}

    found = one(judged(with_successors(3, **unclear), folder / "unclear"), "contracts", "renewal_or_addon", "start_on")
    assert (found.success, found.severity, found.failed_rows) == (False, "warning", 3)
    assert found.sample_keys == ("Z-00", "Z-01", "Z-02")
    said = with_successors(3, **unclear, replaces=lambda row: row["contract_id"])
    assert failed(judged(said, folder / "said")) == set()


@pytest.mark.slow
def test_successors_that_start_a_day_late_are_named(folder: Path) -> None:
    """A source that writes the last day covered loses each customer for a day: found from one in twenty on (SRC-4)."""

    def found(late: int) -> CheckResult:
        start = {"start_on": lambda row: row["end_on"] + timedelta(days=row["contract_id"] < f"C-{late:03}")}
        found = judged(with_successors(60, **start), folder / f"late-{late}")
        return one(found, "contracts", "starts_a_day_late", "start_on")

    assert found(3).success
    four = found(4)
    assert (four.success, four.severity, four.failed_rows) == (False, "warning", 4)
    assert four.sample_keys == ("Z-00", "Z-01", "Z-02")
    assert "plus one" in four.remedy


def test_a_renewal_without_a_row_is_named_where_the_source_writes_rows(folder: Path) -> None:
    """Of a list with a row per renewal, `auto_renew` keeps alive those that ended in silence (SRC-4)."""
    ended = AS_OF.date() - timedelta(days=40)

    def found(renewed: int, silent: int) -> CheckResult:
        rows = company(*CORE)
        over = {"auto_renew": True, "end_on": ended, "ended_on": None, "notice_on": None}
        first = [{**c, **over} for c in rows["contracts"][: renewed + silent]]
        theirs = {c["account_id"] for c in first}
        rows["contracts"] = first + [c for c in rows["contracts"] if c["account_id"] not in theirs]
        rows["contracts"] += [
            {**c, "contract_id": f"Z-{i:02}", "start_on": ended, "end_on": ended + timedelta(days=365)}
            for i, c in enumerate(rows["contracts"][:renewed])
        ]
        found = judged(rows, folder / f"silent-{renewed}-{silent}")
        return one(found, "contracts", "renewal_has_a_row", "auto_renew")

    assert found(9, 3).success  # too few to say how this source writes renewals
    assert found(10, 11).success  # most renew without a row: so did these
    three = found(10, 3)
    assert (three.success, three.severity, three.failed_rows) == (False, "warning", 3)
    assert three.sample_keys == ("C-010", "C-011", "C-012")
    assert "leave auto_renew out" in three.remedy


def test_every_rule_of_every_suite_has_a_break() -> None:
    """No rule stands in a suite that no test has seen fail."""
    tried = {(b.table, b.rule) for b in (*OF_ROWS, *OUTLIERS)}

    missing = {(name, rule) for name, suite in SUITES.items() for rule in suite.rules} - tried
    assert {rule for _, rule in missing} - OF_VALUES == OF_TABLES


def test_a_company_without_a_flaw_passes(sound: Snapshot) -> None:
    """Everything holds."""
    whole = run_checks(sound, AS_OF, DEFAULTS, settings(), CURRENCIES)

    assert failed(whole) == set()
    assert {r.table for r in whole} == set(TABLES)
    raise_if_critical(whole)


# Rules about tables --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(folder: Path) -> list[CheckResult]:
    """What is said of tables that have no row, and none of the columns that they need."""
    optional = {
        name: [c.name for c in table.columns if not c.required] or ["loaded_at"] for name, table in TABLES.items()
    }
    snapshot = staged(dict.fromkeys(TABLES, ()), folder / "bare", optional)
    return run_checks(snapshot, AS_OF, DEFAULTS, settings(), CURRENCIES)


def test_a_missing_column_is_named(bare: list[CheckResult]) -> None:
    """Each required column that a mapping does not give is a critical finding of its own (SRC-4)."""
    required = {(name, c.name) for name, table in TABLES.items() for c in table.columns if c.required}

    assert {(r.table, r.column) for r in bare if r.rule == "column_exists" and r.broken} == required
    assert {r.severity for r in bare if r.rule == "column_exists"} == {"critical"}
    with pytest.raises(DataCheckFailed, match=r"contracts\.arr: must be given by the mapping \[rule column_exists\]"):
        raise_if_critical(bare)


def test_an_empty_table_is_refused(bare: list[CheckResult]) -> None:
    """A mapped table without a row is one critical finding, whichever table it is (SRC-4)."""
    empty = {r.table: r.severity for r in bare if r.rule == "not_empty" and r.broken}

    assert empty == dict.fromkeys(TABLES, "critical")
    later = {r.table: r.not_judged for r in bare if r.rule == "known_by_then"}
    assert later == dict.fromkeys(REQUIRED_TABLES, "the table has no rows (rule not_empty)")


@pytest.mark.slow
def test_a_value_that_cannot_be_read_is_counted_and_named(folder: Path) -> None:
    """A text where a number, date or flag belongs fails rule `type` with its keys (SRC-2, SRC-4)."""
    rows = company(*CORE, "touchpoints", "notes")
    expected = {}
    for name, of_table in rows.items():
        table = TABLES[name]
        columns = [c for c in table.columns if c.type != "string" and c.name in of_table[0] and c.name not in table.key]
        for place, column in enumerate(columns):
            mine = of_table[4 * place : 4 * place + 4]
            for row in mine:
                row[column.name] = "n/a"
            expected[name, column.name] = keys_of(name, mine)[:3]
    rows["usage"][30]["minutes"] = "NaN"  # missing
    rows["usage"][1]["loaded_at"] = "yesterday"
    expected["usage", "loaded_at"] = keys_of("usage", rows["usage"][1:2])

    results = run_checks(staged(rows, folder / "types"), AS_OF, DEFAULTS, settings(), CURRENCIES)

    found = {(r.table, r.column): r for r in results if r.rule == "type" and r.broken}
    assert set(found) == set(expected)
    for place, result in found.items():
        assert result.failed_rows == {("usage", "loaded_at"): 1}.get(place, 4)
        assert list(result.sample_keys) == expected[place]


@pytest.mark.slow
def test_a_table_that_stopped_is_late_and_then_stale(core: Snapshot) -> None:
    """Against the expected update interval: twice is a warning, seven times is critical (SRC-4)."""

    def ages(days: float, every: float | None) -> dict[str, set[str]]:
        results = run_checks(core, AS_OF + timedelta(days=days), DEFAULTS, settings(every), CURRENCIES)
        return {rule: {r.table for r in results if r.rule == rule and r.broken} for rule in ("fresh", "not_stale")}

    assert ages(0.5, 1) == {"fresh": set(), "not_stale": set()}
    assert ages(2, 1) == {"fresh": set(CORE), "not_stale": set()}
    assert ages(7, 1) == {"fresh": set(CORE), "not_stale": set(CORE)}
    assert ages(7, None) == {"fresh": set(), "not_stale": set()}


@pytest.mark.slow
def test_too_few_or_too_many_new_rows_are_reported(folder: Path) -> None:
    """The last 28 days against the mean of the three times 28 before, for tables that flow steadily (SRC-4)."""
    since = AS_OF.date() - timedelta(days=28)
    steady = {name for name, suite in SUITES.items() if "volume" in suite.rules}
    rows = company("accounts", "contracts", *steady)
    for name in steady:
        event = TABLES[name].event
        recent = [r for r in rows[name] if str(r[event])[:10] >= str(since)]
        older = [r for r in rows[name] if str(r[event])[:10] < str(since)]
        rows[name] = older + (recent * 4 if name == "tickets" else recent[-len(recent) // 4 :])

    results = run_checks(staged(rows, folder / "thin"), AS_OF, DEFAULTS, settings(), CURRENCIES)

    assert {r.table for r in results if r.rule == "volume" and r.broken} == steady
    assert steady == {"usage", "tickets", "invoices", "surveys", "touchpoints"}
    assert one(results, "usage", "volume").observed == "0.241277"
    assert one(results, "tickets", "volume").observed == "3.86982"


@pytest.mark.slow
def test_a_date_before_all_data_cannot_be_judged(core: Snapshot) -> None:
    """Nothing of a required table was known yet: critical; an optional table may begin later (SRC-4)."""
    results = run_checks(core, datetime.fromisoformat("2023-06-01"), DEFAULTS, settings(), CURRENCIES)

    assert failed(results) == {(name, "known_by_then", None) for name in REQUIRED_TABLES}


# What a date knew ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows_and_columns_that_came_later_are_not_judged(folder: Path) -> None:
    """Making up an old date does not fail because of newer rows, newer facts of old rows or newer values (SRC-3)."""
    rows = company(*CORE)
    early = datetime.fromisoformat("2024-04-01")
    for name, values in {
        "usage": {"events": -1}, "tickets": {"priority": "P1"}, "contracts": {"currency": "XTS", "arr": "n/a"},
    }.items():  # fmt: skip
        event = TABLES[name].event
        rows[name] = [{**r, **values} if str(r[event]) > "2024-04-03" else r for r in rows[name]]
    rows["tickets"][0] |= {"closed_at": "2024-05-01", "csat_at": "2024-05-01", "csat": 99}
    snapshot = staged(rows, folder / "later")

    assert failed(run_checks(snapshot, early, DEFAULTS, settings(), CURRENCIES)) == set()
    assert failed(run_checks(snapshot, AS_OF, DEFAULTS, settings(), CURRENCIES)) == {
        ("usage", "events_range", "events"), ("tickets", "priority_set", "priority"), ("tickets", "csat_range", "csat"),
        ("contracts", "currency_has_rate", "currency"), ("contracts", "type", "arr"),
    }  # fmt: skip


@pytest.mark.slow
def test_a_wrong_date_hides_no_row(folder: Path) -> None:
    """A row without a date, or dated after its own load, is judged although it is not known (SRC-4)."""
    rows = company(*CORE)
    rows["usage"][0] |= {"day": None, "events": -1}
    rows["usage"][1] |= {"day": "2099-01-01", "events": -1}
    snapshot = staged(rows, folder / "dates")

    assert failed(run_checks(snapshot, AS_OF, DEFAULTS, settings(), CURRENCIES)) == {
        ("usage", "day_not_null", "day"), ("usage", "not_after_load", "day"), ("usage", "events_range", "events"),
    }  # fmt: skip


@pytest.mark.slow
def test_undated_accounts_are_not_stale(folder: Path) -> None:
    """Today's values have no date, so their age is unknown; a warning says that they are no features (SRC-4)."""
    rows = company(*CORE)
    rows["accounts"] = [{**row, "valid_from": None} for row in rows["accounts"]]

    results = run_checks(staged(rows, folder / "undated"), AS_OF, DEFAULTS, settings(), CURRENCIES)

    assert failed(results) == {
        ("accounts", rule, column) for rule, column in (("valid_from_given", "valid_from"), *UNDATED)
    }
    assert one(results, "accounts", "valid_from_given", "valid_from").severity == "info"


@pytest.mark.slow
def test_a_column_that_can_change_comes_with_its_time_or_it_is_reported(folder: Path) -> None:
    """Without `priority_at` a raised priority passes for that of the opening; without one nothing can (SRC-4)."""
    rows = company(*CORE)
    undated = [{k: v for k, v in row.items() if k != "priority_at"} for row in rows["tickets"]]
    without = [{k: v for k, v in row.items() if k != "priority"} for row in undated]

    def said(tickets: list[Row], name: str) -> list[CheckResult]:
        return run_checks(staged(rows | {"tickets": tickets}, folder / name), AS_OF, DEFAULTS, settings(), CURRENCIES)

    results = said(undated, "undated_priority")
    assert failed(results) == {("tickets", "priority_dated", "priority_at")}
    assert one(results, "tickets", "priority_dated", "priority_at").severity == "info"
    assert failed(said(without, "no_priority")) == set()


@pytest.mark.slow
def test_rows_set_aside_are_not_judged(folder: Path) -> None:
    """A mapping that sets rows aside with a reason has dealt with them (SRC-4)."""
    rows = company(*CORE)
    for row in rows["usage"]:
        row["quarantine_reason"] = None
    for row in rows["usage"][:5]:
        row |= {"quarantine_reason": "test_rows", "events": "n/a", "account_id": None}

    results = run_checks(staged(rows, folder / "aside"), AS_OF, DEFAULTS, settings(), CURRENCIES)

    assert failed(results) == set()


# What follows --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_override_changes_the_severity_and_keeps_its_reason(odd_tickets: Snapshot) -> None:
    """A source may say in writing why a rule weighs less for it (SRC-3)."""
    reason = "the old ticket system knows no priorities"
    checks = CheckSettings(overrides={"tickets.priority_set": Override(severity="info", reason=reason)})

    results = run_checks(odd_tickets, AS_OF, checks, settings(), CURRENCIES)

    found = one(results, "tickets", "priority_set", "priority")
    assert (found.severity, found.reason, found.success) == ("info", reason, False)
    assert {r.reason for r in results if r is not found} == {None}


def test_an_override_of_a_rule_that_is_not_there_is_refused() -> None:
    """A typing mistake must not leave a run stopped, or running (SRC-3)."""
    with pytest.raises(ValidationError, match=r"no such rule; did you mean `usage\.fresh`"):
        CheckSettings(overrides={"usage.frsh": Override(severity="info", reason="it comes when it comes")})


def test_a_critical_finding_stops_the_run_and_says_all(folder: Path) -> None:
    """Table, column, rule in words, what was found, count, three keys, remedy; exit code 3 (SRC-3)."""
    results = findings("rows", folder)

    with pytest.raises(DataCheckFailed) as stopped:
        raise_if_critical(results)

    critical = {(r.table, r.rule) for r in results if r.severity == "critical" and r.broken}
    assert {(f.table, f.rule) for f in stopped.value.findings} == critical
    assert stopped.value.exit_code == 3
    (said,) = [str(f) for f in stopped.value.findings if (f.table, f.rule) == ("contracts", "currency_has_rate")]
    assert said.startswith(
        "contracts.currency: must be the reporting currency or have a rate (EUR, USD); found XTS (4 rows, for"
    )
    assert said.endswith("[rule currency_has_rate]. Add the rate under [money.fx_rates], or correct the code.")


def test_warnings_lower_the_coverage_of_their_table() -> None:
    """By the share of broken rows, or for a whole table by the setting; the worst counts, `info` does not (SRC-3)."""
    held = CheckResult("usage", "minutes", "a", "must", "warning", True, 100, 0, None, (), "remedy")
    rows = replace(held, rule="b", success=False, failed_rows=10)
    whole = replace(held, rule="c", success=False, rows=None, failed_rows=None)
    said = replace(rows, severity="info", failed_rows=90)

    assert coverage_left([held, said], 0.5) == {"usage": 1.0}
    assert coverage_left([held, rows], 0.5) == {"usage": 0.9}
    assert coverage_left([rows, whole, replace(rows, table="tickets")], 0.5) == {"usage": 0.5, "tickets": 0.9}


@pytest.mark.slow
def test_data_docs_show_whole_tables_and_call_nobody(odd_tickets: Snapshot, folder: Path) -> None:
    """A static site that replaces the last one: counts of all rows, keys, customers' text escaped (SRC-3, TRU-4)."""
    docs = folder / "out" / "data_docs"
    docs.mkdir(parents=True)
    (docs / "old.html").write_text("of an earlier run")

    run_checks(odd_tickets, AS_OF, CheckSettings(rows_in_memory=599), settings(), CURRENCIES, docs)

    (page,) = docs.glob("validations/tickets/**/*.html")
    text = page.read_text()
    assert "3 unexpected values found. 0.5% of 600 total rows." in text
    assert "&lt;script&gt;T-000&lt;/script&gt;: $cost {x} &lt;b&gt;" in text
    assert "<script>T-0" not in text
    assert "1 unexpected values found. ≈0.1667% of 600 total rows." in text
    assert "T-003" in text
    assert "priority_set (critical)" in (docs / "index.html").read_text()
    assert not (docs / "old.html").exists()
    assert sorted(p.name for p in docs.parent.iterdir() if p.is_dir()) == ["data_docs"]
    for html in docs.rglob("*.html"):
        assert "https://" not in html.read_text(), html


@pytest.mark.slow
def test_what_was_judged_is_not_asked_again_and_pages_are_drawn_when_a_result_changes(
    odd_tickets: Snapshot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same results with keys, without the judge; the front page says of when the others are (SCL-1)."""
    docs, next_day = folder / "again" / "data_docs", AS_OF + timedelta(days=1)

    def checked(snapshot: Snapshot, as_of: datetime, checks: CheckSettings = DEFAULTS) -> list[CheckResult]:
        return run_checks(snapshot, as_of, checks, settings(), CURRENCIES, docs)

    def pages() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in docs.rglob("*.html") if path.name != "index.html"}

    first, drawn = checked(odd_tickets, AS_OF), pages()
    with monkeypatch.context() as without:
        without.setattr(judge_module, "_great_expectations", lambda: pytest.fail("the judge was asked"))
        assert checked(odd_tickets, AS_OF) == first
        tomorrow = checked(odd_tickets, next_day)
    assert failed(tomorrow) == failed(first)
    assert pages() == drawn
    index = (docs / "index.html").read_text()
    assert "Data checks as of 2024-06-02" in index
    assert "The pages are of 2024-06-01: no result has changed since." in index

    (docs / "verdicts.json").unlink()  # as if nothing had been judged before
    assert checked(odd_tickets, next_day) == tomorrow
    assert "The pages are of" not in (docs / "index.html").read_text()
    milder = {"tickets.priority_set": Override(severity="info", reason="our own priorities")}
    checked(odd_tickets, next_day, CheckSettings(overrides=milder))
    assert "priority_set (info)" in (docs / "index.html").read_text()
    assert pages() != drawn


# Suites --------------------------------------------------------------------------------------------------------------


def rule(expect: str = "between", column: str = "kind", arguments: str = "min_value = 0") -> str:
    return f"""
        [[expectation]]
        rule = "x"
        scope = "row"
        expect = "expect_column_values_to_be_{expect}"
        column = "{column}"
        arguments = {{ {arguments} }}
        severity = "info"
        requirement = "must be nice"
        remedy = "Be nice to it."
    """


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('colour = "red"', r"notes\.toml: unknown key `colour`"),
        ('without = ["frsh"]', r"notes\.toml: `without` names frsh, which every_table\.toml does not have"),
        (rule() + 'colour = "red"', r"notes\.toml: rule x: unknown key `colour`"),
        (rule() + rule(), r"notes\.toml: rule x occurs twice"),
        (
            rule(expect="nice"),
            r"notes\.toml: rule x: .*'expect_column_values_to_be_nice' cannot be used here; there are",
        ),
        (rule(column="kynd"), r"notes\.toml: rule x: notes has no column `kynd`"),
        (
            rule(arguments="minimum = 0"),
            r"notes\.toml: rule x: .*no argument `minimum`; there are max_value, min_value",
        ),
        (rule(arguments='min_value = "$lowest"'), r"notes\.toml: rule x: .*`min_value` asks for \$lowest; there are"),
    ],
)
def test_a_mistake_in_a_suite_is_named(wrong: str, message: str, tmp_path: Path) -> None:
    """File, rule and key of a suite that cannot be meant so."""
    for name in (EVERY_TABLE, *TABLES):
        (tmp_path / f"{name}.toml").write_text((FOLDER / f"{name}.toml").read_text() if name == EVERY_TABLE else "")
    (tmp_path / "notes.toml").write_text(wrong)

    with pytest.raises(ValueError, match=message):
        load_suites(tmp_path)
