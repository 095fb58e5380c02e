"""The health score: from measures to 0-100, with every point accounted for."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from keepwell.features.health.change import PARTS, change_parts
from keepwell.features.health.points import definition_key, peer_groups, peer_reference, points_from, points_of
from keepwell.features.health.score import Inputs, components, coverage, effective_weights, health_of, measure_frame
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS, companions
from keepwell.features.settings import DEFAULT_MEASURES, HealthSettings

MONDAY = date(2024, 3, 4)
A_MONTH_AGO = date(2024, 2, 4)
MEASURES = list(DEFAULT_MEASURES)
DEFAULT = HealthSettings()
Values = Mapping[str, Sequence[float | None]]


def settings(**changes: Any) -> HealthSettings:
    return HealthSettings.model_validate(changes)


def measured(
    values: Values,
    health: HealthSettings = DEFAULT,
    segments: Sequence[str | None] | None = None,
    as_of: date = MONDAY,
    stored: pd.DataFrame | None = None,
    absent: Sequence[str] = (),
    trust: Mapping[str, Sequence[float]] | None = None,
    own: Mapping[str, Sequence[float] | float] | None = None,
    tenure_days: int = 400,
) -> pd.DataFrame:
    """The measure frame of accounts a0, a1, ... with these values; what is not named, the company does not have.

    `absent` are sources that it does not have, `trust` the shares of rows that can be trusted by source, `own` what is
    usual for the accounts and their standard errors: a day between two of use and 0, unless said.
    """
    names = [f"a{n}" for n in range(len(next(iter(values.values()))))]
    features = pd.DataFrame({"account_id": names, **dict.fromkeys(MEASURES, np.nan)}).assign(**values)
    about = {"segment": list(segments or [None] * len(names)), "tenure_days": tenure_days}
    book = pd.DataFrame({"account_id": names, **about})
    answerable = frozenset(n for n in values if not set(FEATURES[n].sources) & set(absent))
    confidence = pd.DataFrame(dict(trust or {}), index=names, dtype=float)
    beside = {**dict.fromkeys(companions(FEATURES), 0.0), "usual_gap_days": 1.0, **(own or {})}
    numbers = features.astype(dict.fromkeys(MEASURES, float)).assign(**beside)
    return measure_frame(book, numbers, FEATURES, health, Inputs(answerable, confidence, stored, as_of))


def of(measures: pd.DataFrame, feature: str, account: str = "a0") -> pd.Series:
    """One measure of one account."""
    return measures.set_index(["account_id", "feature"]).loc[(account, feature)]


def score(measures: pd.DataFrame) -> float:
    """The health of the first account."""
    return float(health_of(measures)["a0"])


# Points ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "value", "points"),
    [
        ("usage_trend", -0.6, 0), ("usage_trend", 0, 75), ("usage_trend", 0.2, 100), ("usage_trend", 9, 100),
        ("usage_trend", -0.2, 50), ("urgent_tickets_90d", 4, 0), ("days_since_last_use", 0, 75),
        ("days_since_last_use", 400, 0), ("nps_score_365d", 7.5, 75), ("escalations_90d", 0, 75),
        ("escalations_90d", 1, 50), ("urgent_tickets_90d", 0, 80),
    ],
)  # fmt: skip
def test_a_scale_runs_from_worst_to_best(feature: str, value: float, points: float) -> None:
    """Linear between the two, 0 and 100 beyond them (HLT-1)."""
    assert of(measured({feature: [value]}), feature)["points"] == pytest.approx(points)


def test_a_change_counts_as_far_as_it_is_above_chance() -> None:
    """Down 40%: nothing at a standard error of 20%, three quarters of it at 10%, all of it at none (FEA-4, HLT-1)."""
    found = measured({"usage_trend": [-0.4] * 4}, own={"usage_error": [0.3, 0.2, 0.1, 0.0]})

    assert [of(found, "usage_trend", f"a{n}")["points"] for n in range(4)] == pytest.approx([75, 75, 37.5, 25])
    assert of(found, "usage_trend", "a1")["scale"] == 0.2
    raw = settings(measures={"usage_trend": {"reference": "fixed"}})
    assert score(measured({"usage_trend": [-0.4]}, raw, own={"usage_error": 0.3})) == pytest.approx(25)


def test_a_change_whose_error_was_not_stored_is_of_another_definition() -> None:
    """What was published before errors were cannot be worked out again under the new definition (HLT-3)."""
    old = measured({"usage_trend": [-0.4], "csat_180d": [4.0]}, settings(sure_from=0), own={"usage_error": 0.3})
    old.loc[old["feature"] == "usage_trend", "scale"] = np.nan

    now = measured({"usage_trend": [-0.4], "csat_180d": [4.0]}, own={"usage_error": 0.3})

    assert list(changed(old, now)) == ["change_definition"]


def test_silence_is_measured_by_the_accounts_own_rhythm() -> None:
    """Eight days: long for a team that comes daily, nothing for one that comes every month (FEA-4)."""
    worst, best = DEFAULT.measures["days_since_last_use"].scale
    found = measured({"days_since_last_use": [8, 8, 0]}, own={"usual_gap_days": [1.0, 32.0, 32.0]})
    points = [of(found, "days_since_last_use", f"a{n}")["points"] for n in range(3)]

    assert points == pytest.approx([100 * (gaps - worst) / (best - worst) for gaps in (8, 0.25, 0)])
    assert of(found, "days_since_last_use", "a1")["reference"] == 32


def test_a_past_that_a_young_account_cannot_have_is_not_missing() -> None:
    """A month old, with users, seats and features: scored. What every account can have still counts (HLT-2)."""
    usage = [m for m in MEASURES if FEATURES[m].component in {"usage", "adoption"}]
    young = [m for m in usage if (FEATURES[m].tenure_from or 0) <= 30 and m != "onboarding_attendance"]
    none = {m: [None] for m in usage}
    values: Values = {**none, **{m: [_value_at(m, 75.0)] for m in young}}

    found = measured(values, tenure_days=30)
    old = measured(values, tenure_days=400)
    week = measured({**none, "days_since_last_use": [0]}, tenure_days=7)

    assert coverage(found)["a0"] > DEFAULT.minimum_coverage > coverage(old)["a0"]
    assert score(found) == score(old) == pytest.approx(75)
    assert of(found, "usage_trend")["weight"] == 0 < of(old, "usage_trend")["weight"]
    assert coverage(week)["a0"] < DEFAULT.minimum_coverage


def test_the_median_of_the_peers_is_typical_and_a_deviation_is_twenty_points() -> None:
    """75 at the median, 20 per robust standard deviation of log(1 + value), in the feature's direction (FEA-4)."""
    logs = np.array([1.0, 1.5, 2.0, 2.5, 3.0])
    deviation = 1.4826 * 0.5

    more_is_better = measured({"active_days_28d": np.expm1(logs)})
    less_is_better = measured({"tickets_per_seat_90d": np.expm1(logs)})

    expected = 75 + 20 * (logs - 2.0) / deviation
    assert of(more_is_better, "active_days_28d", "a2")["reference"] == pytest.approx(np.expm1(2.0))
    assert [of(more_is_better, "active_days_28d", f"a{n}")["points"] for n in range(5)] == pytest.approx(
        np.clip(expected, 0, 100)
    )
    assert of(less_is_better, "tickets_per_seat_90d", "a1")["points"] == pytest.approx(expected[3])


