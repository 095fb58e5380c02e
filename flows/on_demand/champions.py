"""Model management: compare, promote, roll back, switch off; each change with date, name and reason (LRN-2, MOD-9)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from keepwell.flows.on_demand.review import review_of
from keepwell.flows.run import Run
from keepwell.flows.scoring import read_sources
from keepwell.models.promotion.ab_test import ByAssignment, by_assignment
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION, Action, Event, champions, standing
from keepwell.models.promotion.gates import Judgement, judged
from keepwell.models.settings.base import OUTCOMES
from keepwell.tasks.errors import ConfigError, NotPromoted
from keepwell.tasks.learning.ab_test import assigned_accounts, with_outcomes
from keepwell.tasks.learning.promotions import evidence_of, promotions_frame
from keepwell.tasks.lock import holding, models_of
from keepwell.tasks.marts.publish import publish
from keepwell.tasks.registry.champion import why_unusable
from keepwell.tasks.registry.promotion_record import lost_changes
from keepwell.tasks.registry.tracking import BOOK, RANGE
from keepwell.tasks.registry.versions import OutcomeRegistry, Version, add_event, outcome_registry, sync_aliases


@dataclass(frozen=True)
class Compared:
    """A version against its rival: names, judgement, and the randomized comparison if there is one."""

    outcome: str
    version: str
    candidate: str
    rival: str
    judgement: Judgement
    arms: ByAssignment | None = None


def compare(run: Run, outcome: str, version: str = "") -> Compared:
    """Compare the challenger, or a named version, with the champion at the run's date, or with health."""
    compared = _gated(run, outcome, version)
    return replace(compared, arms=_arms(run, outcome, compared.version))


def _gated(run: Run, outcome: str, version: str, accepted: str = "") -> Compared:
    """The comparison by the gates alone."""
    registered = _registered(run, outcome)
    contender = _contender(registered, version, run.as_of)
    wait = run.settings.wait_days(outcome)
    # The ledger is read only if a gate needs it.
    asked = run.settings.promotion.review_required
    review = review_of(run, outcome, contender.number, contender.as_of) if asked else ""
    evidence = evidence_of(run.tracking, run.marts, registered, contender, run.as_of, wait, accepted, review)
    capacity = run.settings.models.policy.capacity_share
    judgement = judged(evidence, run.settings.promotion, capacity)
    return Compared(outcome, contender.number, contender.tags["candidate"], evidence.rival, judgement)


def _arms(run: Run, outcome: str, version: str) -> ByAssignment | None:
    """Accounts assigned to the version against the others; the source is read once an outcome has matured."""
    settings = run.settings
    accounts = assigned_accounts(run.marts, outcome, version, run.as_of, settings.wait_days(outcome))
    if accounts is None:
        return None
    if min(accounts["told_on"]) <= run.as_of:
        snapshot = read_sources(run)
        accounts = with_outcomes(
            accounts, outcome, snapshot, run.instant, run.fixed, settings.money, settings.labels
        )  # fmt: skip
    return by_assignment(accounts, OUTCOMES[outcome], settings.promotion)


@contextmanager
def _changing(run: Run, outcome: str) -> Iterator[None]:
    """Lock the date, whose mart changes, and the outcome: changes of two dates would get the same number."""
    with holding(run.out, run.as_of), holding(run.out, models_of(outcome)):
        yield


def promote(run: Run, outcome: str, by: str, version: str = "", accepted: str = "") -> str:
    """Make the challenger champion if every gate passes; NotPromoted names those that fail."""
    with _changing(run, outcome):
        registered = _registered(run, outcome)
        line, challenger = champions(registered.events, run.as_of), registered.in_production(CHALLENGER, run.as_of)
        if line and line[-1] == (version or (challenger.number if challenger else line[-1])):
            _publish_changes(run, outcome)
            return f"{outcome}: version {line[-1]} is already the champion"
        compared = _gated(run, outcome, version, accepted)
        if compared.judgement.refusals:
            why = "; ".join(f"[{gate.name}] {gate.reason}" for gate in compared.judgement.refusals)
            raise NotPromoted(f"{outcome}: version {compared.version} was not promoted: {why}.")
        if why := why_unusable(run.tracking, outcome, registered.versions[compared.version]):
            raise NotPromoted(f"{outcome}: version {compared.version} was not promoted: it cannot serve. {why}")
        better = next(gate.reason for gate in compared.judgement.gates if gate.name == "better")
        reason = f"{better}; a suspicious metric was accepted: {accepted}" if accepted else better
        _change(run, registered, "promote", compared.version, by, reason)
    return f"{outcome}: version {compared.version} ({compared.candidate}) is the champion; {better}"


