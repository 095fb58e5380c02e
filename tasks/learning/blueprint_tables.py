"""The tables of the blueprint page: the leading signals, derived metrics, health's bands and blind spots (MOD-10)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT
from keepwell.features.health.words import bound_in_words
from keepwell.features.measures.registry import Feature
from keepwell.features.settings import HealthSettings
from keepwell.models.grading.insights import Contrast
from keepwell.models.grading.rates import GroupRate, group_rates, worst_fifth
from keepwell.models.settings.grading import InsightSettings
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.marts.insights import about, beyond, insight, team_of
from keepwell.tasks.scoring.measured import band

SIGNALS = 5
MAX_DERIVED = 6
SEED = 1
DERIVED = (
    "usage_trend", "active_users_trend", "usage_against_last_year", "events_per_seat_28d", "seat_utilisation",
    "adoption_velocity", "tickets_per_seat_90d", "ticket_sentiment_trend", "nps_change", "meeting_attendance_180d",
    "email_response_90d", "overdue_share", "arr_change",
)  # fmt: skip
"""Ratios and trends of the registry: what no source system shows by itself."""
BY_DESIGN = "kept from every score"
_COLUMNS = ("rows", "accounts", "outcomes", "rate", "low", "high", "lift", "lift_low", "lift_high")


def leading_signals(
    importance: pd.DataFrame,
    worth: Sequence[Contrast],
    weights: Mapping[str, float],
    features: Mapping[str, Feature],
    horizon_days: int,
) -> pd.DataFrame:
    """The five signals with the most weight: name, about, team, value, low, high, why.

    By the model's importance; without one, by how far the groups of each differ, then by their weight in health (value
    and interval are then empty).
    """
    first = {c.feature: c for c in reversed(worth)}
    said = {name: insight("churn", horizon_days, c, features.get(name)) for name, c in first.items()}
    if len(importance):
        ranked = importance.sort_values(["value", "name"], ascending=[False, True]).head(SIGNALS).to_dict("records")
    else:
        said = {name: f"Weighs {weight:.0%} of health, as set by hand." for name, weight in weights.items()} | said
        names = list(dict.fromkeys([*(c.feature for c in worth), *weights]))
        ranked = [{"name": name, "value": None, "low": None, "high": None} for name in names[:SIGNALS]]
    rows = [
        {
            **{key: row[key] for key in ("name", "value", "low", "high")}, "why": said.get(row["name"]),
            "about": about(features.get(row["name"]), row["name"]), "team": team_of(features.get(row["name"])),
        }
        for row in ranked
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "about", "team", "value", "low", "high", "why"])


def weighed(whole: pd.DataFrame, features: Mapping[str, Feature], health: HealthSettings) -> dict[str, float]:
    """Each measure's share of a full score under the general weights, the largest first; only measures with values."""
    there = {n: m.weight for n, m in health.measures.items() if n in whole and whole[n].notna().any() and m.weight}
    totals: dict[str, float] = {}
    for name, weight in there.items():
        totals[str(features[name].component)] = totals.get(str(features[name].component), 0.0) + weight
    general = {component: health.weights_of("")[component] for component in totals}
    scale = sum(general.values()) or 1.0
    shares = {
        name: general[str(features[name].component)] / scale * weight / totals[str(features[name].component)]
        for name, weight in there.items()
    }
    return dict(sorted(((n, s) for n, s in shares.items() if s > 0), key=lambda found: (-found[1], found[0])))


def derived_metrics(whole: pd.DataFrame, features: Mapping[str, Feature], rules: InsightSettings) -> pd.DataFrame:
    """Ratios and trends with the rate of churn in their worst fifth and its lift, the largest lift first."""
    rows = []
    for name in DERIVED:
        feature = features[name]
        values = whole[name].astype("float64") if name in whole else pd.Series(dtype=float)
        if values.nunique() < 2:
            continue
        fifth = worst_fifth(values, feature.direction)
        worst = next((g for g in _rates(whole, fifth, rules) if g.group == "worst"), None)
        if worst is None or worst.accounts < rules.min_accounts:
            continue
        at = values[fifth == "worst"]
        edge = float(at.max() if feature.direction > 0 else at.min())
        said = f"“{bound_in_words(feature, edge)}” or {beyond(feature, higher=feature.direction < 0)}"
        rows.append({"name": name, "about": about(feature, name), "worst": said} | _row(worst))
    columns = ["name", "about", "worst", *_COLUMNS]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["lift", "name"], ascending=[False, True], ignore_index=True).head(MAX_DERIVED)


def observed_bands(whole: pd.DataFrame, health: HealthSettings, rules: InsightSettings) -> pd.DataFrame:
    """The churn that followed in each band of health, worst band first; bands without an account-month are left out."""
    if whole.empty:
        return pd.DataFrame(columns=["band", *_COLUMNS])
    bands = whole["health"].map(lambda points: band(points, health.bands))
    found = {g.group: g for g in _rates(whole, bands, rules)}
    return pd.DataFrame([{"band": b} | _row(found[b]) for b in BANDS if b in found], columns=["band", *_COLUMNS])


def blind_spots(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Blind spots of the signals that features use: table, columns, spot; each sentence once per table.

    A day of something that has not happened (a failure, a departure) is rightly empty and hides nothing.
    """
    listed = catalogue[(catalogue["segment"] == "all") & catalogue["blind_spot"].notna()]
    happenings = {(t.name, c.name) for t in TABLES.values() for c in t.columns if c.late and c.type in (DATE, INSTANT)}
    rightly = [place in happenings for place in zip(listed["table"], listed["column"], strict=True)]
    listed = listed[
        ~(np.array(rightly, dtype=bool) & listed["blind_spot"].str.fullmatch(r"empty on \d+% of rows \(.*\)"))
    ]
    used = listed["features"].map(len) > 0
    listed = listed[used & ~listed["blind_spot"].str.startswith((BY_DESIGN, "absent: no "), na=False)]
    grouped = listed.groupby(["table", "blind_spot"], sort=True)["column"].agg(", ".join).reset_index()
    return grouped.rename(columns={"blind_spot": "spot", "column": "columns"})[["table", "columns", "spot"]]


def absent_tables(catalogue: pd.DataFrame) -> tuple[str, ...]:
    """The canonical tables that the company does not have and that features would read."""
    gone = catalogue[catalogue["blind_spot"].fillna("").str.startswith("absent: no ")]
    return tuple(sorted(gone.loc[gone["features"].map(len) > 0, "table"].unique()))


def _rates(whole: pd.DataFrame, groups: pd.Series, rules: InsightSettings) -> list[GroupRate]:
    return group_rates(whole, "churned", groups, rules.replicates, rules.confidence, SEED)


def _row(group: GroupRate) -> dict[str, Any]:
    return {
        "rows": group.rows, "accounts": group.accounts, "outcomes": group.outcomes, "rate": group.rate.value,
        "low": group.rate.low, "high": group.rate.high, "lift": group.lift.value, "lift_low": group.lift.low,
        "lift_high": group.lift.high,
    }  # fmt: skip
