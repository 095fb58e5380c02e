"""Random assignment in week 2: who is held out, what is recorded, and who counts as treated (MON-4, MOD-1)."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.book import book
from keepwell.features.facts.known import timestamp
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.effects import SubjectSettings
from keepwell.playbook.interventions.records import work_event
from keepwell.playbook.outreach.call_owners import HELD_OUT, Asked, Before, Team, assigned
from keepwell.playbook.outreach.holdout import Draw, draws_at, held_out_at, random_assignment
from keepwell.playbook.settings import OutreachSettings
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.ledger.recorded import recorded_rows
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.operations.subjects import drawn, work_of
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.staging import stage
from tests.support.company import AS_OF, staged
from tests.support.company import company as company_of
from tests.support.running import keepwell, mart
from tests.tasks.operations.test_subjects import book as rows_of
from tests.tasks.operations.test_subjects import done

AT = datetime(2025, 12, 8)
LATER = datetime(2026, 5, 22)
RULES = OutreachSettings()


# The draw -------------------------------------------------------------------------------------------------------------


def test_the_draw_holds_out_the_share_that_is_asked_for_and_repeats() -> None:
    """By a hash of account and instant: the same again, another at another instant (MON-4, TRU-1)."""
    accounts = [f"A{n}" for n in range(4000)]
    draws, again = (draws_at(random_assignment(accounts, AT, 0.2), AT) for _ in range(2))
    other = draws_at(random_assignment(accounts, datetime(2026, 1, 8), 0.2), LATER)
    spared = held_out_at(draws, AT)

    assert draws == again
    assert len(spared) / len(accounts) == pytest.approx(0.2, abs=0.02)
    assert {draw.probability for draw in draws} == {0.8}
    assert len(spared & held_out_at(other, datetime(2026, 1, 8))) / len(spared) == pytest.approx(0.2, abs=0.06)
    assert not held_out_at(draws, datetime(2026, 1, 8))


def test_a_draw_once_made_stands(tmp_path: Path) -> None:
    """Drawn again with another share, the ledger keeps the first and adds nothing (ALR-5, MON-5)."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    first = ledger.record_work(random_assignment(["a", "b", "c"], AT, 0.5))
    second = ledger.record_work(random_assignment(["a", "b", "c", "d"], AT, 0.0))
    kept = {draw.account_id: draw.probability for draw in draws_at(ledger.work(AT), AT)}
    ledger.close()

    assert (len(first), [event.account_id for event in second]) == (3, ["d"])
    assert kept == {"a": 0.5, "b": 0.5, "c": 0.5, "d": 1.0}


CSMS = ("Ann", "Bob", "Cy")
SEGMENTS = ("smb", "large")


@given(
    st.lists(st.tuples(st.sampled_from(SEGMENTS), st.sampled_from(CSMS), st.booleans()), max_size=14),
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.lists(st.sampled_from(["smb", "large", "both"]), min_size=3, max_size=3),
    st.dictionaries(st.integers(0, 13).map(str), st.sampled_from(CSMS)),
)
@effort(max_examples=300, deadline=None)
def test_accounts_drawn_for_treatment_are_called_whoever_else_is_held_out(
    rows: list[tuple[str, str, bool]], room: list[int], segments: list[str], callers: dict[str, str]
) -> None:
    """Otherwise the draw would not decide: its probability would differ from the recorded one (MON-4)."""
    own = {"both": frozenset(SEGMENTS), "smb": frozenset({"smb"}), "large": frozenset({"large"})}
    team = Team(dict(zip(CSMS, (own[s] for s in segments), strict=True)), dict(zip(CSMS, room, strict=True)))
    queue = [Asked(str(n), segment, csm) for n, (segment, csm, _) in enumerate(rows)]
    before = Before({}, callers)
    called = {one.account_id for one in assigned(queue, team, before, RULES) if not one.waits}
    held_out = {str(n) for n, (*_, spared) in enumerate(rows) if spared and str(n) in called}
    after = assigned(queue, team, before, RULES, held_out)
    load = Counter(one.csm for one in after if not one.waits)

    assert called - held_out <= {one.account_id for one in after if not one.waits}
    assert all(one.waits and HELD_OUT in (one.handover or "") for one in after if one.account_id in held_out)
    assert all(load[csm] <= team.room[csm] for csm in CSMS)


