"""What `init` reads off the values of a company's own exports: whose rows they are, how written, which are twice."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from tests.starters.test_init import init
from tests.starters.test_proposals import proposed, staged

ACCOUNTS = [
    "Account ID,Account Name,Customer No,Tenant",
    "001A,Hotel Baden AG,K-1,baden", "001B,Textil Chur,K-2,chur", "001C,Klinikum Ost,,ost", "001C,Klinikum Ost,,ost",
]  # fmt: skip
CONTACTS = ["Contact ID,E-mail,Account ID", "1,h@baden.ch,001A", "2,t@chur.ch,001B", "3,o@ost.de,001C"]
CONTRACTS = [
    "Contract No;Customer No;Customer;Plan;Start Date;End Date;Amount per Period;Billing Cycle;Currency;Contract Type",
    "V1;K-1;Hotel Baden AG;Plus;01.02.2026;31.01.2027;1.200,50;quarterly;EUR;Subscription",
    "V2;K-2;Textil Chur;Plus;15.02.2026;unbefristet;900,00;monthly;EUR;Subscription",
    "V3;K-9;Klinikum Ost;Pilot;15.03.2026;14.06.2026;auf Anfrage;monthly;EUR;Subscription",
    "V4;K-2;Textil Chur;Setup;15.02.2026;;5.000,00;yearly;EUR;One-off",
    "V1;K-1;Hotel Baden AG;Plus;01.02.2026;31.01.2027;1.200,50;quarterly;EUR;Subscription",
]  # fmt: skip


def exports(folder: Path, **more: Sequence[str]) -> dict[str, str]:
    """What `init` says of an export of a CRM and a billing tool, by file: what is left to decide."""
    files = {"crm_accounts": ACCOUNTS, "crm_contacts": CONTACTS, "billing_contracts": CONTRACTS, **more}
    _, undecided = proposed(folder, files)
    return {line.partition(":")[0]: line for line in undecided if "account is found" in line}


def test_a_contract_finds_its_account_by_number_else_by_name(tmp_path: Path) -> None:
    """The billing tool's own numbers stand in some accounts of the CRM; a name stands in all (SRC-11)."""
    assert exports(tmp_path) == {}

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id account_id") == {
        "V1": "001A", "V2": "001B", "V3": "001C",
    }  # fmt: skip


def test_local_formats_are_read_and_words_are_no_values(tmp_path: Path) -> None:
    """German numbers and dates; an amount per cycle is one of a year; a pilot without an amount is free (SRC-11)."""
    exports(tmp_path)

    found = staged(tmp_path, "contracts")

    assert found.uncast() == []
    assert found.rows("contracts", "contract_id start_on end_on arr trial") == {
        "V1": ("2026-02-01", "2027-01-31", 4802.0, None), "V2": ("2026-02-15", None, 10_800.0, None),
        "V3": ("2026-03-15", "2026-06-14", 0.0, True),
    }  # fmt: skip


def test_rows_that_are_there_twice_count_once(tmp_path: Path) -> None:
    """Exports are pasted together; a log of use may have two rows alike, and both count (SRC-11)."""
    use = ["tenant,day,user,logins", "baden,2026-03-01,h@baden.ch,1", "baden,2026-03-01,h@baden.ch,1"]
    exports(tmp_path, product_usage=use)

    assert len(staged(tmp_path, "accounts").rows("accounts", "account_id name")) == 3
    assert len(staged(tmp_path, "contracts").rows("contracts", "contract_id arr")) == 3
    assert staged(tmp_path, "usage").values("usage", "account_id events") == [("001A", 2)]


def test_answers_find_their_account_through_the_contacts(tmp_path: Path) -> None:
    """A survey knows an e-mail address; whose it is stands in another export. A meeting is one by its file (SRC-11)."""
    answers = ["Response ID,Response Date,Respondent Email,Score (0-10)", "R1,03.03.2026,h@baden.ch,9",
               "R2,13.03.2026,t@chur.ch,n/a"]  # fmt: skip
    meetings = ["Activity ID,Start,Related Account ID,Status", "M1,2026-03-03 09:00,001B,Held"]

    assert exports(tmp_path, nps_survey=answers, crm_meetings=meetings) == {}

    assert staged(tmp_path, "surveys").rows("surveys", "survey_id account_id score") == {
        "R1": ("001A", 9), "R2": ("001B", None),
    }  # fmt: skip
    assert staged(tmp_path, "touchpoints").rows("touchpoints", "touchpoint_id account_id kind") == {
        "M1": ("001B", "meeting")
    }


