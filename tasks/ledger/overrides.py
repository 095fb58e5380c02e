"""What people set in a score's place and what they note, written to the work ledger (HLT-4)."""

from datetime import date, datetime, timedelta

from keepwell.playbook.interventions.records import work_event
from keepwell.playbook.overrides import Override, overrides_at
from keepwell.playbook.settings import WorkSettings
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger


def set_override(
    ledger: Ledger, account: str, health: float, until: date, now: datetime, by: str, reason: str, rules: WorkSettings
) -> Override:
    """Set the health of an account until a day, in the place of any override before; ConfigError for a day too far."""
    last = now.date() + timedelta(days=rules.max_override_days)
    if not now.date() < until <= last:
        raise ConfigError(
            f"--until {until} is not between {now.date() + timedelta(days=1)} and {last}: an override is for a while "
            "(work.max_override_days). A score that is wrong for good needs another weight or measure."
        )
    if not reason.strip():
        raise ConfigError("--reason is empty: say why, for whoever reads the score until then.")
    about = {"health": health, "until": until.isoformat(), "reason": reason}
    ledger.record_work([work_event("overridden", account, None, now, now, by, about)])
    return overrides_at(ledger.work(now), now)[account]


def lift_override(ledger: Ledger, account: str, now: datetime, by: str, reason: str) -> Override:
    """End the override in force of an account before its day; ConfigError where there is none."""
    active = overrides_at(ledger.work(now), now).get(account)
    if active is None:
        raise ConfigError(f"no override of {account} is in force at {now:%Y-%m-%d %H:%M}: keepwell override list.")
    about = {"reason": reason, "lifts": active.event_id}
    ledger.record_work([work_event("lifted", account, None, now, now, by, about)])
    return active


def add_note(ledger: Ledger, account: str, text: str, until: date, now: datetime, by: str) -> None:
    """Note something about an account until a day; ConfigError for one that is over."""
    if until <= now.date():
        raise ConfigError(f"--until {until} is not after {now.date()}: a note is for the days to come.")
    if not text.strip():
        raise ConfigError("the note is empty: say what there is to know.")
    about = {"text": text, "until": until.isoformat()}
    ledger.record_work([work_event("noted", account, None, now, now, by, about)])
