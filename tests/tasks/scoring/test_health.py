"""Every account scored, explained and given a next step: facts in, one row per account out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from keepwell.features.health.score import effective_weights
from keepwell.features.settings import DEFAULT_MEASURES, BookSettings, HealthSettings
from keepwell.flows.scoring import health_scores
from keepwell.playbook.actions import Playbook
from keepwell.playbook.next_actions.day import Evidence, Past
from keepwell.playbook.settings import AlertSettings, OwnerSettings, TierSettings
from keepwell.tasks.earlier_scores import stored_before
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.scoring.measured import high_value
from keepwell.tasks.scoring.score import NOBODY, People, Scored, ScoreSettings, score_book
from tests.playbook.test_playbook import BOOK, action
from tests.support.handmade import MONDAY, Row, ago, company, contract
from tests.support.running import shipped_playbook

STAMP = Stamp("run", "code", "snapshot")


def settings(playbook: Playbook | None = None, **health: Any) -> ScoreSettings:
    """The defaults, with these changes of the health score."""
    owners = OwnerSettings(default_csm="desk")
    definition = HealthSettings.model_validate(health)
    return ScoreSettings(
        BookSettings(), definition, TierSettings(), owners, playbook or shipped_playbook(), AlertSettings()
    )


def used(account: str, events: Sequence[int]) -> list[Row]:
    """Actions per day, the last of them yesterday."""
    days = range(len(events), 0, -1)
    return [
        {"account_id": account, "day": ago(d), "user_id": "ann", "feature": "edit", "events": n}
        for d, n in zip(days, events, strict=True) if n
    ]  # fmt: skip


def scored(
    rows: Mapping[str, Sequence[Row]], as_of: str = MONDAY, root: Path | None = None,
    left: Mapping[str, float] | None = None, people: People = NOBODY, **health: Any,
) -> Scored:  # fmt: skip
    """The book, scored; with `root` it builds on what was published there, and is published itself."""
    stored = stored_before(root or Path("nowhere"), date.fromisoformat(as_of), 30)
    found = score_book(company(as_of, **rows), settings(**health), left or {}, stored, None, people)
    if root:
        frames = {"health_scores": health_scores(found.accounts), "factors": found.measures}
        publish(root, date.fromisoformat(as_of), frames, STAMP)
    return found


def row_of(found: Scored, account: str = "acme") -> pd.Series:
    return found.accounts.set_index("account_id").loc[account]


STEADY = {"contracts": [contract(seats=1)], "usage": used("acme", [5] * 250)}
FALLEN = {**STEADY, "usage": used("acme", [10] * 222 + [1] * 28)}


# The line (ACT-1) -----------------------------------------------------------------------------------------------------


def test_the_summary_names_score_factors_and_what_is_recommended_by_when() -> None:
    """One line: risk or health, factors with numbers and windows, an action with its deadline (ACT-1)."""
    rows = {
        **FALLEN,
        "tickets": [{"account_id": "acme", "opened_at": ago(5, "09:00"), "escalated_at": ago(4, "09:00")}] * 2,
        "touchpoints": [
            {
                "account_id": "acme",
                "happened_at": ago(200, "09:00"),
                "kind": "call",
                "role": "sponsor",
                "attended": True,
            }
        ],
    }
    # Two tickets need two ids.
    rows["tickets"] = [{**t, "ticket_id": f"t{n}"} for n, t in enumerate(rows["tickets"])]
    acme = row_of(scored(rows))

    assert acme["factor_1"] == "Usage has stepped down in the last 26 weeks"
    assert acme["factor_2"] == "No executive contact in 200 days"
    assert acme["factor_3"] == "Usage down 90% over the last 28 days (vs. the 28 before)"
    assert acme["summary"] == (
        f"Churn risk: no model (health {acme['health']:.1f}, at_risk) | Key factors: usage has stepped down in the "
        "last 26 weeks, no executive contact in 200 days, usage down 90% over the last 28 days (vs. the 28 before) | "
        "Recommended: Usage review with the admin within 3 days"
    )
    assert (acme["tier"], acme["action_owner"], acme["action_due"]) == ("outreach", "desk", date(2024, 3, 7))


@pytest.mark.parametrize("rows", [STEADY, FALLEN])
def test_every_summary_has_the_form_of_the_specification(rows) -> None:
    """Churn risk: ... | Key factors: ... | Recommended: ... (ACT-1)."""
    form = (
        r"Churn risk: no model \(health \d+\.\d, \w+\) \| Key factors: .+ \| "
        r"(Recommended: .+( today| within \d+ days?)|Watched: nobody needs to contact them)"
    )

    assert re.fullmatch(form, row_of(scored(rows))["summary"])


@pytest.mark.slow
def test_factors_say_what_pulls_down_or_for_a_healthy_account_what_holds_up() -> None:
    """A good sign is no reason for a bad score, nor the other way round (ACT-1)."""
    low, high = scored(FALLEN), scored({**STEADY, "usage": used("acme", [5] * 72 + [9] * 28)})

    for found, sign in ((low, -1), (high, 1)):
        cited = found.measures[found.measures["text"].notna()]
        assert len(cited)
        assert (np.sign(cited["pull"]) == sign).all()
        assert list(cited["rank"]) == list(range(1, len(cited) + 1))
        assert (cited["pull"].abs().diff().dropna() <= 1e-12).all()
    assert row_of(high)["band"] == "healthy"
    assert row_of(high)["factor_1"] == "Usage has stepped up in the last 26 weeks"


def test_a_good_sign_is_shown_as_one() -> None:
    """Contact three days ago holds the score up: it is not "No executive contact in 3 days" (ACT-1)."""
    talk = {"account_id": "acme", "happened_at": ago(3, "09:00"), "kind": "call", "role": "executive"}
    acme = row_of(scored({**STEADY, "usage": used("acme", [5] * 72 + [9] * 28), "touchpoints": [talk]}))

    assert acme["band"] == "healthy"
    assert "executive contact 3 days ago" in acme["summary"]


def test_putting_a_cited_factor_back_to_its_reference_moves_the_score_as_said() -> None:
    """Usage as before instead of down 90%: the score rises, by the factor's pull (ACT-1)."""
    found = scored(FALLEN)
    factor = found.measures.set_index("feature").loc["usage_trend"]
    points = found.measures["points"].where(found.measures["feature"] != "usage_trend", 75.0)

    restored = (effective_weights(found.measures) * points.fillna(0.0)).sum()

    assert factor["pull"] < -5
    assert restored - row_of(found)["health"] == pytest.approx(-factor["pull"])


