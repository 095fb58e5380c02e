"""Every quarter: would a model know more than health? Candidates are graded on months they never saw (LRN-1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from features.all import FEATURES
from flows.run import Run
from flows.scoring import check_data, staged
from models.split import TooLittleData
from models.training import Trial, trial
from tasks.checks import raise_if_critical
from tasks.lock import holding
from tasks.performance import performance_frame
from tasks.publish import publish
from tasks.runs import recorded
from tasks.staging import Snapshot
from tasks.step import step
from tasks.training import OUTCOMES, TrainingSet, first_month, matured_months, parts_of, training_set

FLOW = "quarterly_retraining"


@dataclass(frozen=True)
class QuarterResult:
    """The trial of each outcome that could be learnt, and why the others could not."""

    trials: Mapping[str, Trial]
    refused: Mapping[str, str]


def quarterly_retraining(run: Run) -> QuarterResult:
    """Rebuild the past month by month, learn from it, grade on its last months, publish `model_performance`.

    An outcome with too little data is refused by name; the pipeline goes on with health alone. No model is kept yet.
    """
    with holding(run.out, run.as_of), recorded(run, FLOW) as record:
        snapshot = staged(run)
        raise_if_critical(check_data(run, snapshot))
        try:
            examples = rebuild_past(run, snapshot)
            result = try_candidates(run, examples)
        except TooLittleData as nothing:
            result = QuarterResult({}, dict.fromkeys(OUTCOMES, str(nothing)))
        stamp = run.stamp(snapshot, None)
        frame = performance_frame(result.trials)
        record(publish(run.marts, run.as_of, {"model_performance": frame}, stamp), stamp)
    return result


@step()
def rebuild_past(run: Run, snapshot: Snapshot) -> TrainingSet:
    """Features as known and outcomes as known since, for every month of which any outcome has matured."""
    labels, money = run.settings.labels, run.settings.money
    months = matured_months(
        first_month(snapshot, run.instant, run.settings.models.split.run_in_days, run.fixed),
        run.instant,
        labels.churn_horizon_days,
        money.churn_grace_days,
    )
    return training_set(snapshot, months, run.instant, run.scoring, labels, run.fixed)


@step()
def try_candidates(run: Run, past: TrainingSet) -> QuarterResult:
    """Every candidate for every outcome that has enough examples."""
    settings, trials, refused = run.settings, {}, {}
    numbers = [f.name for f in FEATURES.values() if f.published]
    for outcome, label in OUTCOMES.items():
        gap = settings.labels.horizon_days(outcome) + settings.money.churn_grace_days
        try:
            parts = parts_of(past.examples, outcome, gap, settings.models.split)
            trials[outcome] = trial(past.examples, label, parts, numbers, settings.models)
        except TooLittleData as reason:
            refused[outcome] = str(reason)
    return QuarterResult(trials, refused)


def summary(result: QuarterResult) -> pd.DataFrame:
    """One line per outcome and candidate on the test months, for the terminal."""
    rows = []
    for outcome, found in result.trials.items():
        for name in found.trained:
            auc, recall = (found.figures[name, "all"][figure] for figure in ("roc_auc", "recall"))
            rows.append(
                {
                    "outcome": outcome, "candidate": name + (" *" if name == found.taken else ""),
                    "roc_auc": f"{auc.value:.3f} ({auc.low:.3f}-{auc.high:.3f})",
                    "recall_at_capacity": f"{recall.value:.3f} ({recall.low:.3f}-{recall.high:.3f})",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
