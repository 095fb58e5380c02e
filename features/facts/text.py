"""Sentiment of a text, offline: TextBlob's English lexicon (Pattern), where py3langid reads the text as English.

Only the customer's own words count (features/facts/customer_words.py). Limits: English only, other languages read as
missing; a lexicon knows neither irony nor a company's jargon; texts of a few words are often neutral (0) and their
language is a guess. The score is the mean polarity of the words it knows.
"""

import py3langid
from textblob.en import sentiment as english_sentiment

from keepwell.features.facts.customer_words import customer_words


def text_sentiment(text: str | None) -> float | None:
    """The sentiment of one text or HTML; None where nothing in it is the customer's, or it is not in English."""
    words = customer_words(text) if text is not None else ""
    if not words or py3langid.classify(words)[0] != "en":
        return None
    return round(float(english_sentiment(words)[0]), 4)
