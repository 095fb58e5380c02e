"""Events of alerts, and the runs that wrote them. Ledgers of before alembic hold these tables already."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables where they are missing."""
    op.create_table(
        "ledger_events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "ledger_runs",
        sa.Column("flow", sa.Text, primary_key=True),
        sa.Column("as_of", sa.DateTime, primary_key=True),
        if_not_exists=True,
    )
