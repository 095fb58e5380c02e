"""Tone of a text, offline: TextBlob's English lexicon (Pattern), where py3langid reads the text as English.

Limits: English only, other languages read as missing; a lexicon knows neither irony nor a company's jargon; texts of a
few words are often neutral (0) and their language is a guess. The score is the mean polarity of the words it knows.
"""

import py3langid
from textblob.en import sentiment as english_sentiment


def text_sentiment(text: str | None) -> float | None:
    """The tone of one text; None where it is empty or not in English."""
    if text is None or not text.strip():
        return None
    if py3langid.classify(text)[0] != "en":
        return None
    return round(float(english_sentiment(text)[0]), 4)
