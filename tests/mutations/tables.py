"""The company's tables: delivered in another way they have no effect; a changed fact moves its account (SRC-2)."""

import random
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.mutations.kinds import (
    AS_OF,
    Changes,
    Company,
    NoEffect,
    Refused,
    account_ids,
    busy_account,
    columns,
    kind,
)
from tests.mutations.mappings import FOLLOWS_A_FEATURE, NAMES, OF_USAGE
from tests.mutations.results import ALERTED

TODAY = date.fromisoformat(AS_OF)
WIDER = {
    pa.string(): (pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()),
    pa.int64(): (pa.int32(), pa.float64(), pa.decimal128(18, 3), pa.string()),
    pa.float64(): (pa.string(),),
    pa.date32(): (pa.timestamp("us"), pa.timestamp("ms"), pa.string()),
    pa.bool_(): (pa.string(),),
    pa.timestamp("us"): (pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.string()),
}
"""Other types in which a source may hold the same values."""


@kind("tables")
def rows_shuffled(rng: random.Random, company: Company) -> NoEffect:
    for name in NAMES:
        rows = company.arrow(name)
        company.put_arrow(name, rows.take(pa.array(np.random.default_rng(rng.randrange(99)).permutation(len(rows)))))
    return NoEffect()


@kind("tables")
def other_types(rng: random.Random, company: Company) -> NoEffect:
    """The same values in other types of parquet: the snapshot is the same."""
    rows = company.arrow(name := rng.choice(NAMES))
    for place, field in enumerate(rows.schema):
        if field.type in WIDER and rng.random() < 0.5:
            rows = rows.set_column(place, field.name, rows[field.name].cast(rng.choice(WIDER[field.type])))
    company.put_arrow(name, rows)
    return NoEffect()


@kind("tables")
def as_csv(rng: random.Random, company: Company) -> NoEffect:
    company.as_csv(rng.choice(NAMES))
    return NoEffect()


@kind("tables")
def in_parts(rng: random.Random, company: Company) -> NoEffect:
    """A folder of parquet files is a table."""
    rows = company.arrow(name := rng.choice(NAMES))
    (company.folder / f"{name}.parquet").unlink()
    (company.folder / name).mkdir()
    cut = rng.randrange(1, len(rows))
    for part, piece in enumerate((rows.slice(0, cut), rows.slice(cut))):
        pq.write_table(piece, company.folder / name / f"part-{part}.parquet", row_group_size=rng.choice((7, 1000)))
    return NoEffect()


@kind("tables")
def more_columns(rng: random.Random, company: Company) -> NoEffect:
    """Columns that no mapping names, and files that nobody asks for."""
    rows = company.arrow(name := rng.choice(NAMES))
    company.put_arrow(
        name, rows.append_column(rng.choice(("salary", "x y", "quarantine_reason")), pa.array([7] * len(rows)))
    )
    (company.folder / "other.csv").write_text('broken\n"')
    return NoEffect()


@kind("tables")
def names_in_capitals(rng: random.Random, company: Company) -> Refused:
    """DuckDB finds the column in any case and gives it back in the source's: refused with the name that is meant."""
    rows = company.arrow(name := rng.choice(NAMES))
    company.put_arrow(name, rows.rename_columns([c.upper() for c in rows.column_names]))
    return Refused(2, (name, "`ACCOUNT_ID` (did you mean `account_id`?)"))


@kind("tables")
def instants_with_an_offset(rng: random.Random, company: Company) -> NoEffect:
    """The same instant written in another zone, as a type or as text (SRC-10)."""
    zone = rng.choice(("Europe/Berlin", "Asia/Kolkata", "America/New_York"))
    rows = company.arrow("tickets")
    for place, field in enumerate(rows.schema):
        if field.type == pa.timestamp("us"):
            zoned = pc.assume_timezone(rows[field.name], "UTC").cast(pa.timestamp("us", zone))
            if rng.random() < 0.5:
                texts = [None if v is None else v.isoformat() for v in zoned.to_pylist()]
                zoned = pa.chunked_array([pa.array(texts, pa.string())])
            rows = rows.set_column(place, field.name, zoned)
    company.put_arrow("tickets", rows)
    return NoEffect()


@kind("tables")
def nan_for_missing(rng: random.Random, company: Company) -> NoEffect:
    """NaN is how files write a number that is missing."""
    rows = company.arrow("tickets")
    values = [float("nan") if v is None else v for v in rows["csat"].to_pylist()]
    company.put_arrow("tickets", rows.set_column(rows.column_names.index("csat"), "csat", pa.array(values)))
    return NoEffect()


@kind("tables")
def known_after_as_of(rng: random.Random, company: Company) -> Changes:
    """What happens from as_of on is not known then: added, changed or taken out, nothing moves (FEA-3).

    But for one count: `not_empty` looks at the table as it was delivered, and says how many rows that were.
    """
    usage = company.rows("usage")
    late = usage["day"] >= TODAY
    assert late.any()
    how = rng.choice(("changed", "gone", "new", "ticket", "paid"))
    if how == "changed":
        usage.loc[late, "events"] *= 7
    elif how == "gone":
        usage = usage[~late]
    elif how == "new":
        more = usage[late].assign(user_id="new", day=TODAY + timedelta(days=rng.randrange(0, 2)))
        more["loaded_at"] = pd.to_datetime(more["day"].astype(str)) + pd.Timedelta(days=1, hours=3)
        usage = pd.concat([usage, more.drop_duplicates(["account_id", "day", "feature"])])
    company.put("usage", usage)
    if how == "ticket":
        tickets = company.rows("tickets")
        at = pd.Timestamp(AS_OF) + pd.Timedelta(minutes=rng.randrange(1, 900))
        new = tickets.tail(1).assign(ticket_id="new", priority="urgent", opened_at=at, loaded_at=at)
        new[["first_response_at", "closed_at"]] = None
        company.put("tickets", pd.concat([tickets, new]))
    if how == "paid":
        invoices = company.rows("invoices")
        unpaid = invoices["paid_at"].isna()
        assert unpaid.any()
        invoices.loc[unpaid, "paid_at"] = pd.Timestamp(AS_OF) + pd.Timedelta(hours=rng.randrange(1, 48))
        company.put("invoices", invoices)
    return Changes({}, columns(check_results="observed"))


