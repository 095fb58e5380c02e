"""What a check found, as people and marts read it: plain values, whatever library judged."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

import pandas as pd

from keepwell.expectations.suites import NOT_NULL, TO_EXIST, UNIQUE, UNIQUE_TOGETHER, parameter_name
from keepwell.tasks.checks.measures import Measured
from keepwell.tasks.checks.rows import ROW_KEY, Asked, NotJudged, Rows
from keepwell.tasks.errors import DataCheckFailed, Finding

UNREADABLE, EMPTY = "unreadable_", "not_empty"
LONGEST_VALUE = 40
MAX_FAILING_ROWS = 60  # rows that Great Expectations returns: more than the keys shown, since a key may repeat


@dataclass(frozen=True)
class CheckResult:
    """The judgement of one expectation. `rows` and `failed_rows` are None for a rule about a whole table.

    `severity` is the one that applies; `reason` is the written reason where it is not the suite's own. `success` is
    None where the rule could not be judged; `not_judged` says why.
    """

    table: str
    column: str | None
    rule: str
    requirement: str
    severity: Literal["critical", "warning", "info"]
    success: bool | None
    rows: int | None
    failed_rows: int | None
    observed: str | None
    sample_keys: tuple[str, ...]
    remedy: str
    reason: str | None = None
    not_judged: str | None = None

    @property
    def broken(self) -> bool:
        """Whether the rule was judged and does not hold."""
        return self.success is False


@dataclass(frozen=True)
class Answer:
    """What was judged of one expectation on one frame: rows that broke it, and the first of them."""

    success: bool
    failed: int = 0
    first: pd.DataFrame | None = None


def raise_if_critical(results: Sequence[CheckResult]) -> None:
    """DataCheckFailed with one finding per critical rule that broke."""
    if found := findings(results, "critical"):
        raise DataCheckFailed(found)


def without_rows(results: Sequence[CheckResult]) -> set[str]:
    """The tables of which nothing was delivered."""
    return {r.table for r in results if r.rule == EMPTY and r.broken}


def said_first(results: Sequence[CheckResult], undecided: Mapping[str, str]) -> list[CheckResult]:
    """The results; of a table without rows the remedy begins with what its mapping leaves to decide."""
    return [
        replace(r, remedy=f"{undecided[r.table]} {r.remedy}") if r.rule == EMPTY and r.table in undecided else r
        for r in results
    ]


def findings(results: Sequence[CheckResult], severity: str) -> list[Finding]:
    """What broke, of one severity: with table, column, count, keys and remedy."""
    return [
        Finding(r.table, r.rule, _sentence(r), r.remedy, r.column, r.failed_rows, r.sample_keys)
        for r in results
        if r.severity == severity and r.broken
    ]


def coverage_left(results: Sequence[CheckResult], after_table_warning: float) -> dict[str, float]:
    """Per table checked, the share of coverage (0..1) that its warnings leave: the least of all.

    A warning about rows leaves the share of rows that kept the rule, one about the whole table `after_table_warning`.
    """
    left = {r.table: 1.0 for r in results}
    for r in results:
        if r.severity == "warning" and r.broken:
            share = 1 - r.failed_rows / r.rows if r.rows and r.failed_rows is not None else after_table_warning
            left[r.table] = min(left[r.table], share)
    return left


def row_result(table: str, asked: Asked, answer: Answer, rows: Rows, sample: int) -> CheckResult:
    """A rule about rows: counted over the whole table, even where only some rows were judged in memory."""
    failed, success = (answer.failed if asked.all_there else asked.failed), answer.success
    if failed:  # the share that may break a rule is one of all rows that have a value, not of those let through
        success = asked.filled > 0 and (asked.filled - failed) / asked.filled >= asked.arguments.get("mostly", 1)
    every = seen(asked, answer.first, MAX_FAILING_ROWS)
    keys = tuple(dict.fromkeys(key for key, _ in every))[:sample]
    observed = "; ".join(list(dict.fromkeys(value for _, value in every if value))[:sample]) or None
    return _result(table, asked, success, rows.total, failed, observed, keys)


def table_result(
    table: str, asked: Asked, answer: Answer, rows: Rows, measures: Measured, to_write: Mapping[str, str]
) -> CheckResult:
    """A rule about the whole table; counted values and accounts are named like rows, values with the cast to write."""
    expectation = asked.expectation
    if expectation.expect == TO_EXIST:
        return _result(table, asked, answer.success, None, None, None, ())
    name = expectation.given[0]
    keys = () if answer.success and name in measures.words else measures.keys.get(name, ())
    if name in measures.words:
        broken = None if answer.success else measures.counts.get(name)
        return _result(table, asked, answer.success, None, broken, measures.words[name], keys)
    if name in measures.counts:
        found = _result(table, asked, answer.success, rows.total, measures.counts[name], None, keys)
        write = to_write.get(expectation.column or "") if name.startswith(UNREADABLE) else None
        return (
            replace(found, remedy=f"In the mapping {write}. {found.remedy}") if write and found.failed_rows else found
        )
    return _result(table, asked, answer.success, None, None, plain(measures.values[name]), ())


def not_judged(table: str, rule: NotJudged) -> CheckResult:
    """A rule that could not be judged stands in the results, so that nobody takes it for one that holds."""
    e = rule.expectation
    unknown = {name: "n/a" if parameter_name(value) else plain_list(value) for name, value in e.arguments.items()}
    requirement = e.requirement.format_map(unknown)
    return CheckResult(
        table, e.about, e.rule, requirement, e.severity, None, None, None, None, (), e.remedy, not_judged=rule.why
    )


def without_consequences(results: Sequence[CheckResult], event: str) -> list[CheckResult]:
    """The results; what only follows from another break, which stops the run anyway, is not judged.

    A value that does not cast reads NULL: the row would be said to lack it, and a table without readable dates to be
    known at no time. A table without rows has none that is known.
    """
    if any(r.rule == EMPTY and r.broken and _stops(r) for r in results):
        why = {**_NOT_JUDGED, "not_judged": "the table has no rows (rule not_empty)"}
        results = [replace(r, **why) if r.broken and r.rule == "known_by_then" else r for r in results]
    unreadable = {r.column: r.failed_rows or 0 for r in results if r.rule == "type" and r.broken and _stops(r)}
    return [
        replace(r, **_NOT_JUDGED) if r.broken and _follows(r, unreadable, event) else _without_unreadable(r, unreadable)
        for r in results
    ]


def _without_unreadable(result: CheckResult, unreadable: Mapping[str | None, int]) -> CheckResult:
    """A rule about missing values without those that cannot be read; which of the rows these are is not known."""
    if not result.broken or result.rule != f"{result.column}_not_null" or not unreadable.get(result.column):
        return result
    return replace(result, failed_rows=(result.failed_rows or 0) - unreadable[result.column], sample_keys=())


_NOT_JUDGED: Mapping[str, Any] = {
    "success": None, "rows": None, "failed_rows": None, "observed": None, "sample_keys": (),
    "not_judged": "values of the column cannot be read (rule type)",
}  # fmt: skip


def _stops(result: CheckResult) -> bool:
    return result.severity == "critical"


def _follows(result: CheckResult, unreadable: Mapping[str | None, int], event: str) -> bool:
    if result.rule == f"{result.column}_not_null":
        return (result.failed_rows or 0) <= unreadable.get(result.column, 0)
    return result.rule == "known_by_then" and event in unreadable


def plain(value: Any) -> str:
    """A value as people read it: a day without its midnight, a number without noise, a text on one short line."""
    if isinstance(value, date | datetime):
        text = value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        return text.removesuffix(" 00:00:00")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        text = printable(" ".join(str(value).split()))
        return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
    return f"{int(value):,}" if value == int(value) else f"{value:,.6g}"


def printable(text: str) -> str:
    """The text without characters that would steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def plain_list(value: Any) -> str:
    """One value, or several joined by commas."""
    return ", ".join(str(v) for v in value) if isinstance(value, list) else plain(value)


