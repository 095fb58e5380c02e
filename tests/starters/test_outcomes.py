"""What was won, paid, canceled or deleted, in sources that say it in other columns or without a time (SRC-11)."""

from pathlib import Path

import pytest

from tests.starters.test_proposals import initiated, staged

STAGES = "ALTER TABLE hubspot.deal_pipeline_stage"
HISTORY = "DROP TABLE hubspot.deal_stage;"
DEALS = {"301": "won", "302": "lost", "303": "negotiation", "307": "lost"}
"""Where each deal of the fixture stands today."""


def last_stages(folder: Path, url: str) -> dict[str, str]:
    """Of each opportunity where it stands last."""
    rows = staged(folder, "opportunities", url).values("opportunities", "opportunity_id changed_at stage")
    return {opportunity: stage for opportunity, _, stage in rows}


@pytest.mark.parametrize(
    "more",
    [
        f"{STAGES} DROP COLUMN closed_won",
        f"{STAGES} DROP COLUMN closed_won; {STAGES} ALTER probability TYPE text",
        f"{STAGES} DROP COLUMN closed_won; {STAGES} ALTER probability TYPE numeric(6, 4)",
        f"{STAGES} DROP COLUMN closed_won; {STAGES} DROP COLUMN is_closed",
        f"{STAGES} DROP COLUMN closed_won; {STAGES} DROP COLUMN probability",
        f"{STAGES} DROP COLUMN is_closed",
        f"{STAGES} RENAME closed_won TO is_won; {STAGES} DROP COLUMN probability",
    ],
)
def test_a_stage_is_won_by_whatever_says_so(more: str, tmp_path: Path) -> None:
    """Its flag, the probability 1 as a number or as text, or its label; else a closed one is lost (SRC-11)."""
    url, _ = initiated(tmp_path, "hubspot", more=more)

    assert last_stages(tmp_path, url) == DEALS


def test_a_deal_without_a_history_is_won_by_whatever_says_so(tmp_path: Path) -> None:
    """By the probability, on its close date (SRC-11)."""
    url, _ = initiated(tmp_path, "hubspot", more=f"{HISTORY} {STAGES} DROP COLUMN closed_won")

    assert last_stages(tmp_path, url) == {**DEALS, "303": "open"}


def test_a_closed_stage_is_won_where_its_label_says_so(tmp_path: Path) -> None:
    """As a word of its own (SRC-11)."""
    labels = {
        "Closed (Won)": "won", "Closed/Won": "won", "WON - signed": "won", "Closed - won't buy": "lost",
        "Not won": "lost", "Lost: a competitor won": "lost", "Wondering": "lost",
    }  # fmt: skip
    more = f"{STAGES} DROP COLUMN closed_won; {STAGES} DROP COLUMN probability;"
    for number, label in enumerate(labels):
        quoted = label.replace("'", "''")
        more += f"""
        INSERT INTO hubspot.deal_pipeline_stage VALUES ('80{number}', '7001', '{quoted}', TRUE);
        INSERT INTO hubspot.deal_stage VALUES (303, '2026-05-02 09:00:0{number}+00', '80{number}');
        """

    url, _ = initiated(tmp_path, "hubspot", more=more)

    rows = staged(tmp_path, "opportunities", url).values("opportunities", "opportunity_id changed_at stage")
    assert [stage for key, at, stage in rows if key == "303" and at > "2026-05-02"] == list(labels.values())


def test_a_stage_that_is_not_closed_is_open_whatever_its_label(tmp_path: Path) -> None:
    """Won over, and still in negotiation (SRC-11)."""
    more = f"""{STAGES} DROP COLUMN closed_won;
    UPDATE hubspot.deal_pipeline_stage SET label = 'Won over: contract sent' WHERE stage_id = 'contractsent'"""

    url, _ = initiated(tmp_path, "hubspot", more=more)

    assert last_stages(tmp_path, url) == DEALS


@pytest.mark.parametrize("more", [f"{STAGES} DROP COLUMN closed_won; {STAGES} DROP COLUMN probability;",
                                  "DROP TABLE hubspot.deal_pipeline_stage;"])  # fmt: skip
