"""The book of an instant with its features, its measures and its health, not yet explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pandas as pd

from keepwell.features.book import book, by_customer
from keepwell.features.facts.columns import AS_OF
from keepwell.features.facts.known import Facts
from keepwell.features.facts.trust import set_aside_share
from keepwell.features.health.score import Inputs, components, coverage, health_of, measure_frame
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS, answerable, companions, feature_table
from keepwell.features.settings import Bands, BookSettings, HealthSettings
from keepwell.playbook.overrides import Override
from keepwell.playbook.settings import OwnerSettings
from keepwell.values.points import to_one_decimal

NO_OVERRIDES: Mapping[str, Override] = MappingProxyType({})

LAST_USE = "usage_age_days"
"""Unpublished: days from the last use to the newest usage, NULL for an account that never used the product."""


class Rules(Protocol):
    """The sections of the settings that a health depends on."""

    @property
    def money(self) -> BookSettings: ...
    @property
    def health(self) -> HealthSettings: ...
    @property
    def owners(self) -> OwnerSettings: ...


@dataclass(frozen=True)
class Measured:
    """`scores`: the book by account_id with health, band, coverage and components. `measures`: a row per measure.

    `features`: the published ones; `wide`: all of them, beside the columns of the book. `never_used`: days as a
    customer of the accounts that have never used the product, by account_id.
    """

    scores: pd.DataFrame
    features: pd.DataFrame
    measures: pd.DataFrame
    wide: pd.DataFrame
    never_used: pd.Series


@dataclass(frozen=True)
class WideBook:
    """The accounts of one instant, a row each, with the columns of the book and all features, ordered by account_id.

    `about`: the columns of the book. `set_aside`: of the rows of an account and a source, the share that was set aside.
    `newest_use`: the newest day of usage known then.
    """

    as_of: datetime
    rows: pd.DataFrame
    about: Sequence[str]
    answerable: frozenset[str]
    sources: Sequence[str]
    set_aside: pd.DataFrame
    newest_use: date | None


def wide_books(facts: Facts, rules: Rules) -> list[WideBook]:
    """The book of each instant with its features, all by one query."""
    facts = by_customer(facts, rules.money)
    under_contract = book(facts, rules.money)
    also = [LAST_USE, *companions(FEATURES)]
    found = feature_table(facts, under_contract, FEATURES, rules.money.rates(), also).to_pandas()
    shares = set_aside_share(facts)
    about = [name for name in under_contract.columns if name != AS_OF]
    given = frozenset(name for name, feature in FEATURES.items() if answerable(facts, feature))
    sources = [name for name in facts.tables if name in facts.given]
    return [
        WideBook(
            as_of=at,
            rows=found[found[AS_OF] == at].drop(columns=AS_OF).sort_values("account_id", ignore_index=True),
            about=about,
            answerable=given,
            sources=sources,
            set_aside=shares[shares[AS_OF] == at],
            newest_use=facts.newest.get("usage", {}).get(at),
        )
        for at in facts.instants
    ]


def measured_book(
    facts: Facts,
    rules: Rules,
    coverage_left: Mapping[str, float],
    before: pd.DataFrame | None,
    overrides: Mapping[str, Override] = NO_OVERRIDES,
) -> Measured:
    """Every account under contract with its health. `before`: the measures of the score before."""
    (found,) = wide_books(facts, rules)
    return measured(found, rules, coverage_left, before, overrides)


def measured(
    found: WideBook,
    rules: Rules,
    coverage_left: Mapping[str, float],
    before: pd.DataFrame | None,
    overrides: Mapping[str, Override] = NO_OVERRIDES,
) -> Measured:
    """The accounts of one instant with their health. `before`: the measures of the score before."""
    wide = found.rows
    accounts = wide[list(found.about)].copy()
    accounts["csm"] = accounts["csm"].fillna(rules.owners.default_csm)
    accounts["high_value"] = high_value(accounts["arr"], rules.money)
    inputs = Inputs(
        answerable=found.answerable,
        confidence=_confidence(found, coverage_left),
        stored=before,
        as_of=found.as_of.date(),
    )
    measures = measure_frame(accounts, wide, FEATURES, rules.health, inputs)
    scores = accounts.set_index("account_id")
    scores = scores.join(health_columns(measures, rules.health, overrides)).join(component_columns(measures))
    features = wide[["account_id", *(f.name for f in FEATURES.values() if f.published)]]
    return Measured(scores, features, measures, wide, _never_used(found))


def _never_used(found: WideBook) -> pd.Series:
    """Days as a customer, by account_id, of those without any use though the usage source covers all of that time."""
    wide, today = found.rows, found.as_of.date()
    silent = wide[wide[LAST_USE].isna() & wide["days_since_last_use"].notna()].set_index("account_id")
    unseen = (today - (found.newest_use or today)).days - 1
    since_first = (pd.Timestamp(today) - pd.to_datetime(silent["first_start_on"])).dt.days
    return silent["tenure_days"][silent["observed_days"] + unseen >= since_first].astype(float)


def high_value(arr: pd.Series, money: BookSettings) -> pd.Series:
    """True for the top share of the book by ARR, or above the set ARR."""
    # Rounded before: 0.07 x 100 is 7.000000000000001 in binary.
    count = np.ceil(round(money.high_value_share * len(arr), 6))
    top = arr.rank(method="first", ascending=False) <= count
    return top if money.high_value_arr is None else top | (arr > money.high_value_arr)


def band(health: float | None, bands: Bands) -> str:
    """The band of a health as it is shown; `unknown` without one."""
    if health is None or np.isnan(health):
        return "unknown"
    health = to_one_decimal(health)
    if health < bands.critical_below:
        return "critical"
    if health < bands.at_risk_below:
        return "at_risk"
    return "healthy" if health > bands.healthy_above else "stable"


def health_columns(measures: pd.DataFrame, health: HealthSettings, overrides: Mapping[str, Override]) -> pd.DataFrame:
    """health_computed always, health where enough is known or a person set it; its band and coverage."""
    scored = pd.DataFrame({"health_computed": health_of(measures), "coverage": coverage(measures)})
    known = scored["health_computed"].where(scored["coverage"] >= health.minimum_coverage)
    over = [overrides.get(str(account)) for account in scored.index]
    override_values = [(o.health, o.by, o.reason, o.until) if o else (None,) * 4 for o in over]
    columns = ["health", "override_by", "override_reason", "override_until"]
    scored = scored.join(pd.DataFrame(override_values, scored.index, columns, dtype=object))
    scored["health"] = scored["health"].astype(float).fillna(known)
    scored["band"] = [band(h, health.bands) for h in scored["health"]]
    return scored


def component_columns(measures: pd.DataFrame) -> pd.DataFrame:
    """The points of each component; NaN where nothing of it is known."""
    return components(measures).reindex(columns=list(COMPONENTS)).add_prefix("component_")


def _confidence(found: WideBook, coverage_left: Mapping[str, float]) -> pd.DataFrame:
    """Per account and source, the share that can be trusted: what warnings leave, less the rows set aside."""
    frame = pd.DataFrame(1.0, index=pd.Index(found.rows["account_id"]), columns=list(found.sources))
    for source, left in coverage_left.items():
        if source in frame:
            frame[source] *= left
    for source, shares in found.set_aside.groupby("table_name"):
        trusted = 1 - shares.set_index("account_id")["share"].reindex(frame.index).fillna(0.0)
        frame[source] *= trusted
    return frame
