"""Files of `work import`: written in another way they record the same; with one mistake, nothing (MON-3, TRU-3)."""

import csv
import io
import random
from collections.abc import Callable

import pandas as pd

from tests.mutations.kinds import IMPORT, Company, Refused, SameWork, kind
from tests.mutations.settings import misspelt

HEADER = ("what", "at", "account", "outcome", "cause", "kind", "note", "by")


def write_work(company: Company) -> None:
    """Calls, causes and interventions of every account."""
    accounts = sorted(company.published("health_scores")["account_id"])
    lines = []
    for i, account in enumerate(accounts):
        at = f"2026-06-{10 + i % 15:02}T09:{i:02}"
        lines.append(("call", at, account, ("reached", "no_answer")[i % 2], "", "", f"spoke, at length, {i}", "bo"))
        lines.append(("cause", at, account, "", ("price", "onboarding", "merger")[i % 3], "", "", "cy"))
        if i % 3 == 0:
            lines.append(("start", at, account, "", "", "training", 'says "soon"', ""))
    _write(company, [HEADER, *lines])


def _rows(company: Company) -> list[list[str]]:
    with company.work.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _write(company: Company, rows: list[list[str]] | list[tuple[str, ...]], **how: object) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)  # type: ignore[arg-type]
    company.work.write_bytes(text.getvalue().encode())


def _with(rng: random.Random, company: Company, column: str, new: Callable[[str], str], what: str = "") -> str:
    """Change one value of a row (of this kind of row); returns the account's id."""
    header, *rows = _rows(company)
    row = rng.choice([r for r in rows if not what or r[0] == what])
    place = header.index(column)
    row[place] = new(row[place])
    _write(company, [header, *rows])
    return row[2]


@kind("import", IMPORT)
def separators(rng: random.Random, company: Company) -> SameWork:
    _write(company, _rows(company), delimiter=rng.choice((";", "\t", ",")), lineterminator=rng.choice(("\n", "\r\n")))
    return SameWork()


@kind("import", IMPORT)
def quotes(rng: random.Random, company: Company) -> SameWork:
    _write(company, _rows(company), quoting=rng.choice((csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL)))
    return SameWork()


@kind("import", IMPORT)
def order_of_columns(rng: random.Random, company: Company) -> SameWork:
    frame = pd.DataFrame(_rows(company)[1:], columns=list(HEADER))
    order = rng.sample(HEADER, len(HEADER))
    _write(company, [order, *frame[order].to_numpy().tolist()])
    return SameWork()


@kind("import", IMPORT)
def order_of_rows(rng: random.Random, company: Company) -> SameWork:
    header, *rows = _rows(company)
    rng.shuffle(rows)
    _write(company, [header, *rows])
    return SameWork()


@kind("import", IMPORT)
def a_row_twice(rng: random.Random, company: Company) -> SameWork:
    """What was said twice was done once."""
    header, *rows = _rows(company)
    rows.insert(rng.randrange(len(rows)), rng.choice(rows))
    _write(company, [header, *rows])
    return SameWork()


@kind("import", IMPORT)
def blank_lines(rng: random.Random, company: Company) -> SameWork:
    lines = company.work.read_text(encoding="utf-8").splitlines()
    for _ in range(3):
        lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(("", ",,,,,,,")))
    company.work.write_text("\n".join(lines) + rng.choice(("", "\n", "\n\n\n")), encoding="utf-8")
    return SameWork()


@kind("import", IMPORT)
def byte_order_mark(rng: random.Random, company: Company) -> SameWork:
    company.work.write_bytes(b"\xef\xbb\xbf" + company.work.read_bytes())
    return SameWork()


@kind("import", IMPORT)
def empty_columns(rng: random.Random, company: Company) -> SameWork:
    """A column without a value is as if it were not there."""
    header, *rows = _rows(company)
    more = rng.sample(("id", "result", "metric", "target", "due", "value", "status", "owner"), rng.randrange(1, 5))
    _write(company, [[*header, *more], *([*row, *[""] * len(more)] for row in rows)])
    return SameWork()


