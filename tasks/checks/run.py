"""The data checks: every suite judged by Great Expectations on the staged snapshot, before any feature is built.

A rule that no row or value may break holds; of the others Great Expectations is the judge. The only module that knows
it; it is imported when it is first asked, since that takes seconds.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from keepwell.expectations.compared import with_compared
from keepwell.expectations.derived import with_what_follows
from keepwell.expectations.sieve import value_may_break
from keepwell.expectations.suites import IN_ORDER, UNIQUE_TOGETHER, Suite, load_suites
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.succession import SuccessionRules
from keepwell.tasks.checks.book_watch import NOT_WATCHED, Watched
from keepwell.tasks.checks.data_docs import displayed_counts, replace_docs
from keepwell.tasks.checks.measures import asked, measured
from keepwell.tasks.checks.results import (
    MAX_FAILING_ROWS,
    Answer,
    CheckResult,
    coverage_left,
    not_judged,
    plain,
    raise_if_critical,
    row_result,
    seen,
    table_result,
)
from keepwell.tasks.checks.rows import ROW_KEY, Asked, rows_to_judge, visible
from keepwell.tasks.settings import CheckSettings, Override, TableSettings
from keepwell.tasks.sources.snapshot import Snapshot

__all__ = ["CheckResult", "coverage_left", "raise_if_critical", "run_checks"]


SOURCE = "staged"
HOLDS = Answer(success=True)
BY_DEFAULT = SuccessionRules()
WITH_ROWS = {
    "result_format": "BASIC", "unexpected_index_column_names": [ROW_KEY], "include_unexpected_rows": True,
    "partial_unexpected_count": MAX_FAILING_ROWS,
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """One expectation asked, what was answered, and what people read of it."""

    asked: Asked
    answer: Answer
    result: CheckResult


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

    With `docs`, Great Expectations' Data Docs of this run replace what that folder holds.
    """
    suites = active_suites(checks.overrides)
    staged = snapshot.open()
    context = cache(_context)
    judged: dict[str, list[Judgement]] = {}
    left_out: dict[str, list[CheckResult]] = {}
    for name in (n for n in TABLES if n in snapshot.tables):
        every = tables[name].expected_every_days if name in tables else None
        fixed = tables[name].fixed_since_signup if name in tables else ()
        judged[name], left_out[name] = _judged(
            context, snapshot, staged, suites[name], as_of, checks, every, fixed, currencies,
            watched if name == "contracts" else NOT_WATCHED, succession,
        )  # fmt: skip
    found = {name: [*(j.result for j in of_table), *left_out[name]] for name, of_table in judged.items()}
    if docs is not None:
        replace_docs(docs, lambda folder: _build_docs(context(), judged, as_of, folder), found, plain(as_of))
    results = [_with_reason(result, checks.overrides) for of_table in found.values() for result in of_table]
    return sorted(results, key=lambda r: (r.table, r.rule, r.column or ""))


