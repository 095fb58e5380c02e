"""The CRM sync: find what differs between Keepwell and the CRM, and write it (MON-6).

Wanted changes go to the ledger's outbox first; they are delivered once they read back equal. What fails waits there,
and every run begins by reading the CRM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepwell.flows.run import Run
from keepwell.playbook.alerts.runs import way_back
from keepwell.playbook.crm.diff import CrmEvent, Difference, OutboxEntry, Step, Wanted, fold_outbox
from keepwell.playbook.crm.wanted import wanted_accounts, wanted_tasks
from keepwell.tasks.delivery.artifacts import show_crm
from keepwell.tasks.delivery.crm.base import CrmFailed
from keepwell.tasks.delivery.crm.client import Written, compared, connected, write
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.step import log, step

SYNC = "crm_sync"
MAX_VALUE_LENGTH = 40
"""Characters of a value in a line of the dry run."""
COLUMNS = ("account_id", "health", "band", "tier", "churn_risk", "summary", "next_action", "action_due")


@dataclass(frozen=True)
class Synced:
    """Result of one sync. `waiting`: in the outbox, not delivered; `said`: what a person should look at."""

    kind: str
    wanted: int
    created: int
    changed: int
    completed: int
    differing: int
    waiting: int
    said: Sequence[tuple[str, str, str]]

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        return {name: value for name, value in vars(self).items() if name != "said"}


def crm_diff(run: Run) -> Difference:
    """What a sync would write as of the date; reads the CRM and writes nothing, neither there nor here."""
    if run.settings.crm.kind == "ledger":
        return Difference([], [], [_OWN])
    ledger = run.open_ledger()
    try:
        outbox = fold_outbox(ledger.crm(run.settings.crm.place))
        return compare(run, wanted_of(run, ledger, outbox), outbox)
    finally:
        ledger.close()


def crm_sync(run: Run) -> Synced:
    """Sync the CRM as of the date; a second run writes nothing. CrmFailed if something had to wait."""
    settings = run.settings.crm
    if settings.kind == "ledger":
        return Synced(settings.kind, 0, 0, 0, 0, 0, 0, [_OWN])
    with holding(run.out, SYNC), recorded(run, SYNC) as record:
        ledger = run.open_ledger()
        try:
            wanted, found, written = _synced(run, ledger)
            outbox = fold_outbox(ledger.crm(settings.place))
        finally:
            ledger.close()
        show_crm(found, run.as_of)
        delivered = {want.key for want, _ in written.delivered}
        waiting = [want for want in wanted if outbox[want.key].delivered != want]
        acts = [s.act for s in found.steps if s.wanted.key in delivered]
        said = [*found.said, *(("refused", settings.kind, one) for one in written.refused), *_different(written)]
        result = Synced(
            settings.kind, len(wanted), acts.count("create"), acts.count("change"), acts.count("complete"),
            len(written.differing), len(waiting), said,
        )  # fmt: skip
        if written.stopped:
            for about, key, sentence in said:
                log.warning("%s %s: %s", about, key, sentence)
            done = f"{len(delivered)} written, {len(waiting)} waiting in the outbox for the next `crm sync`."
            raise CrmFailed(f"{written.stopped.rstrip('.')}. {done}")
        record(len(delivered), run.stamp(None, None))
    return result


def _synced(run: Run, ledger: Ledger) -> tuple[Sequence[Wanted], Difference, Written]:
    """Outbox, difference, writing, reading back."""
    settings = run.settings.crm
    outbox = fold_outbox(ledger.crm(settings.place))
    flow = f"{SYNC} {settings.place}"
    newest = ledger.last_run(flow)
    if newest is not None and run.instant < newest:
        later = f"{settings.kind} was synced as of {newest:%Y-%m-%d}"
        note = f"{later}; a sync as of {run.as_of} would overwrite newer data. {way_back('that day', newest)}"
        log.warning(note)
        return [], Difference([], [], [("older", str(run.as_of), note)]), Written([], [], [])
    wanted = wanted_of(run, ledger, outbox)
    keep_wanted(run, ledger, wanted, outbox)
    ledger.record(flow, run.instant, [])
    try:
        found = compare(run, wanted, outbox)
    except CrmFailed as failure:
        return wanted, Difference([], [], []), Written([], [], [], str(failure))
    written = write_to_crm(run, found, outbox)
    keep_delivered(run, ledger, found, written, outbox)
    return wanted, found, written


@step
def wanted_of(run: Run, ledger: Ledger, outbox: Mapping[str, OutboxEntry]) -> list[Wanted]:
    """What the CRM should hold: the newest scores up to the date, and the ledger's alerts and work up to it."""
    days = [day for day in dates(run.marts, "health_scores") if day <= run.as_of]
    if not days:
        raise ConfigError(f"no scores are published up to {run.as_of}. Run `keepwell daily` or `monthly` first.")
    scores = read(run.marts, "health_scores", days[-1], COLUMNS)
    history, work = ledger.history(run.instant), ledger.work(run.instant)
    tasks = wanted_tasks(history, work, outbox, run.instant, run.settings.crm.finished_days, _graded(run))
    return [*wanted_accounts(scores.to_dict("records"), outbox), *tasks]


