"""The coverage of intervals is counted correctly, and worlds that are replayed together stay separate (MOD-4)."""

import numpy as np
import pandas as pd
import pytest

from evaluation.results_coverage import Coverage, coverage
from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import METRICS
from keepwell.sample.write import write_company
from tests.support.worlds import put_together, small_company


def test_an_interval_counts_where_it_covers_the_truth():
    """Bounds included; below and above are counted separately (MOD-4)."""
    found = Coverage("recall", 0.5, [Estimate(0.4, lo, hi) for lo, hi in ((0.5, 0.6), (0.1, 0.4), (0.6, 0.7), (0, 1))])

    assert found.covered == 2
    assert "| 25.0% | 25.0% | 50.0% |" in found.row()
    assert found.row().endswith("| 85% to 95% | **falls short** |")


@pytest.mark.slow
def test_where_outcomes_follow_the_probabilities_most_intervals_cover_the_truth():
    """Twenty worlds with one distribution: the truth is the metric on all of them, flagged within each (MOD-4)."""
    rng = np.random.default_rng(2)
    made = []
    for _ in range(20):
        y_prob = rng.beta(1, 9, 600)
        made.append(
            pd.DataFrame(
                {
                    "account_id": np.arange(600), "as_of": pd.Timestamp("2026-01-01"), "chance": y_prob,
                    "churned": rng.random(600) < y_prob,
                }
            )
        )  # fmt: skip
    found = {c.name: c for c in coverage(made)}

    assert found["observed_to_expected"].truth == pytest.approx(1.0, abs=0.06)
    assert all(c.covered >= 13 for c in found.values())
    assert set(found) < set(METRICS)


def test_worlds_replayed_together_share_no_id(tmp_path):
    """Every id is prefixed with its world's seed, also that of a parent; no row is lost (MOD-4)."""
    for seed in (1, 2):
        write_company(40, 2, seed, tmp_path / str(seed), settings=small_company())
    put_together(tmp_path, (1, 2))

    for path in tmp_path.glob("*.parquet"):
        table = pd.read_parquet(path)
        alone = [pd.read_parquet(tmp_path / str(seed) / path.name) for seed in (1, 2)]
        assert len(table) == sum(map(len, alone))
        world = table["account_id"].str.split("/").str[0]
        assert world.value_counts().to_dict() == {str(n): len(a) for n, a in enumerate(alone, 1) if len(a)}
        for column in (c for c in table if c.endswith("_id")):
            there = table[column].notna()
            assert (table.loc[there, column].str.split("/").str[0] == world[there]).all()
