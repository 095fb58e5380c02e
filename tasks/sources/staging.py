"""Staging: what the mappings give becomes an immutable parquet snapshot, whose content gives its id.

Each mapping's rows are cast to the canonical schema, ordered by event and key and written once; the same content gives
the same bytes whatever source it came from. Values that do not cast are counted, rows set aside are kept.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.sql import SQLBackend

from keepwell.features.facts.canonical import QUARANTINE, TABLES
from keepwell.features.facts.columns import DATE, INSTANT, STRING, CanonicalTable, Column
from keepwell.tasks.connections.drivers import dialect_of
from keepwell.tasks.connections.io_errors import io_reason
from keepwell.tasks.connections.retries import Service
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.settings import STANDARD_CSV, STANDARD_RETRIES, CsvSettings, RetrySettings, TableSettings
from keepwell.tasks.sources.cast_remedies import cast_to_write
from keepwell.tasks.sources.casts import UNREADABLE, canonical, cast, counted, found_by, joined_key, without_nul
from keepwell.tasks.sources.connect import (
    SourceConnection,
    columns_read,
    described,
    engine,
    explained,
    lacking_column,
    lacks_column,
    source_failure,
)
from keepwell.tasks.sources.extracts import extracted
from keepwell.tasks.sources.local_formats import shapes
from keepwell.tasks.sources.mapping import file_of, selected, single_select, text_of, unknown_columns
from keepwell.tasks.sources.parts import write_parts
from keepwell.tasks.sources.portable import portable
from keepwell.tasks.sources.rows_written import ROWS_PER_BATCH, write_batches, write_rows
from keepwell.tasks.sources.sentiment_cache import SentimentCache
from keepwell.tasks.sources.snapshot import Snapshot, StagedTable, store_snapshot
from keepwell.tasks.sources.unchanged import Earlier, fingerprint, fingerprints, note

log = logging.getLogger("keepwell")

NO_TABLES: Mapping[str, TableSettings] = {}
ARROW = {
    "string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}  # fmt: skip


UNCAST = (
    Column("table_name", STRING, "canonical table"),
    Column("column_name", STRING, "the column"),
    Column("why", STRING, "unreadable: it does not cast; open_end: read as missing; utc_day: the day is that of UTC"),
    Column("key", STRING, "the row's key, its parts joined by |"),
    Column("known_at", INSTANT, "when the row became knowable"),
)
"""Where kept rows hold a value that is counted (casts.py): one row each, so that a check can cut at as_of."""


@dataclass(frozen=True)
class Reading:
    """What one staging works with: the `server` that is read, folders, what was staged before, cached sentiments.

    `read` takes the fingerprints of tables whose rows tell them, when they are read.
    """

    server: str
    root: Path
    work: Path
    earlier: Earlier
    sentiments: SentimentCache
    read: dict[str, str]


def stage(
    url: str,
    base: Path,
    mappings: Mapping[str, Path],
    root: Path,
    retries: RetrySettings = STANDARD_RETRIES,
    csv: CsvSettings = STANDARD_CSV,
    tables: Mapping[str, TableSettings] = NO_TABLES,
) -> Snapshot:
    """Read every mapped table from the source into `root/<snapshot id>/`; a snapshot that is there already is kept.

    Its files are compared with those just written, which replace what is damaged. A table whose source is as it was
    when the newest snapshot was made is not staged again (unchanged.py); of a database's table with a watermark, by
    `tables`, only what is new is read (extracts.py).

    A mapping whose line fails is read again from its first row. Raises ConfigError for a mapping or source that cannot
    be used, Unreachable for one that does not answer, DataCheckFailed for data that cannot be read.
    """
    selects = {name: select_of(path, url) for name, path in mappings.items()}
    found, earlier = fingerprints(url, base, selects, csv), Earlier(root)
    if earlier.snapshot is not None and earlier.is_of(found, selects):
        log.info(
            "the source has not changed since snapshot %s was made of it: it is not read again.", earlier.snapshot.id
        )
        return earlier.snapshot
    changed = {name: sql for name, sql in selects.items() if not earlier.has(name, found.get(name))}
    source, read = SourceConnection(url, base, changed, retries, csv), dict[str, str]()
    source.connect()
    try:
        with scratch_folder(root, ".staging-") as work:
            reading = Reading(Service.at("the source", url).place, root, work, earlier, SentimentCache(root), read)
            staged = {
                name: source.read(
                    partial(
                        _stage_table,
                        table=TABLES[name],
                        sql=sql,
                        file=file_of(mappings[name], base),
                        settings=tables.get(name),
                        reading=reading,
                    )
                )
                if name in changed
                else earlier.linked(name, work)
                for name, sql in selects.items()
            }
            reading.sentiments.save(work)
            _join(work, "quarantine", QUARANTINE, [work / f"{name}.aside.parquet" for name in staged])
            _join(work, "uncast", UNCAST, sorted(work.glob("*.uncast.parquet")))
            snapshot = store_snapshot(work, root, staged, earlier.snapshot)
    finally:
        source.close()
    after = fingerprints(url, base, selects, csv)
    note(root, {name: mark for name, mark in found.items() if after.get(name) == mark} | read, snapshot)
    return snapshot


def select_of(path: Path, url: str) -> str:
    """The SELECT of a mapping file, parsed in the dialect of the source; ConfigError where it cannot be used."""
    return single_select(text_of(path), path.name, dialect_of(url))


def _stage_table(
    source: SQLBackend, table: CanonicalTable, sql: str, file: str, settings: TableSettings | None, reading: Reading
) -> StagedTable:
    """Write one table and its rows set aside; see the module for what is kept."""
    work = reading.work
    for piece in work.glob(f"{table.name}.*"):
        piece.unlink()  # of a try before this one
    with explained(table.name):
        raw, kinds = _extracted(source, table, sql, file, settings, reading)
        if reading.earlier.has(table.name, reading.read.get(table.name)):
            return reading.earlier.linked(table.name, work)
        given = tuple(sorted(kinds))
        every = canonical(raw, table)
        aside = every.filter(every.quarantine_reason.notnull())
        good = every.filter(every.quarantine_reason.isnull())
        names = [c.name for c in table.staged]
        ordered = good.order_by(list(dict.fromkeys((table.event, *table.key, *names))))
        texts = [table.text] if table.text in given else []
        schema = pa.schema([(c.name, ARROW[c.type]) for c in table.staged])
        batches = ordered.select(*names, *texts).to_pyarrow_batches(chunk_size=ROWS_PER_BATCH)
        toned = (_with_sentiment(batch, table, reading.sentiments) if texts else batch for batch in batches)
        rows = write_parts(work, table, schema, toned)
        _write_quarantine(aside if rows < raw.count().to_pyarrow().as_py() else None, table, work)
        columns = {c.name: c for c in (*table.columns, *table.staged)}
        casts = _write_uncast(raw, table, [columns[name] for name in given if name in columns], work)
        seen = {name: shapes(raw, name, cast(raw, columns[name])) for name in casts if raw[name].type().is_string()}
    set_aside = pq.read_metadata(work / f"{table.name}.aside.parquet").num_rows
    written = selected(sql, source.dialect)
    to_write = {
        name: cast_to_write(kinds[name], columns[name], written.get(name, name), seen.get(name, ()), source.name)
        for name in casts
    }
    return StagedTable(rows, set_aside, given, casts, to_write)


def _extracted(
    source: SQLBackend, table: CanonicalTable, sql: str, file: str, settings: TableSettings | None, reading: Reading
) -> tuple[ir.Table, dict[str, dt.DataType]]:
    """The mapping's rows as a table of a DuckDB engine, and the columns that it gives, each with the source's type.

    A DuckDB source is read in place; any other is copied to a parquet file first, in batches.
    """
    with explained(table.name, Exception):  # every driver has its own classes; the message is what counts
        rows = _described(source, table.name, sql, file)
        kinds = dict(rows.schema().items())
        if source.name != "duckdb":
            path = _copied(rows, source.name, table, sql, settings, reading)
            rows = engine(path.parent).read_parquet(path)
    if unknown := unknown_columns(table, kinds, file):
        raise ConfigError(unknown)
    return rows, kinds


def _copied(
    rows: ir.Table, backend: str, table: CanonicalTable, sql: str, settings: TableSettings | None, reading: Reading
) -> Path:
    """A file with the rows of a database; of a table with a watermark it is stored, and its digest is noted."""
    if settings is None or settings.watermark is None:
        path = reading.work / f"{table.name}.raw.parquet"
        write_rows(path, portable(rows, backend))
        return path
    path = extracted(rows, backend, table, settings, fingerprint(reading.server, sql), reading.root, reading.work)
    reading.read[table.name] = fingerprint(reading.server, sql, digest_of(path))
    return path


def _described(source: SQLBackend, table: str, sql: str, file: str) -> ir.Table:
    """A SELECT as the source describes it; what it reads and what there is, where a column is not there."""
    try:
        return described(source, table, sql)
    except Exception as error:  # every driver has its own classes
        if io_reason(error) or (column := lacking_column(source_failure(table, error))) is None:
            raise
        raise lacks_column(table, column, file, columns_read(source, sql)) from error


def _write_uncast(
    raw: ir.Table, table: CanonicalTable, given: Sequence[Column], work: Path
) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Write where kept rows hold values that are counted; per column how many do not cast, and their first keys."""
    flags = {(c.name, why): flag for c in given for why, flag in counted(raw, c).items()}
    if not flags:
        return {}
    named = {f"_counted_{n}": flag for n, flag in enumerate(flags.values())}
    flagged = canonical(raw, table, _key=found_by(raw, table), **named)
    accepted = flagged.filter(flagged.quarantine_reason.isnull())
    counts = accepted.agg(**{name: accepted[name].sum().fill_null(0) for name in named}).to_pyarrow().to_pylist()[0]
    found = {}
    for (column, why), name in zip(flags, named, strict=True):
        if not counts[name]:
            continue
        bad = accepted.filter(accepted[name]).select(
            table_name=ibis.literal(table.name),
            column_name=ibis.literal(column),
            why=ibis.literal(why),
            key="_key",
            known_at="known_at",
        )
        path = work / f"{table.name}.{column}.{why}.uncast.parquet"
        schema = pa.schema([(c.name, ARROW[c.type]) for c in UNCAST])
        write_batches(path, schema, bad.order_by("key", "known_at").to_pyarrow_batches(chunk_size=ROWS_PER_BATCH))
        if why == UNREADABLE:
            first = next(pq.ParquetFile(path).iter_batches(3, columns=["key"]))
            found[column] = (int(counts[name]), tuple(first["key"].to_pylist()))
    return found


