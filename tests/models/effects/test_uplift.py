"""Uplift: a gate before any ranking, sleeping dogs described in words, too few episodes refused (MON-4)."""

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from evaluation.results_effects import CATEGORICAL_FEATURES, NUMERIC_FEATURES, SETTINGS, world
from keepwell.models.effects.uplift import fit_uplift, gate
from keepwell.models.explaining.tree_rules import rules_of
from keepwell.models.settings.effects import UpliftSettings
from keepwell.models.training.inputs import filled

GATE_OPEN = 3
"""A seed in whose episodes the gate opens."""


def fitted(subjects, **rules):
    return fit_uplift(
        subjects,
        NUMERIC_FEATURES,
        CATEGORICAL_FEATURES,
        UpliftSettings(**{"n_estimators": 10, **rules}),
        SETTINGS.effects,
        SETTINGS.inputs,
    )


@pytest.fixture(scope="module")
def found():
    """Fitted on 8,000 randomized episodes, a fifth of them sleeping dogs."""
    return fitted(world(8000, GATE_OPEN, "random"))


@pytest.mark.slow
def test_sleeping_dogs_are_separated_from_accounts_that_a_contact_helps(found):
    """Most of those predicted to be harmed are sleeping dogs, and hardly any of the others (MON-4)."""
    book = world(5000, 99, "random")
    harmed = found.model.gained(book) < 0

    assert book.loc[harmed, "sleeping_dog"].mean() > 0.6
    assert book.loc[~harmed, "sleeping_dog"].mean() < 0.1


def test_sleeping_dogs_are_described_in_words(found):
    """The rules name the features that define the group: an open-ended contract that has run for long (MON-4)."""
    named = " ".join(found.model.rules)

    assert "months_to_renewal" in named
    assert "tenure above" in named
    assert found.model.rules[0] in found.notes[1]
    assert ("better not contacted" in found.notes[1]) == (found.harmed.naive.low > 0)
    assert found.harmed.naive.value > 0


def test_nobody_is_ranked_where_all_answer_alike():
    """Without sleeping dogs the gate stays shut in most worlds, and the note says that risk stays the order (MON-4)."""
    runs = [fitted(world(1600, seed, "random", sleeping=False)) for seed in range(8)]
    shut = [r for r in runs if r.model is None]

    assert len(shut) >= 6
    assert all("risk stays the order" in r.notes[0] or r.needed > r.subjects for r in shut)


def test_few_episodes_are_refused_with_the_number_needed():
    """200 episodes never lead to a ranking, whatever they contain (MON-4)."""
    runs = [fitted(world(200, seed, "random")) for seed in range(20)]

    assert all(r.model is None and np.isnan(r.p_value) for r in runs)
    assert all(r.needed > 800 and f"about {r.needed:,} are needed" in r.notes[0] for r in runs)


def test_the_gate_is_shut_as_often_as_it_says():
    """Where the sides differ only at random, about one p-value in five is below 0.2 (MON-4)."""
    rng = np.random.default_rng(2)
    subjects = world(1500, 7, "off")
    drawn = (subjects.assign(treated=rng.random(len(subjects)) < 0.5) for _ in range(40))
    with threadpool_limits(1):
        p = [gate(c, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.inputs) for c in drawn]

    assert 0.05 <= np.mean(np.array(p) < 0.2) <= 0.4


def test_episodes_written_twice_open_no_gate():
    """Copies of an account add no evidence (clustered by account, MON-4)."""
    subjects = world(1500, 8, "random")
    once = gate(subjects, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.inputs)

    assert gate(
        pd.concat([subjects] * 3, ignore_index=True),
        NUMERIC_FEATURES,
        CATEGORICAL_FEATURES,
        SETTINGS.uplift,
        SETTINGS.inputs,
    ) == pytest.approx(once, abs=0.03)


@pytest.mark.slow
def test_the_same_episodes_give_the_same_ranking(found):
    """Fixed seeds: refitting gives the same ranking (determinism)."""
    again = fitted(world(8000, GATE_OPEN, "random"))

    assert again.notes == found.notes


@pytest.mark.parametrize(
    ("harmed", "said"),
    [
        (lambda f: f["open"].isna() & (f["months"] > 30), ("open is missing and months above 30",)),
        (lambda f: (f["segment"] == "small") & (f["months"] <= 10), ("segment is small and months at most 10",)),
        (lambda f: (f["months"] > 30) & (f["months"] <= 40), ("months above 30 and months at most 40",)),
        (lambda f: f["months"] > 99, ()),
    ],
)
def test_rules_describe_the_leaves_of_the_tree_in_words(harmed, said):
    """Missing values and categories are named as such, and neighboring leaves of one sign are one rule (MON-4)."""
    months, open_, segment = np.meshgrid(np.arange(60.0), [np.nan, 1.0, 5.0], ["small", "large"])
    frame = pd.DataFrame({"months": months.ravel(), "open": open_.ravel(), "segment": segment.ravel()})
    seen = filled(["months", "open"], ["segment"], SETTINGS.inputs.model_copy(update={"winsorize_quantile": 0.0})).fit(
        frame
    )
    value = np.where(harmed(frame), -1.0, 1.0) + 0.001 * frame["months"]
    tree = DecisionTreeRegressor(max_leaf_nodes=12, random_state=0).fit(seen.transform(frame), value)
    names = {str(n): n == "open" for n in seen.get_feature_names_out()}

    rules = {frozenset(rule.replace(".5", "").split(" and ")) for rule in rules_of(tree, names, ["segment"])}
    assert rules == {frozenset(rule.split(" and ")) for rule in said}
