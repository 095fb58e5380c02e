"""Uplift: nobody is ranked without a gate, sleeping dogs are named, few episodes are refused (MON-4)."""

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

TOLD_APART = 3
"""A seed in whose episodes the gate opens."""


def learnt(cases, **rules):
    return fit_uplift(
        cases,
        NUMERIC_FEATURES,
        CATEGORICAL_FEATURES,
        UpliftSettings(**{"n_estimators": 10, **rules}),
        SETTINGS.effects,
        SETTINGS.inputs,
    )


@pytest.fixture(scope="module")
def found():
    """Learnt from 8,000 randomised episodes, a fifth of them sleeping dogs."""
    return learnt(world(8000, TOLD_APART, "random"))


def test_sleeping_dogs_are_told_from_those_who_are_helped(found):
    """Most of those told to be harmed are, by the truth, and hardly any of the others (MON-4)."""
    book = world(5000, 99, "random")
    harmed = found.model.gained(book) < 0

    assert book.loc[harmed, "sleeping_dog"].mean() > 0.6
    assert book.loc[~harmed, "sleeping_dog"].mean() < 0.1


def test_sleeping_dogs_are_named_in_words(found):
    """The group is told by the features that make it: an open-ended contract that has run for long (MON-4)."""
    named = " ".join(found.model.rules)

    assert "months_to_renewal" in named
    assert "tenure above" in named
    assert found.model.rules[0] in found.notes[1]
    assert ("better left alone" in found.notes[1]) == (found.harmed.naive.low > 0)
    assert found.harmed.naive.value > 0


def test_nobody_is_ranked_where_all_answer_alike():
    """Without sleeping dogs the gate stays shut in most worlds, and says that risk stays the order (MON-4)."""
    runs = [learnt(world(1600, seed, "random", sleeping=False)) for seed in range(8)]
    shut = [r for r in runs if r.model is None]

    assert len(shut) >= 6
    assert all("risk stays the order" in r.notes[0] or r.needed > r.subjects for r in shut)


def test_few_episodes_are_refused_with_the_number_needed():
    """200 episodes rank nobody, whatever they look like (MON-4)."""
    runs = [learnt(world(200, seed, "random")) for seed in range(20)]

    assert all(r.model is None and np.isnan(r.p_value) for r in runs)
    assert all(r.needed > 800 and f"about {r.needed:,} are needed" in r.notes[0] for r in runs)


def test_the_gate_is_shut_as_often_as_it_says():
    """Where nothing but chance parts the sides, p-values below one in five come about one time in five (MON-4)."""
    rng = np.random.default_rng(2)
    cases = world(1500, 7, "off")
    drawn = (cases.assign(treated=rng.random(len(cases)) < 0.5) for _ in range(40))
    with threadpool_limits(1):
        p = [gate(c, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.inputs) for c in drawn]

    assert 0.05 <= np.mean(np.array(p) < 0.2) <= 0.4


def test_episodes_written_twice_open_no_gate():
    """Copies of an account are no further evidence (clustered by account, MON-4)."""
    cases = world(1500, 8, "random")
    once = gate(cases, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.inputs)

    assert gate(
        pd.concat([cases] * 3, ignore_index=True),
        NUMERIC_FEATURES,
        CATEGORICAL_FEATURES,
        SETTINGS.uplift,
        SETTINGS.inputs,
    ) == pytest.approx(once, abs=0.03)


def test_the_same_episodes_give_the_same_ranking(found):
    """Fixed seeds: learning again changes no gain (determinism)."""
    again = learnt(world(8000, TOLD_APART, "random"))

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
def test_rules_say_in_words_what_the_tree_parts(harmed, said):
    """Missing values and words read as such, and parts of one sign are told once (MON-4)."""
    months, open_, segment = np.meshgrid(np.arange(60.0), [np.nan, 1.0, 5.0], ["small", "large"])
    frame = pd.DataFrame({"months": months.ravel(), "open": open_.ravel(), "segment": segment.ravel()})
    seen = filled(["months", "open"], ["segment"], SETTINGS.inputs.model_copy(update={"winsorize_quantile": 0.0})).fit(
        frame
    )
    value = np.where(harmed(frame), -1.0, 1.0) + 0.001 * frame["months"]
    tree = DecisionTreeRegressor(max_leaf_nodes=12, random_state=0).fit(seen.transform(frame), value)
    names = {str(n): n == "open" for n in seen.get_feature_names_out()}

    told = {frozenset(rule.replace(".5", "").split(" and ")) for rule in rules_of(tree, names, ["segment"])}
    assert told == {frozenset(rule.split(" and ")) for rule in said}
