"""Cases of week 4: who counts as worked on and as left alone, what was known of them, what came of it (MON-4)."""

import ast
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.settings import BookSettings, HealthSettings, LabelSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.effects import SubjectSettings
from keepwell.playbook.interventions.records import Intervention
from keepwell.playbook.settings import AlertSettings, OwnerSettings, TierSettings
from keepwell.sample.settings import company_with
from keepwell.sample.write import write_company
from keepwell.tasks.operations.effects import Subjects, find_subjects, strategy_effects, uplift_of
from keepwell.tasks.operations.subjects import (
    SOURCE,
    chosen,
    drawn,
    draws_of,
    interventions_of,
    months_of,
    with_legacy,
    with_outcomes,
    work_of,
)
from keepwell.tasks.scoring.score import ScoreSettings
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from tests.support.handmade import Row, company, contract
from tests.support.running import ROOT, shipped_playbook

RULES = SubjectSettings()
LATE = "2024-12-01"
HORIZON, GRACE = 90, 30


def done(account: str, at: str, kind: str = "training", cause: str | None = None, ident: str = "") -> Intervention:
    begun = datetime.fromisoformat(at)
    return Intervention(ident or f"{account}-{at}", account, kind, cause, begun, None, None, "Ann", "")


def book(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Account, start of a month, health."""
    frame = pd.DataFrame(rows, columns=["account_id", "as_of", "health"])
    return frame.assign(as_of=pd.to_datetime(frame["as_of"]).astype("datetime64[us]"))


def sides(subjects: pd.DataFrame) -> dict[tuple[str, str], tuple[bool, str]]:
    """Whether each account-month was worked on, and its instant."""
    return {(r.account_id, str(r.as_of.date())): (r.treated, str(r.at)) for r in subjects.itertuples()}


def found(rows: pd.DataFrame, *work: Intervention, **rules: object) -> dict[tuple[str, str], tuple[bool, str]]:
    return sides(chosen(rows, work_of(work), 70, SubjectSettings(**rules)))


# Who is a case --------------------------------------------------------------------------------------------------------


def test_flagged_accounts_that_were_worked_on_stand_against_flagged_ones_that_were_not() -> None:
    """Healthy ones are on neither side, nor a month in which nobody was worked on (MON-4)."""
    rows = book(("a", "2024-03-01", 50), ("b", "2024-03-01", 60), ("well", "2024-03-01", 90), ("b", "2024-02-01", 60))

    assert found(rows, done("a", "2024-03-05T10:00"), done("well", "2024-03-06T10:00")) == {
        ("a", "2024-03-01"): (True, "2024-03-05 10:00:00"),
        ("b", "2024-03-01"): (False, "2024-03-05 10:00:00"),
    }


def test_nobody_counts_while_the_last_work_may_still_tell() -> None:
    """Work goes on for 90 days: neither a second intervention nor an untouched month of it is a case (MON-4)."""
    rows = book(*((account, f"2024-{month:02}-01", 50) for account in "abc" for month in (1, 2, 5)))
    work = [done("a", "2024-01-10T09:00"), done("a", "2024-02-10T09:00"), done("b", "2024-02-10T10:00"),
            done("c", "2024-05-10T09:00")]  # fmt: skip
    subjects = {case: treated for case, (treated, _) in found(rows, *work).items()}

    assert [case for case, treated in subjects.items() if treated] == [
        ("a", "2024-01-01"), ("b", "2024-02-01"), ("c", "2024-05-01"),
    ]  # fmt: skip
    assert [case for case, treated in subjects.items() if not treated] == [
        ("b", "2024-01-01"), ("c", "2024-01-01"), ("c", "2024-02-01"),
    ]  # fmt: skip
    assert ("b", "2024-05-01") in found(rows, *work, rest_days=80)  # the 10th of February is 81 days before
    assert ("b", "2024-05-01") not in found(rows, *work, rest_days=81)


def test_the_first_work_of_a_month_gives_the_case_its_kind() -> None:
    """With the cause that was recorded with it (MON-4)."""
    work = [done("a", "2024-03-09T10:00", "support"), done("a", "2024-03-05T10:00", "training", "price")]
    known = interventions_of(company(LATE, contracts=[contract("a")]), work)
    (case,) = chosen(book(("a", "2024-03-01", 50)), work_of(known), 70, RULES).to_dict("records")

    assert (case["kind"], case["root_cause"]) == ("training", "price")


@effort(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 27)), min_size=1, max_size=8))
def test_the_untouched_wait_as_long_in_the_month_as_the_treated(begun: list[tuple[str, int]]) -> None:
    """Every untouched case has the lateness of a treated one: nobody must have stayed longer to count (MON-4)."""
    rows = book(*((account, "2024-03-01", 50) for account in "abcdefghijkl"))
    subjects = found(rows, *(done(account, f"2024-03-{1 + day:02}T10:00") for account, day in begun))
    late = [at for treated, at in subjects.values() if treated]

    assert len(subjects) == 12
    assert {at for treated, at in subjects.values() if not treated} <= set(late)
    assert len(late) == len({account for account, _ in begun})


def test_with_draws_the_instant_is_the_draw_and_work_within_days_of_it_counts() -> None:
    """Flagged or not; work before the draw or long after it does not belong to the draw (MON-4)."""
    rows = book(*((account, "2024-03-01", 90) for account in "abcd"))
    draws = pd.DataFrame({"account_id": list("abcdz"), "drawn_at": pd.Timestamp("2024-03-04T06:00"), "chance": 0.5})
    draws["held_out"] = None
    work = [done("a", "2024-03-04T09:00"), done("b", "2024-03-03T09:00"), done("c", "2024-03-20T09:00")]

    assert sides(drawn(rows, work_of(work), draws, RULES)) == {
        (account, "2024-03-01"): (account == "a", "2024-03-04 06:00:00") for account in "abcd"
    }


def test_ledger_and_source_are_one_record_in_one_set_of_words() -> None:
    """`Technical fix` and `technical_fix` are one kind; what both hold counts once; nothing later counts (MON-3)."""
    facts = company(
        "2024-03-04",
        contracts=[contract("a")],
        interventions=[
            {"intervention_id": "1", "account_id": "a", "started_at": "2024-02-01T09:00", "kind": "Technical fix"},
            {"intervention_id": "2", "account_id": "a", "started_at": "2024-01-01T09:00", "kind": None},
            {"intervention_id": "3", "account_id": "a", "started_at": "2024-03-09T09:00", "kind": "support"},
        ],
    )
    whole = interventions_of(facts, [done("a", "2024-02-01T09:00", "technical_fix", "price", ident="1")])

    assert [(one.intervention_id, one.kind, one.root_cause, one.by) for one in whole] == [
        ("2", "not_recorded", None, SOURCE), ("1", "technical_fix", "price", "Ann"),
    ]  # fmt: skip


def test_only_months_with_work_are_replayed() -> None:
    """The cost of a replay is per month (MON-4)."""
    work = work_of([done("a", "2023-01-05T10:00"), done("a", "2024-01-05T10:00"), done("b", "2024-03-31T23:00")])

    assert months_of(work["started_at"], datetime(2024, 6, 3), 6) == [date(2024, 1, 1), date(2024, 3, 1)]
    assert draws_of(company("2024-03-04", contracts=[contract()])).empty


# What came of it ------------------------------------------------------------------------------------------------------


def after(
    now: str, *subjects: tuple[str, str, bool], work: tuple[Intervention, ...] = (), **rows: list[Row]
) -> pd.DataFrame:
    """Outcomes of account, instant, worked on; indexed by account."""
    frame = pd.DataFrame(subjects, columns=["account_id", "at", "treated"])
    at = pd.to_datetime(frame["at"]).astype("datetime64[us]")
    frame = frame.assign(at=at, as_of=at.dt.to_period("M").dt.start_time)
    facts = company(now, **rows)
    return with_outcomes(frame, work_of(work), facts, RULES, HORIZON, BookSettings(churn_grace_days=GRACE)).set_index(
        "account_id"
    )


TERMS = [
    contract("stays"), contract("leaves", notice_on="2024-05-10"), contract("later", notice_on="2024-07-01"),
    contract("gone", notice_on="2024-03-03"),
]  # fmt: skip


def test_churn_is_counted_from_the_instant_and_once_it_has_matured() -> None:
    """Within 90 days of the case; who had left before it is no case (MON-4, section 0)."""
    subjects = [(account, "2024-03-05T10:00", True) for account in ("stays", "leaves", "later", "gone")]
    outcomes = after(LATE, *subjects, contracts=TERMS)

    assert outcomes["churned"].to_dict() == {"stays": False, "leaves": True, "later": False}


@pytest.mark.parametrize(("now", "matured"), [("2024-07-03T09:59", False), ("2024-07-03T10:00", True)])
def test_an_outcome_is_known_when_horizon_and_grace_have_passed_and_not_before(now: str, *, matured: bool) -> None:
    """90 and 30 days after the start, to the minute: churners would otherwise count too early (section 0)."""
    subjects = [(account, "2024-03-05T10:00", True) for account in ("stays", "leaves")]
    outcomes = after(now, *subjects, contracts=TERMS)["churned"]

    assert outcomes.notna().all() if matured else outcomes.isna().all()


@pytest.mark.parametrize(("now", "matured"), [("2024-06-03T09:59", False), ("2024-06-03T10:00", True)])
def test_a_recorded_churn_waits_for_no_grace(now: str, *, matured: bool) -> None:
    """90 days after the start, to the minute, where `churn_events` says who left (section 0)."""
    left = [{"account_id": "leaves", "churned_on": "2024-05-10"}]
    subjects = [(account, "2024-03-05T10:00", True) for account in ("stays", "leaves")]
    outcomes = after(now, *subjects, contracts=[contract("stays"), contract("leaves")], churn_events=left)["churned"]

    assert outcomes.to_dict() == ({"stays": False, "leaves": True} if matured else {"stays": None, "leaves": None})


def use(account: str, day: str, events: int) -> Row:
    return {"account_id": account, "day": day, "user_id": "u", "feature": day, "events": events}


def test_usage_is_that_of_28_days_after_against_those_before_without_the_day_itself() -> None:
    """On the log scale, cut where more says nothing (MON-4)."""
    rows = [
        use("same", "2024-02-06", 9), use("same", "2024-02-05", 500), use("same", "2024-03-05", 500),
        use("same", "2024-04-02", 9), use("same", "2024-04-03", 500), use("none", "2024-03-01", 999),
        use("more", "2024-03-04", 9), use("more", "2024-03-06", 19),
    ]  # fmt: skip
    subjects = [(account, "2024-03-05T10:00", True) for account in ("same", "more", "none")]
    outcomes = after(LATE, *subjects, contracts=[contract(a) for a in ("same", "more", "none")], usage=rows)[
        "use_after"
    ]

    assert outcomes.to_dict() == {"same": 0.0, "more": pytest.approx(0.6931, abs=1e-4), "none": -RULES.usage_bound}


@pytest.mark.parametrize(("newest", "known"), [("2024-04-01", False), ("2024-04-02", True)])
def test_usage_is_known_once_the_source_has_its_last_day(newest: str, *, known: bool) -> None:
    """A source that lags would show a fall that is none (MON-4)."""
    rows = [use("a", "2024-03-01", 9), use("other", newest, 1)]
    outcomes = after(
        "2024-04-20", ("a", "2024-03-05T10:00", True), contracts=[contract("a"), contract("other")], usage=rows
    )

    assert outcomes["use_after"].notna().tolist() == [known]


def test_untouched_cases_that_were_worked_on_later_are_marked_and_stay() -> None:
    """To leave them out would leave out those who stayed long enough (MON-4)."""
    work = (done("soon", "2024-04-05T10:00"), done("late", "2024-06-20T10:00"), done("own", "2024-03-05T10:00"))
    subjects = [
        ("soon", "2024-03-05T10:00", False),
        ("late", "2024-03-05T10:00", False),
        ("own", "2024-03-05T10:00", True),
    ]
    outcomes = after(LATE, *subjects, work=work, contracts=[contract(a) for a in ("soon", "late", "own")])

    assert outcomes["later"].to_dict() == {"soon": True, "late": False, "own": False}


# What was known before ------------------------------------------------------------------------------------------------


@effort(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 100)), max_size=8, unique_by=lambda s: s[0]))
def test_the_legacy_score_is_the_newest_that_was_known(scores: list[tuple[int, int]]) -> None:
    """A score of today is known tomorrow: whatever is known after the instant changes nothing (MON-4, section 0)."""
    at = pd.Timestamp("2024-03-05T10:00")
    rows = [
        {"account_id": "a", "scored_on": str((at + pd.Timedelta(days=day)).date()), "score": score}
        for day, score in scores
    ]
    facts = company(LATE, contracts=[contract("a")], legacy_scores=rows)
    (found_one,) = with_legacy(pd.DataFrame({"account_id": ["a"], "at": [at]}), facts)["legacy"]
    known = [score for day, score in sorted(scores) if day <= -1]

    assert found_one == known[-1] if known else pd.isna(found_one)


CUT = datetime(2026, 5, 13)
"""Everything that happens from this day on is changed: all draws of May were made before."""
CHANGED = {"usage": ("events", "day"), "tickets": ("csat", "opened_at"), "surveys": ("score", "answered_at"),
           "legacy_scores": ("score", "scored_on"), "contracts": ("arr", "start_on")}  # fmt: skip


def subjects_of(folder: Path, to: Path) -> Subjects:
    """The randomly assigned subjects of May 2026, as known at the end of the month."""
    settings = load_settings(folder / "pipeline.toml")
    snapshot = stage(settings.source.url, settings.base, settings.mappings, to)
    run = Run(settings, to, date(2026, 6, 1))
    facts = facts_at(snapshot, run.instant, run.fixed)
    work = work_of(interventions_of(facts, ()))
    rules = SubjectSettings(months=1, hold_out=True, usage_days=14)
    return find_subjects(snapshot, facts, work, run.scoring, settings.labels, rules, run.fixed)


@pytest.mark.slow
def test_what_became_known_later_changes_nothing_that_a_case_is_compared_by(tmp_path: Path) -> None:
    """Usage, tickets, answers, scores and contracts after the draws change only a subject's outcomes (FEA-3)."""
    write_company(300, 8, 4, tmp_path, settings=company_with("random", confounder=False))
    before = subjects_of(tmp_path, tmp_path / "before")
    for name, (column, event) in CHANGED.items():
        table = pq.read_table(tmp_path / f"{name}.parquet")
        later = pc.greater_equal(table[event].cast(pa.timestamp("us")), pa.scalar(CUT, pa.timestamp("us")))
        other = pc.if_else(later, pc.add(table[column], 300), table[column]).cast(table[column].type)
        changed = table.set_column(table.schema.get_field_index(column), column, other)
        pq.write_table(changed, tmp_path / f"{name}.parquet")
    after_all = subjects_of(tmp_path, tmp_path / "after")
    known = [
        "account_id",
        "at",
        "treated",
        "kind",
        "root_cause",
        *before.numeric_features,
        *before.categorical_features,
    ]

    assert before.randomized
    assert before.rows["at"].max() < CUT
    assert before.rows["treated"].value_counts().min() >= 5
    assert {"health", "legacy", "usage_trend", "arr"} <= set(before.numeric_features)
    pd.testing.assert_frame_equal(before.rows[known], after_all.rows[known])
    assert not before.rows["use_after"].equals(after_all.rows["use_after"])


def test_no_feature_reads_what_came_after() -> None:
    """The outcome is never an input (HLT-6)."""
    for path in (ROOT / "features").rglob("*.py"):
        modules = [n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        assert "keepwell.features.outcomes.after" not in modules, path


def test_a_company_that_recorded_no_work_has_no_case_and_no_effect(tmp_path: Path) -> None:
    """Nothing is replayed, no effect is estimated, and a note says so (MON-4)."""
    facts = company("2024-03-04", contracts=[contract("a")])
    nothing = Snapshot("none", tmp_path, {})
    scoring = ScoreSettings(
        BookSettings(), HealthSettings(), TierSettings(), OwnerSettings(),
        shipped_playbook(), AlertSettings(),
    )  # fmt: skip
    subjects = find_subjects(nothing, facts, work_of([]), scoring, LabelSettings(), RULES, frozenset())

    assert subjects.rows.empty
    assert subjects.notes[1].startswith("0 treated and 0 untreated")
    assert strategy_effects(subjects, ModelSettings()).empty
    assert uplift_of(subjects, ModelSettings()) is None
