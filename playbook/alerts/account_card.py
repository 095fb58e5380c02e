"""An account as messages show it: what it is worth, how it stands, what to do next by when (ACT-1, ALR-7)."""

from dataclasses import dataclass
from datetime import date

from keepwell.values.dates import spoken_day
from keepwell.values.money import short_money
from keepwell.values.points import spoken_share


@dataclass(frozen=True)
class AccountCard:
    """The newest published score of an account. Numbers are None where they are unknown.

    `arr` in `currency`, `health` 0-100, `risk` 0-1; `reasons`: factors as sentences. `today`: the day of the score.
    """

    name: str | None = None
    csm: str | None = None
    today: date | None = None
    arr: float | None = None
    currency: str = ""
    health: float | None = None
    band: str | None = None
    risk: float | None = None
    status: str | None = None
    renewal_on: date | None = None
    reasons: tuple[str, ...] = ()
    action: str | None = None
    action_owner: str | None = None
    action_due: date | None = None

    @property
    def at_stake(self) -> float:
        """Revenue times risk; without a risk, times the points missing from health."""
        weight = self.risk if self.risk is not None else 1 - (self.health if self.health is not None else 50) / 100
        return (self.arr or 0.0) * weight

    @property
    def is_late(self) -> bool:
        """Whether the next action is overdue."""
        return self.action_due is not None and self.today is not None and self.action_due < self.today

    def next_step(self, latest: date | None = None) -> list[str]:
        """The next action as a sentence, due by `latest` where that is earlier; nothing where there is none."""
        if not self.action:
            return []
        due = min(self.action_due, latest) if self.action_due and latest and not self.is_late else self.action_due
        by = f", {'overdue since' if self.is_late else 'by'} {spoken_day(due)}" if due else ""
        whose = f" ({self.action_owner})" if self.action_owner else ""
        return [f"Next: {self.action}{whose}{by}."]


def named(account: str, card: AccountCard | None) -> str:
    """`Acme (A00012)`; the id alone where no name is known."""
    return f"{card.name} ({account})" if card and card.name else account


def account_line(card: AccountCard) -> list[str]:
    """Revenue, health, risk and renewal in a sentence, and the reasons in another; nothing where no score is known."""
    if card.arr is None and card.health is None:
        return []
    parts = [
        f"ARR {short_money(card.arr, card.currency)}" if card.arr is not None else "",
        f"health {card.health:.1f} of 100 ({(card.band or '').replace('_', ' ')})" if card.health is not None
        else "health unknown",
        f"churn risk {spoken_share(card.risk)}" if card.risk is not None else "",
        "notice given" if card.status == "leaving" else "",
        f"renews {spoken_day(card.renewal_on, card.today)}" if card.renewal_on and card.status != "leaving" else "",
    ]  # fmt: skip
    said = [", ".join(part for part in parts if part) + "."]
    return [*said, f"Why: {'; '.join(card.reasons)}."] if card.reasons else said


def with_more(first: str, others: int) -> str:
    """The first of several, and how many there are beside it."""
    return f"{first}, and {others} more" if others else first