@kind("import", IMPORT)
def another_zone(rng: random.Random, company: Company) -> SameWork:
    """An instant with an offset is the same instant in UTC."""
    header, *rows = _rows(company)
    zone = rng.choice(("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"))
    for row in rows:
        row[1] = pd.Timestamp(row[1], tz="UTC").tz_convert(zone).isoformat()
    _write(company, [header, *rows])
    return SameWork()


@kind("import", IMPORT)
def as_parquet(rng: random.Random, company: Company) -> SameWork:
    frame = pd.DataFrame(_rows(company)[1:], columns=list(HEADER))
    if rng.random() < 0.5:
        frame = frame.assign(at=pd.to_datetime(frame["at"]))
    if rng.random() < 0.5:
        frame = frame.replace("", None)
    frame.to_parquet(company.folder / "work.parquet")
    company.work.unlink()
    return SameWork()


@kind("import", IMPORT)
def accounts_by_name(rng: random.Random, company: Company) -> SameWork:
    header, *rows = _rows(company)
    names = company.published("health_scores").set_index("account_id")["name"].to_dict()
    for row in rng.sample(rows, 5):
        row[2] = rng.choice((str, str.upper))(names[row[2]])
    _write(company, [header, *rows])
    return SameWork()


@kind("import", IMPORT)
def spaces_around(rng: random.Random, company: Company) -> SameWork:
    header, *rows = _rows(company)
    for row in rng.sample(rows, 5):
        row[:4] = [f" {value} " if value else value for value in row[:4]]
    _write(company, [header, *rows])
    return SameWork()


@kind("import", IMPORT)
def header_missing(rng: random.Random, company: Company) -> Refused:
    """No header, or one without a column that every row needs."""
    header, *rows = _rows(company)
    if rng.random() < 0.3:
        _write(company, rows)
        return Refused(3, ("work.csv", "column"))
    place = rng.randrange(2)
    _write(company, [[*row[:place], *row[place + 1 :]] for row in (header, *rows)])
    return Refused(3, ("work.csv", header[place], "missing"))


@kind("import", IMPORT)
def header_misspelt(rng: random.Random, company: Company) -> Refused:
    header, *rows = _rows(company)
    place = header.index(rng.choice(("account", "outcome", "cause", "kind", "note")))
    right, header[place] = header[place], misspelt(rng, header[place])
    _write(company, [header, *rows])
    return Refused(3, (repr(header[place]), f"did you mean `{right}`"))


@kind("import", IMPORT)
def header_twice(rng: random.Random, company: Company) -> Refused:
    header, *rows = _rows(company)
    name = rng.choice(header)
    _write(company, [[*header, name], *([*row, rng.choice(("", "x"))] for row in rows)])
    return Refused(3, ("work.csv", repr(name), "twice"))


@kind("import", IMPORT)
def open_quote(rng: random.Random, company: Company) -> Refused:
    """A quote that stands open would take the rows after it into one value."""
    lines = company.work.read_text(encoding="utf-8").splitlines()
    place = rng.randrange(1, len(lines))
    start = lines[place].rindex(",") + 1
    lines[place] = f'{lines[place][:start]}"{lines[place][start:]}'
    company.work.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Refused(3, ("work.csv", "quote"))


@kind("import", IMPORT)
def long_ago(rng: random.Random, company: Company) -> Refused:
    wrong = rng.choice(("0001-01-01", "1970-01-01T00:00", "2016-06-12T09:00", "1900-01-01"))
    _with(rng, company, "at", lambda _: wrong)
    return Refused(3, ("column at",))


@kind("import", IMPORT)
def holds_nul(rng: random.Random, company: Company) -> Refused:
    _with(rng, company, rng.choice(("note", "account")), lambda value: f"{value}\0", "call")
    return Refused(3, ("work.csv", "NUL"))