def test_equal_peers_are_all_typical() -> None:
    """No spread, no distance."""
    assert of(measured({"active_days_28d": [9, 9, 9]}), "active_days_28d")["points"] == 75


def test_a_small_segment_is_compared_with_its_parent_and_then_with_the_book() -> None:
    """Fewer than 20 accounts with a value: `eu/dach` falls to `eu`, a lone segment to the whole book (FEA-4)."""
    segments = ["eu/dach"] * 5 + ["eu/nordic"] * 25 + ["us"] * 3 + [None] * 30
    values = np.array([10.0] * 5 + [20.0] * 25 + [30.0] * 3 + [np.nan] * 10 + [50.0] * 20)
    peers = peer_groups(pd.Series(segments))

    reference, _ = peer_reference(values, peers, minimum=20)

    assert [reference[0], reference[5], reference[30], reference[40]] == [20, 20, 20, 20]
    assert peer_reference(values, peers, minimum=5)[0][0] == 10
    assert peer_reference(values, peers, minimum=26)[0][5] == 20  # eu as a whole has 30
    assert peer_reference(values, peers, minimum=31)[0][40] == 20  # the book's median


def test_a_segment_is_no_part_of_one_whose_name_begins_alike() -> None:
    """`europe` is not in `eu`."""
    reference, _ = peer_reference(
        np.array([1.0, 9.0, 9.0]), peer_groups(pd.Series(["eu", "europe", "europe"])), minimum=1
    )

    assert list(reference) == [1, 9, 9]