def test_what_people_record_stands_beside_what_the_company_has(tmp_path: Path) -> None:
    """Interventions and draws of the company's own tables, and those of the ledger; of a key of both the ledger's."""
    tables = ("accounts", "contracts", "interventions", "hold_outs")
    snapshot, now = staged(company_of(*tables), tmp_path), AS_OF
    own = facts_at(snapshot, now)
    theirs = own["interventions"].to_pandas()["intervention_id"].tolist()
    at = now - timedelta(days=2)
    events = [
        work_event("started", "A-001", "V-000", at, at, "Ann", {"kind": "executive"}),
        work_event("started", "A-001", "NEW", at, at, "Ann", {"kind": "executive"}),
        *random_assignment(["A-001"], at, 0.0),
    ]  # fmt: skip
    both = facts_at(snapshot, now, recorded=recorded_rows(events, now))
    found = both["interventions"].to_pandas().set_index("intervention_id")

    assert "V-000" in theirs
    assert sorted(found.index) == sorted([*theirs, "NEW"])
    assert found.loc[["V-000", "NEW"], "kind"].tolist() == ["executive", "executive"]
    assert set(found["kind"]) == {"executive", "training"}
    assert both["hold_outs"].count().execute() == own["hold_outs"].count().execute() + 1


# By command -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company of 120 accounts without interventions or draws of its own."""
    folder = tmp_path_factory.mktemp("company")
    write_company(120, 15, 11, folder, settings=company_with("off", confounder=False))
    usual = (folder / "pipeline.toml").read_text().replace("[money]\n", "[money]\nhigh_value_share = 0.4\n")
    (folder / DRAWS).write_text(usual + "\n[outreach]\nhold_out_share = 0.4\n")
    more = "\n[outreach]\nhold_out_share = 0.5\nhold_out_high_value = true\n[models.subjects]\nhold_out = true\n"
    (folder / USES).write_text(usual + more)
    return folder


DRAWS, USES = "draws.toml", "uses.toml"
"""Settings under which week 2 assigns at random, and others with a larger share under which week 4 uses the draws."""


def run(company: Path, out: Path, settings: str, *what: object) -> None:
    found = keepwell("--config", company / settings, "--out", out, *what)
    assert found.code == 0, found.err


def draws_of_ledger(out: Path) -> list[Draw]:
    ledger = Ledger.open(f"sqlite:///{out / 'ledger.db'}")
    try:
        return draws_at(ledger.work(), AT)
    finally:
        ledger.close()


WEEK_TWO = ("monthly", "--as-of", AT.date(), "--week", 2)


