"""The mart `insights`: contrasts between groups of accounts, in words, each for the team that can look into it."""

from collections.abc import Mapping, Sequence

import pandas as pd

from keepwell.features.health.words import bound_in_words, mid_sentence
from keepwell.features.measures.registry import Feature
from keepwell.models.grading.insights import Contrast

ASSOCIATIONS = (
    "These are associations over past months: they say where to look, not what would happen if something were changed."
)
VERBS: Mapping[str, str] = {"churn": "churn", "expansion": "expand", "advocacy": "speak for us"}
TEAMS: Mapping[str, str] = {
    "usage": "product", "adoption": "onboarding", "support": "support", "sentiment": "marketing",
    "relationship": "customer success", "billing": "finance", "commercial": "sales",
}  # fmt: skip
"""Who looks into a component."""
SOURCES: Mapping[str, str] = {
    "usage": "usage", "tickets": "support", "surveys": "sentiment", "touchpoints": "relationship",
    "contacts": "relationship", "invoices": "billing",
}  # fmt: skip
"""The component whose team looks into a feature that belongs to none, by its first source; others: commercial."""


def insights_frame(
    outcome: str, horizon_days: int, found: Sequence[Contrast], features: Mapping[str, Feature]
) -> pd.DataFrame:
    """One row per insight of one outcome, in the order given; columns of the mart."""
    rows = [
        {
            "outcome": outcome, "rank": rank, "feature": c.feature, "component": component_of(features.get(c.feature)),
            "team": team_of(features.get(c.feature)),
            "text": insight(outcome, horizon_days, c, features.get(c.feature)),
            "group": _group_name(c),
            "ratio": c.ratio, "low": c.low, "high": c.high, "q_value": c.q_value,
            "with_count": c.with_count, "with_outcome": c.with_outcome, "with_accounts": c.with_accounts,
            "without_count": c.without_count, "without_outcome": c.without_outcome,
            "without_accounts": c.without_accounts,
        }
        for rank, c in enumerate(found, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _group_name(c: Contrast) -> str:
    """Short name of the group: `low 3`, `missing`, or a category."""
    if c.threshold is None:
        return c.side
    return f"{c.side} {c.threshold:g}" if isinstance(c.threshold, float) else c.threshold


def insight(outcome: str, horizon_days: int, contrast: Contrast, feature: Feature | None) -> str:
    """One contrast as a sentence with its counts; `feature` is None for a word such as the segment."""
    c = contrast
    return (
        f"Accounts {_group(c, feature)} {VERBS[outcome]} within {horizon_days} days {_times(c.ratio)} times as often "
        f"({_times(c.low)} to {_times(c.high)}) as {_others(c, feature)}: {c.with_outcome:,} of {c.with_count:,} "
        f"account-months against {c.without_outcome:,} of {c.without_count:,}."
    )


def _group(c: Contrast, feature: Feature | None) -> str:
    """The group in words, to follow `Accounts`."""
    if feature is None:
        return f"of {c.feature.replace('_', ' ')} “{c.threshold}”"
    if c.side in ("missing", "known"):
        return f"{'without' if c.side == 'missing' else 'with'} a value of “{about(feature, c.feature)}”"
    value = float(c.threshold) if c.threshold is not None else 0.0
    phrase = f"“{bound_in_words(feature, value)}”"
    if c.side == "zero":
        return f"with {phrase}"
    if c.side == "some" and phrase == f"“{bound_in_words(feature, 0.0)}”":
        return f"with more than {phrase}"
    return f"with {phrase} or {beyond(feature, higher=c.side != 'low')}"


def _others(c: Contrast, feature: Feature | None) -> str:
    if c.side == "missing" and feature is not None:
        return f"those with one (missing means: {mid_sentence(feature.null)})"
    return {"known": "those without", "zero": "those with more", "some": "those with none"}.get(c.side, "the others")


def about(feature: Feature | None, name: str) -> str:
    """What a feature measures, without its boundaries; a category such as the segment keeps its name."""
    if feature is None:
        return name.replace("_", " ")
    said = feature.doc.split(";")[0].split(":")[0].rstrip(".")
    return said[0].lower() + said[1:] if said[:2] != said[:2].upper() else said


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1.0 else f"{ratio:.2f}"


def beyond(feature: Feature, *, higher: bool) -> str:
    """The word for values beyond a bound: better or worse for a change or a sentiment, more or less for a count."""
    if not feature.relative and "{value:+" not in feature.words:
        return "more" if higher else "less"
    if feature.direction == 0:
        return "higher" if higher else "lower"
    return "better" if higher == (feature.direction > 0) else "worse"


def component_of(feature: Feature | None) -> str:
    """The component of a feature, or the one nearest to its source."""
    if feature is None:
        return "commercial"
    return feature.component or SOURCES.get(feature.sources[0], "commercial")


def team_of(feature: Feature | None) -> str:
    """The team that looks into a feature."""
    return TEAMS[component_of(feature)]
