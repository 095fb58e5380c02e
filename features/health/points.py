"""From a measure's value to points, 0 to 100: against the segment's peers, the account's own past, or a fixed scale."""

import hashlib
import json

import numpy as np
import pandas as pd

from keepwell.features.measures.registry import Feature
from keepwell.features.settings import HealthSettings, Measure, with_parents

MAD_TO_DEVIATION = 1.4826  # a normal distribution's standard deviation is 1.4826 x its median absolute deviation


def points_frame(
    values: pd.Series, segments: pd.Series, feature: Feature, measure: Measure, health: HealthSettings
) -> pd.DataFrame:
    """Columns value, reference, scale, points of one measure; NaN points where there is no value or no reference."""
    if measure.reference == "peers":
        reference, scale = peer_reference(values, segments, health.minimum_peers)
    else:
        reference = pd.Series(np.nan, values.index)
        scale = pd.Series(np.nan, values.index)
    points = points_from(values, reference, scale, feature, measure, health)
    return pd.DataFrame({"value": values, "reference": reference, "scale": scale, "points": points})


def points_from(
    values: pd.Series,
    reference: pd.Series,
    scale: pd.Series,
    feature: Feature,
    measure: Measure,
    health: HealthSettings,
) -> pd.Series:
    """Points of values with given references.

    peers: `typical_points` at the median, `points_per_deviation` per robust standard deviation of log(1 + value), so
    that counts with long tails compare. own, fixed: linear from `worst` (0) to `best` (100).
    """
    if measure.reference == "peers":
        distance = (_log(values) - _log(reference)) / scale.where(scale > 0)
        distance = distance.where(scale > 0, 0.0).where(values.notna() & reference.notna())
        points = health.typical_points + feature.direction * health.points_per_deviation * distance
    else:
        worst, best = measure.scale
        points = 100 * (values - worst) / (best - worst)
    return points.clip(0, 100)


def peer_reference(values: pd.Series, segments: pd.Series, minimum: int) -> tuple[pd.Series, pd.Series]:
    """Median and robust spread (on the log scale) of each account's peers.

    Peers are the accounts of the segment that have a value; a segment with fewer than `minimum` of them falls back to
    its parent (`a` for `a/b`), the last parent being the whole book.
    """
    reference = pd.Series(np.nan, values.index)
    scale = pd.Series(np.nan, values.index)
    names = segments.fillna("")
    for segment in sorted(names.unique()):
        own = names == segment
        for group in (*with_parents(segment), ""):
            inside = (names == group) | names.str.startswith(f"{group}/") if group else pd.Series(True, values.index)
            peers = values[inside].dropna()
            if len(peers) >= (minimum if group else 1):
                reference[own], scale[own] = float(peers.median()), _spread(_log(peers))
                break
    return reference, scale


def definition_key(feature: Feature, measure: Measure, health: HealthSettings) -> str:
    """A short hash of all that turns a value into points: it changes when, and only when, the definition does."""
    about: list[object] = [feature.key, feature.direction, measure.reference, measure.missing]
    if measure.reference == "peers":
        about += [health.typical_points, health.points_per_deviation, health.minimum_peers]
    else:
        about += [measure.worst, measure.best]
    if measure.missing == "penalise":
        about += [health.penalty_points]
    if measure.missing == "carry":
        about += [health.typical_points, health.carry_half_life_days, health.carry_max_days]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:8]


def _log(values: pd.Series) -> pd.Series:
    return np.sign(values) * np.log1p(values.abs())


def _spread(logs: pd.Series) -> float:
    """Median absolute deviation as a standard deviation; the plain one where more than half of the peers are equal."""
    robust = MAD_TO_DEVIATION * float((logs - logs.median()).abs().median())
    return robust if robust > 0 else float(logs.std(ddof=0))
