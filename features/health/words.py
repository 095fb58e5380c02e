"""A feature's value as a CSM would say it: what, how much, over which days, and what similar accounts have."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter

from keepwell.features.measures.registry import Feature
from keepwell.values.money import short_money

SIMILAR, TYPICAL = "similar accounts", "typical"
"""Whose value the reference is: the median of the segment's peers, or the model's typical account."""
THEM = {SIMILAR: "similar accounts", TYPICAL: "is typical"}
DAYS_PER_YEAR, DAYS_PER_MONTH = 365.25, 365.25 / 12
NEUTRAL, STRONG = 0.05, 0.5
"""Up to the first a sentiment is neutral, from the second on very good or bad; of -1..1."""
CLEAR_STEP = 2.0
"""Standard errors from which a shift of level is a step; below, the level has edged."""


class _Number(float):
    """A number that never shows as 0 where it is none: 0.002 as `.0%` is "less than 1%"; 8 as `.2f` is "8"."""

    def __format__(self, spec: str) -> str:
        text = float.__format__(self, spec)
        if spec.endswith(".2f") and "+" not in spec:
            text = text if self and not re.search("[1-9]", text) else text.rstrip("0").rstrip(".")
        if not self or "+" in spec or re.search("[1-9]", text):
            return text
        return f"less than {text[:-2] + '1%' if text.endswith('%') else text[:-1] + '1'}"


def in_words(
    feature: Feature,
    value: float | None,
    reference: float | None,
    *,
    well: bool = False,
    against: str = SIMILAR,
    currency: str = "",
) -> str:
    """One sentence about one account, without its full stop; what is missing where there is no value.

    `well`: the value speaks for the account. `against`: whose value the reference is. `currency`: of amounts.
    """
    if value is None or math.isnan(value):
        return feature.null
    compared = _compared(feature, value, reference, against)
    as_share = compared and feature.compared.endswith("%")  # "0% ... (typical: 80%)" compares at a glance
    if feature.zero and _is_zero(feature, value) and not as_share:
        return feature.zero + compared
    return _filled(feature.well if well and feature.well else feature.words, value, currency) + compared


def never_in_words(feature: Feature, tenure_days: float) -> str:
    """The sentence about an account that has never used the product."""
    return feature.never.format(duration=duration(tenure_days))


def bound_in_words(feature: Feature, value: float) -> str:
    """The value as a bound between two groups of accounts, within a sentence: "2 urgent tickets in 90 days"."""
    if not feature.bound:
        return mid_sentence(in_words(feature, value, None))
    return mid_sentence(_filled(feature.bound, value, ""))


def mid_sentence(text: str) -> str:
    """A sentence as it goes on after other words: without its capital, unless an abbreviation begins it."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def changed(share: float) -> str:
    """A relative change as people say it: -0.4 is "down 40%", -1 "down to zero"."""
    if share <= -1:
        return "down to zero"
    percent = round(100 * abs(share))
    if percent == 0:
        return "unchanged"
    return f"{'up' if share > 0 else 'down'} {percent:,}%"


def duration(days: float) -> str:
    """A stretch of days in the unit that people use: "45 days", "7 months", "2.6 years"."""
    if days < 2 * DAYS_PER_MONTH:
        return f"{days:,.0f} day{'' if round(days) == 1 else 's'}"
    if days < 2 * DAYS_PER_YEAR:
        return f"{days / DAYS_PER_MONTH:.0f} months"
    return _years(days)


def _days(value: float) -> str:
    """A count of days, as years beyond one: "93 days", "2.4 years"."""
    if value > DAYS_PER_YEAR:
        return _years(value)
    text = f"{_Number(value):,.0f}"
    return f"{text} day{_plural(text)}"


def _years(days: float) -> str:
    text = f"{days / DAYS_PER_YEAR:,.1f}".removesuffix(".0")
    return f"{text} year{_plural(text)}"


def _plural(number: str) -> str:
    """The "s" after a number as it is shown."""
    return "" if number in {"1", "less than 1"} else "s"


def _is_zero(feature: Feature, value: float) -> bool:
    """Whether the value is 0; of a difference, whether it shows as 0."""
    if value == 0 or not feature.relative or "{change}" in feature.words or "{mood}" in feature.words:
        return value == 0
    return not re.search("[1-9]", f"{value:.0f}" if "{more}" in feature.words else f"{value:.1f}")


def _compared(feature: Feature, value: float, reference: float | None, against: str) -> str:
    """The value of similar accounts, in brackets after the sentence; empty where there is none, or the same."""
    if not feature.compared or reference is None or math.isnan(reference):
        return ""
    if feature.compared != "mood":
        text, own = (format(_Number(side), feature.compared) for side in (reference, value))
        return "" if text == own else f" ({against}: {text if '%' in text or re.search('[1-9]', text) else 'none'})"
    if _mood(reference) != _mood(value):
        return f" ({against}: {_mood(reference)})"
    side = "more" if value > reference else "less"
    return "" if f"{value:.2f}" == f"{reference:.2f}" else f" ({side} positive than {THEM[against]})"


def _filled(words: str, value: float, currency: str) -> str:
    named = _named(words)
    parts = {name: _PARTS[name](value) for name in named if name in _PARTS}
    if "s" in named:
        parts["s"] = _plural(format(_Number(abs(value)), named.get("value") or ".0f"))
    if "money" in named:
        parts["money"] = short_money(value, currency)
    text = words.format_map(parts)
    return text[:1].upper() + text[1:]


@cache
def _named(words: str) -> dict[str, str | None]:
    """The parts that a sentence names, with their formats: most name one of a dozen."""
    return {name: spec for _, name, spec, _ in Formatter().parse(words) if name}


def _ahead(months: float) -> str:
    """A time to come: "12 days", "18 weeks", "9 months"."""
    days = months * DAYS_PER_MONTH
    return f"{days / 7:.0f} weeks" if 14 <= days < 26 * 7 else duration(days)


def _moved(value: float) -> str:
    """A difference: "down 2.1"."""
    return f"{'up' if value > 0 else 'down'} {_Number(abs(value)):.1f}"


def _more(value: float) -> str:
    """A difference of counts: "3 fewer"."""
    return f"{abs(value):,.0f} {'more' if value > 0 else 'fewer'}"


def _step(value: float) -> str:
    """A shift of level, in standard errors, as a direction."""
    verb = "stepped" if abs(value) >= CLEAR_STEP else "edged"
    return f"{verb} {'up' if value > 0 else 'down'}"


def _mood(value: float) -> str:
    """A sentiment from -1 to 1 in words."""
    if abs(value) <= NEUTRAL:
        return "neutral"
    return ("very " if abs(value) >= STRONG else "") + ("positive" if value > 0 else "negative")


def _turn(value: float) -> str:
    """Which way a sentiment moved."""
    return "more positive" if value > 0 else "more negative"


_PARTS: Mapping[str, Callable[[float], object]] = {
    "value": _Number, "change": changed, "duration": duration, "days": _days, "ahead": _ahead, "moved": _moved,
    "more": _more, "step": _step, "mood": _mood, "turn": _turn,
}  # fmt: skip
