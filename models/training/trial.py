"""Model selection: candidates are fitted, compared, calibrated and graded, each step on its own months (MOD-3, MOD-4).

Fitted on training months, compared and calibrated on validation months, graded once on test months.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from keepwell.models.grading.intervals import Estimate, graded_metrics, metrics_of_all
from keepwell.models.grading.metrics import WEIGHT, Floats, Graded, graded, top
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.candidates import (
    BASELINES,
    CANDIDATES,
    CATEGORICAL_FEATURES,
    WITHOUT_WEIGHTS,
    Shared,
    fitted,
    predicted_probability,
)
from keepwell.models.training.choose import Compared, calibrated, compared, finalists, simplest_as_good
from keepwell.models.training.cross_fit import cross_fitted
from keepwell.models.training.inputs import varied
from keepwell.models.training.refit import Refit, refitted
from keepwell.models.training.segments import LabeledRows, segment_models
from keepwell.models.training.split import Splits, TooLittleData, labeled_rows
from keepwell.models.training.thresholds import choose_thresholds, flagged, what_if
from keepwell.models.training.trained import Trained
from keepwell.models.training.treated import Counted, counted
from keepwell.models.training.tripwires import refuse_leaks, refuse_model

SEED = 1
MIN_OUTCOMES = 10
"""A slice of the test rows with fewer outcomes has no metrics of its own."""
BY_POLICY = "by policy"


@dataclass(frozen=True)
class Trial:
    """All candidates of one outcome, the selected one, and their metrics on test.

    `selection` says in a sentence how it was selected. `metrics` is keyed by candidate and slice: `all`, a segment, and
    for the selected one `industry: ...`, `country: ...` and `by policy`, where its thresholds flag accounts instead of
    the riskiest share. Under `treated and untreated` or `untreated only` are its metrics with the other way of
    weighting examples; `counting` describes both. `what_if`: its thresholds against workload and churn caught, on
    validation (thresholds.py). `test`: the test rows with its `chance` and the `weight` of each; `probabilities`: every
    candidate's, of these rows.
    `segments`: a model of each segment against the pooled one (segments.py). `refit`: the selected candidate fitted
    again on all matured months, with `serving_thresholds` of its own; None, and `why_no_refit`, where there is none.
    """

    splits: Splits
    trained: Mapping[str, Trained]
    selected: str
    selection: str
    metrics: Mapping[tuple[str, str], Mapping[str, Estimate]]
    thresholds: Mapping[str, float]
    what_if: pd.DataFrame
    test: pd.DataFrame
    probabilities: Mapping[str, Floats]
    counting: str
    segments: pd.DataFrame
    refit: Refit | None = None
    serving_thresholds: Mapping[str, float] = field(default_factory=dict)
    why_no_refit: str = ""

    @property
    def graded(self) -> Trained:
        """The selected candidate as it was fitted on the training months and graded on the test months."""
        return self.trained[self.selected]

    @property
    def serving(self) -> Trained:
        """What serves: the refit on all matured months, without one the graded fit (MOD-11)."""
        return self.graded if self.refit is None else self.refit.trained

    @property
    def seen_until(self) -> date:
        """The last month that what serves has learnt from."""
        return self.splits.train[-1] if self.refit is None else self.refit.months[1]


def trial(
    examples: pd.DataFrame, label: str, splits: Splits, numeric_features: Sequence[str], settings: ModelSettings
) -> Trial:
    """Fit, compare, calibrate and grade. Raises TooLittleData, and Suspicious for a suspected leak (MOD-8).

    `examples`: account_id, as_of, segment, industry, country, arr, high_value, health and the numeric features.
    """
    rules = settings.candidates
    labeled = examples.dropna(subset=[label])
    count = counted(labeled, label, settings.treated)
    labeled = labeled.assign(**{WEIGHT: count.sample_weight})
    train, validation, test = (
        labeled_rows(labeled, label, months) for months in (splits.train, splits.validation, splits.test)
    )
    train = train[train[WEIGHT] > 0]
    for split, rows in (("training", train), ("validation", validation), ("test", test)):
        _enough(rows.loc[rows[WEIGHT] > 0, label].astype(bool), split)
    names = varied(train, numeric_features)
    refuse_leaks(train, label, names, CATEGORICAL_FEATURES, settings.tripwires)
    models = _fit_candidates(train, label, names, settings, count)
    y_true, sample_weight = validation[label].to_numpy(dtype=float), validation[WEIGHT].to_numpy()
    given = {name: predicted_probability(model, validation) for name, model in models.items()}
    accounts = validation["account_id"].to_numpy()
    comparison = compared(y_true, given, accounts, rules.replicates, SEED, sample_weight)
    for candidate in comparison:
        refuse_model(candidate.name, candidate.roc_auc, settings.tripwires)
    until_validation = labeled[labeled["as_of"] <= validation["as_of"].max()]
    selected, selection = _selected(comparison, until_validation, label, names, settings, count)
    trained = {name: Trained(name, models[name], calibrated(given[name], y_true, sample_weight)) for name in models}
    own, tried = segment_models(
        selected,
        _labeled(train, label),
        _labeled(validation, label),
        given[selected],
        names,
        settings,
        count.randomized,
    )
    trained[selected] = replace(
        trained[selected], segments={name: Trained(selected, *model) for name, model in own.items()}
    )
    right = trained[selected].probabilities(validation)
    threshold_by_group = choose_thresholds(validation, y_true, right, settings.policy, sample_weight)
    held_out = {name: candidate.probabilities(test) for name, candidate in trained.items()}
    best = test.assign(chance=held_out[selected])
    metrics = _metrics(test, label, held_out, selected, settings)
    by_policy = flagged(best, best["chance"].to_numpy(), threshold_by_group, settings.policy)
    metrics[selected, BY_POLICY] = _graded(best, label, settings, by_policy)
    metrics |= {(selected, way): found for way, found in _other_way(labeled, best, label, count, settings)}
    again, why_no_refit = _refit(labeled, trained[selected], test, label, names, splits, settings, count)
    thresholds = threshold_by_group
    if again is not None:
        of = again.held_out
        thresholds = choose_thresholds(of.rows, of.y_true, again.ranked, settings.policy, of.sample_weight)
    table = what_if(validation, y_true, right, settings.policy, sample_weight)
    return Trial(
        splits,
        trained,
        selected,
        selection,
        metrics,
        threshold_by_group,
        table,
        best,
        held_out,
        _counting(count),
        tried,
        again,
        thresholds,
        why_no_refit,
    )


def _refit(
    labeled: pd.DataFrame, graded: Trained, test: pd.DataFrame, label: str, names: Sequence[str], splits: Splits,
    settings: ModelSettings, count: Counted,
) -> tuple[Refit | None, str]:  # fmt: skip
    """The graded fit's candidate on all matured months; or why it serves as it is."""

    def fit(rows: LabeledRows) -> Pipeline:
        rows = rows.that_count
        sample_weight = rows.sample_weight if count.randomized else None
        y_true = pd.Series(rows.y_true > 0, rows.rows.index)
        able = varied(rows.rows, names)
        return fitted(graded.name, rows.rows, y_true, able, settings.inputs, settings.candidates, sample_weight)

    matured = _labeled(labeled, label)
    gap = (splits.validation[0] - splits.train[-1]).days
    found = refitted(matured, graded, test, gap, fit, settings.refit)
    if found is None:
        return None, "too few months have enough months before them to calibrate a refit on"
    refused = found.agreement.refused(settings.refit)
    return (None, refused) if refused else (found, "")


