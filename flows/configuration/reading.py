"""A TOML file is read as far as it can be: every mistake in it is named, and the rest is validated without it."""

import os
import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from keepwell.flows.configuration.renamed import RENAMED
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.files.text_file import text_in
from keepwell.tasks.masking import conceal
from keepwell.values.texts import storable

M = TypeVar("M", bound=BaseModel)
Place = tuple[Any, ...]
ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
DEEPEST = 20
"""Levels of a settings file; the deepest setting has five."""
LISTS = ("tuple_type", "list_type", "set_type", "frozen_set_type")
"""How pydantic marks a single value in place of several."""
KEY = "[key]"
"""How pydantic marks a mistake in a name rather than in what stands under it."""


def toml_of(path: Path, remedy: str, what: str = "") -> dict[str, Any]:
    """What a TOML file holds; ConfigError where it cannot be read, or holds what no setting can be."""
    too_deep = f"{path} is nested deeper than {DEEPEST} levels. No setting needs that: check its brackets."
    text = text_in(path, remedy, what)
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise ConfigError(too_deep) from error
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise ConfigError(f"{path} contains a number of thousands of digits. Write a smaller one.") from error
    if _levels(given) > DEEPEST:
        raise ConfigError(too_deep)
    if unfit := _unfit(given, ()):
        raise ConfigError(f"{path}: `{unfit}` contains a character that no database can store (NUL). Remove it.")
    return given


def _inside(value: Any) -> list[tuple[Any, Any]]:
    """What stands in a table or an array, with its keys or places."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _levels(value: Any) -> int:
    """How deep a value nests, counted level by level: a function that calls itself would end before it."""
    levels, here = 0, [value]
    while here := [one for outer in here for _, one in _inside(outer)]:
        levels += 1
    return levels


def _unfit(value: Any, place: Place) -> str | None:
    """The first key whose name or text holds NUL."""
    if isinstance(value, str):
        return None if storable(value) else ".".join(map(str, place))
    for key, one in _inside(value):
        if not storable(str(key)):
            return ".".join(map(str, (*place, key)))
        if found := _unfit(one, (*place, key)):
            return found
    return None


def validated(model: type[M], given: Mapping[str, Any], file: str) -> tuple[M | None, list[str]]:
    """The model of what a file holds without its mistakes, and a sentence for each; None where too little is left."""
    left = deepcopy(dict(given))
    said: list[str] = []
    wrong: set[Place] = set()
    while True:
        try:
            return model.model_validate(left), said
        except ValidationError as error:
            found = [_without_key(e) for e in error.errors()]
        said += [explained(e, file, model) for e in found if not _follows(e, wrong)]
        dropped: set[Place] = set()
        for e in found:
            if not any(e["loc"][: len(place)] == place for place in dropped) and (place := _drop(left, e["loc"])):
                dropped.add(place)
                wrong |= {place} if e["type"] != "extra_forbidden" else set()
        if not dropped:
            return None, said


def _without_key(error: Any) -> dict[str, Any]:
    """A mistake in a name is one at that name, which needs no repeating."""
    place = error["loc"]
    return {**error, "loc": place[:-1], "input": None} if place[-1:] == (KEY,) else dict(error)


def _follows(error: Mapping[str, Any], wrong: set[Place]) -> bool:
    """Whether a mistake may only be there because another, or a variable that is not set, was taken out."""
    place = error["loc"]
    unset = isinstance(error["input"], str) and ENVIRONMENT.search(error["input"]) is not None
    return unset or any(other[: len(place)] == place for other in wrong)


def _drop(values: Any, place: Place) -> Place | None:
    """Take out what stands at a place, or the innermost part around it that there is; where that was."""
    found: tuple[dict[str, Any], Any, Place] | None = None
    for depth, part in enumerate(place):
        if isinstance(values, dict) and part in values:
            found = (values, part, place[: depth + 1])
        elif not (isinstance(values, list) and isinstance(part, int) and part < len(values)):
            break
        values = values[part]
    if found is None:
        return None
    holder, key, where = found
    del holder[key]
    return where


def explained(error: Mapping[str, Any], file: str, model: type[BaseModel]) -> str:
    """One mistake as a sentence: key, file, what is wrong, what would be right."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        if key in RENAMED:
            return f"{file}: `{key}` is called `{RENAMED[key]}` now. Rename it."
        *sections, last = map(str, error["loc"])
        known = _fields_at(error["loc"][:-1], model)
        return f"{file}: unknown key `{key}`{nearest(last, known, ''.join(f'{one}.' for one in sections))}"
    plain = isinstance(error["input"], str | int | float)
    given = f" (given: {error['input']!r})" if plain else ""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in LISTS and plain:
        message = "it must be a list; write it in brackets, with commas between the parts: key = [...]"
    return f"{file}: `{key}`: {message}{given}" if key else f"{file}: {message}"


def unset_variables(value: Any) -> list[str]:
    """The variables that a file takes from the environment, where they are not set; each once."""
    if isinstance(value, str):
        return [name for name in ENVIRONMENT.findall(value) if name not in os.environ]
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(name for one in inside for name in unset_variables(one)))


def from_environment(value: Any) -> Any:
    """Every `${NAME}` replaced, and what came instead concealed; one that is not set stays as it is."""
    if isinstance(value, str):
        filled = ENVIRONMENT.sub(_from_environment, value)
        if filled != value:
            conceal(filled)
        return filled
    if isinstance(value, Mapping):
        return {k: from_environment(v) for k, v in value.items()}
    return [from_environment(v) for v in value] if isinstance(value, list) else value


def _from_environment(match: re.Match[str]) -> str:
    """What stands in a variable's place. A user before a password is no secret: it is often a word of our own."""
    value = os.environ.get(match[1])
    if value is None:
        return match[0]
    is_user = match.string[: match.start()].endswith("://") and match.string[match.end() :].startswith(":")
    if not is_user:
        conceal(value)
    return value


def _fields_at(place: Place, root: type[BaseModel]) -> list[str]:
    """The keys that a section knows."""
    model: Any = root
    for part in place:
        fields = getattr(model, "model_fields", {})
        if str(part) in fields:
            annotation = fields[str(part)].annotation
            arguments = [a for a in getattr(annotation, "__args__", ()) if hasattr(a, "model_fields")]
            model = arguments[0] if arguments else annotation
    return [name for name in getattr(model, "model_fields", {}) if name != "base"]
