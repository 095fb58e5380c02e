"""What is ranked: what helps significantly, and nothing in a world without an effect (MON-4)."""

import numpy as np
import pandas as pd
import pytest

from keepwell.models.effects.significance import DROP, PREFER, ranks
from keepwell.models.settings.all import ModelSettings
from keepwell.tasks.operations.effects import Subjects, strategy_effects

WORLDS, TREATED = 20, 400
RULES = ModelSettings()


def world(seed: int, churn: float, factor: float) -> Subjects:
    """400 accounts that `call` was done for, 400 for `email`, 400 for nothing; churn follows one covariate.

    `factor`: by what `call` multiplies the probability of churn; `email` does nothing. Usage follows nothing.
    """
    rng = np.random.default_rng(seed)
    count = 3 * TREATED
    kind = np.repeat(np.array(["call", "email", None], dtype=object), TREATED)
    health = rng.normal(60, 10, count)
    level = churn * np.exp(-0.03 * (health - 60))
    p_churn = np.clip(level / level.mean() * churn * np.where(kind == "call", factor, 1.0), 0, 1)
    rows = pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(count)], "treated": pd.notna(kind), "kind": kind,
            "root_cause": np.where(pd.notna(kind), rng.choice(["price", "low_adoption"], count), None),
            "segment": rng.choice(["smb", "enterprise"], count), "industry": "retail", "health": health,
            "churned": (rng.random(count) < p_churn).astype(float), "use_after": rng.normal(0, 0.5, count),
        }
    )  # fmt: skip
    return Subjects(rows, False, ("health",), ("segment",), (), 90)


@pytest.mark.slow
def test_where_nothing_works_nothing_is_ranked() -> None:
    """Not one of 20 worlds, over kinds, causes, segments and two outcomes (MON-4)."""
    tables = [strategy_effects(world(seed, 0.2, 1.0), RULES) for seed in range(WORLDS)]

    assert sum(table["rank"].notna().any() for table in tables) == 0
    assert all(set(table["root_cause"]) == {"all", "price", "low_adoption"} for table in tables)


@pytest.mark.slow
def test_a_halving_of_churn_is_ranked_first() -> None:
    """In at least 16 of 20 worlds, where a fifth of the untreated churn; what does nothing has no rank (MON-4)."""
    first = 0
    for seed in range(WORLDS):
        table = strategy_effects(world(100 + seed, 0.2, 0.5), RULES)
        whole = table[(table["root_cause"] == "all") & (table["segment"] == "all") & (table["outcome"] == "churned")]
        found = whole.set_index("kind")["rank"]
        first += bool(found.fillna(0)["call"] == 1)
        assert pd.isna(found["email"])

    assert first >= 16


def test_a_kind_stands_behind_another_only_where_the_difference_is_significant() -> None:
    """Two that cannot be told apart share a rank; one that helps significantly less comes after both (MON-4)."""
    rows = [
        ("call", -0.30, 0.05, PREFER), ("visit", -0.28, 0.05, PREFER), ("email", -0.10, 0.03, PREFER),
        ("gift", 0.20, 0.03, DROP), ("all", -0.2, 0.01, PREFER),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["kind", "effect", "half", "verdict"]).assign(
        root_cause="all", segment="all", estimand="churn",
        low=lambda t: t["effect"] - t["half"], high=lambda t: t["effect"] + t["half"],
    )  # fmt: skip

    found = ranks(table, 0.9).set_axis(table["kind"])

    assert found.dropna().to_dict() == {"call": 1, "visit": 1, "email": 3}
