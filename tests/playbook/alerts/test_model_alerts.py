"""Alerts about models: one per champion and episode, to the ML owner, with their own clocks (LRN-3, ALR-3, MOD-9)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from keepwell.playbook.alerts.account_card import AccountCard
from keepwell.playbook.alerts.channels import Background, Channel, MessageSettings
from keepwell.playbook.alerts.ledger_events import DEGRADED_RULE, UNUSABLE_RULE, LedgerEvent, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.messages import messages
from keepwell.playbook.alerts.model_alerts import Trouble, model_occurrences
from keepwell.playbook.alerts.rules import Observations
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings

MONDAY, DAY = datetime(2026, 3, 2), timedelta(days=1)
OWNERS = OwnerSettings(roles={"ml owner": ("Mel",), "data owner": ("Dee",)})
WORSE = Trouble(DEGRADED_RULE, "churn version 3", "churn: the champion (version 3) has degraded: ROC-AUC fell")
OLD = Trouble(UNUSABLE_RULE, "expansion champion", "expansion: no champion serves. It was trained on seats@1")


def lived(*days: Iterable[Trouble] | None) -> list[LedgerEvent]:
    """The ledger after these days, by what was wrong on each; None: nobody could tell."""
    history: list[LedgerEvent] = []
    for number, found in enumerate(days):
        as_of = MONDAY + number * DAY
        for _ in range(2):  # a rerun of the day adds nothing
            seen = model_occurrences(found, history, as_of) if found is not None else []
            runs = Runs(MONDAY, as_of) if number else Runs()
            history += new_events(history, Observations([], seen), as_of, {}, AlertSettings(), OWNERS, runs)
    return history


def kinds(history: Iterable[LedgerEvent]) -> list[tuple[str, str]]:
    """What happened to which alert, in order."""
    return [(event.kind, str(event.subject)) for event in history]


def test_a_degraded_champion_is_one_alert_of_the_ml_owner_while_it_lasts() -> None:
    """Acknowledged within a day, assessed within three: its clocks are not those of an account in danger."""
    history = lived([WORSE], [WORSE], [WORSE])
    (opened,) = history

    assert opened.payload["owner"] == "Mel"
    assert opened.payload["recipients"] == ["ml owner"]
    assert opened.payload["detail"] == WORSE.detail
    due = {step: datetime.fromisoformat(at) - MONDAY for step, at in opened.payload["due"].items()}
    assert due == {"ack": timedelta(hours=24), "assess": timedelta(hours=72)}


def test_it_closes_once_it_is_over_and_opens_anew_when_it_comes_back() -> None:
    """The cause gone is noted, the next day closes it: monitoring comes once a month, no cool-down is needed."""
    history = lived([WORSE], [], [], [WORSE])
    first, again = "churn version 3, since 2026-03-02", "churn version 3, since 2026-03-05"

    assert kinds(history) == [("opened", first), ("cause_gone", first), ("closed", first), ("opened", again)]


def test_another_champion_that_has_degraded_is_another_alert() -> None:
    """The one that it replaced serves no more."""
    other = Trouble(DEGRADED_RULE, "churn version 4", "churn: the champion (version 4) has degraded: ROC-AUC fell")
    history = lived([WORSE], [other], [other])
    live = [a.subject for a in fold(history, MONDAY + 2 * DAY).values() if a.closed_at is None]

    assert live == ["churn version 4, since 2026-03-03"]


def test_where_nobody_can_tell_alerts_stay_as_they_are() -> None:
    """MLflow does not answer: neither is a model back, nor is one gone."""
    assert kinds(lived([OLD], None, None)) == [("opened", "expansion champion, since 2026-03-02")]


def test_the_message_says_what_to_do_and_goes_to_the_ml_owner() -> None:
    """A channel of CSMs does not get it; the default one does."""
    new = lived([WORSE, OLD])
    accounts: dict[str, AccountCard] = {}
    background = Background(accounts, {}, OWNERS, AlertSettings(), MessageSettings())
    channels = {"all": Channel(url="json://a"), "csms": Channel(url="json://b", roles=("csm",))}
    found = messages(new, {e.alert_id: e.payload for e in new}, background, channels)
    degraded, unusable = sorted(found, key=lambda m: m.title)

    assert {m.channel for m in found} == {"all"}
    assert WORSE.detail in degraded.title
    assert "For Mel." in degraded.body
    assert "decide whether it goes on serving" in degraded.body
    assert "health alone serves until then" in unusable.body