# The sum (HLT-1) ------------------------------------------------------------------------------------------------------

shares = st.integers(0, 20).map(lambda n: n / 20)
numbers = st.none() | st.floats(-50, 500) | st.sampled_from((0.0, 1.0, -1.0))


@pytest.mark.slow
@given(st.data())
@effort(max_examples=40, derandomize=True, deadline=None, phases=[Phase.generate])
def test_contributions_sum_to_the_score_and_everything_stays_in_bounds(data: st.DataObject) -> None:
    """Whatever the values, weights, trust and segments: 1e-6; components and score in [0, 100] (HLT-1)."""
    some = data.draw(st.lists(st.sampled_from(MEASURES), min_size=1, max_size=12, unique=True))
    values = {m: data.draw(st.lists(numbers, min_size=3, max_size=3)) for m in some}
    weights = data.draw(
        st.fixed_dictionaries(dict.fromkeys(COMPONENTS, shares)).filter(lambda w: sum(w.values()) > 0.01)
    )
    segment_weights = {"b": {data.draw(st.sampled_from(COMPONENTS)): 0.5}}
    health = settings(
        weights=weights, segment_weights=segment_weights,
        measures={m: {"weight": data.draw(shares), "missing": data.draw(st.sampled_from(("exclude", "penalise")))}
                  for m in some},
    )  # fmt: skip
    trust = {s: data.draw(st.lists(shares, min_size=3, max_size=3)) for s in ("usage", "tickets", "invoices")}

    found = measured(values, health, ["b", "b/c", None], trust=trust)

    whole = health_of(found)
    parts = components(found)
    counted = whole.dropna()
    sums = found.groupby("account_id")["contribution"].sum()
    assert ((sums - whole).loc[counted.index].abs() <= 1e-6).all()
    assert counted.between(-1e-9, 100 + 1e-9).all()
    assert parts.stack().dropna().between(-1e-9, 100 + 1e-9).all()
    assert coverage(found).between(0, 1 + 1e-9).all()
    assert (found["pull"].groupby(found["account_id"]).sum() + 75).loc[counted.index].to_numpy() == pytest.approx(
        counted
    )
    for account, segment in zip(("a0", "a1", "a2"), ("b", "b/c", None), strict=True):
        own = pd.Series(health.weights_of(segment)).loc[lambda w: w > 0].reindex(parts.columns).dropna()
        there = parts.loc[account].dropna().index.intersection(own.index)
        if len(there):
            mean = (parts.loc[account, there] * own[there]).sum() / own[there].sum()
            assert whole[account] == pytest.approx(mean, abs=1e-6)
        else:
            assert np.isnan(whole[account])


@given(st.sampled_from(MEASURES), st.floats(-5, 400), st.floats(0, 400), st.integers(0, 3))
@effort(max_examples=200, derandomize=True, deadline=None, phases=[Phase.generate])
def test_a_better_value_never_gets_fewer_points(feature: str, value: float, step: float, seed: int) -> None:
    """More where more is better, less where less is, even though the peers' median moves with it (HLT-1)."""
    about, measure = FEATURES[feature], DEFAULT.measures[feature]
    peers = np.array(np.random.default_rng(seed).lognormal(1, 1, 41))

    def points(of_value: float) -> float:
        values = np.array([of_value, *peers])
        own = (np.full(42, 3.0), np.full(42, 0.1))
        _, _, found = points_of(values, own, peer_groups(pd.Series([None] * 42)), about, measure, DEFAULT)
        return float(found[0])

    assert points(value + about.direction * step) >= points(value) - 1e-9


@pytest.mark.slow
def test_more_points_never_lower_the_score() -> None:
    """Each measure in turn from worst to best, all else equal (HLT-1)."""
    typical = {m: [_value_at(m, 75.0)] * 3 for m in MEASURES}
    for feature in (m for m in MEASURES if DEFAULT.measures[m].reference != "peers"):
        found = health_of(measured({**typical, feature: [_value_at(feature, p) for p in (0.0, 75.0, 100.0)]}))

        assert found["a0"] < found["a1"] < found["a2"]


