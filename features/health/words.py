"""A measure in words, with its number, its window and what it is compared with."""

import math

from keepwell.features.measures.registry import Feature


def in_words(
    feature: Feature, value: float | None, reference: float | None, *, well: bool = False, against: str = "peers"
) -> str:
    """One short phrase about one account; `well` where it speaks for the account. Says where the value is missing.

    `against`: whose value the reference is.
    """
    if value is None or math.isnan(value):
        return feature.null
    words = feature.well if well and feature.well else feature.words
    if reference is None or math.isnan(reference):
        words, reference = words.split(" (peers")[0], 0.0
    words = words.replace("(peers ", f"({against} ")
    phrase = _filled(words, value, reference)
    return feature.zero if feature.zero and phrase == _filled(words, 0.0, reference) else phrase


def changed(share: float) -> str:
    """A relative change as people say it: -0.4 is "down 40%"."""
    percent = round(100 * abs(share))
    if percent == 0:
        return "unchanged"
    return f"{'up' if share > 0 else 'down'} {percent:,}%"


def _filled(words: str, value: float, reference: float) -> str:
    one = f"{abs(value):.0f}" == "1"
    return words.format(value=value, reference=reference, change=changed(value), s="" if one else "s")
