"""The outbox of messages, and every try to deliver one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "ledger_messages",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "ledger_deliveries",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("tried_at", sa.DateTime, primary_key=True),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
    )
