"""The signal catalogue (SRC-6): every potential signal with its source, fill rate and blind spots."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.known import Facts, rows_of
from keepwell.features.facts.rollups import VALUES
from keepwell.features.measures.registry import Feature
from keepwell.tasks.marts.blind_spots import SPOKEN, Seen, blind_spot
from keepwell.tasks.marts.signals import Signal, signals
from keepwell.tasks.settings import CatalogueSettings, TableSettings
from keepwell.tasks.sources.snapshot import Snapshot

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
    `first` and `last` are days of events known at as_of, for `all` of accounts that left too. `fill_rate` is the share
    of the segment's rows that have a value, `accounts_share` the share of its accounts that have any; NULL where there
    is nothing to count.
    """
    book = accounts[["account_id"]].assign(segment=accounts["segment"].fillna(NO_SEGMENT).to_numpy())
    members = {WHOLE_BOOK: book["account_id"], **{str(s): of["account_id"] for s, of in book.groupby("segment")}}
    use, aside = _days_of_use(facts, settings.usage_days), _set_aside(facts)
    used = {segment: use.reindex(ids).fillna(0) for segment, ids in members.items()}
    found: dict[str, pd.DataFrame] = {}
    parts: dict[tuple[str, str], pd.DataFrame] = {}
    rows = []
    for signal in signals(features):
        name = signal.table.name
        given = name in snapshot.tables and _is_given(signal, snapshot.tables[name].given)
        if given and name not in found:
            found[name] = _per_account(facts, signal.table, aside.get(name))
        for segment, ids in members.items():
            if given and (name, segment) not in parts:
                parts[name, segment] = found[name].reindex(ids)
            seen = _seen(signal, parts[name, segment], used[segment], settings) if given else None
            days = _days(found[name] if segment == WHOLE_BOOK else parts[name, segment]) if given else (None, None)
            spot = blind_spot(signal, seen, name in snapshot.tables, settings)
            rows.append(_row(signal, segment, seen, days, tables.get(name), spot))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    signal: Signal,
    segment: str,
    seen: Seen | None,
    days: tuple[Any, Any],
    about: TableSettings | None,
    spot: str | None,
) -> dict[str, Any]:
    there = about is not None and seen is not None
    return {
        "table": signal.table.name,
        "column": signal.column.name,
        "segment": segment,
        "source_system": about.system or None if about else None,
        "update_frequency": frequency(about.expected_every_days) if about and there else None,
        "accessibility": about.accessibility if about and there else "absent",
        "first": days[0],
        "last": days[1],
        "fill_rate": seen.fill_rate if seen else None,
        "accounts_share": seen.accounts_share if seen else None,
        "features": list(signal.features),
        "blind_spot": spot,
    }


def frequency(days: float | None) -> str:
    """How often a source is expected to deliver new rows, in words."""
    if days is None:
        return "not stated"
    if days < 1:
        return f"every {days * 24:g} hours"
    named = {1: "daily", 7: "weekly", 14: "every two weeks", 30: "monthly", 31: "monthly", 365: "yearly"}
    return named.get(int(days) if days == int(days) else -1, f"every {days:g} days")


def _is_given(signal: Signal, given: Sequence[str]) -> bool:
    """Whether the mapping provides the column; a sentiment is computed if it provides the text."""
    return signal.column.name in given or (signal.column.name == "sentiment" and signal.table.text in given)


def _set_aside(facts: Facts) -> dict[str, pd.Series]:
    """Rows set aside by account (index), for each table with any."""
    rows = facts["quarantine"]
    counted = rows.group_by("table_name", "account_id").agg(set_aside=rows.count()).to_pyarrow().to_pandas().dropna()
    return {str(name): own.set_index("account_id")["set_aside"] for name, own in counted.groupby("table_name")}


def _per_account(facts: Facts, table: CanonicalTable, aside: pd.Series | None) -> pd.DataFrame:
    """Per account with rows: row count, first and last event day, and for each column the rows that have a value.

    `accounts` is read as its labels, which hold undated values too; usage as its sums by day.
    """
    if table.name == "usage":
        days = facts["usage_days"]
        sums = {name: days[name] for name in days.columns if name.startswith(VALUES)}
        sums |= {"rows": days.rows, f"{VALUES}day": days.rows}
        counts = {name: column.sum().cast("int64") for name, column in sums.items()}
        grouped = days.group_by("account_id").agg(first=days.day.min(), last=days.day.max(), **counts)
    else:
        rows = facts["account_labels" if table.name == "accounts" else table.name]
        day = rows[table.event].cast("date")
        of_interest = [c.name for c in table.staged if c.name not in {"account_id", "loaded_at", "known_at"}]
        values = {f"{VALUES}{name}": rows[name].count() for name in of_interest}
        grouped = rows.group_by("account_id").agg(rows=rows.count(), first=day.min(), last=day.max(), **values)
    frame = grouped.to_pyarrow().to_pandas(date_as_object=False).set_index("account_id")
    return frame.assign(set_aside=float("nan")) if aside is None else frame.join(aside, how="outer")


def _days_of_use(facts: Facts, days: int) -> pd.Series:
    """Days with use per account over the last `days`."""
    usage = rows_of(facts, "usage", days, rollup="usage_days").table
    frame = usage.group_by("account_id").agg(days=usage.day.nunique()).to_pyarrow().to_pandas()
    return frame.set_index("account_id")["days"]


def _seen(signal: Signal, mine: pd.DataFrame, use: pd.Series, settings: CatalogueSettings) -> Seen:
    """One signal in one segment (`mine`, `use`: a row per account), including silent accounts."""
    values = mine[_values(signal)].fillna(0)
    rows = mine["rows"].fillna(0)
    there = values > 0 if signal.column.name in SPOKEN else rows > 0
    return Seen(
        accounts=len(mine),
        with_rows=int((rows > 0).sum()),
        with_values=int((values > 0).sum()),
        rows=int(rows.sum()),
        values=int(values.sum()),
        set_aside=int(mine["set_aside"].fillna(0).sum()),
        undated=int((rows > 0).sum() - mine["first"].notna().sum()),
        ratio=_use_ratio(use, there, settings.min_accounts),
    )


def _use_ratio(use: pd.Series, there: pd.Series, min_accounts: int) -> float | None:
    """Mean use of accounts with the signal over that of the others; infinite if only the former use anything."""
    of_seen, of_others = use[there.to_numpy()], use[~there.to_numpy()]
    if min(len(of_seen), len(of_others)) < min_accounts or of_seen.sum() == 0:
        return None
    return float(of_seen.mean() / of_others.mean()) if of_others.sum() else math.inf


def _values(signal: Signal) -> str:
    """The column whose values are counted: for a text, its sentiment, which is all that is stored."""
    return f"{VALUES}{'sentiment' if signal.column.name == signal.table.text else signal.column.name}"


def _days(mine: pd.DataFrame) -> tuple[Any, Any]:
    """First and last event day of these accounts."""
    ends = mine["first"].min(), mine["last"].max()
    return tuple(None if pd.isna(day) else day.date() for day in ends)  # type: ignore[return-value]


def write_catalogue_xlsx(catalogue: pd.DataFrame, path: Path) -> None:
    """Write the catalogue as a spreadsheet. Every text stays a text, whatever it begins with."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
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
    new = path.with_name(f".{path.name}.new")  # a temporary file of the system's is for its owner's eyes alone
    try:
        book.save(new)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _fill(cell: Cell | MergedCell, name: str, value: Any) -> None:
    """Fill one cell. A text that a spreadsheet would read as a formula is marked as text, as by an apostrophe."""
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
