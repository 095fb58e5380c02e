"""The weekly review's page: the stand-up sheet and the portfolio, self-contained HTML, and Markdown for Prefect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.settings import HealthSettings
from keepwell.playbook.settings import WeeklySettings
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.reports.charts import COLOURS, forecast_chart, trend_chart
from keepwell.tasks.reports.templates import bounds, html_page, markdown_page

Row = dict[str, Any]
SECTIONS: Mapping[str, tuple[str, str]] = {
    "at_risk": ("New at risk", "No account entered critical or at risk, and no alert opened."),
    "success": ("What worked", "No alert closed after a contact, no intervention or plan is recorded to have worked."),
    "challenge": ("Challenges", "No account was lost, no deadline missed, no intervention failed."),
    "need": ("Needed from other teams", "No account at risk needs another team."),
    "expansion": ("Could be asked to expand", "No healthy account without an alert or a deal stands out."),
    "learning": ("What the record teaches", "Too few cases so far."),
}
"""Heading of each section, and what is said where it is empty."""


@dataclass(frozen=True)
class WeekReport:
    """What a review tells. `frames`: the marts; `bands`: the whole book by band at this and earlier reviews.

    `compared_with`: as_of of the scores of a week earlier, if any are stored.
    """

    as_of: date
    currency: str
    rules: WeeklySettings
    health: HealthSettings
    frames: Mapping[str, pd.DataFrame]
    bands: pd.DataFrame
    compared_with: date | None
    run_id: str

    @property
    def forecast(self) -> Row:
        """The forecast of the whole book that was made now."""
        made = self.frames["forecast"]
        return records(made[(made["made_on"] == self.as_of) & (made["segment"] == "all")])[0]

    @property
    def graded(self) -> pd.DataFrame:
        """Earlier forecasts of the whole book that have come out, the oldest first."""
        made = self.frames["forecast"]
        return made[(made["made_on"] != self.as_of) & (made["segment"] == "all")].sort_values("made_on")

    @property
    def held(self) -> tuple[int, int, int]:
        """Of how many forecasts that have come out the interval held the accounts, and the ARR."""
        known = self.graded
        if "accounts_inside" not in known:
            return 0, 0, 0
        known = known[known["accounts_inside"].notna()]
        return int(known["accounts_inside"].sum()), int(known["arr_inside"].sum()), len(known)

    @property
    def totals(self) -> Mapping[str, object]:
        """The figures of a one-look summary."""
        items, deals = self.frames["weekly_review"], self.frames["opportunities"]
        stage = deals["stage"] if len(deals) else pd.Series(dtype=object)
        told, (accounts, arr, of) = self.forecast, self.held
        under_way = deals[~stage.isin(("candidate", *self.rules.closed_stages))]
        return {
            "as_of": str(self.as_of),
            "compared_with": str(self.compared_with or "no scores of a week earlier"),
            **{name: int((items["section"] == name).sum()) for name in SECTIONS},
            "deals": len(under_way),
            "deals_value": round(float(under_way["value"].sum())) if len(deals) else 0,
            "candidates": int((stage == "candidate").sum()),
            **forecast_words(told, self.currency),
            "forecasts_held": f"{accounts} of {of} in accounts, {arr} of {of} in ARR" if of else "none has come out",
        }


def forecast_words(told: Row, currency: str) -> dict[str, str]:
    """The forecast in two phrases; or why there is none."""
    if told["method"] == "none":
        return {"forecast": "no quarter of the book's history has matured, and no model is in force"}
    horizon = f"until {told['horizon_end']}, by {told['method']}"
    return {
        "forecast_accounts": f"{told['accounts_expected']:.1f} of {told['accounts']:.0f} "
        f"({told['accounts_low']:.0f} to {told['accounts_high']:.0f}) {horizon}",
        "forecast_arr": f"{currency} {told['arr_expected']:,.0f} "
        f"({told['arr_low']:,.0f} to {told['arr_high']:,.0f}) of {told['arr']:,.0f}",
    }


def write_week_report(report: WeekReport, folder: Path) -> Path:
    """The page in `folder`; the file is replaced whole."""
    return write_whole(folder / f"weekly-{report.as_of}.html", as_html(report))


def as_html(report: WeekReport) -> str:
    """One page that needs no network and no script."""
    shown = [*records(report.graded), report.forecast]
    told = [row for row in shown if row["method"] != "none"]
    several = len(report.bands) > len(BANDS)
    return html_page(
        "weekly.html",
        **_view(report),
        colours=COLOURS,
        bounds=bounds(report.health),
        trend_chart=trend_chart(report.bands) if several else None,
        forecast_chart=forecast_chart(told) if len(told) > 1 else None,
    )


def as_markdown(report: WeekReport) -> str:
    """The same in short: bands, forecast, the first items of each section."""
    return markdown_page("weekly.md", **_view(report))


def _view(report: WeekReport) -> dict[str, Any]:
    """What the templates print."""
    items = records(report.frames["weekly_review"])
    book = report.frames["portfolio"]
    segments = [s for s in book["segment"].unique() if s != "all"]
    deals = records(report.frames["opportunities"])
    under_way = [d for d in deals if d["stage"] != "candidate" and d["stage"] not in report.rules.closed_stages]
    whole = records(book[book["segment"] == "all"])
    return {
        "report": report,
        "totals": report.totals,
        "sections": {name: (*SECTIONS[name], [i for i in items if i["section"] == name]) for name in SECTIONS},
        "figures": {i["subject"]: i for i in items if i["section"] == "figure"},
        "bands": whole,
        "accounts": sum(row["accounts"] for row in whole),
        "arr": sum(row["arr"] for row in whole),
        "segments": {s: {r["band"]: r for r in records(book[book["segment"] == s])} for s in segments},
        "band_names": BANDS,
        "stages": _by_stage(under_way),
        "deals": sorted(under_way, key=lambda d: (-(d["value"] or 0.0), d["opportunity_id"])),
        "ended": [d for d in deals if d["stage"] in report.rules.closed_stages],
        "told": report.forecast,
        "told_segments": _made_by_segment(report),
        "graded": records(report.graded)[::-1],
        "held": report.held,
        "modelled": any(d["probability"] is not None for d in deals),
    }


def _by_stage(deals: list[Row]) -> list[Row]:
    stages = list(dict.fromkeys(sorted(d["stage"] for d in deals)))
    return [
        {
            "stage": stage, "deals": sum(d["stage"] == stage for d in deals),
            "value": sum(d["value"] or 0.0 for d in deals if d["stage"] == stage),
            "held": sum(d["stage"] == stage and d["hold"] is not None for d in deals),
        }
        for stage in stages
    ]  # fmt: skip


def _made_by_segment(report: WeekReport) -> list[Row]:
    made = report.frames["forecast"]
    return records(made[(made["made_on"] == report.as_of) & (made["segment"] != "all")])
