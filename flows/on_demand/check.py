"""The data checks alone."""

from keepwell.flows.run import Run
from keepwell.flows.scoring import check_data, staged
from keepwell.tasks.checks.run import raise_if_critical
from keepwell.tasks.lock import holding


def checking(run: Run) -> dict[str, object]:
    """Stage and check one date; raises if a critical check fails, else returns counts and warnings."""
    with holding(run.out, run.as_of):
        results = check_data(run, staged(run))
        raise_if_critical(results)
    failed = [r for r in results if not r.success]
    return {
        "as_of": run.as_of,
        "expectations": len(results),
        "warnings": [f"{r.table}: {r.requirement}" for r in failed],
    }
