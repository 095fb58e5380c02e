"""The blueprint page: self-contained HTML for all teams, written by the quarterly flow (MOD-10)."""

from pathlib import Path

from keepwell.tasks.learning.blueprint import Blueprint
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.insights import ASSOCIATIONS
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.reports.charts import COLOURS, importance_chart, rates_chart
from keepwell.tasks.reports.templates import bounds, html_page

MAX_SPOTS = 15


def write_blueprint(page: Blueprint, folder: Path) -> Path:
    """The page in `folder`; the file is replaced whole."""
    return write_whole(folder / f"blueprint-{page.as_of}.html", as_html(page))


def as_html(page: Blueprint) -> str:
    """One page that needs no network and no script."""
    ranked = bool(page.signals["value"].notna().any())
    return html_page(
        "blueprint.html",
        page=page,
        bounds=bounds(page.health),
        colours=COLOURS,
        associations=ASSOCIATIONS,
        signals=records(page.signals),
        derived=records(page.derived),
        bands=records(page.bands),
        spots=records(page.spots.head(MAX_SPOTS)),
        more_spots=max(len(page.spots) - MAX_SPOTS, 0),
        bands_chart=rates_chart(page.bands) if len(page.bands) else None,
        signals_chart=importance_chart(page.signals) if ranked else None,
    )
