"""Measures in words, and the sentiment of texts."""

import itertools
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.features.facts import text as of_text
from keepwell.features.facts.text import text_sentiment
from keepwell.features.health.words import SIMILAR, TYPICAL, bound_in_words, in_words, never_in_words
from keepwell.features.measures.all import FEATURES
from keepwell.tasks.sources import sentiment_cache
from keepwell.tasks.sources.sentiment_cache import SentimentCache
from keepwell.values.money import short_money

# Words ----------------------------------------------------------------------------------------------------------------


def said(name: str, number: float | None, similar: float | None = None, *, well: bool = False, **more: str) -> str:
    return in_words(FEATURES[name], number, similar, well=well, **more)


SENTENCES = [
    # What, by how much, since when.
    (said("usage_trend", -0.4), "Usage down 40% over the last 28 days (vs. the 28 before)"),
    (said("usage_trend", 12.5), "Usage up 1,250% over the last 28 days (vs. the 28 before)"),
    (said("usage_trend", -0.001), "Usage unchanged over the last 28 days (vs. the 28 before)"),
    (said("active_users_trend", -1), "Active users down to zero over the last 28 days (vs. the 28 before)"),
    (said("adoption_velocity", -3), "3 fewer features in use over the last 90 days (vs. the 90 before)"),
    (said("nps_change", -1.26), "NPS answers down 1.3 points over the last 180 days (vs. the 180 before)"),
    (said("nps_change", -0.04), "NPS answers unchanged over the last 180 days (vs. the 180 before)"),
    (said("days_since_last_use", 61), "No logins for 61 days"),
    (said("days_since_executive_contact", 45), "No executive contact in 45 days"),
    (said("days_since_executive_contact", 365), "No executive contact in 365 days"),
    (said("days_since_executive_contact", 366), "No executive contact in 1 year"),
    (said("days_since_executive_contact", 884), "No executive contact in 2.4 years"),
    (said("days_since_last_use", 547), "No logins for 1.5 years"),
    (said("oldest_open_ticket_days", 731), "Oldest open ticket is 2 years old"),
    # One and several.
    (said("escalations_90d", 2), "2 escalated tickets in 90 days"),
    (said("escalations_90d", 1), "1 escalated ticket in 90 days"),
    (said("days_since_last_use", 1), "No logins for 1 day"),
    (said("champion_departures_180d", 1), "1 champion or sponsor left in 180 days"),
    (said("champion_departures_180d", 2), "2 champions or sponsors left in 180 days"),
    (said("adoption_velocity", 1), "1 more feature in use over the last 90 days (vs. the 90 before)"),
    (said("tickets_per_seat_90d", 8, 2 / 3), "8 tickets per seat in 90 days (similar accounts: 0.67)"),
    (said("tickets_per_seat_90d", 0.5, 1), "0.5 tickets per seat in 90 days (similar accounts: 1)"),
    (said("tickets_per_seat_90d", 1), "1 ticket per seat in 90 days"),
    (said("tickets_per_seat_90d", 0.002), "Less than 0.01 tickets per seat in 90 days"),
    # None, and almost none.
    (said("escalations_90d", 0), "No escalated tickets in 90 days"),
    (said("features_used_28d", 0, 7), "No features used in 28 days (similar accounts: 7)"),
    (said("seat_utilisation", 0), "No paid seats active in 28 days"),
    (said("overdue_share", 0), "No overdue invoices in 365 days"),
    (said("overdue_share", 0.002), "Less than 1% of the amount invoiced in 365 days is overdue"),
    (said("days_late_180d", 0.3), "Invoices paid less than 1 day late on average over 180 days"),
    # Beside a share, none is a share.
    (
        said("seat_utilisation", 0, 0.8, against=TYPICAL),
        "0% of paid seats active in 28 days (typical: 80%)",
    ),
    (said("email_response_90d", 0, 0.5), "0% of emails answered in 90 days (similar accounts: 50%)"),
    (said("meeting_attendance_180d", 0.25, 0), "25% of meetings attended in 180 days (similar accounts: 0%)"),
    (said("onboarding_attendance", 0, 0), "No onboarding steps attended"),
    # What others have.
    (said("active_days_28d", 3, 12), "Active on 3 of the last 28 days (similar accounts: 12)"),
    (said("urgent_tickets_90d", 6, 1, against=TYPICAL), "6 urgent tickets in 90 days (typical: 1)"),
    (said("urgent_tickets_90d", 6, 0, against=TYPICAL), "6 urgent tickets in 90 days (typical: none)"),
    (said("active_days_28d", 3), "Active on 3 of the last 28 days"),
    (said("active_users_28d", 1, 1200), "1 active user in 28 days (similar accounts: 1,200)"),
    # What speaks for an account.
    (said("days_since_executive_contact", 3, well=True), "Executive contact 3 days ago"),
    (said("days_since_executive_contact", 1, well=True), "Executive contact 1 day ago"),
    (said("days_since_last_use", 0, well=True), "Logged in on the newest day of the usage data"),
    # Sentiments and shifts: no statistics.
    (said("ticket_sentiment_90d", -0.3), "Support tickets have been negative over the last 90 days"),
    (
        said("ticket_sentiment_90d", -0.64, -0.1, against=TYPICAL),
        "Support tickets have been very negative over the last 90 days (typical: negative)",
    ),
    (
        said("ticket_sentiment_90d", 0.1, 0.3),
        "Support tickets have been positive over the last 90 days (less positive than similar accounts)",
    ),
    (
        said("ticket_sentiment_trend", -0.3),
        "Support tickets have turned more negative over the last 90 days (vs. the 90 before)",
    ),
    (said("usage_change_point", -3.5), "Usage has stepped down in the last 26 weeks"),
    (said("breadth_change_point", -0.8), "The number of features in use has edged down in the last 26 weeks"),
    (said("usage_change_point", 0.0), "Usage is steady over the last 26 weeks"),
    # Money, shares, stretches of time.
    (said("contract_value", 17941, currency="USD"), "ARR $17.9k"),
    (said("contract_value", 1234567.8), "ARR 1.23M"),
    (said("seat_utilisation", 0.254), "25% of paid seats active in 28 days"),
    (said("tenure", 950), "Customer for 2.6 years"),
    (said("months_to_renewal", 4.3), "Renews in 19 weeks"),
    (said("months_to_renewal", 0.3), "Renews in 9 days"),
    # What is missing.
    (said("days_since_executive_contact", None), "No executive contact on record"),
    (said("usage_trend", None), "Not enough history yet: no use in the earlier weeks, or too new a customer"),
    (
        never_in_words(FEATURES["days_since_last_use"], tenure_days=950),
        "Has never logged in (customer for 2.6 years)",
    ),
]


