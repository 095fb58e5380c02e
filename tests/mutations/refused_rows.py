"""Rows that break a critical rule, and files that cannot be read: exit 3 with table, column, count and keys (SRC-3)."""

import random

import pandas as pd
import pyarrow as pa

from tests.mutations.kinds import CHECK, Company, Refused, kind
from tests.mutations.mappings import NAMES

HIGHEST = 5


def _some(rng: random.Random, rows: pd.DataFrame) -> pd.Index:
    """A few rows."""
    return pd.Index(rng.sample(list(rows.index), rng.randrange(1, HIGHEST)))


def _spoil(rng: random.Random, company: Company, table: str, column: str, value: object) -> int:
    """Put a value into a few rows; how many."""
    rows = company.rows(table)
    places = _some(rng, rows)
    rows.loc[places, column] = value
    company.put(table, rows)
    return len(places)


def _counted(table: str, column: str, count: int, rule: str) -> Refused:
    return Refused(3, (f"{table}.{column}", f"({count} rows", f"[rule {rule}]"))


@kind("rows", CHECK)
def key_twice(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("contracts", "usage", "tickets", "invoices", "accounts"))
    rows = company.rows(table)
    company.put(table, pd.concat([rows, rows.loc[_some(rng, rows)]]))
    return Refused(3, (table, "[rule key_unique]"))


@kind("rows", CHECK)
def orphan(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("contracts", "usage", "tickets", "invoices"))
    count = _spoil(rng, company, table, "account_id", rng.choice(("nobody", "a00001", "A00001 ", "1")))
    return _counted(table, "account_id", count, "account_id_exists")


@kind("rows", CHECK)
def empty_required_value(rng: random.Random, company: Company) -> Refused:
    table, column = rng.choice(
        (("accounts", "account_id"), ("contracts", "arr"), ("contracts", "start_on"), ("contracts", "currency"),
         ("usage", "day"), ("tickets", "opened_at"), ("invoices", "issued_on"), ("tickets", "ticket_id"))
    )  # fmt: skip
    count = _spoil(rng, company, table, column, None)
    return _counted(table, column, count, f"{column}_not_null")


@kind("rows", CHECK)
def below_zero(rng: random.Random, company: Company) -> Refused:
    table, column = rng.choice(
        (("contracts", "arr"), ("contracts", "seats"), ("usage", "events"), ("usage", "minutes"))
    )
    count = _spoil(rng, company, table, column, -rng.randrange(1, 1000))
    return _counted(table, column, count, f"{column}_range")


@kind("rows", CHECK)
def beyond_all_bounds(rng: random.Random, company: Company) -> Refused:
    """Beyond 1e15 it is no number that any sum could bear."""
    table, column = rng.choice(
        (("contracts", "arr"), ("usage", "minutes"), ("invoices", "amount"), ("tickets", "csat"))
    )
    value = rng.choice((1e15, 1e300))
    count = _spoil(rng, company, table, column, value)
    return _counted(table, column, count, f"{column}_range" if value == 1e15 else "type")


@kind("rows", CHECK)
def ends_before_it_begins(rng: random.Random, company: Company) -> Refused:
    rows = company.rows("contracts")
    places = _some(rng, rows)
    early = pd.to_datetime(rows.loc[places, "start_on"].astype(str)) - pd.Timedelta(days=rng.randrange(1, 400))
    rows["end_on"] = rows["end_on"].astype(object)
    rows.loc[places, "end_on"] = early.dt.date
    company.put("contracts", rows)
    return _counted("contracts", "end_on", len(places), "end_after_start")


@kind("rows", CHECK)
def unknown_word(rng: random.Random, company: Company) -> Refused:
    """A priority under another name would open no alert, a currency without a rate would count as nothing."""
    table, column, rule, values = rng.choice(
        (("tickets", "priority", "priority_set", ("P1", "Urgent", "urgent ", "")),
         ("contracts", "currency", "currency_has_rate", ("usd", "US$", "JPY", "USD ", "")))
    )  # fmt: skip
    count = _spoil(rng, company, table, column, rng.choice(values))
    return _counted(table, column, count, rule)


