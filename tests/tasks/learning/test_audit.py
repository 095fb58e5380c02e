"""What the scores knew of those who left, and what the book kept, on books written out by hand (LRN-5, LRN-7)."""

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import BookSettings
from keepwell.models.grading.audit import as_known, audit_metrics, looked_up, window, with_flags
from keepwell.models.grading.ratios import Less, Ratio, estimates
from keepwell.models.grading.retention import (
    arr_on,
    base_rates,
    contact_metrics,
    retention,
    surprise_metrics,
    value_frame,
    warned,
    with_contacts,
)
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.grading import AuditSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings, SplitSettings
from keepwell.models.training.candidates import BASELINES, CANDIDATES
from keepwell.models.training.walk_forward import refit_day, walk_forward
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.audit import Audit
from keepwell.tasks.learning.audit_facts import TRAILING, arr_spans, periods_of
from keepwell.tasks.reports.audit import as_html, verdict
from tests.support.handmade import company, contract
from tests.support.running import bytes_of, keepwell, mart, without

RULES = AuditSettings()
DRAWS = CandidateSettings(replicates=50)
PERIOD = "last_18_months"


def panel(rows: list[tuple], months: tuple[str, ...] = ("2024-01-01",)) -> pd.DataFrame:
    """Account, health, model probability, day of churn; the same in every month."""
    frame = pd.DataFrame(
        [
            {
                "account_id": account, "as_of": pd.Timestamp(month), "segment": "mid", "arr": 100.0, "health": health,
                "model": model, "churned_at": pd.Timestamp(lost) if lost else pd.NaT, "churned": lost is not None,
            }
            for month in months
            for account, health, model, lost in rows
        ]
    )  # fmt: skip
    return frame.astype({"health": float, "model": float, "churned_at": "datetime64[us]"})


def legacy(*rows: tuple) -> pd.DataFrame:
    """Account, day, score, band; known so many days after the day, at the next midnight if nothing is said."""
    frame = pd.DataFrame([(*row, 1)[:5] for row in rows], columns=["account_id", "scored_on", "score", "band", "late"])
    at = pd.to_datetime(frame["scored_on"])
    return frame.assign(scored_on=at, known_at=at + pd.to_timedelta(frame["late"], unit="D"))


def losses(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["account_id", "churned_at"]).assign(how="notice")


def flagged(book: pd.DataFrame, scores: pd.DataFrame | None, share: float = 0.1, rules: AuditSettings = RULES):
    return with_flags(as_known(book, scores, rules), rules, share, critical_below=50)


def figure(frame: pd.DataFrame, *key: object) -> pd.Series:
    """The one row of (flags, score, days_before, metric)."""
    days = frame["days_before"].isna() if key[2] is None else frame["days_before"] == key[2]
    (_, row), *more = frame[
        (frame["flags"] == key[0]) & (frame["score"] == key[1]) & days & (frame["metric"] == key[3])
    ].iterrows()
    assert not more
    return row


def test_a_score_so_many_days_before_is_the_newest_of_that_instant_with_its_age():
    """90 days before the loss of 20 May is 20 February: the flags of February stood, its scores are 19 days old."""
    months = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")
    book = panel([("acme", 40, 0.3, "2024-05-20")], months)
    book["health"] = [10.0, 20.0, 30.0, 40.0]
    scores = legacy(("acme", "2024-02-01", 22, "red"), ("acme", "2024-04-15", 44, "green"))

    found = looked_up(losses(("acme", "2024-05-20")), flagged(book, scores), RULES).set_index("days_before")

    assert list(found.loc[[90, 60, 30], "health"]) == [20.0, 30.0, 40.0]
    assert list(found.loc[[90, 60, 30], "age_health"]) == [19, 20, 19]
    assert list(found.loc[[90, 60, 30], "legacy"]) == [22.0, 22.0, 22.0]
    assert list(found.loc[[90, 60, 30], "age_legacy"]) == [19, 49, 79]