def test_time_to_renewal_cannot_be_a_measure() -> None:
    """It is urgency; neither are size, season and tenure signs of health (HLT-1)."""
    for name in ("months_to_renewal", "contract_value", "season", "tenure", "on_trial", "negotiations_180d"):
        assert name not in DEFAULT_MEASURES
        with pytest.raises(ValidationError, match="no sign of good or bad health"):
            settings(measures={name: {"weight": 1}})


def test_a_mistaken_measure_is_refused_by_name() -> None:
    """A typing error in pipeline.toml is named with what would be right (TRU-3)."""
    with pytest.raises(ValidationError, match="no feature 'usage_trent'; did you mean 'usage_trend'"):
        settings(measures={"usage_trent": {"weight": 1}})
    with pytest.raises(ValidationError, match="no feature 'usage_age_days'"):  # an ingredient, not published
        settings(measures={"usage_age_days": {"weight": 1}})
    with pytest.raises(ValidationError, match="best of usage_trend must be above worst"):
        settings(measures={"usage_trend": {"worst": 0.2, "best": -0.6}})
    with pytest.raises(ValidationError, match="every weight is 0"):
        settings(segment_weights={"smb": dict.fromkeys(COMPONENTS, 0)})
    with pytest.raises(ValidationError, match="no component 'usag'"):
        settings(weights={"usag": 1})


def test_a_file_changes_single_keys_of_single_measures() -> None:
    """What it does not name keeps its default."""
    changed = settings(measures={"usage_trend": {"weight": 9}}, weights={"billing": 0})

    assert changed.measures["usage_trend"] == DEFAULT.measures["usage_trend"].model_copy(update={"weight": 9})
    assert changed.measures["csat_180d"] == DEFAULT.measures["csat_180d"]
    assert changed.weights_of(None)["usage"] == pytest.approx(0.30 / 0.9)


def test_a_segment_has_its_own_weights_over_its_parents_over_the_general_ones() -> None:
    """`b/c` takes what it names itself, then what `b` names; all are brought to the sum 1 (HLT-1)."""
    health = settings(segment_weights={"b": {"usage": 0, "billing": 1}, "b/c": {"billing": 0.5}})
    values: Values = {"days_since_last_use": [0, 0, 0], "payment_failures_90d": [3, 3, 3]}

    found = health_of(measured(values, health, [None, "b", "b/c"]))

    assert found["a0"] == pytest.approx((75 * 0.30 + 0 * 0.10) / 0.40)
    assert found["a1"] == found["a2"] == 0
    assert health.weights_of("b/c")["billing"] == pytest.approx(0.5 / (0.5 + 0.15 + 0.15 + 0.10 + 0.12 + 0.08))
    assert sum(health.weights_of("b").values()) == pytest.approx(1)


# Missing values (HLT-2) -----------------------------------------------------------------------------------------------


def test_a_missing_value_is_left_out() -> None:
    """Policy exclude: the score is that of what is known, the coverage falls."""
    both = measured({"urgent_tickets_90d": [4], "escalations_90d": [0]})
    one = measured({"urgent_tickets_90d": [None], "escalations_90d": [0]})

    assert (score(both), score(one)) == (pytest.approx(37.5), pytest.approx(75))
    assert coverage(one)["a0"] == pytest.approx(coverage(both)["a0"] / 2)


def test_a_penalised_value_counts_but_is_not_known() -> None:
    """Policy penalise: 25 points, no coverage."""
    found = measured({"days_since_executive_contact": [None], "stakeholders": [5]})
    missing = of(found, "days_since_executive_contact")

    assert (missing["points"], missing["confidence"], missing["coverage"]) == (25, 1, 0)
    assert score(found) == pytest.approx((25 * 1.0 + 75 * 0.75) / 1.75)


def test_a_penalty_weighs_no_more_than_its_source_can_be_trusted() -> None:
    """Half of the talks were set aside: that none with an executive is on record says half as much (SRC-4)."""
    values: Values = {"days_since_executive_contact": [None, 0], "stakeholders": [5, 5]}

    found = measured(values, trust={"touchpoints": [0.5, 0.5]})

    assert of(found, "days_since_executive_contact")["confidence"] == 0.5
    assert of(found, "days_since_executive_contact", "a1")["confidence"] == 0.5


