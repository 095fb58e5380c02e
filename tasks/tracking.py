"""The door to MLflow: experiments, one run per candidate and quarter, lines over time (MOD-9, OUT-2).

The import costs seconds, so it waits inside. Nothing global is set: every call goes through a client of its own. No
clock is read: instants in MLflow are those that a run speaks as of.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from tasks.drivers import module_missing, scheme_of
from tasks.errors import ConfigError, nearest
from tasks.output import writable

MONITORING = "keepwell-monitoring"
BOOK, RANGE = "all/", "range/"  # sections of the whole book's figures and of their bounds
METRICS_PER_CALL = 1000  # MLflow's own limits
PARAMETERS_PER_CALL = 100
EPOCH = date(1970, 1, 1)
NOT_A_KEY = re.compile(r"[^\w\-. /]")

OLD_SCHEMES = ("", "file", "databricks-uc", "uc")  # a folder of files, and what is no place of its own
OTHER_VERSION = re.compile(r"database schema \(found version (\w+), but expected (\w+)\)")


def name_of(outcome: str) -> str:
    """The experiment of an outcome, and its registered model."""
    return f"keepwell-{outcome}"


@dataclass(frozen=True)
class Tracking:
    """Where MLflow keeps runs and models: its URI, and the folder of the artifacts where the URI is a database."""

    uri: str
    artifacts: str

    @property
    def database(self) -> Path | None:
        """The SQLite file, where it is one."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def begun(self) -> bool:
        """Whether there may be anything to read: a SQLite file that is not there holds nothing."""
        return self.database is None or self.database.exists()

    def client(self) -> Any:
        """A client; ConfigError where the place cannot be reached."""
        _quiet()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        if self.database:
            writable(self.database.parent)
            self.database.parent.mkdir(parents=True, exist_ok=True)
        try:
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            client.search_experiments(max_results=1)
        except ImportError as error:
            raise ConfigError(module_missing("tracking.uri", error.name or "")) from error
        except (MlflowException, SQLAlchemyError) as error:
            raise ConfigError(f"tracking.uri: {self._why(error)}") from error
        return client

    def _why(self, error: Exception) -> str:
        """What is wrong with the URI, or with what is there."""
        scheme, place = scheme_of(self.uri), re.sub(r"://[^/]*@", "://", self.uri)
        known = [one for one in getattr(error, "supported_uri_schemes", ()) if one not in OLD_SCHEMES]
        if known:
            return f"MLflow has no `{scheme}://`{nearest(scheme, known)}"
        if not scheme:
            return f"{self.uri} is no address of MLflow. Write sqlite:///FILE, http://HOST:PORT or a database's URL."
        if versions := OTHER_VERSION.search(str(error)):
            found, wanted = versions.groups()
            return (
                f"the tables of MLflow at {place} are of another version (step {found}, this one has {wanted}). "
                "Install the MLflow that wrote them; if that was an older one, back up and run `mlflow db upgrade`."
            )
        return f"MLflow at {place} cannot be reached ({type(error).__name__})."

    def experiment(self, client: Any, name: str) -> str:
        """The id of an experiment, made where it is missing. A server decides itself where its artifacts go."""
        found = client.get_experiment_by_name(name)
        if found is None:
            place = None if self.uri.startswith("http") else f"{self.artifacts}/{name}"
            return str(client.create_experiment(name, artifact_location=place))
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@dataclass(frozen=True)
class Logged:
    """One run as it is to be: MLflow refuses no more than its limits, which are kept here."""

    name: str
    as_of: date
    tags: Mapping[str, str]
    parameters: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def begin_run(client: Any, experiment: str, logged: Logged) -> str:
    """A run with its tags; it counts as unfinished until `finish_run`."""
    tags = {**logged.tags, "mlflow.runName": logged.name, "mlflow.source.name": "keepwell"}
    run = client.create_run(experiment, start_time=milliseconds(logged.as_of), tags=tags, run_name=logged.name)
    return str(run.info.run_id)


def finish_run(client: Any, run: str, logged: Logged, model: str | None = None) -> None:
    """Parameters and metrics, the metrics in one call, then the mark that the run is whole."""
    from mlflow.entities import Metric, Param

    parameters = [Param(key, str(value)) for key, value in logged.parameters.items()]
    for first in range(0, len(parameters), PARAMETERS_PER_CALL):
        client.log_batch(run, params=parameters[first : first + PARAMETERS_PER_CALL])
    at = milliseconds(logged.as_of)
    metrics = [
        Metric(metric_key(name), value, at, 0, model_id=model)
        for name, value in logged.metrics.items()
        if math.isfinite(value)
    ]
    for first in range(0, len(metrics), METRICS_PER_CALL):
        client.log_batch(run, metrics=metrics[first : first + METRICS_PER_CALL])
    client.set_terminated(run, "FINISHED", end_time=at)


def is_whole(run: Any) -> bool:
    """Whether nothing killed it halfway."""
    return bool(run.info.status == "FINISHED")


def runs_where(client: Any, experiment: str, **tags: str) -> list[Any]:
    """The runs with these tags, oldest first."""
    asked = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    found: list[Any] = []
    page = None
    while True:
        some = client.search_runs([experiment], asked, max_results=1000, order_by=["start_time ASC"], page_token=page)
        found += some
        page = some.token
        if not page:
            return found


def log_monitoring(tracking: Tracking, outcome: str, lines: Mapping[date, Mapping[str, float]]) -> None:
    """Points by day and metric on the outcome's lines over time; logging a metric's day again replaces its point.

    The step of a point is its day, counted from 1970, so that gaps show as gaps. MLflow only ever adds points: to
    change one the run is written anew, and the old one goes once the new one is whole.
    """
    from mlflow.entities import Metric

    client = tracking.client()
    experiment = tracking.experiment(client, MONITORING)
    runs = runs_where(client, experiment, outcome=outcome)
    kept = max((r for r in runs if is_whole(r)), key=lambda r: int(r.data.tags["writing"]), default=None)
    new = [
        Metric(metric_key(name), value, milliseconds(day), (day - EPOCH).days)
        for day, metrics in sorted(lines.items())
        for name, value in metrics.items()
        if math.isfinite(value)
    ]
    points = _points(client, kept)
    there = {(p.key, p.step): p.value for p in points}
    changed = any(there.get((p.key, p.step), p.value) != p.value for p in new)
    if kept is not None and not changed:
        target = kept.info.run_id
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


def _quiet() -> None:
    """MLflow reads these when it is imported: nothing is sent anywhere, and only warnings are printed.

    A server that is down is given up after seconds, not minutes, so that the book is scored by health in time.
    """
    for name, value in (
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("MLFLOW_LOGGING_LEVEL", "WARNING"),
        ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
    ):
        os.environ.setdefault(name, value)


def milliseconds(day: date) -> int:
    """The start of a day in UTC, as MLflow keeps instants."""
    return int(datetime.combine(day, time(0), UTC).timestamp() * 1000)


def metric_key(name: str) -> str:
    """A name that MLflow takes: a segment may be called anything."""
    return NOT_A_KEY.sub("_", name)
