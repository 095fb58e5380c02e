"""What the judge answered, as it is stored, so that the same question about the same values is not asked again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from keepwell.tasks.checks.results import Answer


@dataclass(frozen=True)
class Verdict:
    """An answer as it is stored: `places` are the rows of the frame that broke the rule, by position."""

    success: bool
    failed: int
    places: tuple[int, ...] | None

    @classmethod
    def of(cls, answer: Answer) -> "Verdict":
        """The answer without the rows themselves."""
        places = None if answer.first is None else tuple(int(place) for place in answer.first.index)
        return cls(answer.success, answer.failed, places)

    def about(self, frame: pd.DataFrame) -> Answer:
        """The answer with its rows, from a frame that holds the same values."""
        return Answer(self.success, self.failed, None if self.places is None else frame.iloc[list(self.places)])


def to_json(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Verdicts as they are stored."""
    return {name: asdict(verdict) for name, verdict in sorted(verdicts.items())}


def from_json(stored: Mapping[str, Any]) -> dict[str, Verdict]:
    """Verdicts as they were stored; KeyError or TypeError where they are none."""
    return {
        name: Verdict(of["success"], of["failed"], None if of["places"] is None else tuple(of["places"]))
        for name, of in stored.items()
    }
