"""Withdraw a date, on record: its files are removed, its ledger entries are voided (SPEC section 0)."""

from dataclasses import dataclass
from datetime import datetime, time

from keepwell.flows.on_demand.champions import changes_of, withdraw_changes
from keepwell.flows.run import Run
from keepwell.flows.sweep import SWEEP
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.unpublish import published, unpublish


@dataclass(frozen=True)
class Withdrawal:
    """What was withdrawn: files, ledger entries by kind, model changes; `left`: entries of that day that remain."""

    as_of: str
    partitions: int
    reports: int
    runs: int
    events: int
    messages: int
    work: int
    actions: int
    models: int
    left: int

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to withdraw."""
        rows = (self.runs, self.events, self.messages, self.work, self.actions)
        return not any((self.partitions, self.reports, *rows, self.models))


def withdraw(run: Run, by: str, reason: str, *, whole_day: bool) -> Withdrawal:
    """Withdraw the run's date; `whole_day`: also its sweeps, recorded work and model changes.

    The ledger comes first, in one transaction: after a kill, the same command removes the remaining files.
    """
    begins, ends = run.instant, datetime.combine(run.as_of, time.max)
    with holding(run.out, run.as_of), holding(run.out, SWEEP):
        ledger = run.open_ledger()
        try:
            files = published(run.out, run.as_of)
            until = ends if whole_day else begins
            answered = ledger.withdraw(begins, until, by, reason, people=whole_day, files=bool(files))
            left = ledger.lines(begins, ends)
        finally:
            ledger.close()
        changes = withdraw_changes(run, by, reason) if whole_day else 0
        left += sum(changes_of(run).values())
        unpublish(run.out, files)
    partitions = sum(path.is_relative_to(run.marts) for path in files)
    reports = len(files) - partitions
    return Withdrawal(str(run.as_of), partitions, reports, **vars(answered), models=changes, left=left)
