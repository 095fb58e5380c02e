"""A mapping reads its source and nothing else: refused when it is parsed, and by the engine (SRC-2, TRU-4, TRU-5)."""

from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest

from keepwell.tasks.errors import ConfigError, KeepwellError
from keepwell.tasks.settings import STANDARD_RETRIES
from keepwell.tasks.sources.connect import connect_source, duckdb_file, engine, sqlite_file
from keepwell.tasks.sources.mapping import single_select
from keepwell.tasks.sources.sql_gate import ROWS
from keepwell.tasks.sources.staging import stage
from tests.support.running import keepwell

OUTSIDE = "top-secret-line"

REFUSED = [
    ("duckdb", "SELECT content FROM read_text('/etc/hostname')", "`read_text`"),
    ("duckdb", "SELECT * FROM read_blob('/etc/hostname')", "`read_blob`"),
    ("duckdb", "SELECT * FROM glob('/etc/*')", "`glob`"),
    ("duckdb", "SELECT * FROM read_csv('https://example.org/x.csv')", "`read_csv`"),
    ("duckdb", "SELECT * FROM t JOIN parquet_scan('../other/x.parquet') p ON true", "`parquet_scan`"),
    ("duckdb", "SELECT * FROM sniff_csv('/etc/passwd')", "`sniff_csv`"),
    ("duckdb", "SELECT * FROM query('SELECT 1')", "`query`"),
    ("duckdb", "SELECT * FROM duckdb_secrets()", "`duckdb_secrets`"),
    ("duckdb", "SELECT * FROM duckdb_settings", "catalog `duckdb_settings`"),
    ("duckdb", "SELECT * FROM '/etc/passwd'", "`/etc/passwd`"),
    ("duckdb", 'SELECT * FROM "../other/accounts.parquet"', "`../other/accounts.parquet`"),
    ("duckdb", "SELECT * FROM 'accounts.csv'", "`accounts.csv`"),
    ("duckdb", "FROM 'https://example.org/x'", "`https://example.org/x`"),
    ("duckdb", "SELECT getenv('HOME') FROM t", "`getenv`"),
    ("duckdb", "SELECT 'HOME'.getenv() FROM t", "`getenv`"),
    ("duckdb", "SELECT current_setting('home_directory') FROM t", "`current_setting`"),
    ("duckdb", "SELECT error(name) FROM t", "`error`"),
    ("duckdb", "WITH a AS (SELECT (SELECT content FROM read_text('x')) AS c) SELECT * FROM a", "`read_text`"),
    ("duckdb", "SELECT * FROM t WHERE EXISTS (FROM glob('x'))", "`glob`"),
    ("duckdb", "SELECT * FROM t, LATERAL read_text(t.path)", "`read_text`"),
    ("duckdb", "SELECT 1 UNION ALL SELECT * FROM read_json('x')", "`read_json`"),
    ("duckdb", "ATTACH 'x.db'", "ATTACH"),
    ("duckdb", "INSTALL httpfs", "INSTALL"),
    ("duckdb", "LOAD httpfs", "COMMAND"),
    ("postgres", "SELECT pg_read_file('/etc/passwd')", "`pg_read_file`"),
    ("postgres", "SELECT pg_catalog.pg_read_binary_file('/etc/passwd')", "`pg_read_binary_file`"),
    ("postgres", "SELECT (pg_ls_dir('/')) AS a", "`pg_ls_dir`"),
    ("postgres", "SELECT * FROM ROWS FROM (pg_ls_dir('/'))", "`pg_ls_dir`"),
    ("postgres", "SELECT lo_import('/etc/passwd')", "`lo_import`"),
    ("postgres", "SELECT * FROM dblink('host=x', 'SELECT 1') AS t(a int)", "`dblink`"),
    ("postgres", "SELECT query_to_xml('SELECT 1', true, true, '')", "`query_to_xml`"),
    ("postgres", "SELECT set_config('transaction_read_only', 'off', false)", "`set_config`"),
    ("postgres", "SELECT * FROM pg_authid", "catalog `pg_authid`"),
    ("postgres", "SELECT * FROM information_schema.tables", "catalog `tables`"),
    ("postgres", "COPY (SELECT 1) TO PROGRAM 'id'", "COPY"),
    ("sqlite", "SELECT load_extension('x')", "`load_extension`"),
    ("sqlite", "SELECT * FROM pragma_table_info('t')", "`pragma_table_info`"),
    ("mysql", "SELECT LOAD_FILE('/etc/passwd')", "`load_file`"),
    ("snowflake", "SELECT * FROM @stage/x", "`@stage/x`"),
    ("spark", "SELECT * FROM parquet.`/etc/x`", "`/etc/x`"),
    ("clickhouse", "SELECT * FROM url('http://x')", "`url`"),
    ("bigquery", "SELECT * FROM EXTERNAL_QUERY('a', 'b')", "`external_query`"),
]


