"""The effect of each kind of intervention by root cause and segment (MON-4)."""

from collections.abc import Iterator, Sequence

import pandas as pd

from keepwell.models.effects.effects import Effect, Outcome, effect
from keepwell.models.settings.effects import EffectSettings
from keepwell.models.settings.training import InputSettings

ALL = "all"
KEY = ["kind", "root_cause", "segment", "estimand"]


def effect_table(
    subjects: pd.DataFrame,
    outcomes: Sequence[Outcome],
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: EffectSettings,
    inputs: InputSettings,
    *,
    randomized: bool = False,
) -> pd.DataFrame:
    """One row per kind x root cause x segment (each also over `all`) and outcome.

    `subjects`: account_id, kind (missing: untreated), root_cause, segment, the outcomes and the features. The
    treated of a kind are compared with the untreated of the same root cause and segment; those of another kind are on
    neither side. An untreated subject without a recorded root cause counts for every cause.
    """
    rows = [
        {
            "kind": kind, "root_cause": cause, "segment": segment, "estimand": found.estimand,
            "effect": found.effect.value, "low": found.effect.low, "high": found.effect.high, "treated": found.treated,
            "comparable": found.comparable, "enough": found.enough, "needed": found.needed, "overlap": found.overlap,
            "smallest": found.smallest,
            "naive": found.naive.value, "naive_low": found.naive.low, "naive_high": found.naive.high,
            "says": " ".join(found.notes),
        }
        for kind, cause, segment, group in _groups(subjects)
        for outcome in outcomes
        for found in [
            _effect_of(
                group, kind, outcome, numeric_features, categorical_features, rules, inputs, randomized=randomized
            )
        ]
    ]  # fmt: skip
    columns = [*KEY, "effect", "low", "high", "treated", "comparable", "enough", "needed", "overlap", "smallest",
               "naive", "naive_low", "naive_high", "says"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values(KEY, ignore_index=True)


def _groups(subjects: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Each kind, root cause and segment with its subjects: the treated of the kind and the untreated."""
    causes, segments = ([ALL, *sorted(subjects[c].dropna().unique())] for c in ("root_cause", "segment"))
    for kind in sorted(subjects["kind"].dropna().unique()):
        sides = subjects[(subjects["kind"] == kind) | subjects["kind"].isna()]
        for cause in causes:
            of_cause = sides if cause == ALL else sides[(sides["root_cause"] == cause) | _unasked(sides)]
            for segment in segments:
                group = of_cause if segment == ALL else of_cause[of_cause["segment"] == segment]
                if (group["kind"] == kind).any():
                    yield kind, cause, segment, group


def _unasked(subjects: pd.DataFrame) -> pd.Series:
    """Untreated subjects without a recorded root cause."""
    return subjects["kind"].isna() & subjects["root_cause"].isna()


def _effect_of(
    group: pd.DataFrame,
    kind: str,
    outcome: Outcome,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: EffectSettings,
    inputs: InputSettings,
    *,
    randomized: bool,
) -> Effect:
    """The effect of one kind; categories that are constant in the group are left out."""
    varying = [name for name in categorical_features if len(group[name].unique()) > 1]
    return effect(
        group.assign(treated=group["kind"] == kind),
        outcome,
        numeric_features,
        varying,
        rules,
        inputs,
        randomized=randomized,
    )
