"""What a quiet day and a sweep load: libraries that take seconds wait for who uses them (SCL-1)."""

import subprocess
import sys

import pytest

from tests.support.running import ROOT

HEAVY = ("sklearn", "scipy.stats", "mlflow", "great_expectations", "textblob", "prefect")


@pytest.mark.parametrize("flow", ["daily_alerts", "sweep"])
def test_a_flow_loads_no_library_that_a_quiet_day_does_without(flow: str) -> None:
    """In a process of its own, as the scheduler starts it."""
    code = f"import sys, keepwell.flows.{flow}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
