"""Which URLs can be opened, and what to install where a driver is missing (SRC-2, CONTRACT `doctor`)."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points, requires, version

from keepwell.tasks.errors import ConfigError, nearest

NOT_BY_URL = frozenset({"flink", "polars"})
"""Backends of Ibis that take objects of a running program, or that are no database."""
PACKAGES = {
    "MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "azure": "azure-storage-blob",
    "google": "google-cloud-storage",
}  # fmt: skip
"""Packages that have another name than the module that they bring."""


@cache
def backends() -> frozenset[str]:
    """The databases that Ibis opens by URL, by Ibis's names."""
    return frozenset(found.name for found in entry_points(group="ibis.backends")) - NOT_BY_URL


def scheme_of(url: str) -> str:
    """What stands before `://`; empty for a folder. Unlike urlsplit it refuses no password."""
    return url.partition("://")[0] if "://" in url else ""


def backend_of(url: str) -> str:
    """The database that a source's URL names; a folder is read by DuckDB. ConfigError where Ibis has no such."""
    scheme = scheme_of(url)
    name = {"": "duckdb", "file": "duckdb", "postgresql": "postgres"}.get(scheme, scheme)
    if name not in backends():
        known = backends() - {"postgres"} | {"postgresql"}
        raise ConfigError(f"source.url: unknown database type `{scheme}://`{nearest(scheme, known)}")
    return name


def dialect_of(url: str) -> str:
    """The SQL dialect of a source's mappings, by sqlglot's name."""
    compiler = import_module(f"ibis.backends.sql.compilers.{backend_of(url)}").compiler
    return str(compiler.dialect.__name__).lower()


def source_driver(url: str) -> str:
    """What to do where the driver of a source's database is not installed."""
    name = backend_of(url)
    package = f"ibis-framework[{name}]=={version('ibis-framework')}"
    return f'source.url: the driver of {name} is not installed. Run: pip install "{package}"'


def crm_client(kind: str) -> str:
    """What to do where the client of a CRM is not installed; Keepwell's own metadata say which versions fit."""
    asked = (line.partition(";")[0].strip() for line in requires("keepwell") or ())
    client = next(package for package in asked if kind in package)
    return f'crm.kind: the client of {kind} is not installed. Run: pip install "{client}"'


def module_missing(key: str, module: str) -> str:
    """What to do where the Python module of a database or of a store of artifacts is not installed."""
    name = module.partition(".")[0]
    return f"{key}: the driver `{module}` is not installed. Run: pip install {PACKAGES.get(name, name)}"
