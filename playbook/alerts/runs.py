"""Days that a run of the daily alerts catches up, and since when it reads events (ALR-3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from keepwell.playbook.alerts.ledger_events import BOOK, LedgerEvent, fold
from keepwell.playbook.settings import AlertSettings

DAY = timedelta(days=1)


@dataclass(frozen=True)
class CatchUp:
    """The days to run, in order; `explanation`: why there are fewer than expected, or why the run has no effect."""

    days: tuple[date, ...]
    explanation: str | None = None


def days_to_run(last_run: date | None, as_of: date, settings: AlertSettings) -> CatchUp:
    """Every missed day and then `as_of`.

    Only `as_of` on the first run ever, on a rerun, and where more than `catch_up_days` were missed.
    """
    if last_run is None:
        return CatchUp((as_of,))
    if as_of < last_run:
        older = f"{as_of} is before the newest run ({last_run}): this run changes no alerts and sends no messages"
        return CatchUp((as_of,), f"{older}. {way_back(str(last_run), last_run)}")
    missed = (as_of - last_run).days - 1
    if missed > settings.catch_up_days:
        return CatchUp(
            (as_of,),
            f"{missed} days were missed since {last_run}, more than alerts.catch_up_days "
            f"({settings.catch_up_days}): only {as_of} runs, with all events known since then",
        )
    return CatchUp(tuple(as_of - DAY * back for back in range(max(missed, 0), -1, -1)))


def way_back(named: str, day: date) -> str:
    """How to take back a run of a wrong, later date."""
    command = f"keepwell withdraw --as-of {day:%Y-%m-%d} --whole-day --by NAME --reason WHY"
    return f"If {named} is wrong, take it back: {command}."


@dataclass(frozen=True)
class Runs:
    """The first and the newest recorded run of a flow; None before the first."""

    first: datetime | None = None
    last: datetime | None = None

    def opening_floor(self, as_of: datetime, settings: AlertSettings) -> datetime:
        """Events known after this instant may open: `event_lookback_days` back, so that one that came late is not lost.

        Never before the day before the first run. After a gap it reaches back from the first missed day, so that the
        events of the gap are not lost either.
        """
        if self.first is None or self.last is None:
            return as_of - DAY
        lookback = timedelta(days=settings.event_lookback_days)
        return max(self.first - DAY, min(self.last, min(as_of, self.last + DAY) - lookback))


def events_since(history: Iterable[LedgerEvent], as_of: datetime, settings: AlertSettings, runs: Runs) -> datetime:
    """From when on (exclusive) a run must read events: what may open, and what a live alert is about."""
    events = [a for a in fold(history, as_of).values() if a.subject is not None and a.account_id != BOOK]
    live = [a for a in events if a.closed_at is None]
    known = [alert.known_at - timedelta(microseconds=1) for alert in live]
    return min([runs.opening_floor(as_of, settings), *known])
