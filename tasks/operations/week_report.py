"""The weekly review in numbers: its sections, its forecast, and how earlier forecasts came out (WKL-1, WKL-3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from keepwell.features.settings import HealthSettings
from keepwell.playbook.settings import WeeklySettings
from keepwell.tasks.marts.frames import records

Row = dict[str, Any]
SECTIONS: Mapping[str, tuple[str, str]] = {
    "at_risk": ("New at risk", "No account became critical or at risk, and no alert opened."),
    "success": (
        "What worked",
        "No alert was closed after a contact, and no intervention or plan is recorded as a success.",
    ),
    "challenge": ("Challenges", "No account churned, no deadline was missed, and no intervention failed."),
    "need": ("Needed from other teams", "No account at risk needs another team."),
    "expansion": ("Expansion candidates", "No healthy account without an alert or a deal stands out."),
    "learning": ("Learnings", "Too few cases so far."),
}
"""Heading of each section, and its sentence when it is empty."""


@dataclass(frozen=True)
class WeekReport:
    """A weekly review. `frames`: the marts; `bands`: the whole portfolio by band at this and earlier reviews.

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
        """The current forecast of the whole portfolio."""
        made = self.frames["forecast"]
        return records(made[(made["made_on"] == self.as_of) & (made["segment"] == "all")])[0]

    @property
    def graded(self) -> pd.DataFrame:
        """Earlier forecasts of the whole portfolio with a known outcome, the oldest first."""
        made = self.frames["forecast"]
        return made[(made["made_on"] != self.as_of) & (made["segment"] == "all")].sort_values("made_on")

    @property
    def inside(self) -> tuple[int, int, int]:
        """Past forecasts whose interval contains the churned accounts, whose interval contains the ARR, and all."""
        known = self.graded
        if "accounts_inside" not in known:
            return 0, 0, 0
        known = known[known["accounts_inside"].notna()]
        return int(known["accounts_inside"].sum()), int(known["arr_inside"].sum()), len(known)

    @property
    def totals(self) -> Mapping[str, object]:
        """The totals of a summary."""
        items, deals = self.frames["weekly_review"], self.frames["opportunities"]
        stage = deals["stage"] if len(deals) else pd.Series(dtype=object)
        forecast, (accounts, arr, of) = self.forecast, self.inside
        under_way = deals[~stage.isin(("candidate", *self.rules.closed_stages))]
        return {
            "as_of": str(self.as_of),
            "compared_with": str(self.compared_with or "no scores from a week earlier"),
            **{name: int((items["section"] == name).sum()) for name in SECTIONS},
            "deals": len(under_way),
            "deals_value": round(float(under_way["value"].sum())) if len(deals) else 0,
            "candidates": int((stage == "candidate").sum()),
            **forecast_words(forecast, self.currency),
            "forecasts_held": f"{accounts} of {of} in accounts, {arr} of {of} in ARR" if of else "no outcome known yet",
        }


def forecast_words(forecast: Row, currency: str) -> dict[str, str]:
    """The forecast in two phrases; or why there is none."""
    if forecast["method"] == "none":
        return {"forecast": "no quarter of the portfolio's history has matured, and no model is in production"}
    horizon = f"by {forecast['horizon_end']} (method: {forecast['method']})"
    return {
        "forecast_accounts": f"{forecast['accounts_expected']:.1f} of {forecast['accounts']:.0f} "
        f"({forecast['accounts_low']:.0f} to {forecast['accounts_high']:.0f}) {horizon}",
        "forecast_arr": f"{currency} {forecast['arr_expected']:,.0f} "
        f"({forecast['arr_low']:,.0f} to {forecast['arr_high']:,.0f}) of {forecast['arr']:,.0f}",
    }
