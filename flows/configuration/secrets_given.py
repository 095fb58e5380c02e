"""The secrets of a pipeline.toml: concealed from whatever is shown, and found where they stand in clear (TRU-5)."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from keepwell.flows.configuration.reading import ENVIRONMENT
from keepwell.tasks.delivery.notify import holds_a_token
from keepwell.tasks.masking import SHORTEST, conceal, secrets_of

STRICT = "KEEPWELL_STRICT"
SECRET_KEYS = ("token", "client_secret")
"""Keys of [crm] whose values never stand in the file."""
HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE)


def conceal_secrets(given: Mapping[str, Any]) -> None:
    """Conceal what is secret by its place: passwords of URLs, keys of the CRM, whatever addresses a channel."""
    for key, value in texts(given):
        for secret in (*secrets_of(value), *_by_place(key, value)):
            conceal(secret)


def in_clear(raw: Mapping[str, Any], file: str) -> list[str]:
    """A sentence for each secret that the file itself holds, or that is stored in clear; none is repeated."""
    stored = [
        f"{file}: `{key}` holds a password, which MLflow stores with every run. Leave it out: use a key, or the "
        "variables of the store's own client."
        for key, value in texts(raw)
        if key == "tracking.artifacts" and secrets_of(value)
    ]
    return stored + [
        f"{file} holds a secret in clear: `{key}`. Write ${{{_variable(key)}}} in its place, and set "
        f"{_variable(key)} in the environment."
        for key, value in texts(raw)
        if key != "tracking.artifacts" and _is_in_clear(key, value)
    ]


def too_short(raw: Mapping[str, Any]) -> list[str]:
    """A sentence for each secret of so few characters that it cannot be masked wherever it may appear."""
    return [
        f"`{key}` takes ${{{name}}} from the environment, which has fewer than {SHORTEST} characters: too few to be "
        "masked in messages. Use a longer secret."
        for key, value in texts(raw)
        for secret in (*secrets_of(value), *_by_place(key, value))
        for name in ENVIRONMENT.findall(secret)
        if 0 < len(os.environ.get(name, "")) < SHORTEST
    ]


def strict() -> bool:
    """Whether the environment asks that a secret in clear is refused."""
    return os.environ.get(STRICT, "") not in ("", "0")


def texts(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every text of a file with its key."""
    if isinstance(value, str):
        yield ".".join(place), value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from texts(one, (*place, str(name)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from texts(one, (*place, str(number)))


def _by_place(key: str, value: str) -> list[str]:
    """The parts of a text that are secret because of its key: tokens are any part of a channel's address."""
    if key in [f"crm.{name}" for name in SECRET_KEYS]:
        return [value]
    if not _is_channel(key):
        return []
    parts = re.split(r"[/?#&=,@]+", value.partition("://")[2] or value)
    return [part for part in parts if not HOST.fullmatch(part.partition(":")[0])]


def _is_channel(key: str) -> bool:
    return re.fullmatch(r"messages\.channels\..*\.url", key) is not None


def _is_in_clear(key: str, value: str) -> bool:
    if any(not ENVIRONMENT.search(secret) for secret in secrets_of(value)):
        return True
    return _is_channel(key) and value != "" and not ENVIRONMENT.search(value) and holds_a_token(value)


def _variable(key: str) -> str:
    """A name for the variable, after the key."""
    return re.sub(r"\W+", "_", key).upper()
