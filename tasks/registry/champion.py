"""The active model at a date, loaded from its artifacts, or one sentence why there is none (LRN-2, MOD-9)."""

import json
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.models.monitoring.baseline import Baseline
from keepwell.models.promotion.champions import CHAMPION, Alias, champions
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.artifact import TRUSTED
from keepwell.tasks.errors import StoredDamaged, Unreachable
from keepwell.tasks.registry.promotion_record import lost_changes, warn_of_lost_changes
from keepwell.tasks.registry.stored_names import read_model
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import (
    GRADED_FILE,
    MODEL_FILE,
    SERVING_FILE,
    ServingModel,
    Version,
    digest_of,
    outcome_registry,
)

TOLERANCE = 1e-9  # what rounding may do to a probability

log = logging.getLogger("keepwell")


class NoModel(Exception):
    """Why there is no model to score with, in one sentence; `expected` where none was ever promoted or trained."""

    def __init__(self, reason: str, *, expected: bool = False) -> None:
        super().__init__(reason)
        self.expected = expected


class Unusable(NoModel):
    """Why a model that should serve cannot: somebody has to act."""


@dataclass(frozen=True)
class Found:
    """The models that can serve, grouped by outcome, and by outcome why a champion that should serve cannot.

    `unusable` is None where MLflow was not asked, or did not answer.
    """

    models: Sequence[ServingModel] = ()
    unusable: Mapping[str, str] | None = None


def find_all(
    tracking: Tracking, as_of: date, *aliases: Alias, marts: Path | None = None, outcomes: Iterable[str] = OUTCOMES
) -> Found:
    """The models with these aliases for every outcome, as far as they can serve.

    None at all, said in one warning, where MLflow cannot be reached: half of them would act on other accounts than all.
    A SQLite file that is not there is not even asked. `marts`: where the record of promotions lies, which tells of
    changes that MLflow has lost.
    """
    if not tracking.begun:
        warn_of_lost_changes(marts, outcomes, as_of)
        return Found()
    places = [(outcome, alias) for outcome in outcomes for alias in aliases]
    try:
        found = {place: _able(tracking, *place, as_of, marts) for place in places}
    except Unreachable as gone:
        log.warning("no model, health alone. %s", gone)
        return Found()
    return Found(
        [model for model in found.values() if isinstance(model, ServingModel)],
        {o: str(why) for (o, alias), why in found.items() if alias == CHAMPION and isinstance(why, Unusable)},
    )


def serving_models(
    tracking: Tracking, as_of: date, *aliases: Alias, marts: Path | None = None, outcomes: Iterable[str] = OUTCOMES
) -> list[ServingModel]:
    """The models of `find_all` that can serve."""
    return list(find_all(tracking, as_of, *aliases, marts=marts, outcomes=outcomes).models)


def load(tracking: Tracking, outcome: str, alias: Alias, as_of: date, marts: Path | None = None) -> ServingModel | None:
    """The model with this alias at a date; None, with a warning, if none can serve."""
    return next(iter(serving_models(tracking, as_of, alias, marts=marts, outcomes=(outcome,))), None)


def champions_on(
    tracking: Tracking, outcome: str, days: Iterable[date], marts: Path | None = None
) -> dict[date, ServingModel]:
    """The champion of each of these days on which one could serve; each version is loaded once."""
    if not tracking.begun:
        return {}
    try:
        registry = tracking.asked(lambda client: outcome_registry(client, outcome))
    except Unreachable as gone:
        log.warning("no champion of earlier days is known. %s", gone)
        return {}
    on = {day: registry.in_production(CHAMPION, day) for day in days if not registry.off(day)} if registry else {}
    able = {day: version for day, version in on.items() if version is not None and version.as_of <= day}
    first = {able[day].number: day for day in sorted(able, reverse=True)}
    loaded = {number: load(tracking, outcome, CHAMPION, day, marts) for number, day in first.items()}
    models = {day: loaded[version.number] for day, version in able.items()}
    return {day: model for day, model in models.items() if model is not None}


def _able(
    tracking: Tracking, outcome: str, alias: Alias, as_of: date, marts: Path | None
) -> ServingModel | NoModel:  # fmt: skip
    """The model, or why there is none. Never another model instead: health alone goes on."""
    try:
        return find(tracking, outcome, alias, as_of, marts)
    except NoModel as why:
        log.log(logging.DEBUG if why.expected else logging.WARNING, "%s: no %s, health alone. %s", outcome, alias, why)
        return why
    except (Unreachable, StoredDamaged):
        raise
    except Exception as error:  # noqa: BLE001 whatever is wrong with a model, the book is scored by health
        log.warning("%s: no %s, health alone. %s", outcome, alias, _in_words(error))
        return Unusable(_in_words(error))


