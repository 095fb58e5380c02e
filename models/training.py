"""Every candidate learnt, compared, calibrated and graded, each on the part of the months that is for it (MOD-3, 4).

Learnt on training months, compared and calibrated on validation months, graded on test months, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from models.candidates import BASELINES, CANDIDATES, WORDS, chance, fitted
from models.choose import Calibration, Compared, calibrated, compared, simplest_as_good
from models.inputs import varied
from models.metrics import Estimate, Floats, graded, graded_figures, top
from models.settings import ModelSettings
from models.split import Parts, TooLittleData
from models.thresholds import flagged, thresholds, what_if
from models.tripwires import refuse_leaks, refuse_model

SEED = 1
LEAST_LOSSES = 10
"""With fewer losses among the test rows of a part its figures are not worth a line."""
BY_POLICY = "by policy"


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

    `figures` is keyed by candidate and by part of the book: `all`, a segment, and for the one taken `industry: ...`,
    `country: ...` and `by policy`, where those count as flagged that its thresholds flag, not the riskiest tenth.
    `what_if`: its thresholds against workload and losses, on validation (models.thresholds). `test`: its test rows,
    with the `chance` of each.
    """

    parts: Parts
    trained: Mapping[str, Trained]
    compared: Sequence[Compared]
    taken: str
    figures: Mapping[tuple[str, str], Mapping[str, Estimate]]
    thresholds: Mapping[str, float]
    what_if: pd.DataFrame
    test: pd.DataFrame


def trial(examples: pd.DataFrame, label: str, parts: Parts, numbers: Sequence[str], settings: ModelSettings) -> Trial:
    """Learn, compare, calibrate, grade. Raises TooLittleData, and Suspicious where something tells too much (MOD-8).

    `examples`: account_id, as_of, segment, industry, country, arr, high_value, health and the numbers.
    """
    rules = settings.candidates
    told = examples.dropna(subset=[label])
    train, validation, test = (_of(told, months) for months in (parts.train, parts.validation, parts.test))
    for part, rows in (("training", train), ("validation", validation), ("test", test)):
        _enough(rows[label].astype(bool), part)
    names = varied(train, numbers)
    refuse_leaks(train, label, names, WORDS, settings.tripwires)
    outcome = train[label].astype(bool)
    models = {name: fitted(name, train, outcome, names, settings.inputs, rules) for name in CANDIDATES}
    happened = validation[label].to_numpy(dtype=float)
    given = {name: chance(model, validation) for name, model in models.items()}
    accounts = validation["account_id"].to_numpy()
    comparison = compared(happened, given, accounts, rules.replicates, SEED)
    for candidate in comparison:
        refuse_model(candidate.name, candidate.roc_auc, settings.tripwires)
    taken = simplest_as_good(comparison, BASELINES)
    trained = {name: Trained(name, models[name], calibrated(given[name], happened)) for name in models}
    right = trained[taken].calibration(given[taken])
    cuts = thresholds(validation, happened, right, settings.policy)
    best = test.assign(chance=trained[taken].chances(test))
    figures = {
        (name, part): _graded(rows, label, candidate.chances(rows), settings)
        for name, candidate in trained.items()
        for part, rows in _parts(test, label, ("segment",) if name != taken else ("segment", "industry", "country"))
    }
    by_policy = flagged(best, best["chance"].to_numpy(), cuts, settings.policy)
    figures[taken, BY_POLICY] = _graded(best, label, best["chance"].to_numpy(), settings, by_policy)
    table = what_if(validation, happened, right, settings.policy)
    return Trial(parts, trained, comparison, taken, figures, cuts, table, best)


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


def _parts(test: pd.DataFrame, label: str, columns: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """The whole book, and of each column the parts with losses enough; a segment goes by its name alone."""
    parts = [("all", test)]
    for column in columns:
        said = "" if column == "segment" else f"{column}: "
        parts += [(f"{said}{name}", rows) for name, rows in test.groupby(column)]
    return [(name, rows) for name, rows in parts if LEAST_LOSSES <= rows[label].sum() <= len(rows) - LEAST_LOSSES]


def _graded(
    rows: pd.DataFrame, label: str, chances: Floats, settings: ModelSettings, above: NDArray[np.bool_] | None = None
) -> dict[str, Estimate]:
    """The figures on these rows; flagged, unless said, are the riskiest of each month within capacity."""
    rules, months = settings.candidates, rows["as_of"].to_numpy()
    side = graded(
        rows[label].to_numpy(dtype=float),
        chances,
        top(chances, months, settings.policy.capacity_share) if above is None else above,
    )
    return graded_figures(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)
