"""Great Expectations: the judge of rules that may be broken, and the painter of Data Docs.

The only module that knows the library. Loading it takes seconds: it is asked what it has not answered before, about the
same values, and draws its pages when a result has changed.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.expectations.suites import IN_ORDER, UNIQUE_TOGETHER
from keepwell.tasks.checks.data_docs import displayed_counts
from keepwell.tasks.checks.results import MAX_FAILING_ROWS, Answer, CheckResult, plain, seen
from keepwell.tasks.checks.rows import ROW_KEY, Asked
from keepwell.tasks.checks.verdicts import Verdict

SOURCE = "staged"
HOLDS = Answer(success=True)
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


class Judge:
    """Great Expectations with what it answered the last time; `verdicts` are those that it was asked for this time."""

    def __init__(self, earlier: Mapping[str, Verdict]) -> None:
        self._earlier = earlier
        self.verdicts: dict[str, Verdict] = {}

    def answers(
        self, questions: Sequence[Asked], frame: pd.DataFrame, doubtful: Sequence[bool]
    ) -> list[tuple[Asked, Answer]]:
        """The answer to each question about one frame, in their order; a rule that is not in doubt holds."""
        asked = [question for question, may_break in zip(questions, doubtful, strict=True) if may_break]
        names = [_name(question, frame) for question in asked]
        unknown = [(n, q) for n, q in zip(names, asked, strict=True) if n not in self._earlier]
        new = dict(zip([n for n, _ in unknown], self._judged([q for _, q in unknown], frame), strict=True))
        said = {n: new[n] if n in new else self._earlier[n].about(frame) for n in names}
        self.verdicts |= {n: Verdict.of(answer) for n, answer in said.items()}
        answered = iter([said[n] for n in names])
        return [
            (question, next(answered) if may_break else HOLDS)
            for question, may_break in zip(questions, doubtful, strict=True)
        ]

    def _judged(self, questions: Sequence[Asked], frame: pd.DataFrame) -> list[Answer]:
        if not questions:
            return []
        definition = self._context.data_sources.get(SOURCE).get_asset(SOURCE).get_batch_definition(SOURCE)
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        return _validated(batch, questions)

    @cached_property
    def _context(self) -> Any:
        """A context in memory that shows no progress bars, with the one way in which it is handed frames."""
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = _great_expectations().get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        context.data_sources.add_pandas(SOURCE).add_dataframe_asset(SOURCE).add_batch_definition_whole_dataframe(SOURCE)
        return context

    def draw(self, judged: Mapping[str, Sequence[Judgement]], as_of: datetime, folder: Path) -> None:
        """Data Docs of all tables in an empty folder, with the counts of whole tables."""
        from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
        from great_expectations.data_context.types.resource_identifiers import (
            ExpectationSuiteIdentifier,
            ValidationResultIdentifier,
        )

        gx, context = _great_expectations(), self._context
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


def _name(question: Asked, frame: pd.DataFrame) -> str:
    """A hash of all that an answer depends on: the library, the question, and the values that it is about."""
    expectation = question.expectation
    values = frame[[name for name in expectation.given if name in frame.columns]]
    about = (
        version("great_expectations"), expectation.expect, expectation.given, expectation.scope, len(frame),
        {name: str(value) for name, value in question.arguments.items()}, [str(kind) for kind in values.dtypes],
    )  # fmt: skip
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    found.update(pd.util.hash_pandas_object(values.reset_index(drop=True)).to_numpy().tobytes())
    return found.hexdigest()[:32]


@cache
def _great_expectations() -> Any:
    """The library, without its telemetry and its chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    for name in ("great_expectations", "great_expectations.data_context.types.base"):  # the latter sets its own level
        logging.getLogger(name).setLevel(logging.ERROR)
    return great_expectations


def _validated(batch: Any, questions: Sequence[Asked]) -> list[Answer]:
    gx = _great_expectations()
    asked_for = [_expectation(gx, question, meta={"place": place}) for place, question in enumerate(questions)]
    suite = gx.ExpectationSuite(name="asked", expectations=asked_for)
    said = batch.validate(suite, result_format=dict(WITH_ROWS)).results
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