@pytest.mark.parametrize(("dialect", "text", "says"), REFUSED)
def test_what_reads_beside_the_source_is_refused_by_name_before_anything_is_sent(
    dialect: str, text: str, says: str
) -> None:
    """Files, the network, the session, the catalog: exit 2 with the mapping and the function or path (SRC-2)."""
    with pytest.raises(ConfigError, match=r"^m\.sql ") as refused:
        single_select(text, "m.sql", dialect)

    assert says in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("duckdb", "SELECT a, UNNEST(b) AS c FROM t, UNNEST(t.d) AS u(e), RANGE(3) AS r(i), GENERATE_SERIES(1, 2)"),
        ("duckdb", "SELECT MD5(a), STRPTIME(b, '%Y'), LIST_FILTER(c, x -> x > 1), my_macro(d) FROM crm.main.deals"),
        ("postgres", "SELECT PG_TYPEOF(a), our_function(b) FROM sales.deals, JSONB_ARRAY_ELEMENTS(c) AS j"),
        ("postgres", 'SELECT * FROM "/BIC/AZSALES"'),
        ("bigquery", "SELECT * FROM `shop.events_*`, UNNEST(items)"),
        ("snowflake", "SELECT * FROM t, LATERAL FLATTEN(INPUT => t.items)"),
        ("spark", "SELECT * FROM t LATERAL VIEW EXPLODE(items) e AS item"),
        ("duckdb", "WITH pg_x AS (SELECT 1 AS a) SELECT * FROM pg_x"),
    ],
)
def test_what_only_computes_on_the_sources_tables_passes(dialect: str, text: str) -> None:
    """Functions that make rows of their arguments, and a company's own scalar functions, are allowed (SRC-2)."""
    single_select(text, "m.sql", dialect)


def test_every_function_of_duckdb_that_makes_rows_is_refused_but_those_that_compute_them() -> None:
    """An allow-list: a function that a new version brings is refused until somebody looked at it (SRC-2)."""
    with duckdb.connect() as con:
        rows = con.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'")
        names = {name for (name,) in rows.fetchall()}
    passed = set()
    for name in names:
        try:
            single_select(f"SELECT * FROM {name}('x')", "m.sql", "duckdb")
            passed.add(name)
        except ConfigError:
            pass

    assert len(names) > 50
    assert passed <= ROWS
    assert not passed & {name for name in names if "read" in name or "scan" in name or "glob" in name}


def test_no_function_that_postgresql_keeps_from_the_public_passes(postgres_url: str) -> None:
    """What a server grants only to chosen roles reads or changes the server: all of it is refused by name (SRC-2)."""
    with psycopg.connect(postgres_url) as con:
        rows = con.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE proacl IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)"
        ).fetchall()
    names = [name for (name,) in rows]

    assert len(names) >= 40
    for name in names:
        for text in (f"SELECT {name}('x')", f"SELECT * FROM {name}('x')"):
            with pytest.raises(ConfigError, match=name):
                single_select(text, "m.sql", "postgres")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A source's folder, and a file of another company beside it."""
    source, other = tmp_path / "source", tmp_path / "other"
    source.mkdir()
    other.mkdir()
    (source / "t.csv").write_text("a,b\n1,fine\n")
    (other / "t.csv").write_text(f"a,b\n1,{OUTSIDE}\n")
    return source, other


def test_the_engine_itself_reads_nothing_but_the_sources_folder(places: tuple[Path, Path]) -> None:
    """Whatever the parser might miss, DuckDB refuses; the settings that hold it are locked (SRC-2)."""
    source, other = places
    (source / "link.csv").symlink_to(other / "t.csv")
    con = engine(source).con

    assert con.execute(f"SELECT b FROM read_csv('{source}/t.csv')").fetchall() == [("fine",)]
    for sql in (
        f"FROM read_csv('{other}/t.csv')",
        f"FROM read_text('{source}/../other/t.csv')",
        f"FROM read_csv('{source}/link.csv')",
        f"FROM '{other}/t.csv'",
        f"FROM glob('{other}/*')",
        f"ATTACH '{other}/x.db'",
        f"COPY (SELECT 1) TO '{other}/x.csv'",
        "FROM read_csv('https://localhost:1/x.csv')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET autoinstall_known_extensions = true",
        "FROM places",
    ):
        with pytest.raises(duckdb.Error, match=r"disabled|locked|does not exist") as refused:
            con.execute(sql)
        assert OUTSIDE not in str(refused.value)
    assert [p.name for p in other.iterdir()] == ["t.csv"]


