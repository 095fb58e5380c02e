"""Marts: atomic, stable and complete (OUT-1, TRU-1)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from keepwell.tasks.earlier_scores import dates, month_before, stored_before
from keepwell.tasks.marts.publish import Stamp, publish, record_run
from keepwell.tasks.marts.schemas.all import MARTS
from tests.support.running import bytes_of, mart

DAY = date(2024, 3, 31)
STAMP = Stamp("run", "1.0+abc", "snap")


def scores(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {"account_id": ["b", "a"], "health": [70.00000001, 40.0], "band": ["stable", "critical"], **columns}
    )


def test_rows_are_ordered_rounded_and_stamped_and_missing_columns_are_empty(tmp_path: Path) -> None:
    """Every column of the mart is there, in its order (OUT-1)."""
    publish(tmp_path / "marts", DAY, {"health_scores": scores()}, STAMP)

    table = mart(tmp_path, "health_scores", DAY)
    assert list(table.columns) == [*MARTS["health_scores"].columns, "run_id", "code_version"]
    assert table["account_id"].tolist() == ["a", "b"]
    assert table["health"].tolist() == [40.0, 70.0]
    assert table["churn_risk"].isna().all()
    assert set(table["run_id"]) == {"run"}


def test_publishing_again_gives_the_same_bytes_and_replaces_the_old(tmp_path: Path) -> None:
    """The same rows in another order are the same file; a rerun does not double (TRU-1)."""
    publish(tmp_path / "marts", DAY, {"health_scores": scores()}, STAMP)
    before = bytes_of(tmp_path)
    publish(tmp_path / "marts", DAY, {"health_scores": scores().iloc[::-1]}, STAMP)

    assert bytes_of(tmp_path) == before
    assert len(mart(tmp_path, "health_scores", DAY)) == 2


def test_an_error_in_one_mart_leaves_all_of_them_as_they_were(tmp_path: Path) -> None:
    """All are written aside before any is moved (TRU-1)."""
    publish(tmp_path / "marts", DAY, {"health_scores": scores()}, STAMP)
    before = bytes_of(tmp_path)
    twice = pd.DataFrame({"csm": ["x", "x"]})

    with pytest.raises(ValueError, match="dim_csm: two rows share a key"):
        publish(tmp_path / "marts", DAY, {"health_scores": scores(health=[1.0, 2.0]), "dim_csm": twice}, STAMP)

    assert bytes_of(tmp_path) == before


def test_a_column_that_no_mart_has_is_refused(tmp_path: Path) -> None:
    """Columns are part of the contract, not of a frame's mood (OUT-1)."""
    with pytest.raises(ValueError, match="mart health_scores has no column surprise"):
        publish(tmp_path / "marts", DAY, {"health_scores": scores(surprise=1)}, STAMP)


def test_an_empty_mart_is_a_file_with_all_its_columns(tmp_path: Path) -> None:
    """No alert on a day is an empty table, not a missing one (OUT-1)."""
    publish(tmp_path / "marts", DAY, {"alerts": pd.DataFrame()}, STAMP)

    assert len(mart(tmp_path, "alerts", DAY)) == 0
    assert "alert_id" in mart(tmp_path, "alerts", DAY)


def test_the_dictionary_names_every_mart(tmp_path: Path) -> None:
    """README.md beside the marts, those not published yet included (OUT-1)."""
    publish(tmp_path / "marts", DAY, {"health_scores": scores()}, STAMP)

    text = (tmp_path / "marts" / "README.md").read_text()
    assert all(f"## {name}\n" in text for name in MARTS)


def test_a_run_builds_on_stored_results_from_before_its_own_date_only(tmp_path: Path) -> None:
    """The nearest at or before one month earlier is what a change is measured against (HLT-3)."""
    for day in ("2024-01-30", "2024-02-29", "2024-03-30", "2024-03-31", "2024-04-30"):
        factors = pd.DataFrame({"account_id": ["a", "a"], "kind": ["health", "model"], "rank": [1, 1]})
        frames = {"health_scores": scores(), "factors": factors}
        publish(tmp_path / "marts", date.fromisoformat(day), frames, Stamp(day, "1", "s"))

    stored = stored_before(tmp_path / "marts", DAY, 30)

    assert [part.split("/")[1] for part in stored.used] == ["2024-02-29", "2024-03-30"]
    assert set(stored.month_ago["run_id"]) == {"2024-02-29"}
    assert set(stored.newest["run_id"]) == {"2024-03-30"}
    for measures in (stored.measures, stored.month_ago_measures):
        assert list(measures["kind"]) == ["health"]  # what a model cited is no measure of the score
    assert set(stored.recent["as_of"].dt.date) == {date(2024, 3, 30)}
    assert len(dates(tmp_path / "marts", "health_scores")) == 5


def test_one_month_earlier_is_the_same_day_or_the_months_last() -> None:
    """31 March looks back to 29 February in a leap year (HLT-3)."""
    assert month_before(date(2024, 3, 31)) == date(2024, 2, 29)
    assert month_before(date(2024, 1, 1)) == date(2023, 12, 1)


def test_flows_that_end_at_once_are_all_on_record_each_with_its_own_stamp(tmp_path: Path) -> None:
    """Eight writers of one date: no row is lost, none takes another's run_id (OUT-1, TRU-2)."""
    flows = [f"flow-{n}" for n in range(8)]

    def write(flow: str) -> None:
        row = {"flow": flow, "status": "done", "rows": 1, "snapshot_id": "s", "seconds": 1.0}
        record_run(tmp_path / "marts", DAY, row, Stamp(f"run of {flow}", "code", "s"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, flows))
    write(flows[0])
    found = mart(tmp_path, "runs", DAY)

    assert found["flow"].tolist() == flows
    assert found["run_id"].tolist() == [f"run of {flow}" for flow in flows]


def test_runs_of_many_dates_at_once_all_publish(tmp_path: Path) -> None:
    """They share the dictionary and the views, and no other file (OUT-1, TRU-2)."""
    days = [date(2024, 3, day) for day in range(1, 17)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: publish(tmp_path / "marts", day, {"health_scores": scores()}, STAMP), days))

    assert dates(tmp_path / "marts", "health_scores") == days
