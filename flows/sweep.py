"""Every 15 minutes: open alerts for new events, record missed deadlines, send messages (ALR-2)."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import median

from keepwell.features.book import book, by_customer
from keepwell.features.facts.events import events
from keepwell.features.facts.known import Facts
from keepwell.flows.run import Run
from keepwell.flows.schedule import BY_DATE, MINUTE, missed_runs, still_missed
from keepwell.playbook.alerts.account_card import AccountCard
from keepwell.playbook.alerts.cases import by_case
from keepwell.playbook.alerts.channels import Background, Message, Notice
from keepwell.playbook.alerts.clocks import breaches, notified_late
from keepwell.playbook.alerts.ledger_events import BOOK, RUN_RULE, LedgerEvent, fold
from keepwell.playbook.alerts.lifecycle import NO_ABSENCES, Absences, new_events
from keepwell.playbook.alerts.messages import messages
from keepwell.playbook.alerts.rules import Observations, Occurrence
from keepwell.playbook.alerts.runs import events_since, way_back
from keepwell.playbook.settings import AlertSettings
from keepwell.tasks.checks.departures import departures, last_seen, stored_book
from keepwell.tasks.delivery.account_cards import published_cards
from keepwell.tasks.delivery.notify import Delivered, channels_of, deliver
from keepwell.tasks.ledger.alert_responses import FLOW, decided
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.lock import holding
from keepwell.tasks.sources.extracts import FOLDER
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from keepwell.tasks.step import log, step

SWEEP = "sweep"
TABLES = ("accounts", "contracts", "tickets", "invoices")
"""Tables behind events and contracts: a sweep does not read the rest of the source."""


@dataclass(frozen=True)
class Swept:
    """Result of one sweep; `delay_minutes`: median from known to opened; None if nothing opened."""

    now: str
    opened: int
    closed: int
    breached: int
    delay_minutes: float | None
    sent: int
    failed: int
    given_up: int


def sweep(run: Run, now: datetime) -> Swept:
    """Open alerts for events known by `now`, record missed deadlines; running it again adds nothing.

    A sweep before the newest recorded one, or a first one before the first contract, adds nothing and warns.
    """
    with holding(run.out, SWEEP):
        ledger = run.open_ledger()
        try:
            newest = ledger.last_run(SWEEP)
            if newest is not None and now < newest:
                return without_effect(now, f"before the newest one ({newest})", way_back("the newest one", newest))
            snapshot = read_events(run)
            new, accounts = look(run, snapshot, ledger, now)
            if newest is None and not accounts:
                # As the first run ever it would have the next one open everything since.
                return without_effect(now, "before the first contract", "Choose a later instant.")
            recorded = ledger.record(SWEEP, now, new, outbox(run, ledger, new, accounts))
            delivered = send(run, ledger, now)
        finally:
            ledger.close()
    waits = [
        (event.at - datetime.fromisoformat(event.payload["known_at"])).total_seconds() / 60
        for event in recorded
        if event.kind == "opened"
    ]
    count = {kind: sum(event.kind == kind for event in recorded) for kind in ("opened", "closed", "breached")}
    delay = round(median(waits), 1) if waits else None
    return Swept(now.isoformat(), **count, delay_minutes=delay, **asdict(delivered))


def without_effect(now: datetime, why: str, remedy: str) -> Swept:
    """A sweep that leaves everything as it is, and warns."""
    log.warning("this sweep is as of %s, %s: it opens, records and sends nothing. %s", now, why, remedy)
    return Swept(now.isoformat(), 0, 0, 0, None, 0, 0, 0)


@step
def read_events(run: Run) -> Snapshot:
    """The tables of a sweep, read anew; no result refers to such a snapshot, so only the newest is stored."""
    settings, folder = run.settings, run.out / "snapshots" / SWEEP
    mappings = {name: path for name, path in settings.mappings.items() if name in TABLES}
    snapshot = stage(
        settings.source.url, settings.base, mappings, folder, settings.retries, settings.source.csv, settings.tables
    )
    for older in folder.iterdir():
        if older.is_dir() and older.name not in (snapshot.id, FOLDER):
            shutil.rmtree(older)
    return snapshot


@step
def look(
    run: Run, snapshot: Snapshot, ledger: Ledger, now: datetime
) -> tuple[list[LedgerEvent], dict[str, AccountCard]]:
    """Events that this sweep adds to the ledger, and the accounts under contract as messages show them."""
    settings, facts = run.settings.alerts, by_customer(facts_at(snapshot, now, run.fixed), run.settings.money)
    history, runs = ledger.history(now), ledger.runs(SWEEP)
    since = events_since(history, now, settings, runs)
    rows = (
        events(facts, since, settings.ticket_priorities, run.settings.money.rates())
        .order_by("rule", "subject")
        .to_pyarrow()
        .to_pylist()
    )
    accounts = book(facts, run.settings.money).select("account_id", "name", "csm").to_pandas()
    owners = dict(zip(accounts["account_id"], accounts["csm"], strict=True))
    occurred = [*(Occurrence(**row) for row in rows), *runs_not_made(run, ledger, history, now)]
    seen = Observations([], occurred, run.settings.company)
    absences = absences_of(run, facts, ledger, owners, history)
    new = new_events(history, seen, now, owners, settings, run.settings.owners, runs, absences=absences)
    known = [*history, *new]
    unsent, sent = waiting_alerts(ledger, settings, now)
    new += notified_late(known, sent, now, settings)
    new += breaches([*history, *new], now, settings, unsent)
    scored = published_cards(run.marts, now.date())
    named = zip(accounts["account_id"], accounts["name"], strict=True)
    return new, {
        account: scored.get(account) or AccountCard(name if isinstance(name, str) else None) for account, name in named
    }


def waiting_alerts(ledger: Ledger, settings: AlertSettings, now: datetime) -> tuple[set[str], dict[str, datetime]]:
    """The alerts of which no message has left yet though one waits, and when the first left of the others."""
    sent = ledger.sent(now - timedelta(days=settings.catch_up_days))
    waiting = {alert for one in ledger.waiting() for alert in one.message.about.split()}
    return waiting - sent.keys(), sent


def absences_of(
    run: Run, facts: Facts, ledger: Ledger, book: Collection[str], history: Sequence[LedgerEvent]
) -> Absences:
    """What is known of accounts that have a live alert and no live contract; looked up only where there are such."""
    alerts = fold(history, facts.as_of).values()
    if all(a.account_id in book or a.account_id == BOOK for a in alerts if a.closed_at is None):
        return NO_ABSENCES
    return absences(run, facts, ledger)


def absences(run: Run, facts: Facts, ledger: Ledger) -> Absences:
    """What is known of accounts that are not under contract."""
    # A sweep comes after the day's own book; a batch run is about to publish it.
    stored = stored_book(run.marts, facts.today if facts.as_of == run.instant else facts.today + timedelta(days=1))
    accepted = {day: one.by for day, one in ledger.accepted().items()}
    return Absences(departures(facts, stored), last_seen(stored), accepted)


def runs_not_made(run: Run, ledger: Ledger, history: Sequence[LedgerEvent], now: datetime) -> list[Occurrence]:
    """Missed runs, and missed runs that have been made up since (OUT-3)."""
    plan, settings = run.settings.plan, run.settings
    since = now - timedelta(days=settings.alerts.event_lookback_days)
    names = [name for name in BY_DATE if name != "crm" or settings.uses_crm]
    found = {str(p): p.at + plan.late for p in missed_runs(plan, run.marts, since, now, names)}
    alerts = [a for a in fold(history, now).values() if a.rule == RUN_RULE and a.closed_at is None]
    known = {a.subject: a.known_at for a in alerts if a.subject is not None}
    by_date = [subject for subject in known if not subject.startswith(SWEEP)]  # a sweep is made up by the next one
    missed = dict.fromkeys(known, False) | dict.fromkeys(found, True) | still_missed(run.marts, by_date)
    known = found | known
    by_now = [Occurrence(BOOK, RUN_RULE, s, known[s], known[s], resolved=not gone) for s, gone in missed.items()]
    return [*by_now, *overdue_sweep(run, ledger, now)]


def overdue_sweep(run: Run, ledger: Ledger, now: datetime) -> list[Occurrence]:
    """The first planned sweep since the last one, if late by now; none before the first sweep ever."""
    plan, last = run.settings.plan, ledger.last_run(SWEEP)
    if last is None:
        return []
    at = plan.first(SWEEP, last + MINUTE)
    known = at + plan.late
    return (
        [Occurrence(BOOK, RUN_RULE, f"{SWEEP} of {at:%Y-%m-%dT%H:%M}", known, known, resolved=False)]
        if known <= now
        else []
    )


def outbox(
    run: Run,
    ledger: Ledger,
    new: Sequence[LedgerEvent],
    accounts: Mapping[str, AccountCard],
    notices: Sequence[Notice] = (),
) -> list[Message]:
    """The messages of these events, and of further notices."""
    history, settings = [*ledger.history(), *new], run.settings
    opened = {e.alert_id: e.payload for e in history if e.kind == "opened"}
    at = max((e.as_of for e in new), default=run.instant)
    cases = {a.alert_id: case for case, own in by_case(fold(history, at).values()).items() for a in own}
    background = Background(accounts, cases, settings.owners, settings.alerts, settings.messages)
    return messages(new, opened, background, channels_of(settings.messages), notices)


def decide_on_hold(run: Run, named: str, decision: str, now: datetime, by: str, reason: str) -> int:
    """Release or discard the alerts on hold for a data alert; messages go out with the next sweep."""
    ledger = run.open_ledger()
    try:
        new = decided(ledger.history(now), named, decision, now, by, reason, run.settings.alerts)
        ledger.record(FLOW, now, new, outbox(run, ledger, new, published_cards(run.marts, now.date())))
    finally:
        ledger.close()
    return len({event.alert_id for event in new}) - 1


@step
def send(run: Run, ledger: Ledger, now: datetime) -> Delivered:
    """Try every waiting message once; failed ones wait for a later sweep."""
    found = deliver(ledger, run.settings.messages, run.out, now)
    if found.given_up:
        log.warning("%d messages were given up; see the table ledger_deliveries for the errors.", found.given_up)
    return found