def _result(
    table: str,
    asked: Asked,
    success: bool,
    rows: int | None,
    failed: int | None,
    observed: str | None,
    keys: tuple[str, ...],
) -> CheckResult:
    e = asked.expectation
    requirement = e.requirement.format_map({name: plain_list(value) for name, value in asked.arguments.items()})
    named = tuple(printable(key) for key in keys if key.strip("|"))  # a row without a key is counted alone
    return CheckResult(
        table, e.about, e.rule, requirement, e.severity, success, rows, failed, observed, named, e.remedy
    )


def seen(asked: Asked, first: pd.DataFrame | None, sample: int) -> list[tuple[str, str]]:
    """Key and value of the first rows that broke a rule; no value where it is about missing or repeated ones."""
    if first is None or asked.expectation.scope == "table":
        return []
    expectation = asked.expectation
    names = [expectation.column] if len(expectation.given) == 1 and expectation.column else list(expectation.given)
    with_values = expectation.expect not in {NOT_NULL, UNIQUE, UNIQUE_TOGETHER} and set(names) <= set(first.columns)
    return [
        (row[ROW_KEY], _named_values(row, names) if with_values else "")
        for row in first.head(sample).to_dict("records")
    ]


def _named_values(row: dict[Hashable, Any], names: Sequence[str]) -> str:
    there = [(name, row[name]) for name in names if not pd.isna(row[name])]
    return ", ".join(f"{name} {plain(value)}" if len(names) > 1 else plain(value) for name, value in there)


def _sentence(result: CheckResult) -> str:
    return result.requirement + (f"; found {result.observed}" if result.observed else "")
