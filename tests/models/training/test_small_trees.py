"""Boosting over many rows, tree by tree: the very numbers of scikit-learn (MOD-4)."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from keepwell.models.training import small_trees
from keepwell.models.training.small_trees import FEW, SLICE, boosted_log_odds


def drawn(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six columns with ties, missing values that matter, and infinities; and an outcome that depends on them."""
    rng = np.random.default_rng(seed)
    inputs = np.round(rng.standard_normal((rows, 6)), 1)
    inputs[:, 5] = rng.integers(0, 5, rows)
    odds = inputs[:, 0] + inputs[:, 1] * inputs[:, 2] + np.where(inputs[:, 3] > 1, 2.0, 0.0)
    for column, share in ((1, 0.3), (3, 0.6)):
        inputs[rng.random(rows) < share, column] = np.nan
    inputs[rng.random(rows) < 0.01, 4] = np.inf
    return inputs, rng.random(rows) < 1 / (1 + np.exp(-odds - np.isnan(inputs[:, 3])))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_leaf_nodes": 4},
        {"max_leaf_nodes": 2},
        {"max_leaf_nodes": 9},
        {"max_leaf_nodes": 31},
        {"max_leaf_nodes": 4, "categorical_features": [5]},
        {"min_samples_leaf": 100_000},
    ],
    ids=["usual", "stumps", "as_large_as_a_byte_holds", "large", "categories", "no_split"],
)
def test_log_odds_are_those_of_scikit_learn_bit_by_bit(settings):
    """Ties with a threshold, missing and infinite values included; any number of rows (MOD-4)."""
    train, accounts = drawn(4_000, 1), drawn(SLICE + 700, 2)[0]
    with threadpool_limits(1):
        boosting = HistGradientBoostingClassifier(max_iter=60, random_state=1, **settings).fit(*train)
        for count in (len(accounts), FEW, FEW - 1, 1):
            expected = boosting.decision_function(accounts[:count])
            np.testing.assert_array_equal(boosted_log_odds(boosting, accounts[:count]), expected)


def test_missing_values_go_left_and_right():
    """The branch that a split has learned for them; both occur in what the test above compares."""
    with threadpool_limits(1):
        boosting = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=4, random_state=1).fit(*drawn(4_000, 1))
    trees = small_trees._small_trees(boosting)

    assert trees is not None
    assert {missing_right for tree in trees for _, _, missing_right in tree.splits} == {False, True}


def test_columns_may_lie_in_any_order_in_memory():
    """A frame's values are stored by column (MOD-4)."""
    inputs, outcome = drawn(2_000, 3)
    with threadpool_limits(1):
        boosting = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=4, random_state=1).fit(inputs, outcome)
    found = boosted_log_odds(boosting, np.asfortranarray(inputs))

    np.testing.assert_array_equal(found, boosted_log_odds(boosting, inputs))
