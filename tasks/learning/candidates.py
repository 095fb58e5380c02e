"""Log a quarter's candidates in MLflow, one run each, and register the selected one as challenger (MOD-9, LRN-1).

Running a quarter again with the same settings, data and champion finds its runs there and writes nothing; what an
earlier, other, or killed run of that quarter left is removed, or marked as replaced where a version rests on it.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.artifact import input_columns
from keepwell.tasks.files.digests import sha256_of
from keepwell.tasks.learning.candidate_run import Candidate, logged, write_artifacts, write_model
from keepwell.tasks.learning.quarter import Quarter, TrainingResult
from keepwell.tasks.registry.tracking import Tracking, begin_run, finish_run, is_whole, name_of, runs_where
from keepwell.tasks.registry.versions import (
    HELD_OUT_FILE,
    ServingModel,
    digest_of,
    outcome_registry,
    sync_aliases,
)

HEALTH = "health"


def log_trial(tracking: Tracking, quarter: Quarter, result: TrainingResult, champion: ServingModel | None) -> str:
    """Log every candidate; returns the version of the selected one.

    `champion`: the active one, evaluated on the same test months as far as it was not trained on them.
    """
    return tracking.asked(lambda client: _log_trial(client, tracking, quarter, result, champion))


def _log_trial(
    client: Any, tracking: Tracking, quarter: Quarter, result: TrainingResult, champion: ServingModel | None
) -> str:
    experiment = tracking.experiment(client, name_of(result.outcome))
    rests = {"run_id": quarter.run_id, "against": champion.version if champion else "none"}
    there = runs_where(client, experiment, as_of=str(quarter.as_of))
    whole = {r.data.tags["candidate"]: r for r in there if is_whole(r) and rests.items() <= r.data.tags.items()}
    _clear(client, result.outcome, [r for r in there if r.info.run_id not in {w.info.run_id for w in whole.values()}])
    registry = outcome_registry(client, result.outcome)
    ready = (
        [n for n, v in registry.versions.items() if rests.items() <= v.tags.items() and not v.lost] if registry else []
    )
    for name in result.trial.trained:
        # The taken one is written last: its version is then made from whole runs.
        if name != result.trial.selected and name not in whole:
            _log_candidate(client, experiment, Candidate(quarter, result, name, rests))
    if not ready:
        if result.trial.selected in whole:
            client.delete_run(whole[result.trial.selected].info.run_id)
        ready = [_log_selected(client, experiment, Candidate(quarter, result, result.trial.selected, rests), champion)]
    sync_aliases(client, result.outcome)
    return ready[-1]


def held_out_rows(result: TrainingResult, champion: ServingModel | None) -> pd.DataFrame:
    """Test rows with probabilities of the selected candidate, of health and of the champion.

    Both are compared as procedures: fitted on the same training months. A champion that is no refit, or whose candidate
    or inputs are not among these, answers itself for the months that it was not trained on.
    """
    test, probabilities = result.trial.test, result.trial.probabilities
    rows = test[["account_id", "as_of", "segment"]].assign(
        happened=test[OUTCOMES[result.outcome]].astype(float),
        chance=probabilities[result.trial.selected],
        health=probabilities[HEALTH],
        champion=np.nan,
        weight=test["weight"],
    )
    if champion is not None:
        twin = _twin(result, champion)
        if twin is not None:
            return rows.assign(champion=probabilities[twin]).reset_index(drop=True)
        unseen = rows["as_of"] >= pd.Timestamp(champion.first_test)
        if unseen.any():
            rows.loc[unseen, "champion"] = champion.probabilities(test[unseen])
    return rows.reset_index(drop=True)


def _twin(result: TrainingResult, champion: ServingModel) -> str | None:
    """The champion's candidate, of the same inputs, as this quarter's trial fitted it on its training months."""
    there = result.trial.trained.get(champion.candidate)
    if champion.graded is None or there is None or set(input_columns(there.model)) != set(champion.inputs):
        return None
    return champion.candidate


def _log_candidate(client: Any, experiment: str, candidate: Candidate) -> None:
    """Log a candidate that was not selected: metrics, curves and card, but no model."""
    about = logged(candidate)
    run = begin_run(client, experiment, about)
    with tempfile.TemporaryDirectory() as folder:
        write_artifacts(Path(folder), candidate)
        client.log_artifacts(run, folder)
    finish_run(client, run, about)


def _log_selected(client: Any, experiment: str, candidate: Candidate, champion: ServingModel | None) -> str:
    """Log the selected candidate with its model and register a version; the version's number."""
    from mlflow.entities import LoggedModelOutput

    about, result = logged(candidate), candidate.result
    run = begin_run(client, experiment, about)
    model = client.create_logged_model(experiment, name=candidate.name, source_run_id=run, model_type=result.outcome)
    with tempfile.TemporaryDirectory() as folder:
        artifacts, place = Path(folder) / "papers", Path(folder) / "model"
        artifacts.mkdir()
        write_artifacts(artifacts, candidate)
        held_out_rows(result, champion).to_parquet(artifacts / HELD_OUT_FILE, index=False)
        write_model(place, candidate, run, model)
        sums = {
            "sha256": digest_of(place),
            "held_out_sha256": sha256_of(artifacts / HELD_OUT_FILE),
        }
        client.log_artifacts(run, str(artifacts))
        client.log_model_artifacts(model.model_id, str(place))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
    finish_run(client, run, about, model.model_id)
    return _register(client, result, {**about.tags, **sums}, run, model, candidate.card)


def _register(client: Any, result: TrainingResult, tags: Mapping[str, str], run: str, model: Any, card: str) -> str:
    """Register a version with all its tags at once, so that no version is ever incomplete."""
    name = name_of(result.outcome)
    if outcome_registry(client, result.outcome) is None:
        client.create_registered_model(
            name, description=f"Probability of {result.outcome}, by account. See mlflow/README.md."
        )
    own_tags = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
    thresholds = json.dumps(dict(result.trial.serving_thresholds), sort_keys=True)
    # By its place: `models:/` would be looked up in MLflow's global store, which is nowhere set.
    version = client.create_model_version(
        name, model.artifact_location, run, tags={**own_tags, "thresholds": thresholds}, description=card,
        model_id=model.model_id,
    )  # fmt: skip
    link = [{"name": name, "version": int(version.version)}]
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": json.dumps(link)})
    return str(version.version)


def _clear(client: Any, outcome: str, stale: list[Any]) -> None:
    """Delete this quarter's incomplete runs and those of other results; keep and mark those behind a version."""
    registry = outcome_registry(client, outcome)
    behind = {v.run for v in registry.versions.values()} if registry else set()
    for run in stale:
        if run.info.run_id in behind:
            client.set_tag(run.info.run_id, "replaced", "yes")
        else:
            client.delete_run(run.info.run_id)
