"""One input broken at a time: exit code, one clear message, the last good marts untouched (TRU-3, SRC-3)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.sample.write import write_company
from tests.support.running import ROOT, bytes_of, keepwell, mart

DAY = "2026-06-30"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company and one good run of it."""
    folder = tmp_path_factory.mktemp("good")
    write_company(60, 14, 7, folder / "company")
    ran = keepwell(
        "--config",
        folder / "company" / "pipeline.toml",
        "--out",
        folder / "out",
        "monthly",
        "--as-of",
        DAY,
        "--week",
        1,
    )
    assert ran.code == 0, ran.err
    return folder


def frame(company: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(company / f"{table}.parquet")


def replace(company: Path, table: str, rows: pd.DataFrame) -> None:
    schema = pq.read_schema(company / f"{table}.parquet").remove_metadata()
    fields = [schema.field(c) for c in rows.columns]
    pq.write_table(pa.Table.from_pandas(rows, pa.schema(fields), preserve_index=False), company / f"{table}.parquet")


def missing_column(company: Path) -> None:
    replace(company, "usage", frame(company, "usage").drop(columns="day"))


def duplicated_key(company: Path) -> None:
    rows = frame(company, "contracts")
    replace(company, "contracts", pd.concat([rows, rows.head(1)]))


def event_after_its_load(company: Path) -> None:
    rows = frame(company, "tickets")
    rows.loc[:2, "loaded_at"] = rows.loc[:2, "opened_at"] - pd.Timedelta(hours=5)
    replace(company, "tickets", rows)


def orphan(company: Path) -> None:
    rows = frame(company, "tickets")
    rows.loc[0, "account_id"] = "nobody"
    replace(company, "tickets", rows)


def stale_table(company: Path) -> None:
    rows = frame(company, "usage")
    newest = pd.to_datetime(rows["day"])
    replace(company, "usage", rows[newest < newest.max() - pd.Timedelta(days=60)])


def empty_table(company: Path) -> None:
    replace(company, "usage", frame(company, "usage").head(0))


def wrong_type_far_down(company: Path) -> None:
    rows = frame(company, "usage").astype("string")
    assert len(rows) > 30_001
    rows.loc[30_000, "events"] = "many"
    rows.to_csv(company / "usage.csv", index=False)
    (company / "usage.parquet").unlink()


def truncated_parquet(company: Path) -> None:
    path = company / "usage.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def two_statements(company: Path) -> None:
    path = company / "sql" / "usage.sql"
    path.write_text(path.read_text() + ";\nDROP TABLE usage;\n")


def missing_file(company: Path) -> None:
    (company / "tickets.parquet").unlink()


BREAKS: list[tuple[Callable[[Path], None], int, list[str]]] = [
    (missing_column, 3, ["usage", "day", "column_exists"]),
    (duplicated_key, 3, ["contracts", "contract_id", "rows", "for example"]),
    (event_after_its_load, 3, ["tickets", "opened_at", "3 rows", "for example"]),
    (orphan, 3, ["tickets", "account_id", "1 row", "for example"]),
    (stale_table, 3, ["usage", "not_stale"]),
    (empty_table, 3, ["usage", "not_empty"]),
    (wrong_type_far_down, 3, ["usage", "events", "1 row", "type", "for example"]),
    (truncated_parquet, 3, ["usage", "readable"]),
    (two_statements, 2, ["usage.sql", "2 statements", "one SELECT"]),
    (missing_file, 2, ["tickets"]),
]


QUICK = (missing_column, truncated_parquet, two_statements, missing_file)


@pytest.mark.parametrize(
    ("break_it", "code", "says"),
    [pytest.param(*b, marks=() if b[0] in QUICK else pytest.mark.slow, id=b[0].__name__) for b in BREAKS],
)
def test_a_broken_input_stops_the_run_with_its_name_and_leaves_the_last_good_marts(
    good: Path, tmp_path: Path, break_it: Callable[[Path], None], code: int, says: list[str]
) -> None:
    """Exit 3 for data, 2 for configuration; table, rule, remedy, column, count, keys in one message (SRC-3, TRU-3)."""
    company, out = tmp_path / "company", tmp_path / "out"
    shutil.copytree(good / "company", company)
    shutil.copytree(good / "out", out)
    before = bytes_of(out, without=("check_results",))
    break_it(company)

    ran = keepwell("--config", company / "pipeline.toml", "--out", out, "monthly", "--as-of", DAY, "--week", 1)

    assert ran.code == code, ran.err
    message = "\n".join(line for line in ran.err.splitlines() if not line.endswith((" s", "...")))
    assert "Traceback" not in ran.err
    for word in says:
        assert word in message, message
    assert bytes_of(out, without=("check_results",)) == before
    if code == 3:
        results = mart(out, "check_results", "2026-06-01")
        assert not results.loc[results["severity"] == "critical", "success"].all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("within_days = 2", "within_day = 2"), "`action.12.within_day`; did you mean `action.12.within_days`"),
        (('owner = "finance"', 'owner = "fnance"'), "action.5.owner"),
        (('"payment_failures_90d"', '"payment_failure"'), "payment_failure"),
        (("[[action]]", "[[action]"), "not valid TOML"),
    ],
)
def test_a_mistake_in_the_playbook_is_refused_before_anything_is_read(
    good: Path, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    """Exit 2 and its place, by `check` too, as the file itself promises to a CS director (ACT-2)."""
    company = tmp_path / "company"
    shutil.copytree(good / "company", company)
    text = (ROOT / "playbook" / "playbook.toml").read_text()
    (company / "mine.toml").write_text(text.replace(*change))
    config = company / "pipeline.toml"
    config.write_text('playbook = "mine.toml"\n' + config.read_text())

    ran = keepwell("--config", config, "--out", tmp_path / "out", "check", "--as-of", DAY)

    assert ran.code == 2, ran.err
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_a_mistyped_setting_is_refused_with_its_place_and_what_would_be_right(good: Path, tmp_path: Path) -> None:
    """A wrong key is exit 2 and names the nearest right one."""
    company = tmp_path / "company"
    shutil.copytree(good / "company", company)
    config = company / "pipeline.toml"
    config.write_text(config.read_text() + "\n[health]\nminimum_coverag = 0.5\n")

    ran = keepwell("--config", config, "--out", tmp_path / "out", "monthly", "--as-of", DAY)

    assert ran.code == 2
    assert "health.minimum_coverag" in ran.err
    assert "did you mean `health.minimum_coverage`" in ran.err