@pytest.mark.parametrize("policy", ["exclude", "penalise", "carry"])
def test_what_the_company_does_not_have_is_left_out_whatever_the_policy(policy: str) -> None:
    """An absent optional source never looks like bad health, nor like good (HLT-2)."""
    health = settings(measures={"days_since_executive_contact": {"missing": policy}})
    stored = measured({"days_since_executive_contact": [365.0], "days_since_last_use": [0]}, health, as_of=A_MONTH_AGO)

    now: Values = {"days_since_executive_contact": [None], "days_since_last_use": [0]}

    found = measured(now, health, absent=["touchpoints"], stored=stored)

    assert score(found) == 75
    assert of(found, "days_since_executive_contact")["confidence"] == 0


@pytest.mark.parametrize("source", ["tickets", "invoices", "surveys", "touchpoints", "contacts", "opportunities"])
def test_an_absent_source_leaves_a_typical_account_typical(source: str) -> None:
    """All at 75 points: 75 with the source and without, only the coverage falls (HLT-2)."""
    typical = {m: [_value_at(m, 75.0)] for m in MEASURES}
    without = {m: v if source not in FEATURES[m].sources else [None] for m, v in typical.items()}

    whole, thin = measured(typical), measured(without, absent=[source])

    assert score(whole) == pytest.approx(75)
    assert score(thin) == pytest.approx(75)
    assert coverage(whole)["a0"] == pytest.approx(1)
    assert coverage(thin)["a0"] < 1


def _value_at(feature: str, points: float) -> float:
    """The value that gives so many points; any, for the only account among its peers."""
    measure = DEFAULT_MEASURES[feature]
    if measure.reference == "peers":
        return 3.0
    worst, best = measure.scale
    return worst + (best - worst) * points / 100


def test_a_carried_value_fades() -> None:
    """60 days old: half the weight, and half of its distance from typical; known by half (HLT-2)."""
    stored = measured({"csat_180d": [1.0], "urgent_tickets_90d": [0.25]}, as_of=MONDAY - timedelta(days=60))
    found = measured({"csat_180d": [None], "urgent_tickets_90d": [0.25]}, stored=stored)
    carried = of(found, "csat_180d")

    assert of(stored, "csat_180d")["points"] == 0
    assert carried["points"] == pytest.approx(37.5)
    assert carried["confidence"] == carried["coverage"] == pytest.approx(0.5)
    assert carried["value"] == 1
    assert carried["observed_on"].date() == MONDAY - timedelta(days=60)
    assert score(found) == pytest.approx((37.5 * 0.5 + 75 * 1) / 1.5)


def test_a_carried_value_keeps_the_day_on_which_it_was_observed() -> None:
    """Daily runs carry what was carried: the age counts from the observation, not from yesterday's run."""
    first = measured({"csat_180d": [1.0]}, as_of=MONDAY - timedelta(days=60))
    now: Values = {"csat_180d": [None], "usage_trend": [0.0]}
    second = measured(now, as_of=MONDAY - timedelta(days=30), stored=first)

    directly, in_steps = measured(now, stored=first), measured(now, stored=second)

    pd.testing.assert_frame_equal(directly, in_steps)


def test_a_value_is_carried_for_a_year_and_only_under_its_definition() -> None:
    """After 365 days, or once the scale is another, it is gone."""
    old = measured({"csat_180d": [1.0]}, as_of=MONDAY - timedelta(days=366))
    recent = measured({"csat_180d": [1.0]}, as_of=MONDAY - timedelta(days=365))
    other_scale = settings(measures={"csat_180d": {"worst": 2}})
    now: Values = {"csat_180d": [None]}

    assert of(measured(now, stored=recent), "csat_180d")["confidence"] > 0
    assert of(measured(now, stored=old), "csat_180d")["confidence"] == 0
    assert of(measured(now, other_scale, stored=recent), "csat_180d")["confidence"] == 0


