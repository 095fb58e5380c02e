"""Texts by customers: English by sentiment, sometimes German, Spanish or French."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from keepwell.sample.tables.columns import Coded
from keepwell.sample.world.draws import some
from keepwell.sample.world.window import Flags, Floats, Ints

BySentiment = tuple[Sequence[str], Sequence[str], Sequence[str]]
"""Bad, neutral and good wordings."""
SENTIMENT_THRESHOLDS = (-0.5, 0.5)
"""Below the first a sentiment is bad, above the second good; in standard deviations of the mood of the hour."""

TICKET_OPENINGS: BySentiment = (
    ("Export fails again.", "Dashboards are painfully slow.", "Sync is broken.", "Wrong numbers in the report.",
     "Another terrible outage today."),
    ("How do I add a user?", "Question about exports.", "API limit.", "Billing address.", "Report setup."),
    ("Great new boards.", "Thanks for the quick fix.", "Nice improvement of the reports.", "A wish of a happy team.",
     "Love the automations."),
)  # fmt: skip
TICKET_BODIES: BySentiment = (
    ("This is the third time this month and my team is very frustrated.",
     "We are extremely disappointed, nobody could work with it all day.",
     "The result is useless for us and your last answer was bad.",
     "It crashes every time, which is unacceptable and annoying.",
     "We are losing patience with this awful experience."),
    ("Could you point us to the page of the manual?", "We would like to set this up for a second team.",
     "Please tell us which role is needed for that.", "The file has about four thousand rows.",
     "It started after the last release."),
    ("The team is very happy with how easy it was.", "Your support was excellent and friendly, thank you.",
     "It works perfectly now, only one small question is left.", "We really enjoy the new version.",
     "It is the best tool that we have, and one more view would make it perfect."),
)  # fmt: skip
COMMENT_OPENINGS: BySentiment = (
    ("Too expensive for what it does.", "Slow and unreliable.", "Support was disappointing.", "Hard to use.",
     "Important features are missing."),
    ("It does its job.", "We use two features of it.", "Our needs are changing.", "We compare it with others.",
     "Some teams use it, others do not."),
    ("Excellent product.", "Easy to use and reliable.", "Great support.", "We love the dashboards.",
     "A wonderful team behind it."),
)  # fmt: skip
COMMENT_BODIES: BySentiment = (
    ("We are unhappy and looking at alternatives.", "Honestly a bad year.", "The reports are confusing and wrong."),
    ("No strong opinion.", "Let us see next year.", "It replaced our spreadsheets."),
    ("Happy to recommend it.", "Best purchase of the year.", "It saves us a lot of time, really good."),
)  # fmt: skip
TALK_OPENINGS: BySentiment = (
    ("They are unhappy with the slow progress.", "The sponsor was angry about the last outage.",
     "They called the rollout a failure.", "The mood was bad and the meeting short."),
    ("We went through the open points.", "They asked about the roadmap.", "We reviewed usage by team.",
     "They will come back with dates."),
    ("They are delighted with the results.", "A great and friendly meeting.", "The sponsor praised the good adoption.",
     "They are happy and proud of the launch."),
)  # fmt: skip
TALK_BODIES: BySentiment = (
    ("They find the product difficult and boring for their users.", "They mentioned a cheaper competitor.",
     "It is hard to see the value, they said."),
    ("Next call in two weeks.", "We sent the summary.", "The admin joined later."),
    ("They want to show it to other teams, a good sign.", "They offered to be a reference, which is fantastic.",
     "Next quarter looks good."),
)  # fmt: skip

FOREIGN: BySentiment = (
    ("Der Export funktioniert schon wieder nicht, wir sind wirklich enttäuscht von diesem Produkt.",
     "El informe está mal otra vez y nadie nos ayuda, estamos muy descontentos con el servicio.",
     "Le tableau de bord est très lent et notre équipe est vraiment déçue par le service."),
    ("Wie können wir einen weiteren Benutzer für unsere zweite Abteilung anlegen?",
     "¿Cómo podemos añadir otro usuario para nuestro segundo equipo?",
     "Comment pouvons-nous ajouter un autre utilisateur pour notre deuxième équipe ?"),
    ("Vielen Dank für die schnelle Hilfe, das Team ist sehr zufrieden mit der neuen Version.",
     "Muchas gracias por la ayuda tan rápida, el equipo está muy contento con la nueva versión.",
     "Merci beaucoup pour votre aide rapide, l'équipe est très contente de la nouvelle version."),
)  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """All texts of one kind: the English ones of each sentiment, then the foreign ones of each sentiment."""

    texts: tuple[str, ...]
    english: tuple[range, ...]
    foreign: tuple[range, ...]


def pool(openings: BySentiment, bodies: BySentiment) -> Pool:
    """Every opening with every body of the same sentiment."""
    english = [[f"{a} {b}" for a, b in product(*pair)] for pair in zip(openings, bodies, strict=True)]
    parts = [*english, *FOREIGN]
    ends = np.cumsum([len(part) for part in parts])
    spans = [range(int(end) - len(part), int(end)) for end, part in zip(ends, parts, strict=True)]
    return Pool(tuple(text for part in parts for text in part), tuple(spans[:3]), tuple(spans[3:]))


TICKETS = pool(TICKET_OPENINGS, TICKET_BODIES)
COMMENTS = pool(COMMENT_OPENINGS, COMMENT_BODIES)
TALKS = pool(TALK_OPENINGS, TALK_BODIES)


def sentiments(rng: np.random.Generator, sentiment: tuple[float, float], x: Floats) -> Ints:
    """0 bad, 1 neutral, 2 good: a normal variable with mean constant + slope * x between the SENTIMENT_THRESHOLDS."""
    felt = sentiment[0] + sentiment[1] * x + rng.standard_normal(len(x))
    return np.searchsorted(np.array(SENTIMENT_THRESHOLDS), felt)


def written(rng: np.random.Generator, sentiment: Ints, present: Flags, texts: Pool, foreign: float) -> Coded:
    """A random text for each sentiment, null where none is present."""
    abroad = some(rng, foreign, len(sentiment))
    spans = np.array([*[(s.start, len(s)) for s in texts.english], *[(s.start, len(s)) for s in texts.foreign]])
    start, count = spans[sentiment + 3 * abroad].T
    return Coded(np.where(present, start + rng.integers(0, np.maximum(count, 1)), -1), texts.texts)
