"""The signal catalogue (SRC-6): every potential signal, where it comes from, how full it is, and what it does not see."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import openpyxl
import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from features.canonical import TABLES, CanonicalTable
from features.known import Facts
from features.registry import Feature
from tasks.catalogue_blind_spots import BlindSpots, CatalogueSettings, Seen, blind_spot
from tasks.catalogue_signals import Signal, signals
from tasks.settings import TableSettings
from tasks.staging import Snapshot

WHOLE_BOOK = "all"
NO_SEGMENT = "none"
COLUMNS = (
    "table", "column", "segment", "source_system", "update_frequency", "accessibility", "first", "last", "fill_rate",
    "accounts_share", "features", "blind_spot",
)  # fmt: skip
_DEFAULTS = CatalogueSettings()


def signal_catalogue(
    facts: Facts,
    snapshot: Snapshot,
    tables: Mapping[str, TableSettings],
    features: Mapping[str, Feature],
    accounts: pd.DataFrame,
    settings: CatalogueSettings = _DEFAULTS,
) -> pd.DataFrame:
    """One row per signal (canonical table and column) and segment of the book, `all` first; COLUMNS.

    `accounts` is the book: account_id and segment. A signal that the company does not have is there too, as absent.
    `first` and `last` are days of events known at as_of. `fill_rate` is the share of the segment's rows that have a value,
    `accounts_share` the share of its accounts that have any; both are NULL where there is nothing to count.
    """
    book = accounts[["account_id"]].assign(segment=accounts["segment"].fillna(NO_SEGMENT).to_numpy())
    members = {WHOLE_BOOK: book["account_id"], **{str(s): of["account_id"] for s, of in book.groupby("segment")}}
    used = _days_of_use(facts, settings.usage_days)
    found: dict[str, pd.DataFrame] = {}
    rows = []
    for signal in signals(features):
        name = signal.table.name
        given = name in snapshot.tables and _is_given(signal, snapshot.tables[name].given)
        if given and name not in found:
            found[name] = _per_account(facts, signal.table)
        for segment, ids in members.items():
            seen = _seen(signal, found[name], ids, used, settings) if given else None
            rows.append(_row(signal, segment, seen, tables.get(name), settings))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_catalogue_xlsx(catalogue: pd.DataFrame, path: Path) -> None:
    """The catalogue as a spreadsheet, replaced whole. Every text stays a text, whatever it begins with."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "signals"
    sheet.append([name.replace("_", " ") for name in catalogue.columns])
    for number, row in enumerate(catalogue.itertuples(index=False), start=2):
        for place, (name, value) in enumerate(zip(catalogue.columns, row, strict=True), start=1):
            _fill(sheet.cell(number, place), name, value)
    for place, name in enumerate(catalogue.columns, start=1):
        sheet.cell(1, place).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(place)].width = {"blind_spot": 70, "features": 45}.get(name, 17)
    sheet.freeze_panes = "D2"
    sheet.auto_filter.ref = sheet.dimensions
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix=".", suffix=".xlsx", dir=path.parent, delete=False) as aside:
        new = Path(aside.name)
    try:
        book.save(new)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _fill(cell: Cell, name: str, value: Any) -> None:
    """One cell. A text that a spreadsheet would take for a formula is marked as text, as by a leading apostrophe."""
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return
    cell.value = ILLEGAL_CHARACTERS_RE.sub("?", value) if isinstance(value, str) else value
    cell.alignment = Alignment(vertical="top", wrap_text=name in {"blind_spot", "features"})
    if isinstance(value, str):
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    elif isinstance(value, float):
        cell.number_format = "0%"
