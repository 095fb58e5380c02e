"""What is true of the sample company: probabilities that come true, effects, slides, and oddities that can be found."""

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from keepwell.sample.settings import company_with
from keepwell.sample.world.episodes import episodes
from keepwell.sample.world.life import imagine, streams
from keepwell.sample.world.window import window
from keepwell.sample.write import write_company

LAST_DAY = date(2026, 6, 30)
HORIZON = pd.Timedelta(days=90)
LAST_KNOWN = pd.Timestamp("2026-07-01")
ACCOUNTS, MONTHS = 1200, 30


def written(to, seed, contacts="off", confounder=False):
    """A company of so few seats that only its truth costs time."""
    settings = company_with(contacts, confounder)
    small = tuple(s.model_copy(update={"seats": 1.0, "seat_spread": 0.1}) for s in settings.segments)
    write_company(ACCOUNTS, MONTHS, seed, to, settings=settings.model_copy(update={"segments": small}))
    return to / "truth"


def matured(truth):
    """Account-months whose 90 days are over, with what became of them."""
    months = pd.read_parquet(truth / "account_months.parquet")
    lost = pd.read_parquet(truth / "churn.parquet").set_index("account_id")["churned_on"]
    months["as_of"] = pd.to_datetime(months["as_of"])
    on = pd.to_datetime(months["account_id"].map(lost))
    months["churned"] = (on >= months["as_of"]) & (on < months["as_of"] + HORIZON)
    return months[months["as_of"] + HORIZON <= LAST_KNOWN]


def observed_to_expected(frame, probability):
    return frame["churned"].sum() / frame[probability].sum()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A company whose CSMs contact nobody."""
    return matured(written(tmp_path_factory.mktemp("untouched"), seed=3))


@pytest.fixture(scope="module")
def randomised(tmp_path_factory):
    """A company whose CSMs throw a coin below the mark."""
    return matured(written(tmp_path_factory.mktemp("randomised"), seed=4, contacts="random"))


def test_the_true_probabilities_come_true(untouched):
    """As many leave as the truth expects, over the whole book and where the probability is high or low (MOD-4)."""
    high = untouched["p_churn"] > 0.1

    assert (untouched["p_churn"] == untouched["p0"]).all()
    assert observed_to_expected(untouched, "p_churn") == pytest.approx(1.0, abs=0.12)
    assert observed_to_expected(untouched[high], "p_churn") == pytest.approx(1.0, abs=0.15)
    assert observed_to_expected(untouched[~high], "p_churn") == pytest.approx(1.0, abs=0.15)


def test_the_base_rate_is_flat(untouched):
    """The book is burnt in: as many leave in the first half of the record as in the second (MOD-2)."""
    early = untouched["as_of"] < untouched["as_of"].quantile(0.5)

    assert untouched.loc[early, "churned"].mean() == pytest.approx(untouched.loc[~early, "churned"].mean(), rel=0.2)


def test_contacts_do_what_the_truth_says(randomised):
    """Whom a coin had contacted leaves as p1 says, sleeping dogs more often than without, others less (MON-4)."""
    contacted = randomised[randomised["contacted"]]
    dogs = contacted["sleeping_dog"]

    assert observed_to_expected(contacted, "p1") == pytest.approx(1.0, abs=0.2)
    assert observed_to_expected(contacted[~dogs], "p0") < 0.85
    assert observed_to_expected(contacted[dogs], "p0") > 1.1
    assert (contacted.loc[dogs, "p1"] > contacted.loc[dogs, "p0"]).all()
    assert (contacted.loc[~dogs, "p1"] <= contacted.loc[~dogs, "p0"]).all()


@pytest.mark.slow
def test_the_confounder_makes_contacts_look_worse_than_they_are(tmp_path):
    """With the switch on, CSMs contact those who would leave anyway; the record does not tell why (MON-4)."""
    gaps = {}
    for switch in (False, True):
        months = matured(written(tmp_path / str(switch), seed=5, contacts="policy", confounder=switch))
        # Of equal health, by the truth, those contacted have the same probability as the others unless something hides.
        slice_ = months.assign(bin=pd.qcut(months["health"], 20, labels=False))
        mean = slice_.groupby(["bin", "contacted"])["p0"].mean().unstack()
        gaps[switch] = np.average(mean[True] / mean[False])

    assert gaps[True] > gaps[False] * 1.1


def test_nothing_is_hidden_without_the_switch():
    """What CSMs alone know raises and lowers the odds of leaving only where it is switched on (MON-4)."""
    frailty = {
        switch: imagine(
            streams(np.random.SeedSequence(1)), range(1, 41), 40, company_with("policy", switch), window(3, LAST_DAY)
        ).frailty
        for switch in (False, True)
    }

    assert (frailty[False] == 0).all()
    assert frailty[True].std() > 0.3


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company of usual size, in DuckDB, its truth beside it."""
    to = tmp_path_factory.mktemp("company")
    write_company(300, 26, seed=2, to=to)
    con = duckdb.connect()
    for path in (*to.glob("*.parquet"), *to.glob("truth/*.parquet")):
        con.execute(f"create view {path.stem} as select * from '{path}'")
    return con


