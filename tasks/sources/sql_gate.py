"""What a SELECT may read: the tables of its source, and functions that only compute (SRC-2, TRU-4).

Tables and functions in FROM are an allow-list. Scalar functions are too many for one, and a company has its own: those
that read the host, the network, the session or SQL held in a text are refused by name. The connection is the second
line of defense (tasks/sources/connect.py).
"""

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

ROWS = frozenset(
    (
        "unnest", "explode", "explode_outer", "posexplode", "posexplode_outer", "exploding_generate_series", "inline",
        "flatten", "stack", "generate_series", "generate_date_array", "generate_timestamp_array", "range",
        "generate_subscripts", "repeat", "repeat_row", "generator", "numbers", "json_each", "json_tree", "json_table",
        "jsonb_each", "json_each_text", "jsonb_each_text", "json_array_elements", "jsonb_array_elements",
        "json_array_elements_text", "jsonb_array_elements_text", "json_object_keys", "jsonb_object_keys",
        "json_to_record", "jsonb_to_record", "json_to_recordset", "jsonb_to_recordset", "json_populate_recordset",
        "jsonb_populate_recordset", "jsonb_path_query", "openjson", "regexp_matches", "regexp_split_to_table",
        "split_to_table", "string_to_table", "string_split", "xmltable",
    )
)  # fmt: skip
"""Functions in FROM that make rows of their arguments alone."""

PURE = frozenset(("pg_typeof", "pg_size_pretty", "pg_size_bytes", "pg_column_size"))
REACHING = re.compile(
    r"""
    read_\w+ | \w+_scan | sniff_\w+ | parquet_\w+ | glob | getenv | getvariable | (current_|get)?setting | set_config
    | which_secret | write_log | error | query | query_table | json_execute_\w+ | sql_auto_complete
    | (duckdb|pragma)_\w+ | pg_\w+
    | lo_\w+ | loread | lowrite | dblink\w* | \w+_to_xml\w* | ts_(stat|rewrite) | crosstab\w* | connectby
    | xpath_table | inet_(server|client)_\w+ | nextval | setval
    | load_(extension|file) | (read|write)file | zipfile | fsdir | edit | sqlite_\w+ | fts3_tokenizer | sys_(exec|eval)
    | external_query | system\$\w+ | get_presigned_url | build_\w*_?file_url | result_scan | java_method | reflect2?
    | http\w* | url | s3\w* | file | remote\w* | executable | hostname | getmacro | utl_\w+ | dbms_\w+ | httpuritype
    | open(rowset|query|datasource|xml) | xp_\w+
    """,
    re.VERBOSE,
)
"""Functions of any database that read files, network, settings or server, write, run SQL in a text, or raise a text."""

CATALOGS = frozenset(("information_schema", "pg_catalog", "pg_toast", "performance_schema", "mysql"))
CATALOG_TABLE = re.compile(r"(duckdb|pragma|sqlite)_\w+")
FILE_READERS = frozenset(("duckdb", "spark", "databricks", "hive"))
"""Dialects in which a table's name can be a file's path."""
PATH = re.compile(
    r".*[/\\*?\[].* | .*\.(csv|tsv|txt|parquet|json|jsonl|ndjson|xlsx|db|duckdb|arrow)(\.(gz|zst))?",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def beyond_the_source(statement: exp.Expr, dialect: str) -> str | None:
    """What a SELECT reads that is none of its source, with the remedy; None where it stays inside."""
    return next((why for node in statement.walk() if (why := _table(node, dialect) or _function(node))), None)


def named_tables(sql: str, dialect: str) -> set[str]:
    """The names of the tables that a SELECT reads, without its own common table expressions."""
    return {table.name for table in source_tables(sqlglot.parse_one(sql, read=dialect))}


def source_tables(statement: exp.Expr) -> Iterator[exp.Table]:
    """The tables that a SELECT reads, without its own common table expressions.

    Inside its own body, and in those before it, a common table expression's name means the table of that name.
    """
    return (t for t in statement.find_all(exp.Table) if isinstance(t.this, exp.Identifier) and not _is_own(t))


def _is_own(table: exp.Table) -> bool:
    """Whether a table's name means a common table expression."""
    if table.args.get("db"):
        return False
    inside: exp.Expr | None = table
    while inside is not None:
        if (clause := inside.args.get("with_")) is not None and table.name.lower() in _visible(clause, table):
            return True
        inside = inside.parent
    return False


def _visible(clause: exp.With, table: exp.Table) -> list[str]:
    """The common table expressions of a clause that a table's name can mean: within one of them, those before it.

    One that repeats itself means itself as well: RECURSIVE, and a union.
    """
    names = [cte.alias.lower() for cte in clause.expressions]
    place = next((n for n, cte in enumerate(clause.expressions) if _holds(cte, table)), None)
    if place is None:
        return names
    repeats = clause.args.get("recursive") and isinstance(clause.expressions[place].this.unnest(), exp.SetOperation)
    return names[: place + 1] if repeats else names[:place]


def _holds(node: exp.Expr, inside: exp.Expr) -> bool:
    parent: exp.Expr | None = inside
    while parent is not None and parent is not node:
        parent = parent.parent
    return parent is node


def _table(node: exp.Expr, dialect: str) -> str | None:
    """Why what stands in FROM is no table of the source."""
    if not isinstance(node, exp.Table | exp.Lateral | exp.TableFromRows):
        return None
    called = node.this
    if isinstance(called, exp.Func) and not (_names(called) & ROWS):
        return (
            f"reads from the function `{_name(called)}`, which is no table of the source. Load what it gives into the "
            "source, and read it from there."
        )
    if not isinstance(node, exp.Table) or called is None or isinstance(called, exp.Func):
        return None
    if not isinstance(called, exp.Identifier) or (dialect in FILE_READERS and PATH.fullmatch(node.name)):
        return (
            f"reads `{node.name or called.sql(dialect)}`, which is a path and no table of the source. Put the file "
            "into the source, and name it without folder and ending."
        )
    if _is_catalog(node):
        return f"reads the database's catalog `{node.name}`. Read the company's own tables instead."
    return None


def _is_catalog(table: exp.Table) -> bool:
    name, schema = table.name.lower(), table.db.lower()
    listed = CATALOG_TABLE.fullmatch(name) is not None or (not schema and name.startswith("pg_"))
    return schema in CATALOGS or (listed and not _is_own(table))


def _function(node: exp.Expr) -> str | None:
    """Why a function that computes a value is none that only computes."""
    if not isinstance(node, exp.Func):
        return None
    names = _names(node)
    if names & (PURE | ROWS) or not any(REACHING.fullmatch(name) for name in names):
        return None
    return f"calls `{_name(node)}`, which reaches outside the source's tables. Leave it out."


def _names(function: exp.Func) -> set[str]:
    if isinstance(function, exp.Anonymous):
        return {function.name.lower()}
    return {name.lower() for name in type(function).sql_names()}


def _name(function: exp.Func) -> str:
    return min(_names(function))
