"""Which tables of a source are those of a system, and under which names their columns are there (SRC-11)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from keepwell.tasks.starters.catalogue import Catalogue, Place
from keepwell.tasks.starters.starter import ANY, Shape, Starter, bare, plain


@dataclass(frozen=True)
class Found:
    """A table of a source that has a system's shape: where it is, and its columns as written, by their plain form.

    Without a place nobody looked: then every name is the usual one. `others`: more tables of the same shape.
    """

    shape: Shape
    place: Place | None = None
    there: Mapping[str, str] | None = None
    others: Sequence[Place] = ()

    def column(self, name: str) -> str | None:
        """What a column is called in the source; None where it is not there."""
        if self.there is None:
            return name
        return next((self.there[plain(s)] for s in self.shape.spellings(name) if plain(s) in self.there), None)

    @property
    def fits(self) -> bool:
        """Whether every column by which the table is known is there."""
        return all(self.column(key) is not None for key in self.shape.key)


@dataclass(frozen=True)
class System:
    """A starter and those of its tables that the source has, by usual name."""

    starter: Starter
    tables: Mapping[str, Found]


def as_usual(starter: Starter) -> System:
    """The system with its usual names, where there is no source to look at."""
    return System(starter, {name: Found(shape) for name, shape in starter.shapes.items()})


def recognized(starter: Starter, catalogue: Catalogue) -> System:
    """The tables of the source that have the system's shapes: by name, and by the columns it is known by."""
    tables = {}
    for name, shape in starter.shapes.items():
        if found := [one for one in _looked_at(starter, shape, catalogue=catalogue) if one.fits]:
            first, *others = sorted(found, key=lambda one: not of_system(starter, one.place))
            tables[name] = replace(first, others=[one.place for one in others if one.place])
    return System(starter, tables)


def what_it_lacks(starters: Sequence[Starter], catalogue: Catalogue, place: Place) -> str | None:
    """Why a table that is called like one of a system is none; None where it is called like none."""
    named = [s for s in starters if of_system(s, place)] or [s for s in starters if s.name == ANY] or starters
    looks = [
        (len(lacking), starter.title, found.shape.name, lacking)
        for starter in named
        for found in _looked_at(starter, *starter.shapes.values(), catalogue=catalogue)
        if found.place == place and (lacking := [key for key in found.shape.key if found.column(key) is None])
    ]
    if not looks:
        return None
    _, title, name, lacking = min(looks)
    return f"looks like {name} of {title}, but no column is known as {' or '.join(lacking)}"


def _looked_at(starter: Starter, *shapes: Shape, catalogue: Catalogue) -> Iterator[Found]:
    """The tables that are called like one of these shapes, whether they fit or not."""
    by_name: dict[str, list[Place]] = {}
    for place in catalogue.places:
        for name in {plain(place.table), bare(place.table)}:
            by_name.setdefault(name, []).append(place)
    for shape in shapes:
        for place in _candidates(starter, shape, by_name):
            yield _found(shape, place, catalogue)


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
    return Found(shape, place, there)


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
