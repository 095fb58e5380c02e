"""Every candidate learnt, compared, calibrated and graded, each on the part of the months that is for it (MOD-3, 4).

Learnt on training months, compared and calibrated on validation months, graded on test months, once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.intervals import Estimate, graded_figures
from keepwell.models.grading.metrics import Floats, graded, top
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.candidates import BASELINES, CANDIDATES, WITHOUT_WEIGHTS, WORDS, chance, fitted
from keepwell.models.training.choose import Calibration, Compared, calibrated, compared, simplest_as_good
from keepwell.models.training.inputs import varied
from keepwell.models.training.segments import SEGMENT, Part, segment_models
from keepwell.models.training.split import Parts, TooLittleData, part_of
from keepwell.models.training.thresholds import flagged, thresholds, what_if
from keepwell.models.training.treated import Counted, counted
from keepwell.models.training.tripwires import refuse_leaks, refuse_model

SEED = 1
LEAST_LOSSES = 10
"""With fewer losses among the test rows of a part its figures are not worth a line."""
BY_POLICY, WEIGHT = "by policy", "weight"


@dataclass(frozen=True)
class Trained:
    """One candidate, with the line that calibrates it; `segments` holds the models of those that have their own."""

    name: str
    model: Pipeline
    calibration: Calibration
    segments: Mapping[str, "Trained"] = field(default_factory=dict)

    def serving(self, rows: pd.DataFrame) -> list[tuple["Trained", NDArray[np.intp]]]:
        """Which model serves the rows at which places; one that has no segments of its own serves all of its rows."""
        pooled = replace(self, segments={})
        if not self.segments:
            return [(pooled, np.arange(len(rows)))]
        own = {name: place for place, name in enumerate(self.segments, start=1)}
        place = rows[SEGMENT].map(own).fillna(0).to_numpy()
        models = enumerate([pooled, *self.segments.values()])
        return [(model, np.flatnonzero(place == n)) for n, model in models if (place == n).any()]

    def chances(self, rows: pd.DataFrame) -> Floats:
        """Calibrated chance of each row."""
        chances = np.empty(len(rows))
        for served, at in self.serving(rows):
            chances[at] = served.calibration(chance(served.model, rows.iloc[at]))
        return chances


@dataclass(frozen=True)
class Trial:
    """All candidates of one outcome: how they compare on validation, which was taken, and the figures on test.

    `figures` is keyed by candidate and by part of the book: `all`, a segment, and for the one taken `industry: ...`,
    `country: ...` and `by policy`, where those count as flagged that its thresholds flag, not the riskiest tenth.
    `treated and untreated` or `untreated only` are its figures had examples been counted the other way, which
    `counting` tells of. `what_if`: its thresholds against workload and losses, on validation (thresholds.py).
    `test`: its test rows, with the `chance` of each and the `weight` that it counts with; `chances`: every candidate's
    chances of them. `segments`: its own model of each segment against the pooled one (segments.py).
    """

    parts: Parts
    trained: Mapping[str, Trained]
    compared: Sequence[Compared]
    taken: str
    figures: Mapping[tuple[str, str], Mapping[str, Estimate]]
    thresholds: Mapping[str, float]
    what_if: pd.DataFrame
    test: pd.DataFrame
    chances: Mapping[str, Floats]
    counting: str
    segments: pd.DataFrame


def trial(examples: pd.DataFrame, label: str, parts: Parts, numbers: Sequence[str], settings: ModelSettings) -> Trial:
    """Learn, compare, calibrate, grade. Raises TooLittleData, and Suspicious where something tells too much (MOD-8).

    `examples`: account_id, as_of, segment, industry, country, arr, high_value, health and the numbers.
    """
    rules = settings.candidates
    told = examples.dropna(subset=[label])
    count = counted(told, label, settings.treated)
    told = told.assign(**{WEIGHT: count.weight})
    train, validation, test = (part_of(told, label, months) for months in (parts.train, parts.validation, parts.test))
    train = train[train[WEIGHT] > 0]
    for part, rows in (("training", train), ("validation", validation), ("test", test)):
        _enough(rows.loc[rows[WEIGHT] > 0, label].astype(bool), part)
    names = varied(train, numbers)
    refuse_leaks(train, label, names, WORDS, settings.tripwires)
    models = _learnt(train, label, names, settings, count)
    happened, weight = validation[label].to_numpy(dtype=float), validation[WEIGHT].to_numpy()
    given = {name: chance(model, validation) for name, model in models.items()}
    accounts = validation["account_id"].to_numpy()
    comparison = compared(happened, given, accounts, rules.replicates, SEED, weight)
    for candidate in comparison:
        refuse_model(candidate.name, candidate.roc_auc, settings.tripwires)
    taken = simplest_as_good(comparison, BASELINES)
    trained = {name: Trained(name, models[name], calibrated(given[name], happened, weight)) for name in models}
    own, tried = segment_models(
        taken, _part(train, label), _part(validation, label), given[taken], names, settings, count.by_lot
    )
    trained[taken] = replace(trained[taken], segments={name: Trained(taken, *model) for name, model in own.items()})
    right = trained[taken].chances(validation)
    cuts = thresholds(validation, happened, right, settings.policy, weight)
    held_out = {name: candidate.chances(test) for name, candidate in trained.items()}
    best = test.assign(chance=held_out[taken])
    figures = {
        (name, part): _graded(rows, label, settings)
        for name, chances in held_out.items()
        for part, rows in _parts(
            test.assign(chance=chances), label, ("segment",) if name != taken else ("segment", "industry", "country")
        )
    }
    by_policy = flagged(best, best["chance"].to_numpy(), cuts, settings.policy)
    figures[taken, BY_POLICY] = _graded(best, label, settings, by_policy)
    figures |= {(taken, way): found for way, found in _other_way(told, best, label, count, settings)}
    table = what_if(validation, happened, right, settings.policy, weight)
    return Trial(parts, trained, comparison, taken, figures, cuts, table, best, held_out, _counting(count), tried)


def _part(rows: pd.DataFrame, label: str) -> Part:
    """The rows with their outcome and how much each counts."""
    return Part(rows, rows[label].to_numpy(dtype=float), rows[WEIGHT].to_numpy())


def _learnt(
    train: pd.DataFrame, label: str, names: Sequence[str], settings: ModelSettings, count: Counted
) -> dict[str, Pipeline]:
    """Every candidate that can learn from rows that count as these do."""
    weight = train[WEIGHT].to_numpy() if count.by_lot else None
    outcome, able = train[label].astype(bool), [n for n in CANDIDATES if not count.by_lot or n not in WITHOUT_WEIGHTS]
    return {name: fitted(name, train, outcome, names, settings.inputs, settings.candidates, weight) for name in able}


def _other_way(
    told: pd.DataFrame, best: pd.DataFrame, label: str, count: Counted, settings: ModelSettings
) -> Iterator[tuple[str, dict[str, Estimate]]]:
    """The figures of the test rows had they been counted the other way; nothing where there is none to tell."""
    if count.other is None:
        return
    way, weight = count.other
    rows = best.assign(**{WEIGHT: pd.Series(weight, told.index)})
    if _gradable(rows, label):
        yield way, _graded(rows, label, settings)


def _counting(count: Counted) -> str:
    """How examples were counted, and who was left out for it."""
    left_out = "".join(f" {name} is left out: {why}." for name, why in WITHOUT_WEIGHTS.items() if count.by_lot)
    return count.says + left_out


def _enough(happened: pd.Series, part: str) -> None:
    """Raises TooLittleData where a part has hardly an outcome to learn from or to be graded on."""
    count = int(happened.sum())
    if not LEAST_LOSSES <= count <= len(happened) - LEAST_LOSSES:
        raise TooLittleData(
            f"The {part} months hold {count} of {len(happened)} examples with the outcome; {LEAST_LOSSES} with "
            "and as many without it are needed."
        )


def _parts(test: pd.DataFrame, label: str, columns: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """The whole book, and of each column the parts with losses enough; a segment goes by its name alone."""
    parts = [("all", test)]
    for column in columns:
        said = "" if column == "segment" else f"{column}: "
        parts += [(f"{said}{name}", rows) for name, rows in test.groupby(column)]
    return [(name, rows) for name, rows in parts if _gradable(rows, label)]


def _gradable(rows: pd.DataFrame, label: str) -> bool:
    """Whether as many rows that count have the outcome, and have not, as a figure needs."""
    count = rows.loc[rows[WEIGHT] > 0, label]
    return bool(LEAST_LOSSES <= count.sum() <= len(count) - LEAST_LOSSES)


def _graded(
    rows: pd.DataFrame, label: str, settings: ModelSettings, above: NDArray[np.bool_] | None = None
) -> dict[str, Estimate]:
    """The figures on these rows and their `chance`; flagged, unless said, are the riskiest within capacity.

    A row of weight 0 counts in no figure, and among the book that is flagged from.
    """
    rules, months, chances = settings.candidates, rows["as_of"].to_numpy(), rows["chance"].to_numpy()
    side = graded(
        rows[label].to_numpy(dtype=float),
        chances,
        top(chances, months, settings.policy.capacity_share) if above is None else above,
        rows[WEIGHT].to_numpy(dtype=float),
    )
    return graded_figures(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)
