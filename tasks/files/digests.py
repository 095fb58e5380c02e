"""Check stored files against the digest recorded when they were written, before anything is computed (TRU-1).

A file is hashed once in a process: its inode, size and time of change say that it is still the one that was hashed,
under whatever name.
"""

import hashlib
from pathlib import Path

CHUNK = 1 << 20
_HASHED: dict[tuple[int, int, int, int], str] = {}


def sha256_of(*files: Path) -> str:
    """SHA-256 of several files in order, read in chunks."""
    found = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                found.update(chunk)
    return found.hexdigest()


def digest_of(file: Path) -> str | None:
    """The SHA-256 of one file, hashed the first time; None where there is none."""
    try:
        about = file.stat()
        identity = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
        if identity not in _HASHED:
            _HASHED[identity] = sha256_of(file)
    except FileNotFoundError:
        return None
    return _HASHED[identity]
