"""The comparison of two versions of one company: what counts as a difference (OUT-1)."""

import numpy as np
import pandas as pd
import pytest

from evaluation.equality import differences

BEFORE = pd.DataFrame(
    {
        "run_id": ["a", "a"], "account_id": ["x", "y"], "health": [50.0, float("nan")],
        "needs": [np.array(["a call"], dtype=object), np.array([], dtype=object)],
    }
)  # fmt: skip


def changed(column: str, value: object) -> pd.DataFrame:
    return BEFORE.assign(**{column: pd.Series([value, BEFORE[column][1]], dtype=BEFORE[column].dtype)})


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (BEFORE.copy(), []),
        (changed("run_id", "b"), []),
        (changed("health", 50.0 + 1e-14), ["health: 1 of 2 rows"]),
        (changed("account_id", "z"), ["account_id: 1 of 2 rows (text)"]),
        (changed("needs", np.array(["a visit"], dtype=object)), ["needs: 1 of 2 rows (text)"]),
        (BEFORE.head(1), ["columns or rows: (2, 4) and (1, 4)"]),
        (BEFORE.rename(columns={"health": "score"}), ["columns or rows: (2, 4) and (2, 4)"]),
    ],
)
def test_every_cell_but_the_stamps_of_a_run_is_compared(after: pd.DataFrame, found: list[str]) -> None:
    """A number that differs in its last digit is found; a text, or a list of texts, is marked as one."""
    assert list(differences(BEFORE, after)) == found
