"""The canonical tables of what customers do and say: tickets, invoices, surveys, touchpoints, contacts, advocacy."""

from dataclasses import replace

from keepwell.features.facts.columns import (
    BOOLEAN,
    DATE,
    INSTANT,
    INTEGER,
    NUMBER,
    STRING,
    CanonicalTable,
    Column,
    KnownAt,
    changed_at,
    first_known,
    fixed,
    history,
    instant,
    next_midnight,
    required,
)

ACCOUNT = required("account_id", STRING, "customer account")
TO_ACCOUNT = {"account_id": "accounts"}
SENTIMENT = "sentiment of the text, -1 (bad) to 1 (good); from the source, else computed from `{}`"
NO_SENTIMENT = "no text, or not in English"


TICKETS = CanonicalTable(
    "tickets",
    "Support tickets.",
    key=("ticket_id",),
    known=instant("opened_at"),
    event="opened_at",
    references=TO_ACCOUNT,
    text="text",
    columns=(
        required("ticket_id", STRING, "the ticket"),
        ACCOUNT,
        required("opened_at", INSTANT, "when it was opened"),
        Column("priority", STRING, "low, medium, high, urgent or critical: the highest so far",
               late=changed_at("priority_at")),
        Column("priority_at", INSTANT, "when the priority became this one", "opened with it",
               late=instant("priority_at")),
        fixed("text", STRING, "subject and first message, text or HTML; never staged, only its sentiment is"),
        fixed("sentiment", NUMBER, SENTIMENT.format("text"), NO_SENTIMENT, "-1..1"),
        Column("first_response_at", INSTANT, "first answer", "none yet", late=instant("first_response_at")),
        Column("closed_at", INSTANT, "when it was closed; where only its last change is known, that", "still open",
               late=instant("closed_at")),
        Column("closed", BOOLEAN, "is closed; where closed_at may be missing, a check names the keys",
               "as closed_at says", late=instant("closed_at")),
        Column("escalated_at", INSTANT, "when it was escalated", "not escalated, or time unknown",
               late=instant("escalated_at")),
        Column("escalated", BOOLEAN, "was escalated", "not known yet",
               late=first_known(instant("escalated_at"), instant("closed_at"))),
        Column("csat_at", INSTANT, "when the ticket was rated", "when it was closed", late=instant("csat_at")),
        Column("csat", NUMBER, "satisfaction rating (CSAT)", "not rated", "1..5",
               late=first_known(instant("csat_at"), instant("closed_at"))),
    ),
)  # fmt: skip

INVOICES = CanonicalTable(
    "invoices",
    "Invoices, their payment, failures and disputes.",
    key=("invoice_id",),
    known=next_midnight("issued_on"),
    event="issued_on",
    references=TO_ACCOUNT,
    columns=(
        required("invoice_id", STRING, "the invoice"),
        ACCOUNT,
        required("issued_on", DATE, "when it was issued"),
        fixed("due_on", DATE, "when payment is due", "on receipt"),
        fixed("amount", NUMBER, "amount; below zero: a credit note", unit="currency"),
        fixed("currency", STRING, "ISO 4217 code", "the reporting currency"),
        fixed("credit_of", STRING, "invoice_id of the invoice that a credit note offsets",
              "the account's oldest open amounts"),
        Column("paid_at", INSTANT, "when it was paid in full; of a credit note: refunded", "unpaid",
               late=instant("paid_at")),
        Column("voided_at", INSTANT, "when it was declared void: nobody owes it any more", "not void",
               late=instant("voided_at")),
        Column("first_failed_at", INSTANT, "when a payment first failed; no retry changes it", "as failed_at says",
               late=instant("first_failed_at")),
        Column("failed_at", INSTANT, "when a payment last failed", "no failure",
               late=replace(instant("failed_at"), by="first_failed_at")),
        Column("disputed_at", INSTANT, "when it was disputed", "no dispute", late=instant("disputed_at")),
        Column("resolved_at", INSTANT,
               "when it was settled without a payment, or its dispute was: nobody owes it any more", "not settled",
               late=instant("resolved_at")),
    ),
)  # fmt: skip

