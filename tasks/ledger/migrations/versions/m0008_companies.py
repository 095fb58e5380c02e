"""Each row says whose it is: several companies can share a database."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ADDED = ("events", "messages", "deliveries", "reviews", "work", "actions", "crm", "decisions")
KEYED = {
    "ledger_runs": (
        sa.Column("flow", sa.Text, primary_key=True),
        sa.Column("as_of", sa.DateTime, primary_key=True),
        sa.Column("written_at", sa.DateTime),
    ),
    "ledger_withdrawn": (
        sa.Column("ledger", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("as_of", sa.DateTime, primary_key=True),
        sa.Column("decision", sa.Integer, sa.ForeignKey("ledger_decisions.number"), nullable=False),
        sa.Column("written_at", sa.DateTime),
    ),
}
"""Tables whose key the company is part of: SQLite changes no key, so they are made anew and their rows copied."""


def upgrade() -> None:
    """Add the column: the rows that are there are the default company's."""
    for name in ADDED:
        op.add_column(f"ledger_{name}", _company())
    for name, columns in KEYED.items():
        anew, listed = f"{name}_by_company", ", ".join(f'"{column.name}"' for column in columns)
        op.create_table(anew, *columns, _company(primary_key=True))
        op.execute(f"INSERT INTO {anew} ({listed}) SELECT {listed} FROM {name}")
        op.drop_table(name)
        op.rename_table(anew, name)


def _company(*, primary_key: bool = False) -> "sa.Column[str]":
    return sa.Column("company", sa.Text, nullable=False, server_default="default", primary_key=primary_key)
