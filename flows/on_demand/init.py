"""`keepwell init`: a `pipeline.toml` and mappings for the source that is there; nothing is overwritten (SRC-11)."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from keepwell.flows.configuration.reading import from_environment, unset_variables
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.sources.connect import IN_A_FILE
from keepwell.tasks.sources.mapping import single_select
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.by_values import ACCOUNT_ID, by_values
from keepwell.tasks.starters.catalogue import Catalogue
from keepwell.tasks.starters.decisions import open_decisions
from keepwell.tasks.starters.pipeline import SQL, pipeline_toml
from keepwell.tasks.starters.proposal import Proposal, certain, proposed, why_unread
from keepwell.tasks.starters.recognition import System, as_usual, each_table_once, near_misses, recognized
from keepwell.tasks.starters.starter import ANY, Starter, starters, systems

PASSWORD = "SOURCE_PASSWORD"  # noqa: S105 - the name of a variable
PIPELINE = "pipeline.toml"
MAY_LACK = {ANY: (ACCOUNT_ID,)}
"""Of a company's own tables the values say more than the names."""
MANY = 12
"""Tables that a message names."""


@dataclass(frozen=True)
class Started:
    """What `init` found and wrote: tables by system, files, open decisions as `file:line: text`, tables left over."""

    found: Mapping[str, Sequence[str]]
    written: Sequence[Path]
    open: Sequence[str]
    unused: Sequence[str]
    variable: str | None


def init(to: Path, url: str, names: Sequence[str]) -> Started:
    """Write the configuration into a folder. Without a URL the starters' own names are used.

    `${NAME}` in the URL is taken from the environment, and written as it is.

    ConfigError where a file is already there, no such starter is, or nothing of the source was recognized.
    """
    chosen = starters(names or systems())
    if not url and not names:
        raise ConfigError("say where your data is (--url), or whose tables you have (--from stripe,hubspot,...).")
    if unset := unset_variables(url):
        raise ConfigError(f"--url takes {' and '.join(unset)} from the environment, where it is not set. Set it.")
    _refuse_to_overwrite([to / PIPELINE])  # before a warehouse is asked
    reached = from_environment(url)
    catalogue = Catalogue(reached, Path()) if url else None
    try:
        answers = Answers(catalogue.dialect if catalogue else "duckdb", catalogue)
        found = [as_usual(one) for one in chosen]
        if catalogue is not None:
            there = [recognized(one, catalogue, MAY_LACK.get(one.name, ())) for one in chosen]
            found = each_table_once([system for system in there if names or certain(system)])
            found = [by_values(one, answers) if one.starter.name == ANY else one for one in found]
            if not any(system.tables for system in found):
                raise ConfigError(_nothing(catalogue, names, chosen))
        mappings = proposed(found, answers)
        currencies = _currencies(mappings.get("contracts"), answers)
        unused = _unused(catalogue, mappings, found, chosen) if catalogue else []
    finally:
        if catalogue is not None:
            catalogue.close()
    safe, variable = _without_password(url, to)
    texts = {f"{SQL}/{name}.sql": one.text for name, one in mappings.items()}
    texts[PIPELINE] = pipeline_toml(safe, mappings, found, currencies)
    return Started(
        {system.starter.title: [str(t.place or name) for name, t in system.tables.items()]
         for system in found if system.tables},
        _written(to, texts), _open(texts), unused, variable,
    )  # fmt: skip


def _nothing(catalogue: Catalogue, names: Sequence[str], chosen: Sequence[Starter]) -> str:
    """That nothing was recognized: what is there, what of it nearly is, and how to go on."""
    there = ", ".join(map(str, catalogue.places[:MANY])) or "no tables"
    more = ", ..." if len(catalogue.places) > MANY else ""
    of = " or ".join(starter.title for starter in chosen) if names else "any system"
    near = "".join(f" {place} {why}." for place, why in list(near_misses(chosen, catalogue).items())[:MANY])
    return (
        f"the source has no table in the shape of {of}; it has {there}{more}.{near} Rename tables or columns in a view "
        "or in the export, or write the mappings by hand from templates: keepwell init --from tables, without --url."
    )


def _unused(
    catalogue: Catalogue, mappings: Mapping[str, Proposal], found: Sequence[System], chosen: Sequence[Starter]
) -> list[str]:
    """The tables that no mapping reads, each with the reason where one is known."""
    read = {place for one in mappings.values() for place in one.reads}
    near, unused = near_misses(chosen, catalogue), []
    for place in catalogue.places:
        if place not in read:
            why = why_unread(found, place) or near.get(place)
            unused.append(f"{place} ({why})" if why else str(place))
    return unused


def _without_password(url: str, to: Path) -> tuple[str, str | None]:
    """The URL as pipeline.toml has it: the password by a variable's name, a folder or file as seen from there."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return (_seen_from(url, to) if url else ""), None
    if scheme in IN_A_FILE:
        return f"{scheme}://{_seen_from(rest, to)}", None
    login, at, place = rest.rpartition("@")
    name, colon, password = login.partition(":")
    if not at or not colon or password.startswith("${"):
        return url, None
    return f"{scheme}://{name}:${{{PASSWORD}}}@{place}", PASSWORD


def _seen_from(path: str, folder: Path) -> str:
    """A path as seen from a folder; an absolute one stays."""
    return path if Path(path).is_absolute() else os.path.relpath(path, folder)


def _currencies(contracts: Proposal | None, answers: Answers) -> list[str]:
    """The currencies of the contracts, the most frequent first; none where they cannot be read."""
    if contracts is None:
        return []
    select = single_select(contracts.text, "contracts.sql", answers.dialect)
    rows = answers.rows(f"SELECT c.currency AS currency, COUNT(*) AS many FROM ({select}) AS c GROUP BY c.currency")
    known = [row for row in rows or () if row["currency"]]
    return [str(row["currency"]) for row in sorted(known, key=lambda r: (-r["many"], str(r["currency"])))]


def _written(to: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write all files, or none: one that is there is never overwritten."""
    paths = {to / name: text for name, text in texts.items()}
    _refuse_to_overwrite(list(paths))
    try:
        (to / SQL).mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise ConfigError(f"nothing can be written to {to}: {error.strerror}. Name another folder by --to.") from error
    return list(paths)


def _refuse_to_overwrite(paths: Sequence[Path]) -> None:
    if there := [str(path) for path in paths if path.exists()]:
        raise ConfigError(f"{', '.join(there)} already exists and is not overwritten. Name another folder by --to.")


def _open(texts: Mapping[str, str]) -> list[str]:
    """The lines that leave something to decide."""
    return [f"{name}:{line}: {what}" for name, text in texts.items() for line, what in open_decisions(text)]
