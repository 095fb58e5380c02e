"""Model monitoring, every month and every quarter: production models, their results, notifications (LRN-3, LRN-4)."""

from collections.abc import Iterable, Mapping

from keepwell.flows.run import Run
from keepwell.flows.schedule import FLOWS
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.split import TooLittleData
from keepwell.tasks.delivery.artifacts import show_degraded
from keepwell.tasks.learning.audit_facts import legacy_scores
from keepwell.tasks.learning.monitoring import InPlace, Monitoring, watch
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.learning.training import TrainingSet, month_starts, training_set
from keepwell.tasks.ledger.recorded import read_recorded
from keepwell.tasks.marts.publish import publish
from keepwell.tasks.marts.runs import has_run
from keepwell.tasks.registry.monitoring_run import log_monitoring
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.scoring.predictions import used
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import log, step


def watch_month(run: Run, snapshot: Snapshot, serving: Iterable[ServingModel]) -> Monitoring:
    """The champions on the months since their training; publishes `drift`, `lead_times` and `monitored_models`.

    Nothing without a champion, nor on a date whose quarterly run has looked at them.
    """
    champions = {model.outcome: model for model in serving if model.alias == CHAMPION}
    if not champions or has_run(run.marts, FLOWS["quarterly"], run.as_of):
        return Monitoring()
    found = watch_models(run, snapshot, months_since(run, snapshot, champions.values()), champions, {}, {})
    publish(run.marts, run.as_of, found.frames, run.stamp(snapshot, None, used(champions.values())))
    draw_lines(run, found)
    for outcome, reason in found.unwatched.items():
        log.warning("%s: the model is not monitored. %s", outcome, reason)
    return found


@step
def months_since(run: Run, snapshot: Snapshot, champions: Iterable[ServingModel]) -> TrainingSet:
    """The examples of the months that monitoring looks at: from the first validation month of any champion on."""
    splits = [champion.baseline.splits for champion in champions if champion.baseline is not None]
    months = month_starts(min((of.validation[0] for of in splits), default=run.as_of), run.instant)
    recorded = read_recorded(run.open_ledger(), run.instant)
    return training_set(snapshot, months, run.instant, run.scoring, run.settings.labels, run.fixed, recorded)


@step
def watch_models(
    run: Run, snapshot: Snapshot, past: TrainingSet, champions: Mapping[str, ServingModel],
    trained: Mapping[str, TrainingResult], versions: Mapping[str, str],
) -> Monitoring:  # fmt: skip
    """Every outcome's champion, or its challenger before the first promotion, on the months since its training."""
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
    """The model to monitor; None without one. TooLittleData for a champion stored without its baseline."""
    if outcome in champions:
        champion = champions[outcome]
        if champion.baseline is None:
            raise TooLittleData(
                f"Version {champion.version} was stored without a baseline; the next champion will have one."
            )
        return InPlace(CHAMPION, champion.version, champion.by_month, champion.baseline)
    found = trained.get(outcome)
    if found is None or found.baseline is None:
        return None
    trial = found.trial
    by_month = trial.graded if trial.refit is None else ByMonth(trial.serving, trial.graded, trial.seen_until)
    return InPlace(CHALLENGER, versions[outcome], by_month, found.baseline)


@step
def draw_lines(run: Run, found: Monitoring) -> None:
    """Metrics and drift over time in MLflow; a degraded model as an event and an artifact of Prefect."""
    for outcome, watched in found.watched.items():
        log_monitoring(run.tracking, outcome, watched.lines)
    show_degraded(found.alerts, run.as_of)
