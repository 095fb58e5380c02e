"""The SQL of `views.sql`: every mart as a DuckDB view, and its newest partition as a second one."""

from collections.abc import Collection

from keepwell.tasks.earlier_scores import FILE
from keepwell.tasks.marts.schemas.all import MARTS
from keepwell.tasks.marts.schemas.base import DAY, FLAG, INSTANT, NUMBER, TEXT, TEXTS, WHOLE, Mart

SQL_TYPES = {
    TEXT: "VARCHAR", NUMBER: "DOUBLE", WHOLE: "BIGINT", FLAG: "BOOLEAN",
    DAY: "DATE", INSTANT: "TIMESTAMPTZ", TEXTS: "VARCHAR[]",
}  # fmt: skip
HIVE = "hive_partitioning = true, hive_types = {'as_of': DATE}, union_by_name = true"
HEAD = r"""-- Generated. DuckDB runs this file in the marts folder as it is. In any other, name that folder first:
--   SET VARIABLE marts = '/path/to/marts';
SET VARIABLE marts_folder = regexp_replace(coalesce(getvariable('marts'), '.'), '([*?[])', '[\1]', 'g');
SET VARIABLE marts_folder = CASE
  WHEN EXISTS (FROM glob(getvariable('marts_folder') || '/views.sql')) THEN getvariable('marts_folder')
  ELSE error('no marts in ' || coalesce(getvariable('marts'), 'the current folder')
    || '. Name their folder before this file: SET VARIABLE marts = ''/path/to/marts'';')
END;
"""


def views(published: Collection[str]) -> str:
    """SQL of the views of all marts with the dictionary's columns; a view without a partition has no rows.

    No path is written into it, so that it is the same file wherever the marts are copied to.
    """
    return HEAD + "".join(_all_dates(mart, mart.name in published) + _newest(mart) for mart in MARTS.values())


def _all_dates(mart: Mart, published: bool) -> str:
    """Partitions of every date with the dictionary's columns, including those that no file has yet."""
    kinds = {"as_of": DAY, **{field.name: field.type for field in mart.schema}}
    columns = ", ".join(f'NULL::{SQL_TYPES[kind]} AS "{name}"' for name, kind in kinds.items())
    files = f"read_parquet(getvariable('marts_folder') || '/{mart.name}/*/{FILE}', {HIVE})"
    return (
        f"\nCREATE OR REPLACE VIEW {mart.name} AS SELECT {columns} WHERE false"
        + (f"\n  UNION ALL BY NAME SELECT * FROM {files}" if published else "")
        + ";\n"
    )


def _newest(mart: Mart) -> str:
    """The partition with the newest manifest; chosen by rows, an older date would replace an empty one."""
    day = r"regexp_extract(file, 'as_of=([0-9-]+)[/\\]_manifest\.json$', 1)::DATE"
    manifests = f"glob(getvariable('marts_folder') || '/{mart.name}/*/_manifest.json')"
    return (
        f"CREATE OR REPLACE VIEW {mart.name}_latest AS SELECT * FROM {mart.name}\n"
        f"  WHERE as_of = (SELECT max({day}) FROM {manifests});\n"
    )
