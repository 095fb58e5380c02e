"""`keepwell init`: from a source to a configuration that doctor reads, without a question (SRC-11)."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from tests.support.running import Ran, keepwell, mart
from tests.support.starter_sources import CSV, database, fixture, open_source


def warehouse(folder: Path, *systems: str, more: str = "") -> str:
    """A DuckDB file with a schema per system, as loaders fill it; its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for system in systems:
            connection.execute(f"CREATE SCHEMA {system}; USE {system}")
            connection.execute(fixture(system))
        connection.execute(f"USE main; {more}")
    return f"duckdb://{folder}/warehouse.duckdb"


def init(to: Path, *arguments: object) -> Ran:
    return keepwell("init", "--to", to, *arguments)


def doctor(config: Path) -> Sequence[str]:
    """The lines of doctor, without those that are well."""
    ran = keepwell("--config", config, "--out", config.parent / "out", "doctor")
    return [line.strip() for line in ran.out.splitlines() if not line.strip().startswith("ok")]


def test_a_warehouse_becomes_a_configuration_that_can_be_read(tmp_path: Path) -> None:
    """What every system gives is there once; each mapping binds; what is open is said by doctor, line by line."""
    url = warehouse(tmp_path, "stripe", "zendesk", "segment")

    ran = init(tmp_path / "keepwell", "--url", url)
    assert ran.code == 0, ran.err
    config = tmp_path / "keepwell" / "pipeline.toml"
    written = {path.name for path in (tmp_path / "keepwell" / "sql").iterdir()}
    found = doctor(config)

    assert {"accounts.sql", "contracts.sql", "invoices.sql", "tickets.sql", "usage.sql"} <= written
    assert '"segment".tracks' in (config.parent / "sql" / "usage.sql").read_text()
    assert not [line for line in found if line.startswith("critical")]
    said = [line.partition("to decide")[2].strip() for line in ran.out.splitlines() if "to decide" in line]
    assert len([line for line in found if "leaves to decide" in line]) == len(said)


def test_nothing_is_overwritten(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A second time, or where one file of several is there: exit 2, the files named, none written."""
    url = open_source(request, CSV, "stripe", tmp_path).url
    mine = tmp_path / "keepwell" / "sql" / "contracts.sql"
    mine.parent.mkdir(parents=True)
    mine.write_text("SELECT 1")

    ran = init(tmp_path / "keepwell", "--url", url)

    assert ran.code == 2
    assert f"{mine} already exists and is not overwritten" in ran.err
    assert [path for path in (tmp_path / "keepwell").rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "SELECT 1"


def test_what_the_source_does_not_have_is_left_to_decide(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Tickets without contracts or usage: both are there as mappings of no rows, and doctor says so."""
    url = open_source(request, CSV, "zendesk", tmp_path).url

    assert init(tmp_path / "keepwell", "--url", url).code == 0
    found = doctor(tmp_path / "keepwell" / "pipeline.toml")

    for table in ("contracts", "usage"):
        assert any(f"sql/{table}.sql line 1 leaves to decide: nothing in the source" in line for line in found)


def test_without_a_source_the_usual_names_are_written(tmp_path: Path) -> None:
    """For whoever has no access yet: the URL is left to decide."""
    ran = init(tmp_path, "--from", "stripe")

    assert ran.code == 0, ran.err
    assert "FROM subscription AS s" in (tmp_path / "sql" / "contracts.sql").read_text()
    assert "pipeline.toml:6: the folder of the files, or the URL of the warehouse" in ran.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say where your data is (--url), or whose tables you have (--from stripe,hubspot,...)"),
        (("--from", "stripes,zendesk"), "--from names `stripes` (did you mean `stripe`?), for which there is no"),
        (("--url", "nowhere"), "source.url names the folder"),
        (("--url", "duckdb://nowhere.duckdb"), "there is no such file"),
        (("--url", "mongo://host/db"), "unknown database type `mongo://`"),
    ],
)
def test_what_cannot_be_begun_is_said_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Exit 2, and nothing is written."""
    ran = init(tmp_path, *arguments)

    assert ran.code == 2, ran.err
    assert sentence in " ".join(ran.err.split())
    assert not list(tmp_path.iterdir())


def test_a_source_of_other_tables_is_named(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Of the systems asked for nothing is there."""
    url = open_source(request, CSV, "zendesk", tmp_path).url

    ran = init(tmp_path / "keepwell", "--url", url, "--from", "stripe")

    assert ran.code == 2
    assert "the source has no table in the shape of Stripe; it has organizations, " in ran.err
    assert "write the mappings by hand from templates: keepwell init --from tables" in ran.err


def test_exports_are_known_by_the_names_that_people_give_them(tmp_path: Path) -> None:
    """Numbers that are ids, words that say export, dates in names; and what nearly fits says what it lacks."""
    exports = tmp_path / "exports"
    exports.mkdir()
    headers = {
        "Customer List": "Customer No,Company Name,Country",
        "Contracts Export 2026-06": "Contract No,Customer No,Type,StartDate,EndDate,MRR,Notice Received",
        "product_usage_daily": "Date,Customer No,User ID,Events",
        "Support Tickets (all)": "Ticket ID,Customer No,Opened At,CSAT (1-5)",
        "invoices_2023-2026": "Invoice Number,Customer No,Invoice Date,Amount",
        "MeetingsExport": "Meeting Date,Customer No,Type,Participant Role",
        "NPS Survey Results": "Response Date,Company Name,NPS Score",
        "Contacts": "Contact Key,Customer Nr,Role,Since",
        "machines": "Serial No",
    }
    for name, header in headers.items():
        (exports / f"{name}.csv").write_text(f"{header}\n")

    ran = init(tmp_path / "keepwell", "--url", exports)

    assert ran.code == 0, ran.err
    sql = {path.stem: path.read_text() for path in (tmp_path / "keepwell" / "sql").iterdir()}
    assert sorted(sql) == ["accounts", "contacts", "contracts", "invoices", "tickets", "touchpoints", "usage"]
    assert '"Customer No" AS account_id' in sql["contracts"].replace("c.", "")
    assert "Notice Received" in sql["contracts"]
    assert "leaves to decide" not in ran.err
    assert "TODO" not in sql["touchpoints"]
    unused = next(line for line in ran.out.splitlines() if "not used" in line)
    assert "NPS Survey Results (looks like surveys of Your own tables, but no column is known as account_id)" in unused
    assert unused.rstrip().endswith("machines")


