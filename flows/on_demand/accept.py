"""Accept, on record, what the book watch found as of a date: its next run publishes (SRC-9)."""

from dataclasses import dataclass

from keepwell.flows.run import Run
from keepwell.tasks.checks.book_watch import BOOK_RULES
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.lock import holding

RESULTS = "check_results"


@dataclass(frozen=True)
class Acceptance:
    """What was accepted: the date, what was found then, by whom and why; `before`: it was on record already."""

    as_of: str
    found: tuple[str, ...]
    by: str
    reason: str
    before: bool


def accept(run: Run, by: str, reason: str) -> Acceptance:
    """Record that the book of the run's date is as it should be; ConfigError where no check found it otherwise."""
    with holding(run.out, run.as_of):
        found = findings(run)
        if not found:
            raise ConfigError(
                f"nothing to accept: the checks of {run.as_of} found no account that vanished and no move of the book. "
                f"Run `keepwell check --as-of {run.as_of}` to see what they find."
            )
        ledger = run.open_ledger()
        try:
            known = ledger.accepted().get(run.as_of)
            if known is None:
                ledger.accept(run.instant, by, reason)
        finally:
            ledger.close()
    if known is not None:
        return Acceptance(str(run.as_of), found, known.by, known.reason, before=True)
    return Acceptance(str(run.as_of), found, by, reason, before=False)


def findings(run: Run) -> tuple[str, ...]:
    """What the newest checks of the date found of the book."""
    if run.as_of not in dates(run.marts, RESULTS):
        return ()
    results = read(run.marts, RESULTS, run.as_of)
    broken = results[(results["table"] == "contracts") & results["success"].eq(False)]
    broken = broken[broken["expectation"].isin(BOOK_RULES)]
    return tuple(
        f"{rule}: {observed}" if observed else f"{rule}: {int(rows)} accounts"
        for rule, observed, rows in zip(
            broken["expectation"], broken["observed"], broken["failed_rows"].fillna(0), strict=True
        )
    )
