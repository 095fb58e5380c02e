"""A segment's own model: adopted where it is significantly better, then served, explained and stored (MOD-6)."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import roc_auc_score

from keepwell.models.explaining.explain import explained, reference_row, top_reasons
from keepwell.models.explaining.importance import importance
from keepwell.models.explaining.margin import margin
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.explaining import ImportanceSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings, SegmentSettings
from keepwell.models.training.artifact import TRUSTED, as_one, as_trained
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.segments import LabeledRows, segment_models
from keepwell.models.training.split import Splits
from keepwell.models.training.trained import Trained
from keepwell.models.training.trial import trial

NUMERIC_FEATURES = ("signal", "noise")
# Trees that cannot split: a linear model is taken, which cannot see that a segment is the other way round.
SETTINGS = ModelSettings(
    candidates=CandidateSettings(n_estimators=1, max_iter=1, min_samples_leaf=100_000, replicates=10),
    segments=SegmentSettings(min_accounts=100, replicates=60),
)
MONTHS = [date(2025, month, 1) for month in (1, 2, 3)]
PARTS = Splits((MONTHS[0],), (MONTHS[1],), (MONTHS[2],))
TURNED = "turned"


def book(size: int = 6000, seed: int = 5) -> pd.DataFrame:
    """Examples of three months: the signal raises churn in two segments and lowers it in the third."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(["small", "large", TURNED], size, p=[0.4, 0.35, 0.25])
    signal = rng.standard_normal(size)
    true = 1 / (1 + np.exp(1.5 - np.where(segment == TURNED, -1.2, 1.2) * signal))
    return pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(size)],
            "as_of": pd.to_datetime(np.repeat(MONTHS, size // 3)),
            "signal": signal, "noise": rng.standard_normal(size), "health": 70.0 + rng.standard_normal(size),
            "segment": segment, "industry": "retail", "country": "DE", "arr": 1000.0, "high_value": False,
            "churned": rng.random(size) < true,
        }
    )  # fmt: skip


BOOK = book()
TEST = BOOK[BOOK["as_of"] == pd.Timestamp(MONTHS[2])]


def part(month: date) -> LabeledRows:
    rows = BOOK[BOOK["as_of"] == pd.Timestamp(month)]
    return LabeledRows(rows, rows["churned"].to_numpy(dtype=float), np.ones(len(rows)))


@pytest.fixture(scope="module")
def found():
    return trial(BOOK, "churned", PARTS, NUMERIC_FEATURES, SETTINGS)


@pytest.fixture(scope="module")
def served(found):
    """The selected candidate with the model of the segment whose sign is reversed."""
    return found.trained[found.selected]


def tried(rules: SegmentSettings) -> pd.DataFrame:
    """The comparison of every segment, for a logistic model."""
    train, validation = part(MONTHS[0]), part(MONTHS[1])
    label = train.rows["churned"]
    pooled = fitted("logistic", train.rows, label, NUMERIC_FEATURES, InputSettings(), SETTINGS.candidates)
    settings = SETTINGS.model_copy(update={"segments": rules})
    _, lines = segment_models(
        "logistic",
        train,
        validation,
        predicted_probability(pooled, validation.rows),
        NUMERIC_FEATURES,
        settings,
        by_weight=False,
    )
    return lines.set_index("segment")


def test_a_segment_with_the_opposite_sign_gets_its_own_model():
    """A segment like the others gets none: it would be the same model from fewer rows (MOD-6)."""
    lines = tried(SETTINGS.segments)

    assert dict(lines["adopted"]) == {"small": False, "large": False, TURNED: True}
    assert lines.loc[TURNED, "own"] - lines.loc[TURNED, "pooled"] == pytest.approx(lines.loc[TURNED, "difference"])
    assert 0 < lines.loc[TURNED, "low"] < lines.loc[TURNED, "difference"] < lines.loc[TURNED, "high"]
    assert lines.loc["small", "low"] < 0 < lines.loc["small", "high"]
    assert lines["examples"].sum() == len(part(MONTHS[0]).rows)


def test_a_segment_with_too_few_accounts_is_not_tried():
    """The reason states what is missing, in training and in validation (MOD-6)."""
    few = tried(SegmentSettings(min_accounts=10_000)).loc[TURNED]
    unseen = tried(SegmentSettings(min_accounts=100, min_validation_accounts=9_000)).loc[TURNED]

    assert not few["adopted"]
    assert few["says"] == "10000 accounts with and without the outcome are needed"
    assert 100 < few["accounts_with"] < few["accounts_without"]
    assert unseen["says"] == "9000 accounts with and without are needed on validation"
    assert np.isnan(unseen["difference"])


