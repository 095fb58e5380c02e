"""The health score: measures roll up to components, components to 0-100, and every contribution is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from keepwell.features.health.points import definition_key, points_frame, points_from
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
    whose source or column is not there at all is always left out.
    """
    segments = book.set_index("account_id")["segment"]
    names = segments.fillna("")
    weights = {segment: health.weights_of(segment) for segment in names.unique()}
    wide = features.set_index("account_id")
    frames = []
    for name, measure in health.measures.items():
        feature = registry[name]
        component = str(feature.component)
        frame = points_frame(wide[name], segments, feature, measure, health)
        frame = frame.assign(
            feature=name, version=feature.version, definition=definition_key(feature, measure, health),
            component=component, weight=measure.weight, observed_on=pd.NaT,
            component_weight=names.map({segment: of[component] for segment, of in weights.items()}).astype("float64"),
        )  # fmt: skip
        trusted = _trusted(frame.index, feature, inputs)
        present = frame["points"].notna()
        frame["observed_on"] = pd.Series(pd.Timestamp(inputs.as_of), frame.index).where(present)
        frame["confidence"] = trusted.where(present, 0.0)
        frame["coverage"] = frame["confidence"]
        if name in inputs.answerable:
            if measure.missing == "carry":
                frame = _carried(frame, feature, measure, health, inputs)
            elif measure.missing == "penalise":
                frame["points"] = frame["points"].fillna(health.penalty_points)
                frame["confidence"] = trusted
        frames.append(frame)
    long = pd.concat(frames).rename_axis("account_id").reset_index()
    decides = effective_weights(long)
    long["contribution"] = decides * long["points"].fillna(0.0)
    long["pull"] = decides * (long["points"].fillna(health.typical_points) - health.typical_points)
    return long.sort_values(["account_id", "feature"], ignore_index=True)[list(MEASURE_COLUMNS)]


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


def _trusted(accounts: pd.Index, feature: Feature, inputs: Inputs) -> pd.Series:
    trusted = pd.Series(1.0, accounts)
    for source in feature.sources:
        if source in inputs.confidence:
            trusted = trusted * inputs.confidence[source].reindex(accounts).fillna(1.0)
    return trusted


def _carried(
    frame: pd.DataFrame, feature: Feature, measure: Measure, health: HealthSettings, inputs: Inputs
) -> pd.DataFrame:
    """Fill missing values from the stored results: points move back to typical and weight fades with a half-life."""
    if inputs.stored is None:
        return frame
    stored = inputs.stored[inputs.stored["feature"] == feature.name].set_index("account_id").reindex(frame.index)
    age = (pd.Timestamp(inputs.as_of) - pd.to_datetime(stored["observed_on"])).dt.days
    usable = frame["points"].isna() & stored["value"].notna() & (age <= health.carry_max_days)
    usable &= stored["definition"] == frame["definition"]
    fade = 0.5 ** (age / health.carry_half_life_days)
    frame = frame.copy()
    frame.loc[usable, "value"] = stored["value"]
    frame.loc[usable, "observed_on"] = pd.to_datetime(stored["observed_on"])
    for column in ("reference", "scale"):
        frame.loc[usable, column] = stored[column].astype("float64")
    full = points_from(stored["value"], stored["reference"], stored["scale"], feature, measure, health)
    frame.loc[usable, "points"] = health.typical_points + (full - health.typical_points) * fade
    for column in ("confidence", "coverage"):
        frame.loc[usable, column] = fade
    return frame
