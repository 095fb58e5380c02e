"""A company's own alert rules over the published scores and features (ALR-6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.playbook.alerts.ledger_events import LedgerEvent, fold
from keepwell.playbook.alerts.own_rules import SCORES, Seen, answer, is_own, name_of, rule_id
from keepwell.playbook.alerts.rules import Condition
from keepwell.playbook.rule_settings import OwnRule
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.earlier_scores import columns_of, dates, read

MARTS = ("health_scores", "features")
FIELDS = (*SCORES, *(f"component_{name}" for name in COMPONENTS), *(f.name for f in FEATURES.values() if f.published))
"""Every field that a rule may ask about."""


def own_conditions(
    accounts: pd.DataFrame, features: pd.DataFrame, history: Sequence[LedgerEvent], marts: Path, as_of: datetime,
    settings: AlertSettings,
) -> list[Condition]:  # fmt: skip
    """Every own rule's answer for every account, and those of older definitions that have live alerts.

    `accounts` and `features`: today's scores and features.
    """
    rules = {rule_id(name, rule): rule for name, rule in settings.rules.items()} | older_rules(history, as_of, settings)
    if not rules:
        return []
    fields = list(dict.fromkeys(field for rule in rules.values() for field in rule.fields))
    days = max(rule.look_back_days for rule in rules.values())
    wide = accounts.drop(columns=[c for c in features if c in accounts and c != "account_id"]).merge(
        features, on="account_id"
    )
    now = wide.set_index("account_id").reindex(columns=fields)
    earlier = {
        day: _fields(marts, day, fields)
        for day in dates(marts, MARTS[0])
        if as_of.date() - timedelta(days=days) <= day < as_of.date()
    }
    seen = Seen(as_of.date(), now, earlier)
    return [found for name, rule in rules.items() for found in _conditions(name, rule, seen)]


def older_rules(history: Sequence[LedgerEvent], as_of: datetime, settings: AlertSettings) -> dict[str, OwnRule]:
    """The definitions that live alerts were opened by and that the settings have changed since."""
    live = {a.alert_id for a in fold(history, as_of).values() if a.closed_at is None and is_own(a.rule)}
    return {
        e.rule: OwnRule.model_validate(e.payload["definition"])
        for e in history
        if e.kind == "opened" and e.alert_id in live and name_of(e.rule) in settings.rules
    }


def _conditions(name: str, rule: OwnRule, seen: Seen) -> list[Condition]:
    words = rule.words or name_of(name).replace("_", " ")
    return [
        Condition(str(account), name, holds, f"{words} ({_values(seen.now.loc[account], rule)})")
        for account, holds in answer(rule, seen).items()
    ]


def _values(row: pd.Series, rule: OwnRule) -> str:
    """The values that a rule asks about, by name."""
    return ", ".join(f"{field.replace('_', ' ')} {_number(row[field])}" for field in rule.fields)


def _number(value: Any) -> str:
    return "unknown" if pd.isna(value) else f"{value:,.3g}" if abs(value) < 1 else f"{value:,.1f}".removesuffix(".0")


def _fields(marts: Path, day: Any, fields: Sequence[str]) -> pd.DataFrame:
    """Some fields of an earlier date, from the mart that has them."""
    frames = []
    for mart in MARTS:
        there = [name for name in fields if name in columns_of(marts, mart, day)]
        if there:
            frames.append(read(marts, mart, day, ["account_id", *there]).set_index("account_id"))
    joined = pd.concat(frames, axis=1) if frames else pd.DataFrame()
    return joined.loc[:, ~joined.columns.duplicated()]


def unknown_fields(rules: Mapping[str, OwnRule]) -> list[str]:
    """A sentence for each field of a rule that no mart has."""
    return [
        f"alerts.rules.{name}: {field!r} is no published feature, component, score or probability"
        for name, rule in rules.items()
        for field in rule.fields
        if field not in FIELDS
    ]
