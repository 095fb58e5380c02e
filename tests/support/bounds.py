"""Figures and the bounds within which they have to lie, as rows of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bound:
    """One figure, and between what it has to lie; without bounds it only stands beside them."""

    name: str
    low: float
    high: float
    value: float
    digits: int = 3

    @property
    def free(self) -> bool:
        """Whether nothing bounds it."""
        return self.low == -np.inf and self.high == np.inf

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.low <= self.value <= self.high

    def row(self) -> str:
        """A line of the table."""
        if self.free:
            return f"| {self.name} | | {self.value:.{self.digits}f} | |"
        said = f"{self.low:g} to {self.high:g}"
        if self.low == -np.inf:
            said = f"at most {self.high:g}"
        elif self.high == np.inf:
            said = f"at least {self.low:g}"
        return (
            f"| {self.name} | {said} | {self.value:.{self.digits}f} | {'holds' if self.holds else '**falls short**'} |"
        )


def table(bounds: Sequence[Bound]) -> list[str]:
    """The figures as a Markdown table, and how many of the bounds hold where there are any."""
    bounded = [b for b in bounds if not b.free]
    held = ["", f"{sum(b.holds for b in bounded)} of {len(bounded)} bounds hold."] if bounded else []
    return ["| figure | bound | measured | |", "|---|---|---|---|", *(b.row() for b in bounds), *held]
