"""A company where nothing ever changes: every account keeps its rates for life, and all that moves is noise.

Actions are Poisson, 20, 200 or 2,000 a month in the mean of a third of the accounts each. Accounts differ for life: in
their rate, in how their people share the work, in which product features they use.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

Frames = Mapping[str, pd.DataFrame]
MONTHLY = (20.0, 200.0, 2_000.0)
SEATS = (4, 12, 40)
"""Paid seats of an account of each rate; as many people use the product."""
SPREAD = 0.4
"""Standard deviation of the logarithm of the accounts' rates around their mean."""
FEATURES = 10
FIRST_DAY, LAST_DAY = date(2024, 9, 1), date(2026, 6, 30)
MONTH = 365.25 / 12
DAYS = (LAST_DAY - FIRST_DAY).days + 1


def write_constant_company(accounts: int, seed: int, to: Path, *, optional: bool) -> None:
    """Write the tables, mappings and pipeline.toml of so many accounts of each rate; `optional`: with every table."""
    rng = np.random.default_rng(seed)
    names = [f"A{number:05}" for number in range(accounts * len(MONTHLY))]
    tables = required(names, rng)
    if optional:
        tables = {**tables, **others(names, rng)}
    (to / "sql").mkdir(parents=True)
    parts = ['[source]\nurl = "."']
    for name, rows in tables.items():
        rows.to_parquet(to / f"{name}.parquet", index=False)
        (to / "sql" / f"{name}.sql").write_text(f"SELECT {', '.join(rows.columns)} FROM {name}\n", encoding="utf-8")
        parts.append(f'[tables.{name}]\nsql = "sql/{name}.sql"\nsystem = "test"\nexpected_every_days = 60')
    (to / "pipeline.toml").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def rate_of(accounts: pd.Series) -> pd.Series:
    """The mean monthly actions of the third that each account belongs to."""
    return accounts.str[1:].astype(int).mod(len(MONTHLY)).map(dict(enumerate(MONTHLY)))


def required(names: list[str], rng: np.random.Generator) -> Frames:
    """Accounts, contracts and usage."""
    sizes = np.arange(len(names)) % len(MONTHLY)
    rates = np.array(MONTHLY)[sizes] * np.exp(SPREAD * rng.standard_normal(len(names)))
    seats = np.array(SEATS)[sizes]
    began = [FIRST_DAY - timedelta(days=int(days)) for days in rng.integers(30, 700, len(names))]
    contracts = {"contract_id": names, "account_id": names, "start_on": began, "seats": seats, "arr": 500.0 * seats}
    usage = [_usage(*about, rng) for about in zip(names, rates, seats, strict=True)]
    return {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": began, "name": names}),
        "contracts": pd.DataFrame(contracts).assign(currency="USD"),
        "usage": pd.concat(usage, ignore_index=True),
    }


def _usage(account: str, rate: float, seats: int, rng: np.random.Generator) -> pd.DataFrame:
    """The usage of one account: actions fall on any day alike, on its people and features by shares of its own."""
    actions = rng.poisson(rate / MONTH * DAYS)
    drawn = {
        "day": rng.integers(0, DAYS, actions),
        "user": rng.choice(seats, actions, p=rng.dirichlet(np.full(seats, 2.0))),
        "feature": rng.choice(FEATURES, actions, p=rng.dirichlet(np.full(FEATURES, 1.0))),
    }
    rows = pd.DataFrame(drawn).value_counts().reset_index(name="events")
    return pd.DataFrame(
        {
            "account_id": account,
            "day": _days(rows["day"]).dt.date,
            "user_id": account + "-" + rows["user"].astype(str),
            "feature": "f" + rows["feature"].astype(str),
            "events": rows["events"],
        }
    )


