"""docs/reference/coverage.md: what each canonical table and column buys, in tables."""

from collections.abc import Callable, Iterator, Sequence

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.flows.reference.complete_company import Scenario, filled_tables
from keepwell.flows.reference.coverage import (
    COMPLETE,
    HEALTH,
    Answers,
    answers,
    columns_of,
    sets_of_tables,
    without_columns,
)

INTRODUCTION = """Coverage is the share of the weight of the [health score](../explanation/health-score.md) that rests
on known values. The figures are percentage points of it, with the default `[health]`, for an account of which all is
known: 100 with every table and column, and less when it is scored again without one. What is lost changes nothing
else of the score: a missing source never looks like bad health. Two columns that one measure needs each cost all of it,
so columns do not add up to their table.

Real accounts have less: a new one lacks a year of usage, and a quiet one has answered no survey."""

BESIDES = """## Besides the score

- `churn_events`: who is `leaving`, and the outcome that models learn; without it, ends and notices of contracts.
- `surveys`, `advocacy`: promoters, references, reviews, referrals and case studies are the outcome advocacy.
- `opportunities`: the expansion pipeline of the weekly review.
- `interventions`, `hold_outs`: what work was done and who was left alone; the effects of work rest on them.
- `legacy_scores`: your present score beside Keepwell's, in the audit.
- `touchpoints`: which accounts somebody had talked to before they churned, in the audit."""


def coverage_page(generated: str) -> str:
    """The page; `generated` says how it is made."""
    found = answers()
    lines = ["# What each table buys", "", generated, INTRODUCTION, ""]
    lines += ["## Where to begin", "", *_sets(), "", "## Table by table", "", *_tables(found)]
    lines += ["", BESIDES]
    for name in filled_tables():
        lines += ["", f"## {name}", "", *_columns(found, TABLES[name])]
    return "\n".join(lines) + "\n"


def _sets() -> Iterator[str]:
    minimum = HEALTH.minimum_coverage
    yield (
        f"Below {_points(minimum)} (`health.minimum_coverage`) an account is `unknown`: no score, no alert of health."
        " Each line has what the lines above it have; the table that buys most comes next."
    )
    yield from ("", "| tables | coverage | band |", "|---|---|---|")
    named = sets_of_tables()
    found = Answers([COMPLETE, *(scenario for _, scenario in named)])
    for words, scenario in named:
        known = found.coverage[scenario.account]
        yield f"| {words} | {_points(known)} | {'scored' if known >= minimum else '`unknown`'} |"


def _tables(found: Answers) -> Iterator[str]:
    yield (
        "Every company needs `accounts`, `contracts` and `usage`; contracts decide who is scored at all. Of `usage` the"
        " line says what its rows are worth."
    )
    yield from ("", f"| without | coverage lost | {' | '.join(COMPONENTS)} | alerts that cannot open |")
    yield "|---|---|" + "---|" * (len(COMPONENTS) + 1)
    for name in filled_tables():
        if name not in {"accounts", "contracts"}:
            scenario = Scenario(frozenset({name}))
            yield _row(f"[`{name}`](#{name})", found, scenario, [_listed(_gone(found.alerts, scenario))])
    yield from (
        "",
        "`risk_high` needs a model. Below, features in bold are measures of health; a model loses all that are named.",
    )


def _columns(found: Answers, table: CanonicalTable) -> Iterator[str]:
    if table.optional or table.name == "usage":
        scenario = Scenario(frozenset({table.name}))
        yield f"Without any row: no {_listed(_gone(found.features, scenario))}."
        yield ""
    heads = (
        "without",
        "coverage lost",
        "features lost",
        "alerts lost",
        "portfolio: what changes",
        "a missing value means",
    )
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for group in columns_of(table):
        scenario = without_columns(table.name, group)
        names = group if group != ("sentiment",) or not table.text else (*group, table.text)
        yield (
            f"| {' and '.join(f'`{n}`' for n in names)} | {_lost(found, scenario)} | "
            f"{_listed(_gone(found.features, scenario))} | {_listed(_gone(found.alerts, scenario))} | "
            f"{_listed(found.portfolio(scenario))} | {table.column(group[0]).null} |"
        )


def _row(first: str, found: Answers, scenario: Scenario, more: Sequence[str]) -> str:
    whole, left = found.components(COMPLETE), found.components(scenario)
    by_component = [_points(whole[c] - left[c]) for c in COMPONENTS]
    return f"| {' | '.join([first, _lost(found, scenario), *by_component, *more])} |"


def _lost(found: Answers, scenario: Scenario) -> str:
    return _points(found.coverage[COMPLETE.account] - found.coverage[scenario.account])


def _gone(of: Callable[[Scenario], list[str]], scenario: Scenario) -> list[str]:
    """What is there with everything and is not in the scenario."""
    left = set(of(scenario))
    return [name for name in of(COMPLETE) if name not in left]


def _listed(names: Sequence[str], none: str = "") -> str:
    """Names in backticks; measures of health in bold."""
    bold = {name for name in names if name in FEATURES and HEALTH.measures.get(name) and HEALTH.measures[name].weight}
    return ", ".join(f"**`{name}`**" if name in bold else f"`{name}`" for name in names) or none


def _points(share: float) -> str:
    """Percentage points with one decimal; nothing where it is zero."""
    return f"{100 * share:.1f}" if round(100 * share, 1) else ""
