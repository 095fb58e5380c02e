"""Segment models: adopted where a segment has enough accounts and its own model ranks it significantly better (MOD-6).

The selected candidate is refitted on the segment's training rows alone and compared with the pooled one on the
segment's validation rows: the same accounts, the same draws for both. The validation months have already selected the
candidate, so an adopted model is evaluated again on the test months, which played no part in its adoption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.intervals import Estimate, drawn, estimated
from keepwell.models.grading.metrics import Floats, graded, roc_auc
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.choose import Calibration, calibrated
from keepwell.models.training.inputs import varied

SEED = 1
SEGMENT = "segment"
COLUMNS = ("segment", "examples", "accounts_with", "accounts_without", "pooled", "own", "difference", "low", "high")
"""Columns of the comparison besides `adopted` and `says`; `pooled` and `own` are ROC-AUCs on validation."""


@dataclass(frozen=True)
class LabeledRows:
    """Rows of training or validation with outcomes and sample weights."""

    rows: pd.DataFrame
    y_true: Floats
    sample_weight: Floats

    def of(self, segment: str) -> "LabeledRows":
        """The rows of one segment."""
        return self.at(np.flatnonzero(self.rows[SEGMENT] == segment))

    def at(self, places: NDArray[np.intp]) -> "LabeledRows":
        """The rows at these places."""
        return LabeledRows(self.rows.iloc[places], self.y_true[places], self.sample_weight[places])

    @property
    def that_count(self) -> "LabeledRows":
        """The rows with positive weight."""
        return self.at(np.flatnonzero(self.sample_weight > 0))

    def accounts(self) -> tuple[int, int]:
        """The number of accounts with positive weight that had the outcome, and that never had it."""
        counts = self.that_count
        had = pd.Series(counts.y_true > 0).groupby(counts.rows["account_id"].to_numpy()).any()
        return int(had.sum()), int((~had).sum())


Own = tuple[Pipeline, Calibration]
"""A segment's own model and its calibration."""


def segment_models(
    name: str, train: LabeledRows, validation: LabeledRows, pooled: Floats, numeric_features: Sequence[str],
    settings: ModelSettings, by_weight: bool,
) -> tuple[Mapping[str, Own], pd.DataFrame]:  # fmt: skip
    """The adopted models by segment, and the comparison for every segment: COLUMNS, adopted, says.

    `name`: the candidate. `pooled`: its probabilities for the validation rows when fitted on all segments.
    """
    adopted, lines = {}, []
    for segment in sorted(train.rows[SEGMENT].dropna().unique()):
        mine, held_out = train.of(segment), validation.of(segment)
        line = dict.fromkeys(COLUMNS, np.nan) | {"segment": segment, "examples": len(mine.rows), "adopted": False}
        line["accounts_with"], line["accounts_without"] = mine.accounts()
        line["says"] = _too_few(mine, held_out, settings)
        if not line["says"]:
            names = varied(mine.rows, numeric_features)
            sample_weight = mine.sample_weight if by_weight else None
            label = pd.Series(mine.y_true > 0, mine.rows.index)
            model = fitted(name, mine.rows, label, names, settings.inputs, settings.candidates, sample_weight)
            own, theirs = (
                predicted_probability(model, held_out.rows),
                pooled[(validation.rows[SEGMENT] == segment).to_numpy(dtype=bool)],
            )
            sides, found = paired(held_out, own, theirs, settings)
            line |= sides | {"difference": found.value, "low": found.low, "high": found.high, "adopted": found.low > 0}
            line["says"] = "significantly better" if found.low > 0 else "not significantly better"
            if found.low > 0:
                adopted[segment] = (model, calibrated(own, held_out.y_true, held_out.sample_weight))
        lines.append(line)
    return adopted, pd.DataFrame(lines, columns=[*COLUMNS, "adopted", "says"])


def paired(
    held_out: LabeledRows, own: Floats, theirs: Floats, settings: ModelSettings
) -> tuple[dict[str, float], Estimate]:
    """ROC-AUC of both models on these rows, and the difference own less pooled with its interval."""
    rules = settings.segments
    nobody = np.zeros(len(own), dtype=bool)
    y_probs = {"own": own, "pooled": theirs}
    sides = {name: graded(held_out.y_true, of, nobody, held_out.sample_weight) for name, of in y_probs.items()}
    accounts = held_out.rows["account_id"].to_numpy()
    found = drawn(sides, {"roc_auc": roc_auc}, accounts, rules.replicates, SEED)
    own_auc, pooled_auc = (found[side]["roc_auc"] for side in sides)
    return (
        {"own": float(own_auc[0]), "pooled": float(pooled_auc[0])},
        estimated(own_auc - pooled_auc, rules.confidence),
    )


def _too_few(train: LabeledRows, validation: LabeledRows, settings: ModelSettings) -> str:
    """Why a segment cannot have a model of its own; empty where it can."""
    min_accounts = settings.segments.min_accounts
    if min(train.accounts()) < min_accounts:
        return f"{min_accounts} accounts with and without the outcome are needed"
    if min(validation.accounts()) < settings.segments.min_validation_accounts:
        return f"{settings.segments.min_validation_accounts} accounts with and without are needed on validation"
    return ""
