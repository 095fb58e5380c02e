"""Mistakes in pipeline.toml: each is exit 2 and names the key, before anything is read (TRU-3)."""

import random
from collections.abc import Sequence

from tests.mutations.kinds import Company, Refused, kind

KNOWN = (
    ("health", "minimum_coverage", 0.3), ("health", "penalty_points", 25), ("health.bands", "critical_below", 50),
    ("money", "churn_grace_days", 30), ("tiers", "immediate_below", 50), ("alerts", "silent_days", 14),
    ("alerts", "drop_points", 15), ("alerts.clocks", "plan_hours", 24), ("outreach", "calls_per_week", 15),
    ("checks", "stale_factor", 7), ("models.drift", "bins", 10), ("labels", "churn_horizon_days", 90),
    ("promotion", "shadow_days", 30), ("work", "cause_days", 90), ("weekly", "trend_weeks", 13),
)  # fmt: skip
"""Section, key and default of settings of every part of the file."""

OUT_OF_BOUNDS = (
    ("health", "minimum_coverage", "1.5"), ("health", "minimum_coverage", "-0.1"),
    ("health.bands", "critical_below", "101"), ("health", "minimum_peers", "-1"), ("money", "high_value_share", "2"),
    ("money", "churn_grace_days", "-30"),
    ("tiers", "urgent_risk", "50"), ("alerts", "silent_days", "-14"), ("alerts", "storm_share", "20"),
    ("alerts.clocks", "assess_hours", "0"), ("outreach", "calls_per_day", "0"), ("outreach", "hold_out_share", "0.9"),
    ("checks", "outlier_share", "-0.01"), ("models.drift", "false_discovery_rate", "5"),
    ("labels", "promoter_from", "90"),
)  # fmt: skip


def misspelt(rng: random.Random, word: str) -> str:
    """The word with two letters exchanged, or one lost or doubled."""
    place = rng.randrange(1, len(word) - 2)
    if word[place] == word[place + 1]:
        return word[:place] + word[place + 1 :]
    return rng.choice(
        (
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
        )
    )


def _pick(rng: random.Random, of: Sequence[tuple[str, str, object]]) -> tuple[str, str, object]:
    return of[rng.randrange(len(of))]


@kind("settings")
def unknown_key(rng: random.Random, company: Company) -> Refused:
    section, _, _ = _pick(rng, KNOWN)
    key = "".join(rng.choices("abcdefghijklmnop", k=9))
    value = rng.choice(("1", '"x"', "true", "[1]", "{ a = 1 }"))
    company.set(section, f"{key} = {value}")
    return Refused(2, ("unknown key", f"{section}.{key}"))


@kind("settings")
def misspelt_key(rng: random.Random, company: Company) -> Refused:
    section, key, value = _pick(rng, KNOWN)
    wrong = misspelt(rng, key)
    company.set(section, f"{wrong} = {value}")
    return Refused(2, (f"{section}.{wrong}", f"did you mean `{section}.{key}`"))


@kind("settings")
def misspelt_section(rng: random.Random, company: Company) -> Refused:
    section = rng.choice(("health", "money", "alerts", "outreach", "checks", "models", "promotion"))
    wrong = misspelt(rng, section)
    company.config.write_text(company.config.read_text().replace("[money]", "[money]\n") + f"\n[{wrong}]\n")
    return Refused(2, (f"`{wrong}`", f"did you mean `{section}`"))


@kind("settings")
def misspelt_table(rng: random.Random, company: Company) -> Refused:
    """A table that every company needs under a wrong name is missing as well."""
    table = rng.choice(("accounts", "contracts", "usage", "tickets", "invoices"))
    wrong = misspelt(rng, table)
    company.config.write_text(company.config.read_text().replace(f"[tables.{table}]", f"[tables.{wrong}]"))
    return Refused(2, (wrong, table))


