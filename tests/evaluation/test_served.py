"""The page on what serves: graded on later months, and a run that was stopped goes on (MOD-11)."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation import results_served
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import SplitSettings
from tests.support.training_rows import QUICK


def test_the_expected_auc_is_that_of_outcomes_in_the_mean() -> None:
    """Of certain outcomes it is their AUC, of others the mean over many draws of them."""
    rng = np.random.default_rng(1)
    p_true, score = rng.beta(1, 5, 3000), rng.normal(size=3000)
    score += 4 * p_true
    certain = (p_true > 0.2).astype(float)
    drawn = [roc_auc_score(rng.random(3000) < p_true, score) for _ in range(200)]

    assert results_served.expected_auc(certain, score) == pytest.approx(roc_auc_score(certain, score))
    assert results_served.expected_auc(p_true, score) == pytest.approx(np.mean(drawn), abs=0.003)


@pytest.mark.slow
def test_the_page_is_written_and_a_second_run_takes_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three small companies, written, learned from and graded by the command of `make results`."""
    quick = ModelSettings(split=SplitSettings(min_accounts=20), candidates=QUICK)
    for name, value in {"SETTINGS": quick, "TRAINED": 22, "SEASON_TRAINED": 22, "SEASON_ACCOUNTS": 350}.items():
        monkeypatch.setattr(results_served, name, value)
    monkeypatch.setattr(results_served, "SEASON_SEEDS", 1)
    page, work = tmp_path / "served.md", tmp_path / "work"
    command = ["results_served", "--accounts", "350", "--seeds", "1", "2", "--work", str(work), "--to", str(page)]
    monkeypatch.setattr(sys, "argv", command)

    results_served.main()
    first, figures = page.read_text(), {path: path.stat().st_mtime_ns for path in work.iterdir()}
    results_served.main()

    assert page.read_text() == first
    assert {path: path.stat().st_mtime_ns for path in work.iterdir()} == figures
    assert len(figures) == 3
    auc = {name: float(found) for name, found in re.findall(r"\| ROC-AUC of (\w+), mean \| \| ([\d.]+) \|", first)}
    assert auc["oracle"] > max(auc["served"], auc["graded"], auc["health"]) > 0.6
    assert len(re.findall(r"\| share flagged in 20\d\d-\d\d \| 0.08 to 0.12 \|", first)) == results_served.AHEAD
