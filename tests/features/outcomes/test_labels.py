"""Labels on books written out by hand: who left, grew, spoke well, and when that may be said (MOD-1, section 0)."""

import ast
from collections.abc import Mapping

import pytest

from keepwell.features.book import book
from keepwell.features.outcomes.labels import churned_accounts, labels
from keepwell.features.settings import BookSettings, LabelSettings
from tests.support.handmade import Row, contract, facts_of, snapshot
from tests.support.running import ROOT

AS_OF = "2024-03-04"
MATURED = "2024-08-01"
MONEY = BookSettings()
TERM = {"start_on": "2023-06-01", "end_on": "2024-06-01", "signed_on": "2023-05-20"}


def labelled(now: str = MATURED, **rows: list[Row]) -> dict[str, dict[str, object]]:
    """The labels of the cohort of AS_OF, as they are known `now`."""
    tables = snapshot(rows)
    cohort = book(facts_of(tables, AS_OF), MONEY)
    frame = labels(cohort, facts_of(tables, now), MONEY, LabelSettings()).to_pandas()
    return frame.astype(object).where(frame.notna(), None).set_index("account_id").to_dict("index")


def lost(now: str = MATURED, **rows: list[Row]) -> list[tuple[str, str, str]]:
    """The losses known: account, date, how."""
    frame = churned_accounts(facts_of(snapshot(rows), now), MONEY).to_pandas()
    return sorted((r.account_id, str(r.churned_at.date()), r.how) for r in frame.itertuples())


def test_notice_is_the_loss_from_the_midnight_after_it() -> None:
    """Not the end of the term: by then everybody knows (section 0, churn)."""
    rows = [contract("acme", **TERM, notice_on="2024-04-10")]

    assert lost(contracts=rows) == [("acme", "2024-04-11", "notice")]
    assert labelled(contracts=rows)["acme"]["churned"] is True


def test_a_term_that_runs_out_is_a_loss_on_its_last_day() -> None:
    """No notice, no other contract within 30 days (section 0, churn)."""
    assert lost(contracts=[contract("acme", **TERM)]) == [("acme", "2024-06-01", "ended")]


def test_a_renewal_within_the_grace_is_no_loss() -> None:
    """A signature that comes late is a signature (section 0, churn)."""
    late = contract("acme", start_on="2024-06-20", end_on="2025-06-20")
    too_late = contract("bolt", start_on="2024-07-20", end_on="2025-07-20")

    assert lost(contracts=[contract("acme", **TERM), late]) == []
    assert lost(contracts=[contract("bolt", **TERM), too_late]) == [("bolt", "2024-06-01", "ended")]


def test_an_end_within_the_grace_is_no_churn_yet() -> None:
    """On the 20th day nobody knows whether another contract follows (section 0, churn)."""
    assert lost("2024-06-21", contracts=[contract("acme", **TERM)]) == []
    assert lost("2024-07-01", contracts=[contract("acme", **TERM)]) == [("acme", "2024-06-01", "ended")]


def test_notice_on_one_of_two_contracts_is_no_loss() -> None:
    """The account stays with the other; when both have notice the later one counts (section 0, churn)."""
    one = [contract("acme", **TERM, notice_on="2024-04-10"), contract("acme", start_on="2024-01-01")]
    both = [one[0], contract("acme", start_on="2024-01-01", end_on="2025-01-01", notice_on="2024-04-20")]

    assert lost(contracts=one) == []
    assert lost(contracts=both) == [("acme", "2024-04-21", "notice")]


def test_notice_on_the_add_on_alone_does_not_hide_that_the_contract_runs_out() -> None:
    """The add-on is cancelled, the longer contract ends without a word: that end is the loss (section 0, churn)."""
    rows = [
        contract("acme", **TERM),
        contract("acme", start_on="2024-01-01", end_on="2024-05-01", notice_on="2024-04-10"),
    ]

    assert lost(contracts=rows) == [("acme", "2024-06-01", "ended")]


def test_who_came_back_after_a_notice_is_lost_again_by_the_end_of_the_new_contract() -> None:
    """The old notice was about the old end only (section 0, churn)."""
    old = contract("acme", start_on="2022-01-01", end_on="2023-01-01", notice_on="2022-10-01")

    assert lost(contracts=[old, contract("acme", **TERM)]) == [
        ("acme", "2022-10-02", "notice"),
        ("acme", "2024-06-01", "ended"),
    ]


def test_the_end_of_a_trial_is_no_loss() -> None:
    """Who never paid cannot churn (section 0, churn)."""
    trial = contract("acme", start_on="2024-03-01", end_on="2024-03-15", trial=True)

    assert lost(contracts=[trial]) == []


