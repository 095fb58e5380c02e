"""The log odds of boosting over many rows: tree by tree instead of row by row, and equal to scikit-learn's bit by bit.

Boosting has hundreds of trees with a few splits each, and walking down a tree costs a mispredicted branch per split.
Here every split is one comparison of a whole column. The answers of a tree's splits, as bits of a small number, look up
its value (Lucchese et al. 2015, QuickScorer); the values are added in the order of the trees.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from keepwell.models.grading.metrics import Floats
from keepwell.models.grading.threads import one_thread

MAX_SPLITS = 8
"""Splits whose answers fit into one byte."""
FEW = 500
"""Rows below which preparing the trees costs more than it saves."""
SLICE = 10_000
"""Rows per call: what a tree reads and writes stays in a core's cache."""
WALKED = 2_000
"""Rows per call of scikit-learn's own walk, which loops over the rows once per tree."""


@dataclass(frozen=True)
class SmallTree:
    """The splits of a tree, and its value by their answers: bit n is set in a row that goes right at split n.

    A split: column, threshold, and whether a missing value goes right.
    """

    splits: tuple[tuple[int, float, bool], ...]
    values: Floats


def boosted_log_odds(boosting: HistGradientBoostingClassifier, inputs: Floats) -> Floats:
    """The uncalibrated log odds of each row, as `decision_function` gives them; for few rows or large trees by it."""
    trees = _small_trees(boosting) if len(inputs) >= FEW else None
    size = WALKED if trees is None else SLICE
    slices = [inputs[at : at + size] for at in range(0, len(inputs), size)]
    if trees is None:
        with one_thread():  # threads that wait for a core use several times the CPU
            return np.concatenate([boosting.decision_function(part) for part in slices])
    start = float(boosting._baseline_prediction[0, 0])  # noqa: SLF001  # scikit-learn shows its trees nowhere else
    return np.concatenate([_summed(trees, part, start) for part in slices])


def _summed(trees: list[SmallTree], inputs: Floats, start: float) -> Floats:
    """The sum of the trees' values for each row."""
    columns, total = np.ascontiguousarray(inputs.T), np.full(len(inputs), start)
    code, place = np.empty(len(inputs), dtype=np.uint8), np.empty(len(inputs), dtype=np.intp)
    right, value = np.empty(len(inputs), dtype=bool), np.empty(len(inputs))
    bit = right.view(np.uint8)
    for tree in trees:
        code.fill(0)
        for at, (column, threshold, missing_right) in enumerate(tree.splits):
            if missing_right:
                np.logical_not(np.less_equal(columns[column], threshold, out=right), out=right)
            else:
                np.greater(columns[column], threshold, out=right)
            np.bitwise_or(code, np.left_shift(bit, at, out=bit), out=code)
        place[:] = code
        total += np.take(tree.values, place, out=value, mode="clip")
    return total


def _small_trees(boosting: HistGradientBoostingClassifier) -> list[SmallTree] | None:
    """The trees in their order; None where one is too large, or where boosting itself reads categories."""
    trees = [tree.nodes for of_iteration in boosting._predictors for tree in of_iteration]  # noqa: SLF001
    if boosting.n_trees_per_iteration_ != 1 or boosting._preprocessor is not None:  # noqa: SLF001
        return None
    if any(len(nodes) > 2 * MAX_SPLITS + 1 or nodes["is_categorical"].any() for nodes in trees):
        return None
    return [_small_tree(nodes) for nodes in trees]


def _small_tree(nodes: NDArray[Any]) -> SmallTree:
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    splits = zip(
        nodes["feature_idx"][inner].tolist(),
        nodes["num_threshold"][inner].tolist(),
        (nodes["missing_go_to_left"][inner] == 0).tolist(),
        strict=True,
    )
    leaves = _leaf_of_code(tuple(inner.tolist()), tuple(nodes["left"].tolist()), tuple(nodes["right"].tolist()))
    return SmallTree(tuple(splits), nodes["value"][leaves])


@cache
def _leaf_of_code(inner: tuple[int, ...], left: tuple[int, ...], right: tuple[int, ...]) -> NDArray[np.intp]:
    """The leaf that each code of answers leads to, in trees of this shape; few shapes occur."""
    bit_of = {node: bit for bit, node in enumerate(inner)}
    codes = np.arange(2 ** len(inner))
    node = np.zeros(len(codes), dtype=np.intp)
    for _ in inner:
        node = np.array(
            [
                (right if code >> bit_of[at] & 1 else left)[at] if at in bit_of else at
                for code, at in zip(codes.tolist(), node.tolist(), strict=True)
            ],
            dtype=np.intp,
        )
    return node