def test_a_deal_says_itself_that_it_is_won(more: str, tmp_path: Path) -> None:
    """Stages of names that say nothing, or of no table (SRC-11)."""
    more += """
    UPDATE hubspot.deal SET property_hs_is_closed = FALSE, property_hs_is_closed_won = FALSE;
    UPDATE hubspot.deal SET property_hs_is_closed = TRUE WHERE deal_id IN (301, 302, 307);
    UPDATE hubspot.deal SET property_hs_is_closed_won = TRUE, deal_pipeline_stage_id = '7012' WHERE deal_id = 301;
    UPDATE hubspot.deal_stage SET value = '7012' WHERE value = 'closedwon';
    """

    url, _ = initiated(tmp_path, "hubspot", more=more)

    assert last_stages(tmp_path, url) == DEALS


def test_a_deal_that_closed_at_no_later_time_is_closed(tmp_path: Path) -> None:
    """Entered after it was won: known from its entry. Closed at no known time: left out, not open (SRC-11)."""
    more = f"""{HISTORY} UPDATE hubspot.deal SET property_closedate = '2026-01-01' WHERE deal_id = 301;
    ALTER TABLE hubspot.deal DROP COLUMN property_hs_lastmodifieddate"""

    url, _ = initiated(tmp_path, "hubspot", more=more)

    rows = staged(tmp_path, "opportunities", url).values("opportunities", "opportunity_id changed_at stage")
    assert [row for row in rows if row[0] == "301"] == [("301", "2026-03-01 09:00", "won")]
    assert not [row for row in rows if row[0] == "307"]


def test_an_opportunity_is_closed_without_the_flag(tmp_path: Path) -> None:
    """Won as its flag says, lost as its stage is called; the close date lies before its entry (SRC-11)."""
    more = """DROP TABLE salesforce.opportunity_history; ALTER TABLE salesforce.opportunity DROP COLUMN is_closed;
    UPDATE salesforce.opportunity SET stage_name = 'Closed Lost' WHERE id = '006F';
    UPDATE salesforce.opportunity SET close_date = '2026-04-01' WHERE id = '006B'"""

    url, _ = initiated(tmp_path, "salesforce", more=more)

    rows = staged(tmp_path, "opportunities", url).values("opportunities", "opportunity_id changed_at stage")
    assert rows == [
        ("006B", "2026-04-01 09:00", "won"),
        ("006E", "2026-05-01 09:00", "open"),
        ("006F", "2026-01-10 09:00", "open"),
        ("006F", "2026-02-20 00:00", "lost"),
    ]


def test_a_case_is_closed_without_the_flag(tmp_path: Path) -> None:
    """As its status says, at its last change (SRC-11)."""
    more = (
        """ALTER TABLE salesforce.cases DROP COLUMN is_closed; ALTER TABLE salesforce.cases DROP COLUMN closed_date"""
    )

    url, _ = initiated(tmp_path, "salesforce", more=more)

    assert staged(tmp_path, "tickets", url).rows("tickets", "ticket_id closed closed_at") == {
        "500A": (True, "2026-05-20 09:00"),
        "500B": (None, None),
        "500C": (True, "2026-05-12 17:00"),
    }


def test_what_is_void_without_a_time_is_not_owed(tmp_path: Path) -> None:
    """The invoice and the credit note are left out, as is the credit note of such an invoice (SRC-11)."""
    more = """
    ALTER TABLE stripe.invoice DROP COLUMN status_transitions_voided_at;
    UPDATE stripe.credit_note SET voided_at = NULL;
    INSERT INTO stripe.credit_note VALUES
        ('cn_of_void', 'in_void', '2026-04-20 09:00:00+00', 20000, 'eur', 'pre_payment', 'issued', TRUE, NULL);
    """

    url, _ = initiated(tmp_path, "stripe", more=more)

    rows = staged(tmp_path, "invoices", url).rows("invoices", "invoice_id paid_at")
    assert set(rows) == {
        "cn_open",
        "cn_refund",
        "in_again",
        "in_balance",
        "in_dispute",
        "in_lost",
        "in_minus",
        "in_retry",
    }


