"""What all commands share: global options, the run of a date, and how results are printed."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from keepwell.cli.terminal import print_json, print_lines, print_table

if TYPE_CHECKING:
    import pandas as pd

    from keepwell.flows.run import Run


def not_blank(text: str) -> str:
    """The text without blanks around it; refused when empty: a record needs a name and a reason."""
    if not text.strip():
        raise typer.BadParameter("it is empty.")
    return text.strip()


class Options:
    """The global options."""

    config: Path = Path("pipeline.toml")
    out: Path = Path("out")
    json: bool = False
    debug: bool = False
    prefect: bool = False


def run_of(as_of: date) -> "Run":
    """A run of one date with the configuration that was named."""
    from keepwell.flows.configuration.settings import load_settings
    from keepwell.flows.run import Run

    return Run(load_settings(Options.config), Options.out, as_of)


def show_totals(totals: Any, path: Path | None) -> None:
    """Print totals, one per line, and the path of the report."""
    if Options.json:
        print_json({**totals, "report": str(path) if path else None})
        return
    for name, value in totals.items():
        text = (", ".join(map(str, value)) or "none") if isinstance(value, list | tuple) else value
        print_lines(f"{name.replace('_', ' '):>18}  {text}")
    if path:
        print_lines(f"{'report':>18}  {path}")


STYLES = {"critical": "bold red", "warning": "yellow", "overdue": "bold red"}
"""Words of ours that a terminal shows in a color."""


def show_table(table: "pd.DataFrame", otherwise: str, for_people: Sequence[Mapping[str, object]] | None = None) -> None:
    """Print a table, or a sentence when it is empty.

    `for_people`: its rows as a person reads them, where that is less than what a program gets as JSON.
    """
    if Options.json:
        print_json(json.loads(table.to_json(orient="records", date_format="iso")))
    elif len(table):
        whole = table.astype(object).where(table.notna(), "").to_dict("records")
        print_table(for_people if for_people is not None else whole, STYLES)
    else:
        print_lines(otherwise)