def test_every_measure_has_its_rank_and_the_contributions_sum_to_the_score() -> None:
    """Conservation, after ranking too (HLT-1)."""
    found = scored(FALLEN)

    assert sorted(found.measures["rank"]) == list(range(1, len(DEFAULT_MEASURES) + 1))
    assert found.measures["contribution"].sum() == pytest.approx(row_of(found)["health_computed"], abs=1e-6)


@pytest.mark.slow
def test_a_carried_factor_says_as_of_when(tmp_path: Path) -> None:
    """An answer of January still counts in March, and is dated (HLT-2)."""
    survey = {"account_id": "acme", "answered_at": "2023-03-20T09:00", "score": 0}
    rows = {**STEADY, "surveys": [survey]}

    scored(rows, as_of="2024-03-04", root=tmp_path)
    acme = row_of(scored(rows, as_of="2024-03-24", root=tmp_path))

    assert "NPS answers average 0.0 out of 10 over 365 days (as of March 4)" in acme["summary"]


# Unknown --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_too_little_known_is_no_score_no_tier_and_no_action(tmp_path: Path) -> None:
    """Coverage below its minimum: band unknown; the computed health is kept, nothing is built on it (HLT-2)."""
    rows = {"contracts": [contract(start_on=ago(3), seats=5)], "usage": used("busy", [1])}
    acme = row_of(scored(rows, root=tmp_path))

    assert acme["coverage"] < 0.3
    assert acme["band"] == "unknown"
    assert acme[["health", "tier", "tier_reason", "tier_since", "next_action", "action_due"]].isna().all()
    assert not np.isnan(acme["health_computed"])
    assert acme["summary"].startswith("Churn risk: no model (too little is known for a score) | Key factors: ")
    assert row_of(scored(rows, "2024-03-05", tmp_path))[["tier", "tier_since"]].isna().all()


def test_a_company_with_the_required_tables_alone_gets_scores() -> None:
    """Contracts and usage are enough once an account is old enough to be compared (HLT-2)."""
    assert row_of(scored(STEADY))["band"] == "stable"


@pytest.mark.slow
def test_a_warning_lowers_the_coverage_and_not_the_score() -> None:
    """A stale usage table: the same health, less known of it (SRC-3)."""
    sound, stale = row_of(scored(STEADY)), row_of(scored(STEADY, left={"usage": 0.5}))

    assert stale["coverage"] < sound["coverage"]
    assert stale["component_usage"] == pytest.approx(sound["component_usage"])


@pytest.mark.slow
def test_rows_set_aside_lower_the_coverage_and_are_no_silence() -> None:
    """All use of the last weeks was set aside: silence is not reported, its measure is left out (SRC-4)."""
    aside = [
        {
            "table_name": "usage",
            "key": str(d),
            "reason": "r",
            "account_id": "acme",
            "event_on": ago(d),
            "known_at": ago(d - 1),
        }
        for d in range(1, 21)
    ]
    rows = {**STEADY, "usage": [*used("acme", [5] * 80 + [0] * 20), *used("busy", [1])], "quarantine": aside}

    sound, doubted = scored({**rows, "quarantine": []}), scored(rows)

    assert "no logins for 20 days" in row_of(sound)["summary"]
    assert row_of(doubted)["coverage"] < row_of(sound)["coverage"]
    silence = doubted.measures.set_index("feature").loc["days_since_last_use"]
    assert (silence["confidence"], silence["contribution"]) == (0, 0)


