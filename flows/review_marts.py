"""The marts of expert reviews (REV-1..4)."""

from datetime import datetime

from flows.run import Run
from playbook.review import Sprint, sprints
from tasks.ledger import Ledger
from tasks.publish import Stamp, publish
from tasks.reviews import Outcomes, figures, outcomes_of, review_frames
from tasks.staging import Snapshot
from tasks.step import step


@step
def publish_reviews(run: Run, ledger: Ledger, snapshot: Snapshot, stamp: Stamp) -> int:
    """The marts of the reviews that had begun by the run's instant, cut there; nothing before the first."""
    told = []
    for sprint in sprints(ledger.reviews(), run.instant).values():
        happened = outcomes_by(run, sprint, snapshot, run.instant)
        told.append((sprint, happened, figures(sprint, happened, run.settings.models.grades)))
    return publish(run.marts, run.as_of, review_frames(told), stamp) if told else 0


def outcomes_by(run: Run, sprint: Sprint, snapshot: Snapshot, now: datetime) -> Outcomes:
    """What became of a sprint's accounts by an instant."""
    settings = run.settings
    return outcomes_of(sprint, run.marts, snapshot, now, run.fixed, settings.money, settings.labels)
