"""Whether ledger, tracking, CRM, channels and Prefect can be reached; no secret is printed (ACT-2, TRU-5)."""

import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from keepwell.playbook.alerts.channels import MessageSettings
from keepwell.playbook.crm.settings import CrmSettings
from keepwell.playbook.doctor import Diagnosis
from keepwell.tasks.connections.drivers import module_missing, scheme_of
from keepwell.tasks.delivery.notify import channels_of
from keepwell.tasks.errors import ConfigError, KeepwellError, nearest
from keepwell.tasks.files.writable import writable
from keepwell.tasks.ledger.database import missing_file
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.registry.mlflow_client import OLD_SCHEMES
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.settings import RetrySettings


def reached(subject: str, look: Callable[[], str]) -> list[Diagnosis]:
    """The result of a check, or why it failed, a line each."""
    try:
        return [Diagnosis("ok", subject, look())]
    except KeepwellError as error:
        return [Diagnosis("critical", subject, " ".join(line.split())) for line in str(error).splitlines()]


def output_reached(out: Path) -> str:
    """Check that the output folder is writable, without writing."""
    writable(out)
    return "is writable"


def ledger_reached(url: str, retries: RetrySettings) -> str:
    """Check that the ledger opens. A missing SQLite file is not created: the first run does."""
    if (file := missing_file(url)) is not None:
        writable(file.parent)
        return "not created yet: the first run creates the file"
    Ledger.open(url, retries).close()
    return "opens"


def tracking_reached(tracking: Tracking) -> str:
    """Check that MLflow answers, if anything is stored."""
    if tracking.database is not None and not tracking.begun:
        writable(tracking.database.parent)
        return "not created yet: the first quarterly run creates the file"
    tracking.asked(lambda _client: None)
    return "answers"


def artifacts_reached(tracking: Tracking) -> str:
    """Check that MLflow supports the artifact store, without writing."""
    if tracking.uri.startswith("http"):
        return "stored by the server"
    place = tracking.artifacts
    scheme = scheme_of(place)
    if scheme in ("", "file"):
        writable(Path(place.removeprefix("file://")))
        return "folder is writable"
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    try:
        get_artifact_repository(place)
    except ImportError as error:
        raise ConfigError(module_missing("tracking.artifacts", error.name or scheme)) from error
    except MlflowException as error:
        known = [one for one in re.findall(r"'([\w-]+)'", str(error)) if one not in OLD_SCHEMES]
        raise ConfigError(f"tracking.artifacts: MLflow has no `{scheme}://`{nearest(scheme, known)}") from error
    if scheme == "s3" and find_spec("boto3") is None:  # MLflow imports it late
        raise ConfigError(module_missing("tracking.artifacts", "boto3"))
    return f"{scheme}:// is supported"


def crm_reached(settings: CrmSettings) -> str:
    """Check that the CRM answers and has the fields that are written, without writing."""
    if settings.kind == "ledger":
        return "none: the ledger is the CRM"
    from keepwell.tasks.delivery.crm.client import connected, reached

    return reached(connected(settings), settings)


def channels_reached(settings: MessageSettings) -> str:
    """Check that every channel has an Apprise URL, without sending."""
    channels_of(settings)
    count = len(settings.channels)
    if not count:
        return "none: messages are files in the output folder"
    return f"{count} channels have valid URLs" if count > 1 else "1 channel has a valid URL"


def prefect_reached(retries: RetrySettings) -> list[Diagnosis]:
    """Check that the Prefect server of the environment answers; nothing if none is set."""
    return reached("prefect", lambda: _prefect_answers(retries)) if os.environ.get("PREFECT_API_URL") else []


def _prefect_answers(retries: RetrySettings) -> str:
    try:
        address = f"{os.environ['PREFECT_API_URL']}/health"
        urllib.request.urlopen(address, timeout=retries.connect_seconds).close()  # noqa: S310 the user names it
    except urllib.error.HTTPError:
        return "the server answers"  # one that asks for a key is there
    except (OSError, ValueError) as error:
        why = str(getattr(error, "reason", error))
        raise KeepwellError(
            f"PREFECT_API_URL: the server cannot be reached ({why}). Start it, or unset the variable."
        ) from error
    return "the server answers"