@kind("settings")
def wrong_type(rng: random.Random, company: Company) -> Refused:
    """A number given as words, list, table, date or boolean: `true` is no 1."""
    section, key, _ = _pick(rng, KNOWN)
    value = rng.choice(('"many"', "[1]", "{ a = 1 }", "2026-06-01", "true", '""'))
    company.set(section, f"{key} = {value}")
    return Refused(2, (f"`{section}.{key}",))


@kind("settings")
def fraction_of_a_whole_number(rng: random.Random, company: Company) -> Refused:
    section, key = rng.choice((("health", "minimum_peers"), ("models.drift", "bins"), ("outreach", "calls_per_day")))
    company.set(section, f"{key} = {rng.randrange(2, 9)}.5")
    return Refused(2, (f"{section}.{key}",))


@kind("settings")
def out_of_bounds(rng: random.Random, company: Company) -> Refused:
    section, key, value = _pick(rng, OUT_OF_BOUNDS)
    company.set(section, f"{key} = {value}")
    return Refused(2, (f"{section}.{key}",))


@kind("settings")
def no_number(rng: random.Random, company: Company) -> Refused:
    """What is no number, or has no end, would empty the book or publish `inf`."""
    section, key = rng.choice(
        (("health.weights", "usage"), ("health", "minimum_coverage"), ("alerts", "drop_points"),
         ("tiers", "urgent_risk"), ("alerts.clocks", "plan_hours"), ("money", "high_value_arr"),
         ("checks", "volume_high"))
    )  # fmt: skip
    company.set(section, f"{key} = {rng.choice(('nan', 'inf', '-inf', '+nan', '1e400'))}")
    return Refused(2, (section, key))


@kind("settings")
def too_large(rng: random.Random, company: Company) -> Refused:
    """A number that no date or memory bears would pass the doctor and fail every run."""
    section, key, _ = _pick(rng, KNOWN)
    company.set(section, f"{key} = {rng.choice(('1e13', '99999999999999', '1e300', '9' * 30))}")
    return Refused(2, (f"{section}.{key}",))


@kind("settings")
def rate_that_is_none(rng: random.Random, company: Company) -> Refused:
    rate = rng.choice(("0", "-1.08", "nan", "inf", '"1,08"', "true"))
    company.config.write_text(company.config.read_text().replace("EUR = 1.08", f"EUR = {rate}"))
    return Refused(2, ("money.fx_rates", "EUR"))


@kind("settings")
def negative_weight(rng: random.Random, company: Company) -> Refused:
    component = rng.choice(("usage", "adoption", "support", "billing"))
    section = rng.choice(("health.weights", "health.segment_weights.mid-market"))
    company.set(section, f"{component} = -{rng.randrange(1, 9)}.5")
    return Refused(2, (section,))


@kind("settings")
def unknown_component(rng: random.Random, company: Company) -> Refused:
    component = misspelt(rng, rng.choice(("usage", "adoption", "support", "billing")))
    company.set("health.weights", f"{component} = 0.5")
    return Refused(2, ("health.weights", component))


@kind("settings")
def no_order(rng: random.Random, company: Company) -> Refused:
    """Bounds that cross each other: nobody could be in between."""
    low, high = rng.randrange(71, 99), rng.randrange(1, 49)
    section, lines = rng.choice(
        (("health.bands", f"critical_below = {low}"), ("health.bands", f"healthy_above = {high}"),
         ("tiers", f"immediate_below = {low}\nautomated_above = {high}"),
         ("checks", f"fresh_factor = {low}\nstale_factor = {high}"), ("checks", f"volume_high = 0.{high:02}"),
         ("alerts.hours", 'opens = "18:00:00"'), ("alerts.guard", "back_share = 0.5"))
    )  # fmt: skip
    company.set(section, lines)
    return Refused(2, (section,))


