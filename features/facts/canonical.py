"""The canonical tables: what a company's data must become, column by column, and when each fact became known.

Names ending in `_on` (and `day`) are dates, names ending in `_at` are instants in UTC. A fact that has only a date is
known at the *next* midnight. A late column reads NULL until its own fact is known.
"""

from collections.abc import Mapping

import ibis

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
    first_known,
    instant,
    midnight_after,
    next_midnight,
)


def _required(name: str, kind: str, doc: str, unit: str = "") -> Column:
    return Column(name, kind, doc, null="never", unit=unit, required=True)


ACCOUNT = _required("account_id", STRING, "customer account")
SENTIMENT = Column(
    "sentiment", NUMBER, "sentiment of the text, -1 (bad) to 1 (good); from the source, else computed from `text`",
    "no text, or not in English", "-1..1",
)  # fmt: skip
TO_ACCOUNT = {"account_id": "accounts"}

ACCOUNTS = CanonicalTable(
    "accounts",
    "Customer companies: one row per account and change of any attribute.",
    key=("account_id", "valid_from"),
    # Undated rows are known from the start: they can only hold what is declared fixed since signup (see known.py).
    known=KnownAt(
        "at the midnight after `valid_from`; an undated row always, but only its columns declared fixed",
        lambda t: ibis.coalesce(midnight_after(t.valid_from), ibis.literal("1900-01-01").cast("timestamp")),
    ),
    event="valid_from",
    optional=False,
    columns=(
        ACCOUNT,
        Column(
            "valid_from", DATE, "first day on which this row's values apply", "today's values: labels only, no features"
        ),
        Column("name", STRING, "account name"),
        Column("parent_id", STRING, "account_id of the parent company", "no parent"),
        Column("industry", STRING, "the account's industry"),
        Column("country", STRING, "ISO 3166 alpha-2 code"),
        Column(
            "segment", STRING, "how the account is served; `a/b` is a part of `a`", "compared with the whole portfolio"
        ),
        Column("csm", STRING, "CSM who owns the account", "the default owner of the settings"),
        Column("email_opt_out", BOOLEAN, "opted out of automated email", "not opted out"),
    ),
)

CONTRACTS = CanonicalTable(
    "contracts",
    "Contracts and subscriptions. A contract covers [start_on, end_on).",
    key=("contract_id",),
    known=first_known(
        next_midnight("signed_on"), KnownAt("from `start_on` itself", lambda t: t.start_on.cast("timestamp"))
    ),
    event="start_on",
    optional=False,
    references=TO_ACCOUNT,
    columns=(
        _required("contract_id", STRING, "the contract"),
        ACCOUNT,
        _required("start_on", DATE, "first day covered"),
        Column("end_on", DATE, "first day no longer covered, agreed when signed: the renewal date", "open-ended"),
        Column(
            "ended_on", DATE, "first day no longer covered, filled in only once it ended", "has not ended",
            late=next_midnight("ended_on"),
        ),
        Column("signed_on", DATE, "date of signature", "known from start_on"),
        Column("notice_on", DATE, "date of the cancellation notice", "no notice", late=next_midnight("notice_on")),
        _required("arr", NUMBER, "annual recurring revenue", "currency per year"),
        _required("currency", STRING, "ISO 4217 code"),
        Column("seats", INTEGER, "paid seats", "not sold by seat", "seats"),
        Column("plan", STRING, "plan or product"),
        Column("trial", BOOLEAN, "a trial: ARR counts as 0", "not a trial"),
        Column("auto_renew", BOOLEAN, "renews unless canceled"),
    ),
)  # fmt: skip

USAGE = CanonicalTable(
    "usage",
    "Product usage per day, user and feature.",
    key=("account_id", "day", "user_id", "feature"),
    known=next_midnight("day"),
    event="day",
    optional=False,
    references=TO_ACCOUNT,
    columns=(
        ACCOUNT,
        _required("day", DATE, "day of use"),
        Column("user_id", STRING, "user", "the source has no users"),
        Column("feature", STRING, "product feature", "the source has no features"),
        Column("events", INTEGER, "actions taken", unit="events"),
        Column("minutes", NUMBER, "time spent", unit="minutes"),
    ),
)

