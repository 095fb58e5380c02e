"""The worlds in which monitoring is graded (evaluation/results_watching.py)."""

import numpy as np
import pandas as pd
import pytest

from evaluation.results_watching import ACCEPTED, STARTS, WATCHED, World, as_known
from keepwell.models.settings.training import TreatedSettings
from keepwell.models.training.treated import counted

EARLY = STARTS[2:ACCEPTED]


def rate(examples: pd.DataFrame, weighted: bool) -> float:
    """Share that churned in the months before acceptance."""
    rows = examples[examples["as_of"].isin(EARLY)]
    weight = counted(rows, "churned", TreatedSettings()).sample_weight if weighted else np.ones(len(rows))
    return float(np.average(rows["churned"].astype(float), weights=weight))


def test_contacts_halve_the_risk_and_the_weighted_untreated_show_the_risk_without_them() -> None:
    """By the weights of acceptance the rate is that of a world whose contacts do nothing (MOD-1)."""
    alone, randomized = World(1).examples(), World(1, effect=0.5).examples()
    rows = randomized[randomized["as_of"].isin(EARLY) & (randomized["untreated_chance"] == 0.5)]

    assert rows["treated"].mean() == pytest.approx(0.5, abs=0.03)
    assert rate(randomized, weighted=False) < 0.93 * rate(alone, weighted=False)
    assert rate(randomized, weighted=True) == pytest.approx(rate(alone, weighted=False), rel=0.06)


def test_worlds_that_differ_only_in_what_comes_later_have_one_history() -> None:
    """One model, accepted once, is watched in all of them."""
    one, other = (World(2, effect=0.5, unrelated=share).examples() for share in (0.0, 1.0))
    seen = [as_known(examples, ACCEPTED).reset_index(drop=True) for examples in (one, other)]

    pd.testing.assert_frame_equal(*seen)
    assert not one[one["as_of"] == STARTS[WATCHED]].equals(other[other["as_of"] == STARTS[WATCHED]])
    assert seen[0].loc[seen[0]["as_of"] > STARTS[ACCEPTED - 5], ["churned", "treated"]].isna().all(axis=None)
