"""Rows written to parquet as they come, so that none of them need fit in memory."""

from collections.abc import Iterator
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_BATCH = 100_000


def write_batches(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """Write batches, and count their rows; pyarrow gives the same bytes for the same ordered rows."""
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            columns = [_plain(batch.column(f.name), f.type) for f in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS_PER_BATCH)
            rows += batch.num_rows
    return rows


def write_rows(path: Path, rows: ir.Table) -> None:
    """Write the rows of an expression in its own types, instants in UTC without a zone."""
    batches = rows.to_pyarrow_batches(chunk_size=ROWS_PER_BATCH)
    write_batches(path, zoneless(batches.schema), batches)


def zoneless(schema: pa.Schema) -> pa.Schema:
    """The schema with instants in UTC without a zone."""
    return pa.schema(
        [pa.field(f.name, pa.timestamp("us") if pa.types.is_timestamp(f.type) else f.type) for f in schema]
    )


def _plain(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values in the schema's type; an instant with a zone becomes UTC without one."""
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = values.cast(pa.timestamp("us", tz="UTC"))
    return values.cast(kind)
