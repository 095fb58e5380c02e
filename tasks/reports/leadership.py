"""The leadership summary as one self-contained page."""

from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.playbook.interventions.records import RESULTS
from keepwell.playbook.interventions.suggestions import ALL, SIGNIFICANT, VERDICTS, amount, effect_in_words, on, said_as
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.operations.leadership import Leadership
from keepwell.tasks.reports.charts import COLOURS, effects_chart
from keepwell.tasks.reports.templates import MINUS, NOTHING, html_page

Row = dict[str, Any]
HOW: Mapping[str, str] = {
    "notice": "gave notice", "ended": "contract ended", "recorded": "as the company recorded",
}  # fmt: skip


def write_page(summary: Leadership, path: Path) -> Path:
    """The page at this path; the file is replaced whole."""
    return write_whole(path, as_html(summary))


def as_html(summary: Leadership) -> str:
    """One page that needs no network and no script."""
    bands = records(summary.bands)
    effects = _effects(summary.effects)
    return html_page(
        "leadership.html",
        summary=summary,
        colours=COLOURS,
        bands=bands,
        book={
            name: sum(row[name] or 0 for row in bands) for name in ("accounts", "arr", "accounts_before", "arr_before")
        },
        at_risk=sum(row["arr"] for row in bands if row["band"] in ("critical", "at_risk")),
        lost=records(summary.lost),
        arr_lost=float(summary.lost["arr"].sum()),
        warned=int(summary.lost["warned_at"].notna().sum()),
        how=HOW,
        work=records(summary.work),
        results=RESULTS,
        effects=effects,
        designs=_one_of_each_design(effects),
        churn_chart=_chart(effects, "churned"),
        usage_chart=_chart(effects, "use_after"),
        verdicts=VERDICTS,
        in_words=in_words,
        on=on,
        plain=plain,
        said_as=said_as,
        difference=difference,
        forecast=summary.forecast,
    )


def in_words(row: Row) -> str:
    """An effect with its interval, or why there is none."""
    if row["effect"] is None:
        return "too few cases for an estimate"
    return effect_in_words(row["outcome"], row["effect"], row["low"], row["high"]).replace("-", MINUS)


def plain(row: Row) -> str:
    """The unadjusted difference."""
    return NOTHING if row["naive"] is None else amount(row["outcome"], row["naive"]).replace("-", MINUS)


def difference(now: float, before: float | None) -> str:
    """What a count or an amount has changed by, with its sign."""
    if before is None:
        return ""
    change = round(now - before)
    return "no change" if not change else f"{change:+,.0f}".replace("-", MINUS)


def _effects(table: pd.DataFrame) -> list[Row]:
    """Any kind first, then each kind, over all causes and segments; churn before usage."""
    if not len(table):
        return []
    whole = table[(table["root_cause"] == ALL) & (table["segment"] == ALL)]
    rows = [{**row, "name": "any kind" if row["kind"] == ALL else said_as(row["kind"])} for row in records(whole)]
    return sorted(rows, key=lambda row: (row["kind"] != ALL, row["kind"], row["outcome"]))


def _one_of_each_design(effects: Sequence[Row]) -> list[Row]:
    """The first randomized effect and the first adjusted one: their sentences apply to the others as well."""
    first: dict[str, Row] = {}
    for row in effects:
        first.setdefault(row["estimand"].partition(":")[0], row)
    return list(first.values())


def _chart(effects: Sequence[Row], outcome: str) -> Any:
    """The effects on one outcome in points or percent; None without any."""
    measured = [row for row in effects if row["outcome"] == outcome and row["effect"] is not None]
    rows = [
        {
            "name": row["name"], "sure": row["verdict"] in SIGNIFICANT,
            **{to: _in_unit(outcome, row[of]) for to, of in (("value", "effect"), ("low", "low"), ("high", "high"))},
        }
        for row in measured
    ]  # fmt: skip
    title, unit = ("Churn, points", "") if outcome == "churned" else ("Usage, percent", "%")
    return effects_chart(rows, title, unit) if rows else None


def _in_unit(outcome: str, value: float) -> float:
    return 100.0 * value if outcome == "churned" else 100.0 * (exp(value) - 1.0)