@kind("settings")
def table_taken_out(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("accounts", "contracts", "usage"))
    text = company.config.read_text()
    start = text.index(f"[tables.{table}]")
    company.config.write_text(text[:start] + text[text.index("[", start + 1) :])
    return Refused(2, (f"tables.{table}",))


@kind("settings")
def key_twice(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("accounts", "contracts", "usage", "tickets", "invoices"))
    if rng.random() < 0.5:
        company.set(f"tables.{table}", f'sql = "sql/{table}.sql"')
    else:
        company.config.write_text(company.config.read_text() + f'\n[tables.{table}]\nsql = "sql/{table}.sql"\n')
    return Refused(2, ("not valid TOML",))


@kind("settings")
def broken_toml(rng: random.Random, company: Company) -> Refused:
    wrong = rng.choice(("[health", "health = ", "a = 'b", "x = {", "= 3", "[[tables]]", "key value", 'a = "\\q"'))
    company.config.write_text(company.config.read_text() + f"\n{wrong}\n")
    return Refused(2, ("pipeline.toml",))


@kind("settings")
def unset_variable(rng: random.Random, company: Company) -> Refused:
    name = f"KEEPWELL_TEST_{rng.randrange(1000)}"
    section, key = rng.choice((("source", "url"), ("money", "reporting_currency"), ("health", "minimum_coverage")))
    text = company.config.read_text().replace('url = "."\n', "").replace('reporting_currency = "USD"\n', "")
    if section != "source":
        text = text.replace("[source]", '[source]\nurl = "."')
    company.config.write_text(text)
    company.set(section, f'{key} = "${{{name}}}"')
    return Refused(2, (name, "not set"))


@kind("settings")
def wrong_zone(rng: random.Random, company: Company) -> Refused:
    """An empty zone of the schedule is the team's: that is no mistake, and none of these."""
    section = rng.choice(("schedule", "alerts.hours"))
    zone = rng.choice(("Europe/Berlyn", "Mars/Olympus", "+02:00", " ", "Europe", "../etc/localtime"))
    company.set(section, f'timezone = "{zone}"')
    return Refused(2, (f"{section}.timezone",))


@kind("settings")
def wrong_cron(rng: random.Random, company: Company) -> Refused:
    key = rng.choice(("daily", "sweep", "monthly", "weekly", "quarterly"))
    company.set(
        "schedule", f'{key} = "{rng.choice(("daily", "0 25 * * *", "0 5 * *", "* * * * * * * *", "0 5 31 2 *"))}"'
    )
    return Refused(2, (f"schedule.{key}",))


@kind("settings")
def unknown_rule(rng: random.Random, company: Company) -> Refused:
    rule = misspelt(rng, "outliers")
    company.set(f'checks.overrides."usage.events_{rule}"', 'severity = "info"\nreason = "robots"')
    return Refused(2, (f"events_{rule}", "events_outliers"))


@kind("settings")
def override_without_reason(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("usage", "contracts", "invoices"))
    reason = rng.choice(("", 'reason = ""', "reason = 3"))
    company.set(f'checks.overrides."{table}.key_unique"', f'severity = "warning"\n{reason}')
    return Refused(2, ("reason",))


@kind("settings")
def source_not_there(rng: random.Random, company: Company) -> Refused:
    url = rng.choice(("nowhere", "duckdb://none.duckdb", "sqlite://none.db", "parquet:///x", "postgre://x/y"))
    company.config.write_text(company.config.read_text().replace('url = "."', f'url = "{url}"'))
    return Refused(2, ("source.url",))


@kind("settings")
def mapping_not_there(rng: random.Random, company: Company) -> Refused:
    table = rng.choice(("accounts", "contracts", "usage", "tickets", "invoices"))
    path = rng.choice((f"sql/{table}2.sql", "sql", ""))
    text = company.config.read_text().replace(f'sql = "sql/{table}.sql"', f'sql = "{path}"')
    company.config.write_text(text)
    return Refused(2, ("mapping",))