def _write_quarantine(aside: ir.Table | None, table: CanonicalTable, work: Path) -> None:
    """The rows that were set aside, by key, reason, account and day; None where none was."""
    path = work / f"{table.name}.aside.parquet"
    schema = pa.schema([(c.name, ARROW[c.type]) for c in QUARANTINE])
    if aside is None:
        write_batches(path, schema, iter(()))
        return
    rows = aside.select(
        table_name=ibis.literal(table.name),
        key=without_nul(joined_key(aside, table)),
        reason=without_nul(aside.quarantine_reason),
        account_id=without_nul(aside.account_id),
        event_on=aside[table.event].cast(DATE),
        known_at=aside.known_at,
    ).order_by("key", "reason", "event_on")
    write_batches(path, schema, rows.to_pyarrow_batches(chunk_size=ROWS_PER_BATCH))


def _join(work: Path, name: str, columns: Sequence[Column], pieces: Sequence[Path]) -> None:
    """One file of the pieces, in their order; the pieces go, and what else was only needed on the way."""
    schema = pa.schema([(c.name, ARROW[c.type]) for c in columns])
    write_batches(work / f"{name}.parquet", schema, (b for p in pieces for b in pq.ParquetFile(p).iter_batches()))
    for path in (*pieces, *work.glob("*.raw.parquet")):
        path.unlink()


def _with_sentiment(batch: pa.RecordBatch, table: CanonicalTable, sentiments: SentimentCache) -> pa.RecordBatch:
    """The batch with `sentiment` computed from its text where the source gave none, and without the text."""
    texts = batch.column(table.text).to_pylist()
    given = batch.column("sentiment").to_pylist()
    wanted = [text if value is None else None for text, value in zip(texts, given, strict=True)]
    computed = sentiments.of(wanted)
    values = [value if value is not None else score for value, score in zip(given, computed, strict=True)]
    index = batch.schema.get_field_index("sentiment")
    toned = batch.set_column(index, "sentiment", pa.array(values, pa.float64()))
    return toned.drop_columns([table.text])
