"""The same text written in another way: no effect where it says the same, exit 2 where it is no text (TRU-3)."""

import random
import re
from pathlib import Path

from tests.mutations.kinds import Company, NoEffect, Refused, kind


def _any_text(rng: random.Random, company: Company) -> Path:
    """pipeline.toml, a mapping or the playbook."""
    return rng.choice((company.config, company.playbook(), *sorted((company.folder / "sql").glob("*.sql"))))


@kind("encoding")
def windows_lines(rng: random.Random, company: Company) -> NoEffect:
    path = _any_text(rng, company)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return NoEffect()


@kind("encoding")
def byte_order_mark(rng: random.Random, company: Company) -> NoEffect:
    """Editors of Windows put it before UTF-8; it is no part of the text."""
    path = _any_text(rng, company)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return NoEffect()


@kind("encoding")
def no_utf8(rng: random.Random, company: Company) -> Refused:
    path = _any_text(rng, company)
    line = "# für alle\n" if path.suffix == ".toml" else "-- für alle\n"
    encoding = rng.choice(("latin-1", "utf-16", "cp1252"))
    path.write_bytes((line + path.read_text()).encode(encoding))
    return Refused(2, (path.name, "UTF-8"))


@kind("encoding")
def cut_off(rng: random.Random, company: Company) -> Refused:
    """A file that was copied half: cut within its last section, or empty."""
    path = rng.choice((company.config, company.playbook()))
    text = path.read_text()
    path.write_text(rng.choice(("", text[: text.rindex('"')], text[: text.rindex("[") + 3])))
    return Refused(2, (path.name,))


@kind("encoding")
def toml_comments(rng: random.Random, company: Company) -> NoEffect:
    lines = company.config.read_text().splitlines()
    for _ in range(6):
        place = rng.randrange(len(lines))
        if rng.random() < 0.5:
            lines.insert(place, rng.choice(("# a note", "", "   ", '# sql = "x"', "\t# [health]")))
        elif "=" in lines[place] and "#" not in lines[place]:
            lines[place] = "  " + lines[place].replace(" = ", rng.choice(("=", "  =  ", "\t= "))) + "  # why"
    company.config.write_text("\n".join(lines))
    return NoEffect()


@kind("encoding")
def toml_order(rng: random.Random, company: Company) -> NoEffect:
    """Sections and keys in another order: tables are read in the order of the canonical ones."""
    sections = re.split(r"\n(?=\[)", company.config.read_text().strip())
    rng.shuffle(sections)
    mixed = []
    for section in sections:
        head, *keys = section.strip().splitlines()
        rng.shuffle(keys)
        mixed.append("\n".join([head, *keys]))
    company.config.write_text("\n\n".join(mixed) + "\n")
    return NoEffect()


@kind("encoding")
def toml_style(rng: random.Random, company: Company) -> NoEffect:
    """Other quotes, quoted keys, a section as dotted keys or inline."""
    text = company.config.read_text()
    table = rng.choice(("accounts", "contracts", "usage", "tickets", "invoices"))
    styles = (
        lambda t: re.sub(r'"([^"\\]*)"', r"'\1'", t),
        lambda t: t.replace(f"[tables.{table}]", f'["tables" . "{table}"]'),
        lambda t: re.sub(r"(expected_every_days) = (\d+)", r'"\1" = +\2', t),
        lambda t: t.replace('[source]\nurl = "."', 'source.url = "."'),
        lambda t: t.replace("{ EUR = 1.08, GBP = 1.27 }", "{GBP=1.27e0,'EUR'=1.0_8}"),
        lambda t: t.replace("fx_rates = { EUR = 1.08, GBP = 1.27 }", "fx_rates.GBP = 1.270\nfx_rates.EUR = 1.08"),
    )
    company.config.write_text(rng.choice(styles)(text))
    return NoEffect()


@kind("encoding")
def default_written_out(rng: random.Random, company: Company) -> NoEffect:
    """What is written as its default is as if it were not."""
    section, line = rng.choice(
        (("health", "minimum_coverage = 0.3"), ("health.bands", "critical_below = 50"), ("alerts", "silent_days = 14"),
         ("tiers", "holidays = []"), ("schedule", 'daily = "0 5 * * *"'), ("crm", 'kind = "ledger"'),
         ("alerts.hours", 'opens = "09:00:00"'), ("health.weights", "usage = 0.30"), ("models.drift", "bins = 10"))
    )  # fmt: skip
    company.set(section, line)
    return NoEffect()


@kind("encoding")
def setting_of_another_flow(rng: random.Random, company: Company) -> NoEffect:
    """What only other flows look at changes the day's run_id at most."""
    section, line = rng.choice(
        (("labels", "churn_horizon_days = 60"), ("models.candidates", "n_estimators = 50"),
         ("outreach", "calls_per_week = 9"), ("weekly", "trend_weeks = 5"), ("work", "cause_days = 30"),
         ("promotion", "shadow_days = 10"), ("reviews", "accounts = 20"),
         ("owners", 'default_csm = "kim"'), ("models.drift", "bins = 5"))
    )  # fmt: skip
    company.set(section, line)
    return NoEffect(stamped=True)
