"""What `init` asks of a source's rows: the words in a column, and whether ids of two systems are the same (SRC-11)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from keepwell.features.facts.columns import Column
from keepwell.tasks.sources.local_formats import Shape
from keepwell.tasks.starters.catalogue import Catalogue


@dataclass(frozen=True)
class Answers:
    """Rows of a source, by SELECTs in its dialect. Without a source there are none."""

    dialect: str
    catalogue: Catalogue | None = None

    def rows(self, sql: str) -> Sequence[Mapping[str, Any]] | None:
        """What a SELECT gives; None where it cannot be read, which stops no proposal."""
        if self.catalogue is None:
            return None
        with suppress(Exception):  # a value that does not convert is named by `check`, with its row
            return self.catalogue.rows(sql)
        return None

    def shapes(self, sql: str, column: Column) -> Sequence[Shape]:
        """How the values of the one column of a SELECT look; none where nobody can look, or they are no text."""
        if self.catalogue is None:
            return ()
        with suppress(Exception):
            return self.catalogue.shapes(sql, column)
        return ()