def one(company, sql):
    return company.sql(sql).fetchone()[0]


def test_every_planted_oddity_is_in_the_truth_by_name(company):
    """A reader finds each by its name, with accounts and days."""
    found = dict(company.sql("select oddity, count(distinct account_id) from oddities group by 1").fetchall())

    assert set(found) == {"never_logged_in", "outage", "renamed_event", "summer_low", "departed_champion"}
    assert min(found.values()) > 0


def test_nobody_stays_on_a_contract_after_notice_without_the_notice_on_it(tmp_path):
    """Who gave notice is `leaving` until the last contract ends, a renewal already signed then included (section 0)."""
    to = written(tmp_path, seed=5).parent
    contracts = pd.read_parquet(to / "contracts.parquet")
    churn = pd.read_parquet(to / "truth" / "churn.parquet")
    after = contracts.merge(churn[churn["by_notice"]], on="account_id").query(
        "ended_on > churned_on or ended_on.isna()"
    )

    assert len(after) > 300
    assert (after["start_on"] > after["notice_on"]).any(), "no renewal was signed before the notice"
    assert (after["notice_on"] == after["churned_on"]).all()


def test_those_named_as_never_logged_in_have_no_usage(company):
    """The truth names all of them that live long enough to have come (SRC-7)."""
    named = "select account_id from oddities where oddity = 'never_logged_in'"

    assert one(company, f"select count(*) from usage where account_id in ({named})") == 0


def test_the_outage_shows_in_use_and_tickets(company):
    """Use falls and tickets rise on the days that the truth names, well before the last year (SRC-5)."""
    first, last = company.sql(
        "select any_value(first_day), any_value(last_day) from oddities where oddity = 'outage'"
    ).fetchone()
    per_day = """
        select count(*) filter (day between '{0}' and '{1}') / (date '{1}' - date '{0}' + 1)
            / (count(*) filter (day between date '{0}' - 42 and date '{0}' - 1) / 42) from {2}
    """
    tickets = "(select opened_at::date as day from tickets)"

    assert str(last) < "2025-06-30"
    assert one(company, per_day.format(first, last, "usage")) < 0.7
    assert one(company, per_day.format(first, last, tickets)) > 1.7


def test_the_event_is_renamed_on_its_day(company):
    """The old name ends and the new one begins on the day that the truth names (SRC-5)."""
    day = one(company, "select any_value(first_day) from oddities where oddity = 'renamed_event'")
    old, new = one(company, "select any_value(detail) from oddities where oddity = 'renamed_event'").split(
        " is called "
    )

    assert one(company, f"select max(day) from usage where feature = '{old}'") < day
    assert one(company, f"select min(day) from usage where feature = '{new}'") >= day


