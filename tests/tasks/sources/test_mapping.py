"""A mapping is exactly one SELECT, parsed before anything is sent (SRC-2)."""

import pytest

from keepwell.tasks.errors import ConfigError
from keepwell.tasks.sources.mapping import single_select


def test_one_select_passes_with_its_semicolon_removed() -> None:
    """Common table expressions and unions are one SELECT (SRC-2)."""
    text = "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2;\n"

    assert single_select(text, "m.sql", "duckdb") == text.strip().rstrip(";")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT 1; DROP TABLE p", "2 statements"),
        ("", "0 statements"),
        ("DROP TABLE p", "DROP"),
        ("INSERT INTO p SELECT 1", "INSERT"),
        ("COPY p TO 'out.csv'", "COPY"),
        ("SELECT 1 INTO q", "INTO"),
        ("WITH gone AS (DELETE FROM p RETURNING x) SELECT x FROM gone", "DELETE"),
        ("SELEC 1 FROM", "m.sql"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, says: str) -> None:
    """Two statements, none, or one that does more than read: a configuration error naming the file (SRC-2)."""
    with pytest.raises(ConfigError, match=r"m\.sql") as refused:
        single_select(text, "m.sql", "postgres")

    assert says in str(refused.value)
    assert refused.value.exit_code == 2