def others(names: list[str], rng: np.random.Generator) -> Frames:
    """Tickets, invoices, NPS answers, touchpoints, contacts and deals, at rates and with moods for life."""
    mood = rng.normal(0.1, 0.2, len(names))
    tickets = _at(names, rng.gamma(2.0, 0.5, len(names)), rng, "opened_at")
    tone = _of(tickets, mood)
    tickets = tickets.assign(
        ticket_id=_ids(tickets),
        priority=rng.choice(["low", "medium", "high", "urgent"], len(tickets), p=[0.4, 0.4, 0.15, 0.05]),
        closed_at=tickets["opened_at"] + pd.to_timedelta(rng.gamma(1.0, 3.0, len(tickets)), "D"),
        escalated=rng.random(len(tickets)) < 0.03,
        sentiment=np.clip(tone + rng.normal(0, 0.4, len(tickets)), -1, 1),
        csat=np.clip(np.rint(3.8 + 2 * tone + rng.normal(0, 1, len(tickets))), 1, 5),
    )
    surveys = _at(names, np.full(len(names), 0.25), rng, "answered_at")
    answers = np.clip(np.rint(7.5 + 5 * _of(surveys, mood) + rng.normal(0, 2, len(surveys))), 0, 10).astype(int)
    return {
        "tickets": tickets,
        "invoices": _invoices(names, rng),
        "surveys": surveys.assign(survey_id=_ids(surveys), score=answers),
        "touchpoints": _touchpoints(names, mood, rng),
        "contacts": _contacts(names, rng),
        "opportunities": _deals(names, rng),
    }


def _touchpoints(names: list[str], mood: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Calls, meetings, emails and posts; who comes and who answers is a matter of the account's own share."""
    rows = _at(names, rng.gamma(3.0, 1.0, len(names)), rng, "happened_at")
    kind = rng.choice(["call", "meeting", "email", "community"], len(rows), p=[0.2, 0.2, 0.4, 0.2])
    came = rng.random(len(rows)) < _of(rows, rng.beta(6.0, 2.0, len(names)))
    answered = rows["happened_at"] + pd.to_timedelta(rng.gamma(1.0, 2.0, len(rows)), "D")
    return rows.assign(
        touchpoint_id=_ids(rows),
        kind=kind,
        role=rng.choice(["executive", "champion", "user"], len(rows), p=[0.2, 0.4, 0.4]),
        attended=np.where(kind == "email", None, came),
        answered_at=answered.where((kind == "email") & came),
        sentiment=np.clip(_of(rows, mood) + rng.normal(0, 0.4, len(rows)), -1, 1),
    )


def _invoices(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """An invoice a month, due in 30 days, paid around then; one payment in thirty fails first."""
    months = pd.date_range(FIRST_DAY, LAST_DAY, freq="MS")
    rows = pd.DataFrame({"account_id": np.repeat(names, len(months)), "issued_on": np.tile(months, len(names))})
    due = rows["issued_on"] + pd.Timedelta(days=30)
    paid = due + pd.to_timedelta(_of(rows, rng.normal(0, 6, len(names))) + rng.normal(0, 4, len(rows)), "D")
    failed = (due + pd.Timedelta(hours=9)).where(rng.random(len(rows)) < 1 / 30)
    return rows.assign(
        invoice_id=_ids(rows), issued_on=rows["issued_on"].dt.date, due_on=due.dt.date, amount=100.0, currency="USD",
        paid_at=paid, failed_at=failed, disputed_at=pd.NaT,
    )  # fmt: skip


def _contacts(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Two to eight people per account, who stay."""
    count = rng.integers(2, 9, len(names))
    account = np.repeat(names, count)
    roles = rng.choice(["executive", "champion", "admin", "user"], len(account))
    rows = pd.DataFrame({"account_id": account, "since": FIRST_DAY - timedelta(days=20), "role": roles})
    return rows.assign(contact_id=_ids(rows), left_on=pd.Series(pd.NaT, rows.index).dt.date)


def _deals(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """A deal every year or so; one in three is lost."""
    rows = _at(names, np.full(len(names), 0.08), rng, "changed_at")
    stage = rng.choice(["won", "lost", "open"], len(rows))
    return rows.assign(opportunity_id=_ids(rows), kind="expansion", stage=stage)


def _at(names: list[str], monthly: np.ndarray, rng: np.random.Generator, column: str) -> pd.DataFrame:
    """Events of these accounts at instants of the record, Poisson at so many a month each."""
    account = np.repeat(names, rng.poisson(monthly / MONTH * DAYS))
    seconds = pd.to_timedelta(rng.integers(0, DAYS * 86_400, len(account)), "s")
    return pd.DataFrame({"account_id": account, column: pd.Timestamp(FIRST_DAY) + seconds})


def _of(rows: pd.DataFrame, by_account: np.ndarray) -> np.ndarray:
    """What each row's account has for life."""
    return by_account[rows["account_id"].str[1:].astype(int)]


def _ids(rows: pd.DataFrame) -> list[str]:
    return [f"R{number:07}" for number in range(len(rows))]


def _days(numbers: pd.Series) -> pd.Series:
    return pd.Timestamp(FIRST_DAY) + pd.to_timedelta(numbers, "D")