@kind("import", IMPORT)
def unknown_account(rng: random.Random, company: Company) -> Refused:
    wrong = rng.choice(("nobody", "A99999", "../A00001", "%", "'; DROP TABLE work; --"))
    _with(rng, company, "account", lambda _: wrong)
    return Refused(3, ("1 of", "column account", "in the scores"))


@kind("import", IMPORT)
def unknown_word(rng: random.Random, company: Company) -> Refused:
    column, what, right = rng.choice(
        (("outcome", "call", "reached"), ("cause", "cause", "onboarding"), ("kind", "start", "training"),
         ("what", "", "call"))
    )  # fmt: skip
    wrong = misspelt(rng, right)
    _with(rng, company, column, lambda _: wrong, what)
    return Refused(3, (f"column {column}", repr(wrong)))


@kind("import", IMPORT)
def no_instant(rng: random.Random, company: Company) -> Refused:
    """Forms in which day and month, or morning and evening, can be mistaken are none."""
    wrong = rng.choice(
        ("12/06/2026", "06/12/2026 9:00 PM", "12.06.2026", "yesterday", "2026-13-01", "2026-02-30", "1781")
    )
    _with(rng, company, "at", lambda _: wrong)
    return Refused(3, ("column at", repr(wrong)))


@kind("import", IMPORT)
def not_yet(rng: random.Random, company: Company) -> Refused:
    wrong = rng.choice(("2026-06-30T12:01", "2026-07-01", "2062-06-01", "9999-12-31"))
    _with(rng, company, "at", lambda _: wrong)
    return Refused(3, ("column at", "in the future"))


@kind("import", IMPORT)
def empty_value(rng: random.Random, company: Company) -> Refused:
    column, what = rng.choice((("at", ""), ("what", ""), ("account", ""), ("outcome", "call"), ("cause", "cause")))
    _with(rng, company, column, lambda _: rng.choice(("", "  ")), what)
    return Refused(3, (f"column {column}",))


@kind("import", IMPORT)
def stray_value(rng: random.Random, company: Company) -> Refused:
    """A value under a column that this kind of row does not take would be lost."""
    column, value, what = rng.choice(
        (("outcome", "reached", "cause"), ("cause", "price", "call"), ("kind", "training", "call"))
    )
    _with(rng, company, column, lambda _: value, what)
    return Refused(3, (f"column {column}",))


@kind("import", IMPORT)
def value_too_many(rng: random.Random, company: Company) -> Refused:
    header, *rows = _rows(company)
    rng.choice(rows).append(rng.choice(("x", "2026")))
    _write(company, [header, *rows])
    return Refused(3, ("work.csv", "values", "columns"))


@kind("import", IMPORT)
def no_file(rng: random.Random, company: Company) -> Refused:
    company.work.unlink()
    return Refused(2, ("work.csv", "does not exist"))


@kind("import", IMPORT)
def no_table(rng: random.Random, company: Company) -> Refused:
    """An empty file, one that is no text, one that only calls itself parquet."""
    how = rng.choice(("empty", "binary", "parquet", "utf-16"))
    if how == "parquet":
        company.work.rename(company.folder / "work.parquet")
        return Refused(3, ("work.parquet",))
    data = {"empty": b"", "binary": bytes(range(256)) * 4, "utf-16": company.work.read_text().encode("utf-16")}
    company.work.write_bytes(data[how])
    return Refused(3, ("work.csv",))


@kind("import", IMPORT)
def no_utf8(rng: random.Random, company: Company) -> Refused:
    _with(rng, company, "note", lambda _: "für später", "call")
    company.work.write_bytes(company.work.read_text(encoding="utf-8").encode(rng.choice(("latin-1", "cp1252"))))
    return Refused(3, ("work.csv", "UTF-8"))
