"""What `init` proposes for the values that a source holds, and what it leaves to decide (SRC-11)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.sources.staging import stage
from tests.starters.test_init import doctor, init, warehouse
from tests.support.starter_sources import Staged


def exported(folder: Path, files: Mapping[str, Sequence[str]]) -> Path:
    """A folder of CSV files, by name the lines of each."""
    there = folder / "exports"
    there.mkdir(parents=True)
    for name, lines in files.items():
        (there / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return there


def proposed(folder: Path, files: Mapping[str, Sequence[str]]) -> tuple[Path, Sequence[str]]:
    """The folder of the configuration that `init` writes for exports, and what it leaves to decide."""
    ran = init(folder / "keepwell", "--url", exported(folder, files))
    assert ran.code == 0, ran.err
    return folder / "keepwell", [line.partition("to decide")[2].strip() for line in ran.out.splitlines()]


def staged(folder: Path, table: str, url: str = "exports") -> Staged:
    """The rows of a table as the proposed mapping gives them."""
    mapping = folder / "keepwell" / "sql" / f"{table}.sql"
    root = folder / "snapshots"
    return Staged(root / stage(url, folder, {table: mapping}, root).id)


def initiated(folder: Path, *systems: str, more: str) -> tuple[str, str]:
    """The URL of a warehouse of these systems, changed by `more`, and what `init` says of it."""
    url = warehouse(folder, *systems, more=more)
    ran = init(folder / "keepwell", "--url", url)
    assert ran.code == 0, ran.err
    return url, ran.out


def test_rows_without_an_id_get_one_each(tmp_path: Path) -> None:
    """Two people of an account answer on one day, two calls begin at once: four facts, and none is lost."""
    proposed(
        tmp_path,
        {
            "NPS responses": ["Response Date,customer_number,Score,Comment", "2026-01-02,7,9,", "2026-01-02,7,9,",
                              "2026-01-02,7,3,slow"],
            "Calls": ["Date,Account No.,Type", "2026-01-02 09:00,7,call", "2026-01-02 09:00,7,call"],
        },
    )  # fmt: skip

    assert sorted(staged(tmp_path, "surveys").rows("surveys", "survey_id score").items()) == [
        ("7|2026-01-02|1", 3), ("7|2026-01-02|2", 9), ("7|2026-01-02|3", 9),
    ]  # fmt: skip
    assert sorted(staged(tmp_path, "touchpoints").rows("touchpoints", "touchpoint_id kind")) == [
        "7|2026-01-02 09:00|call|1", "7|2026-01-02 09:00|call|2",
    ]  # fmt: skip


def test_outcomes_say_whether_a_meeting_took_place(tmp_path: Path) -> None:
    """Held and no show; canceled and planned ones are left out; a word that nobody knows is to be decided (SRC-11)."""
    said = ["Held", "No show", "Cancelled", "Planned", "Walked out"]
    days = [f"2026-01-0{day} 09:00,7,Check-in,{word}" for day, word in enumerate(said, start=1)]

    _, undecided = proposed(tmp_path, {"Meetings": ["Date,Account No.,Type,Outcome", *days]})

    rows = staged(tmp_path, "touchpoints").values("touchpoints", "happened_at attended")
    assert [attended for _, attended in rows] == [True, False, None]
    assert [line for line in undecided if "Meetings.Outcome has Walked out: whether these meetings took place" in line]
    assert not [line for line in undecided if "Held" in line or "Planned" in line]


def test_a_pilot_is_a_trial(tmp_path: Path) -> None:
    """A word of the plan or the type that means no paid contract is proposed, and named (SRC-11)."""
    lines = ["c1,7,2026-01-01,Industrial,12000", "c2,8,2026-01-01,Pilot,0", "c3,9,2026-01-01,Free Trial 2026,0"]

    _, undecided = proposed(tmp_path, {"Contracts": ["Contract No,Customer No,Start,Product,Annual Value", *lines]})

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id trial") == {"c1": None, "c2": True, "c3": None}
    assert [line for line in undecided if "Contracts.Product has Free Trial 2026, Pilot: these may be trials." in line]


def test_a_countrys_name_is_left_to_decide(tmp_path: Path) -> None:
    """A name is no code of ISO 3166 (SRC-11)."""
    contracts = ["Contract No,Customer No,Start"]
    customers = ["Customer No,Name,Country", "7,Acme,United States", "8,Bolt,de", '9,Cora,"A\tB  C"']

    _, undecided = proposed(tmp_path, {"Contracts": contracts, "Customers": customers})

    assert staged(tmp_path, "accounts").rows("accounts", "account_id country") == {"7": None, "8": "DE", "9": None}
    assert [line for line in undecided if "Customers.Country has A B C, United States: a country's name" in line]


def test_ids_of_a_third_system_are_joined_through_it(tmp_path: Path) -> None:
    """Zendesk names Stripe's customers, HubSpot knows them; a merged company is the one that is left (SRC-11)."""
    more = """
    UPDATE zendesk.organizations SET external_id = 'cus_acme' WHERE id = 360001;
    UPDATE zendesk.organizations SET external_id = 'cus_acme_2' WHERE id = 360002;
    UPDATE hubspot.company SET property_zendesk_organization_id = NULL;
    """

    url, out = initiated(tmp_path, "hubspot", "stripe", "zendesk", more=more)

    tickets = staged(tmp_path, "tickets", url).values("tickets", "ticket_id account_id")
    assert {account for ticket, account in tickets if ticket in ("1", "2", "3", "4")} == {"9001"}
    assert not [line for line in out.splitlines() if "tickets.sql" in line and "accounts are those of HubSpot" in line]


