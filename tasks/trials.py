"""A quarter's candidates go into MLflow, one run each, and the taken one is registered as challenger (MOD-9, LRN-1).

Running a quarter again with the same settings, data and champion finds its runs there and writes nothing; what an
earlier, other, or killed run of that quarter left is removed, or marked as replaced where a version rests on it.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.baseline import Baseline, baseline
from models.explain import reference_row
from models.importance import importance
from models.kept import TRUSTED, as_one, input_columns, learnt_inputs
from models.metrics import Floats
from models.settings import ModelSettings
from models.training import BY_POLICY, Trained, Trial
from models.treated import ALL_ROWS, UNTREATED
from tasks.curves import curve_points, curves_png
from tasks.model_card import model_card
from tasks.registry import HELD_OUT_FILE, KEPT_FILE, MODEL_FILE, Kept, digest, shelf, show
from tasks.tracking import BOOK, RANGE, Logged, Tracking, begin_run, finish_run, is_whole, name_of, runs_where
from tasks.training import OUTCOMES

HEALTH = "health"
OF_THE_BOOK = {"all": BOOK, BY_POLICY: "policy/", ALL_ROWS: "treated_and_untreated/", UNTREATED: "untreated_only/"}
"""The section of what is graded on the whole book, however it is counted."""
EXAMPLE_ROWS = 3
LIBRARIES = ("scikit-learn", "skops", "numpy", "pandas")


@dataclass(frozen=True)
class Quarter:
    """The quarterly run: its date, where its results come from, its settings, and horizons in days by outcome."""

    as_of: date
    run_id: str
    code_version: str
    snapshot_id: str
    settings: Mapping[str, object]
    horizon_days: Mapping[str, int]
    grace_days: int


@dataclass(frozen=True)
class Size:
    """How much a part of the months holds: its first and last month, account-months, accounts, and with the outcome."""

    first: date
    last: date
    rows: int
    accounts: int
    outcomes: int


@dataclass(frozen=True)
class Learnt:
    """One outcome's trial and the examples that it rests on.

    `reference`: a typical account, for explanations. `importance`: of the taken candidate's inputs. `baseline`: what
    it is held against later.
    """

    outcome: str
    trial: Trial
    examples: pd.DataFrame
    reference: Mapping[str, Any] = field(default_factory=dict)
    importance: pd.DataFrame | None = None
    baseline: Baseline | None = None

    def part(self, name: str) -> pd.DataFrame:
        """The examples of training, validation or test whose outcome is known."""
        months = pd.to_datetime(list(getattr(self.trial.parts, name)))
        told = self.examples.dropna(subset=[OUTCOMES[self.outcome]])
        return told[told["as_of"].isin(months)]

    @cached_property
    def sizes(self) -> Mapping[str, Size]:
        """How much training, validation and test hold."""
        return {name: self._size(name) for name in ("train", "validation", "test")}

    def _size(self, name: str) -> Size:
        rows, months = self.part(name), getattr(self.trial.parts, name)
        outcomes = int(rows[OUTCOMES[self.outcome]].astype(bool).sum())
        return Size(months[0], months[-1], len(rows), rows["account_id"].nunique(), outcomes)

    def chances(self, name: str) -> Floats:
        """A candidate's chance of each test row."""
        test = self.trial.test
        return test["chance"].to_numpy() if name == self.trial.taken else self.trial.trained[name].chances(test)


@dataclass(frozen=True)
class Candidate:
    """One candidate of a quarter, and what its run says of it. `rests`: the tags that tell this run from others."""

    quarter: Quarter
    learnt: Learnt
    name: str
    rests: Mapping[str, str]

    @property
    def taken(self) -> bool:
        return self.name == self.learnt.trial.taken

    @property
    def trained(self) -> Trained:
        return self.learnt.trial.trained[self.name]

    @cached_property
    def card(self) -> str:
        """Its model card, as Markdown."""
        return model_card(self.quarter, self.learnt, self.name)

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """What each of its inputs learnt."""
        return learnt_inputs(self.trained.model)


def understood(outcome: str, found: Trial, examples: pd.DataFrame, rules: ModelSettings) -> Learnt:
    """The trial with what explains and watches the candidate that was taken."""
    learnt = Learnt(outcome, found, examples)
    taken = found.trained[found.taken]
    train, held = learnt.part("train"), pd.concat([learnt.part("validation"), learnt.part("test")])
    typical = reference_row(train[input_columns(taken.model)])
    leans = importance(taken, found.test, OUTCOMES[outcome], rules.importance)
    was = baseline(found, train, held, OUTCOMES[outcome], rules.drift)
    return replace(learnt, reference=typical.to_dict(), importance=leans, baseline=was)


