"""Sums and means of fractions: the same bytes in any order of the rows (CONTRACT: the same input, the same output)."""

from collections.abc import Iterator
from itertools import permutations

import ibis
import pandas as pd
import pytest

from keepwell.features.facts.exact import exact_mean, exact_sum
from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import BookSettings
from tests.support.handmade import MONDAY, Row, ago, company, contract, wide

FRACTIONS = (0.1, 0.2, 0.7, -0.6)
MONEY = BookSettings(fx_rates={"EUR": 1.1})


def rows() -> Iterator[tuple[str, list[Row]]]:
    """Tables whose fractions give another float in another order, all of one account."""
    yield "contracts", [contract(arr=1000.1 + n, currency="EUR", contract_id=f"c{n}") for n in range(4)]
    yield "usage", [{"account_id": "acme", "day": ago(3 + n), "minutes": v} for n, v in enumerate(FRACTIONS)]
    yield (
        "tickets",
        [
            {
                "account_id": "acme",
                "opened_at": ago(3 + n, "09:00"),
                "sentiment": v,
                "csat": v,
                "csat_at": ago(2, "09:00"),
            }
            for n, v in enumerate(FRACTIONS)
        ],
    )
    yield (
        "touchpoints",
        [
            {"account_id": "acme", "happened_at": ago(3 + n, "09:00"), "kind": "call", "sentiment": v, "engagement": v}
            for n, v in enumerate(FRACTIONS)
        ],
    )
    yield (
        "surveys",
        [{"account_id": "acme", "answered_at": ago(3 + n, "09:00"), "score": v} for n, v in enumerate(FRACTIONS)],
    )
    yield (
        "invoices",
        [
            {"account_id": "acme", "issued_on": ago(60 + n), "due_on": ago(50), "amount": v, "currency": "EUR"}
            for n, v in enumerate((1000.1, 300.7, 200.3, 77.77))
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
def test_every_feature_is_the_same_in_any_order_of_rows(order: tuple[int, ...]) -> None:
    """Bit for bit: engines deliver rows as their joins and threads happen to."""
    given, shuffled = dict(rows()), {name: [table[n] for n in order] for name, table in rows()}
    of_given, of_shuffled = (wide(company(MONDAY, **tables), money=MONEY) for tables in (given, shuffled))

    measured = of_given[[name for name in FEATURES if name in of_given]].loc["acme"].dropna()
    assert {"minutes_28d", "ticket_sentiment_90d", "contract_value", "overdue_share"} <= set(measured.index)
    pd.testing.assert_frame_equal(of_given, of_shuffled, check_exact=True)


def test_the_fractions_above_do_depend_on_their_order() -> None:
    """Otherwise the test above would pass whatever is done."""
    sums = {sum(order) for order in permutations(FRACTIONS)}

    assert len(sums) > 1


@pytest.mark.parametrize(
    ("values", "total", "mean"),
    [
        ((0.1, 0.2), 0.3, 0.15),  # the float nearest to three tenths, not the sum of two others
        ((None, 2.0, None), 2.0, 2.0),
        ((None,), None, None),
        ((50000.1,), 50000.1, 50000.1),
        ((1e30, 1.0), 1e24, 5e23),
        ((), None, None),
    ],
)
def test_sums_and_means(values: tuple[float | None, ...], total: float | None, mean: float | None) -> None:
    """Six decimals count; what nobody can owe is cut, not refused."""
    table = ibis.memtable({"value": list(values)}, schema={"value": "float64"})
    found = table.agg(total=exact_sum(table.value), mean=exact_mean(table.value)).to_pyarrow().to_pylist()

    assert found == [{"total": total, "mean": mean}]


def test_a_condition_counts_for_both() -> None:
    """What is outside a window enters neither the sum nor the count."""
    table = ibis.memtable({"value": [1.5, 2.5, 100.0], "inside": [True, True, False]})
    found = table.agg(total=exact_sum(table.value, table.inside), mean=exact_mean(table.value, table.inside))

    assert found.to_pyarrow().to_pylist() == [{"total": 4.0, "mean": 2.0}]