def test_a_score_dated_the_first_counts_for_its_month_and_one_of_the_day_before_the_loss_for_none():
    """Flags are set a day after the month's start; on the 1st itself those of the month before stand (LRN-5)."""
    book = flagged(panel([("acme", 40, None, None)], ("2024-01-01", "2024-02-01")), None)
    on_the_first = looked_up(losses(("acme", "2024-03-02")), book, AuditSettings(days_before=(30,)))
    a_day_later = looked_up(losses(("acme", "2024-03-03")), book, AuditSettings(days_before=(30,)))

    assert on_the_first["as_of"].item() == pd.Timestamp("2024-01-01")
    assert a_day_later["as_of"].item() == pd.Timestamp("2024-02-01")


def test_a_score_that_was_filled_in_later_was_not_known_then():
    """Dated February, imported in April: in March nobody had it (LRN-5, section 0)."""
    book = panel([("acme", 40, None, None)], ("2024-03-01", "2024-04-01", "2024-05-01"))
    scores = legacy(("acme", "2024-02-10", 22, "red", 60))

    assert flagged(book, scores)["own_legacy"].tolist() == [pd.NA, pd.NA, True]


def test_a_score_too_old_is_none():
    """Beyond 120 days an import that stopped says nothing about the account (LRN-5)."""
    scores = legacy(("acme", "2023-08-01", 10, "red"))
    book = flagged(panel([("acme", 40, None, None)]), scores)
    stopped = looked_up(losses(("acme", "2024-08-01")), book, AuditSettings(days_before=(30,)))

    assert book["legacy"].isna().all()
    assert book["own_legacy"].isna().all()
    assert stopped[["health", "stock_health", "age_health"]].isna().all(axis=None)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["acme", "bolt", "core"]), st.dates(date(2023, 10, 1), date(2024, 9, 1)),
            st.floats(0, 100, allow_nan=False), st.sampled_from(["red", "green", None]),
            st.integers(1, 90),
        ),
        max_size=12,
    ),
    st.integers(0, 200),
)  # fmt: skip
def test_a_score_known_after_the_look_changes_nothing(rows: list[tuple], days: int):
    """Whatever is imported later: what was looked up before stays as it was (LRN-5, FEA-3)."""
    months = tuple(str(m.date()) for m in pd.date_range("2024-01-01", "2024-08-01", freq="MS"))
    book = panel([("acme", 40, 0.2, None), ("bolt", 60, 0.1, None), ("core", 80, 0.3, None)], months)
    lost = losses(("acme", "2024-07-20"), ("bolt", "2024-08-20"))
    cut = pd.Timestamp("2024-03-01") + pd.Timedelta(days=days)
    everything = legacy(*rows) if rows else legacy(("acme", "2024-01-01", 50.0, "red")).iloc[:0]
    known = everything[everything["known_at"] <= cut]

    whole = looked_up(lost, flagged(book, everything, 0.3), RULES)
    then = looked_up(lost, flagged(book, known, 0.3), RULES)

    early = whole["at"] <= cut
    pd.testing.assert_frame_equal(whole[early], then[early])


def test_every_score_flags_the_same_share_of_those_whom_it_knows():
    """The riskiest tenth, rounded up, of each month's scored accounts; who has no score has no flag (LRN-5)."""
    rows = [(f"a{n:02}", 100 - n, n / 100, None) for n in range(25)]
    scores = legacy(*((f"a{n:02}", "2024-01-01", n, "green") for n in range(5, 25)))

    book = flagged(panel(rows), scores).set_index("account_id")

    assert set(book.index[book["stock_health"]]) == {"a22", "a23", "a24"}
    assert set(book.index[book["stock_model"]]) == {"a22", "a23", "a24"}
    assert set(book.index[book["stock_legacy"].fillna(False)]) == {"a05", "a06"}
    assert book["stock_legacy"].isna().sum() == 5


def test_a_legacy_score_that_rises_with_danger_is_turned_round():
    """legacy_high_is_good = false (LRN-5)."""
    scores = legacy(*((f"a{n}", "2024-01-01", n, None) for n in range(10)))
    book = flagged(panel([(f"a{n}", 50, None, None) for n in range(10)]), scores, rules=RULES)
    turned = flagged(
        panel([(f"a{n}", 50, None, None) for n in range(10)]), scores, rules=AuditSettings(legacy_high_is_good=False)
    )

    assert list(book.loc[book["stock_legacy"], "account_id"]) == ["a0"]
    assert list(turned.loc[turned["stock_legacy"], "account_id"]) == ["a9"]


