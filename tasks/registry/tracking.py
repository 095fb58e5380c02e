"""The door to MLflow: experiments, one run per candidate and quarter, lines over time (MOD-9, OUT-2).

The import costs seconds, so it waits inside. Nothing global is set: every call goes through a client of its own. No
clock is read: instants in MLflow are those that a run speaks as of. What is done with a client is done again as a whole
where the line fails, and can be: runs that are not whole are removed, what people did has numbers.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from keepwell.tasks.connections.retries import Service, retried
from keepwell.tasks.errors import ConfigError, Unreachable
from keepwell.tasks.files.permissions import private_file, private_folder
from keepwell.tasks.files.writable import writable
from keepwell.tasks.registry.mlflow_client import address_of, mlflow_client
from keepwell.tasks.settings import STANDARD_RETRIES, RetrySettings

T = TypeVar("T")

BOOK, RANGE = "all/", "range/"  # sections of the whole book's figures and of their bounds
METRICS_PER_CALL = 1000  # MLflow's own limits
PARAMETERS_PER_CALL = 100
NOT_A_KEY = re.compile(r"[^\w\-. /]")


def name_of(outcome: str) -> str:
    """The experiment of an outcome, and its registered model."""
    return f"keepwell-{outcome}"


@dataclass(frozen=True)
class Tracking:
    """Where MLflow keeps runs and models: its URI, and the folder of the artifacts where the URI is a database.

    `down`: why it could not be reached, once it could not: a run asks a dead server once, not once a model.
    """

    uri: str
    artifacts: str
    retries: RetrySettings = STANDARD_RETRIES
    down: list[Unreachable] = field(default_factory=list, compare=False)

    @property
    def database(self) -> Path | None:
        """The SQLite file, where it is one."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def folder(self) -> Path | None:
        """The folder of the artifacts, where it is one of this machine that we write to ourselves."""
        path = self.artifacts.removeprefix("file://")
        return None if self.uri.startswith("http") or "://" in path or not path else Path(path)

    @property
    def begun(self) -> bool:
        """Whether there may be anything to read: a SQLite file that is not there holds nothing."""
        return self.database is None or self.database.exists()

    @property
    def place(self) -> str:
        """Where MLflow is, without what is secret in its URI."""
        return Service.at("MLflow", self.uri).place

    @property
    def address(self) -> str:
        """The URI as MLflow is given it."""
        return address_of(self.uri, self.retries)

    def asked(self, use: Callable[[Any], T]) -> T:
        """What `use` gets from a client, as a whole again where the line fails.

        Unreachable where it goes on failing, and at once from then on; ConfigError where MLflow refuses.
        """
        if self.down:
            raise self.down[0]
        try:
            return retried(Service.at("MLflow", self.uri), self.retries, lambda: use(self.client()))
        except Unreachable as gone:
            self.down.append(gone)
            raise

    def client(self) -> Any:
        """A client that has been answered once; ConfigError where MLflow refuses, else the error of the line."""
        if self.database:
            writable(self.database.parent)
            try:
                private_file(self.database)
            except OSError as error:
                why = f"{self.database} cannot be opened: {error.strerror}"
                raise ConfigError(f"tracking.uri: {why}. Name a file, or correct its rights.") from error
        return mlflow_client(self.uri, self.retries)

    def experiment(self, client: Any, name: str) -> str:
        """The id of an experiment, made where it is missing. A server decides itself where its artifacts go."""
        found = client.get_experiment_by_name(name)
        if self.folder:
            private_folder(self.folder)
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


def milliseconds(day: date) -> int:
    """The start of a day in UTC, as MLflow keeps instants."""
    return int(datetime.combine(day, time(0), UTC).timestamp() * 1000)


def metric_key(name: str) -> str:
    """A name that MLflow takes: a segment may be called anything."""
    return NOT_A_KEY.sub("_", name)
