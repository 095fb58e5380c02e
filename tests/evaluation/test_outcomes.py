"""The page on expansion and advocacy says what was graded (MOD-1, MOD-4)."""

import pandas as pd

from evaluation.results_outcomes import GRADED, SHOWN, gap_days, page


def figures(seed: int, auc: float) -> pd.DataFrame:
    """What one company leaves: forest is the champion of both outcomes, with this ROC-AUC."""
    rows: list[dict[str, object]] = []
    for outcome in GRADED:
        about = {"seed": seed, "outcome": outcome, "selected": False, "low": float("nan"), "high": float("nan")}
        sizes = ("rows", "accounts", "rate", "train", "validation", "test")
        rows += [{**about, "candidate": "", "metric": name, "value": 7.0} for name in sizes]
        rows += [{**about, "candidate": "true health", "metric": "roc_auc", "value": 0.9}]
        for name, selected in (("health", False), ("forest", True)):
            for metric in SHOWN:
                found = auc if selected else 0.6
                bounds = {"value": found, "low": found - 0.1, "high": found + 0.1}
                rows.append({**about, **bounds, "candidate": name, "metric": metric, "selected": selected})
    labels = ("churn", "contraction", "expansion", "advocacy")
    rows += [{"seed": seed, "outcome": f"{label}_rate", "metric": "rate", "value": 0.125} for label in labels]
    return pd.DataFrame(rows)


def test_the_page_has_each_champion_the_bounds_and_the_base_rates() -> None:
    """One line per company; a lower bound below a guess falls short, whichever company has it."""
    text = page(pd.concat([figures(1, 0.75), figures(2, 0.55)]), 50, [1, 2])

    assert text.count("| 1 | forest | 0.750 (0.650 to 0.850)") == text.count("| 2 | forest | 0.550") == 2
    assert "| ROC-AUC, lowest lower bound of a company | 0.5 to 1 | 0.450 | **falls short** |" in text
    assert "| forest | 0.650 | 0.550 | 0.750 |" in text
    assert "| true health | 0.900 |" in text
    assert "churn 12.5%, contraction 12.5%" in text


def test_expansion_waits_for_the_grace_and_advocacy_does_not() -> None:
    """ARR may be followed late; what an advocate says is known at once (section 0)."""
    assert {outcome: gap_days(outcome) for outcome in GRADED} == {"expansion": 210, "advocacy": 180}
