"""Week 1 in numbers: the portfolio by band, large changes, accounts at risk, data quality (MON-1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from keepwell.features.settings import HealthSettings
from keepwell.playbook.outreach.queue import ENDANGERED, prioritised
from keepwell.playbook.settings import OutreachSettings
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.marts.schemas.base import NUMBER
from keepwell.tasks.marts.schemas.scores import HEALTH_SCORES

if TYPE_CHECKING:
    from keepwell.tasks.checks.run import CheckResult

MAX_ITEMS = 100
BIN_POINTS = 5
SEVERITIES = ("critical", "warning", "info")
_DEFAULT_HEALTH, _DEFAULT_OUTREACH = HealthSettings(), OutreachSettings()
_NUMERIC = {name: float for name, (kind, _) in HEALTH_SCORES.columns.items() if kind == NUMBER}


@dataclass(frozen=True)
class MonthReport:
    """Results of week 1: the portfolio by band, accounts with large changes, whom to contact, and data quality.

    `urgent`: accounts that are critical, at risk or flagged by the model, in the order of the outreach queue
    (`priority`); those that gave notice last, without one.
    `bins` is the distribution of health, `owners` the portfolio by CSM. `compared` counts the accounts with a score of
    a month earlier; `modelled`: whether any account has a churn risk. A list prints up to `max_items` accounts and then
    refers to the mart; `run_id` is that of the mart.
    """

    as_of: date
    currency: str
    bands: pd.DataFrame
    movers: pd.DataFrame
    urgent: pd.DataFrame
    unknown: pd.DataFrame
    segments: pd.DataFrame
    warnings: Sequence["CheckResult"]
    quarantine: pd.DataFrame
    mean_coverage: float
    leaving: int
    bins: pd.DataFrame
    owners: pd.DataFrame
    compared: int
    modelled: bool
    health: HealthSettings = _DEFAULT_HEALTH
    run_id: str = ""
    max_items: int = MAX_ITEMS

    @property
    def totals(self) -> Mapping[str, object]:
        """The totals of a summary."""
        counts = self.bands.set_index("band")["accounts"]
        return {
            "as_of": str(self.as_of),
            "accounts": int(counts.sum()),
            **{band: int(counts[band]) for band in BANDS},
            "changes_flagged": len(self.movers),
            "mean_coverage": round(self.mean_coverage, 3),
            "check_warnings": sum(check.severity != "info" for check in self.warnings),
            "set_aside": int(self.quarantine["rows"].sum()) if len(self.quarantine) else 0,
        }

    @property
    def arr(self) -> float:
        """ARR of the whole portfolio."""
        return float(self.bands["arr"].sum())


def month_report(
    as_of: date,
    currency: str,
    accounts: pd.DataFrame,
    quarantine: pd.DataFrame,
    checks: Sequence["CheckResult"],
    health: HealthSettings = _DEFAULT_HEALTH,
    run_id: str = "",
    max_items: int = MAX_ITEMS,
    outreach: OutreachSettings = _DEFAULT_OUTREACH,
) -> MonthReport:
    """The report of a scored portfolio: columns of the mart health_scores, and churn_threshold."""
    queue = prioritised(accounts, as_of, outreach).set_index("account_id")
    book = accounts.reindex(columns=list(HEALTH_SCORES.columns)).astype(_NUMERIC)
    book = book.assign(
        segment=book["segment"].fillna("no segment"), csm=book["csm"].fillna("unassigned"), currency=currency
    )
    bands = book.groupby("band").agg(accounts=("account_id", "count"), arr=("arr", "sum")).reindex(BANDS, fill_value=0)
    ranked = book["account_id"].map(queue["priority"])
    worst = book.assign(priority=ranked)[ranked.notna() | at_risk(book)]
    failed = [c for c in checks if c.broken]
    return MonthReport(
        as_of=as_of,
        currency=currency,
        bands=bands.rename_axis("band").reset_index(),
        movers=book[book["change_flagged"].eq(True)].sort_values(["change", "account_id"], ignore_index=True),
        urgent=worst.sort_values(
            ["priority", "arr", "account_id"], ascending=[True, False, True], na_position="last", ignore_index=True
        ),
        unknown=book[book["band"] == "unknown"].sort_values(["arr", "account_id"], ascending=[False, True]),
        segments=_by(book, "segment"),
        warnings=sorted(failed, key=lambda c: (SEVERITIES.index(c.severity), c.table, c.column or "", c.requirement)),
        quarantine=quarantine.groupby(["table", "reason"]).size().rename("rows").reset_index(),
        mean_coverage=float(book["coverage"].mean()) if len(book) else 0.0,
        leaving=int((book["status"] == "leaving").sum()),
        bins=health_bins(book),
        owners=_by(book, "csm").sort_values("csm", key=lambda names: names.str.casefold(), ignore_index=True),
        compared=int(book["change"].notna().sum()),
        modelled=bool(book["churn_risk"].notna().any()),
        health=health,
        run_id=run_id,
        max_items=max_items,
    )


def health_bins(accounts: pd.DataFrame) -> pd.DataFrame:
    """The distribution of known health: columns low, high, band and accounts, one row per filled step of 5 points."""
    known = accounts.loc[accounts["health"].notna(), ["health", "band"]]
    low = (known["health"] // BIN_POINTS * BIN_POINTS).clip(0, 100 - BIN_POINTS)
    counts = known.groupby([low.rename("low"), "band"]).size().rename("accounts").reset_index()
    return counts.assign(high=counts["low"] + BIN_POINTS)[["low", "high", "band", "accounts"]]


def at_risk(book: pd.DataFrame) -> pd.Series:
    """True for accounts that are critical or at risk."""
    return book["band"].isin(ENDANGERED)


def _by(book: pd.DataFrame, column: str) -> pd.DataFrame:
    """Accounts, ARR, bands, flagged changes, mean health and mean coverage by one column."""
    marked = book.assign(
        **{band: book["band"] == band for band in BANDS},
        fell=book["change_flagged"].eq(True) & (book["change"] < 0),
        arr_at_risk=book["arr"].where(at_risk(book), 0.0),
    )
    sums = marked.groupby(column)[["arr", "arr_at_risk", *BANDS, "fell"]].sum()
    others = marked.groupby(column).agg(
        accounts=("account_id", "count"), health=("health", "mean"), coverage=("coverage", "mean")
    )
    return sums.join(others).reset_index()
