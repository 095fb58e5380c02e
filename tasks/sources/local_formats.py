"""Local formats of numbers and dates (`84.790,00`, `04.12.2024 14:00`), and the SQL that reads them.

A format is read off the shapes of a column's values (`99.999,99`); shown is only a word that stands in them instead of
a value (`n/a`, `unlimited`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import sqlglot

from keepwell.features.facts.columns import STRING

LONGEST_WORD = 24
"""Characters of a text that may stand for no value; a longer one says something."""
MOST_SHAPES = 200
"""Shapes that are looked at, the most frequent first: more are no format but free text."""
DUCKDB, POSTGRES = "duckdb", "postgres"
WITHOUT_FORMATS = ("sqlite", "tsql", "mssql")
"""Engines that read no date by a format."""
VALUE = "the_value"
"""Stands for the value while SQL is written for another engine."""
TO_CHAR = {
    "%d": "DD", "%m": "MM", "%Y": "YYYY", "%y": "YY", "%b": "Mon", "%B": "Month", "%H": "HH24", "%I": "HH12",
    "%M": "MI", "%S": "SS", "%p": "AM",
}  # fmt: skip
"""The words of PostgreSQL's formats for those of strptime."""
TIME = r"(?:(?P<joint>,? )(?P<hour>99?):99(?P<second>:99)?(?P<half> ?AA)?)?"
DATES = (
    re.compile(rf"(?P<one>99?)(?P<sign>[./-])(?P<two>99?)(?P=sign)(?P<year>9999|99){TIME}"),
    re.compile(rf"(?P<year>9999)(?P<sign>[./])99?(?P=sign)99?{TIME}"),
    re.compile(rf"99?(?P<gap>[ .-])(?P<month>A{{3,9}})(?P=gap)(?P<year>9999|99){TIME}"),
)
"""04.12.2024, 2024/12/04, 4 Dec 2024; with a time or without."""
CURRENCY = r"(?:[^\w\s.,%()+-]|A{3})?"
GROUPED = "[-+]?(?:9{{1,3}}(?:[{group}\\s'\\u2019]999)+|9+)(?:[{point}]9+)?"
COMMA, POINT = (
    re.compile(rf"{CURRENCY}\s*{GROUPED.format(group=group, point=point)}\s*{CURRENCY}")
    for group, point in ((".", ","), (",", "."))
)
"""Numbers with a decimal comma (84.790,00) and with a decimal point (84,790.00)."""


@dataclass(frozen=True)
class Shape:
    """Values that look alike: digits as 9, letters as A. `one`, `two`: the highest first and second number in them.

    `word`: the one value of this shape, if it is a word without a digit.
    """

    text: str
    readable: bool
    one: int
    two: int
    word: str | None = None


@dataclass(frozen=True)
class Reading:
    """SQL that reads values. `else_sql`: what reads them if they mean something else, which they do not say."""

    sql: str
    else_sql: str | None = None


def shapes(raw: ir.Table, column: str, read: ir.Value) -> list[Shape]:
    """The shapes of the values that are there, the most frequent first. `read`: the value in its canonical type."""
    text = raw[column].cast(STRING).strip()
    rows = raw.select(
        shape=text.re_replace("[0-9]", "9").re_replace(r"\p{L}", "A"),
        readable=read.notnull(),
        one=text.re_extract(r"^(\d{1,4})\D+(\d{1,4})", 1).try_cast("int64"),
        two=text.re_extract(r"^(\d{1,4})\D+(\d{1,4})", 2).try_cast("int64"),
        value=raw[column].cast(STRING),
    )
    rows = rows.filter(rows["shape"].notnull())
    found = rows.group_by("shape", "readable").agg(
        many=rows.count(), one=rows.one.max(), two=rows.two.max(), lowest=rows.value.min(), highest=rows.value.max()
    )
    ordered = found.order_by(found.many.desc(), "shape", "readable").limit(MOST_SHAPES).to_pyarrow().to_pylist()
    return [
        Shape(row["shape"], row["readable"], row["one"] or 0, row["two"] or 0, _word(row["lowest"], row["highest"]))
        for row in ordered
    ]


def _word(lowest: str, highest: str) -> str | None:
    """What all values of a shape are, if they are one short word."""
    one = lowest == highest and len(lowest) <= LONGEST_WORD
    return lowest if one and re.fullmatch(r"[^\W\d]*[\w /().?-]*", lowest) and not re.search(r"\d", lowest) else None


def words_in(seen: Sequence[Shape]) -> list[Shape]:
    """The shapes of words that stand for no value; where there are only words, they mean something."""
    words = [shape for shape in seen if not shape.readable and shape.word is not None]
    return words if len(words) < len(seen) else []


def without_words(value: str, words: Sequence[Shape]) -> str:
    """SQL that gives NULL instead of these words."""
    for shape in words:
        value = f"NULLIF({value}, '{shape.word}')"
    return value