def test_own_bands_are_the_companys_words_and_health_below_fifty():
    """Whatever their case; an account without a band has no flag, not a false one (LRN-5)."""
    scores = legacy(("acme", "2024-01-01", 10, "RED"), ("bolt", "2024-01-01", 90, "green"))
    book = flagged(panel([("acme", 49.9, None, None), ("bolt", 50, None, None), ("core", None, None, None)]), scores)
    own = book.set_index("account_id")[["own_legacy", "own_health"]].astype(object)

    assert own.loc["acme"].tolist() == [True, True]
    assert own.loc["bolt"].tolist() == [False, False]
    assert own.loc["core"].isna().all()


def test_rates_of_a_small_book_by_hand():
    """Four left: two flagged and one missed by health, one without health. Of three flags a month one stayed."""
    rows = [
        ("left1", 10, None, "2024-03-10"), ("left2", 80, None, "2024-03-10"), ("left3", 81, None, "2024-03-10"),
        ("left4", None, None, "2024-03-10"), ("stay1", 20, None, None), *((f"s{n}", 90, None, None) for n in range(5)),
    ]  # fmt: skip
    book = flagged(panel(rows, ("2024-01-01", "2024-02-01")), None, share=0.3)
    lost = losses(*((f"left{n}", "2024-03-10") for n in range(1, 5)))
    found = audit_metrics(looked_up(lost, book, RULES), window(book, pd.Timestamp("2024-01-01")), DRAWS)

    hit = figure(found, "stock", "health", 30, "true_positive_rate")
    assert (hit["value"], hit["part"], hit["whole"], hit["not_scored"]) == (pytest.approx(2 / 3), 2, 3, 1)
    assert figure(found, "stock", "health", 30, "miss_rate")["value"] == pytest.approx(1 / 3)
    assert 0 <= hit["low"] <= hit["value"] <= hit["high"] <= 1
    alarm = figure(found, "stock", "health", None, "false_alarm_rate")
    assert (alarm["value"], alarm["part"], alarm["whole"], alarm["not_scored"]) == (pytest.approx(1 / 3), 2, 6, 2)
    nobody = figure(found, "stock", "legacy", 30, "true_positive_rate")
    assert (nobody["whole"], nobody["not_scored"]) == (0, 4)
    assert np.isnan(nobody["value"])


def test_a_difference_rests_on_those_whom_both_scores_know():
    """A loss without a legacy score is no point for health (LRN-5)."""
    rows = [("both", 90, None, "2024-03-10"), ("alone", 10, None, "2024-03-10"), ("rest", 95, None, None)]
    book = flagged(panel(rows), legacy(("both", "2024-01-01", 5, "red"), ("rest", "2024-01-01", 90, "green")))
    lost = losses(("both", "2024-03-10"), ("alone", "2024-03-10"))
    found = audit_metrics(looked_up(lost, book, RULES), window(book, pd.Timestamp("2024-01-01")), DRAWS)

    less = figure(found, "stock", "health", 60, "true_positive_less_legacy")
    assert (less["value"], less["whole"]) == (-1.0, 1)
    assert figure(found, "stock", "health", 60, "true_positive_rate")["value"] == 0.5


def test_who_had_given_notice_when_the_flags_were_set_is_no_hit():
    """The notice of the month's first day is known when its flags are set (LRN-5, HLT-6)."""
    book = flagged(panel([("acme", 10, None, "2024-01-02"), ("bolt", 90, None, None)]), None)

    assert list(book["account_id"]) == ["bolt"]


def test_nobody_among_so_few_is_no_certainty():
    """0 of 5 is 0 to 45% at 90% confidence (Clopper-Pearson), not 0 to 0; a difference of nothing has no interval."""
    accounts = pd.Series(list("abcde"))
    never, ever = Ratio(accounts, accounts == "z", accounts > ""), Ratio(accounts, accounts > "", accounts > "")
    found = estimates({"never": never, "ever": ever, "less": Less(ever, ever)}, 50, 0.9)

    assert (found["never"].low, found["never"].high) == (0.0, pytest.approx(1 - 0.05**0.2))
    assert (found["ever"].low, found["ever"].high) == (pytest.approx(0.05**0.2), 1.0)
    assert found["less"].value == 0
    assert np.isnan(found["less"].low)


