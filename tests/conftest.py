"""What several test modules share for the whole run: a PostgreSQL server of our own, and MLflow's empty tables."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.tasks.registry.tracking import Tracking
from tests.support import postgres

LONGEST = ("test_prefect", "test_flows", "test_quarterly", "test_point_in_time", "test_sweep", "test_checks")
"""Modules that begin first: one that begins last would keep one process busy while the others wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first, all else in its order."""
    items.sort(key=lambda item: not item.path.stem.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """What is imported by now stays: looking through it again and again for garbage took a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server that lives as long as the tests. Skips where PostgreSQL is missing, but never in CI."""
    if postgres.programs() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgres.cluster() as address:
        yield address


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables and nothing in them: making them takes seconds, copying the file does not."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracking(f"sqlite:///{file}", "").client()
    return file