def _graded(run: Run) -> Mapping[str, str]:
    """Status of success plans when they were graded last."""
    days = [day for day in dates(run.marts, "success_plans") if day <= run.as_of]
    if not days:
        return {}
    plans = read(run.marts, "success_plans", days[-1], ("plan_id", "status"))
    return dict(zip(plans["plan_id"], plans["status"], strict=True))


@step
def keep_wanted(run: Run, ledger: Ledger, wanted: Sequence[Wanted], outbox: Mapping[str, OutboxEntry]) -> None:
    """Put changed content into the outbox, before anything is sent."""
    new = [w for w in wanted if w.key not in outbox or outbox[w.key].wanted != w]
    ledger.record_crm([_event(run, w, "wanted", payload=w.values) for w in new])


@step
def compare(run: Run, wanted: Sequence[Wanted], outbox: Mapping[str, OutboxEntry]) -> Difference:
    """Read the CRM and find the differences."""
    return compared(connected(run.settings.crm), wanted, outbox, run.settings.crm)


@step
def write_to_crm(run: Run, found: Difference, outbox: Mapping[str, OutboxEntry]) -> Written:
    """Write what differs and read it back."""
    return write(connected(run.settings.crm), found, outbox, run.settings.crm)


@step
def keep_delivered(
    run: Run, ledger: Ledger, found: Difference, written: Written, outbox: Mapping[str, OutboxEntry]
) -> None:
    """Record what reads back as wanted as delivered, and the errors of the rest."""
    there = [(w, i) for w, i in found.same if w.key not in outbox or outbox[w.key].delivered != w]
    done = [_event(run, w, "delivered", crm_id=i, payload=w.values) for w, i in (*there, *written.delivered)]
    differs = "; ".join(written.refused) or "the CRM returned another value than was written"
    late = [_event(run, s.wanted, "failed", error=differs) for s in written.differing]
    left = [_event(run, s.wanted, "failed", error=written.stopped) for s in written.left]
    ledger.record_crm([*done, *late, *left])


_OWN = ("ledger", "crm", "crm.kind is ledger: nothing to sync.")


def _different(written: Written) -> list[tuple[str, str, str]]:
    """What was written and reads back with another value."""
    return [("differs", s.wanted.label, "the CRM returned another value than was written.") for s in written.differing]


def steps_in_words(found: Difference) -> list[tuple[str, str, str]]:
    """Every step in words: action, object and changes; long texts are truncated."""
    return [(one.act, one.wanted.label, _changes(one)) for one in found.steps]


def steps_as_data(found: Difference) -> list[dict[str, object]]:
    """Every step as data, for a program."""
    return [
        {
            "act": one.act, "key": one.wanted.key, "account_id": one.wanted.account_id, "company": one.company,
            "crm_id": one.crm_id, "before": one.before, "after": _after(one), "changed_there": one.theirs,
        }
        for one in found.steps
    ]  # fmt: skip


def _changes(one: Step) -> str:
    if one.act == "create":
        return _quoted(one.wanted.values["subject"])
    after = _after(one)
    return ", ".join(
        f"{name} {_quoted(before)} -> {_quoted(after[name])}{' (changed in the CRM)' if name in one.theirs else ''}"
        for name, before in one.before.items()
    )


def _after(one: Step) -> dict[str, str]:
    """What would be written: all of a new task, else what changes."""
    given = {**one.wanted.values, "company": one.company}
    return {name: given[name] for name in (one.before or given)}


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}...")


def _event(run: Run, want: Wanted, kind: str, **more: object) -> CrmEvent:
    about = (run.settings.crm.place, want.key, kind, want.account_id, want.hash, run.instant)
    return CrmEvent(*about, **more)  # type: ignore[arg-type]
