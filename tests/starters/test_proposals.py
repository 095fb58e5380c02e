"""What `init` proposes for the values that a source holds, and what it leaves to decide (SRC-11)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.tasks.sources.staging import stage
from tests.starters.test_init import init
from tests.support.starter_sources import Staged


def exported(folder: Path, files: Mapping[str, Sequence[str]]) -> Path:
    """A folder of CSV files, by name the lines of each."""
    there = folder / "exports"
    there.mkdir(parents=True)
    for name, lines in files.items():
        (there / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return there


def proposed(folder: Path, files: Mapping[str, Sequence[str]]) -> tuple[Path, Sequence[str]]:
    """The folder of the configuration that `init` writes for exports, and what it leaves to decide."""
    ran = init(folder / "keepwell", "--url", exported(folder, files))
    assert ran.code == 0, ran.err
    return folder / "keepwell", [line.partition("to decide")[2].strip() for line in ran.out.splitlines()]


def staged(folder: Path, table: str) -> Staged:
    """The rows of a table as the proposed mapping gives them."""
    mapping = folder / "keepwell" / "sql" / f"{table}.sql"
    root = folder / "snapshots"
    return Staged(root / stage("exports", folder, {table: mapping}, root).id)


def test_rows_without_an_id_get_one_each(tmp_path: Path) -> None:
    """Two people of an account answer on one day, two calls begin at once: four facts, and none is lost."""
    proposed(
        tmp_path,
        {
            "NPS responses": ["Response Date,customer_number,Score,Comment", "2026-01-02,7,9,", "2026-01-02,7,9,",
                              "2026-01-02,7,3,slow"],
            "Calls": ["Date,Account No.,Type", "2026-01-02 09:00,7,call", "2026-01-02 09:00,7,call"],
        },
    )  # fmt: skip

    assert sorted(staged(tmp_path, "surveys").rows("surveys", "survey_id score").items()) == [
        ("7|2026-01-02|1", 3), ("7|2026-01-02|2", 9), ("7|2026-01-02|3", 9),
    ]  # fmt: skip
    assert sorted(staged(tmp_path, "touchpoints").rows("touchpoints", "touchpoint_id kind")) == [
        "7|2026-01-02 09:00|call|1", "7|2026-01-02 09:00|call|2",
    ]  # fmt: skip
