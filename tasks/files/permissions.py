"""Who may read what is written: the owner and the group; ledger and MLflow's store the owner alone (TRU-5).

One mask for the whole process, set where a command or a flow run begins; what is to be stricter is made so before
anything is written into it. Groups and set-group-ID folders stay as they are, and so does a mask that allows less.
"""

import os
import stat
from pathlib import Path

GROUP_READS = 0o027  # taken away: folders are 0750, files 0640
OWNER_ONLY = 0o600
OTHERS = 0o077


def restrict_umask() -> None:
    """No new file is for everybody; whatever the user's own mask takes away besides stays away."""
    os.umask(os.umask(GROUP_READS) | GROUP_READS)


def private_file(path: Path) -> None:
    """Make a file of the owner's alone where there is none, and one that is there the owner's alone.

    SQLite gives its -wal and -shm the mode of the database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT, OWNER_ONLY))
    _without_group(path)


def private_folder(path: Path) -> None:
    """The same for a folder; what lies in it is out of reach whatever its own mode."""
    path.mkdir(mode=OWNER_ONLY | 0o100, parents=True, exist_ok=True)
    _without_group(path)


def _without_group(path: Path) -> None:
    """Only the owner can, and only where something is to be taken away."""
    about = path.stat()
    if about.st_mode & OTHERS and about.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(about.st_mode) & ~OTHERS)
