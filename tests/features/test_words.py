"""Measures in words, and the sentiment of texts."""

import itertools
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.features.facts.text import text_sentiment
from keepwell.features.health.words import in_words
from keepwell.features.measures.all import FEATURES
from keepwell.tasks.sources.sentiment_cache import SentimentCache

# Words ----------------------------------------------------------------------------------------------------------------


def said(name: str, number: float | None, peers: float | None = None, well: bool = False) -> str:
    return in_words(FEATURES[name], number, peers, well=well)


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (said("usage_trend", -0.4), "usage down 40%, last 28 days against the 28 before"),
        (said("usage_trend", 12.5), "usage up 1,250%, last 28 days against the 28 before"),
        (said("usage_trend", -0.001), "usage unchanged, last 28 days against the 28 before"),
        (said("escalations_90d", 2), "2 escalated tickets in 90 days"),
        (said("escalations_90d", 1), "1 escalated ticket in 90 days"),
        (said("escalations_90d", 0), "no escalated tickets in 90 days"),
        (said("days_since_executive_contact", 45), "no executive contact in 45 days"),
        (said("days_since_executive_contact", 3, well=True), "executive contact 3 days ago"),
        (said("days_since_executive_contact", 1, well=True), "executive contact 1 day ago"),
        (said("days_since_executive_contact", None), "no executive contact on record"),
        (said("days_since_last_use", 1), "no usage for 1 day"),
        (said("days_since_last_use", 0, well=True), "used on the newest day on record"),
        (said("active_days_28d", 3, 12), "active on 3 of the last 28 days (peers 12)"),
        (
            in_words(FEATURES["active_days_28d"], 3, 17, against="typical"),
            "active on 3 of the last 28 days (typical 17)",
        ),
        (said("active_days_28d", 3), "active on 3 of the last 28 days"),
        (said("active_users_28d", 1, 1200), "1 active user in the last 28 days (peers 1,200)"),
        (said("champion_departures_180d", 1), "1 champion or sponsor left in 180 days"),
        (said("champion_departures_180d", 2), "2 champions or sponsors left in 180 days"),
        (said("adoption_velocity", -1), "-1 feature in use, last 90 days against the 90 before"),
        (said("adoption_velocity", 3), "+3 features in use, last 90 days against the 90 before"),
        (said("nps_change", -0.04), "NPS answers unchanged, last 180 days against the 180 before"),
        (said("ticket_sentiment_90d", -0.001), "tone of tickets +0.00 over 90 days, -1 bad, 1 good"),
        (said("overdue_share", 0.002), "less than 1% of the amount invoiced in 365 days overdue"),
        (said("seat_utilisation", 0.254), "25% of paid seats active in the last 28 days"),
        (said("contract_value", 1234567.8), "ARR 1,234,568"),
    ],
)
def test_a_measure_reads_like_a_sentence(phrase: str, expected: str) -> None:
    """Numbers, windows, peers, singular and plural, no minus zero (ACT-1)."""
    assert phrase == expected


@pytest.mark.parametrize("name", FEATURES)
def test_every_measure_can_be_said_of_any_value(name: str) -> None:
    """No format fails, nothing is left open, nothing reads "1 tickets" or "-0" (ACT-1)."""
    signed = "+" in FEATURES[name].words or "{change}" in FEATURES[name].words
    numbers = [None, 0, 0.3, 1, 2, 45, 12345.678, *((-0.0001, -0.4) if signed else ())]
    for number, peers, well in itertools.product(numbers, (None, 0, 3.2), (False, True)):
        phrase = said(name, number, peers, well)

        assert phrase
        assert not set(phrase) & set("{}")
        assert not re.search(r"nan|-0(\.0+)?(?![.\d])|\b1 [a-z]+s\b", phrase), phrase
        assert peers is not None or "peers" not in phrase


# Text -----------------------------------------------------------------------------------------------------------------

GOOD = "Thank you, the new dashboard is great and your support team has been very helpful."
BAD = "This is terrible, the export is broken again and the answers we get are useless."


def test_a_text_has_the_tone_of_its_words() -> None:
    """Good is above 0, bad below, between -1 and 1 (FEA-5)."""
    good, bad = text_sentiment(GOOD), text_sentiment(BAD)

    assert good is not None
    assert bad is not None
    assert -1 <= bad < -0.2 < 0.2 < good <= 1


@pytest.mark.parametrize(
    "text",
    [
        "Der Export ist schon wieder kaputt und niemand antwortet uns, das ist wirklich schlecht.",
        "L'exportation est encore en panne et personne ne nous répond, c'est vraiment terrible.",
        "La exportación está rota otra vez y nadie nos contesta, es realmente terrible.",
        "エクスポートがまた壊れていて、誰も返事をくれません。",
        "", "   ", None,
    ],
)  # fmt: skip
def test_another_language_has_no_tone(text: str | None) -> None:
    """Read as missing, not as neutral (FEA-5)."""
    assert text_sentiment(text) is None


def test_tones_keep_their_order_and_are_kept_without_their_texts(tmp_path: Path) -> None:
    """One per text, None where there is none; a later run reads them back, and no word is stored (FEA-5, TRU-5)."""
    (tmp_path / "work").mkdir()
    first = SentimentCache(tmp_path)
    assert first.of([BAD, None, GOOD, BAD]) == [text_sentiment(BAD), None, text_sentiment(GOOD), text_sentiment(BAD)]
    first.save(tmp_path / "work")

    (kept,) = tmp_path.glob("*.parquet")
    assert BAD.split(maxsplit=1)[0].encode() not in kept.read_bytes()
    again = SentimentCache(tmp_path)
    assert again.of([GOOD, BAD]) == [text_sentiment(GOOD), text_sentiment(BAD)]
    again.save(tmp_path / "nowhere")  # nothing was computed, so nothing is written


@pytest.mark.parametrize("damage", ["a value", "half of it", "another file"])
def test_tones_that_were_changed_are_computed_again(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is believed would colour every later snapshot; a broken one would stop every run (TRU-1)."""
    (tmp_path / "work").mkdir()
    first = SentimentCache(tmp_path)
    first.of([BAD, GOOD])
    first.save(tmp_path / "work")
    (kept,) = tmp_path.glob("*.parquet")
    whole, table = kept.read_bytes(), pq.read_table(kept)
    if damage == "a value":
        pq.write_table(table.set_column(1, "tone", pa.array([0.125] * len(table))), kept)
    else:
        kept.write_bytes(whole[: len(whole) // 2] if damage == "half of it" else b"no parquet")

    again = SentimentCache(tmp_path)
    assert again.of([GOOD, BAD]) == [text_sentiment(GOOD), text_sentiment(BAD)]
    assert f"{kept} was changed or cut short" in caplog.text
    again.save(tmp_path / "work")
    assert kept.read_bytes() == whole