# Renewal, tiers and time ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_distance_to_the_renewal_never_moves_the_score() -> None:
    """Tomorrow or in three years: urgency, not health (HLT-1)."""
    near, far = ({**STEADY, "contracts": [contract(end_on=end, seats=1)]} for end in (ago(-1), ago(-1000)))

    assert row_of(scored(near))["health"] == row_of(scored(far))["health"]


def test_the_day_of_entering_the_tier_stays_while_the_account_is_in_it(tmp_path: Path) -> None:
    """A daily run does not push it on; leaving the tier and coming back starts anew (section 0)."""
    days = ("2024-02-01", "2024-02-02", "2024-02-05")

    runs = [row_of(scored(STEADY, day, tmp_path)) for day in days]
    automated = row_of(scored(STEADY, "2024-02-20", tmp_path, weights={"usage": 0, "commercial": 0}))
    back = row_of(scored(STEADY, "2024-02-21", tmp_path))

    assert {r["tier"] for r in runs} == {"outreach"} != {automated["tier"]}
    assert [r["tier_since"] for r in runs] == [date(2024, 2, 1)] * 3
    assert (back["tier"], back["tier_since"]) == ("outreach", date(2024, 2, 21))


def test_what_is_known_of_an_action_stays_until_it_is_done() -> None:
    """Days later it still has its first date, and says that it has passed; done, there is none (ACT-2)."""
    first = scored(FALLEN)
    reached = Evidence("acme", datetime.fromisoformat("2024-03-05T10:00"), "desk")
    late = row_of(scored(FALLEN, "2024-03-08", people=People(actions=Past(first.actions))))
    done = row_of(scored(FALLEN, "2024-03-08", people=People(actions=Past(first.actions, [reached]))))

    assert row_of(first)["action_due"] == late["action_due"] == date(2024, 3, 7)
    assert (late["action_recommended_on"], late["action_state"]) == (date(2024, 3, 4), "overdue")
    assert late["summary"].endswith("| Recommended: Usage review with the admin (was due 2024-03-07, escalated)")
    assert (done["action_state"], done["action_due"], done["next_action"]) == ("done", None, None)


def test_who_leaves_has_a_course_of_its_own() -> None:
    """Whatever the factors are, notice asks for an honest talk, and the line says when the contract ends (ACT-2)."""
    notice = [contract(seats=1, notice_on=date(2024, 3, 1), end_on=date(2024, 9, 30))]
    leaving = row_of(scored({**FALLEN, "contracts": notice}))

    assert leaving["status"] == "leaving"
    assert leaving["next_action"] == "Ask why they leave, and whether an offer changes it"
    assert leaving["summary"].startswith("Churn risk: notice given, the contract ends September 30 (health ")


def test_the_change_is_against_the_score_of_a_month_before(tmp_path: Path) -> None:
    """Nearest at or before one month earlier; its parts sum to it (HLT-3)."""
    first = row_of(scored(STEADY, "2024-02-01", tmp_path))
    before = row_of(scored(STEADY, "2024-02-04", tmp_path))
    scored(STEADY, "2024-02-05", tmp_path)
    now = row_of(scored(FALLEN, MONDAY, tmp_path))

    assert pd.isna(first["change"])
    assert pd.isna(first["change_flagged"])
    assert now["health_prev"] == pytest.approx(before["health"], abs=1e-6)
    parts = now[[f"change_{p}" for p in ("definition", "weights", "data", "coverage", "override")]]
    assert now["change"] == pytest.approx(parts.sum(), abs=1e-6)
    assert now["change_data"] == pytest.approx(now["change"], abs=1e-3)
    assert -18 < now["change"] < -15
    assert now["change_flagged"]


@pytest.mark.slow
def test_a_change_beyond_the_flag_is_flagged(tmp_path: Path) -> None:
    """|change| > 15 by default, here 5 (HLT-3)."""
    scored(STEADY, "2024-02-04", tmp_path)

    assert row_of(scored(FALLEN, root=tmp_path, change_flag=5))["change_flagged"]
    assert not row_of(scored(STEADY, root=tmp_path, change_flag=5))["change_flagged"]


