"""The book: who is under contract, for how much, since when and until when; silence, and rows set aside."""

from collections.abc import Sequence

import pandas as pd
import pytest

from keepwell.features.facts.trust import set_aside_share
from tests.support.handmade import MONDAY, Row, ago, company, contract, value, wide

# Silence --------------------------------------------------------------------------------------------------------------


def test_silence_is_measured_to_the_newest_usage_day_of_the_source() -> None:
    """A feed that stopped ten days ago makes nobody silent: not who used it last, nor who never did (ALR-1, SRC-7)."""
    use = [{"account_id": a, "day": ago(d)} for a, d in (("acme", 11), ("bolt", 15), ("bolt", 90))]
    contracts = [contract("acme"), contract("bolt"), contract("cask", ago(30))]
    facts = company(MONDAY, contracts=contracts, usage=use)

    assert wide(facts, "days_since_last_use")["days_since_last_use"].to_dict() == {"acme": 0, "bolt": 4, "cask": 20}


def test_silence_counts_from_the_first_day_that_the_source_knows() -> None:
    """A contract older than the record was not silent where nobody looked, and a new source raises no storm (SRC-7)."""
    use = [{"account_id": "busy", "day": ago(d)} for d in (1, 6)]

    def silent(*rows: Row) -> float | None:
        return value(
            company(MONDAY, contracts=[contract("acme", ago(400))], usage=[*use, *rows]), "days_since_last_use"
        )

    assert silent() == 6
    assert silent({"account_id": "busy", "day": ago(20)}) == 20
    assert silent({"account_id": "busy", "day": ago(20), "known_at": ago(-1)}) == 6  # not known yet
    assert silent({"account_id": "busy", "day": ago(500)}) == 400


def test_a_usage_source_without_any_row_makes_nobody_silent() -> None:
    """Nothing is known of use: missing, not silence since the contract began (HLT-2)."""
    assert value(company(MONDAY, contracts=[contract()]), "days_since_last_use") is None


def test_rows_set_aside_lower_the_trust_in_their_source_alone() -> None:
    """One of four usage rows of the last 90 days was set aside: a quarter, of usage, of that account (SRC-4)."""
    use = [{"account_id": a, "day": ago(d)} for a in ("acme", "bolt") for d in (1, 2, 90, 91)]
    aside = [
        {
            "table_name": "usage",
            "account_id": "acme",
            "event_on": ago(d),
            "known_at": ago(d - 1),
            "key": "k",
            "reason": "r",
        }
        for d in (3, 91)
    ]
    facts = company(MONDAY, contracts=[contract("acme"), contract("bolt")], usage=use, quarantine=aside, tickets=[])

    (found,) = set_aside_share(facts).to_dict("records")
    assert (found["table_name"], found["account_id"], found["share"]) == ("usage", "acme", 0.25)


def test_a_row_set_aside_for_its_missing_date_is_still_counted() -> None:
    """It is known at no instant, and yet never dropped in silence (SRC-4)."""
    undated = {"table_name": "usage", "account_id": "acme", "key": "k", "reason": "no date"}
    later = {**undated, "event_on": ago(0), "known_at": ago(-1)}

    facts = company(MONDAY, contracts=[contract()], quarantine=[undated, later])

    assert facts["quarantine"].count().to_pyarrow().as_py() == 1


# The book -------------------------------------------------------------------------------------------------------------


def held(*contracts: Row, as_of: str = MONDAY, **rows: Sequence[Row]) -> pd.DataFrame:
    """The book of a company with these contracts of acme."""
    mine = [{**contract(), **row} for row in contracts]
    return wide(company(as_of, contracts=mine, **rows), "contract_value")


@pytest.mark.parametrize(
    ("row", "there"),
    [
        ({"start_on": ago(0)}, True),
        ({"start_on": ago(-1)}, False),
        ({"end_on": ago(-1)}, True),
        ({"end_on": ago(0)}, False),
        ({"ended_on": ago(0)}, True),
        ({"ended_on": ago(1)}, False),
        ({"end_on": ago(-90), "ended_on": ago(3)}, False),
        ({"signed_on": ago(0), "start_on": ago(0)}, False),
        ({"signed_on": ago(1), "start_on": ago(0)}, True),
    ],
)
def test_a_contract_covers_its_start_and_not_its_end(row: Row, there: bool) -> None:
    """[start, end). An end that is filled in when it happened, and a signature, are known at the next midnight."""
    assert (list(held(row).index) == ["acme"]) is there


def test_an_account_that_never_logged_in_and_has_no_attributes_is_in_the_book() -> None:
    """Accounts come from contracts by left join (SRC-7)."""
    use = [{"account_id": "busy", "day": ago(day)} for day in (1, 500)]
    found = wide(company(MONDAY, contracts=[contract("ghost")], usage=use))

    assert list(found.index) == ["ghost"]
    assert found.loc["ghost", "days_since_last_use"] == found.loc["ghost", "tenure"] == 428
    assert found.loc["ghost", "active_days_28d"] == 0