def test_a_carried_value_is_compared_with_its_own_peers() -> None:
    """Its reference is carried with it: today's peers say nothing about an old value."""
    stored = measured({"ticket_sentiment_90d": [-0.5, 0.0, 0.1, 0.2, 0.3]}, as_of=MONDAY - timedelta(days=30))
    found = measured({"ticket_sentiment_90d": [None, 0.8, 0.8, 0.9, 0.9]}, stored=stored)

    for column in ("value", "reference", "scale"):
        assert of(found, "ticket_sentiment_90d")[column] == of(stored, "ticket_sentiment_90d")[column]


def test_less_trust_in_a_source_lowers_weight_and_coverage_but_no_points() -> None:
    """Half the usage rows set aside: its measures count half beside a trusted one (SRC-3, SRC-4)."""
    values: Values = {"days_since_last_use": [30], "seat_utilisation": [0], "lost_deals_180d": [0]}
    trusted, doubted = measured(values), measured(values, trust={"usage": [0.5], "tickets": [0.1]})

    assert of(doubted, "days_since_last_use")["points"] == of(trusted, "days_since_last_use")["points"] == 0
    assert of(doubted, "days_since_last_use")["confidence"] == 0.5
    assert coverage(doubted)["a0"] < coverage(trusted)["a0"]


def test_nothing_known_is_no_score() -> None:
    """Not 0, which would be critical; the same where only what has no weight is known (HLT-2)."""
    weightless = settings(weights={"commercial": 0})

    assert np.isnan(health_of(measured({"usage_trend": [None]}))["a0"])
    assert np.isnan(health_of(measured({"lost_deals_180d": [0]}, weightless))["a0"])


def test_a_component_that_nobody_weighs_takes_no_coverage() -> None:
    """Every measure of billing at weight 0: an account can still be fully covered."""
    billing = [m for m in MEASURES if FEATURES[m].component == "billing"]
    health = settings(measures={m: {"weight": 0} for m in billing})
    values = {m: [_value_at(m, 75.0)] for m in MEASURES if m not in billing}

    assert coverage(measured(values, health))["a0"] == pytest.approx(1)


# Factors --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(st.data())
@effort(max_examples=20, derandomize=True, deadline=None, phases=[Phase.generate])
def test_putting_a_factor_back_to_typical_moves_the_score_by_its_pull(data: st.DataObject) -> None:
    """Exact and additive: what pulls down 4 points gives 4 back (ACT-1)."""
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    found = measured({m: rng.lognormal(0, 1, 30) for m in MEASURES})
    mine = found["account_id"] == "a0"
    factor = data.draw(st.sampled_from(list(found[mine & (found["confidence"] > 0)].index)))

    points = found["points"].where(found.index != factor, 75.0)
    moved = found.assign(contribution=effective_weights(found) * points.fillna(0.0))

    assert score(moved) - score(found) == pytest.approx(-found.loc[factor, "pull"])


# Change (HLT-3) -------------------------------------------------------------------------------------------------------

BEFORE: Values = {
    "usage_trend": [0.0], "days_since_last_use": [3.0], "csat_180d": [2.0], "urgent_tickets_90d": [0.0],
    "nps_score_365d": [5.0], "ticket_sentiment_trend": [0.0], "lost_deals_180d": [0.0],
}  # fmt: skip


def changed(
    before: pd.DataFrame,
    now: pd.DataFrame,
    health: HealthSettings = DEFAULT,
    override: tuple[float, float] = (0, 0),
) -> dict[str, float]:
    """The parts of the change of a0 that are not 0, rounded; `override` is added to the health before and now."""
    old, new = health_of(before).round(6), health_of(now)
    scores = pd.DataFrame(
        {
            "health_before": old + override[0],
            "computed_before": old,
            "health": new + override[1],
            "health_computed": new,
        }
    ).loc[new.index]
    stored = before.assign(
        **{c: before[c].round(6) for c in ("value", "reference", "scale", "points", "confidence", "coverage")},
        observed_on=before["observed_on"].dt.date,
    )
    parts = change_parts(stored, now, scores, FEATURES, health).loc["a0"]
    assert parts[list(PARTS)].sum() == pytest.approx(parts["change"], abs=1e-6)
    assert parts["change"] == pytest.approx((new + override[1] - old - override[0])["a0"], abs=1e-6)
    return {part: round(float(v), 3) for part, v in parts[list(PARTS)].items() if abs(v) > 1e-4}


def before(values: Values = BEFORE, **more: Any) -> pd.DataFrame:
    return measured(values, as_of=A_MONTH_AGO, **more)