def test_the_companys_own_record_decides_where_there_is_one() -> None:
    """churn_events replaces what the contracts would say (section 0, churn)."""
    rows = {"contracts": [contract("acme", **TERM), contract("bolt", **TERM)]}
    own = [{"account_id": "acme", "churned_on": "2024-05-02"}]

    assert lost(**rows, churn_events=own) == [("acme", "2024-05-03", "recorded")]
    assert lost(**rows, churn_events=[]) == []


@pytest.mark.parametrize(
    ("notice_on", "churned"),
    [("2024-03-03", None), ("2024-03-04", True), ("2024-06-01", True), ("2024-06-02", False)],
)
def test_the_horizon_is_open_below_and_closed_above(notice_on: str, churned: bool | None) -> None:
    """(as_of, as_of + 90 days], counted by when it became known; known at as_of means leaving, not lost (MOD-1)."""
    rows = [contract("acme", start_on="2023-01-01", end_on="2025-01-01", notice_on=notice_on)]
    account = labelled(contracts=rows)["acme"]

    assert account["churned"] is (churned or False)


def test_a_label_waits_for_horizon_and_grace() -> None:
    """A churned account is not labelled before a retained one: 90 + 30 days (MOD-1)."""
    rows = [contract("acme", **TERM, notice_on="2024-03-10"), contract("bolt")]

    assert {a: v["churned"] for a, v in labelled("2024-07-01", contracts=rows).items()} == {"acme": None, "bolt": None}
    assert {a: v["churned"] for a, v in labelled("2024-07-02", contracts=rows).items()} == {"acme": True, "bolt": False}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-06-01", {"churned": None, "treated": None}),
        ("2024-06-02", {"churned": False, "treated": False, "contracted": None, "expanded": None}),
        ("2024-08-30", {"contracted": False, "advocated": None}),
        ("2024-08-31", {"advocated": False, "expanded": None}),
        ("2024-09-30", {"expanded": False}),
    ],
)
def test_only_what_contracts_alone_tell_waits_for_the_grace(now: str, expected: Mapping[str, object]) -> None:
    """90 and 180 days where a table records the outcome, 30 more for what the contracts say of ARR (MOD-1)."""
    rows = {"contracts": [contract("acme")], "churn_events": [], "interventions": [], "surveys": []}
    found = labelled(now, **rows)["acme"]

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("arr", "expanded"), [(119.0, False), (120.0, True)])
def test_expansion_is_a_tenth_more_arr_within_180_days(arr: float, expanded: bool) -> None:
    """An add-on beside the contract, at constant currency (section 0, expansion)."""
    addon = contract("acme", start_on="2024-05-01", signed_on="2024-04-20", arr=arr)
    later = contract("bolt", start_on="2024-09-15", arr=5000.0)
    found = labelled("2024-10-15", contracts=[contract("acme"), addon, contract("bolt"), later])

    assert found["acme"]["expanded"] is expanded
    assert found["bolt"]["expanded"] is False


def test_replacing_a_contract_by_one_of_its_size_is_no_expansion() -> None:
    """The old one has ended on the day on which the new one starts (section 0, expansion)."""
    rows = [contract("acme", **TERM), contract("acme", start_on="2024-06-01", end_on="2025-06-01")]

    assert labelled("2024-10-15", contracts=rows)["acme"]["expanded"] is False


def test_a_promoters_answer_is_advocacy() -> None:
    """9 or 10 within 180 days; without a table of surveys nobody can say (section 0, advocacy)."""
    contracts = [contract("acme"), contract("bolt")]
    answers = [
        {"account_id": "acme", "answered_at": "2024-05-01T10:00", "score": 9},
        {"account_id": "bolt", "answered_at": "2024-05-01T10:00", "score": 8},
    ]
    found = labelled("2024-10-15", contracts=contracts, surveys=answers)

    assert (found["acme"]["advocated"], found["bolt"]["advocated"]) == (True, False)
    assert labelled("2024-10-15", contracts=contracts)["acme"]["advocated"] is None


