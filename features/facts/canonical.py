"""The canonical tables: what a company's data must become, column by column, and when each fact became known.

Names ending in `_on` (and `day`) are dates, names ending in `_at` are instants in UTC. A fact that has only a date is
known at the *next* midnight. A late column reads NULL until its own fact is known.
"""

from collections.abc import Mapping

import ibis

from keepwell.features.facts.columns import (
    BOOLEAN,
    DATE,
    HISTORY,
    INSTANT,
    INTEGER,
    NUMBER,
    STRING,
    CanonicalTable,
    Column,
    KnownAt,
    first_known,
    fixed,
    history,
    instant,
    midnight_after,
    next_midnight,
    required,
    undated,
)
from keepwell.features.facts.customer_tables import (
    ACCOUNT,
    ADVOCACY,
    CONTACTS,
    INVOICES,
    SURVEYS,
    TICKETS,
    TO_ACCOUNT,
    TOUCHPOINTS,
)

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
        fixed(
            "valid_from", DATE, "first day on which this row's values apply", "today's values: labels only, no features"
        ),
        history("name", STRING, "account name"),
        history("parent_id", STRING, "account_id of the parent company", "no parent"),
        history("industry", STRING, "the account's industry"),
        history("country", STRING, "ISO 3166 alpha-2 code"),
        history(
            "segment", STRING, "how the account is served; `a/b` is a part of `a`", "compared with the whole portfolio"
        ),
        history("csm", STRING, "CSM who owns the account", "the default owner of the settings"),
        history("email_opt_out", BOOLEAN, "opted out of automated email", "not opted out"),
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
        required("contract_id", STRING, "the contract"),
        ACCOUNT,
        required("start_on", DATE, "first day covered"),
        history("end_on", DATE, "first day no longer covered, agreed when signed: the renewal date", "open-ended",
                ends=True),
        Column(
            "ended_on", DATE, "first day no longer covered, filled in only once it ended", "has not ended",
            late=next_midnight("ended_on"),
        ),
        fixed("signed_on", DATE, "date of signature", "known from start_on"),
        Column("notice_on", DATE, "date of the cancellation notice", "no notice", late=next_midnight("notice_on")),
        required("arr", NUMBER, "annual recurring revenue", "currency per year", HISTORY),
        required("currency", STRING, "ISO 4217 code", changes=HISTORY),
        history("seats", INTEGER, "paid seats", "not sold by seat", "seats"),
        history("plan", STRING, "plan or product"),
        history("trial", BOOLEAN, "a trial: ARR counts as 0", "not a trial"),
        history("auto_renew", BOOLEAN, "renews unless canceled, for the same term", "ends with its term"),
        fixed("replaces", STRING, "contract_id of the contract that this one follows", "found by dates, plan and ARR"),
        fixed("chain_id", STRING, "one id for all contracts that follow each other", "found by dates, plan and ARR"),
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
        required("day", DATE, "day of use"),
        fixed("user_id", STRING, "user", "the source has no users"),
        fixed("feature", STRING, "product feature", "the source has no features"),
        fixed("events", INTEGER, "actions taken", unit="events"),
        fixed("minutes", NUMBER, "time spent", unit="minutes"),
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
        required("opportunity_id", STRING, "the deal"),
        ACCOUNT,
        required("changed_at", INSTANT, "when the deal changed to these values"),
        required("kind", STRING, "renewal or expansion"),
        required("stage", STRING, "open, proposal, negotiation, won or lost", changes=HISTORY),
        history("value", NUMBER, "value", unit="currency per year"),
        history("currency", STRING, "ISO 4217 code"),
        history("owner", STRING, "deal owner"),
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
        required("churn_id", STRING, "the event"),
        ACCOUNT,
        required("churned_on", DATE, "date of churn"),
        fixed("reason", STRING, "the reason on record"),
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
        required("intervention_id", STRING, "the intervention"),
        ACCOUNT,
        required("started_at", INSTANT, "when it began"),
        fixed("kind", STRING, "technical fix, training, support, executive or commercial"),
        undated("root_cause", STRING, "root cause"),
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
        required("drawn_at", INSTANT, "when the draw took place: from then on the account may be contacted"),
        required("chance", NUMBER, "probability of being assigned to contact, whatever the draw gave", "0..1"),
        fixed("held_out", BOOLEAN, "whether the account was held out", "inferred from whether work began"),
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
        required("scored_on", DATE, "date of the score"),
        fixed("score", NUMBER, "score", unit="the company's own scale"),
        fixed("band", STRING, "band"),
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
        required("note_id", STRING, "the note"),
        ACCOUNT,
        required("noted_at", INSTANT, "when it was written"),
        fixed("kind", STRING, "merger, budget freeze, season or other"),
        fixed("note", STRING, "the note itself"),
        undated("expires_on", DATE, "first day on which it no longer applies", "applies until withdrawn", ends=True),
    ),
)

TABLES: Mapping[str, CanonicalTable] = {
    table.name: table
    for table in (
        ACCOUNTS, CONTRACTS, USAGE, TICKETS, INVOICES, SURVEYS, TOUCHPOINTS, CONTACTS, OPPORTUNITIES, CHURN_EVENTS,
        ADVOCACY, INTERVENTIONS, HOLD_OUTS, LEGACY_SCORES, NOTES,
    )
}  # fmt: skip

OUTCOMES = frozenset({"churn_events", "advocacy", "legacy_scores", "interventions", "hold_outs"})
"""Tables that no feature and no score may read (HLT-6); of churn_events the book reads status and tenure alone."""

QUARANTINE: tuple[Column, ...] = (
    required("table_name", STRING, "canonical table that the row was meant for"),
    required("key", STRING, "the row's key, its parts joined by |"),
    required("reason", STRING, "why the mapping set it aside"),
    fixed("account_id", STRING, "the account"),
    fixed("event_on", DATE, "day of the row's event"),
    fixed("known_at", INSTANT, "when the row became knowable"),
)
"""Columns of the rows that a mapping set aside; staged beside the canonical tables."""

EVENTS: Mapping[str, str] = {**{t.name: t.event for t in TABLES.values()}, "quarantine": "event_on"}
"""The column of each table that windows are counted on."""
