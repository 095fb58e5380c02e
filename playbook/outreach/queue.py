"""Whom to call in week 2, in which order, and what to say (MON-2).

Ordered by revenue at stake: ARR x risk x severity of the decline x nearness of the renewal. Accounts with a known
notice are not ranked.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from keepwell.playbook.settings import Action, NeedSettings, OutreachSettings

ENDANGERED = ("critical", "at_risk")
NOBODY_ELSE = ("csm", "automation")
"""Owners whose actions need no other team."""


def prioritised(accounts: pd.DataFrame, as_of: date, settings: OutreachSettings) -> pd.DataFrame:
    """The accounts to contact, first priority first.

    `accounts`: the scored accounts with account_id, status, band, health, change_data, arr, churn_risk, churn_threshold
    and renewal_on. Added: decline, severity, risk, risk_from, urgency, at_stake (in the currency of arr) and priority.
    """
    risk, risk_from = risk_of(accounts)
    flagged = accounts["churn_risk"] >= accounts["churn_threshold"]
    asked = (accounts["band"].isin(ENDANGERED) | flagged) & (accounts["status"] == "active")
    queue = accounts.assign(
        decline=(-accounts["change_data"].astype(float)).clip(lower=0), risk=risk, risk_from=risk_from
    )[asked]
    queue = queue.assign(
        severity=severity(queue["decline"], settings), urgency=urgency(queue["renewal_on"], as_of, settings)
    )
    at_stake = queue["arr"].fillna(0.0) * queue["risk"] * queue["severity"] * queue["urgency"]
    ranked = queue.assign(at_stake=at_stake).sort_values(["at_stake", "account_id"], ascending=[False, True])
    return ranked.assign(priority=np.arange(1, len(ranked) + 1)).reset_index(drop=True)


def severity(decline: pd.Series, settings: OutreachSettings) -> pd.Series:
    """Weight 0-1 of the health points lost within a month by the customer's own values.

    An account that stays low still gets a call: it weighs `min_severity`, as does one without a score a month earlier.
    """
    share = (decline / settings.full_decline).clip(upper=1).fillna(0.0)
    return settings.min_severity + (1 - settings.min_severity) * share


def urgency(renewal_on: pd.Series, as_of: date, settings: OutreachSettings) -> pd.Series:
    """1 or more, the higher the nearer the renewal; renewal dates affect priority, never health (HLT-1)."""
    days = (pd.to_datetime(renewal_on) - pd.Timestamp(as_of)).dt.days
    near = (1 - days / settings.renewal_days).where(days >= 0, 0.0).clip(lower=0).fillna(0.0)
    return 1 + settings.renewal_weight * near


def risk_of(accounts: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The risk 0-1 of each account, and whether it comes from the `model`, its `band` or its `health`.

    An account that the model does not score has the median risk of its band. If no account has a risk, the points
    missing from health take its place: they give an order, not a probability.
    """
    modelled = accounts["churn_risk"].astype(float)
    if modelled.isna().all():
        return 1 - accounts["health"].astype(float) / 100, pd.Series("health", accounts.index)
    usual = modelled.groupby(accounts["band"]).transform("median").fillna(modelled.median())
    return modelled.fillna(usual), pd.Series(np.where(modelled.notna(), "model", "band"), accounts.index)


def talking_points(
    factors: Sequence[str], notes: Sequence[str], action: Action | None, decline: float, renewal_in: float
) -> list[str]:
    """What we see and noted, then what the playbook suggests to bring up.

    `renewal_in`: days, NaN if not near or unknown.
    """
    lost = [f"Health fell {decline:.0f} points this month."] if decline >= 1 else []
    renews = [f"The contract renews in {renewal_in:.0f} days."] if renewal_in >= 0 else []
    seen = [*(_sentence(text) for text in factors), *(f"Note: {text}" for text in notes)]
    return [*lost, *seen, *renews, *(action.talking_points if action else ())]


def _sentence(text: str) -> str:
    """The text of a factor as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def support_needs(
    factors: Sequence[tuple[str, str, str]], action: Action | None, settings: NeedSettings
) -> dict[str, list[str]]:
    """What each other team is needed for; `factors` are feature, component and text.

    The owner of the action is needed for it, the team of a component for its factors.
    """
    needs: dict[str, list[str]] = {}
    if action and action.owner not in NOBODY_ELSE:
        needs[action.owner] = [action.name]
    for team in NeedSettings.model_fields:
        for _, component, text in factors:
            if component in getattr(settings, team):
                needs.setdefault(team, []).append(text)
    return needs