TICKETS = CanonicalTable(
    "tickets",
    "Support tickets.",
    key=("ticket_id",),
    known=instant("opened_at"),
    event="opened_at",
    references=TO_ACCOUNT,
    text="text",
    columns=(
        _required("ticket_id", STRING, "the ticket"),
        ACCOUNT,
        _required("opened_at", INSTANT, "when it was opened"),
        Column("priority", STRING, "low, medium, high, urgent or critical"),
        Column("text", STRING, "subject and first message; never staged, only its sentiment is"),
        SENTIMENT,
        Column("first_response_at", INSTANT, "first answer", "none yet", late=instant("first_response_at")),
        Column("closed_at", INSTANT, "when it was closed", "still open", late=instant("closed_at")),
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
        _required("invoice_id", STRING, "the invoice"),
        ACCOUNT,
        _required("issued_on", DATE, "when it was issued"),
        Column("due_on", DATE, "when payment is due", "on receipt"),
        Column("amount", NUMBER, "amount", unit="currency"),
        Column("currency", STRING, "ISO 4217 code"),
        Column("paid_at", INSTANT, "when it was paid", "unpaid", late=instant("paid_at")),
        Column("failed_at", INSTANT, "when a payment last failed", "no failure", late=instant("failed_at")),
        Column("disputed_at", INSTANT, "when it was disputed", "no dispute", late=instant("disputed_at")),
        Column("resolved_at", INSTANT, "when the dispute was settled", "not settled", late=instant("resolved_at")),
    ),
)

SURVEYS = CanonicalTable(
    "surveys",
    "NPS answers.",
    key=("survey_id",),
    known=instant("answered_at"),
    event="answered_at",
    references=TO_ACCOUNT,
    text="comment",
    columns=(
        _required("survey_id", STRING, "the answer"),
        ACCOUNT,
        _required("answered_at", INSTANT, "when it was answered"),
        Column("score", INTEGER, "likelihood to recommend", "asked, but not answered", "0..10"),
        Column("role", STRING, "role of the person: executive, sponsor, champion, admin or user"),
        Column("comment", STRING, "free text; never staged, only its sentiment is"),
        SENTIMENT,
    ),
)

TOUCHPOINTS = CanonicalTable(
    "touchpoints",
    "Calls, meetings, emails, webinars, community posts, onboarding milestones.",
    key=("touchpoint_id",),
    known=instant("happened_at"),
    event="happened_at",
    references=TO_ACCOUNT,
    text="text",
    columns=(
        _required("touchpoint_id", STRING, "the contact"),
        ACCOUNT,
        _required("happened_at", INSTANT, "when it took place"),
        _required("kind", STRING, "call, meeting, email, webinar, community or onboarding"),
        Column("role", STRING, "role of the customer's person: executive, sponsor, champion, admin or user"),
        Column("attended", BOOLEAN, "meeting, webinar, onboarding: came; email: answered", "not recorded"),
        Column("milestone", STRING, "onboarding: the milestone reached", "not an onboarding milestone"),
        Column("text", STRING, "transcript or message; never staged, only its sentiment is"),
        SENTIMENT,
        Column("engagement", NUMBER, "engagement score from an external voice or video tool; none is computed here",
               "no tool", "0..1"),
    ),
)  # fmt: skip

CONTACTS = CanonicalTable(
    "contacts",
    "People at the account and their roles.",
    key=("contact_id",),
    known=next_midnight("since"),
    event="since",
    references=TO_ACCOUNT,
    columns=(
        _required("contact_id", STRING, "the person"),
        ACCOUNT,
        _required("since", DATE, "first day in the role"),
        Column("role", STRING, "executive, sponsor, champion, admin or user"),
        Column("left_on", DATE, "when the person left", "still there", late=next_midnight("left_on")),
    ),
)

OPPORTUNITIES = CanonicalTable(
    "opportunities",
    "Renewal negotiations and expansion deals: one row per opportunity and change.",
    key=("opportunity_id", "changed_at"),
    known=instant("changed_at"),
    event="changed_at",
    references=TO_ACCOUNT,
    columns=(
        _required("opportunity_id", STRING, "the deal"),
        ACCOUNT,
        _required("changed_at", INSTANT, "when the deal changed to these values"),
        _required("kind", STRING, "renewal or expansion"),
        _required("stage", STRING, "open, proposal, negotiation, won or lost"),
        Column("value", NUMBER, "value", unit="currency per year"),
        Column("currency", STRING, "ISO 4217 code"),
        Column("owner", STRING, "deal owner"),
    ),
)

