"""Upgrades a ledger's tables to this version of Keepwell, by alembic, in one transaction (ALR-5)."""

from pathlib import Path

import sqlalchemy as sa

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "ledger_version"
"""Not alembic's default: MLflow or Prefect may keep their tables in the same database."""


class TooNew(Exception):
    """The ledger was written by a later version of Keepwell."""


def migrate(connection: sa.Connection) -> None:
    """Run the missing steps; a single query if there are none. TooNew for a ledger of a later version."""
    current, known = revision_of(connection), revisions()
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise TooNew(f"the ledger is at step {current}; this version of Keepwell supports steps up to {known[-1]}")
    from alembic import command  # a quarter of a second that an up-to-date ledger need not pay
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(connection: sa.Connection) -> str | None:
    """The last migration of this database; None before the first."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return str(found) if found is not None else None


def revisions() -> list[str]:
    """Every migration step in order: m0001_... is step 0001."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("m*.py"))
