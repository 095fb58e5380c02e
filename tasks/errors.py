"""The errors of a run, each with its exit code of the CONTRACT."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from keepwell.tasks.masking import masked
from keepwell.values.texts import one_line


class KeepwellError(Exception):
    """An error that a person has to fix; the message is one clear sentence with the remedy."""

    exit_code = 1

    def __str__(self) -> str:
        return masked(super().__str__())


class ConfigError(KeepwellError):
    """Wrong usage or configuration: a wrong key, a mapping that is not one SELECT, a missing source."""

    exit_code = 2


@dataclass(frozen=True)
class Finding:
    """One fault in the data: table, column, count, examples and remedy."""

    table: str
    rule: str
    message: str
    remedy: str
    column: str | None = None
    failed_rows: int | None = None
    sample_keys: Sequence[str] = field(default=())

    def __str__(self) -> str:
        where = f"{self.table}.{self.column}" if self.column else self.table
        count = ""
        if self.failed_rows is not None:
            rows = f"{self.failed_rows:,} row{'' if self.failed_rows == 1 else 's'}"
            count = f" ({rows}, for example {', '.join(self.sample_keys)})" if self.sample_keys else f" ({rows})"
        return one_line(f"{where}: {self.message}{count} [rule {self.rule}]. {self.remedy}")


class DataCheckFailed(KeepwellError):
    """The data is at fault: a critical check, an unreadable file, a missing column, an empty table."""

    exit_code = 3

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class FileRefused(KeepwellError):
    """An imported file of work has mistakes; none of it is recorded."""

    exit_code = 3


class StoredDamaged(KeepwellError):
    """A file that Keepwell stored was changed or damaged; source and configuration are not at fault."""


class Busy(KeepwellError):
    """Another run holds this date."""

    exit_code = 4


class Unreachable(KeepwellError):
    """A service did not answer after all retries; data and configuration are not at fault."""


class PrefectUnreachable(Unreachable):
    """Prefect stopped answering in the middle of a run; what its client has still to send, nobody waits for."""


class NotPromoted(KeepwellError):
    """A gate refused a model; nothing was changed."""


def close_to(name: str, known: Iterable[str]) -> str | None:
    """The closest known name, ignoring case; None without a close one."""
    small = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), small, n=1)
    return small[close[0]] if close else None


def with_nearest(names: Iterable[str], known: Collection[str]) -> str:
    """Unknown names, each with the closest known one."""
    near = ((name, close_to(name, known)) for name in names)
    return ", ".join(f"`{name}`" + (f" (did you mean `{close}`?)" if close else "") for name, close in near)


def nearest(name: str, known: Iterable[str], section: str = "") -> str:
    """The closest known name, or all known names, as the end of a sentence; a key of a section with the section."""
    known = list(known)
    close = close_to(name, known)
    return f"; did you mean `{section}{close}`?" if close else f"; there are {', '.join(sorted(known))}."
