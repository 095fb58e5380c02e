"""The effect of each kind of intervention, by root cause and segment, and which may be ranked (MON-4)."""

from collections.abc import Iterator, Sequence

import pandas as pd

from keepwell.models.effects.effects import Effect, Outcome, effect
from keepwell.models.settings.effects import EffectSettings
from keepwell.models.settings.training import InputSettings

ALL = "all"
KEY = ["kind", "root_cause", "segment", "estimand"]


def effect_table(
    cases: pd.DataFrame,
    outcomes: Sequence[Outcome],
    numbers: Sequence[str],
    words: Sequence[str],
    rules: EffectSettings,
    inputs: InputSettings,
    *,
    by_lot: bool = False,
) -> pd.DataFrame:
    """One row per kind x root cause x segment (each also over `all`) and outcome.

    `cases`: account_id, kind (missing: untouched), root_cause, segment, the outcomes, numbers and words. The treated of
    a kind stand against the untouched of the same root cause and segment; those of another kind are on neither side. An
    untouched case without a root cause, into which nobody looked, stands by those of every cause.
    `rank`: 1 for the best kind of a root cause and segment, among those with enough cases; missing for the others.
    """
    rows = [
        {
            "kind": kind, "root_cause": cause, "segment": segment, "estimand": found.estimand,
            "effect": found.effect.value, "low": found.effect.low, "high": found.effect.high, "treated": found.treated,
            "comparable": found.comparable, "enough": found.enough, "needed": found.needed, "overlap": found.overlap,
            "naive": found.naive.value, "naive_low": found.naive.low, "naive_high": found.naive.high,
            "says": " ".join(found.says), "better": found.effect.value * (1.0 if outcome.high_is_good else -1.0),
        }
        for kind, cause, segment, group in _groups(cases)
        for outcome in outcomes
        for found in [_told(group, kind, outcome, numbers, words, rules, inputs, by_lot=by_lot)]
    ]  # fmt: skip
    columns = [*KEY, "effect", "low", "high", "treated", "comparable", "enough", "needed", "overlap", "naive",
               "naive_low", "naive_high", "says", "better"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns).sort_values(KEY, ignore_index=True)
    judged = table["better"].where(table["enough"].astype(bool))
    rank = judged.groupby([table[c] for c in KEY[1:]]).rank(ascending=False, method="first")
    return table.drop(columns="better").assign(rank=rank.astype("Int64"))


def _groups(cases: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Kind, root cause, segment and the cases of these: the treated of the kind and the untouched."""
    causes, segments = ([ALL, *sorted(cases[c].dropna().unique())] for c in ("root_cause", "segment"))
    for kind in sorted(cases["kind"].dropna().unique()):
        sides = cases[(cases["kind"] == kind) | cases["kind"].isna()]
        for cause in causes:
            of_cause = sides if cause == ALL else sides[(sides["root_cause"] == cause) | _unasked(sides)]
            for segment in segments:
                group = of_cause if segment == ALL else of_cause[of_cause["segment"] == segment]
                if (group["kind"] == kind).any():
                    yield kind, cause, segment, group


def _unasked(cases: pd.DataFrame) -> pd.Series:
    """Untouched cases of which nobody said what the matter was."""
    return cases["kind"].isna() & cases["root_cause"].isna()


def _told(
    group: pd.DataFrame,
    kind: str,
    outcome: Outcome,
    numbers: Sequence[str],
    words: Sequence[str],
    rules: EffectSettings,
    inputs: InputSettings,
    *,
    by_lot: bool,
) -> Effect:
    """The effect of one kind; words that do not differ in the group say nothing and are left out."""
    telling = [word for word in words if len(group[word].unique()) > 1]
    return effect(group.assign(treated=group["kind"] == kind), outcome, numbers, telling, rules, inputs, by_lot=by_lot)
