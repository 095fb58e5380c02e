"""An export that was cut off: refused, accepted by a person, or whole again the next day (SRC-9, TRU-3, ALR-3)."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.sample.write import write_company
from keepwell.tasks.ledger.store import Ledger
from tests.support.running import Ran, bytes_of, keepwell, mart

FIRST, CUT, NEXT = "2026-06-28", "2026-06-29", "2026-06-30"
WHO = ("--by", "Ann", "--reason", "the subsidiary was sold")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company with a day's run and sweep."""
    folder = tmp_path_factory.mktemp("begun")
    write_company(60, 14, 7, folder / "company")
    assert run(folder, "daily", "--as-of", FIRST).code == 0
    assert run(folder, "sweep", "--now", f"{FIRST}T06:00").code == 0
    return folder


@pytest.fixture
def place(begun: Path, tmp_path: Path) -> Path:
    """A copy of it, where the day after brings only half of the contracts."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for config in (tmp_path / "company").glob("pipeline.toml"):
        config.write_text(config.read_text().replace(str(begun), str(tmp_path)))
    file = tmp_path / "company" / "contracts.parquet"
    shutil.copy(file, tmp_path / "whole.parquet")
    table = pq.read_table(file)
    live = mart(tmp_path / "out", "alerts", FIRST)["account_id"].iloc[:2].tolist()
    accounts = sorted(set(table["account_id"].to_pylist()) - set(live))
    gone = [*live, *accounts[::2]]
    kept = pa.compute.invert(pa.compute.is_in(table["account_id"], pa.array(gone)))
    pq.write_table(table.filter(kept), file)
    return tmp_path


def run(place: Path, *arguments: str) -> Ran:
    return keepwell("--config", place / "company" / "pipeline.toml", "--out", place / "out", *arguments)


def whole_again(place: Path) -> None:
    shutil.copy(place / "whole.parquet", place / "company" / "contracts.parquet")


def alerts(place: Path, day: str) -> pd.DataFrame:
    return mart(place / "out", "alerts", day).set_index("alert_id").sort_index()


@pytest.mark.slow
def test_half_an_export_is_refused_and_the_next_day_goes_on(place: Path) -> None:
    """Exit 3, nothing published but check_results; whole again, every alert lives on (SRC-9, TRU-3, ALR-3)."""
    before = bytes_of(place / "out", without=("check_results", "runs"))

    checked, refused = run(place, "check", "--as-of", CUT), run(place, "daily", "--as-of", CUT)

    assert (checked.code, refused.code) == (3, 3)
    assert "[rule few_accounts_vanish]" in checked.err
    assert "keepwell accept --as-of DATE --by NAME --reason TEXT" in refused.err
    assert bytes_of(place / "out", without=("check_results", "runs")) == before
    results = mart(place / "out", "check_results", CUT).set_index("expectation")
    assert not results.loc["few_accounts_vanish", "success"]
    assert len(results.loc["few_accounts_vanish", "sample_keys"]) == 3

    whole_again(place)
    assert run(place, "daily", "--as-of", NEXT).code == 0
    first, later = alerts(place, FIRST), alerts(place, NEXT)
    lived = later.reindex(first.index[first["closed_at"].isna()])
    assert not lived["reason"].str.contains("contract", na=False).any()
    assert lived["missing_since"].isna().all()


@pytest.mark.slow
def test_what_is_true_is_accepted_on_record_for_its_date(place: Path) -> None:
    """Refused without such a finding; then the date publishes and says who; withdrawn, it is refused again (SRC-9)."""
    nothing = run(place, "accept", "--as-of", CUT, *WHO)
    assert nothing.code == 2
    assert f"nothing to accept: the checks of {CUT} found" in nothing.err
    assert run(place, "daily", "--as-of", CUT).code == 3
    assert run(place, "accept", "--as-of", FIRST, *WHO).code == 2

    accepted = run(place, "accept", "--as-of", CUT, *WHO)
    again = run(place, "accept", "--as-of", CUT, "--by", "Bo", "--reason", "me too")
    published = run(place, "daily", "--as-of", CUT)

    assert (accepted.code, again.code, published.code) == (0, 0, 0), published.err
    assert "already accepted by Ann" in again.err
    ledger = Ledger.open(f"sqlite:///{place / 'out' / 'ledger.db'}")
    assert [(one["kind"], one["by"], one["reason"]) for one in ledger.decisions()] == [("accepted", WHO[1], WHO[3])]
    ledger.close()
    results = mart(place / "out", "check_results", CUT).set_index("expectation")
    found = results.loc["few_accounts_vanish"]
    assert (found["severity"], found["reason"]) == ("info", "accepted by Ann: the subsidiary was sold")
    closed = alerts(place, CUT)
    assert closed["reason"].eq("the account is gone from the contracts, accepted by Ann").sum() >= 2
    before = bytes_of(place / "out")
    assert run(place, "daily", "--as-of", CUT).code == 0
    assert bytes_of(place / "out") == before

    assert run(place, "withdraw", "--as-of", CUT, "--by", "Ann", "--reason", "a mistake").code == 0
    assert run(place, "daily", "--as-of", CUT).code == 3
    whole_again(place)
    assert run(place, "daily", "--as-of", CUT).code == 0
    assert alerts(place, CUT)["reason"].isna().all()


@pytest.mark.slow
def test_a_sweep_of_half_an_export_puts_alerts_on_hold_until_the_rows_are_back(place: Path) -> None:
    """It has no checks, and closes nothing by a missing row (SRC-9, ALR-3)."""
    first = alerts(place, FIRST)
    held = run(place, "sweep", "--now", f"{FIRST}T12:00")
    whole_again(place)
    back = run(place, "sweep", "--now", f"{FIRST}T13:00")
    assert run(place, "daily", "--as-of", CUT).code == 0

    ledger = Ledger.open(f"sqlite:///{place / 'out' / 'ledger.db'}")
    kinds = [(e.alert_id, e.kind) for e in ledger.history() if e.kind in ("missing", "returned", "closed")]
    ledger.close()
    assert (held.code, back.code) == (0, 0)
    missing = {alert for alert, kind in kinds if kind == "missing"}
    assert len(missing) >= 2
    assert {alert for alert, kind in kinds if kind == "returned"} == missing
    assert not [alert for alert, kind in kinds if kind == "closed" and alert in missing]
    assert missing <= set(first.index)


@pytest.mark.slow
def test_after_the_mapping_changed_the_book_is_compared_with_none_and_that_is_said(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a new mapping leaves out may be meant; a comment is no new mapping (SRC-9)."""
    (mapping,) = (place / "company").rglob("contracts.sql")
    select = mapping.read_text()
    mapping.write_text(f"-- a comment\n{select}")
    assert run(place, "check", "--as-of", CUT).code == 3
    mapping.write_text(f"{select.strip()} WHERE 1 = 1\n")

    ran = run(place, "check", "--as-of", CUT)

    assert ran.code == 0, ran.err
    assert f"compared with none: the mapping of contracts or the currencies have changed since {FIRST}" in caplog.text
    results = mart(place / "out", "check_results", CUT).set_index("expectation")
    assert results.loc["few_accounts_vanish", "success"] is None
    assert FIRST in results.loc["few_accounts_vanish", "not_judged"]
