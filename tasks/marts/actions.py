"""The mart `next_actions`: recommended actions with their lives (ACT-2)."""

from collections.abc import Iterable
from datetime import date, timedelta

import pandas as pd

from keepwell.playbook.next_actions.life import DONE, NextAction
from keepwell.tasks.marts.schemas.alerts import NEXT_ACTIONS


def action_frame(actions: Iterable[NextAction], day: date) -> pd.DataFrame:
    """The actions that are live on a day, or ended within the day before; by account."""
    since = day - timedelta(days=1)
    visible = [a for a in actions if a.live or (a.ended_on is not None and a.ended_on >= since)]
    rows = [
        vars(a) | {
            "done_on": a.ended_on if a.state == DONE else None, "done_by": a.ended_by if a.state == DONE else None,
        }
        for a in sorted(visible, key=lambda a: (a.account_id, a.recommended_on, a.action_id))
    ]  # fmt: skip
    columns = [name for name in NEXT_ACTIONS.columns if name not in ("as_of", "run_id", "code_version")]
    return pd.DataFrame(rows, columns=columns)
