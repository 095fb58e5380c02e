"""Mappings: the same SELECT in other words has no effect; what is no single SELECT is exit 2 (SRC-2, SRC-4)."""

import random
import re

from keepwell.features.facts.canonical import TABLES
from tests.mutations.kinds import CHECK, Changes, Company, NoEffect, Refused, busy_account, columns, kind
from tests.mutations.results import ALERTED
from tests.mutations.settings import misspelt

NAMES = ("accounts", "contracts", "usage", "tickets", "invoices")
FOLLOWS_A_FEATURE = columns(
    signal_catalogue="fill_rate accounts_share first last features blind_spot",
    health_scores="health health_computed band tier tier_reason tier_since coverage factor_1 factor_2 factor_3"
    " next_action action_id action_recommended_on action_owner action_due action_state summary"
    " component_usage component_adoption component_support"
    " component_sentiment component_billing component_commercial",
    factors="rank value reference scale points confidence coverage weight contribution pull observed_on text",
    check_results="rows observed says", cases="severity triggers trigger_count",
    next_actions="action kind reason owner tier due_on recommended_on",
)  # fmt: skip
"""What may follow where a feature moves: factors and scores, of the accounts that are compared with it as well."""
OF_USAGE = columns(
    features="events_28d minutes_28d features_used_28d adoption_velocity seat_utilisation active_users_28d usage_trend"
    " active_users_trend usage_against_last_year events_per_seat_28d events_per_use_28d usage_change_point"
    " breadth_change_point season days_since_last_use active_days_28d",
)
"""Features that rest on usage."""


def _given(company: Company, table: str) -> list[str]:
    """The columns that a mapping names."""
    return re.findall(r"^\s+(\w+),?$", company.sql(table).read_text(), re.MULTILINE)


@kind("mapping")
def comments(rng: random.Random, company: Company) -> NoEffect:
    path = company.sql(rng.choice(NAMES))
    text = path.read_text()
    note = rng.choice(("-- a note; DROP TABLE x\n", "/* DELETE FROM x; */", "/* a\nb */ ", "--\n"))
    path.write_text(rng.choice((note + text, text + "\n" + note, text.replace("FROM", note + "FROM"))))
    return NoEffect()


@kind("mapping")
def layout(rng: random.Random, company: Company) -> NoEffect:
    """White space, case of keywords, a semicolon at the end."""
    path = company.sql(rng.choice(NAMES))
    text = path.read_text()
    text = rng.choice((" ".join(text.split()), text.replace(" ", "\t"), "\n\n" + text.replace("\n", "\n\n")))
    text = text.replace("SELECT", rng.choice(("select", "Select", "SELECT"))).replace("FROM", "from")
    path.write_text(text.strip() + rng.choice(("", ";", " ;\n", ";\n\n", ";\n-- end\n")))
    return NoEffect()


@kind("mapping")
def other_words(rng: random.Random, company: Company) -> NoEffect:
    """Through an alias, a common table expression, a sub-query, `*`, quoted names."""
    table = rng.choice(NAMES)
    path, names = company.sql(table), _given(company, table)
    listed = ", ".join(names)
    quoted = '"' + '", "'.join(names) + '"'
    path.write_text(
        rng.choice(
            (
                f"SELECT {', '.join(f't.{n} AS {n}' for n in names)} FROM {table} AS t",
                f"WITH all_rows AS (SELECT * FROM {table}) SELECT {listed} FROM all_rows",
                f"SELECT {listed} FROM (SELECT * FROM {table}) AS inner_rows",
                f"SELECT * FROM {table}",
                f'SELECT {quoted} FROM "{table}"',
                f"SELECT {listed.upper()} FROM {table} WHERE 1 = 1",
                f"(SELECT {listed} FROM {table})",
            )
        )
    )
    return NoEffect()


@kind("mapping")
def order_of_columns_and_rows(rng: random.Random, company: Company) -> NoEffect:
    table = rng.choice(NAMES)
    names = _given(company, table)
    rng.shuffle(names)
    order = rng.choice(("", f" ORDER BY {rng.choice(names)} DESC", f" ORDER BY {names[0]}, {names[-1]}"))
    company.sql(table).write_text(f"SELECT {', '.join(names)} FROM {table}{order}")
    return NoEffect()