def test_nothing_new_changes_nothing() -> None:
    """Another date alone moves no part."""
    assert changed(before(), measured(BEFORE)) == {}


def test_another_value_is_data() -> None:
    """Usage down 30%: data, and nothing else."""
    assert list(changed(before(), measured({**BEFORE, "usage_trend": [-0.3]}))) == ["change_data"]


def test_other_peers_are_data() -> None:
    """The same value, but the others have moved."""
    peers = before({"active_days_28d": [5.0, 6.0, 7.0, 8.0, 9.0]})

    assert list(changed(peers, measured({"active_days_28d": [5.0, 16.0, 17.0, 18.0, 19.0]}))) == ["change_data"]


def test_another_weight_is_weights() -> None:
    """Of a component, of a measure, or because the account moved to a segment with its own weights."""
    component, measure = settings(weights={"support": 0.5}), settings(measures={"usage_trend": {"weight": 5}})
    by_segment = settings(segment_weights={"vip": {"support": 0.5}})

    assert list(changed(before(), measured(BEFORE, component), component)) == ["change_weights"]
    assert list(changed(before(), measured(BEFORE, measure), measure)) == ["change_weights"]
    moved = changed(before(health=by_segment, segments=["smb"]), measured(BEFORE, by_segment, ["vip"]), by_segment)
    assert list(moved) == ["change_weights"]


def test_another_scale_is_definition() -> None:
    """The old value under the new scale is the definition's part; what the value did is data's."""
    steeper = settings(measures={"days_since_last_use": {"worst": 10}})

    only = changed(before(), measured(BEFORE, steeper), steeper)
    both = changed(before(), measured({**BEFORE, "days_since_last_use": [9.0]}, steeper), steeper)

    assert list(only) == ["change_definition"]
    assert list(both) == ["change_definition", "change_data"]
    assert both["change_definition"] == only["change_definition"]


def test_a_new_or_a_retired_measure_is_definition() -> None:
    """It counts there whole: a measure that was not stored has no old value to compare with."""
    stored = before()
    without = stored[stored["feature"] != "usage_trend"].reset_index(drop=True)
    without = without.assign(contribution=effective_weights(without) * without["points"].fillna(0.0))

    assert list(changed(without, measured(BEFORE))) == ["change_definition"]
    assert list(changed(stored.assign(version=0, definition="older"), measured(BEFORE))) == []


def test_a_value_that_comes_or_goes_is_coverage() -> None:
    """Left out, penalised or carried: what is no longer known, or newly known, is coverage."""
    penalised = {"days_since_executive_contact": [30.0], "stakeholders": [4.0]}

    assert list(changed(before(), measured({**BEFORE, "csat_180d": [None]}))) == ["change_coverage"]
    assert list(changed(before({**BEFORE, "csat_180d": [None]}), measured(BEFORE))) == ["change_coverage"]
    gone = measured({**penalised, "days_since_executive_contact": [None]})
    assert list(changed(before(penalised), gone)) == ["change_coverage"]
    stored = before()
    faded = measured({**BEFORE, "csat_180d": [None]}, stored=stored)
    assert of(faded, "csat_180d")["confidence"] > 0
    assert list(changed(stored, faded)) == ["change_coverage"]


def test_less_trust_is_coverage() -> None:
    """The same values, half of the rows set aside."""
    assert list(changed(before(), measured(BEFORE, trust={"tickets": [0.5]}))) == ["change_coverage"]


def test_the_rounding_of_what_was_published_is_no_new_definition() -> None:
    """Published with two decimals, its own measures give another third decimal: that is data's, the rest is 0."""
    old, now = (
        before({"usage_trend": [0.0123], "csat_180d": [3.3333]}),
        measured({"usage_trend": [0.0123], "csat_180d": [3.3333]}),
    )
    health = health_of(now)
    scores = pd.DataFrame({"health_before": health.round(2), "computed_before": health.round(2)})
    scores = scores.assign(health=health, health_computed=health)

    parts = change_parts(old.assign(points=old["points"].round(2)), now, scores, FEATURES, DEFAULT).loc["a0"]

    assert parts["change"] != 0
    assert parts["change_definition"] == parts["change_weights"] == 0
    assert parts["change_data"] == pytest.approx(parts["change"])


