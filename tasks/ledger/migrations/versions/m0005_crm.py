"""A table for what a CRM should hold and what was written to it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table, and the way to the newest lines of each object."""
    op.create_table(
        "ledger_crm",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("crm_id", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("ledger_crm_newest", "ledger_crm", ["place", "key", "kind", "number"])
