"""From a measure's value to points, 0 to 100: against the segment's peers, the account's own past, or a fixed scale."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from keepwell.features.measures.registry import Feature
from keepwell.features.settings import HealthSettings, Measure, with_parents

Numbers = npt.NDArray[np.float64]
Accounts = npt.NDArray[np.bool_]
Own = tuple[Numbers, Numbers]
Peers = Sequence[tuple[Accounts, Sequence[Accounts]]]
MAD_TO_DEVIATION = 1.4826  # a normal distribution's standard deviation is 1.4826 x its median absolute deviation


def points_of(
    values: Numbers, own: Own, peers: Peers, feature: Feature, measure: Measure, health: HealthSettings
) -> tuple[Numbers, Numbers, Numbers]:
    """Reference, scale and points of one measure by account; NaN points where there is no value or no reference.

    `own`: what is usual for each account, and the standard error of its value; NaN of a feature without.
    """
    if measure.reference == "peers":
        reference, scale = peer_reference(values, peers, health.minimum_peers)
    else:
        reference, scale = own
    return reference, scale, points_from(values, reference, scale, feature, measure, health)


def points_from(
    values: Numbers, reference: Numbers, scale: Numbers, feature: Feature, measure: Measure, health: HealthSettings
) -> Numbers:
    """Points of values with given references.

    peers: `typical_points` at the median, `points_per_deviation` per robust standard deviation of log(1 + value), so
    that counts with long tails compare. own, fixed: linear from `worst` (0) to `best` (100); own of what is sure of a
    change whose standard error is the scale, or of the multiple of what is usual for the account.
    """
    if measure.reference == "peers":
        spread = scale > 0
        distance = (_log(values) - _log(reference)) / np.where(spread, scale, 1.0)
        distance = np.where(spread | np.isnan(values) | np.isnan(reference), distance, 0.0)
        points = health.typical_points + feature.direction * health.points_per_deviation * distance
    else:
        worst, best = measure.scale
        compared = values
        if measure.reference == "own" and feature.error:
            compared = sure_change(values, scale, health.sure_from)
        elif measure.reference == "own" and feature.usual:
            compared = values / reference
        points = 100 * (compared - worst) / (best - worst)
    return np.clip(points, 0, 100)


def sure_change(changes: Numbers, errors: Numbers, sure_from: float) -> Numbers:
    """What of changes is sure: nothing up to `sure_from` standard errors, nearly all of what is far beyond them.

    The non-negative garrote of one coefficient (Breiman 1995), which is the positive-part rule of James and Stein at
    `sure_from` = 1.
    """
    size, noise = np.abs(changes), sure_from * errors
    share = np.divide(noise, size, out=np.ones(len(size)), where=size > noise)
    return np.where(np.isnan(noise), np.nan, changes * (1 - share**2))


def peer_groups(segments: pd.Series) -> Peers:
    """The accounts of each segment, and the groups that they are compared in: the segment, its parents, the book."""
    names = segments.fillna("")
    found = []
    for segment in sorted(names.unique()):
        parents = [group for group in with_parents(segment) if group]
        inside = [((names == group) | names.str.startswith(f"{group}/")).to_numpy(dtype=bool) for group in parents]
        found.append(((names == segment).to_numpy(dtype=bool), [*inside, np.ones(len(names), dtype=bool)]))
    return found


def peer_reference(values: Numbers, peers: Peers, minimum: int) -> tuple[Numbers, Numbers]:
    """Median and robust spread (on the log scale) of each account's peers.

    Peers are the accounts of the segment that have a value; a segment with fewer than `minimum` of them falls back to
    its parent (`a` for `a/b`), the last parent being the whole book.
    """
    reference, scale = np.full(len(values), np.nan), np.full(len(values), np.nan)
    there = ~np.isnan(values)
    for own, groups in peers:
        for inside in groups:
            among = values[inside & there]
            if len(among) >= (1 if inside is groups[-1] else minimum):
                reference[own], scale[own] = np.median(among), _spread(_log(among))
                break
    return reference, scale


def definition_key(feature: Feature, measure: Measure, health: HealthSettings) -> str:
    """A short hash of all that turns a value into points: it changes when, and only when, the definition does."""
    about: list[object] = [feature.key, feature.direction, measure.reference, measure.missing]
    if measure.reference == "peers":
        about += [health.typical_points, health.points_per_deviation, health.minimum_peers]
    else:
        about += [measure.worst, measure.best]
    if measure.reference == "own" and (feature.error or feature.usual):
        about += [feature.usual, feature.error, health.sure_from if feature.error else 0.0]
    if measure.missing == "penalise":
        about += [health.penalty_points]
    if measure.missing == "carry":
        about += [health.typical_points, health.carry_half_life_days, health.carry_max_days]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:8]


def _log(values: Numbers) -> Numbers:
    return np.sign(values) * np.log1p(np.abs(values))


def _spread(logs: Numbers) -> float:
    """Median absolute deviation as a standard deviation; the plain one where more than half of the peers are equal."""
    robust = MAD_TO_DEVIATION * float(np.median(np.abs(logs - np.median(logs))))
    return robust if robust > 0 else float(np.std(logs))
