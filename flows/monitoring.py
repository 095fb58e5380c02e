"""Watching the models within the quarterly flow: what is in force, what became of it, who is told (LRN-3, LRN-4)."""

from collections.abc import Mapping

from keepwell.flows.run import Run
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.split import TooLittleData
from keepwell.tasks.delivery.artifacts import show_degraded
from keepwell.tasks.learning.audit_facts import legacy_scores
from keepwell.tasks.learning.monitoring import InPlace, Monitoring, watch
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.learning.training import TrainingSet
from keepwell.tasks.registry.monitoring_run import log_monitoring
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import step


@step
def watch_models(
    run: Run, snapshot: Snapshot, past: TrainingSet, champions: Mapping[str, ServingModel],
    trained: Mapping[str, TrainingResult], versions: Mapping[str, str],
) -> Monitoring:  # fmt: skip
    """Every outcome's champion, or its challenger where none was promoted yet, on the months since it trained."""
    legacy = legacy_scores(facts_at(snapshot, run.instant, run.fixed))
    watched, unwatched = {}, {}
    for outcome in OUTCOMES:
        horizon = run.settings.labels.horizon_days(outcome)
        try:
            model = in_place(outcome, champions, trained, versions)
            if model is not None:
                watched[outcome] = watch(outcome, model, past.examples, horizon, legacy, run.settings.models)
        except TooLittleData as reason:
            unwatched[outcome] = str(reason)
    return Monitoring(watched, unwatched)


def in_place(
    outcome: str,
    champions: Mapping[str, ServingModel],
    trained: Mapping[str, TrainingResult],
    versions: Mapping[str, str],
) -> InPlace | None:
    """The model to watch; None without one. TooLittleData for a champion kept without what it is held against."""
    if outcome in champions:
        champion = champions[outcome]
        if champion.baseline is None:
            raise TooLittleData(f"Version {champion.version} was kept without its baseline; the next champion has one.")
        return InPlace(CHAMPION, champion.version, champion.trained, champion.baseline)
    found = trained.get(outcome)
    if found is None or found.baseline is None:
        return None
    return InPlace(CHALLENGER, versions[outcome], found.trial.trained[found.trial.selected], found.baseline)


@step
def draw_lines(run: Run, found: Monitoring) -> None:
    """Figures and drift as lines over time in MLflow; a degraded model as an event and an artifact of Prefect."""
    for outcome, watched in found.watched.items():
        log_monitoring(run.tracking, outcome, watched.lines)
    show_degraded(found.alerts, run.as_of)