def test_rows_that_do_not_count_make_no_accounts():
    """With random assignment, treated rows do not count as accounts of a segment (MOD-1, MOD-6)."""
    rows = pd.DataFrame({"account_id": ["a", "a", "b", "c"], "segment": "small"})
    counts = LabeledRows(rows, np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 2.0, 0.0]))

    assert counts.accounts() == (1, 1)


def test_what_is_adopted_serves_its_segment_and_no_other(found, served):
    """Better on the test months, which were not used; the probabilities of the others do not change (MOD-6)."""
    turned = (TEST["segment"] == TURNED).to_numpy()
    pooled = replace(served, segments={})
    auc = [roc_auc_score(TEST["churned"][turned], model.probabilities(TEST)[turned]) for model in (served, pooled)]

    assert set(served.segments) == {TURNED}
    assert auc[0] > 0.7
    assert auc[1] < 0.4
    assert (served.probabilities(TEST)[~turned] == pooled.probabilities(TEST)[~turned]).all()
    assert (found.test["chance"].to_numpy() == served.probabilities(TEST)).all()
    assert TEST["churned"][turned].mean() == pytest.approx(served.probabilities(TEST)[turned].mean(), rel=0.25)
    assert list(found.segments["segment"]) == ["large", "small", TURNED]


def test_an_account_without_a_segment_is_served_by_the_pooled_model(served):
    """So is an account of an unseen segment (MOD-6)."""
    rows = TEST.head(4).assign(segment=[None, "new", TURNED, np.nan])
    pooled = replace(served, segments={}).probabilities(rows)

    assert (served.probabilities(rows) == pooled).tolist() == [True, True, False, True]


def test_it_is_stored_with_the_models_of_its_segments(served):
    """By skops, with no further trusted type (MOD-9)."""
    back = skops.io.loads(skops.io.dumps(as_one(served)), trusted=list(TRUSTED))

    assert set(as_trained(served.name, back).segments) == {TURNED}
    assert np.abs(back.predict_proba(TEST)[:, 1] - served.probabilities(TEST)).max() <= 1e-12
    assert np.abs(as_trained(served.name, back).probabilities(TEST) - served.probabilities(TEST)).max() <= 1e-12


def test_reasons_are_those_of_the_model_that_serves(served):
    """Parts sum to the margin of each row; what raises the risk of the one segment lowers it in the other (ACT-1)."""
    rows = TEST.head(300)
    reference = reference_row(BOOK)
    why = explained(served, rows, reference)
    turned = (rows["segment"] == TURNED).to_numpy()
    signal = why.contributions["signal"].to_numpy()
    reasons = top_reasons(served, rows, why, reference, 3)
    cited = reasons[reasons["feature"] == "signal"].set_index("row")["value"].astype(float)

    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), margin(served, rows), atol=1e-9)
    assert list(why.contributions.index) == list(rows.index)
    assert np.corrcoef(signal[turned], rows["signal"][turned])[0, 1] < -0.9
    assert np.corrcoef(signal[~turned], rows["signal"][~turned])[0, 1] > 0.9
    assert (cited[cited.index.isin(rows.index[turned])] < float(reference["signal"])).all()
    assert (cited[cited.index.isin(rows.index[~turned])] > float(reference["signal"])).all()


def test_resetting_the_segment_does_not_change_the_model_that_serves(served):
    """Resetting the segment to its reference would otherwise switch to another model (ACT-1)."""
    rows = TEST[TEST["segment"] == TURNED].head(5)
    moved = rows.assign(segment="small")

    assert np.allclose(margin(served, moved, rows), margin(served.segments[TURNED], moved))
    assert not np.allclose(margin(served, moved), margin(served, moved, rows))


def test_importance_includes_the_models_of_all_segments(served):
    """The signal matters more than in the pooled model alone, whose sign is wrong in one segment (MOD-7)."""
    rules = ImportanceSettings(repeats=2)
    whole, pooled = (
        importance(model, TEST, "churned", rules).set_index("name").loc["signal", "value"]
        for model in (served, replace(served, segments={}))
    )

    assert whole > pooled + 0.02


def test_a_model_without_segments_is_as_before(served):
    """One model serves all rows, whether or not they name a segment (MOD-6)."""
    alone: Trained = replace(served, segments={})
    (model, at), *others = alone.serving(TEST.drop(columns="segment"))

    assert (model.name, list(at), others) == (served.name, list(range(len(TEST))), [])