def test_rows_of_nobody_are_left_to_decide_with_their_share(tmp_path: Path) -> None:
    """They keep what they have, which `check` refuses by name (SRC-11)."""
    tickets = ["Ticket ID,Organization,External ID,Created At", "1,Hotel Baden AG,,2026-03-01",
               "2,Textil Chur,001B,2026-03-01", "3,Somebody,,2026-03-02", "4,Textil Chur,,2026-03-03"]  # fmt: skip

    said = exports(tmp_path, helpdesk_tickets=tickets)["sql/tickets.sql"]

    assert "together in 75.0%. The others keep Organization, which `check` refuses" in said
    assert staged(tmp_path, "tickets").rows("tickets", "ticket_id account_id") == {
        "1": "001A", "2": "001B", "3": "Somebody", "4": "001B",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Seats", "Quantity"])
def test_plain_numbers_mean_an_account_only_where_a_column_is_called_so(tmp_path: Path, name: str) -> None:
    """Twelve seats are not account 12 (SRC-11)."""
    accounts = ["Customer No,Name", *(f"{n},Customer {n}" for n in range(1, 31))]
    contracts = [f"Contract No,Customer,{name},Start", *(f"{n},Customer {31 - n},{n},2026-01-01" for n in range(1, 31))]
    proposed(tmp_path, {"Customers": accounts, "Contracts": contracts})

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id account_id")["1"] == "30"


MANY = range(1, 31)


def test_a_rows_own_id_is_not_its_account(tmp_path: Path) -> None:
    """Tickets 1 to 30 are not of the accounts 1 to 30; an account that is gone does not change that (SRC-11)."""
    accounts = ["id,name", *(f"{n},Firma {n}" for n in MANY)]
    tickets = ["id,customer_id,created_at", *(f"{n},{31 - n if n > 1 else 99},2026-03-01" for n in MANY)]
    contacts = ["id,account,email,since", *(f"{n},{31 - n},p{n}@x.de,2026-03-01" for n in MANY)]
    answers = ["id,email,date,score", *(f"{n},p{n}@x.de,2026-03-01,9" for n in MANY)]
    unknown = ["id,date,amount", *(f"{n},2026-03-01,9" for n in MANY)]

    proposed(
        tmp_path, {"accounts": accounts, "tickets": tickets, "contacts": contacts, "nps": answers, "invoices": unknown}
    )

    for table, key in (("tickets", "ticket_id"), ("contacts", "contact_id"), ("surveys", "survey_id")):
        assert staged(tmp_path, table).rows(table, f"{key} account_id")["2"] == "29"
    assert not (tmp_path / "keepwell" / "sql" / "invoices.sql").exists()


def test_a_value_of_two_accounts_means_none(tmp_path: Path) -> None:
    """Two accounts of one name: whose contract it is, nobody knows (SRC-11)."""
    accounts = ["account_id,name", "A1,Muster AG", "A2,Muster AG", *(f"B{n},Firma {n}" for n in MANY)]
    contracts = ["contract_id,customer,start", "V0,Muster AG,2026-01-01", *(f"V{n},Firma {n},2026-01-01" for n in MANY)]
    proposed(tmp_path, {"accounts": accounts, "contracts": contracts})

    found = staged(tmp_path, "contracts").rows("contracts", "contract_id account_id")

    assert (found["V0"], found["V1"]) == ("Muster AG", "B1")


def test_days_amounts_plans_and_partners_mean_no_account(tmp_path: Path) -> None:
    """What meets by chance, and a partner's account beside the customer's, takes no row (SRC-11)."""
    accounts = [
        "account_id,name,created,seats,csm,tier",
        *(f"A{n},F {n},2025-01-{n:02d},{n},c{n},t{n}" for n in MANY),
    ]
    rows = (f"V{n},{f'A{n}' if n < 28 else f'X{n}'},A7,2025-01-{n:02d},{n},c{n},t{n}" for n in MANY)
    contracts = ["contract_id,account_id,reseller,start,seats,csm,tier", *rows]
    tickets = ["ticket_id,customer_id,created", *(f"T{n},{n + 5},2025-01-{n:02d}" for n in MANY)]
    proposed(tmp_path, {"accounts": accounts, "contracts": contracts, "tickets": tickets})

    contracts_of = staged(tmp_path, "contracts").rows("contracts", "contract_id account_id")
    assert (contracts_of["V1"], contracts_of["V30"]) == ("A1", "X30")
    assert staged(tmp_path, "tickets").rows("tickets", "ticket_id account_id")["T1"] == "6"


def test_a_columns_name_breaks_no_comment(tmp_path: Path) -> None:
    """Names with quotes and ends of lines are exported too (SRC-11)."""
    contracts = [
        'contract_id,"Acc\'t % ""x""",start,"li',
        'ne; SELECT"',
        "V1,001A,2026-01-01,z",
        "V2,001B,2026-01-01,y",
    ]
    exports(tmp_path, billing_contracts=contracts)

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id account_id") == {"V1": "001A", "V2": "001B"}


def test_text_with_a_number_in_it_is_no_amount(tmp_path: Path) -> None:
    """A remark beside amounts with a currency stays a text, which is counted (SRC-11)."""
    amounts = ['"€ 1.200,50"', "Q1 2026", "call Bob 12", '"€ 9,00"']
    rows = (f"V{n},001A,2026-01-01,{amount}" for n, amount in enumerate(amounts, start=1))
    exports(tmp_path, billing_contracts=["contract_id,account_id,start,arr", *rows])

    found = staged(tmp_path, "contracts")

    assert found.rows("contracts", "contract_id arr") == {"V1": 1200.5, "V2": None, "V3": None, "V4": 9.0}
    assert {key for _, _, key in found.uncast()} == {"V2", "V3"}


def test_ids_are_numbers_in_one_table_and_text_in_another(tmp_path: Path) -> None:
    """In a database a name is looked up for an account whose id is a number (SRC-11)."""
    url = f"duckdb://{tmp_path / 'source.duckdb'}"
    with duckdb.connect(str(tmp_path / "source.duckdb")) as connection:
        connection.execute("CREATE TABLE accounts AS SELECT i AS id, 'Firma ' || i AS name FROM range(1, 40) AS t(i)")
        connection.execute(
            "CREATE TABLE contracts AS SELECT 'V' || i AS contract_id, 'Firma ' || i AS customer, "
            "DATE '2026-01-01' AS start_on FROM range(1, 41) AS t(i)"
        )
    assert init(tmp_path / "keepwell", "--url", url).code == 0

    found = staged(tmp_path, "contracts", url).rows("contracts", "contract_id account_id")

    assert (found["V1"], found["V40"]) == ("1", "Firma 40")


def test_a_plan_or_a_subject_is_no_account(tmp_path: Path) -> None:
    """One account with a plan of its own takes no other's contract; a subject may be a name by chance (SRC-11)."""
    accounts = ["account_id,name,plan", "A1,Solo AG,Pro"]
    contracts = ["contract_id,account_id,start,plan", "V1,A1,2026-01-01,Pro", "V2,A9,2026-01-01,Pro"]
    tickets = ["ticket_id,account_id,created,subject", "T1,A1,2026-01-01,Hello", "T2,A9,2026-01-01,Solo AG"]
    proposed(tmp_path, {"accounts": accounts, "contracts": contracts, "tickets": tickets})

    assert staged(tmp_path, "contracts").rows("contracts", "contract_id account_id") == {"V1": "A1", "V2": "A9"}
    assert staged(tmp_path, "tickets").rows("tickets", "ticket_id account_id") == {"T1": "A1", "T2": "A9"}