def rollback(run: Run, outcome: str, by: str, reason: str) -> str:
    """Put the previous champion back into production; before the first, health alone."""
    with _changing(run, outcome):
        registered = _registered(run, outcome)
        line = champions(registered.events, run.as_of)
        if not line:
            raise ConfigError(f"{outcome}: there is no champion to roll back.")
        before = line[-2] if len(line) > 1 else ""
        _change(run, registered, "rollback", before, by, reason)
        doubt = _doubt(run, registered, before)
    to = f"version {before}" if before else "health alone"
    return f"{outcome}: rolled back from version {line[-1]} to {to}{doubt}"


def switch(run: Run, outcome: str, by: str, reason: str, *, on: bool) -> str:
    """Off: no model of this outcome serves, scores use health alone. On: the champion serves again."""
    with _changing(run, outcome):
        registered = _registered(run, outcome)
        line = champions(registered.events, run.as_of)
        _change(run, registered, "on" if on else "off", line[-1] if line else "", by, reason)
        doubt = _doubt(run, registered, line[-1]) if on and line else ""
    return f"{outcome}: models are {'on' if on else 'off, health alone'} for runs of {run.as_of} and later{doubt}"


def changes_of(run: Run) -> dict[str, int]:
    """Number of changes as of exactly the run's date, by outcome."""
    shelves = run.tracking.asked(_shelves) if run.tracking.begun else []
    counts = {
        registered.outcome: sum(e.as_of == run.as_of for e in standing(registered.events, run.as_of))
        for registered in shelves
    }
    return {outcome: count for outcome, count in counts.items() if count}


def withdraw_changes(run: Run, by: str, reason: str) -> int:
    """Withdraw every change as of the run's date; returns how many. The caller holds the date's lock."""
    found = changes_of(run)
    for outcome in found:
        with holding(run.out, models_of(outcome)):
            _write(run, _registered(run, outcome), "withdraw", "", by, reason)
    return sum(found.values())


def _doubt(run: Run, registered: OutcomeRegistry, number: str) -> str:
    """A warning if the version that goes into production cannot serve."""
    if not number:
        return ""
    version = registered.versions.get(number)
    why = why_unusable(run.tracking, registered.outcome, version) if version else "MLflow no longer has it."
    return f"\nversion {number} cannot serve; scores use health alone. {why}" if why else ""


def listing(run: Run) -> pd.DataFrame:
    """Every version of every outcome: its role at the run's date, date of its training data, and test ROC-AUC."""
    if not run.tracking.begun:
        return pd.DataFrame()
    return pd.DataFrame(run.tracking.asked(partial(_listed, as_of=run.as_of)))


def _listed(client: Any, as_of: date) -> list[dict[str, str]]:
    return [
        {
            "outcome": registered.outcome, "version": version.number, "place": _place(registered, version, as_of),
            "candidate": version.tags.get("candidate", ""), "knows_until": version.tags.get("as_of", ""),
            "roc_auc": _roc_auc(client, version),
        }
        for registered in _shelves(client)
        for version in sorted(registered.versions.values(), key=lambda v: int(v.number))
    ]  # fmt: skip


def warnings(run: Run) -> list[str]:
    """Differences between MLflow's pages and what runs use, and models that are switched off."""
    shelves = run.tracking.asked(_shelves) if run.tracking.begun else []
    events = dict.fromkeys(OUTCOMES, ()) | {registered.outcome: registered.events for registered in shelves}
    found = ((outcome, lost_changes(run.marts, outcome, events[outcome], date.max)) for outcome in OUTCOMES)
    said = [f"{outcome}: no model serves. {lost}" for outcome, lost in found if lost]
    for registered in shelves:
        if off := registered.off(date.max):
            said.append(f"{registered.outcome}: no model serves. {off}")
        alias, followed = registered.aliases.get(CHAMPION), registered.in_production(CHAMPION, date.max)
        if alias != (followed.number if followed else None):
            said.append(
                f"{registered.outcome}: the alias champion was moved by hand to version {alias or 'none'}; runs use "
                f"{f'version {followed.number}' if followed else 'health alone'}. Use `keepwell model promote`."
            )
    return said