@kind("mapping")
def numbers_as_text(rng: random.Random, company: Company) -> NoEffect:
    """A number, date or truth as text is the same value: text is cast by the canonical schema (SRC-2)."""
    table = rng.choice(NAMES)
    text = company.sql(table).read_text()
    typed = [
        c.name
        for c in TABLES[table].columns
        if c.type != "string" and re.search(rf"^    {c.name}\b", text, re.MULTILINE)
    ]
    for name in rng.sample(typed, rng.randrange(1, len(typed) + 1)):
        text = re.sub(rf"^    {name}\b", f"    CAST({name} AS VARCHAR) AS {name}", text, count=1, flags=re.MULTILINE)
    company.sql(table).write_text(text)
    return NoEffect()


@kind("mapping")
def column_too_many(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    path, near = company.sql(table), rng.choice(_given(company, table)[1:-1])
    wrong = misspelt(rng, near) if len(near) > 4 else f"{near}_of_it"
    path.write_text(path.read_text().replace("SELECT", f"SELECT 1 AS {wrong},", 1))
    return Refused(2, (table, wrong))


@kind("mapping")
def column_renamed(rng: random.Random, company: Company) -> Refused:
    """A column under a wrong name is refused with the right one near."""
    table = rng.choice(NAMES)
    path, near = company.sql(table), rng.choice([n for n in _given(company, table)[1:-1] if len(n) > 4])
    wrong = misspelt(rng, near)
    path.write_text(re.sub(rf"^    {near}\b", f"    {near} AS {wrong}", path.read_text(), flags=re.MULTILINE))
    return Refused(2, (table, wrong, f"did you mean `{near}`"))


@kind("mapping", CHECK)
def required_column_missing(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    names = [c.name for c in TABLES[table].columns if c.required]
    gone = rng.choice(names)
    path = company.sql(table)
    path.write_text(re.sub(rf"^    {gone},\n", "", path.read_text(), flags=re.MULTILINE))
    return Refused(3, (table, gone))


@kind("mapping")
def optional_column_missing(rng: random.Random, company: Company) -> Changes:
    """What rests on the column is not known, rather than zero; its rules are not judged; all other features stay."""
    table, gone, features = rng.choice(
        (("invoices", "disputed_at", "disputes_180d"), ("invoices", "(?:first_)?failed_at", "payment_failures_90d"),
         ("tickets", "text", "ticket_sentiment_90d ticket_sentiment_trend"), ("usage", "minutes", "minutes_28d"),
         ("contracts", "seats", "paid_seats seat_utilisation events_per_seat_28d tickets_per_seat_90d"))
    )  # fmt: skip
    path = company.sql(table)
    path.write_text(re.sub(rf"^    {gone},\n", "", path.read_text(), flags=re.MULTILINE))
    return Changes(
        columns(features=features),
        {
            **FOLLOWS_A_FEATURE,
            **columns(
                check_results="rows failed_rows observed says success not_judged",
                signal_catalogue="fill_rate accounts_share first last features blind_spot update_frequency"
                " accessibility source_system",
            ),
        },
        rows=frozenset({"check_results", "signal_catalogue"}) | ALERTED,
    )


@kind("mapping")
def second_statement(rng: random.Random, company: Company) -> Refused:
    path = company.sql(rng.choice(NAMES))
    more = rng.choice(("SELECT 1", "DROP TABLE usage", "COPY usage TO 'x.csv'", "SET threads = 1"))
    path.write_text(f"{path.read_text().strip()};\n{more};\n")
    return Refused(2, (path.name, "one SELECT"))


@kind("mapping")
def no_select(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    company.sql(table).write_text(
        rng.choice(
            ("", "-- nothing\n", f"DROP TABLE {table}", f"DELETE FROM {table}", "CREATE TABLE x AS SELECT 1",
             f"INSERT INTO {table} SELECT * FROM {table}", f"COPY (SELECT * FROM {table}) TO 'x.csv'", "PRAGMA version",
             f"WITH x AS (SELECT 1) DELETE FROM {table}", "ATTACH 'x.db'", "INSTALL httpfs")
        )
    )  # fmt: skip
    return Refused(2, (f"{table}.sql",))


@kind("mapping")
def beyond_the_source(rng: random.Random, company: Company) -> Refused:
    """Files of the host, other folders and the network are none of a mapping's business."""
    table = rng.choice(NAMES)
    other = rng.choice(
        ("read_text('/etc/passwd')", "glob('/*')", "read_csv('https://127.0.0.1/x.csv')", "'/etc/passwd'",
         "read_parquet('../other/usage.parquet')", "duckdb_settings()", "read_blob('/etc/hostname')")
    )  # fmt: skip
    company.sql(table).write_text(f"SELECT * FROM {other}")
    return Refused(2, (f"{table}",))


@kind("mapping")
def wrong_sql(rng: random.Random, company: Company) -> Refused:
    """What does not parse, bind or find its functions is a wrong mapping, not wrong data."""
    table = rng.choice(NAMES)
    text = company.sql(table).read_text()
    company.sql(table).write_text(
        rng.choice(
            (text.replace("SELECT", "SELECT ((", 1), text.replace("SELECT", "SELCT", 1), f"{text} LIMIT -",
             text.replace("FROM", "FORM", 1), text.replace("SELECT", "SELECT no_function(loaded_at) AS x,", 1),
             f"{text} GROUP BY account_id",
             f"{text} WHERE loaded_at + 'x' > [1]", f"{text} WHERE",
             text.replace("SELECT", "SELECT account_id AS", 1))
        )
    )  # fmt: skip
    return Refused(2, (table,))


@kind("mapping")
def table_that_is_not_there(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    wrong = misspelt(rng, table)
    company.sql(table).write_text(company.sql(table).read_text().replace(f"FROM {table}", f"FROM {wrong}"))
    return Refused(2, (table, wrong))


@kind("mapping")
def column_that_is_not_there(rng: random.Random, company: Company) -> Refused:
    """What the source lacks is the data's fault: exit 3 with the column."""
    table = rng.choice(NAMES)
    company.sql(table).write_text(company.sql(table).read_text().replace("loaded_at", "stored_when AS loaded_at"))
    return Refused(3, (f"{table}.stored_when",))


@kind("mapping", CHECK)
def every_row_twice(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    text = company.sql(table).read_text().strip()
    company.sql(table).write_text(f"{text}\nUNION ALL\n{text} LIMIT {rng.choice((9, 99, 9999999))}")
    return Refused(3, (table, "key_unique"))


@kind("mapping", CHECK)
def joined_too_often(rng: random.Random, company: Company) -> Refused:
    """A join that multiplies rows: a key that stands twice."""
    table = rng.choice(("tickets", "invoices", "contracts"))
    listed = ", ".join(f"t.{name}" for name in _given(company, table))
    company.sql(table).write_text(f"SELECT {listed} FROM {table} t JOIN usage u USING (account_id)")
    return Refused(3, (table, "key_unique"))


@kind("mapping", CHECK)
def no_row(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(NAMES)
    text = company.sql(table).read_text()
    company.sql(table).write_text(text + rng.choice((" WHERE 1 = 0", " LIMIT 0", " WHERE loaded_at IS NULL")))
    return Refused(3, (f"{table}: must have at least one row",))


@kind("mapping")
def nothing_set_aside(rng: random.Random, company: Company) -> NoEffect:
    """A quarantine reason that no row has sets nothing aside."""
    table = rng.choice(NAMES)
    path = company.sql(table)
    never = rng.choice(("NULL", "CAST(NULL AS VARCHAR)", "CASE WHEN loaded_at IS NULL THEN 'late' END"))
    path.write_text(path.read_text().replace("SELECT", f"SELECT {never} AS quarantine_reason,", 1))
    return NoEffect(stamped=True)


@kind("mapping")
def usage_set_aside(rng: random.Random, company: Company) -> Changes:
    """Usage of one account is set aside with a reason: it is in `quarantine`, not in that account's features."""
    account = busy_account(rng, company)
    path = company.sql("usage")
    reason = f"CASE WHEN account_id = '{account}' AND day >= DATE '2026-06-01' THEN 'robot' END AS quarantine_reason"
    path.write_text(path.read_text().replace("SELECT", f"SELECT {reason},", 1))
    return Changes(
        columns(quarantine="*", features="events_28d minutes_28d active_days_28d"),
        OF_USAGE,
        FOLLOWS_A_FEATURE,
        frozenset({account}),
        rows=frozenset({"quarantine"}) | ALERTED,
    )