def test_a_link_out_of_the_folder_is_refused_by_name(places: tuple[Path, Path]) -> None:
    """A folder source is what lies in the folder (SRC-2)."""
    source, other = places
    (source / "deals.csv").symlink_to(other / "t.csv")
    (source / "within.csv").symlink_to(source / "t.csv")

    with pytest.raises(ConfigError, match=r"`deals`.*link to a file outside the source folder"):
        connect_source(str(source), source, {"accounts": "SELECT * FROM deals"}, STANDARD_RETRIES)
    within = connect_source(str(source), source, {"accounts": "SELECT * FROM within"}, STANDARD_RETRIES)
    assert within.sql("SELECT b FROM within").to_pyarrow().to_pylist() == [{"b": "fine"}]


def test_views_and_macros_of_a_duckdb_file_read_nothing_beside_it(places: tuple[Path, Path]) -> None:
    """A view that reads a file of its own is none of the source; its own tables are (SRC-2)."""
    source, other = places
    with duckdb.connect(source / "w.duckdb") as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW inner_view AS FROM t")
        con.execute(f"CREATE VIEW outer_view AS FROM read_csv('{other}/t.csv')")
        con.execute(f"CREATE MACRO outer_macro() AS (SELECT content FROM read_text('{other}/t.csv'))")
    opened = duckdb_file(source / "w.duckdb").con

    assert opened.execute("FROM inner_view").fetchall() == [(1,)]
    for sql in ("FROM outer_view", "SELECT outer_macro()", f"ATTACH '{other}/x.db'", "INSERT INTO t VALUES (2)"):
        with pytest.raises(duckdb.Error, match=r"disabled|read-only") as refused:
            opened.execute(sql)
        assert OUTSIDE not in str(refused.value)


def test_a_sqlite_file_cannot_be_written_to(tmp_path: Path) -> None:
    """A source is only read, whatever the parser might miss (SRC-2)."""
    (tmp_path / "w.db").touch()  # an empty file is a SQLite file too

    with pytest.raises(Exception, match="readonly"):
        sqlite_file(tmp_path / "w.db").con.execute("CREATE TABLE t (a int)")


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT content AS account_id FROM read_text('/etc/hostname')", "`read_text`"),
        ("SELECT * FROM '/etc/passwd'", "`/etc/passwd`"),
    ],
)
def test_check_and_doctor_refuse_such_a_mapping_with_exit_2(tmp_path: Path, sql: str, says: str) -> None:
    """One sentence with the mapping, what it reads and the remedy; nothing is staged (CONTRACT, TRU-3)."""
    tables = ("accounts", "contracts", "usage")
    text = '[source]\nurl = "."\n' + "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in tables)
    (tmp_path / "pipeline.toml").write_text(text)
    for name in tables:
        (tmp_path / f"{name}.csv").write_text("account_id\nA1\n")
        (tmp_path / f"{name}.sql").write_text(f"SELECT * FROM {name}")
    (tmp_path / "accounts.sql").write_text(sql)
    options = ("--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out")

    checked = keepwell(*options, "check", "--as-of", "2024-01-01")
    looked = keepwell(*options, "doctor")

    assert (checked.code, looked.code) == (2, 2)
    for said in (checked.err, looked.out):
        assert says in said
        assert "accounts.sql" in said
        assert "into the source" in said
    assert not (tmp_path / "out" / "snapshots").exists()


