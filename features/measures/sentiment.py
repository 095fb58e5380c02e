"""What people say: sentiment of tickets and conversations, and NPS."""

from functools import partial

import ibis.expr.types as ir

from keepwell.features.facts.exact import exact_mean
from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate

_sentiment = partial(
    aggregate,
    unit="-1..1",
    direction=1,
    component="sentiment",
    null="Sentiment unknown: no text in English in these days",
)
_nps = partial(aggregate, "surveys", direction=1, component="sentiment", needs=("score",))


@_sentiment(
    "tickets",
    lookback_days=90,
    words="Support tickets have been {mood} over the last 90 days",
    compared="mood",
    bound="a sentiment of tickets of {value:+z.2f} over 90 days (-1 bad, 1 good)",
)
def ticket_sentiment_90d(tickets: Rows) -> ir.Value:
    """Mean sentiment of tickets opened in the last 90 days."""
    return exact_mean(tickets.sentiment)


@_sentiment(
    "tickets",
    lookback_days=180,
    words="Support tickets have turned {turn} over the last 90 days (vs. the 90 before)",
    zero="Sentiment of support tickets unchanged over the last 90 days (vs. the 90 before)",
    bound="a change of {value:+z.2f} in the sentiment of tickets, last 90 days vs. the 90 before",
)
def ticket_sentiment_trend(tickets: Rows) -> ir.Value:
    """Mean sentiment of tickets of the last 90 days less that of the 90 before."""
    return exact_mean(tickets.sentiment, tickets.last(90)) - exact_mean(tickets.sentiment, tickets.last(90, before=90))


@_sentiment(
    "touchpoints",
    lookback_days=90,
    words="Calls, meetings and messages have been {mood} over the last 90 days",
    compared="mood",
    bound="a sentiment of conversations of {value:+z.2f} over 90 days (-1 bad, 1 good)",
)
def touchpoint_sentiment_90d(touchpoints: Rows) -> ir.Value:
    """Mean sentiment of calls, meetings and messages in the last 90 days."""
    return exact_mean(touchpoints.sentiment)


@_nps(
    unit="0..10",
    lookback_days=365,
    null="No NPS answers in 365 days",
    words="NPS answers average {value:.1f} out of 10 over 365 days",
    compared=".1f",
)
def nps_score_365d(surveys: Rows) -> ir.Value:
    """Mean answer to "how likely are you to recommend us" in the last 365 days."""
    return exact_mean(surveys.score)


@_nps(
    unit="points",
    lookback_days=360,
    null="Not enough history yet: no NPS answers in both halves of the last 360 days",
    words="NPS answers {moved} points over the last 180 days (vs. the 180 before)",
    zero="NPS answers unchanged over the last 180 days (vs. the 180 before)",
)
def nps_change(surveys: Rows) -> ir.Value:
    """Mean NPS answer of the last 180 days less that of the 180 before."""
    return exact_mean(surveys.score, surveys.last(180)) - exact_mean(surveys.score, surveys.last(180, before=180))
