"""docs/reference/licenses.md: the installed packages and their licenses, by their own metadata."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

OURS = "keepwell"
EXTRAS = ("crm",)
"""What users install beside the core; what develops and tests it (`dev`) is not handed on."""
OSI = "OSI Approved"
SHORT = 60
LICENSE_TEXTS = (("Permission is hereby granted, free of charge", "MIT License"),)
"""Licenses by their text, of those whose metadata name none."""


def licenses_page(generated: str) -> str:
    """A line per distribution; the same wherever the same is installed, whatever the versions."""
    lines = [
        "# Licenses", "", generated,
        "Keepwell is licensed under Apache-2.0 ([LICENSE](../../LICENSE)). It is installed with the packages below,",
        "each under its own license: those of the core and of the extra `crm`, as of Linux and Python 3.11. None is",
        "under the GPL or the AGPL alone. `psycopg` is under the LGPL: it is imported as it is, and can be replaced.",
        "`text-unidecode` is taken under the Artistic License.",
        "", "| package | license |", "|---|---|",
    ]  # fmt: skip
    return "\n".join([*lines, *(f"| {name} | {license_of(one)} |" for name, one in installed().items())]) + "\n"


def installed() -> dict[str, Distribution]:
    """Everything that Keepwell needs here, directly or not, by its normalized name."""
    found = dict(_needs(OURS, EXTRAS, set()))
    found.pop(OURS)
    return dict(sorted(found.items()))


def _needs(name: str, extras: tuple[str, ...], seen: set[tuple[str, ...]]) -> Iterator[tuple[str, Distribution]]:
    plain = re.sub(r"[-_.]+", "-", name).lower()
    if (plain, *extras) in seen:
        return
    seen.add((plain, *extras))
    try:
        one = distribution(name)
    except PackageNotFoundError:
        return
    yield plain, one
    for requirement in map(Requirement, one.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield from _needs(requirement.name, tuple(sorted(requirement.extras)), seen)


def license_of(one: Distribution) -> str:
    """By the expression of its metadata, else its classifiers, a short text there, or its license file."""
    expression, classifiers, texts = (
        one.metadata.get_all(key) or [] for key in ("License-Expression", "Classifier", "License")
    )
    if expression:
        return str(expression[0])
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License")]
    if named := [name for name in named if name != OSI]:
        return " or ".join(named)
    text = "".join(texts).strip()
    if text and len(text) <= SHORT:
        return text
    files = [file for file in one.files or () if "LICENSE" in file.name.upper() and ".dist-info" in str(file)]
    whole = "\n".join(str(file.read_text()) for file in files)
    return next((name for sign, name in LICENSE_TEXTS if sign in " ".join(whole.split())), "unknown")
