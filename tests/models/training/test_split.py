"""Months are split in time order, and no outcome of one split was open in the next (MOD-3)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from keepwell.models.settings.training import CandidateSettings, InputSettings, SplitSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.split import TooLittleData, labeled_rows, split_months
from tests.support.running import ROOT

GAP = 120
PRINTS = ["print_0", "print_1", "print_2", "print_3"]


def months(count: int) -> list[date]:
    """So many month starts, from January 2022 on."""
    return [date(2022 + n // 12, n % 12 + 1, 1) for n in range(count)]


@pytest.mark.parametrize("count", [20, 30, 36, 60])
def test_between_the_splits_lies_the_gap(count: int) -> None:
    """Horizon and grace of the last example of a split are over before the first of the next (MOD-3)."""
    parts = split_months(months(count), GAP, SplitSettings())

    assert (parts.validation[0] - parts.train[-1]).days >= GAP
    assert (parts.test[0] - parts.validation[-1]).days >= GAP
    assert parts.train[0] == date(2022, 1, 1)
    assert parts.test[-1] == months(count)[-1]


@pytest.mark.parametrize(
    ("gap", "enough", "said"),
    [
        (GAP, 16, "16 months whose outcome is known (6 to learn"),
        (180, 20, "20 such months"),
        (210, 22, "22 such months"),
    ],
)
def test_the_docs_say_how_many_months_a_model_needs(gap: int, enough: int, said: str) -> None:
    """One month less is refused: of churn (90 days, 30 of grace), advocacy (180), expansion (180 and 30)."""
    assert said in " ".join((ROOT / "docs" / "how-to" / "models.md").read_text().split())

    split_months(months(enough), gap, SplitSettings())
    with pytest.raises(TooLittleData, match=f"{enough - 1} matured months are too few: {enough} are needed"):
        split_months(months(enough - 1), gap, SplitSettings())


def test_the_splits_are_seventy_fifteen_fifteen() -> None:
    """Of the months that remain without the gaps (MOD-3)."""
    parts = split_months(months(48), GAP, SplitSettings())
    sizes = [len(parts.train), len(parts.validation), len(parts.test)]

    assert sum(sizes) == 48 - 2 * 3
    assert [round(size / sum(sizes), 2) for size in sizes] == [0.71, 0.14, 0.14]


def test_too_few_months_are_refused_with_what_is_missing() -> None:
    """6 for training, 2 for validation, 2 for the test, and the gaps (MOD-3)."""
    with pytest.raises(TooLittleData, match="15 matured months are too few: 16 are needed"):
        split_months(months(15), GAP, SplitSettings())

    assert len(split_months(months(16), GAP, SplitSettings()).train) == 6


def test_without_months_there_is_nothing_to_split() -> None:
    """A company that began yesterday (MOD-2)."""
    with pytest.raises(TooLittleData, match="0 matured months"):
        split_months([], GAP, SplitSettings())


def book_that_nothing_foretells(accounts: int = 3000, count: int = 20) -> pd.DataFrame:
    """Months of accounts that churn at random, with numbers that identify each account and nothing else.

    Who leaves within the gap after a month's start has the outcome in that month, and is in no month after leaving.
    """
    rng = np.random.default_rng(4)
    left_after = rng.geometric(0.03, accounts)
    rows = pd.DataFrame(
        {"account": np.tile(np.arange(accounts), count), "month": np.repeat(np.arange(count), accounts)}
    )
    ahead = left_after[rows["account"]] - rows["month"].to_numpy()
    rows = rows.assign(churned=ahead <= GAP // 30)[ahead > 0]
    prints = pd.DataFrame(rng.standard_normal((accounts, len(PRINTS))), columns=PRINTS)
    rows = rows.join(prints, on="account").assign(segment="small", industry="retail", country="DE", health=50.0)
    return rows.assign(as_of=pd.to_datetime(np.array(months(count)))[rows["month"]])


def auc(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """ROC-AUC on the test rows of boosting that can identify accounts."""
    rules = CandidateSettings(max_iter=150, max_leaf_nodes=31, min_samples_leaf=5, learning_rate=0.1)
    model = fitted("boosting", train, train["churned"], PRINTS, InputSettings(spline_knots={}), rules)
    return float(roc_auc_score(test["churned"], predicted_probability(model, test)))


@pytest.mark.slow
def test_a_random_split_and_a_missing_gap_would_show() -> None:
    """With unpredictable churn, a random split of rows, or months without a gap, still seem to predict it (MOD-3).

    One loss is the outcome of several months, so that a row of training may tell of the very loss that is asked for.
    """
    book = book_that_nothing_foretells()
    parts = split_months(months(20), GAP, SplitSettings())
    last = months(20)[: months(20).index(parts.test[0])]
    train, test = labeled_rows(book, "churned", parts.train), labeled_rows(book, "churned", parts.test)
    drawn = np.random.default_rng(5).random(len(book)) < 0.3

    assert auc(train, test) == pytest.approx(0.5, abs=0.05)
    assert auc(labeled_rows(book, "churned", last), test) > 0.6
    assert auc(book[~drawn], book[drawn]) > 0.7
