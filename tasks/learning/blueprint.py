"""The content of the blueprint: what predicts churn, how well health did, and the blind spots (MOD-10).

They need no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from keepwell.features.measures.registry import Feature
from keepwell.features.settings import HealthSettings
from keepwell.models.grading.insights import Contrast, strongest
from keepwell.models.settings.grading import InsightSettings
from keepwell.tasks.learning.blueprint_tables import (
    absent_tables,
    blind_spots,
    derived_metrics,
    leading_signals,
    observed_bands,
    weighed,
)


@dataclass(frozen=True)
class Blueprint:
    """The content of the page. `signals`, `derived`, `bands` and `spots` are its tables, in the order shown.

    `model` names the model whose importance ranks the signals; without one they are ranked by how far the groups of
    each differ, then by what they weigh in health, and `refused` says why there is none. `treated`: share of the
    account-months in which the team stepped in; None where nobody recorded it.
    """

    as_of: date
    horizon_days: int
    rows: int
    accounts: int
    churned: int
    first_month: date | None
    last_month: date | None
    signals: pd.DataFrame
    derived: pd.DataFrame
    bands: pd.DataFrame
    spots: pd.DataFrame
    absent: tuple[str, ...]
    treated: float | None
    model: str
    refused: str
    health: HealthSettings
    rules: InsightSettings
    run_id: str

    @property
    def base_rate(self) -> float | None:
        """Share of account-months followed by churn."""
        return self.churned / self.rows if self.rows else None


def blueprint(
    as_of: date,
    examples: pd.DataFrame,
    importance: pd.DataFrame,
    found: Sequence[Contrast],
    catalogue: pd.DataFrame,
    features: Mapping[str, Feature],
    health: HealthSettings,
    rules: InsightSettings,
    horizon_days: int,
    model: str = "",
    refused: str = "",
    run_id: str = "",
) -> Blueprint:
    """The blueprint of churn as of one date.

    `examples`: the training set; `importance`: name, value, low, high of the model's inputs (empty without a model);
    `found`: every contrast that was tried; `catalogue`: the signal catalogue.
    """
    labeled = examples.dropna(subset=["churned"]) if "churned" in examples else examples
    whole = labeled.assign(churned=labeled["churned"].astype(bool)) if len(labeled) else labeled
    worth = strongest(found, rules.model_copy(update={"max_insights": max(len(found), 1)}))
    months = [stamp.date() for stamp in (whole["as_of"].min(), whole["as_of"].max())] if len(whole) else [None, None]
    spots = blind_spots(catalogue)
    return Blueprint(
        as_of=as_of, horizon_days=horizon_days, rows=len(whole),
        accounts=int(whole["account_id"].nunique()) if len(whole) else 0,
        churned=int(whole["churned"].sum()) if len(whole) else 0,
        first_month=months[0], last_month=months[1],
        signals=leading_signals(importance, worth, weighed(whole, features, health), features, horizon_days),
        derived=derived_metrics(whole, features, rules), bands=observed_bands(whole, health, rules),
        spots=spots, absent=absent_tables(catalogue), treated=_treated(whole), model=model, refused=refused,
        health=health, rules=rules, run_id=run_id,
    )  # fmt: skip


def _treated(whole: pd.DataFrame) -> float | None:
    known = whole["treated"].dropna() if "treated" in whole else pd.Series(dtype=bool)
    return float(known.astype(bool).mean()) if len(known) else None
