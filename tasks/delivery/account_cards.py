"""Accounts as messages show them, from their newest scores (ALR-7)."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.playbook.alerts.account_card import AccountCard
from keepwell.tasks.earlier_scores import columns_of, dates, read

SCORES = "health_scores"
COLUMNS = (
    "account_id", "name", "csm", "arr", "currency", "health", "band", "churn_risk", "status", "renewal_on", "factor_1",
    "factor_2", "next_action", "action_owner", "action_due",
)  # fmt: skip


def published_cards(marts: Path, up_to: date) -> dict[str, AccountCard]:
    """The accounts of the newest scores up to a date; none before the first."""
    days = [day for day in dates(marts, SCORES) if day <= up_to]
    if not days:
        return {}
    there = set(columns_of(marts, SCORES, days[-1]))
    return account_cards(read(marts, SCORES, days[-1], [name for name in COLUMNS if name in there]), days[-1])


def account_cards(scores: pd.DataFrame, day: date) -> dict[str, AccountCard]:
    """Each row of the mart `health_scores` of a day, by account."""
    rows = scores.reindex(columns=list(COLUMNS)).to_dict("records")
    return {
        str(row["account_id"]): _card({name: None if pd.isna(v) else v for name, v in row.items()}, day) for row in rows
    }


def _card(row: Mapping[str, Any], day: date) -> AccountCard:
    return AccountCard(
        name=row["name"], csm=row["csm"], today=day, arr=row["arr"], currency=row["currency"] or "",
        health=row["health"], band=row["band"],
        risk=row["churn_risk"], status=row["status"], renewal_on=_day(row["renewal_on"]),
        reasons=tuple(text for text in (row["factor_1"], row["factor_2"]) if text), action=row["next_action"],
        action_owner=row["action_owner"], action_due=_day(row["action_due"]),
    )  # fmt: skip


def _day(value: Any) -> date | None:
    return None if value is None else pd.Timestamp(value).date()
