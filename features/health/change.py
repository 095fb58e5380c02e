"""Why a score moved: definition, weights, data, coverage and override, substituted in that order (HLT-3)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from keepwell.features.health.points import definition_key, points_from
from keepwell.features.health.score import contributions, health_of
from keepwell.features.measures.registry import COMPONENTS, Feature
from keepwell.features.settings import HealthSettings

PARTS = ("change_definition", "change_weights", "change_data", "change_coverage", "change_override")
OF_COMPONENTS = tuple(f"change_{component}" for component in COMPONENTS)
"""What each component adds to `change_data`."""
_KEY = ["account_id", "feature"]
_SIDE = ("points", "confidence", "coverage", "weight", "component_weight", "observed_on")


def change_parts(
    before: pd.DataFrame,
    now: pd.DataFrame,
    scores: pd.DataFrame,
    registry: Mapping[str, Feature],
    health: HealthSettings,
) -> pd.DataFrame:
    """Per account, the change of its health and the five parts that sum to it; NaN where nothing is stored.

    The part of the account's own data is split once more: what each component adds to it (OF_COMPONENTS).
    `before` and `now` are measure frames, `now` under `health`; `scores` has health_before, computed_before, health and
    health_computed by account (index). Each step puts the new side of one thing in the place of the old:
    definition (the old value under the new definition; a measure that is new, gone or of a new version counts here
    whole), weights (of measures and components), data (what was observed anew), coverage (what is known, carried or set
    aside). Override is the rest: the effective health less the computed one, now and before.
    """
    mine = before[before["account_id"].isin(scores.index)]
    mine = mine.assign(redefined=redefined_points(mine, registry, health))
    both = mine.merge(now, on=_KEY, how="outer", suffixes=("_0", "_1"))
    old, new = _side(both, "_0"), _side(both, "_1")
    for column in ("weight", "component_weight"):
        old[column], new[column] = old[column].fillna(new[column]), new[column].fillna(old[column])

    health_of_old = _health(old)
    steps = [health_of_old]
    changed = both["definition_0"].ne(both["definition_1"]) | both["definition_0"].isna() | both["definition_1"].isna()
    comparable = changed & both["redefined"].notna() & both["definition_1"].notna()
    state = old.assign(points=old["points"].where(~comparable, both["redefined"]))
    whole = changed & ~comparable
    for column in ("points", "confidence", "coverage", "observed_on"):
        state[column] = state[column].where(~whole, new[column])
    steps.append(_health(state))
    state = state.assign(weight=new["weight"], component_weight=new["component_weight"])
    steps.append(_health(state))
    held = contributions(state)
    observed = (state["coverage"] > 0) & (new["coverage"] > 0) & state["observed_on"].ne(new["observed_on"])
    state = state.assign(points=state["points"].where(~observed, new["points"]))
    steps.append(_health(state))
    steps.append(scores["health_computed"])
    moved = (contributions(state) - held).groupby([both["account_id"], state["component"]]).sum().unstack()

    parts = pd.DataFrame(index=scores.index)
    for part, start, end in zip(PARTS, steps, steps[1:], strict=False):
        parts[part] = end.reindex(scores.index) - start.reindex(scores.index)
    # What was stored is rounded: the difference to its own measures must not look like a new definition.
    parts["change_data"] += health_of_old.reindex(scores.index) - scores["computed_before"]
    moved = moved.reindex(index=scores.index, columns=list(COMPONENTS)).fillna(0.0).set_axis(OF_COMPONENTS, axis=1)
    override = (scores["health"] - scores["health_computed"]) - (scores["health_before"] - scores["computed_before"])
    parts["change_override"] = override
    parts["change"] = scores["health"] - scores["health_before"]
    return parts.join(moved).where(parts["change"].notna())


def redefined_points(before: pd.DataFrame, registry: Mapping[str, Feature], health: HealthSettings) -> pd.Series:
    """Points of the old values under a changed definition; NaN where it did not change or cannot be applied."""
    points = pd.Series(np.nan, before.index)
    for name, version, definition in (
        before[["feature", "version", "definition"]].drop_duplicates().itertuples(index=False)
    ):
        feature, measure = registry.get(name), health.measures.get(name)
        if feature is None or measure is None or feature.version != version:
            continue
        if definition != definition_key(feature, measure, health):
            rows = before[(before["feature"] == name) & (before["definition"] == definition) & (before["coverage"] > 0)]
            value, reference, scale = (rows[side].to_numpy(dtype=float) for side in ("value", "reference", "scale"))
            points[rows.index] = points_from(value, reference, scale, feature, measure, health)
    return points


def _side(both: pd.DataFrame, suffix: str) -> pd.DataFrame:
    side = both[[*_KEY]].assign(component=both["component_0"].fillna(both["component_1"]))
    for column in _SIDE:
        side[column] = both[f"{column}{suffix}"]
    side["observed_on"] = pd.to_datetime(side["observed_on"])
    return side.fillna({"confidence": 0.0, "coverage": 0.0})


def _health(measures: pd.DataFrame) -> pd.Series:
    return health_of(measures.assign(contribution=contributions(measures)))