def test_retention_by_hand():
    """100 grew to 150, 200 shrank to 120, 300 left, 50 came: gross 220, net 270 of 600, two of three stay (LRN-7)."""
    start = pd.Series({"grew": 100.0, "shrank": 200.0, "left": 300.0})
    end = pd.Series({"grew": 150.0, "shrank": 120.0, "came": 50.0})
    found = {name: ratio.sums for name, ratio in retention(start, end, 0.1).items()}

    assert found == {
        "gross_revenue_retention": (220.0, 600.0),
        "net_revenue_retention": (270.0, 600.0),
        "logo_retention": (2.0, 3.0),
        "contraction": (1.0, 3.0),
    }


def test_base_rates_by_hand():
    """Of the account-months whose outcome is known; contraction has a rate and no model (section 0, LRN-7)."""
    labels = {"churned": [True, False, False, False], "contracted": [False, True, True, None],
              "expanded": [False, False, None, None], "advocated": [None, None, None, None]}  # fmt: skip
    months = pd.DataFrame({"account_id": list("aabc"), "segment": ["mid", "mid", "mid", None], **labels}, dtype=object)
    found = {(metric, segment): ratio.sums for (metric, _, segment, _), ratio in base_rates(months, PERIOD).items()}

    assert found["churn_rate", "all"] == (1.0, 4.0)
    assert found["contraction_rate", "all"] == found["contraction_rate", "mid"] == (2.0, 3.0)
    assert found["expansion_rate", "all"] == (0.0, 2.0)
    assert found["advocacy_rate", "all"] == (0.0, 0.0)


def test_a_renewal_within_the_grace_is_retained_on_the_days_between():
    """Signed late is signed; beyond 30 days the account was gone (LRN-7, section 0)."""
    terms = [
        ("late", "2023-01-01", "2024-01-01", 10.0), ("late", "2024-01-20", "2025-01-20", 12.0),
        ("gone", "2023-01-01", "2024-01-01", 20.0), ("gone", "2024-03-01", None, 20.0),
        ("trial", "2023-01-01", None, 0.0), ("two", "2023-01-01", None, 5.0), ("two", "2024-01-05", None, 7.0),
    ]  # fmt: skip
    contracts = [contract(account, start, end, arr=arr) for account, start, end, arr in terms]
    held = arr_spans(company("2024-06-01", contracts=contracts), BookSettings())

    assert arr_on(held, date(2024, 1, 10)).to_dict() == {"late": 10.0, "two": 12.0}
    assert arr_on(held, date(2024, 1, 20)).to_dict() == {"late": 12.0, "two": 12.0}
    assert arr_on(held, date(2024, 3, 1)).to_dict() == {"gone": 20.0, "late": 12.0, "two": 12.0}


def test_periods_are_the_trailing_year_and_the_whole_quarters():
    """A quarter that has begun is not reported yet (LRN-7)."""
    found = periods_of(date(2024, 8, 15), 9)

    assert found == {
        TRAILING: (date(2023, 8, 15), date(2024, 8, 15)),
        "2024-Q1": (date(2024, 1, 1), date(2024, 4, 1)),
        "2024-Q2": (date(2024, 4, 1), date(2024, 7, 1)),
    }


def test_a_loss_without_a_flag_in_the_sixty_days_before_is_a_surprise():
    """A flag stands until the next month's are set; one that ended before the 60 days announced nothing (LRN-7)."""
    months = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")
    rows = [("acme", 90, None, None), ("bolt", 91, None, None), *((f"s{n}", 99, None, None) for n in range(8))]
    book = panel(rows, months)
    book.loc[(book["account_id"] == "acme") & (book["as_of"] == "2024-02-01"), "health"] = 10.0
    book.loc[(book["account_id"] == "bolt"), "arr"] = 300.0
    book.loc[(book["as_of"] != "2024-02-01") & (book["account_id"] == "s0"), "health"] = 20.0
    held = flagged(book, None)

    def surprises(day: str) -> pd.DataFrame:
        lost = warned(losses(("acme", day), ("bolt", day), ("never_seen", day)), held, RULES)
        return value_frame(surprise_metrics(lost, PERIOD, min_churned=2), DRAWS).set_index(
            ["metric", "segment", "score"]
        )

    in_time, too_long_ago = surprises("2024-04-20"), surprises("2024-05-02")
    assert tuple(in_time.loc[("surprise_churn", "all", "health"), ["part", "whole"]]) == (1, 2)
    assert tuple(in_time.loc[("surprise_churn_arr", "all", "health"), ["part", "whole"]]) == (300.0, 400.0)
    assert tuple(in_time.loc[("surprise_churn", "mid", "health"), ["part", "whole"]]) == (1, 2)
    assert tuple(too_long_ago.loc[("surprise_churn", "all", "health"), ["part", "whole"]]) == (2, 2)
    assert in_time.loc[("surprise_churn", "all", "legacy"), "whole"] == 0