@pytest.mark.parametrize(
    ("contracts", "status"),
    [
        ([{}], "active"),
        ([{"notice_on": ago(1)}], "leaving"),
        ([{"notice_on": ago(0)}], "active"),  # known tomorrow
        ([{"notice_on": ago(9)}, {}], "active"),  # an add-on was cancelled
        ([{"notice_on": ago(9)}, {"notice_on": ago(1)}], "leaving"),
        ([{"notice_on": ago(9)}, {"trial": True}], "leaving"),  # tries something else on the way out
        ([{"notice_on": ago(9)}, {"end_on": ago(5)}], "leaving"),
        ([{"notice_on": ago(9), "trial": True}], "active"),
        ([{"notice_on": ago(90), "end_on": ago(5)}, {"start_on": ago(5)}], "active"),  # came back
    ],
)
def test_an_account_is_leaving_once_notice_is_known_for_all_it_pays_for(contracts: list[Row], status: str) -> None:
    """Leaving: every paid contract that is live has notice; a trial neither saves nor condemns."""
    assert held(*contracts).loc["acme", "status"] == status


@pytest.mark.parametrize(
    ("says", "contracts", "renewal"),
    [
        ("the agreed end", [{"end_on": ago(-30)}], ago(-30)),
        ("the earlier of two", [{"end_on": ago(-30)}, {"end_on": ago(-90)}], ago(-30)),
        ("open-ended", [{}], None),
        ("an end that was filled in is no term", [{"ended_on": ago(-30)}], None),
        ("a follow-on is signed",
         [{"end_on": ago(-30)}, {"start_on": ago(-30), "end_on": ago(-395), "signed_on": ago(5)}], ago(-395)),
        ("an open-ended follow-on", [{"end_on": ago(-30)}, {"start_on": ago(-30), "signed_on": ago(5)}], None),
        ("signed tomorrow", [{"end_on": ago(-30)}, {"start_on": ago(-30), "end_on": ago(-395), "signed_on": ago(0)}],
         ago(-30)),
        ("a signed add-on follows nothing",
         [{"end_on": ago(-300)}, {"start_on": ago(-10), "end_on": ago(-375), "signed_on": ago(5)}], ago(-300)),
        ("one that starts the day before follows",
         [{"end_on": ago(-30)}, {"start_on": ago(-29), "end_on": ago(-395), "signed_on": ago(5)}], ago(-395)),
        ("one of two is followed",
         [{"end_on": ago(-30)}, {"end_on": ago(-300)},
          {"start_on": ago(-31), "end_on": ago(-395), "signed_on": ago(5)}], ago(-300)),
        ("a gap longer than the grace is no follow-on",
         [{"end_on": ago(-30)}, {"start_on": ago(-61), "end_on": ago(-395), "signed_on": ago(5)}], ago(-30)),
    ],
)  # fmt: skip
def test_the_renewal_date_is_the_first_end_that_nothing_signed_follows(says, contracts, renewal) -> None:
    """Months to renewal count to it; a contract that is not signed, or only added, renews nothing."""
    found = held(*contracts).loc["acme", "renewal_on"]

    assert (None if pd.isna(found) else str(found.date())) == renewal


def test_an_undated_account_row_labels_but_is_no_feature_unless_declared_fixed() -> None:
    """Today's segment must not colour a past score; a name and a CSM only label it (section 0)."""
    rows = {
        "contracts": [contract()],
        "accounts": [{"account_id": "acme", "segment": "smb", "industry": "it", "csm": "di"}],
    }

    row = wide(company(MONDAY, fixed=["industry"], **rows), "contract_value").loc["acme"]

    assert (row["csm"], row["industry"]) == ("di", "it")
    assert pd.isna(row["segment"])


def test_attributes_are_those_of_the_newest_row_known() -> None:
    """A change of segment shows from the midnight after its first day."""
    history = [
        {"account_id": "acme", "valid_from": "2023-01-01", "segment": "smb"},
        {"account_id": "acme", "valid_from": "2024-03-03", "segment": "mid"},
        {"account_id": "acme", "segment": "today"},
    ]

    def segment(as_of: str) -> str:
        facts = company(as_of, contracts=[contract()], accounts=history)
        return wide(facts, "contract_value").loc["acme", "segment"]

    assert [segment("2024-03-03"), segment("2024-03-04")] == ["smb", "mid"]


def test_a_sweep_at_noon_sees_the_windows_of_the_midnight_batch() -> None:
    """Whole days up to yesterday, whatever the hour: no day is lost and none is counted twice (ACT-3)."""
    use = [{"account_id": "acme", "day": ago(d), "user_id": "ann", "events": 1} for d in range(60)]
    rows = {
        "contracts": [contract(seats=2)], "usage": use,
        "contacts": [{"account_id": "acme", "since": ago(900), "role": "champion", "left_on": ago(180)}],
        "invoices": [{"account_id": "acme", "issued_on": ago(30), "due_on": ago(0), "amount": 5.0}],
    }  # fmt: skip

    midnight, noon = wide(company(MONDAY, **rows)), wide(company(f"{MONDAY}T12:00", **rows))

    pd.testing.assert_frame_equal(midnight, noon)
    assert noon.loc["acme", ["active_days_28d", "usage_trend", "champion_departures_180d"]].tolist() == [28, 0, 1]
