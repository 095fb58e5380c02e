"""When each row was written, what people decided about runs, and what they withdrew."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = ("events", "runs", "messages", "deliveries", "reviews", "work", "crm")


def upgrade() -> None:
    """Add the column, which stays empty in the rows that are there, and create both tables."""
    for name in TABLES:
        op.add_column(f"ledger_{name}", sa.Column("written_at", sa.DateTime))
    op.create_table(
        "ledger_decisions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("written_at", sa.DateTime),
    )
    op.create_table(
        "ledger_withdrawn",
        sa.Column("ledger", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("as_of", sa.DateTime, primary_key=True),
        sa.Column("decision", sa.Integer, sa.ForeignKey("ledger_decisions.number"), nullable=False),
        sa.Column("written_at", sa.DateTime),
    )