def test_contacts_are_held_against_as_many_by_each_score():
    """Two contacts in January met one who left; by health both would have. A call after the loss is none (LRN-7)."""
    rows = [
        ("left1", 10, None, "2024-02-20"), ("left2", 20, None, "2024-02-20"), ("left3", 95, None, "2024-01-10"),
        ("stay1", 90, None, None), ("stay2", 91, None, None),
    ]  # fmt: skip
    months = window(flagged(panel(rows), None), pd.Timestamp("2024-01-01"))
    calls = pd.DataFrame(
        [("left1", "2024-01-15"), ("left1", "2024-01-20"), ("stay1", "2024-01-31"), ("stay2", "2024-01-01"),
         ("left3", "2024-01-12"), ("stay2", "2024-02-02")],
        columns=["account_id", "at"],
    )  # fmt: skip
    held = with_contacts(months, calls, RULES)
    found = value_frame(contact_metrics(held, RULES, PERIOD), DRAWS).set_index(["metric", "score"])

    assert set(held.loc[held["contacted"], "account_id"]) == {"left1", "stay1"}
    assert tuple(found.loc[("at_risk_per_contact", "contacts"), ["part", "whole"]]) == (1, 2)
    assert tuple(found.loc[("at_risk_per_contact", "book"), ["part", "whole"]]) == (3, 5)
    assert tuple(found.loc[("at_risk_per_contact", "health"), ["part", "whole"]]) == (2, 2)
    assert found.loc[("at_risk_per_contact", "legacy"), "whole"] == 0


def test_any_candidate_but_a_baseline_can_be_audited():
    """The kind that a quarter has taken is the kind to look back with (LRN-5, MOD-4)."""
    kinds = get_args(AuditSettings.model_fields["candidate"].annotation)

    assert kinds == tuple(name for name in CANDIDATES if name not in BASELINES)


MONTHS = [m.date() for m in pd.date_range("2023-01-01", "2024-06-01", freq="MS")]


def examples(seed: int = 1) -> pd.DataFrame:
    """60 accounts in 18 months; the signal tells who leaves."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(f"a{n:02}", pd.Timestamp(m)) for m in MONTHS for n in range(60)], columns=["account_id", "as_of"]
    )
    signal = rng.standard_normal(len(frame))
    left = rng.random(len(frame)) < 0.2 + 0.1 * signal
    return frame.assign(
        signal=signal, segment="mid", industry="retail", health=50.0, churned=left
    ).astype({"churned": object})  # fmt: skip


def forward(frame: pd.DataFrame, months: list[date] = MONTHS, least: int = 5):
    split = SplitSettings(min_accounts=least)
    return walk_forward(frame, "churned", months, 120, ["signal"], "logistic", 3, split, InputSettings(), DRAWS)


def test_a_model_never_scores_a_month_that_it_was_trained_on():
    """Labels that had not matured on the day of the fit, and whatever came later, change no probability (LRN-5)."""
    frame = examples()
    before, _ = forward(frame)
    quarter = frame["as_of"].between("2024-01-01", "2024-03-01")
    untold = frame["as_of"] > pd.Timestamp("2024-01-01") - pd.Timedelta(days=120)
    other = frame.assign(
        churned=frame["churned"].where(~untold, ~frame["churned"].astype(bool)),
        signal=frame["signal"].where(frame["as_of"] < "2024-04-01", 9.0),
    )
    after, _ = forward(other)

    assert before[quarter].notna().all()
    pd.testing.assert_series_equal(before[quarter], after[quarter])
    assert not before[frame["as_of"] >= "2024-04-01"].equals(after[frame["as_of"] >= "2024-04-01"])


def test_months_before_there_was_enough_training_data_have_no_probability():
    """Six matured months and enough accounts of each kind; before, the column is empty and says why (LRN-5, MOD-2)."""
    frame = examples()
    probabilities, refits = forward(frame)
    none, refused = forward(frame, least=200)

    assert refit_day(date(2024, 5, 1), 3) == date(2024, 4, 1)
    assert [str(r.fitted_on) for r in refits if r.why_not] == ["2023-01-01", "2023-04-01", "2023-07-01"]
    assert probabilities[frame["as_of"] < "2023-10-01"].isna().all()
    assert probabilities[frame["as_of"] >= "2023-10-01"].notna().all()
    assert none.isna().all()
    assert "200 of each are needed" in refused[-1].why_not


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company of 120 accounts and 13 months whose CSMs work by the old score; an audit of four months."""
    to = tmp_path_factory.mktemp("company")
    small = company_with("policy", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, 4.0)}) for s in small.segments)
    write_company(120, 13, 4, to, settings=small.model_copy(update={"segments": segments}))
    config = to / "pipeline.toml"
    few = "[models.split]\nmin_accounts = 2\nmin_train_months = 2\n[models.candidates]\nreplicates = 40\n"
    config.write_text(without(config, "tickets", "invoices", "surveys", "contacts", "opportunities", "notes"))
    config.write_text(
        config.read_text() + few + "[models.audit]\nmonths = 4\nrefit_months = 1\nmin_churned_accounts = 3\n"
    )
    return to


