"""What the process of a command is set to: no telemetry, and garbage is collected rarely."""

import gc
import os

# Telemetry of every dependency is off unless the user turns it on.
for _name, _value in (
    ("DO_NOT_TRACK", "1"),
    ("GX_ANALYTICS_ENABLED", "false"),
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
):
    os.environ.setdefault(_name, _value)

YOUNG, MIDDLE, OLD = 50_000, 20, 20
"""Objects made before the young are looked through, and how many such rounds before the older ones are."""


def collect_rarely() -> None:
    """Spend a seventh less CPU: a large expression is many small objects and no garbage, and the process soon ends."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)
