"""Alembic loads this file by its path and runs the steps on the connection that it is given."""

from alembic import context

from keepwell.tasks.ledger.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