@pytest.fixture(scope="module")
def audited(folder: Path):
    return keepwell("--config", folder / "pipeline.toml", "--out", folder / "out", "audit", "--as-of", "2026-06-01")


@pytest.mark.slow
def test_the_command_sets_legacy_health_and_model_side_by_side(folder: Path, audited):
    """A table on the terminal, three marts and a page; every rate lies within its interval (LRN-5, LRN-7, CONTRACT)."""
    out = folder / "out"
    figures, value, churners = (mart(out, name, "2026-06-01") for name in ("audit", "value", "audit_churners"))
    churn = pd.read_parquet(folder / "churn_events.parquet")
    lost = pd.to_datetime(churn["churned_on"]).between("2026-02-01", "2026-05-31")
    rates = figures[figures["metric"] == "true_positive_rate"]

    assert audited.code == 0, audited.err
    assert str(out / "reports" / "audit-2026-06-01.html") in audited.out
    assert set(zip(rates["flags"], rates["score"], strict=True)) == {
        ("stock", "legacy"), ("stock", "health"), ("stock", "model"), ("own", "legacy"), ("own", "health"),
    }  # fmt: skip
    assert len(churners) == 3 * lost.sum()
    assert (rates["whole"] + rates["not_scored"] == lost.sum()).all()
    assert (rates["whole"] > 0).all()
    with_interval = figures.dropna(subset=["low"])
    assert with_interval["low"].le(with_interval["value"]).all()
    assert with_interval["high"].ge(with_interval["value"]).all()
    assert set(value["metric"]) >= {
        "gross_revenue_retention", "contraction_rate", "surprise_churn_arr", "at_risk_per_contact",
    }  # fmt: skip
    assert all(words in audited.out for words in ("net_revenue_retention", "trailing_12_months", "false_alarms"))


@pytest.mark.slow
def test_the_audited_model_sees_no_feature_that_is_left_out(folder: Path, audited):
    """What models.inputs.excluded_features names is kept from it too; health stays as it was (LRN-5)."""
    config, out = folder / "left-out.toml", folder / "left"
    unseen = [f.name for f in FEATURES.values() if f.published and f.name != "tenure"]
    config.write_text(
        (folder / "pipeline.toml").read_text() + f"[models.inputs]\nexcluded_features = {json.dumps(unseen)}\n"
    )
    ran = keepwell("--config", config, "--out", out, "audit", "--as-of", "2026-06-01")
    before, after = (mart(place, "audit_churners", "2026-06-01") for place in (folder / "out", out))

    assert ran.code == 0, ran.err
    assert after["health"].equals(before["health"])
    assert after["model"].notna().sum() == before["model"].notna().sum() > 0
    assert not np.isclose(after["model"], before["model"]).any()


