"""A PostgreSQL cluster of the tests' own, on a free loopback port, gone afterwards."""

import io
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow.csv as pc
import pyarrow.parquet as pq

from keepwell.features.facts.canonical import TABLES
from keepwell.flows.embedded_server import free_port

TYPES = {
    "string": "text", "int64": "bigint", "double": "double precision", "float64": "double precision", "bool": "boolean",
    "date32[day]": "date", "timestamp[us]": "timestamp",
}  # fmt: skip
GUARDED = "guarded"
"""The one database, not made yet, that asks for a password."""


def programs() -> Path | None:
    """Where PostgreSQL's server programs lie; None where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a new, empty server. As root it runs as `postgres`, since initdb refuses root."""
    bin_folder = programs()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="keepwell-pg-"))
    port = free_port()
    as_user: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(*command: object) -> None:
        subprocess.run([*as_user, *map(str, command)], check=True, capture_output=True, cwd="/")

    try:
        run(bin_folder / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "--no-sync")
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text(f"host {GUARDED} all 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        # A log file: without one pg_ctl keeps our pipe open and never returns.
        run(bin_folder / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(bin_folder / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(url: str, company: Path) -> None:
    """Copy a company's parquet tables into PostgreSQL, in reverse order, so that no order is taken for granted."""
    with psycopg.connect(url) as connection:
        for name in (name for name in TABLES if (company / f"{name}.parquet").exists()):
            table = pq.read_table(company / f"{name}.parquet")
            columns = ", ".join(f'"{f.name}" {TYPES[str(f.type)]}' for f in table.schema)
            connection.execute(f'CREATE TABLE "{name}" ({columns})')
            text = io.BytesIO()
            pc.write_csv(
                table.take(list(range(table.num_rows - 1, -1, -1))), text, pc.WriteOptions(include_header=False)
            )
            with connection.cursor().copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy:
                copy.write(text.getvalue())
