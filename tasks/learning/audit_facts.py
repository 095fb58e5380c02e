"""Facts for an audit: churned accounts, contacts, retention, legacy scores, as known at the end (LRN-5, LRN-7)."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise

import pandas as pd

from keepwell.features.book import arr_in_reporting_currency
from keepwell.features.facts.customer_tables import EMAIL
from keepwell.features.facts.known import Facts
from keepwell.features.outcomes.labels import churned_accounts
from keepwell.features.settings import BookSettings
from keepwell.models.grading.audit import instants
from keepwell.models.grading.retention import OPEN_ENDED, Metrics, arr_on, retention_metrics
from keepwell.models.settings.grading import AuditSettings
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot

LEGACY = ["account_id", "scored_on", "score", "band", "known_at"]
TRAILING = "trailing_12_months"


def churned_since(facts: Facts, since: date, money: BookSettings) -> pd.DataFrame:
    """The accounts that churned after `since`, in order of time: account_id, churned_at, how."""
    frame = churned_accounts(facts, money).to_pandas()
    at = pd.to_datetime(frame["churned_at"])
    within = frame[(at > pd.Timestamp(since)) & (at <= pd.Timestamp(facts.as_of))]
    return within.drop_duplicates(["account_id", "churned_at"]).sort_values(
        ["churned_at", "account_id"], ignore_index=True
    )


def contacts_of(facts: Facts, rules: AuditSettings) -> tuple[pd.DataFrame | None, str]:
    """Contacts (account_id, at) and the table they come from: interventions, else calls and meetings."""
    begun = _rows(facts, "interventions", ["account_id", "started_at"])
    if begun is not None:
        return begun.rename(columns={"started_at": "at"}), "interventions"
    if not facts.has("touchpoints", "kind"):
        return None, ""
    rows = facts["touchpoints"]
    took_place = (rows.kind == EMAIL).ifelse(rows.answered_at.notnull(), rows.attended.fill_null(True))
    attended = rows.filter(rows.kind.isin(list(rules.contact_kinds)) & took_place)
    return attended.select("account_id", at="happened_at").to_pandas(), "touchpoints"


def retention_of(
    snapshot: Snapshot, facts: Facts, money: BookSettings, months: int, fall: float, fixed: frozenset[str]
) -> Metrics:
    """Retention, and contraction by `fall`, over the trailing year and in each whole quarter of the window.

    At constant rates, as known now.
    """
    contracts = arr_spans(facts, money)
    periods = {name: span for name, span in periods_of(facts.today, months).items() if len(arr_on(contracts, span[0]))}
    segments = {name: _segments(snapshot, first, fixed) for name, (first, _) in periods.items()}
    return retention_metrics(contracts, periods, segments, fall)


def arr_spans(facts: Facts, money: BookSettings) -> pd.DataFrame:
    """The contracts as account_id, start_on, end_on, arr: one of a chain a day, and no gap between two of a chain.

    A renewal that is signed late is no loss on the days between; an open end is far away.
    """
    rows = facts.chains(money.succession)
    arr = arr_in_reporting_currency(rows, money)
    spans = rows.select("account_id", "start_on", end_on="bridged_until", arr=arr).to_pandas()
    return spans.assign(start_on=instants(spans["start_on"]), end_on=instants(spans["end_on"]).fillna(OPEN_ENDED))


def periods_of(today: date, months: int) -> dict[str, tuple[date, date]]:
    """First day and first day after, of the trailing year and of each whole quarter within the last `months`."""
    now = pd.Timestamp(today)
    starts = pd.date_range(now - pd.DateOffset(months=months), now, freq="QS")
    quarters = {f"{start.year}-Q{start.quarter}": (start.date(), end.date()) for start, end in pairwise(starts)}
    return {TRAILING: ((now - pd.DateOffset(years=1)).date(), today), **quarters}


def _segments(snapshot: Snapshot, day: date, fixed: frozenset[str]) -> pd.Series:
    """The segment of each account as known on that day."""
    accounts = facts_at(snapshot, datetime.combine(day, datetime.min.time()), fixed)["accounts"]
    return accounts.select("account_id", "segment").to_pandas().set_index("account_id")["segment"]


def legacy_scores(facts: Facts) -> pd.DataFrame | None:
    """The legacy scores that are known; None where the company has no such table."""
    return _rows(facts, "legacy_scores", LEGACY)


def _rows(facts: Facts, table: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """Columns of a table; None where the company does not have it."""
    return facts[table].select(*columns).to_pandas() if table in facts else None
