"""A company's own alert rules: data, never an expression (ALR-6).

A rule compares fields of an account's scores and features, on one day or on several in a row. Its identity is its name
and a hash of what it asks; live alerts of an older definition stay until their own cause is gone.
"""

import hashlib
import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from keepwell.playbook.rule_settings import OwnRule, Test

SEPARATOR = "#"
OPERATORS: Mapping[str, Callable[[pd.Series, float], pd.Series]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
SCORES = ("health", "health_computed", "coverage", "arr", "churn_risk", "expansion_probability", "advocacy_probability")
"""Fields beside features and components, which begin with `component_`."""


def rule_id(name: str, rule: OwnRule) -> str:
    """`seats_idle#3f2a91c0`: the name and a hash of the definition."""
    text = json.dumps(rule.definition, sort_keys=True)
    return f"{name}{SEPARATOR}{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def name_of(rule: str) -> str:
    """The name of an own rule, or a built-in rule itself."""
    return rule.partition(SEPARATOR)[0]


def is_own(rule: str) -> bool:
    """Whether an alert is of a company's own rule."""
    return SEPARATOR in rule


@dataclass(frozen=True)
class Seen:
    """What a rule is asked of: today's fields by account, and those of earlier published dates."""

    today: date
    now: pd.DataFrame
    earlier: Mapping[date, pd.DataFrame]

    def on(self, day: date) -> "Seen":
        """The same as it was on an earlier date."""
        return Seen(day, self.earlier[day], {d: frame for d, frame in self.earlier.items() if d < day})


def answer(rule: OwnRule, days: Seen) -> pd.Series:
    """Whether the rule holds, by account: True, False, or None where a field or a date is not known."""
    first = days.today - timedelta(days=rule.for_days - 1)
    asked = [day for day in days.earlier if first <= day < days.today]
    found = _holds(rule, days)
    if rule.for_days > 1 and first not in days.earlier:
        found = _both(found, _unknown(found.index))
    for day in asked:
        found = _both(found, _holds(rule, days.on(day)).reindex(found.index))
    return found


def _holds(rule: OwnRule, days: Seen) -> pd.Series:
    """The answer of one day."""
    whole = pd.Series(True, days.now.index, dtype=object)
    for test in rule.all:
        whole = _both(whole, _test(test, days))
    if rule.any:
        one = pd.Series(False, days.now.index, dtype=object)
        for test in rule.any:
            one = _either(one, _test(test, days))
        whole = _both(whole, one)
    return whole


def _test(test: Test, days: Seen) -> pd.Series:
    """One test of one day; None where the value, or every earlier one, is missing."""
    value = _values(days.now, test.field)
    if test.op is not None and test.value is not None:
        return _known(OPERATORS[test.op](value, test.value), value.notna())
    since = days.today - timedelta(days=test.within_days)
    window = [_values(frame, test.field) for day, frame in days.earlier.items() if since <= day < days.today]
    if not window:
        return _unknown(value.index)
    before = pd.concat(window, axis=1).reindex(value.index)
    moved = before.max(axis=1) - value if test.drop is not None else value - before.min(axis=1)
    # Values are published rounded: 64.1 - 49.1 is 14.999999999999993 in binary.
    return _known(moved.round(9) >= (test.drop or test.rise), value.notna() & before.notna().any(axis=1))


def _values(frame: pd.DataFrame, field: str) -> pd.Series:
    if field not in frame:
        return pd.Series(float("nan"), frame.index)
    return pd.to_numeric(frame[field], errors="coerce").astype(float)


def _known(holds: pd.Series, known: pd.Series) -> pd.Series:
    said = [bool(one) if sure else None for one, sure in zip(holds, known, strict=True)]
    return pd.Series(said, holds.index, dtype=object)


def _unknown(accounts: pd.Index) -> pd.Series:
    return pd.Series([None] * len(accounts), accounts, dtype=object)


def _both(one: pd.Series, other: pd.Series) -> pd.Series:
    """False where either is, True where both are, else None: unknown."""
    return _combined(one, other, decisive=False)


def _either(one: pd.Series, other: pd.Series) -> pd.Series:
    """True where either is, False where neither is, else None: unknown."""
    return _combined(one, other, decisive=True)


def _combined(one: pd.Series, other: pd.Series, *, decisive: bool) -> pd.Series:
    pairs = zip(one, other, strict=True)
    said = [decisive if decisive in pair else not decisive if pair == (not decisive,) * 2 else None for pair in pairs]
    return pd.Series(said, one.index, dtype=object)
