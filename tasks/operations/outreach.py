"""The outreach queue of the scored accounts: owners, call times, strategy, needs; and a calendar per CSM (MON-2)."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.playbook.actions import Playbook
from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.outreach.call_owners import Asked, Assigned, Before, Team, assigned, segments_of
from keepwell.playbook.outreach.call_times import call_times
from keepwell.playbook.outreach.ics import Call, calendar
from keepwell.playbook.outreach.queue import prioritised, support_needs, talking_points
from keepwell.playbook.settings import AlertSettings, OutreachSettings
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.scoring.score import situation_of

NOT_A_NAME = re.compile(r"[^a-z0-9]+")
FLAGGED_WITHOUT_TIER = "outreach"
"""The tier of an account that the model flags and that has too little data for a health score."""
Factors = Mapping[str, Sequence[tuple[str, str, str]]]


@dataclass(frozen=True)
class Rules:
    """The sections of the settings that the queue depends on."""

    outreach: OutreachSettings
    alerts: AlertSettings
    playbook: Playbook
    default_csm: str
    currency: str


@dataclass(frozen=True)
class Heard:
    """What the ledger adds to the week: held-out accounts, and notes in words by account."""

    held_out: Collection[str]
    notes: Mapping[str, Sequence[str]]


NOTHING_HEARD = Heard((), {})


def to_draw_for(queue: pd.DataFrame, accounts: pd.DataFrame, settings: OutreachSettings) -> list[str]:
    """The accounts that the week calls, without high-value accounts unless the settings include them."""
    exempt = set() if settings.hold_out_high_value else set(accounts.loc[accounts["high_value"], "account_id"])
    called = queue.loc[queue["scheduled_at"].notna(), "account_id"]
    return [str(account) for account in called if account not in exempt]


def last_queue(marts: Path, as_of: date) -> tuple[Before, tuple[str, ...]]:
    """Owners and callers of the newest queue before `as_of`, and the partitions read, for the run_id.

    An account that was not in that queue has its owner of then.
    """
    earlier = [day for day in dates(marts, "outreach_queue") if day < as_of]
    if not earlier:
        return Before({}, {}), ()
    queue = read(marts, "outreach_queue", earlier[-1], ["account_id", "owner", "csm", "scheduled_at", "run_id"])
    book = read(marts, "health_scores", earlier[-1], ["account_id", "csm", "run_id"])
    owners = {**_by_account(book, "csm"), **_by_account(queue, "owner")}
    called = _by_account(queue[queue["scheduled_at"].notna()], "csm")
    read_from = {"outreach_queue": queue, "health_scores": book}
    used = tuple(f"{n}/{earlier[-1]}/{f['run_id'].iloc[0] if len(f) else 'empty'}" for n, f in read_from.items())
    return Before(owners, called), used


def _by_account(frame: pd.DataFrame, column: str) -> dict[str, str]:
    return dict(zip(frame["account_id"].astype(str), frame[column].astype(str), strict=True))


def outreach_queue(
    accounts: pd.DataFrame, factors: Factors, before: Before, as_of: date, rules: Rules, heard: Heard = NOTHING_HEARD
) -> pd.DataFrame:
    """The mart, and `handed_over`: a row per account to contact, first priority first; `accounts`: all scored ones."""
    settings = rules.outreach
    queue = prioritised(accounts, as_of, settings)
    segments = segments_of(accounts, as_of, rules.default_csm, settings)
    times = {csm: call_times(csm, as_of, rules.alerts.hours_of(csm), settings) for csm in segments}
    team = Team(segments, {csm: len(at) for csm, at in times.items()}, rules.default_csm)
    asked = [Asked(*map(str, row)) for row in zip(queue["account_id"], queue["segment"], queue["csm"], strict=True)]
    who = assigned(asked, team, before, settings, heard.held_out)
    said = [
        _said(row, factors[row.account_id], heard.notes.get(row.account_id, ()), as_of, rules)
        for row in queue.itertuples()
    ]
    columns = ["account_id", "name", "segment", "arr", "health", "band", "tier"]
    columns += ["priority", "at_stake", "risk", "risk_from", "decline", "severity", "urgency"]
    texts = pd.DataFrame(said, columns=["strategy", "strategy_owner", "talking_points", "support_needs"], dtype=object)
    return queue[columns].assign(
        currency=rules.currency, minutes=settings.call_minutes, owner=[one.owner for one in who],
        csm=[one.csm for one in who], handed_over=[one.handed_over for one in who],
        handover=pd.Series([one.handover for one in who], dtype=object), scheduled_at=_scheduled(who, times),
        held_out=queue["account_id"].isin(heard.held_out),
        **texts,
    )  # fmt: skip


def _scheduled(who: Sequence[Assigned], times: Mapping[str, Sequence[datetime]]) -> pd.Series:
    """Start of each call: a CSM's calls in the order of priority; NaT if the account waits."""
    free = {csm: iter(at) for csm, at in times.items()}
    return pd.Series([pd.NaT if one.waits else next(free[one.csm]) for one in who], dtype="datetime64[us]")