# Owners and actions ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_owner_is_the_csm_or_else_the_default() -> None:
    """An account without a CSM belongs to somebody (section 1)."""
    rows = {**FALLEN, "contracts": [contract("acme", seats=1), contract("bolt", seats=1)]}
    rows["usage"] = [*FALLEN["usage"], *used("bolt", [10] * 222 + [1] * 28)]
    rows["accounts"] = [{"account_id": "bolt", "csm": "di"}]

    assert [row_of(scored(rows), a)["action_owner"] for a in ("acme", "bolt")] == ["desk", "di"]


@pytest.mark.slow
@pytest.mark.parametrize("others", [[], [{"account_id": "bolt", "email_opt_out": False}]])
def test_an_opt_out_is_respected(others: list[Row]) -> None:
    """A healthy account that asked for no automated email gets none, and nobody has a deadline for it (section 0)."""
    rows = {**STEADY, "usage": used("acme", [5] * 72 + [9] * 28)}
    asked = [{"account_id": "acme", "email_opt_out": True}, *others]
    mailed, spared = row_of(scored(rows)), row_of(scored({**rows, "accounts": asked}))

    assert (mailed["tier"], mailed["action_owner"]) == ("automated", "automation")
    assert mailed["action_due"] == date(2024, 3, 11)
    assert spared["next_action"] == "No automated email (opted out)"
    assert spared[["action_owner", "action_due"]].isna().all()
    assert spared["summary"].endswith("Recommended: No automated email (opted out)")


def test_no_automated_email_goes_out_while_an_alert_is_open() -> None:
    """Nobody asks by a template how things go while people work on what goes wrong (section 0)."""
    rows = {**STEADY, "usage": used("acme", [5] * 72 + [9] * 28)}
    alarms = (frozenset[str](), frozenset(["acme"]))
    found = [row_of(scored(rows, people=People(alarmed=alarmed))) for alarmed in alarms]

    assert [row["tier"] for row in found] == ["automated", "automated"]
    assert found[0]["action_owner"] == "automation"
    assert found[1][["next_action", "action_owner", "action_due"]].isna().all()


@pytest.mark.parametrize("wrong", [{"features": ["usage_trent"]}, {"components": ["suport"]}])
def test_a_playbook_that_names_what_does_not_exist_is_refused(wrong) -> None:
    """A typing error would never answer anything, in silence (ACT-2)."""
    with pytest.raises(ConfigError, match=r"action 'typo' names '(usage_trent|suport)'"):
        settings(Playbook(action=(action("typo", "outreach", **wrong), *BOOK.action)))


@pytest.mark.parametrize(
    ("accounts", "share", "count"), [(10, 0.1, 1), (11, 0.1, 2), (100, 0.07, 7), (1, 0.1, 1), (0, 0.1, 0)]
)
def test_high_value_is_the_top_share_of_the_book(accounts: int, share: float, count: int) -> None:
    """The top decile by ARR, rounded up; ties by order (section 0)."""
    arr = pd.Series(range(accounts), dtype=float)

    flags = high_value(arr, BookSettings(high_value_share=share))

    assert flags.sum() == count
    assert not flags.any() or arr[flags].min() >= arr[~flags].max() or flags.all()
    assert high_value(pd.Series([5.0, 900.0]), BookSettings(high_value_share=0, high_value_arr=100)).tolist() == [
        False,
        True,
    ]


@pytest.mark.slow
def test_an_empty_book_is_an_empty_result(tmp_path: Path) -> None:
    """Nobody under contract: no rows, all columns, published without a crash."""
    full, empty = scored(STEADY), scored({"contracts": [contract(end_on="2023-06-01")]}, root=tmp_path)

    assert len(empty.accounts) == len(empty.measures) == 0
    assert set(empty.accounts.columns) == set(full.accounts.columns)
    assert row_of(scored(STEADY, "2024-04-10", tmp_path))["change"] is not None


@pytest.mark.parametrize(
    ("usage", "alarmed", "sells"),
    [([5] * 250, (), True), ([5] * 250, ("acme",), False), ([5] * 230 + [0] * 20, (), False)],
)
def test_an_upsell_waits_until_no_alert_is_open(usage: list[int], alarmed: tuple[str, ...], sells: bool) -> None:
    """Neither one that was open before, nor a condition that holds today: here silence for 20 days (ACT-2)."""
    rest = [a for a in shipped_playbook().action if not a.grows]
    rules = settings(Playbook(action=(action("sell", "immediate", "outreach", "automated", grows=True), *rest)))
    rules = replace(rules, tiers=TierSettings(immediate_below=10, automated_above=20))
    others = used("bolt", [1])  # the source itself is up to date
    rows = {"contracts": [contract(seats=1)], "usage": [*used("acme", usage), *others]}
    stored = stored_before(Path("nowhere"), date.fromisoformat(MONDAY), 30)
    found = row_of(score_book(company(MONDAY, **rows), rules, {}, stored, None, People(alarmed=frozenset(alarmed))))

    assert (found["next_action"] == "sell") is sells