def test_what_is_paid_without_a_time_is_not_owed(tmp_path: Path) -> None:
    """The charge that paid it has a time; without one it is left out (SRC-11)."""
    more = "ALTER TABLE stripe.invoice DROP COLUMN status_transitions_paid_at"

    url, _ = initiated(tmp_path, "stripe", more=more)

    assert staged(tmp_path, "invoices", url).rows("invoices", "invoice_id paid_at") == {
        "cn_open": None,
        "cn_refund": "2026-05-25 09:00",
        "cn_void": None,
        "in_again": None,
        "in_balance": None,
        "in_dispute": "2026-05-15 09:30",
        "in_lost": None,
        "in_retry": "2026-05-17 10:00",
        "in_void": None,
    }


def test_what_is_canceled_without_an_end_does_not_run(tmp_path: Path) -> None:
    """At the end of its last period, or when it was canceled; where neither is known it is set aside (SRC-11)."""
    more = """
    ALTER TABLE stripe.subscription DROP COLUMN ended_at;
    INSERT INTO stripe.subscription (id, customer_id, status, created)
    VALUES ('sub_lost', 'cus_gone', 'canceled', '2025-01-01 09:00:00+00');
    """

    url, _ = initiated(tmp_path, "stripe", more=more)

    contracts = staged(tmp_path, "contracts", url)
    ended = {key: day for key, day in contracts.rows("contracts", "contract_id ended_on").items() if day}
    assert ended == {"sub_ended": "2026-03-20", "sub_failed": "2025-07-20"}
    assert contracts.set_aside("contracts")["sub_lost"] == "canceled_without_an_end"


def test_who_was_deleted_without_a_time_is_no_contact(tmp_path: Path) -> None:
    """At the last change, where there is one; else left out (SRC-11)."""
    more = """
    ALTER TABLE hubspot.contact DROP COLUMN _fivetran_synced; ALTER TABLE hubspot.contact DROP COLUMN _fivetran_deleted;
    UPDATE hubspot.contact SET is_deleted = TRUE, property_lastmodifieddate = '2026-05-01 09:00:00+00' WHERE id = 13;
    UPDATE hubspot.contact SET is_deleted = TRUE WHERE id = 12;
    """

    url, _ = initiated(tmp_path, "hubspot", more=more)

    rows = staged(tmp_path, "contacts", url).rows("contacts", "contact_id left_on")
    assert rows == {"11": None, "13": "2026-05-01", "16": None, "18": None, "19": None}


@pytest.mark.parametrize("flag", ["is_deleted", "archived", "_fivetran_deleted"])
def test_an_engagement_is_deleted_by_any_name(flag: str, tmp_path: Path) -> None:
    """Its own mark counts for the meeting, the call and the email of which it is (SRC-11)."""
    tables = ("engagement", "engagement_meeting", "engagement_call", "engagement_email")
    more = "; ".join(
        f"ALTER TABLE hubspot.{table} DROP COLUMN IF EXISTS {column}"
        for table in tables
        for column in ("is_deleted", "_fivetran_deleted")
    )
    more += f"; ALTER TABLE hubspot.engagement ADD COLUMN {flag} boolean; UPDATE hubspot.engagement SET {flag} = TRUE"

    url, _ = initiated(tmp_path, "hubspot", more=more)

    found = {key for key, _ in staged(tmp_path, "touchpoints", url).values("touchpoints", "touchpoint_id kind")}
    assert not found & {"806:9002", "821:9001", "822:9001", "823:9001", "824:9001"}
    assert "801:9001" in found


def test_an_instant_of_deletion_is_a_deletion(tmp_path: Path) -> None:
    """Singer's and the API's own mark is no flag but a time (SRC-11)."""
    more = """
    ALTER TABLE zendesk.organizations DROP COLUMN deleted_at;
    ALTER TABLE zendesk.organizations ADD COLUMN _sdc_deleted_at timestamptz;
    UPDATE zendesk.organizations SET _sdc_deleted_at = '2026-05-01 08:00:00+00' WHERE id = 360004;
    """

    url, _ = initiated(tmp_path, "zendesk", more=more)

    assert set(staged(tmp_path, "accounts", url).rows("accounts", "account_id name")) == {"360001", "360002"}