CHURN_EVENTS = CanonicalTable(
    "churn_events",
    "The company's own record of churned accounts. An outcome, never a feature.",
    key=("churn_id",),
    known=next_midnight("churned_on"),
    event="churned_on",
    references=TO_ACCOUNT,
    columns=(
        _required("churn_id", STRING, "the event"),
        ACCOUNT,
        _required("churned_on", DATE, "date of churn"),
        Column("reason", STRING, "the reason on record"),
    ),
)

INTERVENTIONS = CanonicalTable(
    "interventions",
    "Work that the team did for an account.",
    key=("intervention_id",),
    known=instant("started_at"),
    event="started_at",
    references=TO_ACCOUNT,
    columns=(
        _required("intervention_id", STRING, "the intervention"),
        ACCOUNT,
        _required("started_at", INSTANT, "when it began"),
        Column("kind", STRING, "technical fix, training, support, executive or commercial"),
        Column("root_cause", STRING, "root cause"),
    ),
)

HOLD_OUTS = CanonicalTable(
    "hold_outs",
    "Random assignment of accounts to contact or to a hold-out. Used for outcomes, never a feature.",
    key=("account_id", "drawn_at"),
    known=instant("drawn_at"),
    event="drawn_at",
    references=TO_ACCOUNT,
    columns=(
        ACCOUNT,
        _required("drawn_at", INSTANT, "when the draw took place: from then on the account may be contacted"),
        _required("chance", NUMBER, "probability of being assigned to contact, whatever the draw gave", "0..1"),
        Column("held_out", BOOLEAN, "whether the account was held out", "inferred from whether work began"),
    ),
)

LEGACY_SCORES = CanonicalTable(
    "legacy_scores",
    "The company's current score, for comparison; never a feature.",
    key=("account_id", "scored_on"),
    known=next_midnight("scored_on"),
    event="scored_on",
    references=TO_ACCOUNT,
    columns=(
        ACCOUNT,
        _required("scored_on", DATE, "date of the score"),
        Column("score", NUMBER, "score", unit="the company's own scale"),
        Column("band", STRING, "band"),
    ),
)

NOTES = CanonicalTable(
    "notes",
    "Dated context from a person: merger, budget freeze, season.",
    key=("note_id",),
    known=instant("noted_at"),
    event="noted_at",
    references=TO_ACCOUNT,
    columns=(
        _required("note_id", STRING, "the note"),
        ACCOUNT,
        _required("noted_at", INSTANT, "when it was written"),
        Column("kind", STRING, "merger, budget freeze, season or other"),
        Column("note", STRING, "the note itself"),
        Column("expires_on", DATE, "first day on which it no longer applies", "applies until withdrawn"),
    ),
)

TABLES: Mapping[str, CanonicalTable] = {
    table.name: table
    for table in (
        ACCOUNTS, CONTRACTS, USAGE, TICKETS, INVOICES, SURVEYS, TOUCHPOINTS, CONTACTS, OPPORTUNITIES, CHURN_EVENTS,
        INTERVENTIONS, HOLD_OUTS, LEGACY_SCORES, NOTES,
    )
}  # fmt: skip

OUTCOMES = frozenset({"churn_events", "legacy_scores", "interventions", "hold_outs"})
"""Tables that no feature and no score may read (HLT-6)."""

QUARANTINE: tuple[Column, ...] = (
    _required("table_name", STRING, "canonical table that the row was meant for"),
    _required("key", STRING, "the row's key, its parts joined by |"),
    _required("reason", STRING, "why the mapping set it aside"),
    Column("account_id", STRING, "the account"),
    Column("event_on", DATE, "day of the row's event"),
    Column("known_at", INSTANT, "when the row became knowable"),
)
"""Columns of the rows that a mapping set aside; staged beside the canonical tables."""

EVENTS: Mapping[str, str] = {**{t.name: t.event for t in TABLES.values()}, "quarantine": "event_on"}
"""The column of each table that windows are counted on."""