def _labeled(rows: pd.DataFrame, label: str) -> LabeledRows:
    """The rows with their outcomes and sample weights."""
    return LabeledRows(rows, rows[label].to_numpy(dtype=float), rows[WEIGHT].to_numpy())


def _fit_candidates(
    train: pd.DataFrame, label: str, names: Sequence[str], settings: ModelSettings, count: Counted,
    candidates: Collection[str] = tuple(CANDIDATES),
) -> dict[str, Pipeline]:  # fmt: skip
    """The candidates, fitted; with sample weights only those that take them."""
    sample_weight = train[WEIGHT].to_numpy() if count.randomized else None
    outcome, names = train[label].astype(bool), varied(train, names)
    able = [n for n in candidates if not count.randomized or n not in WITHOUT_WEIGHTS]
    shared = Shared()
    return {
        name: fitted(name, train, outcome, names, settings.inputs, settings.candidates, sample_weight, shared)
        for name in able
    }


def _selected(
    comparison: list[Compared], rows: pd.DataFrame, label: str, names: Sequence[str], settings: ModelSettings,
    count: Counted,
) -> tuple[str, str]:  # fmt: skip
    """The simplest candidate that is as good as the best, and in a sentence how it was found.

    Validation is few months: candidates that it cannot tell apart are compared again on `rows`, all months up to it.
    """
    rules = settings.candidates
    able = finalists(comparison, BASELINES, rules.finalist_errors)
    if len(able) < 2:
        near = f"within {rules.finalist_errors:g} standard errors of the best"
        return simplest_as_good(comparison, BASELINES), f"On validation no two candidates are {near}."

    def fit_all(some: LabeledRows) -> dict[str, Pipeline]:
        return _fit_candidates(some.that_count.rows, label, names, settings, count, able)

    known = _labeled(rows, label)
    y_prob = cross_fitted(known, fit_all, rules.finalist_folds)
    accounts = known.rows["account_id"].to_numpy()
    again = compared(known.y_true, y_prob, accounts, rules.replicates, SEED, known.sample_weight)
    aucs = ", ".join(f"{c.name} {c.roc_auc:.3f}" for c in again)
    return simplest_as_good(again, ()), (
        f"The validation months cannot tell {len(able)} candidates apart. On all {rows['as_of'].nunique()} months up "
        f"to them, by fits on other accounts, the ROC-AUC is: {aucs}. Selected is the simplest within one standard "
        "error of the best."
    )


