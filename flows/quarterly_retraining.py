"""Every quarter: train candidates and test them on later months, against health alone (LRN-1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.features.book import book
from keepwell.features.measures.all import FEATURES
from keepwell.flows.monitoring import draw_lines, watch_models
from keepwell.flows.run import Run
from keepwell.flows.scoring import check_data, staged
from keepwell.models.promotion.champions import CHAMPION
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.split import TooLittleData
from keepwell.models.training.trial import Trial, trial
from keepwell.models.training.tripwires import Suspicious
from keepwell.tasks.checks.run import raise_if_critical
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.learning.lessons import Lessons, churn_blueprint, lessons
from keepwell.tasks.learning.monitoring import Monitoring
from keepwell.tasks.learning.quarter import Quarter, TrainingResult, training_result
from keepwell.tasks.learning.training import (
    TrainingSet,
    first_month,
    labeled_accounts,
    month_starts,
    published_features,
    splits_of,
    training_set,
)
from keepwell.tasks.ledger.recorded import read_recorded
from keepwell.tasks.lock import holding, in_turn, models_of
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.marts.model_performance import performance_frame
from keepwell.tasks.marts.publish import Stamp, publish, write_whole
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.marts.signal_catalogue import signal_catalogue
from keepwell.tasks.marts.weights import as_toml
from keepwell.tasks.registry.champion import serving_models
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.reports.blueprint import write_blueprint
from keepwell.tasks.scoring.predictions import used
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import log, step

FLOW = "quarterly_retraining"
RANDOM_ROC_AUC = 0.5
"""The ROC-AUC of a random guess."""
NO_LESSONS = Lessons({}, pd.DataFrame(), None, ())
NOTHING_WATCHED = Monitoring()


@dataclass(frozen=True)
class QuarterResult:
    """The trial of each outcome that could be trained, why the others could not, and the versions that were registered.

    `trained`: each trial with the examples it rests on; `versions`: the challenger of each outcome; `page`: the
    blueprint; `weights`: what would adopt the tuned weights; `monitoring`: what became of the models in place.
    """

    trained: Mapping[str, TrainingResult]
    refused: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    lessons: Lessons = NO_LESSONS
    page: Path | None = None
    weights: Path | None = None
    monitoring: Monitoring = NOTHING_WATCHED

    @property
    def trials(self) -> Mapping[str, Trial]:
        """The trial of each outcome that could be trained."""
        return {outcome: trained.trial for outcome, trained in self.trained.items()}


def quarterly_retraining(run: Run) -> QuarterResult:
    """Rebuild the past month by month, train on it, test on its last months, publish `model_performance`.

    An outcome with too little data is refused by name; the pipeline goes on with health alone. Every candidate goes
    into MLflow, the selected one as challenger: it acts only once it is promoted.
    """
    with holding(run.out, run.as_of), recorded(run, FLOW) as record:
        snapshot = staged(run)
        raise_if_critical(check_data(run, snapshot).results)
        examples = None
        try:
            months = months_of(run, snapshot)
            outcomes = label_past(run, snapshot, months)
            warn_of_too_little(run, outcomes)
            examples = rebuild_past(run, snapshot, months, outcomes)
            result = try_candidates(run, examples)
        except TooLittleData as nothing:
            result = QuarterResult({}, dict.fromkeys(run.settings.models.outcomes, str(nothing)))
        champions = {kept.outcome: kept for kept in serving_models(run.tracking, run.as_of, CHAMPION, marts=run.marts)}
        stamp = run.stamp(snapshot, None, used(champions.values()))
        versions = keep_models(run, result, champions, stamp)
        result = replace(result, versions=versions, lessons=learn_lessons(run, result))
        if examples is not None:
            watched = watch_models(run, snapshot, examples, champions, result.trained, versions)
            result = replace(result, monitoring=watched)
        record(publish(run.marts, run.as_of, frames_of(result), stamp), stamp)
        draw_lines(run, result.monitoring)
        if examples is not None:
            page, weights = write_page(run, snapshot, examples, result, stamp), offer_weights(run, result.lessons)
            result = replace(result, page=page, weights=weights)
    return result


def months_of(run: Run, snapshot: Snapshot) -> list[date]:
    """The months to learn from: from the first with enough usage before it up to the newest."""
    first = first_month(snapshot, run.instant, run.settings.models.split.run_in_days, run.fixed)
    return month_starts(first, run.instant)


@step
def label_past(run: Run, snapshot: Snapshot, months: Sequence[date]) -> pd.DataFrame:
    """The examples of these months with their outcomes as known now, without features."""
    recorded = read_recorded(run.open_ledger(), run.instant)
    return labeled_accounts(snapshot, months, run.instant, run.scoring, run.settings.labels, run.fixed, recorded)


def warn_of_too_little(run: Run, outcomes: pd.DataFrame) -> None:
    """Say which outcomes will have no model before the features of every month are rebuilt, which takes longest."""
    settings = run.settings
    for outcome in settings.models.outcomes if len(outcomes) else ():
        try:
            splits_of(outcomes, outcome, settings.wait_days(outcome), settings.models.split)
        except TooLittleData as reason:
            log.warning("%s: there will be no model. %s The blueprint is made all the same.", outcome, reason)


@step
def rebuild_past(run: Run, snapshot: Snapshot, months: Sequence[date], outcomes: pd.DataFrame) -> TrainingSet:
    """The training set: features of every month as known then, with these outcomes; the newest have none yet."""
    labels = run.settings.labels
    return training_set(snapshot, months, run.instant, run.scoring, labels, run.fixed, outcomes=outcomes)


@step
def try_candidates(run: Run, past: TrainingSet) -> QuarterResult:
    """Every candidate for every outcome of the settings that has enough examples."""
    settings = run.settings
    trained: dict[str, TrainingResult] = {}
    refused: dict[str, str] = {}
    numeric_features = published_features(settings.models.inputs.excluded_features)
    for outcome in settings.models.outcomes:
        try:
            splits = splits_of(past.examples, outcome, settings.wait_days(outcome), settings.models.split)
            found = trial(past.examples, OUTCOMES[outcome], splits, numeric_features, settings.models)
            trained[outcome] = training_result(outcome, found, past.examples, settings.models)
        except (TooLittleData, Suspicious) as reason:
            refused[outcome] = str(reason)
    return QuarterResult(trained, refused)


@step
def keep_models(run: Run, result: QuarterResult, champions: Mapping[str, ServingModel], stamp: Stamp) -> dict[str, str]:
    """Log every candidate in MLflow, compared with the active champion; the version of each outcome's challenger."""
    settings = run.settings
    quarter = Quarter(
        run.as_of, stamp.run_id, stamp.code_version, stamp.snapshot_id,
        flat(settings.models.model_dump()),
        {outcome: settings.labels.horizon_days(outcome) for outcome in OUTCOMES},
        {outcome: settings.wait_days(outcome) for outcome in OUTCOMES},
    )  # fmt: skip
    versions = {}
    for outcome, trained in result.trained.items():
        with in_turn(run.out, models_of(outcome)):  # it shows the models' places, which people may change meanwhile
            versions[outcome] = log_trial(run.tracking, quarter, trained, champions.get(outcome))
    return versions