def why_unusable(tracking: Tracking, outcome: str, version: Version) -> str:
    """Why a version cannot serve, found by loading it as scoring does; empty if it can."""
    try:
        tracking.asked(lambda _: load_version(tracking, outcome, CHAMPION, version))
    except Unreachable:
        raise
    except Exception as error:  # noqa: BLE001 as above
        return _in_words(error)
    return ""


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, NoModel) else f"{type(error).__name__}: {error}"


def find(tracking: Tracking, outcome: str, alias: Alias, as_of: date, marts: Path | None = None) -> ServingModel:
    """The model with this alias at a date, trained on nothing after it; NoModel gives the reason if there is none."""
    return tracking.asked(lambda client: _find(client, tracking, outcome, alias, as_of, marts))


def _find(client: Any, tracking: Tracking, outcome: str, alias: Alias, as_of: date, marts: Path | None) -> ServingModel:
    registry = outcome_registry(client, outcome)
    events = registry.events if registry else ()
    if why := lost_changes(marts, outcome, events, as_of):
        raise Unusable(why)
    version = registry.in_production(alias, as_of) if registry else None
    if registry is None or version is None:
        line = champions(events, as_of) if alias == CHAMPION else []
        if line:
            raise Unusable(f"Version {line[-1]} is champion, but MLflow no longer has it, or none of its tags.")
        raise NoModel(f"None was in force on {as_of}.", expected=True)
    if why := registry.off(as_of):
        raise NoModel(why)
    if version.as_of > as_of:
        raise NoModel(f"Version {version.number} was trained on data up to {version.as_of}, after {as_of}.")
    return load_version(tracking, outcome, alias, version)


def load_version(tracking: Tracking, outcome: str, alias: Alias, version: Version) -> ServingModel:
    """The version's model from its artifacts; NoModel if it is not what was registered, or predicts differently here.

    Only types of our own list are built: the list that MLflow keeps beside a model could name anything.
    """
    if version.lost:
        raise Unusable(f"Version {version.number} has lost what MLflow's tags said of it: {version.lost}.")
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    with tempfile.TemporaryDirectory() as folder:
        place = _download(tracking, version.source, Path(folder))
        model_file, serving_file = place / MODEL_FILE, place / SERVING_FILE
        if digest_of(place) != version.tags["sha256"]:
            raise Unusable(f"The files of version {version.number} are not those that were registered.")
        try:
            model, *graded = (
                skops.io.loads(read_model(file), trusted=list(TRUSTED))
                for file in (model_file, place / GRADED_FILE)
                if file == model_file or file.exists()
            )
        except UntrustedTypesFoundException as error:
            raise Unusable(f"Version {version.number} holds a type that is not trusted: {error}") from error
        about = json.loads(serving_file.read_text())
    if changed := _redefined(about["inputs"], about.get("versions", {})):
        raise Unusable(f"Version {version.number} was trained on {changed}: retrain it (`keepwell quarterly`).")
    found = ServingModel(
        outcome, version.number, alias, version.tags["candidate"], version.as_of,
        date.fromisoformat(version.tags["first_test"]), model, tuple(about["inputs"]), about["thresholds"],
        about["reference"], Baseline.from_plain(about["baseline"]) if about.get("baseline") else None,
        (graded[0], date.fromisoformat(about["seen_until"])) if graded else None,
    )  # fmt: skip
    example = pd.DataFrame(about["example"], columns=list(found.inputs))
    if days := about.get("example_as_of"):
        example = example.assign(as_of=pd.to_datetime(days))
    if abs(found.probabilities(example) - about["chances"]).max() > TOLERANCE:
        raise Unusable(
            f"Version {version.number} predicts other probabilities here than where it was trained: retrain it."
        )
    return found


def _redefined(inputs: Iterable[str], trained_versions: Mapping[str, int]) -> str:
    """The features whose definition changed since training, in words; version 1 where none was recorded."""
    pairs = ((name, trained_versions.get(name, 1), FEATURES[name].version) for name in inputs if name in FEATURES)
    return ", ".join(f"{name}@{then}, which is @{now} now" for name, then, now in pairs if then != now)


def _download(tracking: Tracking, uri: str, to: Path) -> Path:
    """An artifact's folder, copied here."""
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(uri, dst_path=str(to), tracking_uri=tracking.address))