def test_ids_that_are_nobodys_are_left_to_decide(tmp_path: Path) -> None:
    """No join in silence: `init` says it, and doctor after it (SRC-11)."""
    more = """
    UPDATE zendesk.organizations SET external_id = 'x' || id;
    UPDATE hubspot.company SET property_zendesk_organization_id = NULL;
    """

    _, out = initiated(tmp_path, "hubspot", "zendesk", more=more)

    said = "the ids of other systems in Zendesk are none of HubSpot."
    assert said in out
    assert [line for line in doctor(tmp_path / "keepwell" / "pipeline.toml") if said in line]
    assert "linked_ids" not in (tmp_path / "keepwell" / "sql" / "tickets.sql").read_text().partition("UNION ALL")[2]


def test_a_link_that_has_a_part_of_the_accounts_is_left_to_decide(tmp_path: Path) -> None:
    """How many of a system's own accounts are linked, and where else ids may be; keys stay on one line (SRC-11)."""
    more = """
    ALTER TABLE stripe.customer ADD COLUMN metadata json;
    UPDATE stripe.customer SET metadata = '{"workspace_id": "w1", "po\\nnumber": "1"}' WHERE id = 'cus_acme';
    UPDATE stripe.customer SET metadata = '{"hubspot": "9002"}' WHERE id = 'cus_bolt';
    """

    _, out = initiated(tmp_path, "hubspot", "stripe", more=more)

    said = (
        "2 of the 7 customers of Stripe are linked to HubSpot; the others keep their own ids, which `check` refuses: "
        "link them by another column (metadata with hubspot and workspace_id, domain or name), or set them aside by a "
        "quarantine_reason."
    )
    assert [line.split(":")[0] for line in out.splitlines() if said in line] == [
        "         to decide  sql/contracts.sql", "         to decide  sql/invoices.sql",
    ]  # fmt: skip
    assert [line for line in doctor(tmp_path / "keepwell" / "pipeline.toml") if said in line]


def test_a_link_of_nearly_all_accounts_leaves_nothing_to_decide(tmp_path: Path) -> None:
    """Each customer is linked: by the same column as before, without a word (SRC-11)."""
    more = "UPDATE stripe.customer SET metadata_hubspot_company_id = '9001'"

    _, out = initiated(tmp_path, "hubspot", "stripe", more=more)

    assert "are linked to HubSpot" not in out
    assert "linked_ids" in (tmp_path / "keepwell" / "sql" / "contracts.sql").read_text()


def test_a_meeting_names_its_company_itself(tmp_path: Path) -> None:
    """A loader without a table of links writes it into the meeting (SRC-11)."""
    more = "DROP TABLE hubspot.engagement_company; DROP TABLE hubspot.engagement"

    url, out = initiated(tmp_path, "hubspot", more=more)

    assert staged(tmp_path, "touchpoints", url).values("touchpoints", "touchpoint_id account_id") == [
        ("808:9002", "9002")
    ]
    assert "meetings that are still SCHEDULED are left out" in out


