"""The month's health report for the CSM team: self-contained HTML, and Markdown for Prefect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import HealthSettings
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.marts.schemas.base import NUMBER
from keepwell.tasks.marts.schemas.scores import HEALTH_SCORES
from keepwell.tasks.reports.charts import COLOURS, arr_chart, health_bins, health_chart
from keepwell.tasks.reports.templates import bounds, cause, html_page, markdown_page

if TYPE_CHECKING:
    from keepwell.tasks.checks.run import CheckResult

SHOWN = 100
SEVERITIES = ("critical", "warning", "info")
_DEFAULT_HEALTH = HealthSettings()
_NUMERIC = {name: float for name, (kind, _) in HEALTH_SCORES.columns.items() if kind == NUMBER}


@dataclass(frozen=True)
class MonthReport:
    """What week 1 tells: the book by band, who moved by more than the flag, who is at risk or critical, and how sure.

    `bins` is the spread of health, `owners` the book by CSM. `compared` counts the accounts with a score of a month
    earlier; `modelled` tells whether any has a churn risk. `shown` is how many accounts a list prints before it refers
    to the mart; `run_id` is that of the mart.
    """

    as_of: date
    currency: str
    bands: pd.DataFrame
    movers: pd.DataFrame
    at_risk: pd.DataFrame
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
    shown: int = SHOWN

    @property
    def totals(self) -> Mapping[str, object]:
        """The figures of a one-look summary."""
        counts = self.bands.set_index("band")["accounts"]
        return {
            "as_of": str(self.as_of),
            "accounts": int(counts.sum()),
            **{band: int(counts[band]) for band in BANDS},
            "changes_flagged": len(self.movers),
            "mean_coverage": round(self.mean_coverage, 3),
            "check_warnings": len(self.warnings),
            "set_aside": int(self.quarantine["rows"].sum()) if len(self.quarantine) else 0,
        }

    @property
    def arr(self) -> float:
        """ARR of the whole book."""
        return float(self.bands["arr"].sum())


def month_report(
    as_of: date,
    currency: str,
    accounts: pd.DataFrame,
    quarantine: pd.DataFrame,
    checks: Sequence["CheckResult"],
    health: HealthSettings = _DEFAULT_HEALTH,
    run_id: str = "",
    shown: int = SHOWN,
) -> MonthReport:
    """The report of a scored book (columns of the mart health_scores).

    The worst come first: critical by ARR, then at risk by ARR. Accounts whose notice is known are shown after them and
    are not ranked.
    """
    book = accounts.reindex(columns=list(HEALTH_SCORES.columns)).astype(_NUMERIC)
    book = book.assign(
        segment=book["segment"].fillna("no segment"), csm=book["csm"].fillna("unassigned"), currency=currency
    )
    bands = book.groupby("band").agg(accounts=("account_id", "count"), arr=("arr", "sum")).reindex(BANDS, fill_value=0)
    worst = book[_at_risk(book)].assign(
        leaving=lambda frame: frame["status"] == "leaving",
        order=lambda frame: frame["band"].map({"critical": 0, "at_risk": 1}),
    )
    failed = [c for c in checks if not c.success]
    return MonthReport(
        as_of=as_of,
        currency=currency,
        bands=bands.rename_axis("band").reset_index(),
        movers=book[book["change_flagged"].eq(True)].sort_values(["change", "account_id"], ignore_index=True),
        at_risk=worst.sort_values(
            ["leaving", "order", "arr", "account_id"], ascending=[True, True, False, True], ignore_index=True
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
        shown=shown,
    )


def write_month_report(report: MonthReport, folder: Path) -> Path:
    """The report as HTML in `folder`; the file is replaced whole."""
    return write_whole(folder / f"health-{report.as_of}.html", as_html(report))


def as_html(report: MonthReport) -> str:
    """One page that needs no network and no script."""
    filled = len(report.bins) > 0
    return html_page(
        "month.html",
        **_view(report),
        colours=COLOURS,
        components=COMPONENTS,
        bounds=bounds(report.health),
        health_chart=health_chart(report.bins, report.health.bands) if filled else None,
        arr_chart=arr_chart(report.bands) if report.arr > 0 else None,
    )


def as_markdown(report: MonthReport) -> str:
    """The same in short: bands, the largest changes, the twenty most urgent accounts."""
    return markdown_page("month.md", **_view(report))


def _view(report: MonthReport) -> dict[str, Any]:
    """What the templates print: frames as rows with None for what is missing, and where in the page each account is."""
    at_risk = [{**row, "anchor": f"account-{n}"} for n, row in enumerate(records(report.at_risk), start=1)]
    owners = [{**row, "anchor": f"csm-{n}"} for n, row in enumerate(records(report.owners), start=1)]
    moved = [{**row, "cause": cause(row)} for row in records(report.movers)]
    worst: dict[str, list[dict[str, Any]]] = {owner["csm"]: [] for owner in owners}
    for row in at_risk:
        worst[row["csm"]].append(row)
    return {
        "report": report,
        "totals": report.totals,
        "arr_at_risk": float(report.bands.loc[_at_risk(report.bands), "arr"].sum()),
        "bands": records(report.bands),
        "bins": records(report.bins),
        "segments": records(report.segments),
        "owners": [{**owner, "worst": worst[owner["csm"]]} for owner in owners],
        "ranked": [row for row in at_risk if not row["leaving"]],
        "anchors": {row["account_id"]: row["anchor"] for rows in worst.values() for row in rows[: report.shown]},
        "falls": [row for row in moved if row["change"] < 0],
        "rises": [row for row in reversed(moved) if row["change"] > 0],
        "unknown": records(report.unknown),
        "quarantine": records(report.quarantine),
    }


def _at_risk(book: pd.DataFrame) -> pd.Series:
    return book["band"].isin(("critical", "at_risk"))


def _by(book: pd.DataFrame, column: str) -> pd.DataFrame:
    """Accounts, ARR, bands, flagged changes, mean health and mean coverage by one column."""
    marked = book.assign(
        **{band: book["band"] == band for band in BANDS},
        fell=book["change_flagged"].eq(True) & (book["change"] < 0),
        arr_at_risk=book["arr"].where(_at_risk(book), 0.0),
    )
    sums = marked.groupby(column)[["arr", "arr_at_risk", *BANDS, "fell"]].sum()
    others = marked.groupby(column).agg(
        accounts=("account_id", "count"), health=("health", "mean"), coverage=("coverage", "mean")
    )
    return sums.join(others).reset_index()
