"""Whether source, ledger, tracking and channels can be reached; nothing secret is told (ACT-2, TRU-5)."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from ibis.backends.sql import SQLBackend

from features.canonical import TABLES
from playbook.crm_settings import CrmSettings
from playbook.doctor import Diagnosis
from playbook.messages import MessageSettings
from tasks.connect import connect_source, source_failure
from tasks.errors import ConfigError, KeepwellError
from tasks.ledger import Ledger
from tasks.notify import channels_of
from tasks.staging import select_of
from tasks.tracking import Tracking


def reached(subject: str, look: Callable[[], str]) -> Diagnosis:
    """What a look found, or why it failed: a sentence either way."""
    try:
        return Diagnosis("ok", subject, look())
    except KeepwellError as error:
        return Diagnosis("critical", subject, " ".join(str(error).split()))


def source_findings(url: str, base: Path, mappings: Mapping[str, Path]) -> list[Diagnosis]:
    """One line per mapping that cannot be read, or one that all can; each is described, none is run."""
    try:
        selects = {name: select_of(path, url) for name, path in mappings.items()}
        source = connect_source(url, base, selects)
    except KeepwellError as error:
        return [Diagnosis("critical", "source", " ".join(str(error).split()))]
    try:
        looks = [reached("source", partial(_described, source, name, sql)) for name, sql in selects.items()]
    finally:
        source.disconnect()
    failed = [found for found in looks if found.severity != "ok"]
    return failed or [Diagnosis("ok", "source", f"all {len(looks)} mappings can be read")]


def _described(source: SQLBackend, name: str, sql: str) -> str:
    try:
        given = set(source.sql(sql).columns)
    except Exception as error:  # every driver has its own classes
        raise source_failure(name, error) from error
    if unknown := sorted(given - TABLES[name].accepted):
        raise ConfigError(
            f"the mapping of {name} gives a column `{unknown[0]}` that the canonical table does not have."
        )
    return name


def ledger_reached(url: str) -> str:
    """That the ledger opens. A SQLite file that is not there yet is left so: the first run makes it."""
    address = sa.make_url(url) if url.startswith("sqlite") else None
    if address is not None and address.database and not Path(address.database).exists():
        return "not begun yet: the first run makes the file"
    Ledger.open(url).close()
    return "opens"


def tracking_reached(tracking: Tracking) -> str:
    """That MLflow answers, where there is anything to ask."""
    if not tracking.begun:
        return "not begun yet: the first quarter makes the file"
    tracking.client()
    return "answers"


def crm_reached(settings: CrmSettings) -> str:
    """That the CRM answers and has what is written to; nothing is written."""
    if settings.kind == "ledger":
        return "the ledger itself is the CRM"
    from tasks.crm import connected, reached

    return reached(connected(settings), settings)


def channels_reached(settings: MessageSettings) -> str:
    """That every channel's URL is one of Apprise; nothing is sent."""
    channels_of(settings)
    count = len(settings.channels)
    return f"{count} channel{'s' if count != 1 else ''} can be addressed" if count else "files in the output folder"