@pytest.fixture(scope="module")
def ran(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of week 2."""
    out = tmp_path_factory.mktemp("out")
    run(company, out, DRAWS, *WEEK_TWO)
    return out


@pytest.mark.slow
def test_week_two_holds_out_the_drawn_accounts_and_calls_the_others(company: Path, ran: Path) -> None:
    """Drawn for whom it would call but those of high value; who is spared has a row and no call (MON-2, MON-4)."""
    queue = mart(ran, "outreach_queue", str(AT.date())).set_index("account_id")
    scores = mart(ran, "health_scores", str(AT.date())).set_index("account_id")
    draws = {draw.account_id: draw.held_out for draw in draws_of_ledger(ran)}
    spared = [account for account, out in draws.items() if out]

    assert len(draws) > len(spared) > 2
    called = queue.index[queue["scheduled_at"].notna()]
    assert not scores.loc[list(draws), "high_value"].any()
    assert set(called) - set(draws) == set(scores.index[scores["high_value"]]) & set(called) != set()
    assert set(queue.index[queue["held_out"]]) == set(spared)
    assert queue.loc[spared, "scheduled_at"].isna().all()
    assert queue.loc[[a for a in draws if a not in spared], "scheduled_at"].notna().all()
    assert queue.loc[spared, "owner"].notna().all()


@pytest.mark.slow
def test_the_week_made_up_again_has_the_same_draw_and_what_was_noted_since(company: Path, ran: Path) -> None:
    """The draw is kept and none is added for the past; a note becomes a talking point (MON-5, OUT-3, HLT-4)."""
    day, stable = str(AT.date()), ["account_id", "csm", "scheduled_at", "held_out", "handover"]
    before, drawn_before = mart(ran, "outreach_queue", day), draws_of_ledger(ran)
    account = before.loc[before["scheduled_at"].notna(), "account_id"].iloc[0]
    note = "a merger is under way"
    run(company, ran, USES, "note", account, note, "--by", "Ann", "--now", AT.isoformat(), "--until", "2026-01-01")
    run(company, ran, USES, "backfill", "--from", day, "--to", day, "--flow", "monthly", "--again")
    after = mart(ran, "outreach_queue", day)
    points = after.set_index("account_id")["talking_points"]

    pd.testing.assert_frame_equal(after[stable], before[stable])
    assert before["held_out"].any()
    assert draws_of_ledger(ran) == drawn_before
    assert f"Note: {note} (Ann, December 8)" in points[account]
    assert not any("Note:" in point for other, of in points.items() if other != account for point in of)


# What is made of it ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_ledger_says_who_was_treated_without_changing_the_snapshot(company: Path, tmp_path: Path) -> None:
    """Accounts drawn for treatment and accounts contacted; unknown before the first record (MOD-1, TRU-1)."""
    settings = load_settings(company / USES)
    snapshot = stage(settings.source.url, settings.base, settings.mappings, tmp_path)
    fixed, at, now = Run(settings, tmp_path, AT.date()).fixed, AT, LATER
    cohort = book(facts_at(snapshot, at, fixed), settings.money)
    fell, spared, worked, left = sorted(cohort["account_id"].to_pandas())[:4]
    events = [
        *random_assignment([fell], at + timedelta(days=1), 0.0),
        *random_assignment([spared], at + timedelta(days=1), 0.5),
        work_event("started", worked, None, at, at, "Ann", {"kind": "training"}),
        work_event("started", worked, None, at, at + timedelta(days=3), "Ann", {"kind": "training"}),
    ]  # fmt: skip
    events[1] = work_event("drawn", spared, None, events[1].as_of, events[1].at, "keepwell",
                           {"chance": 0.75, "held_out": True})  # fmt: skip
    labeled = {}
    for day in (at, at - timedelta(days=30)):
        facts = facts_at(snapshot, now, fixed, recorded_rows(events, now))
        labeled[day] = (
            labels(cohort.mutate(as_of=timestamp(day)), facts, BookSettings(), LabelSettings())
            .to_pandas()
            .set_index("account_id")
        )

    assert labeled[at].loc[[fell, spared, worked, left], "treated"].tolist() == [True, False, True, False]
    assert labeled[at - timedelta(days=30)]["treated"].isna().all()
    assert labeled[at - timedelta(days=30)]["untreated_chance"].isna().all()
    assert "interventions" not in facts_at(snapshot, now, fixed)


def test_a_subject_counts_by_its_draw_and_not_by_what_was_done() -> None:
    """Held out and worked on all the same: held out; called and nothing recorded: treated (MON-4)."""
    rows = rows_of(("a", "2025-12-01", 50.0), ("b", "2025-12-01", 50.0), ("c", "2025-12-01", 50.0))
    draws = pd.DataFrame(
        {"account_id": ["a", "b", "c"], "drawn_at": [AT] * 3, "chance": [0.8] * 3, "held_out": [True, False, None]}
    )
    work = work_of([done("a", "2025-12-20T10:00"), done("c", "2025-12-10T10:00")])
    found = drawn(rows, work, draws, SubjectSettings()).set_index("account_id")

    assert found["treated"].to_dict() == {"a": False, "b": True, "c": True}
    assert found["kind"].fillna("").to_dict() == {"a": "training", "b": "", "c": "training"}


@pytest.mark.slow
def test_week_four_reports_the_effect_by_the_draw_of_week_two(company: Path, ran: Path) -> None:
    """Through the commands alone: drawn in December, reported once the outcomes have matured (MON-2, MON-4)."""
    run(company, ran, USES, "monthly", "--as-of", LATER.date(), "--week", 4)
    effects = mart(ran, "strategy_effects", str(LATER.date()))
    draws = draws_of_ledger(ran)
    page = (ran / "reports" / f"leadership-{LATER.date()}.html").read_text()
    whole = effects[
        (effects["kind"] == "all") & (effects["segment"] == "all") & effects["estimand"].str.contains("churn")
    ]

    assert "Randomized: accounts assigned to treatment against the hold-out." in page
    assert f"{sum(not d.held_out for d in draws):,} accounts drawn for treatment have no recorded work" in page
    assert whole["treated"].tolist() == [sum(not draw.held_out for draw in draws)]
    assert whole["estimand"].str.contains("difference by random assignment").all()
    assert not whole["enough"].any()
