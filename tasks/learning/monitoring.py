"""Monitoring of a model since its training: drift, metrics over time, how early it warns, and what got worse.

The monitored model is the active champion; where none was promoted yet, the challenger that was just trained. Every
month that it did not learn from counts, up to the newest book, whose outcomes nobody knows yet (LRN-3, LRN-4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from keepwell.models.grading.audit import as_known
from keepwell.models.grading.intervals import Estimate
from keepwell.models.monitoring.baseline import Baseline
from keepwell.models.monitoring.drift import drift
from keepwell.models.monitoring.early_warning import EarlyWarning, early_warning
from keepwell.models.monitoring.estimate import EstimatedMetrics, estimate_metrics, strong_drift
from keepwell.models.monitoring.outcome_drift import outcome_drift
from keepwell.models.monitoring.over_time import by_month, gradable, together, unseen
from keepwell.models.promotion.champions import CHAMPION, Alias
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.split import TooLittleData
from keepwell.models.training.trained import Trained
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.marts.monitoring import (
    drift_frame,
    estimated_frame,
    lead_times_frame,
    realised_frame,
    warning_frame,
)

CHURN = "churn"
OVER_TIME = ("roc_auc", "precision", "recall", "false_alarm_rate", "miss_rate", "observed_to_expected")
"""The metrics with a line each in MLflow."""
ACCEPTED = {"roc_auc": "ROC-AUC", "precision": "precision", "recall": "recall"}
"""The metrics that must not fall below their values at acceptance, in words."""
Lines = Mapping[date, Mapping[str, float]]


@dataclass(frozen=True)
class InPlace:
    """The monitored model, with its version in MLflow."""

    alias: Alias
    version: str
    trained: Trained | ByMonth
    baseline: Baseline


@dataclass(frozen=True)
class Watched:
    """Rows of the marts `drift`, `model_performance` and `lead_times`; points of the lines in MLflow, by month.

    `worse`: why the model counts as degraded, one reason each; empty where nothing speaks against it.
    """

    model: InPlace
    drift: pd.DataFrame
    performance: pd.DataFrame
    leads: pd.DataFrame
    lines: Lines
    worse: tuple[str, ...]


@dataclass(frozen=True)
class Monitoring:
    """Results for each outcome's model; `unwatched`: why one could not be monitored."""

    watched: Mapping[str, Watched] = field(default_factory=dict)
    unwatched: Mapping[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The marts `drift`, `lead_times` and `monitored_models`."""
        return {
            "monitored_models": stacked(monitored_frame(o, w.model, w.worse) for o, w in self.watched.items()),
            "drift": stacked(found.drift for found in self.watched.values()),
            "lead_times": stacked(found.leads for found in self.watched.values()),
        }

    @property
    def performance(self) -> pd.DataFrame:
        """Rows of the mart `model_performance`."""
        return stacked(found.performance for found in self.watched.values())

    @property
    def alerts(self) -> dict[str, str]:
        """One sentence per outcome whose champion has degraded; a challenger does not act yet."""
        return {
            outcome: f"{outcome}: the {found.model.alias} (version {found.model.version}) has degraded: "
            f"{'; '.join(found.worse)}."
            for outcome, found in self.watched.items()
            if found.worse and found.model.alias == CHAMPION
        }


def monitored_frame(outcome: str, model: InPlace, worse: Sequence[str]) -> pd.DataFrame:
    """One row: which model was monitored, and what speaks against it."""
    return pd.DataFrame(
        {
            "outcome": [outcome], "alias": [model.alias], "model_version": [model.version],
            "degraded": [bool(worse)], "reason": ["; ".join(worse) or None],
        }
    )  # fmt: skip


def watch(
    outcome: str, model: InPlace, examples: pd.DataFrame, horizon_days: int, legacy: pd.DataFrame | None,
    rules: ModelSettings,
) -> Watched:  # fmt: skip
    """Monitor one outcome's model. `examples`: every month up to now, labels missing where not matured.

    Raises TooLittleData where no month of the book is without an outcome: then nothing is new.
    """
    was, label = model.baseline, OUTCOMES[outcome]
    rows = unseen(examples, label, model.trained, was.splits, rules)
    matured = rows.dropna(subset="happened")
    if len(matured) == len(rows):
        raise TooLittleData("There is no account whose outcome is still open: nothing to hold the model against.")
    books = _books(examples, model, rules)
    months = by_month(rows, rules.candidates)
    doubts = [*strong_drift(books[max(books)], rules.estimate), *fallen_metrics(matured, was, rules)]
    estimated_metrics = estimate_metrics(rows, horizon_days, rules.estimate, doubts)
    warning = _warning(rows, examples, model, legacy, rules) if outcome == CHURN else None
    worse = estimated_metrics.worse
    outcomes = outcome_drift(matured, was.rate, rules.drift)
    until = rows["as_of"].max()
    warned = warning_frame(outcome, warning, pd.Timestamp(was.splits.test[0]), until) if warning else pd.DataFrame()
    realised, estimated = (
        realised_frame(outcome, model.alias, months),
        estimated_frame(outcome, model.alias, estimated_metrics),
    )
    performance = stacked([realised, estimated, warned])
    return Watched(
        model,
        drift_frame(outcome, books, outcomes),
        performance.assign(model_version=performance["version"].map({model.alias: model.version})),
        lead_times_frame(outcome, warning) if warning else pd.DataFrame(),
        _lines(months, books, estimated_metrics, warning, model.alias, worse),
        worse,
    )


def _books(examples: pd.DataFrame, model: InPlace, rules: ModelSettings) -> dict[pd.Timestamp, pd.DataFrame]:
    """Drift of the book of each month after the test months, which the reference holds."""
    later = examples[examples["as_of"] > pd.Timestamp(model.baseline.splits.test[-1])]
    later = later.assign(chance=model.trained.without_season(model.trained.probabilities(later), later))
    return {month: drift(model.baseline.reference, book, rules.drift) for month, book in later.groupby("as_of")}


def fallen_metrics(matured: pd.DataFrame, was: Baseline, rules: ModelSettings) -> list[str]:
    """Metrics of the newest matured months after the test whose interval lies wholly below that of the test months."""
    since = matured[matured["as_of"] > pd.Timestamp(was.splits.test[-1])]
    months = sorted(since["as_of"].unique())[-rules.estimate.check_months :]
    newest = since[since["as_of"].isin(months)]
    if not gradable(newest):
        return []
    now = together(newest, rules.candidates)
    return [
        f"{said} of {months[0]:%Y-%m} to {months[-1]:%Y-%m} is {_said(now[name])}, below the "
        f"{_said(was.metrics[name])} that the model was accepted with"
        for name, said in ACCEPTED.items()
        if name in was.metrics and now[name].high < was.metrics[name].low
    ]


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _warning(
    rows: pd.DataFrame, examples: pd.DataFrame, model: InPlace, legacy: pd.DataFrame | None, rules: ModelSettings
) -> EarlyWarning:
    """Lead times in the months after validation of the model, health and the legacy score, where it has numbers."""
    splits = model.baseline.splits
    after = rows[rows["as_of"] > pd.Timestamp(splits.validation[-1])]
    known = as_known(examples[["account_id", "as_of", "churned_at"]], legacy, rules.audit)
    after = after.merge(known[["account_id", "as_of", "legacy"]], on=["account_id", "as_of"], how="left")
    scores = {str(model.alias): after["chance"], "health": -after["health"]}
    if after["legacy"].notna().any():
        scores["legacy"] = -after["legacy"] if rules.audit.legacy_high_is_good else after["legacy"]
    return early_warning(after, scores, pd.Timestamp(splits.test[0]), rules.early_warning)


def _lines(
    months: Mapping[pd.Timestamp, Mapping[str, Estimate]], books: Mapping[pd.Timestamp, pd.DataFrame],
    estimated_metrics: EstimatedMetrics, warning: EarlyWarning | None, name: str, worse: tuple[str, ...],
) -> Lines:  # fmt: skip
    """Points of the lines by month; a metric about many months is at the newest."""
    lines: dict[date, dict[str, float]] = {
        month.date(): {metric: metrics[metric].value for metric in OVER_TIME} for month, metrics in months.items()
    }
    for month, book in books.items():
        inputs, score = book[book["kind"] == "input"], book[book["kind"] == "score"]
        points = {
            "drift/share_of_inputs": float(inputs["drifted"].mean()),
            "drift/score_psi": float(score["value"].sum()),
        }
        lines[month.date()] = lines.get(month.date(), {}) | points
    auc = estimated_metrics.metrics["roc_auc"]
    newest = {
        "estimated/roc_auc": auc.value, "estimated/roc_auc_low": auc.low, "estimated/roc_auc_high": auc.high,
        "estimated/trusted": float(estimated_metrics.trusted), "degraded": float(bool(worse)),
    }  # fmt: skip
    if warning:
        newest |= {f"early_warning/{metric}": e.value for metric, e in warning.metrics[name].items()}
        newest["early_warning/early_share_of_health"] = warning.metrics["health"]["early_share"].value
    last = max(books).date()
    return lines | {last: lines[last] | newest}