def test_a_source_that_nearly_fits_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Each table that is called like a known one, with the column by which it would be known."""
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "Customer List.csv").write_text("Firm,Land\n")
    (exports / "Contacts.csv").write_text("Contact ID,Role,Since\n")

    ran = init(tmp_path / "keepwell", "--url", exports)

    assert ran.code == 2
    assert "Customer List looks like accounts of Your own tables, but no column is known as account_id." in ran.err
    assert "Contacts looks like contacts of Your own tables, but no column is known as account_id." in ran.err
    assert not (tmp_path / "keepwell").exists()


@pytest.mark.postgres
@pytest.mark.slow
def test_a_postgresql_is_read_by_its_schemas_and_its_password_stays_out(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server is asked with it; the file has the name of a variable, with which doctor binds every mapping."""
    schemas = [f"CREATE SCHEMA {name}; SET search_path = {name}; {fixture(name)}" for name in ("stripe", "segment")]
    place = database(postgres_url, "initiated", ";".join(schemas))
    scheme, _, rest = place.partition("://")
    login, _, server_and_name = rest.rpartition("@")
    user = login.partition(":")[0]

    ran = init(tmp_path, "--url", f"{scheme}://{user}:secret-word@{server_and_name}")
    assert ran.code == 0, ran.err
    text = (tmp_path / "pipeline.toml").read_text()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOURCE_PASSWORD", "secret-word")
        found = doctor(tmp_path / "pipeline.toml")

    assert f'url = "{scheme}://{user}:${{SOURCE_PASSWORD}}@{server_and_name}"' in text
    assert "secret-word" not in ran.out + ran.err + text + "".join(found)
    assert "SOURCE_PASSWORD" in ran.out
    assert not [line for line in found if line.startswith("critical")]

    assert text.count('\n# watermark = "day" #') == 1
    (tmp_path / "pipeline.toml").write_text(text.replace("\n# watermark", "\nwatermark"))
    given = {"SOURCE_PASSWORD": "secret-word"}
    for read in ([], [True]):
        caplog.clear()
        checked = ("--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out", "check", "--as-of", "2026-06-01")
        assert keepwell(*checked, **given).code in (0, 3)
        said = [record.getMessage() for record in caplog.records]
        assert [True for line in said if line.startswith("usage: ") and "rows read, those since" in line] == read, said

    by_name = f"{scheme}://${{READER}}:${{SOURCE_PASSWORD}}@{server_and_name}"
    unset = init(tmp_path / "other", "--url", by_name)
    assert unset.code == 2
    assert "READER and SOURCE_PASSWORD from the environment, where it is not set" in unset.err
    ran = keepwell("init", "--to", tmp_path / "other", "--url", by_name, READER=user, **given)
    assert ran.code == 0, ran.err
    assert f'url = "{by_name}"' in (tmp_path / "other" / "pipeline.toml").read_text()
    assert "secret-word" not in ran.out + ran.err


def test_a_value_that_cannot_be_read_stops_no_proposal(tmp_path: Path) -> None:
    """The currencies are then not known; `check` names the row."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "subscriptions.csv").write_text(
        "subscription_id,customer_id,start_date,mrr,currency,is_test\nS1,C1,2026-01-01,100,EUR,perhaps\n"
    )

    ran = init(tmp_path / "keepwell", "--url", folder)

    assert ran.code == 0, ran.err
    assert 'reporting_currency = "USD" # TODO' in (tmp_path / "keepwell" / "pipeline.toml").read_text()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file in place of the folder: one sentence, exit 2."""
    (tmp_path / "sql").write_text("mine")

    ran = init(tmp_path, "--from", "stripe")

    assert ran.code == 2
    assert f"nothing can be written to {tmp_path}: File exists. Name another folder by --to." in " ".join(
        ran.err.split()
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sql"]


def test_check_names_the_todo_of_a_mapping_that_gives_no_rows(tmp_path: Path) -> None:
    """A placeholder is no table that was delivered empty; a table with rows keeps its remedy (SRC-4, SRC-11)."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Customers.csv").write_text("Customer No,Name,Remark\n1,Acme,x\n")
    (folder / "Contracts.csv").write_text("Contract No,Customer No,Start,ARR,Currency\n1,1,2026-01-01,100,EUR\n")
    assert init(tmp_path / "own", "--url", folder).code == 0

    own = tmp_path / "own"
    ran = keepwell("--config", own / "pipeline.toml", "--out", own / "out", "check", "--as-of", "2026-06-01")

    (said,) = [line for line in ran.err.splitlines() if "[rule not_empty]" in line]
    assert "usage: must have at least one row" in said
    assert "[rule not_empty]. Decide first what usage.sql leaves open (TODO in line 1). Deliver" in said
    marts = mart(tmp_path / "own" / "out", "check_results", "2026-06-01")
    first = marts[marts["remedy"].str.startswith("Decide first")]
    assert list(first["table"] + " " + first["expectation"]) == ["usage not_empty"]
