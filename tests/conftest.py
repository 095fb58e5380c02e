"""What several test modules share: a PostgreSQL server of our own for the whole run."""

import os
from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server that lives as long as the tests. Skips where PostgreSQL is missing, but never in CI."""
    if postgres.programs() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgres.cluster() as address:
        yield address
