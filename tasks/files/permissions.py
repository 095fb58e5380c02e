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
    """Deny others access to every new file; the user's own umask may deny more."""
    os.umask(os.umask(GROUP_READS) | GROUP_READS)


def private_file(path: Path) -> None:
    """Make a file private to its owner; create it if it does not exist.

    SQLite gives its -wal and -shm the mode of the database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT, OWNER_ONLY))
    _without_group(path)


def private_folder(path: Path) -> None:
    """Make a folder private to its owner; others cannot reach the files in it, whatever their mode."""
    path.mkdir(mode=OWNER_ONLY | 0o100, parents=True, exist_ok=True)
    _without_group(path)


def _without_group(path: Path) -> None:
    """Remove the permissions of group and others, if there are any and the file is our own."""
    about = path.stat()
    if about.st_mode & OTHERS and about.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(about.st_mode) & ~OTHERS)
