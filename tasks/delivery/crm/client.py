"""The CRM client: compare, write and read back through one interface (MON-6).

Every request is idempotent: companies are changed by their id in the CRM, tasks are created or changed by our id. A
lost request is therefore retried by the clients, and the rest by the next run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from keepwell.playbook.crm.diff import CrmRecord, Difference, OutboxEntry, Step, Wanted, difference
from keepwell.playbook.crm.settings import CrmSettings
from keepwell.tasks.connections.drivers import crm_client
from keepwell.tasks.delivery.crm.base import Crm, CrmFailed
from keepwell.tasks.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """Result of writing: what reads back as wanted, what does not, and why the rest was left."""

    delivered: Sequence[tuple[Wanted, str]]
    differing: Sequence[Step]
    refused: Sequence[str]
    stopped: str | None = None
    left: Sequence[Step] = field(default=())


def connected(settings: CrmSettings) -> Crm:
    """The CRM of the settings; ConfigError if its client is not installed."""
    try:
        if settings.kind == "hubspot":
            from keepwell.tasks.delivery.crm.hubspot import HubSpotCrm

            return HubSpotCrm(settings)
        from keepwell.tasks.delivery.crm.salesforce import SalesforceCrm, salesforce

        return SalesforceCrm(settings, salesforce(settings))
    except ModuleNotFoundError as error:
        raise ConfigError(crm_client(settings.kind)) from error


def compared(
    crm: Crm, wanted: Sequence[Wanted], outbox: Mapping[str, OutboxEntry], settings: CrmSettings
) -> Difference:
    """What a sync would write; reads the CRM and writes nothing. ConfigError if it lacks a property."""
    if lacking := crm.lacking():
        raise ConfigError(f"{settings.kind}: {' '.join(lacking)}")
    ids = sorted({want.account_id for want in wanted})
    companies = _read(crm.companies, ids, settings)
    keys = [want.key for want in wanted if not want.is_account]
    return difference(wanted, companies, _read(crm.tasks, keys, settings), outbox, settings)


def write(crm: Crm, found: Difference, outbox: Mapping[str, OutboxEntry], settings: CrmSettings) -> Written:
    """Write the steps, batch by batch, each read back; a CRM that stops answering leaves the rest for the next run."""
    delivered: list[tuple[Wanted, str]] = []
    differing: list[Step] = []
    refused: list[str] = []
    batches = [*_batches(found.steps, settings, accounts=True), *_batches(found.steps, settings, accounts=False)]
    for number, batch in enumerate(batches):
        accounts = batch[0].wanted.is_account
        try:
            refused += (crm.write_accounts if accounts else crm.write_tasks)(batch)
            companies = [CrmRecord(*of, {}) for of in dict.fromkeys((s.company, s.wanted.account_id) for s in batch)]
            back = crm.reread(companies) if accounts else companies
            tasks = [] if accounts else crm.tasks([step.wanted.key for step in batch])
        except CrmFailed as failure:
            left = [step for later in batches[number:] for step in later]
            return Written(delivered, differing, refused, str(failure), left)
        again = difference([step.wanted for step in batch], back, tasks, outbox, settings)
        equal = {want.key for want, _ in again.same}
        delivered += again.same
        differing += [step for step in batch if step.wanted.key not in equal]
    return Written(delivered, differing, refused)


def reached(crm: Crm, settings: CrmSettings) -> str:
    """A sentence that the CRM answers and has our properties; ConfigError names missing ones."""
    if lacking := crm.lacking():
        raise ConfigError(f"{settings.kind}: {' '.join(lacking)}")
    return f"{settings.kind} answers and has every property"


def _batches(steps: Iterable[Step], settings: CrmSettings, *, accounts: bool) -> Iterator[Sequence[Step]]:
    return _split([step for step in steps if step.wanted.is_account == accounts], settings.batch)


def _read(
    look: Callable[[Sequence[str]], list[CrmRecord]], keys: Sequence[str], settings: CrmSettings
) -> list[CrmRecord]:
    return [record for some in _split(keys, settings.batch) for record in look(some)]


def _split(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
