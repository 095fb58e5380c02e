"""The reasons for an account's probability: the contribution of each feature, and the few that are cited (ACT-1).

Contributions are relative to one typical account. Those of the columns that a model sees are summed per feature: a
numeric feature with its missing indicator, a categorical one with all of its one-hot columns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from keepwell.models.explaining.margin import EXACT, margin, parts
from keepwell.models.grading.metrics import Floats
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.origins import origins
from keepwell.models.training.trained import Trained


@dataclass(frozen=True)
class Explained:
    """Margins in parts: `base`, the typical account's margin, plus the sum of a row's `contributions` is its `margin`.

    `base` is given per row, from the model that serves it: a segment may have its own. `contributions` has the index
    of the rows and one column per feature that any of these models reads.
    """

    base: Floats
    margin: Floats
    contributions: pd.DataFrame


def reference_row(rows: pd.DataFrame) -> pd.Series:
    """The typical account of the training rows: median of each numeric feature, mode of each categorical one.

    Missing where most rows are: then having a value is what sets an account apart.
    """
    return pd.Series({name: _typical(rows[name]) for name in rows}, dtype=object)


def _typical(values: pd.Series) -> object:
    if is_numeric_dtype(values):
        return float(values.median()) if values.notna().mean() >= 0.5 else np.nan
    return values.mode(dropna=False).iloc[0]


def explained(trained: Trained, rows: pd.DataFrame, reference: pd.Series) -> Explained:
    """The contributions of each row, which sum to its margin within 1e-6; errors as in models.explaining.margin."""
    found = [(at, _explained(served, rows.iloc[at], reference)) for served, at in trained.serving(rows)]
    if len(found) == 1:
        return found[0][1]
    base, margins = np.empty(len(rows)), np.empty(len(rows))
    for at, part in found:
        base[at], margins[at] = part.base, part.margin
    contributions = pd.concat([part.contributions for _, part in found]).fillna(0.0)
    order = np.argsort(np.concatenate([at for at, _ in found]))
    return Explained(base, margins, contributions.iloc[order])


def _explained(served: Trained, rows: pd.DataFrame, reference: pd.Series) -> Explained:
    """The same for rows that one model serves."""
    names = input_columns(served.model)
    base, margins, split = parts(served, rows, _one_row(reference[names], rows))
    return Explained(np.full(len(rows), base), margins, pd.DataFrame(split @ origins(served.model), rows.index, names))


def _one_row(reference: pd.Series, rows: pd.DataFrame) -> pd.DataFrame:
    """The reference as a frame of one row, with the dtypes of the rows."""
    kinds = {name: float if is_numeric_dtype(rows[name]) else rows[name].dtype for name in reference.index}
    return pd.DataFrame({name: pd.Series([value], dtype=kinds[name]) for name, value in reference.items()})


def top_reasons(
    trained: Trained, rows: pd.DataFrame, why: Explained, reference: pd.Series, count: int,
    uncited: Collection[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """The features that raise each margin most: row (index), rank from 1, feature, value, reference, contribution.

    A feature is cited only if resetting it alone to its reference lowers the margin; where interactions prevent that,
    the next one is tried. `uncited`: features that are never cited. A row may have fewer than `count`.
    """
    names = np.array([name for name in why.contributions if name not in uncited], dtype=object)
    gives = why.contributions[list(names)].to_numpy()
    order = np.argsort(-gives, axis=1, kind="stable")
    cited, waiting, pieces = np.zeros(len(rows), dtype=int), np.arange(len(rows)), [np.empty((3, 0), dtype=int)]
    for place in range(len(names)):
        waiting = waiting[gives[waiting, order[waiting, place]] > EXACT]
        if not len(waiting):
            break
        tried = order[waiting, place]
        before = rows.iloc[waiting]
        without = margin(trained, _put_back(before, names[tried], reference), before)
        holds = without < why.margin[waiting] - EXACT
        cited[waiting[holds]] += 1
        pieces.append(np.stack([waiting[holds], cited[waiting[holds]], tried[holds]]))
        waiting = waiting[cited[waiting] < count]
    found = np.concatenate(pieces, axis=1)
    at, rank, feature = found[:, np.lexsort((found[1], found[0]))]
    return pd.DataFrame(
        {
            "row": rows.index[at], "rank": rank, "feature": names[feature],
            "value": _values(rows, at, names[feature]), "reference": reference[names[feature]].to_numpy(),
            "contribution": gives[at, feature],
        }
    )  # fmt: skip


def _put_back(rows: pd.DataFrame, chosen: NDArray[Any], reference: pd.Series) -> pd.DataFrame:
    """The rows, each with its chosen feature reset to the reference."""
    return rows.assign(**{name: rows[name].where(chosen != name, reference[name]) for name in np.unique(chosen)})


def _values(rows: pd.DataFrame, at: NDArray[Any], chosen: NDArray[Any]) -> NDArray[Any]:
    """The value of the chosen feature in each of these rows."""
    values = np.empty(len(at), dtype=object)
    for name in np.unique(chosen):
        of = chosen == name
        values[of] = rows[name].to_numpy(dtype=object)[at[of]]
    return values
