"""What Keepwell needs of a CRM, whichever it is (MON-6)."""

from collections.abc import Callable, Sequence
from typing import Protocol

from keepwell.playbook.crm.diff import CrmRecord, Step
from keepwell.tasks.errors import KeepwellError


class CrmFailed(KeepwellError):
    """The CRM did not answer, or refused us, after every try; what was not written waits in the outbox."""


class Crm(Protocol):
    """What Keepwell needs of a CRM. Every method raises CrmFailed where it does not answer or refuses us altogether."""

    def lacking(self) -> list[str]:
        """The properties that must be there and are not, or are not unique, a sentence each."""

    def companies(self, accounts: Sequence[str]) -> list[CrmRecord]:
        """Every company there whose property holds one of our account ids, deleted ones left out."""

    def reread(self, companies: Sequence[CrmRecord]) -> list[CrmRecord]:
        """The same companies by their ids there, as they are now."""

    def tasks(self, keys: Sequence[str]) -> list[CrmRecord]:
        """Every task there that has one of our ids, deleted ones left out."""

    def write_accounts(self, steps: Sequence[Step]) -> list[str]:
        """Change what the steps say of companies, one request; what was refused, a sentence each."""

    def write_tasks(self, steps: Sequence[Step]) -> list[str]:
        """Make or change the tasks of the steps with their company, one request each; what was refused."""


def in_halves(steps: Sequence[Step], send: Callable[[Sequence[Step]], Sequence[str] | None]) -> list[str]:
    """Send a batch; one that is refused as a whole (None) is sent in halves, until the record at fault is alone."""
    refused = send(steps)
    if refused is not None:
        return list(refused)
    middle = len(steps) // 2
    return [*in_halves(steps[:middle], send), *in_halves(steps[middle:], send)]
