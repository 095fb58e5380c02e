"""Settings that mean something: each changes exactly the columns that rest on it, of the accounts that it concerns."""

import random
import re

import pandas as pd

from tests.mutations.kinds import Changes, Company, NoEffect, Refused, columns, kind

HEALTH = (
    "health health_computed band tier tier_reason tier_since factor_1 factor_2 factor_3"
    " next_action action_id action_recommended_on action_owner action_due action_state"
)
ALERTED = frozenset({"alerts", "alert_steps", "cases", "next_actions"})
"""Marts whose rows come and go with what is found of an account."""
TAKEN_ON = "action kind reason owner tier due_on recommended_on"
DUE = "next_action action_id action_recommended_on action_owner action_due action_state summary"
ACTED = columns(health_scores=DUE, next_actions=TAKEN_ON)
"""What may follow where another account takes, or leaves, the time of a CSM."""
HEALTH_FOLLOWS = columns(
    health_scores=f"{HEALTH} summary coverage",
    factors="rank contribution pull component_weight weight text",
    alerts="", alert_steps="", cases="severity triggers trigger_count", next_actions=TAKEN_ON,
)  # fmt: skip
"""What may follow where the health of an account moves."""
WEIGHTS = {
    "usage": 0.3, "adoption": 0.15, "support": 0.15, "sentiment": 0.1, "relationship": 0.12, "billing": 0.1,
    "commercial": 0.08,
}  # fmt: skip


@kind("result")
def component_weight(rng: random.Random, company: Company) -> Changes:
    """Health is the mean of the known components by their weights; nothing else moves but what health decides."""
    component = rng.choice(("usage", "adoption", "support", "billing"))
    weights = {**WEIGHTS, component: round(WEIGHTS[component] * rng.choice((0.2, 0.5, 2, 4)), 4)}
    company.set("health.weights", "\n".join(f"{name} = {value}" for name, value in weights.items()))
    return Changes(
        columns(health_scores="health health_computed coverage summary", factors="component_weight contribution"),
        HEALTH_FOLLOWS,
        rows=ALERTED,
    )


@kind("result")
def weights_on_another_scale(rng: random.Random, company: Company) -> NoEffect:
    """`any scale`: only what the weights are to each other counts."""
    scale = rng.choice((10, 100, 0.5, 2, 4, 1000))
    company.set("health.weights", "\n".join(f"{name} = {value * scale:.6f}" for name, value in WEIGHTS.items()))
    return NoEffect(stamped=True)


@kind("result")
def segment_weight(rng: random.Random, company: Company) -> Changes:
    segment = rng.choice(("enterprise", "mid-market", "digital-touch"))
    scores = company.published("health_scores")
    mine = frozenset(scores.loc[scores["segment"] == segment, "account_id"])
    weights = "\n".join(f"{name} = {value}" for name, value in {**WEIGHTS, "usage": 0.9}.items())
    company.set(f"health.segment_weights.{segment}", weights)
    return Changes(
        columns(health_scores="health health_computed coverage summary", factors="component_weight contribution"),
        HEALTH_FOLLOWS,
        accounts=mine,
        rows=ALERTED,
    )


@kind("result")
def band_bound(rng: random.Random, company: Company) -> Changes:
    """The band, and the summary that names it, of accounts between the bounds; who is at risk is not only watched."""
    at = rng.choice((71, 72, 73, 74, 75, 76))
    scores = company.published("health_scores").set_index("account_id")
    moved = scores.index[(scores["health"] >= 70) & (scores["health"] < at)]
    company.set("health.bands", f"at_risk_below = {at}")
    bands = scores["band"].where(~scores.index.isin(moved), "at_risk")
    if moved.empty:
        return Changes({}, values={"band": bands.to_dict()})
    return Changes(
        columns(health_scores="band summary"),
        peers=ACTED,
        accounts=frozenset(moved),
        values={"band": bands.to_dict()},
        rows=frozenset({"next_actions"}),
    )


@kind("result")
def health_alert_threshold(rng: random.Random, company: Company) -> Changes:
    """Alerts, and nothing of the score: exactly the accounts below the threshold have a new one."""
    scores = company.published("health_scores")
    below = round(rng.uniform(54, 60), 1)
    company.set("alerts", f"health_below = {below}")
    mine = frozenset(scores.loc[scores["health"] < below, "account_id"])
    return Changes(columns(alerts="*"), columns(cases="severity triggers trigger_count"), accounts=mine, rows=ALERTED)


