"""Whether MLflow still holds every change that people made to an outcome's models, by the mart `promotions` (MOD-9).

A registry that was emptied, or restored from before a change, would otherwise serve what was switched off, or nothing
without a word: a registry that knows less than the record serves no model until a person has mended it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.models.promotion.champions import Event
from keepwell.tasks.earlier_scores import dates, read

PROMOTIONS = "promotions"
REMEDY = (
    "Restore MLflow's store from a backup; or go on without what it held: run `keepwell quarterly`, then `keepwell "
    "model promote` or `off`."
)

log = logging.getLogger("keepwell")


def lost_changes(marts: Path | None, outcome: str, events: Sequence[Event], as_of: date) -> str:
    """What MLflow has lost of the changes up to a date, in a sentence; empty where it has them all.

    Changes count up from 1, so that one that is missing in between shows; the newest ones are known by the mart.
    """
    change_numbers = {event.number for event in events}
    gaps = sorted(set(range(1, max(change_numbers, default=0))) - change_numbers)
    if gaps:
        return f"MLflow has lost change {gaps[0]} of its models (a tag of the registered model). {REMEDY}"
    newest = _newest(marts, outcome, as_of) if marts else None
    there = max(
        ((event.as_of, place) for place, event in enumerate(events, start=1) if event.as_of <= as_of),
        default=(date.min, 0),
    )
    if newest is None or newest[:2] <= there:
        return ""
    day, number, action, version = newest
    after = f"version {version} is champion" if version else "there is no champion"
    return (
        f"MLflow has lost change {number} of its models: by the mart {PROMOTIONS}, since `{action}` of {day} {after}. "
        f"{REMEDY}"
    )


def warn_of_lost_changes(marts: Path | None, outcomes: Iterable[str], as_of: date) -> None:
    """Say it of an MLflow that holds nothing at all."""
    for outcome in outcomes:
        if lost := lost_changes(marts, outcome, (), as_of):
            log.warning("%s: no model, health alone. %s", outcome, lost)


def _newest(marts: Path, outcome: str, as_of: date) -> tuple[date, int, str, str] | None:
    """Date, number, action and champion of the newest change on record up to a date."""
    for day in reversed(dates(marts, PROMOTIONS)):
        if day <= as_of:
            rows = read(marts, PROMOTIONS, day, ["outcome", "number", "action", "version"])
            rows = rows[rows["outcome"] == outcome].sort_values("number")
            if len(rows):
                last = rows.iloc[-1]
                version = "" if pd.isna(last["version"]) else str(last["version"])
                return day, int(last["number"]), str(last["action"]), version
    return None