def log_trial(tracking: Tracking, quarter: Quarter, learnt: Learnt, champion: Kept | None) -> str:
    """Every candidate's run, and the version that the taken one became.

    `champion`: the one in force, which is graded on the same test months as far as it has not learnt from them.
    """
    client = tracking.client()
    experiment = tracking.experiment(client, name_of(learnt.outcome))
    rests = {"run_id": quarter.run_id, "against": champion.version if champion else "none"}
    there = runs_where(client, experiment, as_of=str(quarter.as_of))
    whole = {r.data.tags["candidate"]: r for r in there if is_whole(r) and rests.items() <= r.data.tags.items()}
    _clear(client, learnt.outcome, [r for r in there if r.info.run_id not in {w.info.run_id for w in whole.values()}])
    held = shelf(client, learnt.outcome)
    ready = [n for n, v in held.versions.items() if rests.items() <= v.tags.items()] if held else []
    for name in learnt.trial.trained:
        # The taken one is written last: its version is then made from whole runs.
        if name != learnt.trial.taken and name not in whole:
            _log_candidate(client, experiment, Candidate(quarter, learnt, name, rests))
    if not ready:
        if learnt.trial.taken in whole:
            client.delete_run(whole[learnt.trial.taken].info.run_id)
        ready = [_log_taken(client, experiment, Candidate(quarter, learnt, learnt.trial.taken, rests), champion)]
    show(client, learnt.outcome)
    return ready[-1]


def held_out_rows(learnt: Learnt, champion: Kept | None) -> pd.DataFrame:
    """The test rows with the chances of the one taken, of health alone, and of the champion where it never learnt."""
    test = learnt.trial.test
    rows = test[["account_id", "as_of", "segment"]].assign(
        happened=test[OUTCOMES[learnt.outcome]].astype(float),
        chance=learnt.chances(learnt.trial.taken),
        health=learnt.chances(HEALTH),
        champion=np.nan,
        weight=test["weight"],
    )
    if champion is not None:
        unseen = rows["as_of"] >= pd.Timestamp(champion.first_test)
        if unseen.any():
            rows.loc[unseen, "champion"] = champion.chances(test[unseen])
    return rows.reset_index(drop=True)


def _log_candidate(client: Any, experiment: str, candidate: Candidate) -> None:
    """One candidate that was not taken: figures, curves and card, but no model."""
    logged = _logged(candidate)
    run = begin_run(client, experiment, logged)
    with tempfile.TemporaryDirectory() as folder:
        _write_papers(Path(folder), candidate)
        client.log_artifacts(run, folder)
    finish_run(client, run, logged)


def _log_taken(client: Any, experiment: str, candidate: Candidate, champion: Kept | None) -> str:
    """The taken candidate with its model, registered as a version; the version's number."""
    from mlflow.entities import LoggedModelOutput

    logged, learnt = _logged(candidate), candidate.learnt
    run = begin_run(client, experiment, logged)
    model = client.create_logged_model(experiment, name=candidate.name, source_run_id=run, model_type=learnt.outcome)
    with tempfile.TemporaryDirectory() as folder:
        papers, place = Path(folder) / "papers", Path(folder) / "model"
        papers.mkdir()
        _write_papers(papers, candidate)
        held_out_rows(learnt, champion).to_parquet(papers / HELD_OUT_FILE, index=False)
        _write_model(place, candidate, run, model)
        sums = {
            "sha256": digest(place / MODEL_FILE, place / KEPT_FILE),
            "held_out_sha256": digest(papers / HELD_OUT_FILE),
        }
        client.log_artifacts(run, str(papers))
        client.log_model_artifacts(model.model_id, str(place))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
    finish_run(client, run, logged, model.model_id)
    return _register(client, learnt, {**logged.tags, **sums}, run, model, candidate.card)


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


def _logged(candidate: Candidate) -> Logged:
    """The run of a candidate: its tags, parameters and metrics."""
    quarter, learnt, name = candidate.quarter, candidate.learnt, candidate.name
    found, inputs, calibration = learnt.trial, candidate.inputs, candidate.trained.calibration
    tags = {
        **candidate.rests,
        "as_of": str(quarter.as_of),
        "outcome": learnt.outcome,
        "candidate": name,
        "taken": "yes" if candidate.taken else "no",
        "snapshot_id": quarter.snapshot_id,
        "code_version": quarter.code_version,
        "mlflow.note.content": candidate.card,
        "learnt_until": str(found.parts.validation[-1]),
        "first_test": str(found.parts.test[0]),
    }
    parameters: dict[str, object] = {
        "candidate": name,
        "as_of": quarter.as_of,
        "snapshot_id": quarter.snapshot_id,
        "code_version": quarter.code_version,
        "inputs": inputs["column"].nunique(),
        "missing_marks": ", ".join(inputs.loc[inputs["missing"].str.endswith("mark"), "column"]),
        "calibration.slope": calibration.slope,
        "calibration.intercept": calibration.intercept,
        **quarter.settings,
    }
    for part, size in learnt.sizes.items():
        parameters |= {
            f"{part}.months": f"{size.first} to {size.last}",
            f"{part}.rows": size.rows,
            f"{part}.accounts": size.accounts,
            f"{part}.outcomes": size.outcomes,
        }
    mark = " *" if candidate.taken else ""
    return Logged(f"{name} {quarter.as_of}{mark}", quarter.as_of, tags, parameters, _metrics(found, name))


