"""Inputs mutated by kind: each states beforehand what is right, and nothing wrong passes in silence (TRU-3, SRC-3)."""

from collections.abc import Sequence

import pytest

from tests.mutations.all import KINDS
from tests.mutations.run import Base, base, seeds_of, stops_early, wrong, wrong_together

AT_ONCE = {
    "nothing changes": (
        "encoding.toml_comments", "encoding.default_written_out", "mapping.numbers_as_text", "mapping.comments",
        "tables.rows_shuffled", "tables.more_columns", "tables.instants_with_an_offset",
        "tables.in_parts",
    ),
    "every rule that a row breaks is named": (
        "rows.orphan", "rows.below_zero", "rows.ends_before_it_begins", "rows.unknown_word",
        "rows.stored_before_it_happened", "rows.key_twice",
    ),
}  # fmt: skip
"""Kinds whose statements hold of one company together: a run costs seconds."""


QUICK = tuple(name for name, kind in KINDS.items() if stops_early(kind))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The company before any mutation."""
    return base(tmp_path_factory.mktemp("whole"))


def reported(answers: Sequence[tuple[str, int, str | None]]) -> str:
    """What was not as stated, each with the command that runs it again."""
    return "\n".join(
        f"python -m tests.mutations.run --seed {seed} --kind {name}\n  {answer}"
        for name, seed, answer in answers
        if answer
    )


def test_there_are_kinds_enough_over_every_input() -> None:
    """Every input that a company gives is mutated: 500 inputs at least, ten of each of 25 kinds at least."""
    assert {name.split(".")[0] for name in KINDS} == {
        "settings", "encoding", "result", "mapping", "playbook", "import", "tables", "rows",
    }  # fmt: skip
    inputs = [len(seeds_of(kind)) for kind in KINDS.values()]
    assert sum(inputs) >= 500
    assert sum(count >= 10 for count in inputs) >= 25


@pytest.mark.parametrize("name", QUICK)
def test_a_mutated_input_is_answered_as_stated(whole: Base, name: str) -> None:
    """Refused with its code and place, without effect, or exactly the columns that rest on it."""
    assert not reported([(name, 0, wrong(whole, KINDS[name], 0))])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name, kind in KINDS.items() for seed in seeds_of(kind)])
def test_every_mutated_input_is_answered_as_stated(whole: Base, name: str, seed: int) -> None:
    """Ten inputs of each kind that is refused early, two of each that runs a day; the seed is the test's name."""
    assert not reported([(name, seed, wrong(whole, KINDS[name], seed))])


@pytest.mark.slow
@pytest.mark.parametrize("names", AT_ONCE.values(), ids=AT_ONCE)
def test_mutations_at_once_are_answered_as_each_states(whole: Base, names: Sequence[str]) -> None:
    """What has no effect has none together; of all rules that are broken, each is named (SRC-3)."""
    answer = wrong_together(whole, [KINDS[name] for name in names], 0)
    assert answer is None, answer