@kind("rows", CHECK)
def stored_before_it_happened(rng: random.Random, company: Company) -> Refused:
    rows = company.rows("tickets")
    known = rows[rows["opened_at"] < pd.Timestamp("2026-06-29")]
    places = _some(rng, known)
    rows.loc[places, "loaded_at"] = rows.loc[places, "opened_at"] - pd.Timedelta(hours=rng.randrange(2, 90))
    company.put("tickets", rows)
    return Refused(3, ("tickets.opened_at", f"({len(places)} rows", "[rule not_after_load]"))


@kind("rows", CHECK)
def out_of_date(rng: random.Random, company: Company) -> Refused:
    """Usage that stopped arriving would pass for silence of every customer."""
    rows = company.rows("usage")
    days = pd.to_datetime(rows["day"].astype(str))
    company.put("usage", rows[days < days.max() - pd.Timedelta(days=rng.randrange(10, 90))])
    return Refused(3, ("usage", "[rule not_stale]"))


@kind("rows", CHECK)
def no_row(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    company.put(table, company.rows(table).head(0))
    return Refused(3, (table, "[rule not_empty]"))


@kind("rows", CHECK)
def text_for_a_number(rng: random.Random, company: Company) -> Refused:
    """One value far down in a CSV that does not cast is counted with its key (SRC-2, SRC-10)."""
    table, column, wrong = rng.choice(
        (("usage", "events", "many"), ("usage", "events", "3.5"), ("contracts", "arr", "1,000"),
         ("usage", "day", "06/31/2026"), ("contracts", "seats", "1e400"), ("invoices", "amount", "12 EUR"),
         ("tickets", "csat", "4/5"),
         ("contracts", "trial", "perhaps"), ("tickets", "opened_at", "31.12.2025 10:00"), ("usage", "events", "0x10"))
    )  # fmt: skip
    company.as_csv(table, **{column: {rng.randrange(40, 70): wrong}})
    return Refused(3, (f"{table}.{column}", "(1 row,"))


@kind("rows", CHECK)
def other_type(rng: random.Random, company: Company) -> Refused:
    """A whole column that is something else."""
    table, column, values = rng.choice(
        (("usage", "day", pa.array([True, False])), ("contracts", "arr", pa.array([b"\xff", b"x"])),
         ("tickets", "opened_at", pa.array(["noon", "night"])),
         ("invoices", "issued_on", pa.array([{"a": 1}, {"a": 2}])),
         ("usage", "events", pa.array([[1], [2]])), ("contracts", "seats", pa.array(["few", "some"])))
    )  # fmt: skip
    rows = company.arrow(table)
    filled = values.take(pa.array([i % 2 for i in range(len(rows))]))
    company.put_arrow(table, rows.set_column(rows.column_names.index(column), column, filled))
    return Refused(3, (table, column))


@kind("rows")
def broken_file(rng: random.Random, company: Company) -> Refused:
    path = company.folder / f"{rng.choice(NAMES)}.parquet"
    data = path.read_bytes()
    cut = rng.randrange(1, len(data) - 8)
    path.write_bytes(
        rng.choice((data[:cut], data[: cut // 2] + b"\0" * 8, b"PAR1" + data[cut:], b"", b"not parquet at all"))
    )
    return Refused(3, (path.stem, "[rule readable]"))


@kind("rows")
def damaged_in_the_middle(rng: random.Random, company: Company) -> Refused:
    """Bytes overwritten within the pages: what cannot be decoded is said, whatever the file's end promises."""
    path = company.folder / f"{rng.choice(('usage', 'tickets'))}.parquet"
    data = bytearray(path.read_bytes())
    data[8 : len(data) // 2] = bytes(len(data) // 2 - 8)
    path.write_bytes(bytes(data))
    return Refused(3, (path.stem, "[rule readable]"))


@kind("rows")
def file_not_there(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    (company.folder / f"{table}.parquet").unlink()
    return Refused(2, (table,))