def _metrics(found: Trial, name: str) -> dict[str, float]:
    """Every figure with its bounds, in the sections that MLflow's pages make of slashes and sort by name.

    `all/roc_auc` is of the whole book, its bounds are `range/roc_auc_low` and `_high`; each part of it is a section
    of its own: `of.segment.enterprise/roc_auc`, `of.segment.enterprise/roc_auc_low`.
    """
    metrics = {}
    for (candidate, part), figures in found.figures.items():
        if candidate != name:
            continue
        section = _section(part)
        bounds = RANGE if section == BOOK else section
        for figure, estimate in figures.items():
            metrics[f"{section}{figure}"] = estimate.value
            metrics[f"{bounds}{figure}_low"] = estimate.low
            metrics[f"{bounds}{figure}_high"] = estimate.high
    return metrics


def _section(part: str) -> str:
    """The section of a part of the book, as a trial names it; a slash in a name would make sections of its own."""
    if part in OF_THE_BOOK:
        return OF_THE_BOOK[part]
    kind, _, name = part.rpartition(": ")
    return f"of.{kind or 'segment'}.{name.replace('/', '_')}/"


def _write_papers(to: Path, candidate: Candidate) -> None:
    """What a person looks at: card, curves, what the inputs learnt; of the one taken what-ifs, segments, importance."""
    learnt, name = candidate.learnt, candidate.name
    happened = learnt.trial.test[OUTCOMES[learnt.outcome]].to_numpy(dtype=float)
    points = curve_points(happened, learnt.chances(name))
    points.to_csv(to / "curves.csv", index=False)
    size = learnt.sizes["test"]
    (to / "curves.png").write_bytes(curves_png(points, f"{learnt.outcome}, {name}, {size.first} to {size.last}"))
    candidate.inputs.to_csv(to / "inputs.csv", index=False)
    (to / "model_card.md").write_text(candidate.card)
    if candidate.taken:
        learnt.trial.what_if.to_csv(to / "what_if.csv", index=False)
        learnt.trial.segments.to_csv(to / "segments.csv", index=False)
        if learnt.importance is not None:
            learnt.importance.to_csv(to / "importance.csv", index=False)


def _write_model(to: Path, candidate: Candidate, run: str, logged: Any) -> None:
    """The model as MLflow keeps one, by skops, with what scoring needs beside it."""
    import mlflow.sklearn
    from mlflow.models import Model, infer_signature

    learnt = candidate.learnt
    model, inputs = as_one(candidate.trained), input_columns(candidate.trained.model)
    seen = learnt.trial.test[inputs]
    example = seen.head(EXAMPLE_ROWS).reset_index(drop=True)
    chances = model.predict_proba(example)
    mlflow.sklearn.save_model(
        model,
        str(to),
        mlflow_model=Model(artifact_path=logged.artifact_location, run_id=run, model_id=logged.model_id),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED),
        signature=infer_signature(seen, chances),
        input_example=example,
        pip_requirements=[f"{library}=={installed(library)}" for library in LIBRARIES],
        pyfunc_predict_fn="predict_proba",
    )
    about = {
        "inputs": inputs,
        "thresholds": dict(learnt.trial.thresholds),
        "reference": dict(learnt.reference),
        "baseline": learnt.baseline.plain() if learnt.baseline else None,
        "example": example.astype(object).to_numpy().tolist(),
        "chances": chances[:, 1].tolist(),
    }
    (to / KEPT_FILE).write_text(json.dumps(about, indent=1, sort_keys=True))


def _clear(client: Any, outcome: str, stale: list[Any]) -> None:
    """Remove runs of this quarter that are not whole or not of these results; keep and mark those behind a version."""
    held = shelf(client, outcome)
    behind = {v.run for v in held.versions.values()} if held else set()
    for run in stale:
        if run.info.run_id in behind:
            client.set_tag(run.info.run_id, "replaced", "yes")
        else:
            client.delete_run(run.info.run_id)
