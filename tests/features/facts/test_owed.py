"""What is owed: tables of invoices in, lateness and events out (FEA-1, ALR-1). One company, an account per table."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

import pandas as pd
import pytest

from keepwell.features.facts.events import events
from keepwell.features.settings import BookSettings
from tests.support.handmade import MONDAY, Row, ago, company, contract, wide

MONEY = BookSettings(fx_rates={"EUR": 1.5})
FEATURES = ("days_late_180d", "overdue_share", "payment_failures_90d", "disputes_180d")


def invoice(days: int, amount: float | None = 1000.0, number: str = "", **more: object) -> Row:
    """Issued so many days ago and due 14 days later."""
    about = {"invoice_id": number or f"of-{days}", "issued_on": ago(days), "due_on": ago(days - 14), "amount": amount}
    return {**about, "currency": "USD", **more}


def paid(days: int, **more: object) -> Row:
    """Paid five days after it was issued."""
    return invoice(days, paid_at=ago(days - 5, "09:00"), **more)


ON_TIME = [paid(150), paid(120), paid(90)]
OPEN = invoice(60)  # due 46 days ago; alone beside three paid ones: 46 / 4 days late, 1000 of 4000 overdue


def note(days: int, amount: float, **more: object) -> Row:
    return invoice(days, -amount, number=f"note-{days}", **more)


@dataclass(frozen=True)
class Case:
    """Invoices of one account: mean days late, share overdue, failed payments, disputes, and events not resolved."""

    name: str
    invoices: list[Row]
    days_late: float | None
    overdue: float | None
    failures: float = 0
    disputes: float = 0
    events: int = 0


CASES = [
    Case("plain", ON_TIME, 0, 0),
    Case("unpaid", [*ON_TIME, OPEN], 11.5, 0.25),
    Case("not due yet", [*ON_TIME, invoice(10)], 0, 0),
    # Credit notes: case 13 and its kind.
    Case("a paid invoice taken back", [*ON_TIME, note(119, 1000)], 0, 0),
    Case("a paid invoice taken back by name", [*ON_TIME, note(119, 1000, credit_of="of-120")], 0, 0),
    Case("credited in full before it is due", [*ON_TIME, OPEN, note(59, 1000)], 0, 0),
    Case("credited in full after it was due", [*ON_TIME, OPEN, note(10, 1000, credit_of="of-60")], 0, 0),
    Case("credited in part", [*ON_TIME, OPEN, note(10, 400)], 11.5, 600 / 3600),
    Case("credited in two parts", [*ON_TIME, OPEN, note(20, 400), note(10, 600, credit_of="of-60")], 0, 0),
    Case("a credit before its invoice", [*ON_TIME, OPEN, note(70, 1000)], 0, 0),
    Case("a credit known tomorrow", [*ON_TIME, OPEN, note(0, 1000)], 11.5, 0.25),
    Case("without a name the oldest first", [invoice(60), invoice(40), note(10, 1000)], 26, 1),
    Case("by name the one named", [invoice(60), invoice(40), note(10, 1000, credit_of="of-40")], 46, 1),
    Case("what the named cannot take", [OPEN, invoice(40), note(10, 1500, credit_of="of-60")], 26, 1),
    Case("of an invoice that is not there", [*ON_TIME, OPEN, note(10, 1000, credit_of="elsewhere")], 0, 0),
    Case("the same cents", [invoice(60, 0.3), note(10, 0.1), note(9, 0.2)], None, None),
    Case("a refund offsets nothing", [*ON_TIME, OPEN, note(10, 1000, paid_at=ago(5, "09:00"))], 11.5, 0.25),
    Case("a void note offsets nothing", [*ON_TIME, OPEN, note(10, 1000, voided_at=ago(5, "09:00"))], 11.5, 0.25),
    Case("the rest was paid", [*ON_TIME, paid(60), note(50, 400, credit_of="of-60")], 0, 0),
    Case("a note alone owes nothing", [note(60, 1000)], None, None),
    # Void, settled, written off: case 16 and its kind.
    Case("void", [*ON_TIME, invoice(60, 9000, voided_at=ago(59, "09:00"))], 0, 0),
    Case("void after it was due", [*ON_TIME, invoice(60, 9000, voided_at=ago(1, "09:00"))], 0, 0),
    Case("void tomorrow", [*ON_TIME, invoice(60, voided_at=ago(-1, "09:00"))], 11.5, 0.25),
    Case("settled without a payment", [*ON_TIME, invoice(60, 9000, resolved_at=ago(59, "09:00"))], 0, 0),
    Case("a dispute settled", [invoice(60, disputed_at=ago(50), resolved_at=ago(40))], None, None, disputes=1),
    Case("disputed", [*ON_TIME, invoice(60, disputed_at=ago(5))], 11.5, 0.25, disputes=1, events=1),
    Case("disputed again", [*ON_TIME, invoice(60, resolved_at=ago(50), disputed_at=ago(5))], 11.5, 0.25, 0, 1, 1),
    Case("paid, then disputed", [*ON_TIME, paid(60, disputed_at=ago(5))], 0, 0, disputes=1, events=1),
    Case("of zero", [*ON_TIME, invoice(60, 0.0)], 0, 0),
    Case("of an unknown amount", [*ON_TIME, invoice(60, None)], 11.5, 0),
    # Currencies.
    Case("euros", [*ON_TIME, invoice(60, 1000, currency="EUR")], 11.5, 1500 / 4500),
    Case("dollars credit euros", [*ON_TIME, invoice(60, 1000, currency="EUR"), note(10, 500)], 11.5, 0.25),
    Case("no rate", [*ON_TIME, invoice(60, 1000, currency="XTS")], 11.5, 0),
    Case("no currency is the reporting one", [*ON_TIME, invoice(60, 1000, currency=None)], 11.5, 0.25),
    # Failures, and the events of them.
    Case("failed", [*ON_TIME, invoice(10, failed_at=ago(3))], 0, 0, 1, events=1),
    Case("failed, then paid", [*ON_TIME, invoice(10, failed_at=ago(3), paid_at=ago(2))], 0, 0, 1),
    Case("failed, then void", [*ON_TIME, invoice(10, failed_at=ago(3), voided_at=ago(2))], 0, 0),
    Case("failed, then credited", [*ON_TIME, invoice(10, failed_at=ago(3)), note(2, 1000)], 0, 0, 1),
    Case("a refund that failed", [*ON_TIME, note(10, 1000, failed_at=ago(3))], 0, 0),
    Case("retried tomorrow", [*ON_TIME, invoice(10, first_failed_at=ago(3), failed_at=ago(-1))], 0, 0, 1, events=1),
    Case("retried, first time unknown", [*ON_TIME, invoice(10, failed_at=ago(-1))], 0, 0),
]


@cache
def measured() -> tuple[pd.DataFrame, pd.Series]:
    """The features by account, and how many events of each are not resolved."""
    rows = [
        {**row, "account_id": case.name, "invoice_id": f"{case.name}/{row['invoice_id']}"}
        | ({"credit_of": f"{case.name}/{row['credit_of']}"} if "credit_of" in row else {})
        for case in CASES
        for row in case.invoices
    ]
    facts = company(MONDAY, contracts=[contract(case.name) for case in CASES], invoices=rows)
    found = events(facts, datetime(2023, 1, 1), (), MONEY.rates()).to_pandas()
    return wide(facts, *FEATURES, money=MONEY), found[~found["resolved"]].groupby("account_id").size()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_owed_is_positive_not_void_and_net_of_credits(case: Case) -> None:
    """Lateness, the share overdue, failures, disputes and their events of one account agree (FEA-1, ALR-1)."""
    features, unresolved = measured()
    expected = (case.days_late, case.overdue, case.failures, case.disputes)

    found = features.loc[case.name, list(FEATURES)]
    assert [None if pd.isna(v) else float(v) for v in found] == [v if v is None else pytest.approx(v) for v in expected]
    assert unresolved.get(case.name, 0) == case.events
