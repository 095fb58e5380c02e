"""What is registered: versions, what people did to them, and who held which place at a date (MOD-9, LRN-2).

What people did (promote, rollback, off, on) is a list of events in tags that are only ever added; aliases and the tag
`serving` show the present state in MLflow's pages. Runs follow the events, so that a rerun of a date finds the model
that was in force then, and moving an alias by hand promotes nothing.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.models.grading.metrics import Floats
from keepwell.models.monitoring.baseline import Baseline
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION, Alias, Event, challenger, champions, serving
from keepwell.models.training.artifact import CalibratedModel, as_trained
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.trained import Trained
from keepwell.tasks.errors import Unreachable
from keepwell.tasks.files.digests import sha256_of
from keepwell.tasks.registry.tracking import Tracking, name_of

MODEL_FILE, SERVING_FILE, HELD_OUT_FILE = "model.skops", "kept.json", "held_out.parquet"
GRADED_FILE = "graded.skops"
"""The fit whose figures are quoted, beside a refit."""
EVENT = "event."
TAGS = ("sha256", "as_of", "candidate", "first_test")
"""What a version needs to serve; all are written at once with it."""

log = logging.getLogger("keepwell")


@dataclass(frozen=True)
class ServingModel:
    """A registered model, ready to score. `thresholds`, `reference` and `baseline`: as when it was registered.

    `as_of`: the date up to which it knows the data. `first_test`: the first month that it was not trained on. `graded`:
    of a refit the fit whose figures are quoted, with the last month that the refit has seen (MOD-11).
    """

    outcome: str
    version: str
    alias: Alias
    candidate: str
    as_of: date
    first_test: date
    model: CalibratedModel
    inputs: Sequence[str]
    thresholds: Mapping[str, float]
    reference: Mapping[str, Any]
    baseline: Baseline | None = None
    graded: tuple[CalibratedModel, date] | None = None

    @property
    def by_month(self) -> Trained | ByMonth:
        """The model as monitoring asks it: about no month that it has seen."""
        if self.graded is None:
            return self.trained
        graded, seen_until = self.graded
        return ByMonth(self.trained, as_trained(self.candidate, graded), seen_until)

    @property
    def trained(self) -> Trained:
        """The model as a candidate of its trial."""
        return as_trained(self.candidate, self.model)

    def probabilities(self, rows: pd.DataFrame) -> Floats:
        """Calibrated probability of each row."""
        return self.trained.probabilities(rows)


def digest_of(place: Path) -> str:
    """The digest of a version's files; a refit has one more."""
    graded = place / GRADED_FILE
    return sha256_of(place / MODEL_FILE, place / SERVING_FILE, *([graded] if graded.exists() else []))


@dataclass(frozen=True)
class Version:
    """One registered version with its tags."""

    number: str
    run: str
    source: str
    tags: Mapping[str, str]

    @property
    def as_of(self) -> date:
        """The date up to which it knows the data; the earliest date if the tag is lost, so that it is not skipped."""
        return date.fromisoformat(self.tags["as_of"]) if "as_of" in self.tags else date.min

    @property
    def lost(self) -> str:
        """The tags that somebody has removed, without which it cannot serve."""
        return ", ".join(tag for tag in TAGS if tag not in self.tags)


@dataclass(frozen=True)
class OutcomeRegistry:
    """All registered versions of one outcome, and the changes that people made."""

    outcome: str
    versions: Mapping[str, Version]
    events: Sequence[Event]
    aliases: Mapping[str, str]
    switched: str

    def in_production(self, alias: Alias, as_of: date) -> Version | None:
        """The version with this alias at a date."""
        if alias == CHAMPION:
            succession = champions(self.events, as_of)
            return self.versions.get(succession[-1]) if succession else None
        newest = challenger({n: v.as_of for n, v in self.versions.items()}, self.events, as_of)
        return self.versions[newest] if newest else None

    def off(self, as_of: date) -> str:
        """Why no model may serve at a date; empty if they may."""
        event = serving(self.events, as_of)
        if event:
            return f"Switched off by {event.by} as of {event.as_of}: {event.reason}."
        if self.switched == "off" and serving(self.events, date.max) is None:
            return "Switched off by hand in MLflow (tag serving)."
        return ""


def held_out(tracking: Tracking, version: Version) -> pd.DataFrame | None:
    """The version's probabilities on its test months, with the rival's; None if they are missing or were changed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            place = Path(tracking.asked(lambda client: client.download_artifacts(version.run, HELD_OUT_FILE, folder)))
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 every kind of store fails in its own way
            log.warning("the held-out rows of version %s cannot be read: %s", version.number, error)
            return None
        return pd.read_parquet(place) if sha256_of(place) == version.tags.get("held_out_sha256") else None


def outcome_registry(client: Any, outcome: str) -> OutcomeRegistry | None:
    """What is registered for an outcome; None where nothing is. Versions that came from elsewhere are left out."""
    from mlflow.exceptions import MlflowException

    name = name_of(outcome)
    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    found = client.search_model_versions(f"name='{name}'", max_results=10_000)
    ours = [v for v in found if not v.tags.keys().isdisjoint(TAGS)]
    versions = {str(v.version): Version(str(v.version), v.run_id, v.source, v.tags) for v in ours}
    # By key: two changes made at once, from two machines, have one number, and then their digests order them.
    events = [_event(key, value) for key, value in sorted(model.tags.items()) if key.startswith(EVENT)]
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return OutcomeRegistry(outcome, versions, events, aliases, model.tags.get("serving", "on"))


def add_event(client: Any, outcome: str, event: Event) -> None:
    """Write down what a person did, under a key of its own that no other change overwrites.

    `sync_aliases` makes MLflow's pages agree.
    """
    about = asdict(event)
    number = about.pop("number")
    value = json.dumps(about, default=str, sort_keys=True)
    key = f"{EVENT}{number:04}.{hashlib.sha256(value.encode()).hexdigest()[:8]}"
    client.set_registered_model_tag(name_of(outcome), key, value)


def sync_aliases(client: Any, outcome: str) -> None:
    """Aliases and tags as the events say: so that a kill between the two is mended by running again."""
    registry = outcome_registry(client, outcome)
    if registry is None:
        return
    name, now = name_of(outcome), date.max
    places: tuple[Alias, ...] = (CHAMPION, CHALLENGER)
    for alias in places:
        version = registry.in_production(alias, now)
        if version is None and alias in registry.aliases:
            client.delete_registered_model_alias(name, alias)
        elif version is not None and registry.aliases.get(alias) != version.number:
            client.set_registered_model_alias(name, alias, version.number)
    before = champions(registry.events, now)[:-1]
    client.set_registered_model_tag(name, "previous", before[-1] if before else "none")
    client.set_registered_model_tag(name, "serving", "off" if serving(registry.events, now) else "on")


def _event(key: str, value: str) -> Event:
    about = json.loads(value)
    return Event(int(key.split(".")[1]), date.fromisoformat(about.pop("as_of")), **about)