def test_most_but_not_all_departures_of_champions_are_recorded(company):
    """Who is named as recorded left on that day by the contacts table; of the others nobody knows (FEA-1)."""
    recorded = one(
        company,
        """
        select avg(((account_id, first_day) in (select account_id, left_on from contacts))::int)
        from oddities where oddity = 'departed_champion' and detail = 'recorded'
        """,
    )
    betrayed = one(
        company,
        """
        select count(*) from oddities join contacts using (account_id)
        where oddity = 'departed_champion' and detail = 'not recorded' and left_on = first_day
        """,
    )
    share = one(company, "select avg((detail = 'recorded')::int) from oddities where oddity = 'departed_champion'")

    assert recorded > 0.8
    assert betrayed == 0
    assert 0.4 < share < 0.95


def test_use_falls_over_a_slide(company):
    """In the 28 days before its bottom an account is used less than in the 28 days before it began (FEA-8)."""
    ratio = one(
        company,
        """
        with steep as (
            select * from slides where depth > 1.5 and bottom_on < '2026-06-30' and began_on > '2024-07-01'
            and account_id not in (select account_id from oddities where oddity in ('summer_low', 'never_logged_in'))
            and account_id not in (select account_id from churn)
        )
        select count(*) filter (day >= bottom_on - 28 and day < bottom_on)
            / count(*) filter (day >= began_on - 28 and day < began_on) from usage join steep using (account_id)
        """,
    )

    assert ratio < 0.8


def test_episodes_hold_both_outcomes_and_come_true():
    """What was drawn follows the probability of the assigned arm, and nothing else differs (MON-4)."""
    drawn = episodes(20_000, 1, company_with("random", confounder=False))
    arms = dict(tuple(drawn.groupby("contacted")))

    assert arms[True]["churned"].sum() == pytest.approx(arms[True]["p1"].sum(), rel=0.08)
    assert arms[False]["churned"].sum() == pytest.approx(arms[False]["p0"].sum(), rel=0.08)
    assert arms[True]["x"].mean() == pytest.approx(arms[False]["x"].mean(), abs=0.03)
    assert episodes(50, 1, company_with("off", confounder=False)).equals(
        episodes(50, 1, company_with("off", confounder=False))
    )


def test_a_fifth_of_the_riskiest_episodes_are_sleeping_dogs():
    """Open-ended contracts that have run for long: whom a contact would wake, by two observed features (MON-4)."""
    drawn = episodes(20_000, 2, company_with("random", confounder=False))
    riskiest = drawn[drawn["p0"] >= drawn["p0"].quantile(0.9)]
    dogs = drawn["sleeping_dog"]

    assert riskiest["sleeping_dog"].mean() == pytest.approx(0.2, abs=0.04)
    assert (dogs == drawn["months_to_renewal"].isna() & (drawn["tenure"] > 30)).all()
    assert (drawn.loc[dogs, "p1"] > drawn.loc[dogs, "p0"]).all()
    assert (drawn.loc[~dogs, "p1"] < drawn.loc[~dogs, "p0"]).all()
    assert not episodes(50, 2, company_with("random", confounder=False), sleeping=False)["sleeping_dog"].any()


def test_what_csms_alone_know_drives_contacts_and_churn_only_with_the_switch():
    """Without it contacts follow the recorded score alone, so that a study can adjust for all of it (MON-4)."""
    links = {}
    for switch in (False, True):
        drawn = episodes(20_000, 3, company_with("policy", confounder=switch))
        links[switch] = (
            np.corrcoef(drawn["hidden"], drawn["contacted"])[0, 1],
            np.corrcoef(drawn["hidden"], drawn["p0"])[0, 1],
        )

    assert max(map(abs, links[False])) < 0.03
    assert min(links[True]) > 0.15
