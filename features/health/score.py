"""The health score: measures roll up to components, components to 0-100, and every contribution is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from keepwell.features.health.points import (
    Accounts,
    Numbers,
    Peers,
    definition_key,
    peer_groups,
    points_from,
    points_of,
)
from keepwell.features.measures.registry import Feature
from keepwell.features.settings import HealthSettings, Measure

MEASURE_COLUMNS = (
    "account_id", "feature", "version", "definition", "component", "value", "reference", "scale", "points",
    "confidence", "coverage", "weight", "component_weight", "contribution", "pull", "observed_on",
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What scoring needs besides the features.

    `answerable` names the features whose sources and columns are there. `confidence` gives, per account (index) and
    source (column), the share of its rows that can be trusted; 1 where a source is not named. `stored` is the newest
    earlier `measures` frame, for values that are carried.
    """

    answerable: frozenset[str]
    confidence: pd.DataFrame
    stored: pd.DataFrame | None
    as_of: date


def measure_frame(
    book: pd.DataFrame, features: pd.DataFrame, registry: Mapping[str, Feature], health: HealthSettings, inputs: Inputs
) -> pd.DataFrame:
    """One row per account and measure, with MEASURE_COLUMNS; contributions of an account sum to its health.

    `pull` is what the measure adds to the score, or takes from it, against the typical `typical_points`.
    `confidence` is how much of the measure's weight counts in the score (0: left out), `coverage` how much counts as
    known. A missing value is left out, taken at `penalty_points`, or carried from the stored results and decaying; one
    whose source or column is not there at all is always left out. A comparison with an own past that a young account
    cannot have weighs nothing, so it is not missing either.
    """
    wide = features.set_index("account_id").sort_index()
    about = book.set_index("account_id").reindex(wide.index)
    segments = about["segment"]
    peers = peer_groups(segments)
    measured = [registry[name] for name in sorted(health.measures)]
    long = _long(wide.index, measured, health)
    long["weight"] = long["weight"].where(_old_enough(about["tenure_days"], measured, health), 0.0)
    long["component_weight"] = _component_weights(measured, segments, health)
    sides = [_sides(wide, peers, feature, health.measures[feature.name], health, inputs) for feature in measured]
    for column in sides[0]:
        long[column] = np.stack([side[column] for side in sides], axis=1).ravel()
    decides = effective_weights(long)
    long["contribution"] = decides * long["points"].fillna(0.0)
    long["pull"] = decides * (long["points"].fillna(health.typical_points) - health.typical_points)
    return long[list(MEASURE_COLUMNS)]


def _long(accounts: pd.Index, features: Sequence[Feature], health: HealthSettings) -> pd.DataFrame:
    """One row per account and measure, ordered by both, with what does not depend on the account."""
    size = len(accounts)
    about = {
        "feature": [f.name for f in features],
        "version": [f.version for f in features],
        "definition": [definition_key(f, health.measures[f.name], health) for f in features],
        "component": [str(f.component) for f in features],
        "weight": [health.measures[f.name].weight for f in features],
    }
    tiled = {name: pd.Series(values).take(np.tile(np.arange(len(features)), size)) for name, values in about.items()}
    rows = pd.DataFrame({name: column.reset_index(drop=True) for name, column in tiled.items()})
    return rows.assign(account_id=accounts.repeat(len(features)))


def _old_enough(tenure_days: pd.Series, features: Sequence[Feature], health: HealthSettings) -> Accounts:
    """By account and measure, whether the account has an own past to be compared with; true of other references."""
    own = [f.tenure_from or 0 if health.measures[f.name].reference == "own" else 0 for f in features]
    return (tenure_days.to_numpy()[:, None] >= np.array(own)).ravel()


def _component_weights(features: Sequence[Feature], segments: pd.Series, health: HealthSettings) -> Numbers:
    """By account and measure, the weight of the measure's component in the account's segment."""
    codes, names = pd.factorize(segments.fillna(""))
    weights = [[health.weights_of(str(name))[str(f.component)] for f in features] for name in names]
    return np.array(weights, dtype=float).reshape(-1, len(features))[codes].ravel()


def _sides(
    wide: pd.DataFrame, peers: Peers, feature: Feature, measure: Measure, health: HealthSettings, inputs: Inputs
) -> dict[str, Any]:
    """The columns of one measure that depend on the account, as arrays."""
    value = _column(wide, feature.name)
    own = (_column(wide, feature.usual), _column(wide, feature.error))
    reference, scale, points = points_of(value, own, peers, feature, measure, health)
    trusted, present = _trusted(wide.index, feature, inputs), ~np.isnan(points)
    confidence = np.where(present, trusted, 0.0)
    observed_on = np.where(present, np.datetime64(inputs.as_of, "s"), np.datetime64("NaT", "s"))
    sides = {
        "value": value, "reference": reference, "scale": scale, "points": points,
        "confidence": confidence, "coverage": confidence, "observed_on": observed_on,
    }  # fmt: skip
    if feature.name in inputs.answerable and measure.missing == "carry":
        return sides if inputs.stored is None else _carried(sides, wide.index, feature, measure, health, inputs)
    if feature.name in inputs.answerable and measure.missing == "penalise":
        return {**sides, "points": np.where(present, points, health.penalty_points), "confidence": trusted}
    return sides


