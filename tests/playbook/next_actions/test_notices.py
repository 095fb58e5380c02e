"""Messages about next actions: what each recipient does now, by when, why (ACT-2, ALR-4)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from keepwell.playbook.alerts.account_card import AccountCard
from keepwell.playbook.alerts.channels import Notice
from keepwell.playbook.next_actions.life import AUTOMATION, ActionEvent, action_event
from keepwell.playbook.next_actions.notices import action_notices
from keepwell.playbook.settings import OwnerSettings

MONDAY = datetime(2026, 3, 2)
DAY = timedelta(days=1)
OWNERS = OwnerSettings(roles={"manager": ("Mia",), "finance": ("Fay", "Fin")})


def recommended(
    account: str, due: int, owner: str = "ann", role: str = "csm", tier: str = "outreach"
) -> ActionEvent:  # fmt: skip
    """An action that is due so many days from Monday."""
    about = {
        "action": "Call", "reason": "Usage down 62%", "owner": owner, "role": role, "tier": tier,
        "due_on": str((MONDAY + due * DAY).date()),
    }  # fmt: skip
    return action_event(f"id-{account}", account, "recommended", MONDAY, "keepwell", about)


def card(arr: float, risk: float = 0.5, **more: Any) -> AccountCard:
    return AccountCard(
        name=f"Firm {arr:.0f}", today=MONDAY.date(), arr=arr, currency="USD", health=41.0, band="critical", risk=risk,
        **more,
    )  # fmt: skip


def sent(*events: ActionEvent, **accounts: AccountCard) -> dict[str, Notice]:
    """The notices by title."""
    return {n.title: n for n in action_notices(events, accounts, OWNERS, MONDAY)}


def accounts_of(notice: Notice) -> list[str]:
    return [line.split("(")[1].split(")")[0] for line in notice.body.splitlines() if line.startswith("- ")]


def test_an_owner_reads_new_actions_the_earliest_due_first() -> None:
    """Then the more urgent tier, then the revenue at stake; with action, day and reason."""
    found = sent(
        recommended("a", 3), recommended("b", 1), recommended("c", 3, tier="immediate"), recommended("d", 3),
        a=card(10), b=card(1), c=card(2), d=card(99),
    )  # fmt: skip
    notice = found["ann: 4 new actions"]

    assert accounts_of(notice) == ["b", "c", "d", "a"]
    first = notice.body.splitlines()[1]
    assert first.startswith("- Firm 1 (b): Call (ann), by March 3. ARR $1, health 41.0 of 100 (critical), ")
    assert first.endswith("Why: Usage down 62%.")


def test_what_replaces_an_action_says_so_and_is_no_news_where_that_was_overdue() -> None:
    """A list of new actions holds none that was due before: that one is overdue is on record, and was told (ACT-2)."""
    changed = recommended("a", 3)
    changed = replace(changed, payload={**changed.payload, "replaces": "id-before"})
    found = sent(changed, recommended("b", -1), recommended("c", -1, tier="immediate"), a=card(1), b=card(2), c=card(3))

    assert list(found) == ["ann: 1 new action"]
    assert "by March 5 (instead of the one before, whose date stands)." in found["ann: 1 new action"].body


def test_the_manager_reads_what_to_do_and_who_owns_it_by_name() -> None:
    """At once where an account is immediate; people of a role are named."""
    found = sent(recommended("a", 0, owner="finance", role="finance", tier="immediate"), a=card(10))
    notice = found["Mia: 1 account needs immediate intervention"]

    assert notice.body.startswith("Today: confirm with each owner that they act. Where they cannot act, give")
    assert "Call (Fay, Fin), by March 2." in notice.body


def test_overdue_actions_come_with_the_most_revenue_first() -> None:
    """One message for the role that they are escalated to; without "Next", since the day has passed."""
    late = [
        action_event(f"id-{name}", name, "overdue", MONDAY, "keepwell", {"escalated_to": "manager"})
        for name in ("small", "large")
    ]
    due = MONDAY.date() - DAY
    found = sent(
        *late, small=card(1, action="Call", action_owner="ann", action_due=due),
        large=card(99, action="Visit", action_owner="bob", action_due=due),
    )  # fmt: skip
    notice = found["2 overdue actions, escalated to Mia"]

    assert accounts_of(notice) == ["large", "small"]
    assert "- Firm 99 (large): Visit (bob), overdue since March 1. ARR $99" in notice.body
    assert "Today: ask each owner." in notice.body


def test_the_list_for_the_e_mail_tool_has_a_line_per_account_whatever_it_is_called() -> None:
    """An id or a name with a line break begins no line of its own (ACT-2, TRU-4)."""
    found = sent(
        recommended("a\nBcc: x", 3, owner=AUTOMATION, role=AUTOMATION, tier="automated"),
        **{"a\nBcc: x": AccountCard(name="Firm\nBcc: y", csm="ann", today=date(2026, 3, 2))},
    )
    body = found["1 account for the automated check-in email"].body

    assert body.startswith("Send them your check-in email today, with your e-mail tool.")
    assert body.splitlines()[-1] == "a\\nBcc: x,Firm\\nBcc: y,ann"


def test_a_risk_that_rounds_to_nothing_is_under_one_percent() -> None:
    """0% would say that nobody can leave."""
    found = sent(recommended("a", 3), a=card(10, risk=0.003))

    assert "churn risk under 1%" in found["ann: 1 new action"].body
