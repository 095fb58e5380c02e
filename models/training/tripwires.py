"""Tripwires against leaks: a feature or a model that predicts the outcome too well is refused (MOD-8).

Behavior months ahead does not predict so well; a column that was filled in after the fact does (Kaufman et al. 2012,
"Leakage in data mining"). A person who knows the cause can allow it by name, with the reason, in the settings.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import TargetEncoder

from keepwell.models.grading.metrics import Floats, graded, roc_auc
from keepwell.models.settings.training import TripwireSettings

BEYOND = 1.0
"""Distance outside the range at which a missing number is placed; only the order matters."""


class Suspicious(Exception):
    """A feature or model that predicts too well: one sentence with its name, its ROC-AUC and the remedy."""


def refuse_leaks(
    rows: pd.DataFrame,
    label: str,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: TripwireSettings,
) -> None:
    """Raises Suspicious where a single feature predicts the outcome of the training rows too well.

    `rows`: account_id, the label (no row without one) and the features. A feature that the settings allow passes.
    """
    found = [
        (name, auc)
        for name, auc in leaking(rows, label, numeric_features, categorical_features, rules)
        if name not in rules.allowed
    ]
    if found:
        named = ", ".join(f"`{name}` ({auc:.3f})" for name, auc in found)
        raise Suspicious(
            f"{named} alone predicts `{label}` with a ROC-AUC above {rules.feature_auc:g}: check whether it is known "
            "only after the outcome, and fix the mapping; if it is right, allow it with the reason in "
            "[models.tripwires.allowed]."
        )


def refuse_model(name: str, auc: float, rules: TripwireSettings) -> None:
    """Raises Suspicious where a model predicts the outcome of the validation rows too well."""
    if auc > rules.model_auc and name not in rules.allowed:
        raise Suspicious(
            f"the model `{name}` has a ROC-AUC of {auc:.3f} on the validation months, above {rules.model_auc:g}: look "
            "for features that together reveal the outcome; if it is right, allow it with the reason in "
            "[models.tripwires.allowed]."
        )


def leaking(
    rows: pd.DataFrame,
    label: str,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: TripwireSettings,
) -> list[tuple[str, float]]:
    """The features whose ROC-AUC alone is above the bound, the highest first."""
    alone = aucs_alone(rows, label, numeric_features, categorical_features, rules)
    return sorted(((n, a) for n, a in alone.items() if a > rules.feature_auc), key=lambda found: (-found[1], found[0]))


def aucs_alone(
    rows: pd.DataFrame,
    label: str,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: TripwireSettings,
) -> dict[str, float]:
    """The ROC-AUC of each feature alone: the best over the ways in which it may be read.

    A number by its order, with missing values below or above all others; by its missingness alone; and by target
    encoding, the outcome rate of its group (20 quantile groups of a number by default), estimated on other accounts.
    """
    y_true = rows[label].to_numpy(dtype=float)
    by_rate = _rates(rows, y_true, numeric_features, categorical_features, rules)
    found = {}
    for name in [*numeric_features, *categorical_features]:
        orders = _orders(rows[name].astype("float64")) if name in numeric_features else iter(())
        either = [max(auc, 1.0 - auc) for auc in (_auc(y_true, order) for order in orders)]
        found[name] = max([*either, _auc(y_true, by_rate[name].to_numpy())])
    return found


def _orders(values: pd.Series) -> Iterator[Floats]:
    """The orders in which a number may rank the rows; one where none is missing."""
    if values.notna().all():
        yield values.to_numpy()
        return
    if values.notna().any():
        yield values.fillna(values.min() - BEYOND).to_numpy()
        yield values.fillna(values.max() + BEYOND).to_numpy()
    yield values.isna().to_numpy(dtype=float)


def _rates(
    rows: pd.DataFrame,
    y_true: Floats,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: TripwireSettings,
) -> pd.DataFrame:
    """Target encoding: each group's smoothed outcome rate, estimated on other accounts (Micci-Barreca 2001)."""
    groups = {name: _groups(rows[name].astype("float64"), rules.groups) for name in numeric_features}
    groups |= {name: pd.Series(pd.factorize(rows[name])[0], rows.index) for name in categorical_features}
    frame = pd.DataFrame(groups)
    folds = list(GroupKFold(rules.folds).split(frame, y_true, rows["account_id"]))
    rates = TargetEncoder(target_type="binary", cv=folds).fit_transform(frame, y_true.astype(int))
    return pd.DataFrame(rates, index=rows.index, columns=frame.columns)


def _groups(values: pd.Series, count: int) -> pd.Series:
    """The quantile group of a number, -1 where it is missing; a value that many rows share is a group of its own."""
    there = values.dropna().to_numpy()
    if len(there) == 0:
        return pd.Series(-1, values.index)
    edges = np.unique(np.quantile(there, np.linspace(0.0, 1.0, count + 1)))
    codes = np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
    return pd.Series(codes, values.index).where(values.notna(), -1)


def _auc(y_true: Floats, score: Floats) -> float:
    return float(roc_auc(graded(y_true, score, y_true > 1.0)))
