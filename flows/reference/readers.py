"""Which modules read a canonical table, found in the code itself."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from keepwell.features.facts.canonical import TABLES

ROOT = Path(__file__).resolve().parents[2]
READERS = ("features/book.py", "features/outcomes", "tasks/checks", "tasks/learning", "tasks/marts", "tasks/operations")
"""Where tables are read for other ends than features and alerts."""


def readers() -> Mapping[str, list[str]]:
    """By table, what else reads it, in the words of its first sentence."""
    found: dict[str, list[str]] = {name: [] for name in TABLES}
    for path in sorted(p for place in READERS for p in _modules(ROOT / place)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        first = (ast.get_docstring(tree) or "").split("\n")[0].split(" (")[0].split(". ")[0].rstrip(".:;")
        for name in dict.fromkeys(_tables_read(tree)):
            found[name].append(f"`{path.relative_to(ROOT)}`: {first}")
    return found


def _modules(place: Path) -> Iterator[Path]:
    yield from (place.rglob("*.py") if place.is_dir() else [place])


def _tables_read(tree: ast.AST) -> Iterator[str]:
    """The tables that a module takes from facts: `facts["x"]`, `"x" in facts`, `facts.has("x")`, `rows(facts, "x")`.

    Contracts come as chains: `facts.chains(...)`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            holder, keys = node.value, [node.slice]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            holder, keys = node.comparators[0], [node.left]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "chains":
                yield "contracts"
            holder, keys = node.func.value, node.args[:1]
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            holder, keys = node.args[0], node.args[1:2]
        else:
            continue
        name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
        if name in {"facts", "now", "then"}:
            yield from (str(k.value) for k in keys if isinstance(k, ast.Constant) and k.value in TABLES)
