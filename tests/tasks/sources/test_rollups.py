"""Rollups of usage: the same features as of the rows themselves, whatever came late (FEA-3, SCL-1)."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from keepwell.features.book import book, by_customer
from keepwell.features.facts import rollups
from keepwell.features.facts.known import Facts
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import feature_table
from keepwell.features.settings import BookSettings
from keepwell.tasks.files.digests import _HASHED
from keepwell.tasks.sources import rollup_files
from keepwell.tasks.sources.facts import facts_at, facts_at_each
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from tests.tasks.sources.test_staging import company

TODAY = datetime(2026, 3, 2)
MONEY = BookSettings()
OF_USAGE = [f.name for f in FEATURES.values() if f.sources == ("usage",) and f.kind == "aggregate"]


def usage(seed: int = 1) -> pd.DataFrame:
    """Fourteen months of a few accounts: gaps, rows without user or feature, and rows that came up to 40 days late."""
    rng = np.random.default_rng(seed)
    size = 3_000
    day = np.datetime64("2025-01-01") + rng.integers(0, 440, size)
    late = np.where(rng.random(size) < 0.1, rng.integers(1, 40, size), 0)
    hours = rng.integers(0, 24, size)
    frame = pd.DataFrame(
        {
            "account_id": rng.choice(["a", "b", "c", "child"], size, p=[0.5, 0.3, 0.1, 0.1]), "day": day,
            "user_id": rng.choice([*(f"user {n}" for n in range(40)), None], size),
            "feature": rng.choice([*(f"feature {n}" for n in range(40)), None], size),
            "events": rng.integers(0, 50, size), "minutes": rng.random(size).round(3) * 60,
        }
    )  # fmt: skip
    known = pd.to_datetime(frame["day"]) + pd.to_timedelta(late * 24 + hours + 24, unit="h")
    frame["known_at"] = known.where(late > 0)
    frame.loc[rng.random(size) < 0.05, "events"] = None
    return frame.drop_duplicates(["account_id", "day", "user_id", "feature"])


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    joined = (("a", "2024"), ("b", "2024"), ("c", "2024"), ("child", "2024"), ("child", "2026"))
    accounts = "account_id,valid_from,name,parent_id\n" + "".join(
        f"{name},{year}-01-01,{name.upper()},{'a' if year == '2026' else ''}\n" for name, year in joined
    )
    contracts = "contract_id,account_id,start_on,arr,currency,seats\n" + "".join(
        f"{n},{n},2024-06-01,1200,USD,5\n" for n in "abc"
    )
    mappings = company(tmp_path, accounts=accounts, contracts=contracts, usage=usage().to_csv(index=False))
    return stage(".", tmp_path, mappings, tmp_path / "snapshots")


def features(facts: Facts) -> pd.DataFrame:
    facts = by_customer(facts, MONEY)
    also = [name for name in OF_USAGE if not FEATURES[name].published]
    table = feature_table(facts, book(facts, MONEY), FEATURES, MONEY.rates(), also=also)
    return table.to_pandas().set_index(["as_of", "account_id"]).sort_index()


def of_rows(facts: Facts) -> Facts:
    """The same facts without stored rollups: they are made of the rows that are cut already."""
    return replace(facts, rollups={})


@pytest.mark.parametrize("days", [0, 1, 20, 28, 60, 200, 420])
def test_stored_rollups_give_what_the_rows_give_at_any_date(days: int, snapshot: Snapshot) -> None:
    """Cut back from one store: late rows are there from the midnight after they came, and not before."""
    facts = facts_at(snapshot, TODAY - timedelta(days=days))
    assert rollups.ROLLUPS.keys() == facts.rollups.keys()
    found, expected = features(facts), features(of_rows(facts))

    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(found) == 3
    assert found["active_days_28d"].sum() > 0 or days == 420


def test_many_dates_by_one_query_give_what_each_gives_alone(snapshot: Snapshot) -> None:
    """Late rows, a subsidiary that its parent pays for, bits of blocks: every feature, at every date (FEA-3, SCL-1)."""
    instants = [TODAY - timedelta(days=days) for days in (0, 1, 20, 28, 60, 200, 420)]
    alone = pd.concat([features(facts_at(snapshot, at)) for at in instants]).sort_index()

    pd.testing.assert_frame_equal(features(facts_at_each(snapshot, instants)), alone, check_exact=True)
    assert alone.index.get_level_values("as_of").nunique() == len(instants)


def test_as_of_noon_the_rows_themselves_are_read(snapshot: Snapshot) -> None:
    """What came at nine is known at noon, and a stored rollup only knows whole days."""
    facts = facts_at(snapshot, TODAY.replace(hour=12))

    assert not facts.rollups
    assert features(facts)["active_days_28d"].sum() > 0


def test_they_are_made_once_of_many_parts_at_a_time_and_again_where_they_are_damaged(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same figures in one piece or in many; a stored file that is not what was written is not believed (TRU-1)."""
    first = features(facts_at(snapshot, TODAY))
    folder = snapshot.path.parent / rollup_files.FOLDER
    files = sorted(folder.iterdir())
    assert Counter(f.name.partition("-")[0] for f in files) == dict.fromkeys(
        rollups.ROLLUPS, len(snapshot.parts("usage"))
    )

    with monkeypatch.context() as patched:
        patched.setattr(rollup_files, "_written", lambda *_: pytest.fail("it is there"))
        facts_at(snapshot, TODAY)
    files[0].write_bytes(files[-1].read_bytes())
    _HASHED.clear()
    monkeypatch.setattr(rollup_files, "ROWS_AT_ONCE", 100)
    pd.testing.assert_frame_equal(features(facts_at(snapshot, TODAY)), first, check_exact=True)
    assert f"{files[0]} is not what was stored" in caplog.text


@pytest.mark.parametrize(
    ("first", "end"), [(0, 0), (0, 1), (55, 56), (10, 56), (50, 60), (56, 112), (0, 200), (60, 60)]
)
def test_the_bits_of_a_window_are_its_days(first: int, end: int) -> None:
    """In every block, also where a window begins before it or ends behind it."""
    blocks = ibis.memtable({"block": [0, 1, 2, 3]})
    window = [ibis.literal(day, "int64") for day in (first, end)]
    found = blocks.select("block", bits=rollups.bits_between(blocks.block, *window)).to_pyarrow().to_pylist()

    days = {row["block"] * 56 + bit for row in found for bit in range(56) if row["bits"] >> bit & 1}
    assert days == set(range(first, end))


def test_days_are_numbered_from_the_first_that_staging_reads() -> None:
    """No number is below zero."""
    assert (rollups.number(date(1900, 1, 1)), rollups.number(date(1900, 3, 1))) == (0, 59)