@kind("tables")
def ids_with_leading_zeros(rng: random.Random, company: Company) -> NoEffect:
    """An id is text: 00042 stays 00042, from CSV as well."""
    (old,) = account_ids(rng, company)
    new = old.replace("A", "0", 1)
    for name in NAMES:
        rows = company.rows(name)
        company.put(name, rows.assign(account_id=rows["account_id"].where(rows["account_id"] != old, new)))
        if rng.random() < 0.3:
            company.as_csv(name)
    return NoEffect(renamed={old: new})


@kind("tables")
def events_of_one_account(rng: random.Random, company: Company) -> Changes:
    """More events on one day: the features of that account that count them; no other account's."""
    account = busy_account(rng, company)
    usage = company.rows("usage")
    recent = usage.index[(usage["account_id"] == account) & (usage["day"] >= date(2026, 6, 3)) & (usage["day"] < TODAY)]
    usage.loc[recent[rng.randrange(len(recent))], "events"] += rng.randrange(5, 40)
    company.put("usage", usage)
    return Changes(
        columns(features="events_28d"),
        columns(
            features="events_per_seat_28d events_per_use_28d usage_trend usage_change_point usage_against_last_year"
            " season"
        ),
        FOLLOWS_A_FEATURE,
        frozenset({account}),
        rows=ALERTED,
    )


@kind("tables")
def account_falls_silent(rng: random.Random, company: Company) -> Changes:
    """No use for twenty days opens `no_usage` for exactly that account."""
    account = busy_account(rng, company)
    usage = company.rows("usage")
    silent = (usage["account_id"] == account) & (usage["day"] >= TODAY - timedelta(days=20))
    company.put("usage", usage[~silent])
    return Changes(
        columns(features="days_since_last_use active_days_28d", alerts="*", health_scores="health"),
        OF_USAGE,
        {**FOLLOWS_A_FEATURE, "check_results": FOLLOWS_A_FEATURE["check_results"] | {"success", "failed_rows"}},
        frozenset({account}),
        rows=ALERTED,
    )


@kind("tables")
def account_taken_out(rng: random.Random, company: Company) -> Changes:
    """All rows of one account gone: its rows go from every mart; features of all others stay."""
    (account,) = account_ids(rng, company)
    for name in NAMES:
        rows = company.rows(name)
        company.put(name, rows[rows["account_id"] != account])
    scores = FOLLOWS_A_FEATURE["health_scores"] | {"high_value"}
    checks = FOLLOWS_A_FEATURE["check_results"] | {"success", "failed_rows"}  # its newest row may be the table's
    return Changes(
        columns(health_scores="*", features="*", factors="*", dim_account="*"),
        columns(dim_csm="accounts arr"),
        {**FOLLOWS_A_FEATURE, "health_scores": scores, "check_results": checks},
        frozenset({account}),
        rows=ALERTED | {"health_scores", "features", "factors", "dim_account", "dim_csm", "signal_catalogue"},
    )


@kind("tables")
def csm_of_one_account(rng: random.Random, company: Company) -> Changes:
    """The new CSM in the score and the dimensions; next steps that the CSM owns go to the new one."""
    (account,) = account_ids(rng, company)
    accounts = company.rows("accounts")
    newest = accounts.index[accounts["account_id"] == account][-1]
    accounts.loc[newest, "csm"] = "Zoë O'Neil"
    company.put("accounts", accounts)
    csms = company.published("health_scores").set_index("account_id")["csm"].to_dict()
    return Changes(
        columns(health_scores="csm", dim_account="csm", dim_csm="*"),
        columns(health_scores="action_owner", dim_csm="accounts arr"),
        accounts=frozenset({account}),
        values={"csm": {**csms, account: "Zoë O'Neil"}},
        rows=frozenset({"dim_csm"}),
    )


@kind("tables")
def name_of_one_account(rng: random.Random, company: Company) -> Changes:
    """A name is data: whatever it holds, it stands where the name stands and nowhere else (TRU-4)."""
    (account,) = account_ids(rng, company)
    name = rng.choice(
        ("<script>alert(1)</script>", "=cmd()", "Robert'); DROP TABLE x;--", "../../etc", "Ω" * 300, "NULL", " ")
    )
    accounts = company.rows("accounts")
    accounts.loc[accounts["account_id"] == account, "name"] = name
    company.put("accounts", accounts)
    names = company.published("health_scores").set_index("account_id")["name"].to_dict()
    return Changes(
        columns(health_scores="name", dim_account="name"),
        accounts=frozenset({account}),
        values={"name": {**names, account: name}},
    )


@kind("tables")
def country_in_small_letters(rng: random.Random, company: Company) -> Changes:
    """A warning is counted with its rows and keys; the run goes on."""
    account, *more = account_ids(rng, company, rng.randrange(1, 4))
    accounts = company.rows("accounts")
    mine = accounts["account_id"].isin([account, *more])
    accounts.loc[mine, "country"] = accounts.loc[mine, "country"].str.lower()
    company.put("accounts", accounts)
    return Changes(
        columns(check_results="success failed_rows sample_keys", dim_account="country"),
        columns(check_results="observed"),
        accounts=frozenset({account, *more}),
    )
