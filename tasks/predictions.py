"""What the models in force say of the book: champions act, challengers are only shown beside (LRN-2, ACT-3)."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.champions import CHAMPION
from models.settings import PolicySettings
from models.thresholds import cut_of

if TYPE_CHECKING:
    from tasks.registry import Kept

PROBABILITY = {"churn": "churn_risk", "expansion": "expansion_probability", "advocacy": "advocacy_probability"}
"""The column of `health_scores` that each outcome's champion fills."""
NOTHING_CITED = pd.DataFrame(columns=["account_id", "rank", "kind", "feature", "component", "text"])
COLUMNS = ["account_id", "outcome", "model_version", "alias", "probability", "threshold", "flagged"]


_POLICY = PolicySettings()
log = logging.getLogger("keepwell")


@dataclass(frozen=True)
class Models:
    """The models that may score a date, the policy that flags, and which accounts they have learnt to tell of."""

    kept: Sequence["Kept"] = ()
    policy: PolicySettings = _POLICY
    least_tenure_days: int = 60

    @property
    def used(self) -> tuple[str, ...]:
        """What enters the run_id of all that rests on them."""
        return tuple(f"model/{k.outcome}/{k.alias}/{k.version}" for k in self.kept)


def predictions(models: Models, rows: pd.DataFrame) -> pd.DataFrame:
    """The mart `predictions`: a row per account, outcome and model; accounts like those that were learnt from.

    `rows`: one per account, with status, tenure_days, segment, industry, country, arr, high_value, health and the
    features. Who is leaving, or too young, gets none. A threshold is that of the account's group; NULL where no policy
    flags anybody.
    """
    able = rows[(rows["status"] == "active") & (rows["tenure_days"] >= models.least_tenure_days)]
    frames = [_of(kept, able, models.policy) for kept in models.kept if len(able)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def _of(kept: "Kept", rows: pd.DataFrame, policy: PolicySettings) -> pd.DataFrame:
    chances, cuts = kept.chances(rows), cut_of(rows, kept.thresholds, policy)
    return pd.DataFrame(
        {
            "account_id": rows["account_id"].to_numpy(), "outcome": kept.outcome, "model_version": kept.version,
            "alias": kept.alias, "probability": chances, "threshold": np.where(np.isfinite(cuts), cuts, np.nan),
            "flagged": chances >= cuts,
        }
    )[COLUMNS]  # fmt: skip


def cited(models: Models, rows: pd.DataFrame, said: pd.DataFrame, count: int) -> pd.DataFrame:
    """Why churn's champion flags those whom it flags: rows of the mart `factors` of kind "model"; empty without one."""
    flagged = said[(said["alias"] == CHAMPION) & (said["outcome"] == "churn") & said["flagged"].astype(bool)]
    champion = next((k for k in models.kept if (k.outcome, k.alias) == ("churn", CHAMPION)), None)
    if champion is None or flagged.empty:
        return NOTHING_CITED
    from models.margin import NotAdditive
    from tasks.reasons import model_factors  # shap takes seconds

    mine = rows[rows["account_id"].isin(flagged["account_id"])]
    try:
        return model_factors(champion.trained, mine, pd.Series(champion.reference, dtype=object), count)
    except NotAdditive as error:
        log.warning(
            "churn: version %s cannot be explained, the factors are those of health. %s", champion.version, error
        )
        return NOTHING_CITED


def acting(said: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Per account (index), the champions' probabilities and `churn_threshold`; NaN where no champion speaks."""
    found = pd.DataFrame(np.nan, index=accounts, columns=[*PROBABILITY.values(), "churn_threshold"])
    for outcome, rows in _champions(said):
        found.loc[rows.index, PROBABILITY[outcome]] = rows["probability"].astype(float)
        if outcome == "churn":
            found.loc[rows.index, "churn_threshold"] = rows["threshold"].astype(float)
    return found


def _champions(said: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    ours = said[said["alias"] == CHAMPION]
    yield from ((str(outcome), rows.set_index("account_id")) for outcome, rows in ours.groupby("outcome"))
