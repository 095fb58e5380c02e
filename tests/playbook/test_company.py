"""Ids are a company's own: the same accounts on the same day, in two companies of one ledger (ALR-5)."""

from collections.abc import Callable
from datetime import datetime

import pytest

from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.interventions.records import work_event
from keepwell.playbook.next_actions.day import Past, Rules, Wanted, new_actions
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from tests.playbook.next_actions.test_day import BOOK, USAGE, wanted

MONDAY = datetime(2026, 3, 2)


def alerts(company: str) -> list[str]:
    """An alert of a condition and one of an event."""
    silent = Condition("acme", "no_usage", holds=True, detail="no usage for 14 days")
    ticket = Occurrence("acme", "urgent_ticket", "T1", MONDAY, MONDAY, resolved=False)
    seen = Observations([silent], [ticket], company)
    new = new_events([], seen, MONDAY, {"acme": "ann"}, AlertSettings(), OwnerSettings(), Runs())
    return [e.alert_id for e in new]


def actions(company: str) -> list[str]:
    asked: Wanted = wanted(USAGE)
    rules = Rules(playbook={one.name: one for one in BOOK.action}, company=company)
    return [e.action_id for e in new_actions(Past(), [asked], MONDAY, rules)[0]]


def work(company: str) -> list[str]:
    return [work_event("started", "acme", None, MONDAY, MONDAY, "ann", {"kind": "training"}, company).event_id]


@pytest.mark.parametrize("ids", [alerts, actions, work])
def test_no_id_of_one_company_is_another_ones(ids: Callable[[str], list[str]]) -> None:
    """Each has as many, none in common; the same again in each."""
    default, bolt = ids(DEFAULT_COMPANY), ids("bolt")

    assert len(set(default)) == len(set(bolt)) > 0
    assert not set(default) & set(bolt)
    assert ids("bolt") == bolt
