"""Names in the code are the field's words, not a dialect of our own (HOUSE)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.flows.reference.architecture import PACKAGES
from tests.support.running import ROOT

DIALECT = frozenset({
    "bend", "bends", "chance", "chances", "cut", "cuts", "figure", "figures", "foretold", "freed", "happened", "held",
    "kept", "know", "knows", "learnt", "least", "leaves", "loss", "losses", "lot", "lots", "most", "numbers", "reach",
    "rounds", "say", "says", "shown", "stands", "tail", "taken", "tell", "tells", "told", "tone", "tones",
})  # fmt: skip
PHRASES = ("in_force", "left_alone", "let_through", "rare_share")
ALLOWED = {
    "held_out": "rows that no training has seen: scikit-learn's and everybody's word",
    "hold_out": "the randomized hold-out",
}
"""Names, or parts of names, that hold such a word and are the field's own."""


def names_of(path: Path) -> Iterator[tuple[str, int]]:
    """What a module defines: itself, functions, classes, arguments, attributes of classes (settings among them)."""
    yield path.stem, 0
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        if isinstance(node, ast.ClassDef):
            annotated = [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
            yield from ((target.id, target.lineno) for target in annotated if isinstance(target, ast.Name))


STORED = {"tail": "an argument of Winsoriser, which models that are registered hold by this name"}
"""Words that stay in one place because what is stored has them."""


def dialect_in(name: str) -> set[str]:
    """The words of a name that are ours alone."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for allowed in sorted(ALLOWED, key=len, reverse=True):
        plain = plain.replace(allowed, "")
    return (set(plain.split("_")) & DIALECT) | {phrase for phrase in PHRASES if phrase in plain}


@pytest.mark.parametrize("folder", [*PACKAGES, "evaluation"])
def test_names_are_the_fields_words(folder: str) -> None:
    """Modules, functions, classes, arguments, attributes, settings."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in names_of(path)
        if dialect_in(name) and not (name in STORED and path.parent.name == "training")
    ]

    assert found == []


def test_what_is_allowed_is_needed() -> None:
    """An allowed name that nobody uses any more leaves the list."""
    everything = {name.lower() for folder in PACKAGES for p in (ROOT / folder).rglob("*.py") for name, _ in names_of(p)}

    assert [allowed for allowed in ALLOWED if not any(allowed in name for name in everything)] == []
