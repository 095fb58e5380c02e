"""Evidence for a promotion, and the mart that records every change to the models (LRN-2)."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from keepwell.models.promotion.champions import CHAMPION, champions, standing
from keepwell.models.promotion.gates import Evidence
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import OutcomeRegistry, Version, held_out

PREDICTIONS = "predictions"


def evidence_of(
    tracking: Tracking, marts: Path, registry: OutcomeRegistry, version: Version, as_of: date, wait_days: int,
    accepted: str, review: str,
) -> Evidence:  # fmt: skip
    """Evidence at a date for one version against the active champion, or against health without one.

    `wait_days`: until an outcome has matured. `review`: who signed the expert review of this version.
    """
    champion = registry.in_production(CHAMPION, as_of)
    rows, missing = held_out(tracking, version), ""
    if rows is None:
        missing = f"the held-out rows of version {version.number} are missing or were changed"
    elif champion and version.tags.get("against") != champion.number:
        rows, missing = None, (
            f"version {version.number} was graded beside {version.tags.get('against')}, not beside the champion "
            f"{champion.number}: run `keepwell quarterly` again (where its run says that this champion cannot be used, "
            "`keepwell model rollback` first)"
        )  # fmt: skip
    else:
        side = "champion" if champion else "health"
        rows = rows.assign(rival=rows[side])
    shadow = shadow_dates(marts, registry.outcome, version, as_of)
    return Evidence(
        rows=rows,
        rival=f"champion {champion.number}" if champion else "health",
        against_champion=champion is not None,
        first=not any(e.action == "promote" for e in standing(registry.events, as_of)),
        shadow=shadow,
        outcomes_known_on=max(shadow) + timedelta(days=wait_days) if shadow else None,
        missing=missing,
        review=review,
        accepted=accepted,
    )


def shadow_dates(marts: Path, outcome: str, version: Version, as_of: date) -> list[date]:
    """The dates up to `as_of` on which a version scored the book, by the mart `predictions`."""
    found = []
    for day in dates(marts, PREDICTIONS):
        if version.as_of <= day <= as_of:
            rows = read(marts, PREDICTIONS, day, ["outcome", "model_version"])
            if ((rows["outcome"] == outcome) & (rows["model_version"] == version.number)).any():
                found.append(day)
    return found


def promotions_frame(registries: Sequence[OutcomeRegistry], as_of: date) -> pd.DataFrame:
    """The changes that were made on one date, for the mart."""
    rows = []
    for registry in registries:
        for at, event in enumerate(registry.events):
            if event.as_of != as_of:
                continue
            before, after = (champions(registry.events[:until], as_of) for until in (at, at + 1))
            version = after[-1] if after else ""
            champion = registry.versions.get(version)
            rows.append(
                {
                    "outcome": registry.outcome, "number": at + 1, "action": event.action, "version": version or None,
                    "previous": before[-1] if before else None,
                    "candidate": champion.tags.get("candidate") if champion else None,
                    "by": event.by, "reason": event.reason,
                }
            )  # fmt: skip
    columns = ["outcome", "number", "action", "version", "previous", "candidate", "by", "reason"]
    return pd.DataFrame(rows, columns=columns)
