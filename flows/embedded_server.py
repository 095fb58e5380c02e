"""A Prefect server of our own for `keepwell serve`, on loopback, where the environment names none."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from keepwell.tasks.connections.prefect_api import asked, healthy
from keepwell.tasks.errors import KeepwellError
from keepwell.tasks.settings import STANDARD_RETRIES, RetrySettings

HOST = "127.0.0.1"
START_SECONDS = 150
LEASES = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "60",
}
"""A killed run frees its concurrency slot after a minute. By default, Prefect holds the leases in memory: after a
restart, the slot of a killed run would stay taken for good, and no later run of its flow would ever begin."""
PR_SET_PDEATHSIG = 1


@contextmanager
def prefect_server(retries: RetrySettings = STANDARD_RETRIES) -> Iterator[str]:
    """The API address of a Prefect server: that of PREFECT_API_URL, or one that lives as long as this block."""
    if address := os.environ.get("PREFECT_API_URL"):
        asked(healthy, address, retries)
        yield address
        return
    port = free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port), "--no-ui"]
    server = subprocess.Popen(  # noqa: S603 our own interpreter
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**LEASES, **os.environ},
        # Ctrl-C ends the runs first, and then this server, which they report to; a kill takes the server along.
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 one call, no lock is held
    )
    address = f"http://{HOST}:{port}/api"
    # Until Prefect's runner takes SIGTERM over, it would end this process at once and leave the server behind.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        _wait_until_up(server, address)
        os.environ["PREFECT_API_URL"] = address
        yield address
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        server.wait(timeout=30)
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> None:
    """Have the kernel kill this new process when its parent ends; a SIGTERM would wait for runs that are left over."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(_signal: int, _frame: object) -> None:
    """Leave through every `finally`, as a service manager's SIGTERM asks."""
    raise SystemExit(0)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 our own address
                return
        except OSError:
            time.sleep(0.5)
    raise KeepwellError(
        "the Prefect server did not start. Run `prefect server start` to see why, or set PREFECT_API_URL."
    )