@pytest.mark.parametrize(("phrase", "expected"), SENTENCES, ids=[expected for _, expected in SENTENCES])
def test_a_measure_reads_as_a_csm_would_say_it(phrase: str, expected: str) -> None:
    """What, by how much, since when; singular and plural, none and almost none, without statistics (ACT-1)."""
    assert phrase == expected


@pytest.mark.parametrize("name", FEATURES)
def test_every_measure_can_be_said_of_any_value(name: str) -> None:
    """No format fails, nothing is left open, nothing reads "1 tickets", "0 tickets" or "-0" (ACT-1)."""
    feature = FEATURES[name]
    signed = feature.relative or "+" in feature.words
    numbers = [None, 0, 0.3, 1, 2, 45, 12345.678, *((-0.0001, -0.4, -1) if signed else ())]
    for number, similar, well in itertools.product(numbers, (None, 0, 3.2), (False, True)):
        phrase = said(name, number, similar, well=well)

        assert phrase
        assert phrase[0] == phrase[0].upper()
        assert not phrase.endswith(".")
        assert not set(phrase) & set("{}")
        assert not re.search(r"nan|-0(\.0+)?(?![.\d])|\b1 [a-z]+s\b|standard error|log odds", phrase), phrase
        assert similar is not None or SIMILAR not in phrase
        if feature.published and not signed and number != 0.3:
            assert not re.search(r"(?<![\d.,])0 (?!of )", phrase), phrase


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.published])
def test_a_bound_between_groups_names_its_value(name: str) -> None:
    """Insights give the value that parts two groups, within a sentence: also of a sentiment or a shift (LRN-2)."""
    bound = bound_in_words(FEATURES[name], -0.37 if FEATURES[name].relative else 37)

    assert re.search(r"\d|trial", bound)
    assert bound[0].islower() or bound[:2].isupper() or bound[0].isdigit()


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (17_941, "USD", "$17.9k"), (6_963_412, "USD", "$6.96M"), (208_000, "EUR", "€208k"), (250, "CHF", "CHF 250"),
        (999.6, "USD", "$1k"), (999_999, "GBP", "£1M"), (-1_250, "USD", "-$1.25k"), (0, "USD", "$0"),
        (2.5e12, "USD", "$2,500B"), (17_941, "", "17.9k"),
    ],
)  # fmt: skip
def test_money_in_a_sentence_has_three_digits(amount: float, currency: str, expected: str) -> None:
    """Exact amounts are for tables."""
    assert short_money(amount, currency) == expected


