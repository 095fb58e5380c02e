"""Shifts of level are found, with their sign, and nothing else is (FEA-8): as of MONDAY, blocks of two weeks."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from evaluation.results_slides import first_flag, untouched, within
from tests.support.handmade import MONDAY, Row, ago, company, contract, value, wide

NAMES = ("usage_change_point", "breadth_change_point")
FEATURES = ("a", "b", "c", "d", "e", "f", "g", "h")
BLOCKS = 13

series = st.lists(st.integers(0, 60), min_size=BLOCKS, max_size=BLOCKS)


def used(blocks: Sequence[int], account: str = "acme", before: int = 0) -> list[Row]:
    """Actions per block, oldest first, each block's on its first and on its last day; `before`: days earlier."""
    rows = []
    for number, events in enumerate(reversed(blocks)):
        days = number * 14 + 1 + before, number * 14 + 14 + before
        rows += [
            {"account_id": account, "day": ago(day), "feature": "a", "events": part}
            for day, part in zip(days, (events // 2, events - events // 2), strict=True)
            if part
        ]
    return rows


def breadth(blocks: Sequence[int], account: str = "acme") -> list[Row]:
    """So many distinct features per block, oldest first, each used twice."""
    return [
        {"account_id": account, "day": ago(number * 14 + day), "feature": feature, "events": 1}
        for number, count in enumerate(reversed(blocks))
        for feature in FEATURES[:count]
        for day in (3, 9)
    ]


def turned(usage: Sequence[Row], name: str = "usage_change_point", **about: str) -> float | None:
    """The feature of one account."""
    return value(company(MONDAY, contracts=[contract(**about)], usage=usage), name)


def shifts(usage: Sequence[Row], **since: str) -> pd.DataFrame:
    """Both features of every account that is named, by account; customers for 900 days unless said."""
    contracts = [contract(name, since.get(name, ago(900))) for name in {r["account_id"] for r in usage} | {*since}]
    return wide(company(MONDAY, contracts=contracts, usage=usage), *NAMES)[[*NAMES]]


def by_hand(blocks: Sequence[float], season: float | None = None) -> float:
    """The statistic in numpy, as the module's docstring has it; `season`: change against last year, as a share."""
    b = np.array(blocks, float)
    if not b.any():
        return math.nan
    y = np.log(b + 0.25 * b.mean())
    noise = np.hypot(0.15, np.sqrt(np.pi) / 2 * np.abs(np.diff(y)).mean())
    best = 0.0
    for k in (2, 4, 6):
        d, left = y[-k:].mean() - y[:-k].mean(), y[-2:].mean() - y[:-k].mean()
        d = np.clip(d, min(left, 0), max(left, 0))
        if season is not None:
            bound = np.log(max(1 + season, 0.001))
            d = np.clip(d, min(bound, 0), max(bound, 0))
        z = d * np.sqrt(k * (BLOCKS - k) / BLOCKS) / noise
        best = z if abs(z) > abs(best) else best
    return best


# By hand --------------------------------------------------------------------------------------------------------------


def test_a_step_down_is_found_with_its_size() -> None:
    """Nine even blocks of 100, then four of 50: ln of the two levels over the noise of one step (FEA-8)."""
    mean = (9 * 100 + 4 * 50) / 13
    fell = math.log((50 + mean / 4) / (100 + mean / 4))
    noise = math.hypot(0.15, math.sqrt(math.pi) / 2 * abs(fell) / 12)

    found = turned(used([100] * 9 + [50] * 4))

    assert found == pytest.approx(fell * math.sqrt(4 * 9 / 13) / noise)
    assert found == pytest.approx(-5.71, abs=0.01)


def test_a_step_up_is_the_same_with_the_other_sign() -> None:
    """A rise is positive, and a mirrored series gives the mirrored shift."""
    assert turned(used([50] * 9 + [100] * 4)) > 4


def test_an_even_series_has_not_moved() -> None:
    """Exactly even: 0, whatever the level; NULL is for too little history."""
    assert turned(used([40] * 13)) == pytest.approx(0.0, abs=1e-9)


def test_noise_around_one_level_is_no_shift() -> None:
    """Of 200 accounts whose use scatters around a level, few stand beyond what a halving gives (FEA-8)."""
    rng = np.random.default_rng(8)
    rows = [row for n in range(200) for row in used(rng.poisson(60, BLOCKS).tolist(), f"n{n}")]

    found = shifts(rows)["usage_change_point"]

    assert (found.abs() > 2.67).mean() < 0.02
    assert found.abs().median() < 1.5


def test_a_dip_that_was_made_good_is_no_fall() -> None:
    """Eight weeks of summer, and back at the old level: only the return shows; while it lasts, it is a fall."""
    rows = used([100] * 5 + [30] * 4 + [100] * 4, "dip") + used([100] * 9 + [30] * 4, "lasting")
    found = shifts(rows)["usage_change_point"]

    assert found["dip"] > 0
    assert found["lasting"] == pytest.approx(-8.96, abs=0.01)


def test_a_fall_that_last_year_had_too_is_a_season() -> None:
    """The same four weeks of last year were as low: no shift; they were high: the whole shift (FEA-8)."""
    fall = [100] * 10 + [30] * 3
    rows = [*used(fall, "young"), *used(fall, "low"), *used(fall, "high")]
    rows += [*used([30, 30], "low", before=364), *used([100, 100], "high", before=364)]

    found = shifts(rows)["usage_change_point"]

    assert found["low"] == 0
    assert found["high"] == pytest.approx(found["young"])
    assert found["young"] < -4


def test_an_account_that_stopped_altogether_has_a_number() -> None:
    """Nothing left in the newest blocks, and nothing against last year: deep, but finite."""
    stopped = turned([*used([80] * 9 + [0] * 4), *used([80, 80], before=364)], start_on=ago(700))

    assert -30 < stopped < -5


def test_an_account_without_use_has_no_level_to_shift() -> None:
    """Nothing in 26 weeks, uncounted use, or a customer for 181 days: NULL and not 0."""
    uncounted = {"account_id": "uncounted", "day": ago(5), "feature": None, "events": None}
    rows = [*used([9] * 2, "long ago", before=182), uncounted, *breadth([3] * 13, "new"), *breadth([3] * 13, "old")]
    found = shifts(rows, never=ago(700), new=ago(181), old=ago(182))

    assert found.drop(index="old").isna().all(axis=None)
    assert found.loc["old"].abs().max() < 1e-9


def test_the_window_ends_yesterday_and_begins_182_days_ago() -> None:
    """The first and the last day of each block count to that block, the days outside to none."""
    outside = [{"account_id": "acme", "day": ago(day), "feature": "x", "events": 5000} for day in (0, 183)]
    blocks = [90, 100, 95, 110, 100, 90, 105, 100, 95, 60, 50, 40, 45]

    assert turned([*used(blocks), *outside]) == pytest.approx(by_hand(blocks))


def test_an_absent_column_is_missing_and_not_even() -> None:
    """Without counts there is no level of use, without features no breadth; the other one stands (HLT-2)."""
    for name, column in zip(NAMES, ("events", "feature"), strict=True):
        given = {"usage": {"account_id", "day", "user_id", "events", "feature"} - {column}}
        facts = company(MONDAY, given, contracts=[contract()], usage=breadth([3] * 13))
        found = wide(facts).loc["acme", list(NAMES)]
        assert found.index[found.isna()].tolist() == [name]


# In general -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(st.lists(series, min_size=6, max_size=12), st.lists(st.integers(0, 8), min_size=13, max_size=13), st.data())
@effort(max_examples=4, derandomize=True, deadline=None)
def test_the_query_says_what_numpy_says(many: list[list[int]], narrow: list[int], data: st.DataObject) -> None:
    """Random series, with and without last year: equal to the formula written in another language (FEA-8)."""
    last_year = [data.draw(st.none() | st.integers(1, 100)) for _ in many]
    rows = breadth(narrow, "narrow")
    for n, (blocks, then) in enumerate(zip(many, last_year, strict=True)):
        rows += used(blocks, f"a{n}") + (used([then, then], f"a{n}", before=364) if then else [])

    found = shifts(rows, narrow=ago(900), **{f"a{n}": ago(900) for n in range(len(many))})

    for n, (blocks, then) in enumerate(zip(many, last_year, strict=True)):
        season = sum(blocks[-2:]) / (2 * then) - 1 if then else None
        assert found.loc[f"a{n}", "usage_change_point"] == pytest.approx(by_hand(blocks, season), abs=1e-9, nan_ok=True)
    assert found.loc["narrow", "breadth_change_point"] == pytest.approx(by_hand(narrow), abs=1e-9, nan_ok=True)


@pytest.mark.slow
@given(series, st.integers(2, 1000))
@effort(max_examples=4, derandomize=True, deadline=None)
def test_a_large_account_is_judged_as_a_small_one(blocks: list[int], times: int) -> None:
    """Scale invariance: the same series, so many times larger, has shifted by the same (FEA-8)."""
    rows = used(blocks, "small") + used([times * b for b in blocks], "large")

    found = shifts(rows, small=ago(900), large=ago(900))["usage_change_point"]

    assert found["large"] == pytest.approx(found["small"], abs=1e-9, nan_ok=True)
    assert pd.isna(found["small"]) == (not any(blocks))


# Lead times -----------------------------------------------------------------------------------------------------------


def test_a_slide_counts_as_seen_from_the_first_flag_under_way() -> None:
    """Flags before the start or after the bottom are none of that slide's; months it touched raise no false alarm."""
    months = pd.date_range("2024-01-01", periods=24, freq="MS")
    examples = pd.DataFrame({"account_id": "a", "as_of": months, "churned_at": pd.NaT, "score": 0.0})
    examples.loc[[1, 6, 7, 15], "score"] = -5.0
    slide = {"account_id": "a", "began_on": months[4], "bottom_on": months[10], "recovered_on": months[12]}
    slides = pd.DataFrame([slide])

    assert first_flag(examples, within(slides, examples), "score", -4.0).tolist() == [months[6]]
    assert first_flag(examples, slides, "score", -9.0).isna().all()
    assert untouched(examples, slides)["as_of"].tolist() == [*months[:5], *months[19:]]
