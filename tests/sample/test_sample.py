"""The sample company: the same for the same seed, and as sound as the data checks will demand."""

import hashlib
import tomllib
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import sqlglot

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT
from keepwell.sample.settings import BookSettings, ChurnSettings, CompanySettings, ContactSettings
from keepwell.sample.signal_settings import SupportSettings
from keepwell.sample.write import ARROW, NOT_KEPT, columns_of, write_company

GIVEN = tuple(name for name in TABLES if name != "hold_outs")
"""The tables of a company whose CSMs follow a policy; random draws need a randomized hold-out."""
LAST_DAY = date(2026, 6, 30)
END = datetime(2026, 7, 1)
SCHEDULED = {
    ("contracts", "start_on"),
    ("contracts", "end_on"),
    ("invoices", "due_on"),
    ("notes", "expires_on"),
}
"""Dates that are agreed beforehand and so may lie in the future."""
VALUES = {
    ("accounts", "segment"): {"enterprise", "mid-market", "digital-touch"},
    ("contracts", "currency"): {"USD", "EUR", "GBP"},
    ("tickets", "priority"): {"low", "medium", "high", "urgent", "critical"},
    ("touchpoints", "kind"): {"call", "meeting", "email", "webinar", "community", "onboarding"},
    ("touchpoints", "role"): {"executive", "sponsor", "champion", "admin", "user"},
    ("contacts", "role"): {"executive", "sponsor", "champion", "admin", "user"},
    ("opportunities", "kind"): {"renewal", "expansion"},
    ("opportunities", "stage"): {"open", "proposal", "negotiation", "won", "lost"},
    ("advocacy", "kind"): {"reference", "review", "referral", "case study"},
    ("interventions", "kind"): {"technical fix", "training", "support", "executive", "commercial"},
    ("notes", "kind"): {"merger", "budget freeze", "season", "other"},
}
SMALL = CompanySettings(book=BookSettings(chunk=20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    to = tmp_path_factory.mktemp("company")
    # Few leave before their term: more do here, so that a small company shows some.
    write_company(300, 15, seed=7, to=to, settings=CompanySettings(churn=ChurnSettings(early_exit=0.4)))
    return to


@pytest.fixture(scope="module")
def company(folder):
    """The company in DuckDB, read by its own mappings."""
    con = duckdb.connect()
    for name in GIVEN:
        con.execute(f"create view {name}_file as select * from '{folder / f'{name}.parquet'}'")
        select = (folder / "sql" / f"{name}.sql").read_text()
        con.execute(f"create view {name} as {select.replace(f'FROM {name}', f'FROM {name}_file')}")
    return con


def one(company, sql):
    return company.sql(sql).fetchone()[0]


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def small(to, seed=1, settings=SMALL):
    write_company(50, 3, seed=seed, to=to, settings=settings)
    return digests(to)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    """A demo can be repeated: no clock, no machine, only the arguments (SRC-1, TRU-1)."""
    first, again, other = small(tmp_path / "a"), small(tmp_path / "b"), small(tmp_path / "c", seed=2)

    assert first == again
    assert {name for name in first if first[name] == other[name]} == {n for n in first if not n.endswith(".parquet")}


def test_a_change_in_one_topic_moves_no_other_table(tmp_path):
    """Each table has its own random stream, so that two companies differ only in what was changed (SRC-1)."""
    talkative = SMALL.model_copy(update={"support": SupportSettings(csat_answered=1.0)})
    usual, changed = small(tmp_path / "a"), small(tmp_path / "b", settings=talkative)

    assert {name for name in usual if usual[name] != changed[name]} == {"tickets.parquet"}


def test_the_rows_returned_are_the_rows_written(tmp_path):
    """The count of each table is what its file holds, over several chunks (SRC-1)."""
    rows = write_company(50, 3, seed=1, to=tmp_path, settings=SMALL)

    assert rows == {name: pq.read_metadata(tmp_path / f"{name}.parquet").num_rows for name in GIVEN}
    assert pq.read_metadata(tmp_path / "usage.parquet").num_row_groups == 3


def test_a_company_of_nobody_is_refused(tmp_path):
    """Zero accounts or months are a mistake, named with their numbers (TRU-3)."""
    with pytest.raises(ValueError, match="at least one account and one month; got 0 and 3"):
        write_company(0, 3, seed=1, to=tmp_path)


@pytest.mark.parametrize("name", GIVEN)
def test_every_canonical_column_is_there_in_its_type(folder, name):
    """All columns but those that no system of the company has, as the sentiment of a text (SRC-1, FEA-5)."""
    schema = pq.read_schema(folder / f"{name}.parquet")
    types = {c.name: ARROW[c.type] for c in TABLES[name].columns if c.name not in NOT_KEPT}

    assert {field.name: field.type for field in schema} == types | {"loaded_at": ARROW[INSTANT]}


@pytest.mark.parametrize("name", GIVEN)
def test_keys_are_unique_and_required_columns_filled(company, name):
    """What the key promises, and no null where the contract says never (SRC-4)."""
    table = TABLES[name]
    missing = " or ".join(f"{c.name} is null" for c in table.columns if c.required)

    assert one(company, f"select count(*) - count(distinct ({', '.join(table.key)})) from {name}") == 0
    assert one(company, f"select count(*) from {name} where {missing}") == 0
    assert one(company, f"select count(*) from {name}") > 0


@pytest.mark.parametrize("name", GIVEN)
def test_there_are_no_orphans(company, name):
    """Every account_id, and every parent, is in accounts (SRC-4)."""
    column = "parent_id" if name == "accounts" else "account_id"

    assert one(company, f"select count(*) from {name} where {column} not in (select account_id from accounts)") == 0
    assert one(company, f"select count({column}) from {name}") > 0


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_happens_after_the_last_day(company, name):
    """No date beyond the last day, no instant beyond its midnight; only schedules look ahead (FEA-3)."""
    for column in (*TABLES[name].columns, TABLES[name].staged[-2]):
        if column.type in {DATE, INSTANT} and column.name not in NOT_KEPT and (name, column.name) not in SCHEDULED:
            latest = one(company, f"select max({column.name}) from {name}")
            assert latest is None or latest <= (LAST_DAY if column.type == DATE else END), column.name


@pytest.mark.parametrize("name", GIVEN)
def test_rows_are_stored_after_their_event(company, name):
    """Only a renewal that starts in the future has no load time yet (SRC-4)."""
    event = TABLES[name].event
    future = f"{event}::date > date '{LAST_DAY}'"

    assert one(company, f"select count(*) from {name} where loaded_at <= {event}::timestamp") == 0
    assert one(company, f"select count(*) from {name} where (loaded_at is null) <> ({future})") == 0
    assert name == "contracts" or one(company, f"select count(*) from {name} where {future}") == 0


@pytest.mark.parametrize(("name", "column"), VALUES)
def test_sets_of_values_are_the_canonical_ones(company, name, column):
    """Priorities, kinds, roles, stages, segments, currencies: these words and all of them (SRC-4)."""
    found = {value for (value,) in company.sql(f"select distinct {column} from {name}").fetchall()}

    assert found == VALUES[name, column]


@pytest.mark.parametrize(
    ("name", "earlier", "later"),
    [
        ("contracts", "signed_on", "start_on"),
        ("contracts", "coalesce(least(signed_on, start_on), start_on)", "notice_on"),
        ("contracts", "notice_on", "ended_on"),
        ("contracts", "ended_on", "end_on"),
        ("tickets", "opened_at", "first_response_at"),
        ("tickets", "first_response_at", "escalated_at"),
        ("tickets", "first_response_at", "closed_at"),
        ("tickets", "closed_at", "csat_at"),
        ("invoices", "issued_on", "due_on"),
        ("invoices", "issued_on", "paid_at"),
        ("invoices", "issued_on", "failed_at"),
        ("invoices", "failed_at", "paid_at"),
        ("invoices", "disputed_at", "resolved_at"),
        ("contacts", "since", "left_on"),
        ("notes", "noted_at", "expires_on"),
    ],
)
def test_dates_are_in_order(company, name, earlier, later):
    """Nothing is answered before it was asked, nor ended before it began (SRC-4)."""
    assert one(company, f"select count(*) from {name} where {later} < {earlier}") == 0
    assert one(company, f"select count(*) from {name} where {later} >= {earlier}") > 0


def test_terms_follow_each_other_without_overlap(company):
    """Trial and terms of an account begin when the one before has ended, or later; add-ons come on top (SRC-1)."""
    overlaps = one(
        company,
        """
        with spans as (
            select account_id, min(start_on) as start_on, until from (
                select *, least(coalesce(ended_on, end_on), coalesce(end_on, ended_on)) as until from contracts
            ) group by account_id, until
        ), pairs as (
            select start_on, lag(until) over (partition by account_id order by start_on) as before from spans
        )
        select count(*) from pairs where start_on < before
        """,
    )

    assert overlaps == 0
    assert one(company, "select count(*) from contracts where end_on <= start_on or ended_on <= start_on") == 0


def test_the_attributes_of_an_account_are_known_when_its_first_contract_starts(company):
    """The first valid_from lies before the first start and not after its signing (SRC-1)."""
    late = one(
        company,
        """
        with known as (select account_id, min(valid_from) as since from accounts group by 1),
        bought as (select account_id, min(start_on) as start_on, min(signed_on) as signed_on from contracts group by 1)
        select count(*) from known join bought using (account_id) where since >= start_on or since > signed_on
        """,
    )

    assert late == 0


def test_changes_of_owner_and_segment_are_history_rows(company):
    """An account keeps its row and gets a later one when its CSM or segment changes, nothing else (SRC-1)."""
    changed = company.sql(
        """
        select count(*), count(*) filter (csms > 1), count(*) filter (segments > 1), max(fixed) from (
            select account_id, count(distinct csm) as csms, count(distinct segment) as segments,
                count(distinct (name, parent_id, industry, country, email_opt_out)) as fixed
            from accounts group by 1 having count(*) > 1
        )
        """
    ).fetchone()

    unchanged = one(
        company,
        """
        with rows as (
            select *, lag(csm) over history as csm_before from accounts
            window history as (partition by account_id order by valid_from)
        )
        select count(*) from rows where csm = csm_before
        """,
    )

    assert min(changed[:3]) > 0
    assert changed[3] == 1
    assert unchanged == 0


def test_usage_lies_within_contracts_and_comes_in_order(company):
    """Nobody uses what was not bought, but while a renewal is late; rows come in order (SRC-1)."""
    outside = one(
        company,
        """
        select count(*) from (select distinct account_id, day from usage) u join (
            select account_id, min(start_on) as first,
                max(coalesce(ended_on, end_on, date '2099-01-01')) as last from contracts group by 1
        ) using (account_id) where day < first or day >= last + 20
        """,
    )
    rows = company.sql("select account_id, day, user_id, feature from usage").fetchall()

    assert outside == 0
    assert rows == sorted(rows)


def test_some_accounts_never_log_in(company):
    """Customers without a single usage row are in the book, with contracts and invoices (SRC-7)."""
    silent = "select account_id from accounts except select account_id from usage"

    assert one(company, f"select count(distinct account_id) from contracts where account_id in ({silent})") >= 6
    assert one(company, f"select count(*) from invoices where account_id in ({silent})") > 0


def test_every_kind_of_contract_occurs(company):
    """Trials, add-ons, open-ended monthly ones, several years, notices, ends without notice, signed ahead (SRC-1)."""
    kinds = {
        "trial": "trial",
        "module": "seats is null",
        "monthly": "end_on is null and auto_renew",
        "several years": "end_on > start_on + interval 13 month",
        "with notice": "notice_on is not null",
        "before its term": "ended_on < end_on",
        "signed ahead": f"start_on > date '{LAST_DAY}'",
    }
    counts = {kind: one(company, f"select count(*) from contracts where {rule}") for kind, rule in kinds.items()}
    silent = "select account_id from churn_events except select account_id from contracts where notice_on is not null"

    assert min(counts.values()) > 0, counts
    assert one(company, f"select count(*) from ({silent})") > 0


def test_every_daily_alert_has_its_cause(company):
    """Two weeks without use, urgent tickets, failures, disputes and halved use all occur (ALR-1)."""
    idle = one(
        company,
        """
        select count(*) from (
            select day - lag(day) over (partition by account_id order by day) as gap from
            (select distinct account_id, day from usage)
        ) where gap > 14
        """,
    )
    halved = one(
        company,
        """
        with months as (
            select account_id, date_trunc('month', day) as month, count(*) as rows from usage group by 1, 2
        ), changes as (
            select rows, lag(rows) over (partition by account_id order by month) as before from months
        )
        select count(*) from changes where rows < 0.5 * before
        """,
    )

    assert idle > 0
    assert halved > 0
    assert one(company, "select count(*) from tickets where priority in ('urgent', 'critical')") > 0
    assert one(company, "select count(failed_at) from invoices") > 0
    assert one(company, "select count(disputed_at) from invoices") > 0


def test_those_who_leave_used_the_product_less(company):
    """Health drives use and leaving: in their last 28 days leavers have fewer user-days per seat (MOD-8)."""
    use = company.sql(
        """
        with ends as (
            select account_id, churned_on is not null as gone, coalesce(churned_on, date '2026-06-15') as until
            from (select distinct account_id from accounts) left join churn_events using (account_id)
        ), seats as (select account_id, max(seats) as seats from contracts group by 1), days as (
            select account_id, count(distinct (user_id, day)) as days from usage join ends using (account_id)
            where day >= until - 28 and day < until group by 1
        )
        select gone, avg(coalesce(days, 0) / seats)
        from ends join seats using (account_id) left join days using (account_id) group by 1
        """
    ).fetchall()
    share = dict(use)

    assert share[True] < 0.7 * share[False]


def test_a_plausible_part_of_the_book_leaves_each_month(company):
    """Between 1% and 3% a month, by the company's own record (MOD-2)."""
    gone = one(company, "select count(*) from churn_events")
    months = one(company, "select count(*) from legacy_scores")

    assert 0.01 < gone / months < 0.03


def test_education_sleeps_in_summer(company):
    """In July schools use less than half of what they use in May; the others do not (FEA-1)."""
    ratio = """
        select count(*) filter (month(day) = 7) / count(*) filter (month(day) = 5) from usage
        where year(day) = 2025 and account_id in (
            select account_id from contracts group by 1 having min(start_on) < date '2025-04-01'
            and bool_or(coalesce(ended_on, date '2099-01-01') > date '2025-08-01'))
        and account_id in (select account_id from accounts where (industry = 'Education') = {})
    """

    assert one(company, ratio.format("true")) < 0.5
    assert one(company, ratio.format("false")) > 0.7


def test_texts_are_mostly_english_and_sometimes_not(company):
    """A few percent of the texts are German, Spanish or French: their sentiment must read as missing (FEA-5)."""
    foreign = one(company, "select avg((text ~ '.*(¿|é|ü|wir |está|muy ).*')::int) from tickets")

    assert 0 < foreign < 0.08


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", GIVEN)
def test_each_mapping_is_one_select_in_either_dialect(folder, name, dialect):
    """The SQL runs unchanged where the tables lie in parquet or in PostgreSQL (SRC-2)."""
    statements = sqlglot.parse((folder / "sql" / f"{name}.sql").read_text(), dialect=dialect)

    assert len(statements) == 1
    assert isinstance(statements[0], sqlglot.exp.Select)
    assert statements[0].named_selects == columns_of(name)


def test_a_small_company_expects_rare_rows_less_often(tmp_path):
    """Else a handful of customers who all stay would pass for a table that is not loaded any more (SRC-4)."""
    days = {}
    for accounts in (60, 300):
        write_company(accounts, 12, seed=1, to=tmp_path / str(accounts))
        tables = tomllib.loads((tmp_path / str(accounts) / "pipeline.toml").read_text())["tables"]
        days[accounts] = {name: table["expected_every_days"] for name, table in tables.items()}

    assert {name for name in GIVEN if days[60][name] > days[300][name]} == {
        "churn_events", "advocacy", "interventions", "notes",
    }  # fmt: skip
    assert days[60]["churn_events"] == 5 * days[300]["churn_events"]


def test_a_randomized_company_records_every_draw(tmp_path):
    """Each contact follows a draw of its day, with the set probability; other days have no draw (MOD-1)."""
    write_company(
        250,
        15,
        seed=3,
        to=tmp_path,
        settings=CompanySettings(contacts=ContactSettings(mode="random", random_share=0.3)),
    )
    con = duckdb.connect(str(tmp_path / "read.duckdb"))
    for name in ("hold_outs", "interventions", "accounts"):
        con.execute(f"create view {name} as select * from '{tmp_path / f'{name}.parquet'}'")
    contacted = "from hold_outs left join interventions i using (account_id) where started_at::date = drawn_at::date"

    assert one(con, "select min(chance) = 0.3 and max(chance) = 0.3 from hold_outs")
    assert one(con, f"select count(*) {contacted} and started_at > drawn_at") == one(
        con, "select count(*) from interventions"
    )
    assert one(con, f"select count(*) {contacted}") / one(con, "select count(*) from hold_outs") == pytest.approx(
        0.3, abs=0.06
    )
    assert one(con, "select count(*) - count(distinct (account_id, drawn_at)) from hold_outs") == 0
    assert "hold_outs" in tomllib.loads((tmp_path / "pipeline.toml").read_text())["tables"]


def test_the_pipeline_file_names_source_money_and_every_table(folder):
    """A reader finds the data beside it, the rates, and per table its SQL, system and rhythm (SRC-2, SRC-6)."""
    settings = tomllib.loads((folder / "pipeline.toml").read_text())

    assert settings["source"] == {"url": "."}
    assert settings["money"] == {"reporting_currency": "USD", "fx_rates": {"EUR": 1.08, "GBP": 1.27}}
    assert set(settings["tables"]) == set(GIVEN)
    for table in settings["tables"].values():
        assert (Path(folder) / table["sql"]).is_file()
        assert table["system"]
        assert table["expected_every_days"] >= 1
