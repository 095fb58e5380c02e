"""Templates of the reports, and their filters for numbers, money, days, bands and changes.

Whatever a template prints is escaped unless it is Markup: names and texts from customers are data (TRU-4).
"""

import html
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import HealthSettings
from keepwell.values.dates import spoken_day
from keepwell.values.money import short_money

NOTHING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
COMPONENT_OF = {f"change_{component}": component for component in COMPONENTS}
# The parts of a change other than the account's own, and what it means when one of them is the largest.
PARTS: Mapping[str, tuple[str, str]] = {
    "change_coverage": ("coverage", "More or less of its data is known"),
    "change_override": ("override", "An override was set or ended"),
    "change_weights": ("weights", "The score's weights changed, not the account"),
    "change_definition": ("definition", "The score's definition changed, not the account"),
}
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def html_page(name: str, **values: object) -> str:
    """A page from a template of this folder, every value escaped for HTML."""
    return _environment(autoescape=True).get_template(name).render(**values).strip() + "\n"


def markdown_page(name: str, **values: object) -> str:
    """Markdown from a template of this folder, every value escaped for a cell of a Markdown table."""
    return _environment(finalize=markdown_text).get_template(name).render(**values).strip() + "\n"


def markdown_text(value: object) -> object:
    """Text that Markdown shows as it is, on one line: no markup, no cell border, no HTML."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(value.split()), quote=False))


def whole(value: float | None) -> str:
    """A count or an amount with thousands separators."""
    return NOTHING if value is None else f"{value:,.0f}"


def points(value: float | None) -> str:
    """Health points with one decimal."""
    return NOTHING if value is None else f"{value:.1f}"


def signed(value: float | None) -> str:
    """A change of points, always with its sign."""
    return NOTHING if value is None else f"{round(value, 1) + 0.0:+.1f}".replace("-", MINUS).replace("+0.0", "0.0")


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return NOTHING if value is None else f"{value:.0%}"


def rate(value: float | None) -> str:
    """A small share as a percentage with one decimal."""
    return NOTHING if value is None else f"{value:.1%}"


def times(value: float | None) -> str:
    """How many times as much."""
    return NOTHING if value is None else f"{value:.1f} times"


def money(value: float | None, currency: str) -> str:
    """An amount in short: `$6.96M`. Tables show it exactly, by `whole`."""
    return NOTHING if value is None else short_money(value, currency).replace("-", MINUS)


def long_day(value: date | None) -> str:
    """A day in a heading: `June 22, 2026`."""
    return NOTHING if value is None else f"{spoken_day(value)}, {value.year}"


def day(value: date | None) -> str:
    """A day in a table, in ISO format."""
    return NOTHING if value is None else value.isoformat()[:10]


def words(value: str | None) -> str:
    """A name of ours (a band, a table) without its underscores."""
    return NOTHING if value is None else value.replace("_", " ")


def plural(count: float, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,.0f} {one if count == 1 else many or one + 's'}"


def parts(row: Mapping[str, Any]) -> list[str]:
    """The parts of a change that show in one decimal, the largest first: by component, then what is no account's."""
    names = {**COMPONENT_OF, **{name: words for name, (words, _) in PARTS.items()}}
    sizes = {name: row[name] or 0.0 for name in names}
    order = sorted((name for name in names if abs(sizes[name]) >= 0.05), key=lambda name: -abs(sizes[name]))
    return [f"{names[name]} {signed(sizes[name])}" for name in order]


def cause(row: Mapping[str, Any]) -> str:
    """The main cause of a change, in a few words: the component that moved most, or what is not of the account."""
    way = -1 if row["change"] < 0 else 1
    main = max((*COMPONENT_OF, *PARTS), key=lambda name: way * (row[name] or 0.0))
    if main in PARTS:
        return PARTS[main][1]
    return f"{COMPONENT_OF[main].capitalize()} {'fell' if way < 0 else 'rose'}"


def bounds(health: HealthSettings) -> dict[str, str]:
    """The bounds of each band of health, in words."""
    edges = health.bands
    return {
        "critical": f"below {edges.critical_below:g}",
        "at_risk": f"{edges.critical_below:g} to below {edges.at_risk_below:g}",
        "stable": f"{edges.at_risk_below:g} to {edges.healthy_above:g}",
        "healthy": f"above {edges.healthy_above:g}",
        "unknown": f"coverage below {percent(health.minimum_coverage)}",
    }


def _environment(**escaping: Any) -> Environment:
    environment = Environment(  # noqa: S701 - its callers choose the escape of their format
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **escaping,
    )
    filters = (whole, money, points, signed, percent, rate, times, day, long_day, words, plural, parts)
    environment.filters.update({f.__name__: f for f in filters})
    return environment