def test_a_table_of_groups_is_enough_where_events_name_theirs(tmp_path: Path) -> None:
    """One row per group, whose id the events have; who belongs to it nobody says (SRC-11)."""
    more = """
    DROP TABLE segment.groups;
    CREATE TABLE segment.groups (id text, name text, received_at timestamptz);
    INSERT INTO segment.groups VALUES ('acme', 'Acme', '2026-05-01 09:00:00+00');
    """

    url, _ = initiated(tmp_path, "segment", more=more)

    assert staged(tmp_path, "usage", url).values("usage", "day account_id user_id feature") == [
        ("2026-05-16", "acme", "cleo", "report_viewed"), ("2026-05-17", "acme", None, "import_finished"),
    ]  # fmt: skip
    assert staged(tmp_path, "accounts", url).rows("accounts", "account_id name") == {"acme": "Acme"}
    assert not (tmp_path / "keepwell" / "sql" / "contacts.sql").exists()


def test_a_ticket_has_its_rating_itself(tmp_path: Path) -> None:
    """Good and bad stand in the ticket where there is no table of ratings (SRC-11)."""
    more = """
    DROP TABLE zendesk.satisfaction_ratings;
    ALTER TABLE zendesk.tickets RENAME satisfaction_rating_score TO satisfaction_rating;
    """

    url, _ = initiated(tmp_path, "zendesk", more=more)

    assert staged(tmp_path, "tickets", url).rows("tickets", "ticket_id csat") == {
        "1": 5.0,
        "2": None,
        "3": 5.0,
        "4": None,
    }


def test_a_dated_name_is_left_to_decide(tmp_path: Path) -> None:
    """Next month's export would not be read (SRC-11)."""
    header = ["Contract No,Customer No,Start"]

    _, undecided = proposed(tmp_path, {"Contracts Export 2026-06": header, "Usage": ["Customer No,Date"]})

    assert [line.partition(": ")[0] for line in undecided if "has a date in its name" in line] == [
        "sql/contracts.sql:2"
    ]


def test_the_remedy_of_a_conversion_in_the_mapping_works(tmp_path: Path) -> None:
    """A monthly amount is multiplied and an event's time is cut to its day: neither can stay as it is (SRC-2).

    The draft is of an export that was written plainly; the next one is not.
    """
    proposed(
        tmp_path,
        {
            "Contracts": ["Contract No,Customer No,Start,MRR", "1,7,2026-01-01,1234.50"],
            "Usage": ["Customer No,Date", "7,2025-12-31 08:30"],
        },
    )
    (tmp_path / "exports" / "Contracts.csv").write_text(
        'Contract No,Customer No,Start,MRR\n1,7,2026-01-01,"1.234,50"\n'
    )
    (tmp_path / "exports" / "Usage.csv").write_text("Customer No,Date\n7,31.12.2025 08:30\n")

    number, instant = "REPLACE(REPLACE(x, '.', ''), ',', '.')", "strptime(x, '%d.%m.%Y %H:%M')"
    for table, column, written in (("contracts", 'c."MRR"', number), ("usage", 'u."Date"', instant)):
        with pytest.raises(DataCheckFailed, match=re.escape(written)):
            staged(tmp_path, table)
        mapping = tmp_path / "keepwell" / "sql" / f"{table}.sql"
        reads = re.sub(r"\bx\b", column, written)
        mapping.write_text(mapping.read_text().replace(f"CAST({column} AS", f"CAST({reads} AS"))

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id arr") == {"1": 14_814.0}
    assert staged(tmp_path, "usage").values("usage", "day account_id") == [("2025-12-31", "7")]


def test_a_companys_own_column_of_notices_is_left_to_decide(tmp_path: Path) -> None:
    """A success manager enters some notices in the CRM alone: nobody would leave (SRC-11)."""
    _, said = initiated(
        tmp_path,
        "hubspot",
        "stripe",
        more="ALTER TABLE hubspot.company ADD COLUMN property_cancellation_notice_date date",
    )

    assert said.count("company.property_cancellation_notice_date may say who gave notice") == 1
