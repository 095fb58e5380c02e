"""code_version: package version and a hash of the modules that compute, so that an unrelated commit changes nothing."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPUTING = ("features/*.py", "models/*.py", "playbook/*.py", "values/*.py", "expectations/*", "tasks/*.py")
"""All of tasks/: a list of those that shape a table forgets the next one, and two results then share a run_id."""


@cache
def code_version() -> str:
    """For example `0.1.0+3f2a9c1d`."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in COMPUTING for p in ROOT.glob(pattern) if p.is_file()}):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{version('keepwell')}+{digest.hexdigest()[:8]}"
