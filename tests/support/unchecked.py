"""A date that is scored without the cost of its checks."""

from keepwell.flows.run import Run
from keepwell.flows.scoring import Checked, ScoredDate, score_and_publish
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot


def score_unchecked(run: Run, snapshot: Snapshot) -> ScoredDate:
    """The date scored and published as if every check had held."""
    return score_and_publish(run, snapshot, Checked((), facts_at(snapshot, run.instant, run.fixed), ()))