@pytest.mark.parametrize(
    ("given", "advocated"),
    [
        ({"kind": "reference", "given_on": "2024-05-01"}, True),
        ({"kind": "review", "given_on": "2024-05-01", "rating": 4.0}, True),
        ({"kind": "review", "given_on": "2024-05-01", "rating": 3.5}, False),
        ({"kind": "referral", "given_on": "2024-03-03"}, False),
        ({"kind": "referral", "given_on": "2024-08-30"}, True),
        ({"kind": "referral", "given_on": "2024-08-31"}, False),
        ({"kind": "case study", "given_on": "2024-05-01", "known_at": "2024-09-02T10:00"}, False),
    ],
)
def test_what_is_given_in_public_is_advocacy_from_when_it_is_known(given: Row, *, advocated: bool) -> None:
    """A reference, referral, case study or good review within 180 days, with or without surveys (section 0, advocacy).

    One of the day before is known at as_of itself and was no outcome; a bad review is no advocacy.
    """
    rows = {"contracts": [contract("acme"), contract("bolt")], "advocacy": [{"account_id": "acme", **given}]}
    alone = labelled("2024-10-15", **rows)
    beside = labelled("2024-10-15", **rows, surveys=[])

    assert alone["acme"]["advocated"] is beside["acme"]["advocated"] is advocated
    assert alone["bolt"]["advocated"] is False


def test_a_promoters_answer_counts_beside_the_table_of_advocacy() -> None:
    """Either is advocacy (section 0)."""
    answers = [{"account_id": "acme", "answered_at": "2024-05-01T10:00", "score": 9}]
    given = [{"account_id": "bolt", "given_on": "2024-05-01", "kind": "review"}]
    contracts = [contract(name) for name in ("acme", "bolt", "core")]
    found = labelled("2024-10-15", contracts=contracts, surveys=answers, advocacy=given)

    assert {name: of["advocated"] for name, of in found.items()} == {"acme": True, "bolt": True, "core": False}


def test_work_after_the_flag_and_before_the_loss_marks_an_example_as_treated() -> None:
    """Neither what was done before as_of nor what came after the notice (MOD-1)."""
    contracts = [contract(a, **TERM, notice_on="2024-04-10") for a in ("acme", "bolt", "core")]
    done = [("acme", "2024-03-20T09:00"), ("bolt", "2024-03-01T09:00"), ("core", "2024-05-01T09:00")]
    found = labelled(
        contracts=contracts, interventions=[{"account_id": account, "started_at": at} for account, at in done]
    )

    assert {account: row["treated"] for account, row in found.items()} == {"acme": True, "bolt": False, "core": False}


def spared(now: str = MATURED, **rows: list[Row]) -> dict[str, object]:
    """The probability of each account of not being drawn for contact."""
    return {account: row["untreated_chance"] for account, row in labelled(now, **rows).items()}


def test_the_probability_to_stay_untreated_is_of_every_draw_before_churn() -> None:
    """Two draws multiply; one before as_of, after the horizon or after the notice is none of them (MOD-1)."""
    contracts = [contract("acme"), contract("bolt"), contract("core", **TERM, notice_on="2024-04-10")]
    drawn = [
        ("acme", "2024-03-04T00:00", 0.9), ("acme", "2024-03-05T06:00", 0.4), ("acme", "2024-06-02T00:00", 0.25),
        ("acme", "2024-06-02T06:00", 0.9), ("core", "2024-04-10T06:00", 0.4), ("core", "2024-04-11T06:00", 0.4),
    ]  # fmt: skip
    rows = [{"account_id": account, "drawn_at": at, "chance": chance} for account, at, chance in drawn]

    assert spared(contracts=contracts, hold_outs=rows) == {"acme": 0.45, "bolt": 1.0, "core": 0.6}
    assert spared("2024-07-01", contracts=contracts, hold_outs=rows) == {"acme": None, "bolt": None, "core": None}


def test_a_certain_draw_leaves_probability_zero() -> None:
    """An account drawn with certainty stays untreated with probability 0, whatever the other draws (MOD-1)."""
    drawn = [
        {"account_id": "acme", "drawn_at": f"2024-0{month}-05T06:00", "chance": c} for month, c in ((3, 1.0), (4, 0.5))
    ]

    assert spared(contracts=[contract("acme")], hold_outs=drawn) == {"acme": 0.0}


@pytest.mark.slow
def test_without_a_table_of_draws_that_probability_is_unknown() -> None:
    """Not 1: who was worked on was chosen by somebody (MOD-1)."""
    assert spared(contracts=[contract("acme")], interventions=[]) == {"acme": None}
    assert spared(contracts=[contract("acme")], hold_outs=[]) == {"acme": 1.0}


def test_no_feature_reads_labels() -> None:
    """The outcome is never an input (HLT-6): of the features only labels.py itself looks beyond as_of."""
    for path in (ROOT / "features").rglob("*.py"):
        modules = [n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        assert "keepwell.features.outcomes.labels" not in modules, path
