"""The marts of expert reviews (REV-1..4)."""

from datetime import datetime

from keepwell.flows.run import Run
from keepwell.playbook.review.sprint import Sprint, sprints
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.operations.reviews import Outcomes, outcomes_of, review_frames, sprint_metrics
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import step


@step
def publish_reviews(run: Run, ledger: Ledger, snapshot: Snapshot, stamp: Stamp) -> int:
    """The marts of the reviews that began by the run's instant, as of it; nothing before the first."""
    graded = []
    for sprint in sprints(ledger.reviews(), run.instant).values():
        outcomes = outcomes_by(run, sprint, snapshot, run.instant)
        graded.append((sprint, outcomes, sprint_metrics(sprint, outcomes, run.settings.models.grades)))
    return publish(run.marts, run.as_of, review_frames(graded), stamp) if graded else 0


def outcomes_by(run: Run, sprint: Sprint, snapshot: Snapshot, now: datetime) -> Outcomes:
    """Outcomes of a sprint's accounts, known by an instant."""
    settings = run.settings
    return outcomes_of(sprint, run.marts, snapshot, now, run.fixed, settings.money, settings.labels)
