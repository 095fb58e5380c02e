"""Which tables of a source are those of a system, and under which names their columns are there (SRC-11)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from keepwell.tasks.starters.catalogue import Catalogue, Place
from keepwell.tasks.starters.starter import ANY, Shape, Starter, bare, plain

OWN = "{own}"
"""Stands for the table's alias in an expression."""


@dataclass(frozen=True)
class Expression:
    """SQL that gives a column where no column does as it is; OWN stands for the table. `note`: what was decided."""

    sql: str
    reads: Sequence[str] = ()
    note: str = ""


NOTHING_INSTEAD: Mapping[str, Expression] = {}


@dataclass(frozen=True)
class Found:
    """A table of a source that has a system's shape: where it is, and its columns as written, by their plain form.

    Without a place nobody looked: then every name is the usual one. `others`: more tables of the same shape. `instead`:
    usual columns that an expression gives. `twice`: rows that are there again, alike in every column.
    """

    shape: Shape
    place: Place | None = None
    there: Mapping[str, str] | None = None
    others: Sequence[Place] = ()
    instead: Mapping[str, Expression] = field(default_factory=lambda: NOTHING_INSTEAD)
    twice: int = 0

    def named(self, name: str) -> str | None:
        """The column of the source that is called so, in one of its spellings; None where there is none."""
        if self.there is None:
            return name
        return next((self.there[plain(s)] for s in self.shape.spellings(name) if plain(s) in self.there), None)

    def column(self, name: str) -> str | None:
        """What a column is called in the source; its usual name where an expression gives it, None without either."""
        return self.named(name) or (name if name in self.instead else None)

    def lacking(self) -> list[str]:
        """The columns that are missing of those by which the table is known."""
        return [key for key in self.shape.key if self.column(key) is None]


@dataclass(frozen=True)
class System:
    """A starter and those of its tables that the source has, by usual name."""

    starter: Starter
    tables: Mapping[str, Found]


def as_usual(starter: Starter) -> System:
    """The system with its usual names, where there is no source to look at."""
    return System(starter, {name: Found(shape) for name, shape in starter.shapes.items()})


def recognized(starter: Starter, catalogue: Catalogue, may_lack: Collection[str] = ()) -> System:
    """The tables of the source that have the system's shapes: by name, and by the columns it is known by.

    `may_lack`: columns that the values may give instead (by_values.py).
    """
    tables, by_name = {}, _by_name(catalogue)
    for name, shape in starter.shapes.items():
        every = (_found(shape, place, catalogue) for place in _candidates(starter, shape, by_name))
        if found := [one for one in every if not set(one.lacking()).difference(may_lack)]:
            first, *others = sorted(found, key=lambda one: not of_system(starter, one.place))
            tables[name] = replace(first, others=[one.place for one in others if one.place])
    return System(starter, tables)


def near_misses(starters: Sequence[Starter], catalogue: Catalogue) -> dict[Place, str]:
    """What the tables lack that are called like one of a system and are none, by place.

    A table that says its system is compared with that one alone, any other with the tables of anybody.
    """
    found: dict[Place, list[tuple[int, str]]] = {}
    by_name, asked = _by_name(catalogue), {place: _asked(starters, place) for place in catalogue.places}
    for starter in starters:
        for shape in starter.shapes.values():
            for place in _candidates(starter, shape, by_name):
                one = _found(shape, place, catalogue)
                lacking = one.lacking()
                if lacking and starter in asked[place]:
                    looks = f"looks like {shape.name} of {starter.title}"
                    why = f"{looks}, but no column is known as {' or '.join(lacking)}"
                    found.setdefault(place, []).append((len(lacking), why))
    return {place: min(ranked)[-1] for place, ranked in found.items()}


def _asked(starters: Sequence[Starter], place: Place) -> Sequence[Starter]:
    """The systems that a table may be compared with."""
    return [s for s in starters if of_system(s, place)] or [s for s in starters if s.name == ANY] or starters


def _by_name(catalogue: Catalogue) -> dict[str, list[Place]]:
    """The tables by their names as names are compared, with and without the words of exports."""
    by_name: dict[str, list[Place]] = {}
    for place in catalogue.places:
        for name in {plain(place.table), bare(place.table)}:
            by_name.setdefault(name, []).append(place)
    return by_name


def _candidates(starter: Starter, shape: Shape, by_name: Mapping[str, list[Place]]) -> list[Place]:
    """The tables with one of its names, alone or after the system's: `stripe_subscriptions`."""
    names = [plain(name) for name in (shape.name, *shape.names)]
    spelled = [*names, *(plain(starter.name) + name for name in names)]
    return list(dict.fromkeys(place for name in spelled for place in by_name.get(name, ())))


def of_system(starter: Starter, place: Place | None) -> bool:
    """Whether the table's schema or name says the system."""
    return plain(starter.name) in plain(str(place))


def _found(shape: Shape, place: Place, catalogue: Catalogue) -> Found:
    there: dict[str, str] = {}
    for column in catalogue.columns(place):
        there.setdefault(plain(column), column)
    words = {word for word in shape.by_name if word in plain(place.table)}
    said = {column: Expression(f"'{value}'") for word in words for column, value in shape.by_name[word].items()}
    found = Found(shape, place, there)
    return replace(found, instead={column: one for column, one in said.items() if found.named(column) is None})


def each_table_once(systems: Sequence[System]) -> list[System]:
    """The systems without tables that fit another better: one table belongs to one system, that for any table last."""
    owner: dict[Place, tuple[bool, int, int]] = {}
    for number, system in enumerate(systems):
        for found in system.tables.values():
            if found.place and (rank := _rank(system, found, number)) > owner.get(found.place, (False, -1, 0)):
                owner[found.place] = rank
    return [
        System(
            system.starter,
            {
                name: found
                for name, found in system.tables.items()
                if found.place is None or owner[found.place] == _rank(system, found, number)
            },
        )
        for number, system in enumerate(systems)
    ]


def _rank(system: System, found: Found, number: int) -> tuple[bool, int, int]:
    return system.starter.name != ANY, len(found.shape.key), -number