def _column(wide: pd.DataFrame, name: str) -> Numbers:
    """The values of a feature; NaN of no name."""
    return wide[name].to_numpy(dtype=float, na_value=np.nan) if name else np.full(len(wide), np.nan)


def effective_weights(measures: pd.DataFrame) -> pd.Series:
    """The share of an account's health that each measure decides; they sum to 1 where anything counts.

    A component is the mean of its measures weighted by weight x confidence; health is the mean of the components that
    have any, weighted by component weight.
    """
    pull = measures["weight"] * measures["confidence"]
    in_component = pull.groupby([measures["account_id"], measures["component"]]).transform("sum")
    there = in_component > 0
    share = (pull / in_component).where(there, 0.0)
    weight = measures["component_weight"].where(there, 0.0)
    first = ~measures[there].duplicated(["account_id", "component"]).reindex(measures.index, fill_value=True)
    total = weight.where(first, 0.0).groupby(measures["account_id"]).transform("sum")
    return (share * weight / total).where(total > 0, 0.0)


def contributions(measures: pd.DataFrame) -> pd.Series:
    """Each measure's part of its account's health, in points; they sum to the health (HLT-1)."""
    return effective_weights(measures) * measures["points"].fillna(0.0)


def coverage(measures: pd.DataFrame) -> pd.Series:
    """Per account, the share of the score's whole weight that rests on known values, 0 to 1."""
    known = measures["weight"] * measures["coverage"]
    keys = [measures["account_id"], measures["component"]]
    possible = measures["weight"].groupby(keys).sum()
    weights = measures.groupby(["account_id", "component"])["component_weight"].first().where(possible > 0, 0.0)
    rests = (known.groupby(keys).sum() / possible * weights).groupby("account_id").sum()
    return rests / weights.groupby("account_id").sum().replace(0.0, np.nan)


def components(measures: pd.DataFrame) -> pd.DataFrame:
    """Per account (index) and component (column), its points 0 to 100; NaN where nothing is known."""
    pull = measures["weight"] * measures["confidence"]
    keys = [measures["account_id"], measures["component"]]
    points = (pull * measures["points"].fillna(0.0)).groupby(keys).sum() / pull.groupby(keys).sum().replace(0.0, np.nan)
    return points.unstack("component")


def health_of(measures: pd.DataFrame) -> pd.Series:
    """Per account, the health 0 to 100; NaN where no measure counts."""
    decides = measures["weight"] * measures["confidence"] * measures["component_weight"]
    counted = decides.groupby(measures["account_id"]).sum() > 0
    return measures.groupby("account_id")["contribution"].sum().where(counted)


def _trusted(accounts: pd.Index, feature: Feature, inputs: Inputs) -> Numbers:
    trusted = np.ones(len(accounts))
    for source in feature.sources:
        if source in inputs.confidence:
            trusted = trusted * inputs.confidence[source].reindex(accounts).fillna(1.0).to_numpy(dtype=float)
    return trusted


def _carried(
    sides: dict[str, Any],
    accounts: pd.Index,
    feature: Feature,
    measure: Measure,
    health: HealthSettings,
    inputs: Inputs,
) -> dict[str, Any]:
    """Fill missing values from the stored results: points move back to typical and weight fades with a half-life."""
    assert inputs.stored is not None
    stored = inputs.stored[inputs.stored["feature"] == feature.name].set_index("account_id").reindex(accounts)
    observed_on = pd.to_datetime(stored["observed_on"])
    age = (pd.Timestamp(inputs.as_of) - observed_on).dt.days.to_numpy(dtype=float)
    value, reference, scale = (stored[side].to_numpy(dtype=float) for side in ("value", "reference", "scale"))
    usable = np.isnan(sides["points"]) & ~np.isnan(value) & (age <= health.carry_max_days)
    usable &= (stored["definition"] == definition_key(feature, measure, health)).to_numpy(dtype=bool)
    fade = 0.5 ** (age / health.carry_half_life_days)
    full = points_from(value, reference, scale, feature, measure, health)
    carried = {
        "value": value, "reference": reference, "scale": scale,
        "points": health.typical_points + (full - health.typical_points) * fade,
        "confidence": fade, "coverage": fade, "observed_on": observed_on.to_numpy().astype("datetime64[s]"),
    }  # fmt: skip
    return {name: np.where(usable, carried[name], side) for name, side in sides.items()}