def number_reading(value: str, seen: Sequence[Shape], dialect: str) -> Reading | None:
    """The SQL that turns local numbers into plain ones, as text; None where they are none, or are written both ways.

    Text: what else stands in the column stays, and is counted.
    """
    words = words_in(seen)
    seen, value = [shape for shape in seen if shape not in words], without_words(value, words)
    comma = [shape for shape in seen if COMMA.fullmatch(shape.text)]
    point = [shape for shape in seen if POINT.fullmatch(shape.text)]
    certain_comma, certain_point = set(comma) - set(point), set(point) - set(comma)
    unread = [shape for shape in (*comma, *point) if not shape.readable]
    if not unread or (certain_comma and certain_point):
        return None
    if any(re.search(r"[^9.,+-]", shape.text) for shape in unread):
        digits = f"REGEXP_REPLACE({VALUE}, '[^0-9.,-]', '', 'g')"
        if any(not shape.readable and shape not in unread for shape in seen):
            digits = f"CASE WHEN REGEXP_MATCHES({VALUE}, '{_any_of(unread)}') THEN {digits} ELSE {VALUE} END"
        value = _transpiled(digits, dialect).replace(VALUE, value)
    with_comma, with_point = f"REPLACE(REPLACE({value}, '.', ''), ',', '.')", f"REPLACE({value}, ',', '')"
    if certain_comma:
        return Reading(with_comma)
    if certain_point or not any("," in shape.text or "." in shape.text for shape in unread):
        return Reading(with_point)
    return Reading(with_point, with_comma)


def _any_of(unread: Sequence[Shape]) -> str:
    """The regular expression of values of these shapes, with numbers of any length."""
    digits = [re.sub("9+", "[0-9]+", re.escape(shape.text)).replace("A", r"\D").replace("'", "''") for shape in unread]
    return f"^({'|'.join(dict.fromkeys(digits))})$"


def date_reading(value: str, seen: Sequence[Shape], target: str, dialect: str) -> Reading | None:
    """The SQL that reads local dates, as `target`; None where they have no format, or two orders of day and month.

    Where other values stand beside them it gives text, in which those are as they were.
    """
    if dialect in WITHOUT_FORMATS:
        return None
    words = [shape for shape in words_in(seen) if _match(shape.text) is None]
    seen, value = [shape for shape in seen if shape not in words], without_words(value, words)
    unread = [shape for shape in seen if not shape.readable]
    found = {shape: one for shape in unread if (one := _match(shape.text)) is not None}
    numeric = [shape for shape, one in found.items() if "one" in one.re.groupindex]
    day_first = any(shape.one > 12 for shape in numeric)
    month_first = any(shape.two > 12 for shape in numeric)
    if not found or (day_first and month_first):
        return None
    rest = len(found) < len(seen)
    orders = ["%m{0}%d"] if month_first else ["%d{0}%m"]
    if numeric and not (day_first or month_first) and any(found[shape]["sign"] != "." for shape in numeric):
        orders.append("%m{0}%d")
    read = [_read(value, list(_formats(found, order)), target, dialect, rest) for order in orders]
    return Reading(read[0], *read[1:])


def _match(text: str) -> re.Match[str] | None:
    return next((found for pattern in DATES if (found := pattern.fullmatch(text))), None)


def _formats(found: dict[Shape, re.Match[str]], order: str) -> Iterator[tuple[str, str]]:
    """The format of each shape as strptime writes it, and the regular expression of such values."""
    for shape, one in found.items():
        groups = one.groupdict()
        year = "%Y" if len(groups["year"]) == len("9999") else "%y"
        if "one" in groups:
            day = f"{order.format(groups['sign'])}{groups['sign']}{year}"
        elif "month" in groups:
            month = "%b" if len(groups["month"]) == len("AAA") else "%B"
            day = groups["gap"].join(("%d", month, year))
        else:
            day = groups["sign"].join((year, "%m", "%d"))
        yield day + _time(groups), re.escape(shape.text).replace("9", "[0-9]").replace("A", "[[:alpha:]]")


def _time(groups: dict[str, str | None]) -> str:
    if groups["joint"] is None:
        return ""
    half = (groups["half"] or "").replace("AA", "%p")
    return f"{groups['joint']}{'%I' if half else '%H'}:%M{':%S' if groups['second'] else ''}{half}"


def _read(value: str, formats: Sequence[tuple[str, str]], target: str, dialect: str, rest: bool) -> str:
    known = {form: [pattern for of, pattern in formats if of == form] for form in dict.fromkeys(f for f, _ in formats)}
    if dialect == DUCKDB:
        listed = ", ".join(f"'{form}'" for form in known)
        listed = f"[{listed}]" if len(known) > 1 else listed
        if rest:
            return f"COALESCE(CAST(try_strptime({value}, {listed}) AS VARCHAR), {value})"
        return f"CAST(strptime({value}, {listed}) AS {target})"
    if dialect != POSTGRES:
        return _transpiled(f"CAST(strptime({VALUE}, '{next(iter(known))}') AS {target})", dialect).replace(VALUE, value)
    casts = {form: f"CAST(to_timestamp({value}, '{_to_char(form)}') AS {target})" for form in known}
    if len(known) == 1 and not rest:
        return next(iter(casts.values()))
    branches = " ".join(
        f"WHEN {value} ~ '^({'|'.join(known[form])})$' THEN CAST({sql} AS VARCHAR)" for form, sql in casts.items()
    )
    return f"CASE {branches} ELSE {value} END"


def _to_char(form: str) -> str:
    return re.sub("%[a-zA-Z]", lambda word: TO_CHAR[word[0]], form)


def _transpiled(sql: str, dialect: str) -> str:
    """SQL of DuckDB as another engine writes it."""
    return sql if dialect == DUCKDB else sqlglot.transpile(sql, read=DUCKDB, write=dialect)[0]