@step
def learn_lessons(run: Run, result: QuarterResult) -> Lessons:
    """Insights, tuned weights, feature importance, and the effect of other thresholds."""
    settings = run.settings
    horizons = {outcome: settings.labels.horizon_days(outcome) for outcome in OUTCOMES}
    return lessons(result.trained, horizons, settings.health, settings.models)


def frames_of(result: QuarterResult) -> dict[str, pd.DataFrame]:
    """Every mart of the quarter."""
    performance = [performance_frame(result.trials), result.lessons.performance, result.monitoring.performance]
    return {"model_performance": stacked(performance), **result.lessons.frames, **result.monitoring.frames}


@step
def write_page(run: Run, snapshot: Snapshot, past: TrainingSet, result: QuarterResult, stamp: Stamp) -> Path:
    """The blueprint of churn, written beside the marts."""
    settings, facts = run.settings, facts_at(snapshot, run.instant, run.fixed)
    accounts = book(facts, settings.money).to_pandas()
    catalogue = signal_catalogue(facts, snapshot, settings.tables, FEATURES, accounts, settings.catalogue)
    page = churn_blueprint(
        run.as_of, past.examples, result.lessons, result.trained.get("churn"), result.refused.get("churn", ""),
        catalogue, settings.health, settings.models, settings.labels.churn_horizon_days, stamp.run_id,
    )  # fmt: skip
    return write_blueprint(page, run.out / "reports")


@step
def offer_weights(run: Run, found: Lessons) -> Path | None:
    """The lines of pipeline.toml that would adopt the tuned weights, for a person to review (HLT-5)."""
    if found.tuning is None:
        return None
    return write_whole(run.out / "reports" / f"weights-{run.as_of}.toml", as_toml(found.tuning.tuned))


def flat(settings: Mapping[str, object], above: str = "") -> dict[str, object]:
    """Nested settings as `section.key`."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def verdicts(result: QuarterResult) -> list[str]:
    """A warning for each selected candidate that is no better than a guess, than the base rate or than health on test.

    And for one that serves without having seen the newest months.
    """
    said = []
    for outcome, found in result.trials.items():
        auc, health = (found.metrics[name, "all"]["roc_auc"] for name in (found.selected, "health"))
        metric = f"{outcome}: {found.selected} has a ROC-AUC of {auc.value:.2f} ({auc.low:.2f} to {auc.high:.2f})"
        if auc.low <= RANDOM_ROC_AUC:
            said.append(
                f"{metric} on the test months: no better than a random guess ({RANDOM_ROC_AUC}). This data does not "
                "show who will; do not act on it."
            )
        elif auc.value <= health.value:
            said.append(f"{metric}, health alone {health.value:.2f}: the model adds nothing to health.")
        skill = found.metrics[found.selected, "all"]["brier_skill"]
        if skill.value <= 0:
            said.append(
                f"{outcome}: the probabilities of {found.selected} are no better than the base rate on the test months "
                f"(Brier skill {skill.value:.3f}, {skill.low:.3f} to {skill.high:.3f}): rank by them at most."
            )
        if found.why_no_refit:
            said.append(
                f"{outcome}: {found.selected} is not fitted again on all matured months, and knows none after "
                f"{found.seen_until}: {found.why_no_refit}."
            )
    return said


def summary(result: QuarterResult) -> pd.DataFrame:
    """One line per outcome and candidate on the test months, for the terminal."""
    rows = []
    for outcome, found in result.trials.items():
        for name in found.trained:
            auc, recall = (found.metrics[name, "all"][metric] for metric in ("roc_auc", "recall"))
            rows.append(
                {
                    "outcome": outcome, "candidate": name + (" *" if name == found.selected else ""),
                    "roc_auc": f"{auc.value:.3f} ({auc.low:.3f}-{auc.high:.3f})",
                    "recall_at_capacity": f"{recall.value:.3f} ({recall.low:.3f}-{recall.high:.3f})",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
