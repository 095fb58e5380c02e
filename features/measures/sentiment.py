"""What people say: tone of tickets and conversations, and NPS."""

from functools import partial

import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate

_sentiment = partial(aggregate, unit="-1..1", direction=1, component="sentiment", null="no tone known in the window")
_nps = partial(aggregate, "surveys", direction=1, component="sentiment", needs=("score",))


@_sentiment(
    "tickets",
    lookback_days=90,
    words="tone of tickets {value:+z.2f} over 90 days, -1 bad, 1 good (peers {reference:+z.2f})",
)
def ticket_sentiment_90d(tickets: Rows) -> ir.Value:
    """Mean tone of tickets opened in the last 90 days."""
    return tickets.sentiment.mean()


@_sentiment(
    "tickets",
    lookback_days=180,
    words="tone of tickets {value:+z.2f}, last 90 days against the 90 before",
    zero="tone of tickets unchanged, last 90 days against the 90 before",
)
def ticket_sentiment_trend(tickets: Rows) -> ir.Value:
    """Mean tone of tickets of the last 90 days less that of the 90 before."""
    return tickets.sentiment.mean(where=tickets.last(90)) - tickets.sentiment.mean(where=tickets.last(90, before=90))


@_sentiment(
    "touchpoints",
    lookback_days=90,
    words="tone of conversations {value:+z.2f} over 90 days, -1 bad, 1 good (peers {reference:+z.2f})",
)
def touchpoint_sentiment_90d(touchpoints: Rows) -> ir.Value:
    """Mean tone of calls, meetings and messages in the last 90 days."""
    return touchpoints.sentiment.mean()


@_nps(
    unit="0..10",
    lookback_days=365,
    null="no NPS answer in 365 days",
    words="NPS answers average {value:.1f} of 10 over 365 days",
)
def nps_score_365d(surveys: Rows) -> ir.Value:
    """Mean answer to "how likely are you to recommend us" in the last 365 days."""
    return surveys.score.mean()


@_nps(
    unit="points",
    lookback_days=360,
    null="no NPS answers in both halves of the last 360 days",
    words="NPS answers {value:+z.1f} points, last 180 days against the 180 before",
    zero="NPS answers unchanged, last 180 days against the 180 before",
)
def nps_change(surveys: Rows) -> ir.Value:
    """Mean NPS answer of the last 180 days less that of the 180 before."""
    return surveys.score.mean(where=surveys.last(180)) - surveys.score.mean(where=surveys.last(180, before=180))