def test_an_error_of_the_data_repeats_none_of_its_values(tmp_path: Path) -> None:
    """Place and kind of what does not fit, not the text itself (TRU-4, TRU-5)."""
    plain = "1,2\n" * 25_000
    for given, sql, says in (
        (f"a\n{OUTSIDE}\n", "SELECT CAST(a AS INT) AS account_id FROM t", "to INT32"),
        (f"a\n{OUTSIDE}\n", "SELECT JSON(a) AS account_id FROM t", "Malformed JSON"),
        (f'a,b\n1,2\n"{OUTSIDE}"x,3\n', "SELECT a AS account_id FROM t", "t.csv: CSV Error on Line: 3"),
        (f'a,b\n{plain}"{OUTSIDE}"x,3\n', "SELECT a AS account_id FROM t", "t.csv: CSV Error on Line: 25002"),
    ):
        (tmp_path / "t.csv").write_text(given)
        (tmp_path / "accounts.sql").write_text(sql)

        with pytest.raises(KeepwellError) as refused:
            stage(str(tmp_path), tmp_path, {"accounts": tmp_path / "accounts.sql"}, tmp_path / "snapshots")
        assert OUTSIDE not in str(refused.value)
        assert says in str(refused.value)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH accounts AS (SELECT * FROM accounts), b AS (SELECT * FROM accounts) SELECT * FROM b;\n-- ok",
        'WITH ACCOUNTS AS (SELECT * FROM Accounts) SELECT * FROM "accounts" ; -- ok\n;',
        "WITH RECURSIVE accounts AS (SELECT * FROM accounts) SELECT * FROM accounts",
        "SELECT * FROM (WITH accounts AS (SELECT * FROM accounts) SELECT * FROM accounts) x",
        "FROM accounts WHERE account_id IN (WITH accounts AS (FROM accounts) SELECT account_id FROM accounts)",
        "WITH a AS (WITH accounts AS (SELECT * FROM accounts) SELECT * FROM accounts) SELECT * FROM a",
        "WITH a AS (SELECT * FROM accounts), accounts AS (SELECT * FROM a) SELECT * FROM accounts",
        "WITH accounts AS (SELECT * FROM main.accounts) SELECT * FROM accounts",
        "WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 3) FROM accounts WHERE 1 IN (FROM n)",
        "/* FROM nothing; */ FROM accounts /* ; */",
        "(SELECT * FROM accounts)",
    ],
)
def test_a_name_means_what_it_means_in_its_scope(tmp_path: Path, sql: str) -> None:
    """A common table expression may be named as its table, as each of dbt's is: nested, recursive (SRC-2)."""
    (tmp_path / "Accounts.csv").write_text("account_id\nA1\n")
    (tmp_path / "accounts.sql").write_text(sql)

    read = stage(".", tmp_path, {"accounts": tmp_path / "accounts.sql"}, tmp_path / "snapshots")

    assert read.tables["accounts"].rows == 1


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT account_id FROM accounts GROUP BY name", ("must appear in the GROUP BY clause",)),
        ("SELECT no_such(account_id) AS account_id FROM accounts", ("no_such does not exist",)),
        ("SELECT account_id + [1] AS account_id FROM accounts", ("No function matches", "Candidate functions")),
        ("SELECT account_id FROM accounts a JOIN accounts b ON true", ("Ambiguous reference", "a.account_id")),
        ("WITH x AS (SELECT * FROM y), y AS (SELECT 1 AS a) SELECT * FROM x", ("`y`",)),
        ("SELECT account_id FROM accounts WHERE", ("accounts.sql", "Line 1")),
    ],
)
def test_sql_that_does_not_bind_is_refused_with_the_whole_reason(
    tmp_path: Path, sql: str, says: tuple[str, ...]
) -> None:
    """Exit 2 with what the engine says of it, to its end (CONTRACT)."""
    (tmp_path / "accounts.csv").write_text("account_id,name\nA1,Ann\n")
    (tmp_path / "accounts.sql").write_text(sql)

    with pytest.raises(ConfigError) as refused:
        stage(".", tmp_path, {"accounts": tmp_path / "accounts.sql"}, tmp_path / "snapshots")
    assert all(one in str(refused.value) for one in says), str(refused.value)


def test_quotes_quote_where_they_first_come_beyond_the_sample_too(tmp_path: Path) -> None:
    """RFC 4180: a comma or a line break in quotes is text; a quote that never ends is an error, not a text (TRU-3)."""
    plain = "".join(f"{n},name\n" for n in range(25_000))

    def read(end: str) -> pd.DataFrame:
        (tmp_path / "t.csv").write_text(f"a,b\n{plain}{end}")
        return (
            connect_source(str(tmp_path), tmp_path, {"t": "SELECT * FROM t"}, STANDARD_RETRIES).table("t").to_pandas()
        )

    assert list(read('x,"Export, PDF"\ny,"two\nlines"\nz,"say ""hi"""\n').tail(3)["b"]) == [
        "Export, PDF", "two\nlines", 'say "hi"',
    ]  # fmt: skip
    with pytest.raises(duckdb.Error, match="unterminated quote"):
        read('x,"stray\ny,name\n')
