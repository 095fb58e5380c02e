"""Health overrides and notes, written to the work ledger (HLT-4)."""

from datetime import date, datetime, timedelta

from keepwell.playbook.interventions.records import work_event
from keepwell.playbook.overrides import Override, overrides_at
from keepwell.playbook.settings import WorkSettings
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger


def set_override(
    ledger: Ledger, account: str, health: float, until: date, now: datetime, by: str, reason: str, rules: WorkSettings
) -> Override:
    """Override the health of an account until a day, replacing any earlier override; ConfigError for a day too far."""
    last = now.date() + timedelta(days=rules.max_override_days)
    if not now.date() < until <= last:
        raise ConfigError(
            f"--until {until} is not between {now.date() + timedelta(days=1)} and {last}: overrides are temporary "
            "(work.max_override_days). If a score stays wrong, change a weight or a measure."
        )
    if not reason.strip():
        raise ConfigError("--reason is empty. Explain why, for everyone who reads the score.")
    about = {"health": health, "until": until.isoformat(), "reason": reason}
    ledger.record_work([work_event("overridden", account, None, now, now, by, about, ledger.company)])
    return overrides_at(ledger.work(now), now)[account]


def lift_override(ledger: Ledger, account: str, now: datetime, by: str, reason: str) -> Override:
    """End the active override of an account before it expires; ConfigError if there is none."""
    active = overrides_at(ledger.work(now), now).get(account)
    if active is None:
        raise ConfigError(f"{account} has no active override at {now:%Y-%m-%d %H:%M}. See `keepwell override list`.")
    about = {"reason": reason, "lifts": active.event_id}
    ledger.record_work([work_event("lifted", account, None, now, now, by, about, ledger.company)])
    return active


def add_note(ledger: Ledger, account: str, text: str, until: date, now: datetime, by: str) -> None:
    """Add a note about an account until a day; ConfigError for a day that has passed."""
    if until <= now.date():
        raise ConfigError(f"--until {until} is not after {now.date()}. Give a future date.")
    if not text.strip():
        raise ConfigError("the note is empty. Write what to know.")
    about = {"text": text, "until": until.isoformat()}
    ledger.record_work([work_event("noted", account, None, now, now, by, about, ledger.company)])