SURVEYS = CanonicalTable(
    "surveys",
    "NPS answers.",
    key=("survey_id",),
    known=instant("answered_at"),
    event="answered_at",
    references=TO_ACCOUNT,
    text="comment",
    columns=(
        required("survey_id", STRING, "the answer"),
        ACCOUNT,
        required("answered_at", INSTANT, "when it was answered"),
        fixed("score", INTEGER, "likelihood to recommend", "asked, but not answered", "0..10"),
        fixed("role", STRING, "role of the person then: executive, sponsor, champion, admin or user"),
        fixed("comment", STRING, "free text or HTML; never staged, only its sentiment is"),
        fixed("sentiment", NUMBER, SENTIMENT.format("comment"), NO_SENTIMENT, "-1..1"),
    ),
)

EMAIL = "email"

TOUCHPOINTS = CanonicalTable(
    "touchpoints",
    "Calls, meetings, emails, webinars, community posts, onboarding milestones.",
    key=("touchpoint_id",),
    known=instant("happened_at"),
    event="happened_at",
    references=TO_ACCOUNT,
    text="text",
    columns=(
        required("touchpoint_id", STRING, "the contact"),
        ACCOUNT,
        required("happened_at", INSTANT, "when it took place; email: was sent"),
        required("kind", STRING, "call, meeting, email, webinar, community or onboarding"),
        fixed("role", STRING, "role of the customer's person then: executive, sponsor, champion, admin or user"),
        Column("attended", BOOLEAN, "meeting, webinar, onboarding: came; email: answered", "not recorded",
               late=KnownAt("email: at `answered_at`; others with the row",
                            lambda t: (t.kind == EMAIL).ifelse(t.answered_at, t.known_at))),
        Column("answered_at", INSTANT, "email: when it was answered", "not answered", late=instant("answered_at")),
        fixed("milestone", STRING, "onboarding: the milestone reached", "not an onboarding milestone"),
        fixed("text", STRING, "transcript or message, text or HTML; never staged, only its sentiment is"),
        Column("sentiment", NUMBER, SENTIMENT.format("text"), NO_SENTIMENT, "-1..1", late=changed_at("scored_at")),
        Column("engagement", NUMBER, "engagement score from an external voice or video tool; none is computed here",
               "no tool", "0..1", late=changed_at("scored_at")),
        Column("scored_at", INSTANT, "when a tool gave sentiment or engagement", "at once", late=instant("scored_at")),
    ),
)  # fmt: skip

CONTACTS = CanonicalTable(
    "contacts",
    "People at the account and their roles: one row per person and role.",
    key=("contact_id", "since"),
    known=next_midnight("since"),
    event="since",
    references=TO_ACCOUNT,
    columns=(
        required("contact_id", STRING, "the person"),
        ACCOUNT,
        required("since", DATE, "first day in the role"),
        history("role", STRING, "executive, sponsor, champion, admin or user"),
        Column("left_on", DATE, "when the person left; of the newest role", "still there",
               late=next_midnight("left_on")),
    ),
)  # fmt: skip

ADVOCACY = CanonicalTable(
    "advocacy",
    "References, reviews, referrals and case studies that customers gave. An outcome, never a feature.",
    key=("advocacy_id",),
    known=next_midnight("given_on"),
    event="given_on",
    references=TO_ACCOUNT,
    columns=(
        required("advocacy_id", STRING, "the reference, review, referral or case study"),
        ACCOUNT,
        required("given_on", DATE, "date on which it was given, or published"),
        required("kind", STRING, "reference, review, referral or case study"),
        fixed("rating", NUMBER, "stars that a review gives", "no review, or without stars: it counts", "1..5"),
    ),
)
