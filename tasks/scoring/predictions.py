"""Predictions of the active models for the book, and which model acts on which account (LRN-2, ACT-3).

A champion acts. A challenger is only shown beside, unless a share of the accounts is assigned to it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.promotion.assignment import acted_on
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION
from keepwell.models.settings.training import PolicySettings
from keepwell.models.training.thresholds import threshold_of, within_capacity

if TYPE_CHECKING:
    from keepwell.tasks.registry.versions import ServingModel

PROBABILITY = {"churn": "churn_risk", "expansion": "expansion_probability", "advocacy": "advocacy_probability"}
"""The column of `health_scores` that each outcome's champion fills."""
NOTHING_CITED = pd.DataFrame(columns=["account_id", "rank", "kind", "feature", "component", "text"])
COLUMNS = ["account_id", "outcome", "model_version", "alias", "probability", "threshold", "flagged", "acting"]
NOTHING_SAID = pd.DataFrame(columns=COLUMNS)

log = logging.getLogger("keepwell")


@dataclass(frozen=True)
class Models:
    """The models that may score a date, the policy that flags, and the accounts that they were trained for.

    `assigned_share`: of the accounts, how many a challenger acts on. `beside_health`: whether it may do so where there
    is no champion. `unusable`: by outcome, why a champion that should serve cannot; None where nobody could be asked.
    """

    serving: Sequence["ServingModel"]
    policy: PolicySettings
    min_tenure_days: int
    assigned_share: float
    beside_health: bool
    unusable: Mapping[str, str] | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Their part of the run_id of everything that depends on them."""
        shares = ((k, self.share(k)) for k in self.serving if k.alias == CHALLENGER)
        return (*used(self.serving), *(f"assigned/{k.outcome}/{k.version}/{share}" for k, share in shares if share))

    def share(self, challenger: "ServingModel") -> float:
        """The share of the accounts that this challenger acts on."""
        rivalled = any((k.outcome, k.alias) == (challenger.outcome, CHAMPION) for k in self.serving)
        return self.assigned_share if rivalled or self.beside_health else 0.0


def used(models: Iterable["ServingModel"]) -> tuple[str, ...]:
    """Models by name and place, for a run_id."""
    return tuple(f"model/{k.outcome}/{k.alias}/{k.version}" for k in models)


def predictions(models: Models | None, rows: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The mart `predictions`: a row per account, outcome and model; for accounts like those of the training set.

    `rows`: one per account, with status, tenure_days, segment, industry, country, arr, high_value, health and the
    features. Who is leaving, or too young, gets none. A threshold is that of the account's group at that time of the
    year, raised where more would be flagged than the teams can work on; NULL where no policy flags anybody.
    """
    if models is None:
        return NOTHING_SAID
    able = rows[(rows["status"] == "active") & (rows["tenure_days"] >= models.min_tenure_days)]
    able = able.assign(as_of=pd.Timestamp(as_of))
    frames = [_of(model, able, models) for model in models.serving if len(able)]
    return pd.concat(frames, ignore_index=True) if frames else NOTHING_SAID


def _of(model: "ServingModel", rows: pd.DataFrame, models: Models) -> pd.DataFrame:
    y_prob, trained = model.probabilities(rows), model.trained
    chosen = trained.in_season(threshold_of(rows, model.thresholds, models.policy), rows)
    thresholds = within_capacity(rows, y_prob, chosen, models.policy)
    return pd.DataFrame(
        {
            "account_id": rows["account_id"].to_numpy(), "outcome": model.outcome, "model_version": model.version,
            "alias": model.alias, "probability": y_prob,
            "threshold": np.where(np.isfinite(thresholds), thresholds, np.nan),
            "flagged": y_prob >= thresholds, "acting": _acts(model, rows["account_id"], models),
        }
    )[COLUMNS]  # fmt: skip


def _acts(model: "ServingModel", accounts: pd.Series, models: Models) -> NDArray[np.bool_]:
    """Per account, whether this model acts on it: the challenger where the account is assigned to it, else not."""
    beside = next((k for k in models.serving if (k.outcome, k.alias) == (model.outcome, CHALLENGER)), None)
    share = models.share(beside) if beside else 0.0
    its = acted_on(accounts, model.outcome, beside.version if beside else "", share)
    return its if model.alias == CHALLENGER else ~its


def cited(
    models: Models | None, rows: pd.DataFrame, said: pd.DataFrame, count: int, currency: str = ""
) -> pd.DataFrame:
    """Why an account is flagged, by the churn model that acts on it: rows of the mart `factors` of kind "model"."""
    flagged = said[(said["outcome"] == "churn") & said["acting"].astype(bool) & said["flagged"].astype(bool)]
    if models is None or flagged.empty:
        return NOTHING_CITED
    frames = [
        _reasons(model, rows[rows["account_id"].isin(its["account_id"])], count, currency)
        for model in models.serving
        if model.outcome == "churn" and not (its := flagged[flagged["model_version"] == model.version]).empty
    ]
    cited = [frame for frame in frames if len(frame)]
    return pd.concat(cited, ignore_index=True) if cited else NOTHING_CITED


def _reasons(model: "ServingModel", rows: pd.DataFrame, count: int, currency: str) -> pd.DataFrame:
    """What pushes these accounts towards the outcome, by one model; nothing where it cannot be explained."""
    from keepwell.models.explaining.margin import NotAdditive
    from keepwell.tasks.scoring.reasons import model_factors  # shap takes seconds

    try:
        return model_factors(model.trained, rows, pd.Series(model.reference, dtype=object), count, currency)
    except NotAdditive as error:
        log.warning("churn: version %s cannot be explained, the factors are those of health. %s", model.version, error)
        return NOTHING_CITED


def acting(said: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Per account (index), the probabilities that act on it and `churn_threshold`; NaN where no model acts."""
    found = pd.DataFrame(np.nan, index=accounts, columns=[*PROBABILITY.values(), "churn_threshold"])
    for outcome, ours in said[said["acting"].astype(bool)].groupby("outcome"):
        rows = ours.set_index("account_id")
        found.loc[rows.index, PROBABILITY[str(outcome)]] = rows["probability"].astype(float)
        if outcome == "churn":
            found.loc[rows.index, "churn_threshold"] = rows["threshold"].astype(float)
    return found
