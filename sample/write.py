"""Write the sample company: parquet, one SELECT per table, the pipeline.toml that reads them, and the ground truth.

write_company(accounts=500, months=24, seed=7, to=Path("company"))
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import BOOLEAN, DATE, INSTANT, INTEGER, LOADED_AT, NUMBER, STRING
from keepwell.sample.settings import CompanySettings
from keepwell.sample.tables import records
from keepwell.sample.tables.behaviour import usage
from keepwell.sample.tables.billing import invoices
from keepwell.sample.tables.columns import Coded, Column, Columns
from keepwell.sample.tables.contracts import contracts
from keepwell.sample.tables.conversations import touchpoints
from keepwell.sample.tables.deals import opportunities
from keepwell.sample.tables.people import advocacy, contacts, surveys
from keepwell.sample.tables.support import tickets
from keepwell.sample.truth import TRUTH
from keepwell.sample.world.effects import OFF, POLICY
from keepwell.sample.world.life import World, chunks, imagine, streams
from keepwell.sample.world.window import Window, window


@dataclass(frozen=True)
class Source:
    """Origin of a table: the function that derives it, the system that would hold it, how often it gains rows.

    `rare`: it gains rows so often in a company of USUAL_SIZE, and less often in a smaller one.
    """

    of: Callable[[World, np.random.Generator], Columns]
    system: str
    expected_every_days: int
    stream: str = ""
    rare: bool = False

    def every_days(self, accounts: int) -> int:
        """Days within which new rows are expected in a company with this many accounts."""
        thinner = max(1.0, USUAL_SIZE / accounts) if self.rare else 1.0
        return round(self.expected_every_days * thinner)


USUAL_SIZE = 300
SOURCES: Mapping[str, Source] = {
    "accounts": Source(records.accounts, "CRM", 14, stream="history"),
    "contracts": Source(contracts, "CRM", 30),
    "usage": Source(usage, "product analytics", 1),
    "tickets": Source(tickets, "support desk", 1),
    "invoices": Source(invoices, "billing", 7),
    "surveys": Source(surveys, "survey tool", 30),
    "touchpoints": Source(touchpoints, "CRM", 1),
    "contacts": Source(contacts, "CRM", 30),
    "opportunities": Source(opportunities, "CRM", 7),
    "churn_events": Source(records.churn_events, "CRM", 30, rare=True),
    "advocacy": Source(advocacy, "marketing", 30, rare=True),
    "interventions": Source(records.interventions, "customer success platform", 30, rare=True),
    "hold_outs": Source(records.hold_outs, "customer success platform", 31, rare=True),
    "legacy_scores": Source(records.legacy_scores, "customer success platform", 31),
    "notes": Source(records.notes, "CRM", 30, rare=True),
}
NOT_KEPT = frozenset({"sentiment", "replaces", "chain_id", "credit_of", "voided_at"})
"""Columns that the company's systems do not have: the pipeline finds out, or nothing of the kind happens."""
ARROW: Mapping[str, Any] = {
    STRING: pa.string(), INTEGER: pa.int64(), NUMBER: pa.float64(), BOOLEAN: pa.bool_(), DATE: pa.date32(),
    INSTANT: pa.timestamp("us"),
}  # fmt: skip


def write_company(
    accounts: int,
    months: int,
    seed: int,
    to: Path,
    last_day: date = date(2026, 6, 30),
    settings: CompanySettings | None = None,
) -> dict[str, int]:
    """Write the company's tables, mappings and pipeline.toml into `to`; returns the rows of each table.

    What is true and stands in no table of the company's goes to `to`/truth: account_months, slides, churn, oddities.

    The same arguments give the same bytes. Memory is bounded by the chunk of the settings, not by `accounts`.
    """
    if accounts < 1 or months < 1:
        raise ValueError(f"A company needs at least one account and one month; got {accounts} and {months}.")
    rules, record = settings or CompanySettings(), window(months, last_day)
    to.mkdir(parents=True, exist_ok=True)
    rows = _write_tables(to, accounts, seed, rules, record)
    _write_mappings(to, rules, accounts, rows)
    return rows


