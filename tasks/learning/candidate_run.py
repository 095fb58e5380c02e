"""A candidate's run in MLflow: tags, parameters, metrics, artifacts for people, and the model (MOD-9)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.artifact import TRUSTED, as_one, fitted_inputs, input_columns
from keepwell.models.training.trained import Trained
from keepwell.models.training.treated import ALL_ROWS, UNTREATED
from keepwell.models.training.trial import BY_POLICY, Trial
from keepwell.tasks.learning.curves import curve_points, curves_png
from keepwell.tasks.learning.model_card import model_card
from keepwell.tasks.learning.quarter import Quarter, TrainingResult
from keepwell.tasks.registry.tracking import BOOK, RANGE, Logged
from keepwell.tasks.registry.versions import GRADED_FILE, SERVING_FILE

OF_THE_BOOK = {"all": BOOK, BY_POLICY: "policy/", ALL_ROWS: "treated_and_untreated/", UNTREATED: "untreated_only/"}
"""The section of what is graded on the whole book, however it is counted."""
EXAMPLE_ROWS = 3
LIBRARIES = ("scikit-learn", "skops", "numpy", "pandas")


@dataclass(frozen=True)
class Candidate:
    """One candidate of a quarter and the content of its run. `rests`: the tags that distinguish it from other runs."""

    quarter: Quarter
    result: TrainingResult
    name: str
    rests: Mapping[str, str]

    @property
    def selected(self) -> bool:
        return self.name == self.result.trial.selected

    @property
    def trained(self) -> Trained:
        """What is logged: of the selected one what serves, of another its graded fit."""
        trial = self.result.trial
        return trial.serving if self.selected else trial.trained[self.name]

    @cached_property
    def card(self) -> str:
        """Its model card, as Markdown."""
        return model_card(self.quarter, self.result, self.name)

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """What was fitted for each of its inputs."""
        return fitted_inputs(self.trained.model)


def logged(candidate: Candidate) -> Logged:
    """The run of a candidate: its tags, parameters and metrics."""
    quarter, result, name = candidate.quarter, candidate.result, candidate.name
    learnt_until, first_test = _seen(candidate)
    found, inputs, calibration = result.trial, candidate.inputs, candidate.trained.calibration
    tags = {
        **candidate.rests,
        "as_of": str(quarter.as_of),
        "outcome": result.outcome,
        "candidate": name,
        "taken": "yes" if candidate.selected else "no",
        "snapshot_id": quarter.snapshot_id,
        "code_version": quarter.code_version,
        "mlflow.note.content": candidate.card,
        "graded_on": f"{found.splits.test[0]} to {found.splits.test[-1]}",
        "learnt_until": str(learnt_until),
        "first_test": str(first_test),
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
        "calibration.season": ", ".join(f"{value:.4f}" for value in candidate.trained.season.coefficients) or "none",
        **quarter.settings,
    }
    for split, size in result.sizes.items():
        parameters |= {
            f"{split}.months": f"{size.first} to {size.last}",
            f"{split}.rows": size.rows,
            f"{split}.accounts": size.accounts,
            f"{split}.outcomes": size.outcomes,
        }
    mark = " *" if candidate.selected else ""
    return Logged(f"{name} {quarter.as_of}{mark}", quarter.as_of, tags, parameters, _metrics(found, name))


def _seen(candidate: Candidate) -> tuple[date, date]:
    """The last month that the logged fit, or its calibration, has seen, and the first that it has not."""
    found = candidate.result.trial
    if not candidate.selected or found.refit is None:
        return found.splits.validation[-1], found.splits.test[0]
    return found.seen_until, (found.seen_until.replace(day=1) + timedelta(days=31)).replace(day=1)


def _metrics(found: Trial, name: str) -> dict[str, float]:
    """Every metric with its bounds, named so that MLflow's pages group them (by slashes) and sort them.

    `all/roc_auc` is of the whole book, its bounds are `range/roc_auc_low` and `_high`; each part of it is a section
    of its own: `of.segment.enterprise/roc_auc`, `of.segment.enterprise/roc_auc_low`.
    """
    metrics = {}
    for (candidate, slice_name), estimates in found.metrics.items():
        if candidate != name:
            continue
        section = _section(slice_name)
        bounds = RANGE if section == BOOK else section
        for metric, estimate in estimates.items():
            metrics[f"{section}{metric}"] = estimate.value
            metrics[f"{bounds}{metric}_low"] = estimate.low
            metrics[f"{bounds}{metric}_high"] = estimate.high
    return metrics


def _section(slice_name: str) -> str:
    """The MLflow section of a part of the book; slashes are replaced, since they would make more sections."""
    if slice_name in OF_THE_BOOK:
        return OF_THE_BOOK[slice_name]
    kind, _, name = slice_name.rpartition(": ")
    return f"of.{kind or 'segment'}.{name.replace('/', '_')}/"


def write_artifacts(to: Path, candidate: Candidate) -> None:
    """Write the card, the curves and the fitted inputs; of the selected one also what-ifs, segments, importance."""
    result, name = candidate.result, candidate.name
    y_true = result.trial.test[OUTCOMES[result.outcome]].to_numpy(dtype=float)
    points = curve_points(y_true, result.trial.probabilities[name])
    points.to_csv(to / "curves.csv", index=False)
    size = result.sizes["test"]
    (to / "curves.png").write_bytes(curves_png(points, f"{result.outcome}, {name}, {size.first} to {size.last}"))
    candidate.inputs.to_csv(to / "inputs.csv", index=False)
    (to / "model_card.md").write_text(candidate.card)
    if candidate.selected:
        result.trial.what_if.to_csv(to / "what_if.csv", index=False)
        result.trial.segments.to_csv(to / "segments.csv", index=False)
        if result.importance is not None:
            result.importance.to_csv(to / "importance.csv", index=False)


def write_model(to: Path, candidate: Candidate, run: str, logged_model: Any) -> None:
    """Write the model in MLflow's format, with skops, and the serving data and the graded fit beside it."""
    import mlflow.sklearn
    import skops.io
    from mlflow.models import Model, infer_signature

    result = candidate.result
    model, inputs = as_one(candidate.trained), input_columns(candidate.trained.model)
    seen = result.trial.test[[*inputs, *(["as_of"] if model.season else [])]]
    example = seen.head(EXAMPLE_ROWS).reset_index(drop=True)
    y_prob = model.predict_proba(example)
    mlflow.sklearn.save_model(
        model,
        str(to),
        mlflow_model=Model(artifact_path=logged_model.artifact_location, run_id=run, model_id=logged_model.model_id),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED),
        signature=infer_signature(seen, y_prob),
        input_example=example,
        pip_requirements=[f"{library}=={installed(library)}" for library in LIBRARIES],
        pyfunc_predict_fn="predict_proba",
    )
    about = {
        "inputs": inputs,
        "versions": {name: FEATURES[name].version for name in inputs if name in FEATURES},
        "thresholds": dict(result.trial.serving_thresholds),
        "seen_until": str(result.trial.seen_until),
        "reference": dict(result.reference),
        "baseline": result.baseline.plain() if result.baseline else None,
        "example": example[inputs].astype(object).to_numpy().tolist(),
        "example_as_of": [f"{as_of:%Y-%m-%d}" for as_of in example["as_of"]] if model.season else [],
        "chances": y_prob[:, 1].tolist(),
    }
    if result.trial.refit is not None:
        (to / GRADED_FILE).write_bytes(skops.io.dumps(as_one(result.trial.graded)))
    (to / SERVING_FILE).write_text(json.dumps(about, indent=1, sort_keys=True))
