"""Rows of canonical tables from the ledger: recorded interventions and random assignments (MON-3, MON-4)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import pandas as pd

from keepwell.playbook.interventions.records import WorkEvent, interventions_at
from keepwell.playbook.outreach.holdout import draws_at
from keepwell.tasks.ledger.store import Ledger

INTERVENTION = ["intervention_id", "account_id", "started_at", "kind", "root_cause"]
DRAW = {"account_id": "account_id", "drawn_at": "drawn_at", "probability": "chance", "held_out": "held_out"}
"""Column of `hold_outs` for each field of a draw."""


def recorded_rows(events: Sequence[WorkEvent], as_of: datetime) -> dict[str, pd.DataFrame]:
    """Rows by canonical table, as known at an instant; without a table for which the ledger has no rows."""
    found = {
        "interventions": pd.DataFrame([asdict(one) for one in interventions_at(events, as_of)], columns=INTERVENTION),
        "hold_outs": pd.DataFrame([asdict(one) for one in draws_at(events, as_of)], columns=list(DRAW)).rename(
            columns=DRAW
        ),
    }
    return {name: rows for name, rows in found.items() if len(rows)}


def read_recorded(ledger: Ledger, as_of: datetime) -> dict[str, pd.DataFrame]:
    """The same, of a ledger, which is closed."""
    try:
        return recorded_rows(ledger.work(as_of), as_of)
    finally:
        ledger.close()