def test_an_override_is_its_own_part() -> None:
    """Set, lifted, and beside a change of data (HLT-4)."""
    worse = measured({**BEFORE, "usage_trend": [-0.3]})

    assert changed(before(), measured(BEFORE), override=(0, -20)) == {"change_override": -20}
    assert changed(before(), measured(BEFORE), override=(-20, 0)) == {"change_override": 20}
    assert list(changed(before(), worse, override=(0, -20))) == ["change_data", "change_override"]


def test_nothing_stored_is_no_change() -> None:
    """A new account, one without a health then, one without a health now: NULL, not 0 (HLT-3)."""
    now = measured({"usage_trend": [0.0, 0.1, 0.2]})
    new = health_of(now)
    scores = pd.DataFrame({"health_before": [70.0, np.nan, 70.0], "computed_before": [70.0, 70.0, 70.0]}, new.index)
    scores = scores.assign(health=[new["a0"], new["a1"], np.nan], health_computed=new)

    parts = change_parts(before({"usage_trend": [0.0]}), now, scores, FEATURES, DEFAULT)

    assert parts.notna().all(axis=1).tolist() == [True, False, False]
    assert parts.isna().all(axis=1).tolist() == [False, True, True]


@pytest.mark.slow
@given(st.data())
@effort(max_examples=10, derandomize=True, deadline=None, phases=[Phase.generate])
def test_the_parts_always_sum_to_the_change(data: st.DataObject) -> None:
    """Any values, weights, scales and trust before and now, accounts that come and go (HLT-3)."""

    def side(as_of: date, stored: pd.DataFrame | None) -> tuple[pd.DataFrame, HealthSettings]:
        health = settings(
            weights={"usage": data.draw(st.floats(0.1, 1))},
            measures={"usage_trend": {"worst": data.draw(st.sampled_from((-1.0, -0.5)))}},
            penalty_points=data.draw(st.sampled_from((25, 40))),
        )
        some = ("usage_trend", "active_days_28d", "csat_180d", "days_since_executive_contact", "escalations_90d")
        values = {m: data.draw(st.lists(st.none() | st.floats(-1, 9), min_size=3, max_size=3)) for m in some}
        trust = {"tickets": data.draw(st.lists(shares, min_size=3, max_size=3))}
        return measured(values, health, as_of=as_of, stored=stored, trust=trust), health

    old, _ = side(A_MONTH_AGO, None)
    now, health = side(MONDAY, old)

    if not np.isnan(health_of(old)["a0"]) and not np.isnan(health_of(now)["a0"]):
        changed(old, now, health)  # asserts the sum


# Definitions ----------------------------------------------------------------------------------------------------------


def test_a_definition_changes_only_with_what_turns_its_value_into_points() -> None:
    """Weights, and numbers that this measure does not use, leave it as it is (FEA-2, HLT-3)."""

    def moved(**changes: Any) -> set[str]:
        other = settings(**changes)
        return {
            m for m in MEASURES
            if definition_key(FEATURES[m], DEFAULT.measures[m], DEFAULT)
            != definition_key(FEATURES[m], other.measures[m], other)
        }  # fmt: skip

    by_policy = {p: {m for m in MEASURES if DEFAULT.measures[m].missing == p} for p in ("carry", "penalise")}
    by_peers = {m for m in MEASURES if DEFAULT.measures[m].reference == "peers"}
    assert moved(measures={"usage_trend": {"weight": 3}}, weights={"usage": 0.9}) == set()
    assert moved(measures={"usage_trend": {"worst": -0.5}}) == {"usage_trend"}
    assert moved(penalty_points=30) == by_policy["penalise"]
    assert moved(carry_half_life_days=30) == by_policy["carry"]
    assert moved(points_per_deviation=15) == by_peers
    assert moved(typical_points=70) == by_peers | by_policy["carry"]


def test_points_from_a_stored_reference_are_those_of_its_day() -> None:
    """What was published can be worked out again from its own row."""
    found = measured({m: np.linspace(0.1, 5, 9) for m in MEASURES})

    for name in MEASURES:
        rows = found[found["feature"] == name]
        value, reference, scale = (rows[side].to_numpy(dtype=float) for side in ("value", "reference", "scale"))
        again = points_from(value, reference, scale, FEATURES[name], DEFAULT.measures[name], DEFAULT)
        assert again == pytest.approx(rows["points"].to_numpy())
