"""What stays of a condition whose columns a source lacks: what asks for something finds nothing (SRC-11)."""

from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.tasks.starters.adapted import adapted
from keepwell.tasks.starters.edits import DIALECT
from keepwell.tasks.starters.recognition import as_usual
from keepwell.tasks.starters.starter import starter
from tests.starters.test_proposals import initiated, staged


def left(condition: str) -> str:
    """What stands behind WHERE in a source whose companies have none of these columns."""
    system = as_usual(starter("hubspot"))
    company = replace(system.tables["company"], there={"id": "id", "propertyhsmergedobjectids": "merged"})
    lacking = replace(system, tables={**system.tables, "company": company})
    sql = f"SELECT c.id AS account_id FROM company AS c WHERE {condition}"
    return adapted(sql, lacking, DIALECT).text.partition(" AS c ")[2].removeprefix("WHERE").strip()


@pytest.mark.parametrize(
    "condition",
    [
        "COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE",
        "c.property_name IS NULL",
        "NOT COALESCE(c.is_deleted, FALSE)",
        "c.property_name <> 'test'",
        "LOWER(COALESCE(c.property_name, '')) NOT IN ('test', 'demo')",
        "c.property_name NOT LIKE '%test%'",
        "(c.property_name <> 'test' OR c.property_industry <> 'none')",
        "NOT (c.property_name = 'test')",
    ],
)
def test_a_condition_that_sets_nothing_aside_goes(condition: str) -> None:
    """Nobody is marked as deleted, nothing is named that does not count: every row stays (SRC-11)."""
    assert left(condition) == ""
    assert left(f"{condition} AND c.id > 1") == "c.id > 1"


@pytest.mark.parametrize(
    ("condition", "stays"),
    [
        ("c.property_name IS NOT NULL", "NULL IS NOT NULL"),
        ("c.property_name = 'customer'", "NULL = 'customer'"),
        ("COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = TRUE", "COALESCE(CAST(NULL AS BOOLEAN), FALSE) = TRUE"),
        ("c.property_name IN ('a', 'b')", "NULL IN ('a', 'b')"),
        ("c.property_name LIKE 'good%'", "NULL LIKE 'good%'"),
        ("(c.property_name = 'a' OR c.property_industry <> 'b')", "(NULL = 'a' OR NULL <> 'b')"),
        ("EXISTS (SELECT 1 FROM company AS k WHERE k.property_name = c.property_name)",
         "EXISTS (SELECT 1 FROM company AS k WHERE NULL = NULL)"),
    ],
)  # fmt: skip
def test_a_condition_that_asks_for_something_finds_nothing(condition: str, stays: str) -> None:
    """No row is known to be of that kind: none passes, in place of all (SRC-11)."""
    assert left(condition) == stays
    assert left(f"c.id > 1 AND {condition}") == f"c.id > 1 AND {stays}"


def test_a_meeting_without_a_company_of_its_own_names_none(tmp_path: Path) -> None:
    """Engagements have their companies; the meeting's own one is not there, and none without an id (SRC-11)."""
    more = "ALTER TABLE hubspot.engagement_meeting DROP COLUMN company_id"

    url, _ = initiated(tmp_path, "hubspot", more=more)

    accounts = {account for account, _ in staged(tmp_path, "touchpoints", url).values("touchpoints", "account_id kind")}
    assert accounts == {"9001", "9002"}


def test_tasks_of_no_known_kind_are_no_touchpoints(tmp_path: Path) -> None:
    """A source that says of no task whether it was a call or an email (SRC-11)."""
    more = "ALTER TABLE salesforce.task DROP COLUMN task_subtype; ALTER TABLE salesforce.task DROP COLUMN type"

    url, _ = initiated(tmp_path, "salesforce", more=more)

    ids = {
        touchpoint for touchpoint, _ in staged(tmp_path, "touchpoints", url).values("touchpoints", "touchpoint_id kind")
    }
    assert ids == {"00UA", "00UB", "00UE"}
