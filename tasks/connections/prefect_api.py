"""Prefect's API: asked for a sign of life before a run rests on it, and named in one sentence where it fails (OUT-3).

Only where a server is named; an ephemeral one lives and dies with the process. The import costs seconds: it waits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from keepwell.tasks.connections.io_errors import io_reason
from keepwell.tasks.connections.retries import Service, retried
from keepwell.tasks.errors import PrefectUnreachable
from keepwell.tasks.settings import RetrySettings

T = TypeVar("T")


def address() -> str | None:
    """The server that the environment or Prefect's profile names."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() or None


def asked(use: Callable[[Any], T], url: str, retries: RetrySettings) -> T:
    """What `use` gets from a client, as a whole again where the line fails; the client tries nothing by itself."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    def once() -> T:
        with get_client(sync_client=True, httpx_settings={"timeout": retries.connect_seconds}) as client:
            return use(client)

    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        return retried(Service.at("Prefect", url), retries, once)


def healthy(client: Any) -> None:
    """Nothing, or the error of a server that does not answer."""
    if error := client.api_healthcheck():
        raise error


def gone(error: Exception, url: str) -> PrefectUnreachable | None:
    """What an error of a flow comes to where Prefect's client gave up in its middle; None for every other error."""
    import httpx

    reason, its_own = io_reason(error), any(isinstance(e, httpx.HTTPError) for e in (error, error.__cause__))
    if reason is None or not its_own:
        return None
    return PrefectUnreachable(f"{Service.at('Prefect', url).lost(reason)}. Run it again once it answers.")
