"""A quarter's candidates go into MLflow, one run each, and the taken one is registered as challenger (MOD-9, LRN-1).

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
from keepwell.tasks.files.digests import sha256_of
from keepwell.tasks.learning.candidate_run import Candidate, logged, write_model, write_papers
from keepwell.tasks.learning.quarter import Learnt, Quarter
from keepwell.tasks.registry.tracking import Tracking, begin_run, finish_run, is_whole, name_of, runs_where
from keepwell.tasks.registry.versions import HELD_OUT_FILE, KEPT_FILE, MODEL_FILE, Kept, shelf, show

HEALTH = "health"


def log_trial(tracking: Tracking, quarter: Quarter, learnt: Learnt, champion: Kept | None) -> str:
    """Every candidate's run, and the version that the taken one became.

    `champion`: the one in force, which is graded on the same test months as far as it has not learnt from them.
    """
    return tracking.asked(lambda client: _log_trial(client, tracking, quarter, learnt, champion))


def _log_trial(client: Any, tracking: Tracking, quarter: Quarter, learnt: Learnt, champion: Kept | None) -> str:
    experiment = tracking.experiment(client, name_of(learnt.outcome))
    rests = {"run_id": quarter.run_id, "against": champion.version if champion else "none"}
    there = runs_where(client, experiment, as_of=str(quarter.as_of))
    whole = {r.data.tags["candidate"]: r for r in there if is_whole(r) and rests.items() <= r.data.tags.items()}
    _clear(client, learnt.outcome, [r for r in there if r.info.run_id not in {w.info.run_id for w in whole.values()}])
    held = shelf(client, learnt.outcome)
    ready = [n for n, v in held.versions.items() if rests.items() <= v.tags.items() and not v.lost] if held else []
    for name in learnt.trial.trained:
        # The taken one is written last: its version is then made from whole runs.
        if name != learnt.trial.selected and name not in whole:
            _log_candidate(client, experiment, Candidate(quarter, learnt, name, rests))
    if not ready:
        if learnt.trial.selected in whole:
            client.delete_run(whole[learnt.trial.selected].info.run_id)
        ready = [_log_taken(client, experiment, Candidate(quarter, learnt, learnt.trial.selected, rests), champion)]
    show(client, learnt.outcome)
    return ready[-1]


def held_out_rows(learnt: Learnt, champion: Kept | None) -> pd.DataFrame:
    """The test rows with the chances of the one taken, of health alone, and of the champion where it never learnt."""
    test, chances = learnt.trial.test, learnt.trial.probabilities
    rows = test[["account_id", "as_of", "segment"]].assign(
        happened=test[OUTCOMES[learnt.outcome]].astype(float),
        chance=chances[learnt.trial.selected],
        health=chances[HEALTH],
        champion=np.nan,
        weight=test["weight"],
    )
    if champion is not None:
        unseen = rows["as_of"] >= pd.Timestamp(champion.first_test)
        if unseen.any():
            rows.loc[unseen, "champion"] = champion.probabilities(test[unseen])
    return rows.reset_index(drop=True)


def _log_candidate(client: Any, experiment: str, candidate: Candidate) -> None:
    """One candidate that was not taken: figures, curves and card, but no model."""
    about = logged(candidate)
    run = begin_run(client, experiment, about)
    with tempfile.TemporaryDirectory() as folder:
        write_papers(Path(folder), candidate)
        client.log_artifacts(run, folder)
    finish_run(client, run, about)


def _log_taken(client: Any, experiment: str, candidate: Candidate, champion: Kept | None) -> str:
    """The taken candidate with its model, registered as a version; the version's number."""
    from mlflow.entities import LoggedModelOutput

    about, learnt = logged(candidate), candidate.learnt
    run = begin_run(client, experiment, about)
    model = client.create_logged_model(experiment, name=candidate.name, source_run_id=run, model_type=learnt.outcome)
    with tempfile.TemporaryDirectory() as folder:
        papers, place = Path(folder) / "papers", Path(folder) / "model"
        papers.mkdir()
        write_papers(papers, candidate)
        held_out_rows(learnt, champion).to_parquet(papers / HELD_OUT_FILE, index=False)
        write_model(place, candidate, run, model)
        sums = {
            "sha256": sha256_of(place / MODEL_FILE, place / KEPT_FILE),
            "held_out_sha256": sha256_of(papers / HELD_OUT_FILE),
        }
        client.log_artifacts(run, str(papers))
        client.log_model_artifacts(model.model_id, str(place))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
    finish_run(client, run, about, model.model_id)
    return _register(client, learnt, {**about.tags, **sums}, run, model, candidate.card)


def _register(client: Any, learnt: Learnt, tags: Mapping[str, str], run: str, model: Any, card: str) -> str:
    """A version with all its tags at once, so that none is ever half there."""
    name = name_of(learnt.outcome)
    if shelf(client, learnt.outcome) is None:
        client.create_registered_model(
            name, description=f"Chance of {learnt.outcome}, by account. See mlflow/README.md."
        )
    kept = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
    thresholds = json.dumps(dict(learnt.trial.thresholds), sort_keys=True)
    # By its place: `models:/` would be looked up in MLflow's global store, which is nowhere set.
    version = client.create_model_version(
        name, model.artifact_location, run, tags={**kept, "thresholds": thresholds}, description=card,
        model_id=model.model_id,
    )  # fmt: skip
    link = [{"name": name, "version": int(version.version)}]
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": json.dumps(link)})
    return str(version.version)


def _clear(client: Any, outcome: str, stale: list[Any]) -> None:
    """Remove runs of this quarter that are not whole or not of these results; keep and mark those behind a version."""
    held = shelf(client, outcome)
    behind = {v.run for v in held.versions.values()} if held else set()
    for run in stale:
        if run.info.run_id in behind:
            client.set_tag(run.info.run_id, "replaced", "yes")
        else:
            client.delete_run(run.info.run_id)
