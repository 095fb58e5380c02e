"""Monitoring as lines over time in MLflow: one run per outcome, a point per day and metric (MOD-9, LRN-4)."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from keepwell.tasks.registry.tracking import (
    METRICS_PER_CALL,
    Logged,
    Tracking,
    begin_run,
    is_whole,
    metric_key,
    milliseconds,
    runs_where,
)

MONITORING = "keepwell-monitoring"
EPOCH = date(1970, 1, 1)


def log_monitoring(tracking: Tracking, outcome: str, lines: Mapping[date, Mapping[str, float]]) -> None:
    """Points by day and metric on the outcome's lines over time; logging a metric's day again replaces its point.

    The step of a point is its day, counted from 1970, so that gaps show as gaps. MLflow only ever adds points: to
    change one the run is written anew, and the old one goes once the new one is whole.
    """
    tracking.asked(partial(_log_monitoring, tracking=tracking, outcome=outcome, lines=lines))


def _log_monitoring(
    client: Any, tracking: Tracking, outcome: str, lines: Mapping[date, Mapping[str, float]]
) -> None:  # fmt: skip
    from mlflow.entities import Metric

    experiment = tracking.experiment(client, MONITORING)
    runs = runs_where(client, experiment, outcome=outcome)
    current = max((r for r in runs if is_whole(r)), key=lambda r: int(r.data.tags["writing"]), default=None)
    new = [
        Metric(metric_key(name), value, milliseconds(day), (day - EPOCH).days)
        for day, metrics in sorted(lines.items())
        for name, value in metrics.items()
        if math.isfinite(value)
    ]
    points = _points(client, current)
    there = {(p.key, p.step): p.value for p in points}
    changed = any(there.get((p.key, p.step), p.value) != p.value for p in new)
    if current is not None and not changed:
        target = current.info.run_id
        _add(client, target, [p for p in new if (p.key, p.step) not in there])
    else:
        writing, last = 1 + max((int(r.data.tags["writing"]) for r in runs), default=0), max(lines)
        target = begin_run(client, experiment, Logged(outcome, last, {"outcome": outcome, "writing": str(writing)}))
        named = {(p.key, p.step) for p in new}
        _add(client, target, [*(p for p in points if (p.key, p.step) not in named), *new])
        client.set_terminated(target, "FINISHED", end_time=milliseconds(last))
    for run in runs:
        if run.info.run_id != target:
            client.delete_run(run.info.run_id)


def _points(client: Any, run: Any) -> list[Any]:
    """Every point of every line of a run."""
    return (
        [] if run is None else [p for key in run.data.metrics for p in client.get_metric_history(run.info.run_id, key)]
    )


def _add(client: Any, run: str, points: Sequence[Any]) -> None:
    for first in range(0, len(points), METRICS_PER_CALL):
        client.log_batch(run, metrics=points[first : first + METRICS_PER_CALL])