def _said(
    row: Any, factors: Sequence[tuple[str, str, str]], notes: Sequence[str], as_of: date, rules: Rules
) -> tuple[Any, ...]:
    """Strategy, who does it, talking points and needs of one account."""
    tier = row.tier if isinstance(row.tier, str) else FLAGGED_WITHOUT_TIER
    action = rules.playbook.next_action(situation_of(row, tier, factors, as_of, alarmed=True))
    days = (pd.Timestamp(row.renewal_on) - pd.Timestamp(as_of)).days if pd.notna(row.renewal_on) else float("nan")
    near = days if 0 <= days <= rules.outreach.renewal_days else float("nan")
    needs = support_needs(factors, action, rules.outreach.needs)
    return (
        f"{action.name}: {action.because}" if action else None,
        action.owner if action else None,
        talking_points([text for _, _, text in factors], notes, action, row.decline, near),
        [f"{team}: {'; '.join(what)}" for team, what in needs.items()],
    )


def needs_by_team(queue: pd.DataFrame) -> dict[str, int]:
    """How many accounts need each team, by name of the team."""
    teams = pd.Series([need.partition(":")[0] for needs in queue["support_needs"] for need in needs], dtype=object)
    return {str(team): int(count) for team, count in teams.value_counts().sort_index().items()}


def write_calendars(queue: pd.DataFrame, folder: Path, planned: datetime) -> list[Path]:
    """One .ics file per CSM who calls; files of an earlier run that are not needed any more are removed."""
    calls = queue[queue["scheduled_at"].notna()]
    files = {folder / file_name(csm): calendar(_calls(own, planned), planned) for csm, own in calls.groupby("csm")}
    written = [write_whole(path, text) for path, text in files.items()]
    for path in set(folder.glob("*.ics")) - set(written):
        path.unlink()
    return written


def file_name(csm: str) -> str:
    """A name that is never a path (TRU-4), and of two CSMs never the same."""
    plain = NOT_A_NAME.sub("-", csm.casefold()).strip("-")[:40]
    return f"{plain or 'csm'}-{short_hash(csm)[:6]}.ics"


def _calls(own: pd.DataFrame, planned: datetime) -> list[Call]:
    return [_call(row, planned) for row in own.sort_values("scheduled_at").itertuples()]


def _call(row: Any, planned: datetime) -> Call:
    begins = row.scheduled_at.to_pydatetime()
    name = row.name if isinstance(row.name, str) else row.account_id
    lines = [
        row.strategy, *(f"- {point}" for point in row.talking_points),
        *(f"Needed from {need}" for need in row.support_needs), row.handover,
        f"Priority {row.priority}, ARR {row.arr:,.0f} {row.currency}, account {row.account_id}",
    ]  # fmt: skip
    return Call(
        f"{short_hash(planned.isoformat(), row.account_id)}@keepwell", begins, begins + timedelta(minutes=row.minutes),
        f"Call {name}", "\n".join(line for line in lines if isinstance(line, str)),
    )  # fmt: skip
