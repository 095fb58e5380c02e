"""The data checks alone."""

from collections.abc import Sequence

from keepwell.flows.run import Run
from keepwell.flows.scoring import check_data, staged
from keepwell.tasks.checks.run import CheckResult, raise_if_critical
from keepwell.tasks.lock import holding


def checking(run: Run) -> dict[str, object]:
    """Stage and check one date; raises if a critical check fails, else returns counts and warnings."""
    with holding(run.out, run.as_of):
        results = check_data(run, staged(run)).results
        raise_if_critical(results)
    return {
        "as_of": run.as_of,
        "expectations": sum(r.success is not None for r in results),
        "warnings": [f"{r.table}: {r.requirement}" for r in results if r.broken],
        "not_judged": left_out(results),
    }


def left_out(results: Sequence[CheckResult]) -> list[str]:
    """The rules that could not be judged: one line per table and reason."""
    rules: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.not_judged is not None:
            rules.setdefault((result.table, result.not_judged), []).append(result.rule)
    return [f"{table}: {why} ({', '.join(dict.fromkeys(names))})" for (table, why), names in rules.items()]