def columns_of(table: str) -> list[str]:
    """Columns that the company provides: all canonical ones but NOT_KEPT, and when the row was stored."""
    return [c.name for c in TABLES[table].columns if c.name not in NOT_KEPT] + [LOADED_AT.name]


def _write_tables(to: Path, accounts: int, seed: int, settings: CompanySettings, record: Window) -> dict[str, int]:
    """Write one row group per chunk and table."""
    account_range = chunks(accounts, settings.book.chunk)
    sources = _sources(settings)
    rows = dict.fromkeys(sources, 0)
    (to / "truth").mkdir(exist_ok=True)
    with ExitStack() as open_files:
        files = {name: open_files.enter_context(_file(to / f"{name}.parquet", _schema(name))) for name in sources}
        truths: dict[str, Any] = {}
        for part, sequence in zip(account_range, np.random.SeedSequence(seed).spawn(len(account_range)), strict=True):
            rng = streams(sequence)
            world = imagine(rng, part, accounts, settings, record)
            for name, source in sources.items():
                table = _arrow(name, source.of(world, rng[source.stream or name]))
                files[name].write_table(table)
                rows[name] += table.num_rows
            for name, of in TRUTH.items():
                columns = {key: _array(column) for key, column in of(world).items()}
                table = pa.table(columns)
                if name not in truths:
                    truths[name] = open_files.enter_context(_file(to / "truth" / f"{name}.parquet", table.schema))
                truths[name].write_table(table)
    return rows


def _sources(settings: CompanySettings) -> Mapping[str, Source]:
    """The tables that this company has: no interventions without contacts, no hold-outs without randomization."""
    mode = settings.contacts.mode
    without = {OFF: {"interventions", "hold_outs"}, POLICY: {"hold_outs"}}.get(mode, set())
    return {name: source for name, source in SOURCES.items() if name not in without}


def _file(path: Path, schema: Any) -> Any:
    """An open parquet file in a plain format that any reader understands."""
    return pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)


def _schema(table: str) -> Any:
    """Arrow schema of what the company provides."""
    columns = {c.name: c for c in (*TABLES[table].columns, LOADED_AT)}
    return pa.schema([pa.field(name, ARROW[columns[name].type]) for name in columns_of(table)])


def _arrow(table: str, columns: Columns) -> Any:
    """The columns as an Arrow table of the canonical types."""
    schema = _schema(table)
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(column: Column, kind: Any = None) -> Any:
    """One column as an Arrow array; NaT, NaN and position -1 become null."""
    if isinstance(column, Coded):
        words = pa.array(column.words, pa.string())
        return words.take(pa.array(np.where(column.position < 0, 0, column.position), mask=column.position < 0))
    values = pa.array(column, from_pandas=True)
    return values.cast(kind) if kind else values


def _write_mappings(to: Path, settings: CompanySettings, accounts: int, rows: Mapping[str, int]) -> None:
    """Write sql/<table>.sql and pipeline.toml; a small company has no table of what is rare and never happened."""
    (to / "sql").mkdir(exist_ok=True)
    rates = ", ".join(f"{code} = {rate}" for code, rate in settings.book.fx_rates.items())
    parts = [
        '[source]\nurl = "."',
        f'[money]\nreporting_currency = "USD"\nfx_rates = {{ {rates} }}',
    ]
    for name, source in _sources(settings).items():
        if source.rare and not rows[name]:
            continue
        listed = ",\n    ".join(columns_of(name))
        (to / "sql" / f"{name}.sql").write_text(f"SELECT\n    {listed}\nFROM {name}\n", encoding="utf-8")
        parts.append(
            f'[tables.{name}]\nsql = "sql/{name}.sql"\nsystem = "{source.system}"\n'
            f"expected_every_days = {source.every_days(accounts)}"
        )
    (to / "pipeline.toml").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
