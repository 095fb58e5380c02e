"""The data checks: every suite judged by Great Expectations on the staged snapshot, before any feature is built.

Rules about rows that none may break hold, one about a whole table is a comparison; of the others Great Expectations
is the judge (judge.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import ibis.expr.types as ir

from keepwell.expectations.compared import with_compared
from keepwell.expectations.derived import with_what_follows
from keepwell.expectations.sieve import value_breaks
from keepwell.expectations.suites import Suite, load_suites
from keepwell.expectations.summed import USAGE
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.succession import SuccessionRules
from keepwell.tasks.checks.book_watch import NOT_WATCHED, Watched
from keepwell.tasks.checks.counted import Noted, noted_values
from keepwell.tasks.checks.data_docs import Site
from keepwell.tasks.checks.judge import Judge, Judgement
from keepwell.tasks.checks.measures import asked, measured
from keepwell.tasks.checks.results import (
    Answer,
    CheckResult,
    coverage_left,
    not_judged,
    plain,
    raise_if_critical,
    row_result,
    table_result,
    without_consequences,
)
from keepwell.tasks.checks.rows import Asked, Rows, no_rows, rows_to_judge, visible
from keepwell.tasks.checks.summed import Counts, counts_of
from keepwell.tasks.settings import CheckSettings, Override, TableSettings
from keepwell.tasks.sources.snapshot import Snapshot, StagedTable

__all__ = ["CheckResult", "coverage_left", "raise_if_critical", "run_checks"]


BY_DEFAULT = SuccessionRules()


def run_checks(
    snapshot: Snapshot,
    as_of: datetime,
    checks: CheckSettings,
    tables: Mapping[str, TableSettings],
    currencies: Collection[str],
    docs: Path | None = None,
    watched: Watched = NOT_WATCHED,
    succession: SuccessionRules = BY_DEFAULT,
) -> list[CheckResult]:
    """Judge everything that was known at `as_of` (UTC, naive), by table, rule and column; a broken rule raises nothing.

    `watched`: the book of `contracts` against the one published before.

    With `docs`, that folder holds Great Expectations' Data Docs, drawn anew where a result changed, and its verdicts.
    """
    suites = active_suites(checks.overrides)
    staged = snapshot.open()
    noted = noted_values(staged["uncast"], as_of, checks.sample_keys)
    site = Site.at(docs)
    judge = Judge(site.verdicts)
    judged: dict[str, list[Judgement]] = {}
    left_out: dict[str, list[CheckResult]] = {}
    for name in (n for n in TABLES if n in snapshot.tables):
        every = tables[name].expected_every_days if name in tables else None
        fixed = tables[name].fixed_since_signup if name in tables else ()
        judged[name], left_out[name] = _judged(
            judge, snapshot, staged, noted, suites[name], as_of, checks, every, fixed, currencies,
            watched if name == "contracts" else NOT_WATCHED, succession,
        )  # fmt: skip
    found = {name: [*(j.result for j in of_table), *left_out[name]] for name, of_table in judged.items()}
    site.show(found, plain(as_of), judge.verdicts, lambda folder: judge.draw(judged, as_of, folder))
    results = [_with_reason(result, checks.overrides) for of_table in found.values() for result in of_table]
    return sorted(results, key=lambda r: (r.table, r.rule, r.column or ""))


def _judged(
    judge: Judge,
    snapshot: Snapshot,
    staged: Mapping[str, ir.Table],
    noted: Noted,
    suite: Suite,
    as_of: datetime,
    checks: CheckSettings,
    every: float | None,
    fixed: Collection[str],
    currencies: Collection[str],
    watched: Watched,
    succession: SuccessionRules,
) -> tuple[list[Judgement], list[CheckResult]]:
    """Every result of one table, with what Great Expectations said; and the rules that could not be judged."""
    table, about = TABLES[suite.table], snapshot.tables[suite.table]
    known = visible(staged[table.name], table, about.given, as_of)
    rows = with_what_follows(known, table.name, as_of, succession)
    rows = rows if table.name == USAGE.name else rows.cache()  # asked several times, and small beside usage
    counts = counts_of(rows, snapshot, staged, suite, as_of)
    measures = measured(rows, noted, table, about, counts, suite, as_of, checks, every, fixed, watched)
    questions, unjudged = asked(suite, counts, table, about, measures, checks, every, currencies)
    judged = _rows(rows, staged, table, about, counts, questions, as_of, checks.rows_in_memory)
    judgements = [
        Judgement(question, answer, row_result(table.name, question, answer, judged, checks.sample_keys))
        for question, answer in judge.answers(judged.asked, judged.frame, [q.failed > 0 for q in judged.asked])
    ]
    whole = [q for q in questions if q.expectation.scope == "table"]
    values = {**dict.fromkeys(about.given), **measures.values}
    answers = [(q, Answer(success=not value_breaks(q.expectation, values, q.arguments))) for q in whole]
    judgements += [
        Judgement(question, answer, table_result(table.name, question, answer, judged, measures, about.to_write))
        for question, answer in answers
    ]
    results = without_consequences([j.result for j in judgements], table.event)
    left_out = [*(not_judged(table.name, rule) for rule in unjudged), *(r for r in results if r.success is None)]
    kept = [replace(j, result=r) for j, r in zip(judgements, results, strict=True) if r.success is not None]
    return kept, left_out


def _rows(
    rows: ir.Table,
    staged: Mapping[str, ir.Table],
    table: CanonicalTable,
    about: StagedTable,
    counts: Counts,
    questions: Sequence[Asked],
    as_of: datetime,
    limit: int,
) -> Rows:
    """The rows that may break a rule: none is read where counts tell that no rule is in doubt."""
    of_rows = [q for q in questions if q.expectation.scope == "row"]
    doubtful = [counts.in_doubt(q) for q in of_rows]
    if not any(doubtful):
        return no_rows(counts.total(), of_rows)
    asked_of = [q for q, doubt in zip(of_rows, doubtful, strict=True) if doubt]
    names = {name for q in asked_of for name in q.expectation.given}
    compared = with_compared(rows, table.name, names, staged, as_of)
    found = rows_to_judge(compared, staged["accounts"], table, about, asked_of, limit)
    counted = iter(found.asked)
    return replace(found, asked=tuple(next(counted) if d else q for q, d in zip(of_rows, doubtful, strict=True)))


def active_suites(overrides: Mapping[str, Override]) -> dict[str, Suite]:
    """The suites with this company's severities."""
    return {name: _with_severities(suite, overrides) for name, suite in load_suites().items()}


def _with_severities(suite: Suite, overrides: Mapping[str, Override]) -> Suite:
    changed = [
        e.model_copy(update={"severity": override.severity})
        if (override := overrides.get(f"{suite.table}.{e.rule}"))
        else e
        for e in suite.expectations
    ]
    return suite.model_copy(update={"expectations": tuple(changed)})


def _with_reason(result: CheckResult, overrides: Mapping[str, Override]) -> CheckResult:
    override = overrides.get(f"{result.table}.{result.rule}")
    return result if override is None else replace(result, reason=override.reason)