def _other_way(
    labeled: pd.DataFrame, best: pd.DataFrame, label: str, count: Counted, settings: ModelSettings
) -> Iterator[tuple[str, dict[str, Estimate]]]:
    """The metrics of the test rows with the alternative weighting; nothing where there is none."""
    if count.other is None:
        return
    way, sample_weight = count.other
    rows = best.assign(**{WEIGHT: pd.Series(sample_weight, labeled.index)})
    if _gradable(rows, label):
        yield way, _graded(rows, label, settings)


def _counting(count: Counted) -> str:
    """How examples were weighted, and which candidates were left out because of it."""
    left_out = "".join(f" {name} is left out: {why}." for name, why in WITHOUT_WEIGHTS.items() if count.randomized)
    return count.note + left_out


def _enough(y_true: pd.Series, split: str) -> None:
    """Raises TooLittleData where a split has too few examples with the outcome, or without it."""
    count = int(y_true.sum())
    if not MIN_OUTCOMES <= count <= len(y_true) - MIN_OUTCOMES:
        raise TooLittleData(
            f"The {split} months hold {count} of {len(y_true)} examples with the outcome; {MIN_OUTCOMES} with "
            "and as many without it are needed."
        )


def _slices(test: pd.DataFrame, label: str, columns: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """All test rows, and the slices of each column with enough outcomes; a segment's slice has its bare name."""
    slices = [("all", test)]
    for column in columns:
        prefix = "" if column == "segment" else f"{column}: "
        slices += [(f"{prefix}{name}", rows) for name, rows in test.groupby(column)]
    return [(name, rows) for name, rows in slices if _gradable(rows, label)]


def _gradable(rows: pd.DataFrame, label: str) -> bool:
    """Whether enough rows with positive weight have the outcome, and enough do not, for metrics."""
    count = rows.loc[rows[WEIGHT] > 0, label]
    return bool(MIN_OUTCOMES <= count.sum() <= len(count) - MIN_OUTCOMES)


def _metrics(
    test: pd.DataFrame, label: str, held_out: Mapping[str, Floats], selected: str, settings: ModelSettings
) -> dict[tuple[str, str], Mapping[str, Estimate]]:
    """The metrics of each candidate on all test rows and by segment; of the selected one also by industry and country.

    All candidates on a slice share their draws of accounts.
    """
    found = {}
    every = _slices(test.assign(chance=np.arange(len(test))), label, ("segment", "industry", "country"))
    shared = {name for name, _ in _slices(test, label, ("segment",))}
    for slice_name, rows in every:
        at = rows["chance"].to_numpy()
        sides = {name: _side(rows.assign(chance=y_prob[at]), label, settings)
                 for name, y_prob in held_out.items() if slice_name in shared or name == selected}  # fmt: skip
        rules, accounts = settings.candidates, rows["account_id"].to_numpy()
        found[slice_name] = metrics_of_all(sides, accounts, rules.replicates, rules.confidence, SEED)
    return {(name, slice_name): of[name] for name in held_out for slice_name, of in found.items() if name in of}


def _graded(
    rows: pd.DataFrame, label: str, settings: ModelSettings, above: NDArray[np.bool_] | None = None
) -> dict[str, Estimate]:
    """The metrics of these rows and their column `chance`; unless given, the riskiest within capacity are flagged.

    A row of weight 0 counts in no metric, but belongs to the portfolio whose riskiest are flagged.
    """
    rules, side = settings.candidates, _side(rows, label, settings, above)
    return graded_metrics(side, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)


def _side(rows: pd.DataFrame, label: str, settings: ModelSettings, above: NDArray[np.bool_] | None = None) -> Graded:
    """The same rows, ready for every metric."""
    months, y_prob = rows["as_of"].to_numpy(), rows["chance"].to_numpy()
    return graded(
        rows[label].to_numpy(dtype=float),
        y_prob,
        top(y_prob, months, settings.policy.capacity_share) if above is None else above,
        rows[WEIGHT].to_numpy(dtype=float),
    )
