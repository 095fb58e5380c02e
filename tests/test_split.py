"""Months are parted in time order, and no outcome of one part was open in the next (MOD-3)."""

from datetime import date

import pytest

from models.settings import SplitSettings
from models.split import TooLittleData, split_months

GAP = 120


def months(count: int) -> list[date]:
    """So many month starts, from January 2022 on."""
    return [date(2022 + n // 12, n % 12 + 1, 1) for n in range(count)]


@pytest.mark.parametrize("count", [20, 30, 36, 60])
def test_between_the_parts_lies_the_gap(count: int) -> None:
    """Horizon and grace of the last example of a part are over before the first of the next (MOD-3)."""
    parts = split_months(months(count), GAP, SplitSettings())

    assert (parts.validation[0] - parts.train[-1]).days >= GAP
    assert (parts.test[0] - parts.validation[-1]).days >= GAP
    assert parts.train[0] == date(2022, 1, 1)
    assert parts.test[-1] == months(count)[-1]


def test_the_parts_are_seventy_fifteen_fifteen() -> None:
    """Of the months that are left when the gaps are taken out (MOD-3)."""
    parts = split_months(months(48), GAP, SplitSettings())
    sizes = [len(parts.train), len(parts.validation), len(parts.test)]

    assert sum(sizes) == 48 - 2 * 3
    assert [round(size / sum(sizes), 2) for size in sizes] == [0.71, 0.14, 0.14]


def test_too_few_months_are_refused_with_what_is_missing() -> None:
    """6 to learn from, 2 to choose by, 2 to report on, and the gaps (MOD-3)."""
    with pytest.raises(TooLittleData, match="15 matured months are too few: 16 are needed"):
        split_months(months(15), GAP, SplitSettings())

    assert len(split_months(months(16), GAP, SplitSettings()).train) == 6


def test_without_months_there_is_nothing_to_part() -> None:
    """A company of yesterday (MOD-2)."""
    with pytest.raises(TooLittleData, match="0 matured months"):
        split_months([], GAP, SplitSettings())