# Text -----------------------------------------------------------------------------------------------------------------

GOOD = "Thank you, the new dashboard is great and your support team has been very helpful."
BAD = "This is terrible, the export is broken again and the answers we get are useless."


def test_a_text_has_the_sentiment_of_its_words() -> None:
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
def test_another_language_has_no_sentiment(text: str | None) -> None:
    """Read as missing, not as neutral (FEA-5)."""
    assert text_sentiment(text) is None


def test_sentiments_keep_their_order_and_are_stored_without_their_texts(tmp_path: Path) -> None:
    """One per text, None where there is none; a later run reads them back, and no word is stored (FEA-5, TRU-5)."""
    (tmp_path / "work").mkdir()
    first = SentimentCache(tmp_path)
    assert first.of([BAD, None, GOOD, BAD]) == [text_sentiment(BAD), None, text_sentiment(GOOD), text_sentiment(BAD)]
    first.save(tmp_path / "work")

    (stored,) = tmp_path.glob("*.parquet")
    assert BAD.split(maxsplit=1)[0].encode() not in stored.read_bytes()
    again = SentimentCache(tmp_path)
    assert again.of([GOOD, BAD]) == [text_sentiment(GOOD), text_sentiment(BAD)]
    again.save(tmp_path / "nowhere")  # nothing was computed, so nothing is written


def test_sentiments_of_other_code_or_libraries_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored before markup and quotes were stripped stays in a file of its own (FEA-5, TRU-1)."""
    (tmp_path / "work").mkdir()
    first = SentimentCache(tmp_path)
    first.of([BAD])
    first.save(tmp_path / "work")
    monkeypatch.setattr(sentiment_cache, "_computed_by", lambda: "another")
    monkeypatch.setattr(of_text, "text_sentiment", lambda _: 0.5)

    assert SentimentCache(tmp_path).of([BAD]) == [0.5]


@pytest.mark.parametrize("damage", ["a value", "half of it", "another file"])
def test_sentiments_that_were_changed_are_computed_again(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is believed would colour every later snapshot; a broken one would stop every run (TRU-1)."""
    (tmp_path / "work").mkdir()
    first = SentimentCache(tmp_path)
    first.of([BAD, GOOD])
    first.save(tmp_path / "work")
    (stored,) = tmp_path.glob("*.parquet")
    whole, table = stored.read_bytes(), pq.read_table(stored)
    if damage == "a value":
        pq.write_table(table.set_column(1, "tone", pa.array([0.125] * len(table))), stored)
    else:
        stored.write_bytes(whole[: len(whole) // 2] if damage == "half of it" else b"no parquet")

    again = SentimentCache(tmp_path)
    assert again.of([GOOD, BAD]) == [text_sentiment(GOOD), text_sentiment(BAD)]
    assert f"{stored} was changed or truncated" in caplog.text
    again.save(tmp_path / "work")
    assert stored.read_bytes() == whole
