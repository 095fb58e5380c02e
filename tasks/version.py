"""code_version: package version and a hash of the modules that compute, so that an unrelated commit changes nothing."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
COMPUTING = (
    "features/**/*.py", "models/**/*.py", "playbook/**/*.py", "values/**/*.py", "expectations/**/*", "tasks/**/*.py",
)  # fmt: skip
"""All of tasks/: a list of those that shape a table forgets the next one, and two results then share a run_id."""


def computing() -> list[Path]:
    """The files whose change is a new version."""
    found = {p for pattern in COMPUTING for p in PACKAGE.glob(pattern) if p.suffix in {".py", ".toml"}}
    return sorted(found)


@cache
def code_version() -> str:
    """For example `0.1.0+3f2a9c1d`."""
    digest = hashlib.sha256()
    for path in computing():
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{version('keepwell')}+{digest.hexdigest()[:8]}"