@kind("result")
def tier_bound(rng: random.Random, company: Company) -> Changes:
    """The tier of accounts below the new bound, and what is done for them; their health stays."""
    scores = company.published("health_scores").set_index("account_id")
    at = rng.choice((54, 56, 60, 66, 69))
    moved = scores.index[(scores["health"] < at) & (scores["tier"] != "immediate")]
    company.set("tiers", f"immediate_below = {at}")
    tiers = scores["tier"].where(~scores.index.isin(moved), "immediate").to_dict()
    return Changes(
        columns(health_scores="tier tier_reason"),
        peers=ACTED,
        accounts=frozenset(moved),
        values={"tier": tiers},
        rows=frozenset({"next_actions"}),
    )


@kind("result")
def minimum_coverage(rng: random.Random, company: Company) -> Changes:
    """Accounts of which less is known have no score; what was computed of them stays in health_computed."""
    scores = company.published("health_scores").set_index("account_id")
    least = rng.choice((0.35, 0.62, 0.68, 0.71))
    moved = scores.index[scores["coverage"] < least]
    company.set("health", f"minimum_coverage = {least}")
    return Changes(
        columns(health_scores="health band summary"),
        columns(health_scores=HEALTH.replace(" health_computed", ""), factors="rank text contribution pull"),
        ACTED,
        accounts=frozenset(moved),
        rows=frozenset({"next_actions"}),
        values={"health": scores["health"].where(~scores.index.isin(moved)).to_dict()},
    )


@kind("result")
def fx_rate(rng: random.Random, company: Company) -> Changes:
    """ARR of the accounts that pay in that currency, by the ratio of the rates; who is high-value may follow."""
    currency, old = rng.choice((("EUR", 1.08), ("GBP", 1.27)))
    new = round(old * rng.choice((0.5, 0.9, 1.1, 1.5)), 4)
    config = company.config.read_text()
    company.config.write_text(config.replace(f"{currency} = {old}", f"{currency} = {new}"))
    contracts = company.rows("contracts")
    mine = frozenset(contracts.loc[contracts["currency"] == currency, "account_id"])
    scores = company.published("health_scores").set_index("account_id")
    mine &= set(scores.index)
    arr = {a: v * new / old if a in mine else v for a, v in scores["arr"].to_dict().items()}
    return Changes(
        columns(health_scores="arr", features="contract_value"),
        columns(dim_csm="arr", factors="value"),
        columns(health_scores="high_value"),
        accounts=mine,
        values={"arr": arr},
    )


@kind("result")
def fx_rate_missing(rng: random.Random, company: Company) -> Refused:
    currency, rate = rng.choice((("EUR", "EUR = 1.08, "), ("GBP", ", GBP = 1.27")))
    company.config.write_text(company.config.read_text().replace(rate, ""))
    assert (company.rows("contracts")["currency"] == currency).any()
    return Refused(3, ("contracts.currency", "currency_has_rate", "money.fx_rates"))


@kind("result")
def name_of_a_system(rng: random.Random, company: Company) -> Changes:
    company.config.write_text(
        re.sub(rf'(\[tables\.{rng.choice(("usage", "tickets", "invoices"))}\][^\[]*?system = )"[^"]*"', r'\1"Other"',
               company.config.read_text())
    )  # fmt: skip
    return Changes(columns(signal_catalogue="source_system"))


@kind("result")
def severity_of_a_rule(rng: random.Random, company: Company) -> Changes:
    """A rule that holds has its new severity and its reason in check_results; nothing else moves."""
    rule = rng.choice(("usage.events_outliers", "contracts.end_plausible", "invoices.due_after_issued"))
    company.set(
        f'checks.overrides."{rule}"', f'severity = "{rng.choice(("critical", "info"))}"\nreason = "agreed with sales"'
    )
    return Changes(columns(check_results="severity reason"))


@kind("result")
def silent_days(rng: random.Random, company: Company) -> Changes:
    """A threshold that no account reaches, nor reached before, opens nothing."""
    features = company.published("features")
    longest = int(pd.to_numeric(features["days_since_last_use"]).max())
    company.set("alerts", f"silent_days = {longest + rng.randrange(2, 30)}")
    return Changes({})
