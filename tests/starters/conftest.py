"""What a module about one system shares: its fixture as each source, and what is staged of it."""

import pytest

from tests.support.starter_sources import SOURCES, Source, Staged, open_source


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The module's SYSTEM, and the tables of the company's OWN where the system gives none."""
    system = request.module.SYSTEM
    return open_source(request, request.param, system, tmp_path_factory.mktemp(system), request.module.OWN)


@pytest.fixture(scope="module")
def staged(source: Source) -> Staged:
    """What is staged of the system's tables."""
    return source.staged()
