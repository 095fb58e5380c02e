"""How much of a fall of health is the account's own: the data part since its highest score (ALR-1, HLT-3)."""

from datetime import datetime

import pandas as pd

from keepwell.features.health.change import change_parts
from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import HealthSettings
from keepwell.playbook.alerts.rules import highest_before
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.earlier_scores import Stored


def data_of_drops(
    accounts: pd.DataFrame, measures: pd.DataFrame, stored: Stored, as_of: datetime, settings: AlertSettings,
    health: HealthSettings,
) -> dict[str, float]:  # fmt: skip
    """The data part, in points, of each account whose health is `drop_points` or more below its highest.

    `accounts`: today's account_id, health, health_computed and band; `measures`: of the same scores.
    """
    highest = highest_before(stored.recent, as_of, settings)
    rows = accounts[accounts["band"] != "unknown"].reindex(columns=["account_id", "health", "health_computed"])
    fallen = rows.merge(highest, on="account_id")
    fallen = fallen[(fallen["health_before"] - fallen["health"]).round(6) >= settings.drop_points]
    if fallen.empty:
        return {}
    days = [(pd.Timestamp(str(day)).date(), list(own["account_id"])) for day, own in fallen.groupby("as_of")]
    before = pd.concat([stored.measures_on(day, own) for day, own in days], ignore_index=True)
    mine = measures[measures["account_id"].isin(fallen["account_id"])]
    parts = change_parts(before, mine, fallen.set_index("account_id"), FEATURES, health)
    return {str(account): float(moved) for account, moved in parts["change_data"].items()}
