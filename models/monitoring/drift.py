"""Drift of inputs and scores since the model was trained (LRN-3).

Inputs and scores: population stability index (PSI; Siddiqi 2006) over quantile bins of the reference, with a bin for
missing values and one per category. Without drift the PSI is not 0: its expected value is about (bins - 1)
(1/n + 1/m) for n and m accounts (Yurdakul 2018). That is subtracted, so that 0 means no drift. A chi-square test of the
same table gives a p-value; many inputs are tested at once, so Benjamini and Hochberg (1995) bound the share of false
alarms. `drifted` needs both: significant, and large enough to matter. How large comes from the reference itself: its
own months differ from the whole by season, by weekday and by what was not recorded yet, and a portfolio that differs no
more than they do is like the training data.

Rows of one account are not independent: each account of the reference has weight one, however many months it has, and
the current portfolio is one month. Accounts that are in both make the test conservative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.monitoring import DriftSettings

HALF = 0.5
"""Pseudo-count added to every bin, so that an empty one has a logarithm (Jeffreys 1946)."""


@dataclass(frozen=True)
class Bins:
    """One column's distribution in the reference: bin edges or categories, and the share of each; missing last.

    `accounts`: accounts of the reference; `usual`: the quantile `usual_share` of the PSI of its own months against it.
    Plain numbers and strings, so that it can be stored with the model as JSON.
    """

    name: str
    edges: tuple[float, ...] | None
    words: tuple[str, ...] | None
    shares: tuple[float, ...]
    accounts: int
    usual: float = 0.0

    def places(self, values: pd.Series) -> NDArray[np.integer[Any]]:
        """The bin of each value; a category that the reference did not have is in the bin before the missing."""
        if self.edges is not None:
            numeric_features = values.to_numpy(dtype=float, na_value=np.nan)
            return np.where(
                np.isnan(numeric_features),
                len(self.shares) - 1,
                np.searchsorted(self.edges, numeric_features, side="right"),
            )
        known = pd.Index(self.words or ()).get_indexer(values)
        missing = values.isna().to_numpy()
        return np.where(missing, len(self.shares) - 1, np.where(known < 0, len(self.shares) - 2, known))


@dataclass(frozen=True)
class Reference:
    """The distributions of inputs and score at training, which later portfolios are compared with."""

    inputs: tuple[Bins, ...]
    score: Bins

    def plain(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> "Reference":
        """Back from JSON."""
        inputs = tuple(_bins_from(one) for one in stored["inputs"])
        return cls(inputs, _bins_from(stored["score"]))


def _bins_from(stored: Mapping[str, Any]) -> Bins:
    edges, words = (None if stored[key] is None else tuple(stored[key]) for key in ("edges", "words"))
    return Bins(stored["name"], edges, words, tuple(stored["shares"]), stored["accounts"], stored["usual"])


def reference(
    rows: pd.DataFrame,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    scored: pd.DataFrame,
    rules: DriftSettings,
) -> Reference:
    """The distributions of the inputs in `rows` and of the score in `scored`; both have account_id and as_of.

    Inputs come from the training rows; the score (column `chance`) from rows that the model was not trained on. An
    input that is the same for all accounts of a month only encodes the date, and is left out.
    """
    columns = [name for name in (*numeric_features, *categorical_features) if not _of_the_calendar(rows, name)]
    inputs = tuple(_binned(rows, name, name in categorical_features, rules) for name in columns)
    return Reference(inputs, _binned(scored, "chance", False, rules))


def _of_the_calendar(rows: pd.DataFrame, name: str) -> bool:
    """Whether the column varies between months and never within one."""
    within = rows.groupby("as_of")[name].nunique()
    return len(within) > 1 and int(within.max()) == 1 and len(rows[name].dropna().unique()) > 1


def _binned(rows: pd.DataFrame, name: str, worded: bool, rules: DriftSettings) -> Bins:
    """The bins of a column; every account has weight one."""
    codes, accounts = pd.factorize(rows["account_id"])
    weight = 1.0 / np.bincount(codes)[codes]
    values = rows[name]
    edges = None if worded else _edges(values.to_numpy(dtype=float, na_value=np.nan), rules.bins)
    words = tuple(sorted(values.dropna().astype(str).unique())) if worded else None
    size = (len(words) + 2) if words is not None else len(edges or ()) + 2
    whole = Bins(name, edges, words, (0.0,) * size, len(accounts))
    places = whole.places(values)
    counts = np.bincount(places, weight, size)
    whole = replace(whole, shares=tuple(map(float, counts / counts.sum())))
    return replace(whole, usual=_usual(whole, places, rows["as_of"], rules))


def _usual(whole: Bins, places: NDArray[np.integer[Any]], months: pd.Series, rules: DriftSettings) -> float:
    """The quantile `usual_share` of the PSI of the reference's own months against the whole."""
    codes, named = pd.factorize(months)
    size = len(whole.shares)
    counts = np.bincount(codes * size + places, minlength=len(named) * size).reshape(len(named), size).astype(float)
    return float(np.quantile([_index(_table(whole, month, rules)) for month in counts], rules.usual_share))


def _edges(numeric_features: Floats, bins: int) -> tuple[float, ...]:
    """Lower edges of the bins from the second on; equal values stay in one bin."""
    there = numeric_features[~np.isnan(numeric_features)]
    if not len(there):
        return ()
    inner = np.unique(np.quantile(there, np.arange(1, bins) / bins, method="higher"))
    return tuple(map(float, inner[inner > there.min()]))


def drift(was: Reference, book: pd.DataFrame, rules: DriftSettings) -> pd.DataFrame:
    """Drift of inputs and score of one month's portfolio (a row per account, with `chance`) against the reference.

    Columns: kind, name, statistic (`psi`), value (PSI less its expected value), usual, p_value, q_value, drifted.
    """
    columns = [("input", bins) for bins in was.inputs] + [("score", was.score)]
    rows = []
    for kind, bins in columns:
        now = np.bincount(bins.places(book[bins.name]), minlength=len(bins.shares)).astype(float)
        table = _table(bins, now, rules)
        rows.append(
            {
                "kind": kind, "name": bins.name, "statistic": "psi", "value": _index(table), "usual": bins.usual,
                "p_value": _p_value(table),
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    q_value = scipy.stats.false_discovery_control(frame["p_value"].to_numpy())
    drifted = (q_value < rules.false_discovery_rate) & (frame["value"] > frame["usual"].clip(lower=rules.min_psi))
    return frame.assign(q_value=q_value, drifted=drifted)


def _table(bins: Bins, now: Floats, rules: DriftSettings) -> Floats:
    """Number of accounts of the reference and of now in each bin.

    Bins with few expected rows are merged, by the reference alone, so that the test stays valid.
    """
    shares = np.array(bins.shares)
    few = shares * now.sum() < rules.min_rows
    whole = np.stack([shares * bins.accounts, now])
    together = np.column_stack([whole[:, ~few], whole[:, few].sum(axis=1)])
    return together[:, together.sum(axis=0) > 0]


def _index(table: Floats) -> float:
    """PSI between the two rows of the table, less its expected value without drift."""
    then, now = (table + HALF) / (table + HALF).sum(axis=1, keepdims=True)
    expected_psi = (table.shape[1] - 1) * float((1.0 / table.sum(axis=1)).sum())
    return float(np.dot(now - then, np.log(now / then))) - expected_psi


def _p_value(table: Floats) -> float:
    """p-value of the chi-square test of no change."""
    return float(scipy.stats.chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0