def none_registered(run: Run, day: date, outcome: str = "") -> str:
    """That there is no model, where it was looked for, and the command that trains one as of a day."""
    kind = f"{outcome} model".strip()
    return f"No {kind} is registered in MLflow at {run.tracking.place}. Run `keepwell quarterly --as-of {day}`."


def _registered(run: Run, outcome: str) -> OutcomeRegistry:
    registered = run.tracking.asked(lambda client: outcome_registry(client, outcome)) if run.tracking.begun else None
    if registered is None:
        raise ConfigError(none_registered(run, run.as_of, outcome))
    return registered


def _contender(registered: OutcomeRegistry, version: str, as_of: date) -> Version:
    """The named version, else the challenger at that date."""
    found = registered.versions.get(version) if version else registered.in_production(CHALLENGER, as_of)
    if found is None:
        asked = f"version {version}" if version else "challenger"
        raise ConfigError(f"No {asked} for {registered.outcome} on {as_of} ({_known_versions(registered, as_of)}).")
    if found.lost:
        raise NotPromoted(f"{registered.outcome}: MLflow has lost tags of version {found.number}: {found.lost}.")
    if found.as_of > as_of:
        raise ConfigError(
            f"{registered.outcome}: version {found.number} was trained on data up to {found.as_of}, after this date."
        )
    return found


def _known_versions(registered: OutcomeRegistry, as_of: date) -> str:
    """The registered versions in words: `only version 1, the champion`."""
    named = [f"{number}{', the ' + role if role else ''}" for number, v in registered.versions.items()
             for role in (_place(registered, v, as_of),)]  # fmt: skip
    if not named:
        return "no versions"
    return f"only version {named[0]}" if len(named) == 1 else f"versions: {'; '.join(named)}"


def _change(run: Run, registered: OutcomeRegistry, action: Action, version: str, by: str, reason: str) -> None:
    """Record the event, then update MLflow's pages and the mart."""
    stand = standing(registered.events, date.max)
    last = stand[-1] if stand else None
    if last and last.as_of > run.as_of:
        raise ConfigError(
            f"{registered.outcome}: the last change is as of {last.as_of}; one as of {run.as_of} would alter the past. "
            f"If that date is wrong: `keepwell withdraw --as-of {last.as_of} --whole-day`."
        )
    _write(run, registered, action, version, by, reason)


def _write(run: Run, registered: OutcomeRegistry, action: Action, version: str, by: str, reason: str) -> None:
    number = registered.events[-1].number + 1 if registered.events else 1
    event = Event(number, run.as_of, action, version, by, reason)
    run.tracking.asked(lambda client: add_event(client, registered.outcome, event))
    _publish_changes(run, registered.outcome)


def _publish_changes(run: Run, outcome: str) -> None:
    """Update MLflow's pages and the mart `promotions` from the events."""
    run.tracking.asked(lambda client: sync_aliases(client, outcome))
    shelves = run.tracking.asked(_shelves)
    publish(run.marts, run.as_of, {"promotions": promotions_frame(shelves, run.as_of)}, run.stamp(None, None))


def _shelves(client: Any) -> Sequence[OutcomeRegistry]:
    return [registered for outcome in OUTCOMES if (registered := outcome_registry(client, outcome))]


def _place(registered: OutcomeRegistry, version: Version, as_of: date) -> str:
    for alias in (CHAMPION, CHALLENGER):
        if registered.in_production(alias, as_of) == version:
            return alias
    return ""


def _roc_auc(client: Any, version: Version) -> str:
    metrics = client.get_run(version.run).data.metrics
    names = (f"{BOOK}roc_auc", f"{RANGE}roc_auc_low", f"{RANGE}roc_auc_high")
    value, low, high = (metrics.get(name, float("nan")) for name in names)
    return f"{value:.3f} ({low:.3f}-{high:.3f})"
