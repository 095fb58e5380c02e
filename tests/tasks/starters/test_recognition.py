"""Whose tables a source holds: by name and columns, each table for one system, none on a weak sign (SRC-11)."""

from pathlib import Path

import duckdb
import pytest

from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.catalogue import Catalogue
from keepwell.tasks.starters.proposal import certain, proposed
from keepwell.tasks.starters.recognition import System, each_table_once, recognized
from keepwell.tasks.starters.starter import starter, systems

SUBSCRIPTION = "id text, customer_id text, status text, start_date text"


def of(folder: Path, script: str, *names: str) -> dict[str, System]:
    """What is recognized in a DuckDB file that the script fills, by system; of all systems where none is named."""
    with duckdb.connect(str(folder / "source.duckdb")) as connection:
        connection.execute(script)
    catalogue = Catalogue("duckdb://source.duckdb", folder)
    there = [recognized(starter(name), catalogue) for name in names or systems()]
    catalogue.places  # noqa: B018 - read before it is closed
    catalogue.close()
    return {s.starter.name: s for s in each_table_once([s for s in there if names or certain(s)])}


@pytest.mark.parametrize("table", ["subscription", "Subscriptions", "stripe_subscription", "STRIPE.subscriptions"])
def test_a_table_is_known_under_its_usual_names(tmp_path: Path, table: str) -> None:
    """In any case, in any schema, after the system's name."""
    found = of(tmp_path, f"CREATE SCHEMA stripe; CREATE TABLE {table} ({SUBSCRIPTION})", "stripe")["stripe"]

    assert str(found.tables["subscription"].place).lower() == table.lower()


def test_a_table_without_the_columns_that_make_it_is_none(tmp_path: Path) -> None:
    """`subscription` of something else."""
    found = of(tmp_path, "CREATE TABLE subscription (id text, topic text)", "stripe")["stripe"]

    assert not found.tables


def test_customers_alone_are_everybodys(tmp_path: Path) -> None:
    """A list of customers, or subscriptions without the items that Stripe has, is taken as a plain table."""
    script = "CREATE TABLE customers (id text, name text); "
    script += f"CREATE TABLE subscriptions ({SUBSCRIPTION}, mrr text, currency text)"
    found = of(tmp_path, script)

    assert set(found) == {"tables"}
    assert set(found["tables"].tables) == {"accounts", "contracts"}


def test_a_schema_that_says_its_system_is_believed(tmp_path: Path) -> None:
    """Then customers alone are enough."""
    found = of(tmp_path, "CREATE SCHEMA stripe; CREATE TABLE stripe.customer (id text, name text)")

    assert set(found) == {"stripe"}


def test_of_two_tables_of_one_shape_the_systems_own_is_read_and_the_other_named(tmp_path: Path) -> None:
    """A copy in another schema: which of them is kept up to date only its owner knows."""
    columns = "id text, subscription_id text, plan_id text"
    script = f"""
    CREATE SCHEMA backup; CREATE TABLE backup.subscription ({SUBSCRIPTION});
    CREATE SCHEMA stripe; CREATE TABLE stripe.subscription ({SUBSCRIPTION});
    CREATE TABLE stripe.subscription_item ({columns});
    """
    found = of(tmp_path, script, "stripe")

    text = proposed(list(found.values()), Answers("duckdb"))["contracts"].text
    assert 'FROM "stripe".subscription AS' in text
    assert "-- TODO: stripe.subscription: backup.subscription look the same." in text


def test_a_table_belongs_to_one_system(tmp_path: Path) -> None:
    """Contacts with an account id would do for several."""
    script = (
        "CREATE SCHEMA zendesk; CREATE TABLE zendesk.users (id text, organization_id text, role text, created_at text)"
    )
    found = of(tmp_path, f"{script}; CREATE TABLE zendesk.organizations (id text, name text)")

    owners = [(name, str(t.place)) for name, system in found.items() for t in system.tables.values()]
    assert sorted(owners) == [("zendesk", "zendesk.organizations"), ("zendesk", "zendesk.users")]
