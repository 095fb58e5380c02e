"""A season that the data show is in the calibration of what serves; one that they cannot show is said (MOD-11)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline

from keepwell.models.settings.training import SeasonSettings
from keepwell.models.training.artifact import TRUSTED, CalibratedModel, as_one, as_trained
from keepwell.models.training.candidates import fitted
from keepwell.models.training.refit import refitted
from keepwell.models.training.season import NO_SEASON, Season, season
from keepwell.models.training.segments import LabeledRows
from keepwell.models.training.thresholds import threshold_of
from keepwell.models.training.trial import Trial, trial
from tests.support.refit_rows import FEATURES, MONTHS, SETTINGS, SPLITS, company

NEXT = [month.date() for month in pd.date_range("2025-10-01", periods=6, freq="MS")]


def fit(rows: LabeledRows) -> Pipeline:
    """A logistic regression on these rows."""
    label = pd.Series(rows.y_true > 0, rows.rows.index)
    return fitted("logistic", rows.rows, label, FEATURES, SETTINGS.inputs, SETTINGS.candidates)


def labeled(rows: pd.DataFrame) -> LabeledRows:
    """All rows, each with weight 1."""
    return LabeledRows(rows, rows["churned"].to_numpy(dtype=float), np.ones(len(rows)))


def swing(found: Season) -> float:
    """Half the distance of January from July, in log odds."""
    january, july = found.levels(pd.Series(pd.to_datetime(["2025-01-01", "2025-07-01"])))
    return float(january - july) / 2


@pytest.fixture(scope="module")
def seasonal() -> Trial:
    """A trial of a company whose accounts churn more in winter."""
    return trial(company(1500, 4, season=0.5), "churned", SPLITS, FEATURES, SETTINGS)


def test_a_planted_season_is_found_and_said() -> None:
    found = season(labeled(company(1500, 1, season=0.5)), fit, SeasonSettings())

    assert swing(found.season) == pytest.approx(0.5, abs=0.1)
    assert "The data show a season" in found.summary
    assert "in January" in found.summary


def test_where_there_is_none_one_is_seldom_found() -> None:
    """By the p-value once in twenty; of thirty companies more than five would be another test."""
    found = [season(labeled(company(300, seed)), fit, SeasonSettings()) for seed in range(30)]

    assert sum(of.season != NO_SEASON for of in found) <= 5
    assert all("The data show no season" in of.summary for of in found if of.season == NO_SEASON)


def test_a_steady_rise_is_no_season() -> None:
    """Half as many again each half-year: the trend takes it."""
    months = [company(900, n, shift=0.07 * n, from_month=0, months=[month]) for n, month in enumerate(MONTHS)]
    rows = pd.concat(months, ignore_index=True)

    found = season(labeled(rows), fit, SeasonSettings()).season
    year = found.levels(pd.Series(pd.date_range("2025-01-01", periods=12, freq="MS")))
    assert np.abs(year).max() < 0.1


def test_calibration_leaves_the_season_its_size(seasonal: Trial) -> None:
    """A fit whose log odds are twice too wide is calibrated to a slope of a half; the season stays as it was found."""

    def wide(rows: LabeledRows) -> Pipeline:
        model = fit(rows)
        model[-1].coef_ *= 2
        model[-1].intercept_ *= 2
        return model

    rows, test = company(1500, 4, season=0.5), company(300, 5, months=MONTHS[-2:])
    rules = SETTINGS.refit.model_copy(update={"slope_spread": 10.0, "level_spread": 10.0})
    found = refitted(labeled(rows), seasonal.graded, test, 90, wide, rules)

    assert found is not None
    assert found.trained.calibration.slope == pytest.approx(0.5, abs=0.05)
    assert swing(found.trained.season) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("accounts", "months"), [(900, MONTHS[:12]), (15, MONTHS)])
def test_too_few_months_or_accounts_show_none_and_it_is_said(accounts: int, months: list) -> None:
    found = season(labeled(company(accounts, 1, season=0.5, months=months)), fit, SeasonSettings())

    assert found.season == NO_SEASON
    assert f"No season can be estimated from {len(months)} months" in found.summary


def test_the_months_ahead_have_their_level(seasonal: Trial) -> None:
    """Observed over expected in each of the six months after the training set; without the season it is off."""
    assert seasonal.refit is not None
    assert "The data show a season" in seasonal.refit.season
    flat = replace(seasonal.serving, season=NO_SEASON)
    ratios = {}
    for name, trained in (("season", seasonal.serving), ("flat", flat)):
        months = [company(6000, 20 + n, season=0.5, months=[month]) for n, month in enumerate(NEXT)]
        ratios[name] = [rows["churned"].sum() / trained.probabilities(rows).sum() for rows in months]

    assert min(ratios["season"]) > 0.85
    assert max(ratios["season"]) < 1.15
    assert max(ratios["flat"]) > 1.2


def test_as_many_are_flagged_in_every_month(seasonal: Trial) -> None:
    """A threshold follows the season: capacity is people's, and they are as many in winter (MOD-5)."""
    trained, thresholds, policy = seasonal.serving, seasonal.serving_thresholds, SETTINGS.policy
    shares, plain = [], []
    for n, month in enumerate(NEXT):
        rows = company(6000, 40 + n, season=0.5, months=[month])
        y_prob = trained.probabilities(rows)
        chosen = threshold_of(rows, thresholds, policy)
        shares.append((y_prob >= trained.in_season(chosen, rows)).mean())
        plain.append((y_prob >= chosen).mean())

    assert max(shares) < 0.13
    assert max(shares) - min(shares) < 0.02
    assert max(plain) - min(plain) > 0.05


def test_a_threshold_that_flags_nobody_stays_so(seasonal: Trial) -> None:
    rows = company(10, 1, months=MONTHS[:1])

    assert np.isinf(seasonal.serving.in_season(np.full(len(rows), np.inf), rows)).all()


def test_the_season_is_stored_with_the_model_and_an_older_model_has_none(seasonal: Trial, tmp_path: Path) -> None:
    rows, place = company(50, 1, months=NEXT), tmp_path / "model.skops"
    skops.io.dump(as_one(seasonal.serving), place)

    back = as_trained("", skops.io.load(place, trusted=list(TRUSTED)))

    assert np.allclose(back.probabilities(rows), seasonal.serving.probabilities(rows), atol=1e-12)
    before = CalibratedModel(seasonal.serving.model)
    del before.season  # as it was stored by a release without seasons
    assert as_trained("", before).season == NO_SEASON
