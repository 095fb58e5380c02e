"""The stand-up sheet: what the team discusses on Monday, one item per row (WKL-1)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from keepwell.playbook.actions import Playbook
from keepwell.playbook.alerts.ledger_events import Alert
from keepwell.playbook.interventions.records import Intervention, PlanTarget, formatted
from keepwell.playbook.interventions.standup import Closing, Week
from keepwell.playbook.interventions.success import reached
from keepwell.playbook.outreach.queue import ENDANGERED, support_needs
from keepwell.playbook.settings import NeedSettings, OwnerSettings, WeeklySettings
from keepwell.tasks.operations.intervention_results import Rate, RecordedWork
from keepwell.tasks.scoring.score import situation_of
from keepwell.values.dates import spoken_day

SECTIONS = ("at_risk", "success", "challenge", "need", "expansion", "learning", "figure")
NAMED = 3
Factors = Mapping[str, Sequence[tuple[str, str, str]]]
Item = dict[str, Any]


@dataclass(frozen=True)
class Sources:
    """The inputs of the sheet, all as known at `now`.

    `accounts`: the scored accounts; `before`: those of a week earlier (`compared`: whether there are any); `factors` of
    each account in words; `asked`: candidates for an expansion; `closings`: of alerts, over the whole ledger;
    `effects`: estimated effects of interventions.
    """

    now: datetime
    accounts: pd.DataFrame
    before: pd.DataFrame
    compared: bool
    factors: Factors
    asked: pd.DataFrame
    week: Week
    closings: Sequence[Closing]
    work: RecordedWork
    currency: str
    effects: Sequence[Item] = ()


@dataclass(frozen=True)
class Rules:
    """The sections of the settings that the sheet depends on."""

    weekly: WeeklySettings
    needs: NeedSettings
    owners: OwnerSettings
    playbook: Playbook


def standup(given: Sources, rules: Rules) -> pd.DataFrame:
    """The mart `weekly_review`."""
    book = _named(given)
    sections = {
        "at_risk": _at_risk(given),
        "success": _successes(given, rules.weekly),
        "challenge": _challenges(given, rules.weekly),
        "need": _needs(given, rules),
        "expansion": _expansion(given),
        "learning": _learnings(given, rules.weekly),
        "figure": _success_rates(given.work),
    }
    rows = [
        {"unit": given.currency, **book.get(item.get("account_id", ""), {}), **item, "section": name, "rank": rank}
        for name, items in sections.items()
        for rank, item in enumerate(items, start=1)
    ]
    columns = ["section", "rank", "subject", "account_id", "name", "owner", "text", "value", "unit", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "cases", "at"])


def _named(given: Sources) -> dict[str, Item]:
    """Name, owner and ARR of every account, and of those no longer under contract within the week."""
    both = pd.concat([given.before, given.accounts]) if len(given.before) else given.accounts
    rows = both.drop_duplicates("account_id", keep="last")[["account_id", "name", "csm", "arr"]].itertuples(index=False)
    return {str(a): {"name": n if isinstance(n, str) else str(a), "owner": o, "value": arr} for a, n, o, arr in rows}


def _at_risk(given: Sources) -> list[Item]:
    """Active accounts that entered critical or at risk, or opened an alert, within the week; the most ARR first."""
    was = given.before.set_index("account_id")
    opened: dict[str, list[str]] = {}
    for alert in given.week.opened:
        if given.week.churn_alerts(alert.account_id):
            opened.setdefault(alert.account_id, []).append(f"Alert: {_alert_text(alert)}")
    active = given.accounts[given.accounts["status"] == "active"].sort_values(
        ["arr", "account_id"], ascending=[False, True]
    )
    items = []
    for row in active.itertuples():
        entered = [_entered(row, was)] if given.compared and row.band in ENDANGERED else []
        texts = [t for t in (*entered, *opened.get(row.account_id, ())) if t]
        if texts:
            text = ". ".join([*texts, *_next(row, given.factors, given.now.date())])
            items.append({"account_id": row.account_id, "subject": row.band, "text": text, "at": given.now})
    return items


def _entered(row: Any, was: pd.DataFrame) -> str:
    """How the account entered its band within the week; empty if it was already there, or improved to at risk."""
    if row.account_id not in was.index:
        return f"New account, {_words(row.band)} at health {row.health:.0f}"
    before = was.loc[row.account_id]
    if before["band"] in ENDANGERED and not (before["band"] == "at_risk" and row.band == "critical"):
        return ""
    health = f"{before['health']:.0f}" if pd.notna(before["health"]) else "unknown"
    return f"From {_words(before['band'])} to {_words(row.band)}, health {health} to {row.health:.0f}"


def _next(row: Any, factors: Factors, today: date) -> list[str]:
    """The leading factor, and the next action with its due date."""
    why = [f"Main reason: {factors[row.account_id][0][2]}"] if factors.get(row.account_id) else []
    if not isinstance(row.next_action, str):
        return why
    due = ""
    if pd.notna(row.action_due):
        late = pd.Timestamp(row.action_due) < pd.Timestamp(today)
        on = spoken_day(pd.Timestamp(row.action_due).date(), today)
        due = f" (overdue since {on})" if late else f" (by {on})"
    return [*why, f"Next: {row.next_action}{due}"]


def _successes(given: Sources, rules: WeeklySettings) -> list[Item]:
    """Alerts whose cause went away after a contact, interventions that worked, targets that were met."""
    since = given.now - timedelta(days=rules.days)
    alerts = [
        {
            "account_id": c.alert.account_id, "subject": c.alert.alert_id, "at": c.alert.closed_at,
            "text": f"Alert resolved ({_words(c.alert.rule)}) after {c.by} contacted the customer on "
                    f"{spoken_day(c.contacted_at, given.now)}",
        }
        for c in given.week.closed
        if c.contacted_at is not None
    ]  # fmt: skip
    ended = [_ended(i) for i in _ended_since(given.work.interventions, since) if i.result == "worked"]
    met = [
        _plan(p, "met")
        for p in given.work.plans
        if p.status == "met" and p.progressed_at and p.progressed_at > since
        and not (p.baseline is not None and reached(p, p.baseline))  # met when it was written: nothing has worked yet
    ]  # fmt: skip
    return [*alerts, *ended, *met]


def _challenges(given: Sources, rules: WeeklySettings) -> list[Item]:
    """Who gave notice or is out of contract since, deadlines missed, interventions that failed, targets missed."""
    since = given.now - timedelta(days=rules.days)
    steps: dict[str, list[str]] = {}
    about: dict[str, Item] = {}
    for one in given.week.missed:
        steps.setdefault(one.alert.alert_id, []).append(_words(one.step))
        about[one.alert.alert_id] = {
            "account_id": one.alert.account_id, "subject": one.alert.alert_id, "at": one.at,
            "text": f"{_words(one.alert.rule)}, escalated to the {one.escalated_to}",
        }  # fmt: skip
    missed = [{**about[k], "text": f"Missed deadline: {', '.join(steps[k])}; {about[k]['text']}"} for k in about]
    failed = [_ended(i) for i in _ended_since(given.work.interventions, since) if i.result != "worked"]
    late = [_plan(p, "missed") for p in given.work.plans if _missed_in(p, since.date(), given.now.date())]
    return [*_gone(given), *missed, *failed, *late]


def _gone(given: Sources) -> list[Item]:
    """Accounts that were active a week earlier and are leaving, or out of contract; the most ARR first."""
    status = given.accounts.set_index("account_id")["status"]
    active = given.before[given.before["status"] == "active"].sort_values(
        ["arr", "account_id"], ascending=[False, True]
    )
    reasons = {"leaving": "Gave notice", None: "No longer under contract"}
    found = [(row, status.get(row.account_id)) for row in active.itertuples()]
    return [
        {
            "account_id": row.account_id, "subject": "lost", "at": given.now,
            "text": f"{reasons[now]}; was {_words(row.band)} a week earlier",
        }
        for row, now in found
        if now in reasons
    ]  # fmt: skip


def _needs(given: Sources, rules: Rules) -> list[Item]:
    """What each other team is needed for, over the accounts at risk: the team with the most ARR waiting first."""
    endangered = given.accounts[given.accounts["band"].isin(ENDANGERED) & (given.accounts["status"] == "active")]
    waiting: dict[str, list[tuple[float, str, str]]] = {}
    for row in endangered.itertuples():
        factors = given.factors.get(row.account_id, ())
        tier = row.tier if isinstance(row.tier, str) else "outreach"
        action = rules.playbook.next_action(situation_of(row, tier, factors, given.now.date(), alarmed=True))
        name = row.name if isinstance(row.name, str) else row.account_id
        for team, what in support_needs(factors, action, rules.needs).items():
            waiting.setdefault(team, []).append((float(row.arr), name, what[0]))
    items = []
    for team, asks in waiting.items():
        asks.sort(key=lambda ask: (-ask[0], ask[1]))
        named = "; ".join(f"{name}: {what}" for _, name, what in asks[:NAMED])
        more = f"; and {len(asks) - NAMED} more" if len(asks) > NAMED else ""
        people = ", ".join(rules.owners.roles.get(team, ())) or team
        total = sum(arr for arr, _, _ in asks)
        text = f"Needed for {len(asks)} account{'s' if len(asks) > 1 else ''}: {named}{more}"
        items.append({"subject": team, "owner": people, "text": text, "value": total, "cases": len(asks)})
    return sorted(items, key=lambda item: (-item["value"], item["subject"]))


def _expansion(given: Sources) -> list[Item]:
    """Healthy accounts that could be asked, in the order of their promise."""
    return [
        {"account_id": row.account_id, "subject": row.account_id, "text": row.why} for row in given.asked.itertuples()
    ]


def _learnings(given: Sources, rules: WeeklySettings) -> list[Item]:
    """Results of interventions by kind and cause, and of alerts; observed rates, not effects."""
    items = [
        {"subject": name, **_of_rate(rate), "text": f"{name}: {rate.part} of {rate.whole} accounts still customers "
         f"{given.work.horizon_days} days later ({rate.low:.0%} to {rate.high:.0%}); an observed rate, not an effect"}
        for name, rate in given.work.by_kind.items()
        if rate.whole >= rules.min_observations
    ]  # fmt: skip
    rules_seen = sorted({c.alert.rule for c in given.closings})
    for rule in rules_seen:
        ours = [c for c in given.closings if c.alert.rule == rule]
        after = sum(c.contacted_at is not None for c in ours)
        if len(ours) >= rules.min_observations:
            text = f"{_words(rule)}: {len(ours)} alerts resolved, {after} of them after a contact"
            items.append({"subject": rule, "text": text, "unit": None, "cases": len(ours)})
    return [*items, *given.effects]


def _success_rates(work: RecordedWork) -> Iterator[Item]:
    """The success rate of interventions."""
    if work.retained:
        text = f"accounts still customers {work.horizon_days} days after their last intervention; not an effect"
        yield {"subject": "kept", "text": text, **_of_rate(work.retained)}
    if work.worked:
        yield {
            "subject": "worked", "text": "ended interventions recorded as worked",
            **_of_rate(work.worked),
        }  # fmt: skip


def _of_rate(rate: Rate) -> Item:
    return {"value": rate.value, "low": rate.low, "high": rate.high, "cases": rate.whole, "unit": "share"}


def _ended_since(interventions: Sequence[Intervention], since: datetime) -> list[Intervention]:
    return [i for i in interventions if i.ended_at is not None and i.ended_at > since]


def _ended(one: Intervention) -> Item:
    cause = f" for {_words(one.root_cause)}" if one.root_cause else ""
    note = f": {one.note}" if one.note else ""
    text = f"{_words(one.kind).capitalize()}{cause} {one.result}{note}"
    return {"account_id": one.account_id, "subject": one.intervention_id, "text": text, "at": one.ended_at}


def _missed_in(plan: PlanTarget, since: date, today: date) -> bool:
    """Whether the target was recorded as missed, or became overdue without a status, within the week."""
    said = plan.progressed_at.date() if plan.status == "missed" and plan.progressed_at else None
    settled_late = said is not None and said > since
    return settled_late or (plan.status == "open" and since <= plan.due < today)


def _plan(plan: PlanTarget, what: str) -> Item:
    value = "" if plan.value is None else f", now {formatted(plan.value)}"
    said = what if plan.status == what else "overdue without a status"
    text = f"Success plan {said}: {_words(plan.metric)} {plan.target:g} by {spoken_day(plan.due)}{value}"
    return {"account_id": plan.account_id, "subject": plan.plan_id, "text": text, "at": plan.progressed_at}


def _alert_text(alert: Alert) -> str:
    """Rule and detail; the detail of an event already names its rule."""
    rule = _words(alert.rule)
    return alert.detail if alert.detail.startswith(rule) else f"{rule}: {alert.detail}"


def _words(name: str) -> str:
    return name.replace("_", " ")