@pytest.mark.slow
def test_without_a_legacy_score_and_without_a_past_the_audit_says_so(folder: Path):
    """A sentence each, and the retention all the same; a rerun gives the same bytes (LRN-5, LRN-7, CONTRACT)."""
    config, out = folder / "bare.toml", folder / "bare"
    config.write_text(without(folder / "pipeline.toml", "legacy_scores", "interventions", "touchpoints"))
    page = out / "reports" / "audit-2025-08-20.html"
    ran = keepwell("--config", config, "--out", out, "audit", "--as-of", "2025-08-20")
    before, shown = bytes_of(out), page.read_bytes()
    again = keepwell("--config", config, "--out", out, "--json", "audit", "--as-of", "2025-08-20")
    printed = json.loads(again.out)

    assert ran.code == 0, ran.err
    assert "The company gives no table of legacy scores" in ran.out
    assert "The company gives neither interventions nor touchpoints" in ran.out
    assert "No score can be replayed" in ran.out
    assert b"No account had a score to look up." in shown
    assert (bytes_of(out), page.read_bytes()) == (before, shown)
    assert {"gross_revenue_retention", "logo_retention"} <= {row["metric"] for row in printed["value"]}
    assert printed["report"] == str(page)


def test_what_cannot_be_audited_ends_with_the_codes_of_the_contract(folder: Path, tmp_path: Path):
    """2: no configuration, no such kind of model; 3: the data is at fault (CONTRACT)."""
    broken = tmp_path / "pipeline.toml"
    broken.write_text(
        (folder / "pipeline.toml").read_text().replace("[models.audit]", '[models.audit]\ncandidate = "oracle"')
    )
    data = tmp_path / "data"
    shutil.copytree(folder, data, ignore=shutil.ignore_patterns("out", "then", "bare", "truth"))
    (data / "contracts.parquet").write_bytes(b"no parquet")

    assert keepwell("--config", tmp_path / "none.toml", "audit", "--as-of", "2026-06-01").code == 2
    assert keepwell("--config", broken, "audit", "--as-of", "2026-06-01").code == 2
    assert (
        keepwell("--config", data / "pipeline.toml", "--out", tmp_path / "out", "audit", "--as-of", "2026-06-01").code
        == 3
    )


def hostile(scores: tuple[str, ...] = ("legacy", "health")) -> Audit:
    """A small audit in which an account and a band are called badly."""
    name = "<script>alert(1)</script>"
    book = flagged(
        panel([(name, 10, None, "2024-03-10"), ("stay", 90, None, None)]), legacy((name, "2024-01-01", 5, "<b>red"))
    )
    looked = looked_up(losses((name, "2024-03-10")), book, RULES)
    months = window(book, pd.Timestamp("2024-01-01"))
    lost = warned(losses((name, "2024-03-10")), book, RULES)
    value = value_frame(surprise_metrics(lost, PERIOD, 10), DRAWS)
    return Audit(
        date(2024, 6, 1), date(2022, 12, 1), audit_metrics(looked, months, DRAWS), looked, value, [], 1, scores
    )


def test_the_page_escapes_names_and_loads_nothing():
    """Ids and bands are data; no script, no link, nothing from the network (TRU-4, OUT-5)."""
    page = as_html(hostile(), ModelSettings(), "USD", 50)

    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;red" in page
    assert not re.search(r"<(script|link|img|iframe|b)\b", page)
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_the_page_speaks_of_effects_nowhere():
    """Without a randomised hold-out the figures are associations, and the page says so (LRN-7)."""
    page = as_html(hostile(), ModelSettings(), "USD", 50)

    assert "These are associations, not effects. There was no randomized hold-out" in page
    assert not re.search(r"\b(caused|prevented|thanks to|because of our|saved by)\b", page)


@pytest.mark.parametrize(
    ("low", "high", "more_is_better", "says"),
    [(-0.1, 0.2, True, "no significant difference"), (0.01, 0.2, True, "better"), (0.01, 0.2, False, "worse"),
     (-0.2, -0.01, False, "better"), (None, None, True, "no significant difference")],
)  # fmt: skip
def test_a_difference_is_called_better_only_where_its_interval_says_so(low, high, more_is_better, says):
    """An interval that holds 0 tells nothing (LRN-5)."""
    middle = 0.0 if low is None else (low + high) / 2

    assert verdict({"value": middle, "low": low, "high": high}, more_is_better=more_is_better) == says
