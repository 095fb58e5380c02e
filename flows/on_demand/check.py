"""The data checks alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from keepwell.flows.run import Run
from keepwell.flows.scoring import check_data, staged
from keepwell.tasks.checks.results import CheckResult, findings, raise_if_critical
from keepwell.tasks.lock import holding


@dataclass(frozen=True)
class Checked:
    """What the checks of a date found: expectations judged, findings as sentences, rules that could not be judged."""

    as_of: date
    expectations: int
    warnings: Sequence[str]
    infos: Sequence[str]
    not_judged: Sequence[str]


def checking(run: Run) -> Checked:
    """Stage and check one date; raises if a critical check fails."""
    with holding(run.out, run.as_of):
        results = check_data(run, staged(run)).results
        raise_if_critical(results)
    warnings, infos = (tuple(map(str, findings(results, severity))) for severity in ("warning", "info"))
    return Checked(run.as_of, sum(r.success is not None for r in results), warnings, infos, left_out(results))


def left_out(results: Sequence[CheckResult]) -> list[str]:
    """The rules that could not be judged: one line per table and reason."""
    rules: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.not_judged is not None:
            rules.setdefault((result.table, result.not_judged), []).append(result.rule)
    return [f"{table}: {why} ({', '.join(dict.fromkeys(names))})" for (table, why), names in rules.items()]
