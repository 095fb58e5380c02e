"""The steps by which a ledger's tables came to be what they are; alembic runs those that a database has not had."""