def _judged(
    context: Callable[[], Any],
    snapshot: Snapshot,
    staged: Mapping[str, ir.Table],
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
    rows = with_what_follows(known, table.name, as_of.date(), succession)
    measures = measured(rows, staged["uncast"], table, about, suite, as_of, checks, every, fixed, watched)
    questions, unjudged = asked(suite, rows, table, about, measures, checks, every, currencies)
    of_rows = [q for q in questions if q.expectation.scope == "row"]
    rows = with_compared(rows, table.name, about.given, staged, as_of)
    judged = rows_to_judge(rows, staged["accounts"], table, about, of_rows, checks.rows_in_memory)
    judgements = [
        Judgement(question, answer, row_result(table.name, question, answer, judged, checks.sample_keys))
        for question, answer in _answers(context, judged.asked, judged.frame, [q.failed > 0 for q in judged.asked])
    ]
    whole = [q for q in questions if q.expectation.scope == "table"]
    values = {**dict.fromkeys(about.given), **measures.values}
    doubtful = [value_may_break(q.expectation, values, q.arguments) for q in whole]
    judgements += [
        Judgement(question, answer, table_result(table.name, question, answer, judged, measures, about.to_write))
        for question, answer in _answers(context, whole, pd.DataFrame([values]), doubtful)
    ]
    return judgements, [not_judged(table.name, rule) for rule in unjudged]


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


# Great Expectations --------------------------------------------------------------------------------------------------


@cache
def _great_expectations() -> Any:
    """The library, without its telemetry and its chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    for name in ("great_expectations", "great_expectations.data_context.types.base"):  # the latter sets its own level
        logging.getLogger(name).setLevel(logging.ERROR)
    return great_expectations


def _context() -> Any:
    """A context in memory that shows no progress bars, with the one way in which it is handed frames."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.data_sources.add_pandas(SOURCE).add_dataframe_asset(SOURCE).add_batch_definition_whole_dataframe(SOURCE)
    return context


def _answers(
    context: Callable[[], Any], questions: Sequence[Asked], frame: pd.DataFrame, doubtful: Sequence[bool]
) -> list[tuple[Asked, Answer]]:
    """The answer to each question about one frame, in their order: Great Expectations' where a rule may be broken."""
    asked = [question for question, may_break in zip(questions, doubtful, strict=True) if may_break]
    if not asked:
        return [(question, HOLDS) for question in questions]
    definition = context().data_sources.get(SOURCE).get_asset(SOURCE).get_batch_definition(SOURCE)
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    of_rows = asked[0].expectation.scope == "row"
    said = iter(_validated(batch, asked, WITH_ROWS if of_rows else {"result_format": "BOOLEAN_ONLY"}))
    return [
        (question, next(said) if may_break else HOLDS) for question, may_break in zip(questions, doubtful, strict=True)
    ]


def _validated(batch: Any, questions: Sequence[Asked], result_format: Mapping[str, Any]) -> list[Answer]:
    gx = _great_expectations()
    asked_for = [_expectation(gx, question, meta={"place": place}) for place, question in enumerate(questions)]
    suite = gx.ExpectationSuite(name="asked", expectations=asked_for)
    said = batch.validate(suite, result_format=dict(result_format)).results
    by_place = {result.expectation_config.meta["place"]: _answer(result) for result in said}
    return [by_place[place] for place in range(len(questions))]


def _answer(said: Any) -> Answer:
    """One answer in plain values. What cannot be judged is a mistake in a suite, and no finding about the data."""
    if said.exception_info and said.exception_info.get("raised_exception", True):
        raise RuntimeError(f"Great Expectations could not judge {said.expectation_config}: {said.exception_info}")
    found = said.result
    return Answer(bool(said.success), int(found.get("unexpected_count") or 0), found.get("unexpected_rows"))


def _expectation(gx: Any, question: Asked, **about: Any) -> Any:
    """The question as an object of Great Expectations."""
    expectation = question.expectation
    given = expectation.given
    columns: dict[str, Any] = {"column": given[0]}
    if expectation.expect == IN_ORDER:
        columns = {"column_A": given[0], "column_B": given[1], "ignore_row_if": "either_value_is_missing"}
    elif expectation.expect == UNIQUE_TOGETHER:
        columns = {"column_list": list(given), "ignore_row_if": "all_values_are_missing"}
    kind = getattr(gx.expectations, "".join(part.title() for part in expectation.expect.split("_")))
    arguments = {name: _instant(value) for name, value in question.arguments.items()}
    return kind(**columns, **arguments, severity=expectation.severity, **about)


def _instant(value: Any) -> Any:
    """A date as its midnight, which is what frames hold; anything else as it is."""
    return datetime.combine(value, time()) if isinstance(value, date) and not isinstance(value, datetime) else value


def _build_docs(context: Any, judged: Mapping[str, Sequence[Judgement]], as_of: datetime, folder: Path) -> None:
    """Data Docs of all tables in an empty folder, with the counts of whole tables."""
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    gx = _great_expectations()
    run = RunIdentifier(run_name=plain(as_of), run_time=as_of.replace(tzinfo=UTC))
    for name, of_table in judged.items():
        suite = gx.ExpectationSuite(name=name, expectations=[_described(gx, j) for j in of_table])
        results = [_page_entry(e, j) for e, j in zip(suite.expectations, of_table, strict=True)]
        good = sum(not j.result.broken for j in of_table)
        statistics = {
            "evaluated_expectations": len(of_table),
            "successful_expectations": good,
            "unsuccessful_expectations": len(of_table) - good,
            "success_percent": 100 * good / len(of_table),
        }
        whole = ExpectationSuiteValidationResult(
            success=good == len(of_table),
            results=results,
            suite_name=name,
            statistics=statistics,
            meta={"run_id": run, "great_expectations_version": gx.__version__},
        )
        of_suite = ExpectationSuiteIdentifier(name)
        key = ValidationResultIdentifier(expectation_suite_identifier=of_suite, run_id=run, batch_identifier=name)
        context.suites.add(suite)
        context.validation_results_store.set(key, whole)
    site = {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False},
        "show_how_to_buttons": False,
    }
    context.add_data_docs_site("checks", site)
    context.build_data_docs(site_names=["checks"])


def _described(gx: Any, judgement: Judgement) -> Any:
    result = judgement.result
    words = f"{result.rule} ({result.severity}): {result.column or result.table} {result.requirement}."
    return _expectation(gx, judgement.asked, description=words if result.success else f"{words} {result.remedy}")


def _page_entry(expectation: Any, judgement: Judgement) -> Any:
    from great_expectations.core import ExpectationValidationResult

    rows = seen(judgement.asked, judgement.answer.first, len(judgement.result.sample_keys))
    keys = [f"{key}: {value}" if value else key for key, value in rows] or list(judgement.result.sample_keys)
    return ExpectationValidationResult(
        success=judgement.result.success,
        expectation_config=expectation.configuration,
        result=displayed_counts(judgement.result, keys),
        meta={},
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
