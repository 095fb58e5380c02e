"""A table for the life of next actions, and which alerts and actions a message announces."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table, and add the column: the messages that are there name nothing."""
    op.create_table(
        "ledger_actions",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("action_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("written_at", sa.DateTime),
    )
    op.add_column("ledger_messages", sa.Column("about", sa.Text, nullable=False, server_default=""))
