"""Every candidate learnt, compared, calibrated and graded, each on the part of the months that is for it (MOD-3, 4).

Learnt on training months, compared and calibrated on validation months, graded on test months, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from models.candidates import BASELINES, CANDIDATES, chance, fitted
from models.choose import Calibration, Compared, calibrated, compared, simplest_as_good
from models.inputs import varied
from models.metrics import Estimate, Floats, graded, graded_figures, top
from models.settings import CandidateSettings, InputSettings
from models.split import Parts, TooLittleData

SEED = 1
LEAST_LOSSES = 10
"""With fewer losses among a segment's test rows its figures are not worth a line."""


@dataclass(frozen=True)
class Trained:
    """One candidate, with the line that calibrates it."""

    name: str
    model: Pipeline
    calibration: Calibration

    def chances(self, rows: pd.DataFrame) -> Floats:
        """Calibrated chance of each row."""
        return self.calibration(chance(self.model, rows))


@dataclass(frozen=True)
class Trial:
    """All candidates of one outcome: how they compare on validation, which was taken, and the figures on test.

    `figures` is keyed by candidate and by segment (`all` for the whole book).
    """

    parts: Parts
    trained: Mapping[str, Trained]
    compared: Sequence[Compared]
    taken: str
    figures: Mapping[tuple[str, str], Mapping[str, Estimate]]


def trial(
    examples: pd.DataFrame, label: str, parts: Parts, numbers: Sequence[str], inputs: InputSettings,
    rules: CandidateSettings,
) -> Trial:  # fmt: skip
    """Learn, compare, calibrate, grade. `examples`: account_id, as_of, segment, industry, health and the numbers."""
    told = examples.dropna(subset=[label])
    train, validation, test = (_of(told, months) for months in (parts.train, parts.validation, parts.test))
    for part, rows in (("training", train), ("validation", validation), ("test", test)):
        _enough(rows[label].astype(bool), part)
    names = varied(train, numbers)
    models = {name: fitted(name, train, train[label].astype(bool), names, inputs, rules) for name in CANDIDATES}
    happened = validation[label].to_numpy(dtype=float)
    given = {name: chance(model, validation) for name, model in models.items()}
    accounts = validation["account_id"].to_numpy()
    comparison = compared(happened, given, accounts, rules.replicates, SEED)
    trained = {name: Trained(name, models[name], calibrated(given[name], happened)) for name in models}
    figures: dict[tuple[str, str], Mapping[str, Estimate]] = {}
    for name, candidate in trained.items():
        for segment, rows in _segments(test, label):
            figures[name, segment] = _graded(rows, label, candidate.chances(rows), rules)
    return Trial(parts, trained, comparison, simplest_as_good(comparison, BASELINES), figures)


def _enough(happened: pd.Series, part: str) -> None:
    """Raises TooLittleData where a part has hardly an outcome to learn from or to be graded on."""
    count = int(happened.sum())
    if not LEAST_LOSSES <= count <= len(happened) - LEAST_LOSSES:
        raise TooLittleData(
            f"The {part} months hold {count} of {len(happened)} examples with the outcome; {LEAST_LOSSES} with "
            "and as many without it are needed."
        )


def _of(examples: pd.DataFrame, months: Sequence[Any]) -> pd.DataFrame:
    """The examples of these months."""
    return examples[examples["as_of"].isin(pd.to_datetime(list(months)))]


def _segments(test: pd.DataFrame, label: str) -> list[tuple[str, pd.DataFrame]]:
    """The whole book and each segment with losses enough."""
    parts = [("all", test), *((str(name), rows) for name, rows in test.groupby("segment"))]
    return [(name, rows) for name, rows in parts if LEAST_LOSSES <= rows[label].sum() <= len(rows) - LEAST_LOSSES]


def _graded(rows: pd.DataFrame, label: str, chances: Floats, rules: CandidateSettings) -> dict[str, Estimate]:
    """The figures on these rows, those flagged being the riskiest of each month within capacity."""
    months: NDArray[Any] = rows["as_of"].to_numpy()
    flagged = top(chances, months, rules.capacity_share)
    side = graded(rows[label].to_numpy(dtype=float), chances, flagged)
    return graded_figures(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)
