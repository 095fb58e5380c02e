"""An MLflow client with a tested connection, so that errors in its URI or its store show at once (MOD-9).

MLflow tries a database ten times by itself, and a server for as long: it is asked for a sign of life first, and its own
retries are off.
"""

import logging
import os
import re
from typing import Any

from keepwell.tasks.connections.drivers import module_missing, scheme_of
from keepwell.tasks.connections.io_errors import in_words, io_reason
from keepwell.tasks.connections.retries import Service, postgres_options
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.settings import RetrySettings

OLD_SCHEMES = ("", "file", "databricks-uc", "uc")  # a folder of files, and what is no place of its own
OTHER_VERSION = re.compile(r"database schema \(found version (\w+), but expected (\w+)\)")


def mlflow_client(uri: str, retries: RetrySettings) -> Any:
    """A client; raises the driver's own error if the connection failed, ConfigError if MLflow refuses."""
    _quiet(retries)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        address = address_of(uri, retries)
        _sign_of_life(address, retries)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        client.search_experiments(max_results=1)
    except ImportError as error:
        raise ConfigError(module_missing("tracking.uri", error.name or "")) from error
    except (MlflowException, SQLAlchemyError) as error:
        if io_reason(error):
            raise
        raise ConfigError(f"tracking.uri: {_why(uri, error)}") from None  # its text may hold the URL with the password
    return client


def address_of(uri: str, retries: RetrySettings) -> str:
    """The URI as MLflow is given it: PostgreSQL with our driver and time-outs, whatever else as it is."""
    if not scheme_of(uri).startswith("postgres"):
        return uri
    from sqlalchemy import make_url

    options = {name: str(value) for name, value in postgres_options(uri, retries).items()}
    url = make_url(uri).set(drivername="postgresql+psycopg").update_query_dict(options)
    return url.render_as_string(hide_password=False)


def _sign_of_life(address: str, retries: RetrySettings) -> None:
    """Nothing, or the error of a server or database that does not answer in time."""
    kind = scheme_of(address).partition("+")[0]
    if kind in ("http", "https"):
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        http_request(get_default_host_creds(address), "/health", "GET", timeout=retries.connect_seconds)
        return
    import sqlalchemy as sa
    from mlflow.store.db.db_types import DATABASE_ENGINES

    if kind in DATABASE_ENGINES:
        with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
            connection.execute(sa.text("SELECT 1"))


def _why(uri: str, error: Exception) -> str:
    scheme, service = scheme_of(uri), Service.at("MLflow", uri)
    known = [one for one in getattr(error, "supported_uri_schemes", ()) if one not in OLD_SCHEMES]
    if known:
        return f"MLflow has no `{scheme}://`{nearest(scheme, known)}"
    if not scheme:
        return f"{uri} is no address of MLflow. Write sqlite:///FILE, http://HOST:PORT or a database's URL."
    if versions := OTHER_VERSION.search(str(error)):
        found, wanted = versions.groups()
        return (
            f"the tables of MLflow at {service.place} are of another version (step {found}, this one has {wanted}). "
            "Install the MLflow that wrote them; if that was an older one, back up and run `mlflow db upgrade`."
        )
    return f"MLflow at {service.place} cannot be used ({service.clean(in_words(error))})."


def _quiet(retries: RetrySettings) -> None:
    """MLflow reads these when it is imported: nothing is sent anywhere, and only warnings are printed.

    It tries nothing again by itself, and says nothing of a database that fails: both is done once, for all systems.
    """
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    for name, value in (
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("MLFLOW_LOGGING_LEVEL", "WARNING"),
        ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", str(retries.silence_seconds)),
    ):
        os.environ.setdefault(name, value)
