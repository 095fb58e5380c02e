"""`keepwell doctor`: gaps and contradictions of the playbook, roles, channels, places (ACT-2)."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.measures.all import FEATURES
from keepwell.playbook.actions import Playbook, Situation
from keepwell.playbook.alerts.channels import Channel
from keepwell.playbook.doctor import Diagnosis, channel_findings, playbook_findings, role_findings
from keepwell.playbook.settings import Action, AlertSettings, OwnerSettings, TierSettings
from keepwell.sample.write import write_company
from tests.support.running import ROOT, Ran, keepwell, keepwell_process, shipped_playbook

PEOPLE = dict.fromkeys(
    ("manager", "director", "finance", "executive", "product", "technical", "data owner", "ml owner"), ("Kim",)
)
REMEDY = "Move it up, or remove it."
KNOWN = {"late": "billing", "dispute": "billing", "tickets": "support", "season": None}


def action(name: str, *tiers: str, owner: str = "csm", **more: object) -> Action:
    return Action.model_validate({"name": name, "owner": owner, "tiers": tiers, "because": "it does", **more})


REST = action("call", "immediate", "outreach")
MAIL = action("mail", "automated", owner="automation")
WIDE = [action("bills", "immediate", "outreach", components=["billing"])]
HELP = action("help", "immediate", "outreach", components=["support"])


def found(*actions: Action) -> list[tuple[str, str]]:
    return [(one.severity, one.message) for one in playbook_findings(Playbook(action=actions), KNOWN, TierSettings())]


# The playbook ---------------------------------------------------------------------------------------------------------


def test_the_shipped_playbook_has_neither_gap_nor_contradiction() -> None:
    """Every published feature of a component finds an action of its own (ACT-2)."""
    shipped = shipped_playbook()

    assert (
        playbook_findings(shipped, {n: f.component for n, f in FEATURES.items() if f.published}, TierSettings()) == []
    )


def test_a_cause_that_only_the_last_resort_answers_is_a_gap() -> None:
    """Per tier and component; an automated tier answers all causes alike, on purpose (ACT-2)."""
    partly = action("pay", "immediate", "outreach", features=["late"])
    half = action("help", "immediate", components=["support"])

    assert found(*WIDE, HELP, REST, MAIL) == []
    assert found(partly, half, REST, MAIL) == [
        ("warning", "tier immediate has no action for dispute (billing); the fallback 'call' applies. Add one."),
        ("warning", "tier outreach has no action for dispute (billing); the fallback 'call' applies. Add one."),
        ("warning", "tier outreach has no action for tickets (support); the fallback 'call' applies. Add one."),
    ]


def test_an_action_behind_a_wider_one_can_never_be_reached() -> None:
    """Its author believes that it is taken: critical (ACT-2)."""
    narrow = action("pay", "outreach", features=["late"])

    assert found(narrow, *WIDE, HELP, REST, MAIL) == []
    assert found(*WIDE, narrow, HELP, REST, MAIL) == [
        (
            "critical",
            f"'pay' can never apply in tier outreach: 'bills' comes first and covers it. {REMEDY}",
        )
    ]


@pytest.mark.parametrize(
    ("wide", "narrow", "lost"),
    [
        ({}, {"segments": ["smb"]}, True),
        ({"segments": ["smb"]}, {}, False),
        ({"segments": ["smb", "mid"]}, {"segments": ["smb"]}, True),
        ({"renewal_within_days": 60}, {"renewal_within_days": 30}, True),
        ({"renewal_within_days": 30}, {"renewal_within_days": 60}, False),
        ({"risk_from": 0.3}, {"risk_from": 0.5}, True),
        ({"risk_from": 0.5}, {"risk_from": 0.3}, False),
        ({"grows": True}, {}, False),
        ({}, {"grows": True}, True),
    ],
)
def test_a_condition_lets_what_stands_behind_it_be_reached(wide, narrow, lost) -> None:
    """An action is lost only where one before it applies wherever it does (ACT-2)."""
    first, second = (action(n, "outreach", features=["late"], **c) for n, c in (("one", wide), ("two", narrow)))
    message = [message for _, message in found(first, second, *WIDE, HELP, REST, MAIL)]

    assert any("'two' can never apply" in one for one in message) is lost


def test_a_second_last_resort_and_a_cause_that_nobody_has_are_never_reached() -> None:
    """(ACT-2)."""
    odd = action("odd", "outreach", components=["sentiment"])
    message = [message for _, message in found(*WIDE, HELP, odd, REST, action("again", "immediate"), MAIL)]

    assert message == [
        f"'odd' can never apply in tier outreach: no account has such a factor. {REMEDY}",
        f"'again' can never apply in tier immediate: 'call' comes first and covers it. {REMEDY}",
    ]


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ({"features": ["late"]}, {"features": ["late", "dispute"]}, "late"),
        ({"components": ["billing"]}, {"features": ["late"], "components": ["support"]}, "late"),
        ({"components": ["billing"]}, {"components": ["billing", "support"]}, "billing"),
    ],
)
def test_two_actions_for_one_case_contradict_each_other(first, second, named) -> None:
    """Only their order in the file tells which is first (ACT-2)."""
    message = found(
        action("one", "outreach", **first), action("two", "outreach", "immediate", **second), *WIDE, HELP, REST, MAIL
    )

    assert (
        "critical",
        f"'one' and 'two' both answer {named} in tier outreach; only their order decides. Name it in one of them.",
    ) in message


ACTIONS = st.builds(
    lambda tiers, features, components: action("any", *sorted(tiers), features=features, components=components),
    st.sets(st.sampled_from(["immediate", "outreach", "automated"]), min_size=1),
    st.lists(st.sampled_from(list(KNOWN)), max_size=2, unique=True),
    st.lists(st.sampled_from(["billing", "support"]), max_size=1),
)


@given(st.lists(ACTIONS, max_size=6))
@effort(max_examples=200, deadline=None)
def test_never_reached_means_that_no_case_takes_it(actions: Sequence[Action]) -> None:
    """And every other action is taken by some factor in each of its tiers (ACT-2)."""
    named = [a.model_copy(update={"name": f"{n}."}) for n, a in enumerate([*actions, REST, MAIL])]
    playbook = Playbook(action=tuple(named))
    cases = [*([(f, c or "")] for f, c in KNOWN.items()), []]
    taken = {
        (playbook.next_action(Situation(tier, case)).name, tier)
        for tier in ("immediate", "outreach", "automated")
        for case in cases
    }
    messages = [
        one.message for one in playbook_findings(playbook, KNOWN, TierSettings()) if "never apply" in one.message
    ]
    lost = {(a.name, tier) for a in named for tier in a.tiers} - taken

    assert len(messages) == len(lost)
    assert all(any(f"'{name}' can never apply in tier {tier}:" in one for one in messages) for name, tier in lost)


# Roles and channels ---------------------------------------------------------------------------------------------------


def test_roles_that_are_needed_and_that_nobody_holds_are_named() -> None:
    """Those of alerts, of missed steps and of actions; the CSM is in the data (ALR-1, ALR-2, ACT-2)."""
    playbook = Playbook(action=(action("fix", "outreach", owner="technical", components=["support"]), REST, MAIL))
    without = {role: people for role, people in PEOPLE.items() if role not in ("director", "technical")}
    message = [
        one.message
        for one in role_findings(AlertSettings(), playbook, OwnerSettings(roles={**without, "boss": ("Kim",)}))
    ]

    assert role_findings(AlertSettings(), playbook, OwnerSettings(roles=PEOPLE)) == []
    assert message[0] == (
        "nobody has the role director, needed for the alert health_low and missed deadlines. "
        "Add people in owners.roles."
    )
    assert message[1] == "nobody has the role technical, needed for the action 'fix'. Add people in owners.roles."
    assert message[2].startswith("owners.roles names 'boss', which is not a role.")


def test_channels_without_messages_and_roles_without_a_channel_are_named() -> None:
    """A channel of executives only for openings waits for ever: openings never go to them (ALR-4)."""
    everybody = Channel(url="json://a")
    mute = Channel(url="json://b", roles=("executive",), kinds=("opened",))
    narrow = Channel(
        url="json://c",
        roles=("csm", "finance", "manager", "director", "executive", "data owner", "ml owner"),
        kinds=("breached",),
    )
    unknown = Channel(url="json://d", roles=("csm", "chief"))

    def message(**channels: Channel) -> list[str]:
        return [one.message for one in channel_findings(channels, AlertSettings())]

    assert message(all=everybody) == []
    assert message(all=everybody, mute=mute) == [
        "channel mute never gets a message: no alert matches its roles, kinds and severities."
    ]
    assert message(narrow=narrow) == [
        f"some messages for the role {role} go out on no channel."
        for role in ("csm", "data owner", "director", "finance", "manager", "ml owner")
    ]
    assert message(unknown=unknown)[0].startswith("messages.channels.unknown.roles names 'chief'")
    assert "no channel notifies the role manager." in message(unknown=unknown)


# By command -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(20, 3, 5, folder)
    return folder


@pytest.fixture
def company(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "company")
    return tmp_path / "company"


def doctor(company: Path, more: str = "") -> tuple[Ran, list[Diagnosis]]:
    """The command with more lines at the end of pipeline.toml; its findings."""
    config = company / "pipeline.toml"
    config.write_text(config.read_text() + more)
    ran = keepwell("--json", "--config", config, "--out", company / "out", "doctor")
    return ran, [Diagnosis(**one) for one in json.loads(ran.out)]


def test_the_sample_company_is_well_but_for_the_people_it_does_not_name(company: Path) -> None:
    """Exit code 0, and nothing is made: no ledger, no MLflow, no folder (ACT-2)."""
    ran, findings = doctor(company)
    plain = keepwell("--config", company / "pipeline.toml", "--out", company / "out", "doctor")

    assert ran.code == plain.code == 0
    assert {one.subject for one in findings if one.severity == "warning"} == {"roles"}
    assert {one.subject for one in findings if one.severity == "ok"} == {
        "out",
        "playbook",
        "source",
        "ledger",
        "tracking",
        "artifacts",
        "messages",
        "crm",
    }
    assert len(plain.out.splitlines()) == len(findings)
    assert not (company / "out").exists()


@pytest.mark.slow
def test_what_cannot_be_reached_is_critical_and_no_secret_is_printed(company: Path) -> None:
    """Exit code 2, and a line for each place; the log of a library tells no secret either (ACT-2, TRU-5)."""
    more = """
    [ledger]
    url = "postgresql://me:hush@127.0.0.1:1/none"
    [messages.channels.team]
    url = "nonsense://hush"
    [messages.channels.leads]
    url = "slack://hush"
    """
    here, findings = doctor(company, more)
    alone = keepwell_process("--config", company / "pipeline.toml", "--out", company / "out", "doctor")

    assert here.code == alone.code == 2
    assert "hush" not in here.out + here.err + alone.out + alone.err
    assert [one.subject for one in findings if one.severity == "critical"] == ["ledger", "messages", "messages"]


def test_a_wrong_playbook_or_setting_is_reported_and_the_rest_is_checked(company: Path) -> None:
    """Every mistake in one go, as far as it can be seen (ACT-2)."""
    (company / "mine.toml").write_text('[[action]]\nname = "x"\nowner = "nobody"\ntiers = []\nbecause = ""\n')
    config = company / "pipeline.toml"
    config.write_text('playbook = "mine.toml"\n' + config.read_text())
    ran, findings = doctor(company, '\n[outreach.needs]\nproduct = ["adopted"]\n')
    critical = [(one.subject, one.message) for one in findings if one.severity == "critical"]

    assert ran.code == 2
    assert {subject for subject, _ in critical} == {"playbook", "settings"}
    assert all("mine.toml" in message for subject, message in critical if subject == "playbook")
    assert ("ok", "source") in {(one.severity, one.subject) for one in findings}
    assert doctor(company, "\n[nonsense]\n")[1][0].subject == "settings"


def test_a_switch_without_its_table_and_a_kind_that_nobody_records_are_reported(company: Path) -> None:
    """A hold-out in use needs draws, draws need the switch; an action's kind must be in work.kinds (MON-4, ACT-2)."""
    shipped = (ROOT / "playbook" / "playbook.toml").read_text()
    (company / "mine.toml").write_text(shipped.replace('kind = "training"', 'kind = "trainings"'))
    config = company / "pipeline.toml"
    config.write_text('playbook = "mine.toml"\n' + config.read_text())
    asked = doctor(company, "\n[models.subjects]\nhold_out = true\n")[1]
    config.write_text(config.read_text().replace("hold_out = true", "hold_out = false"))
    given = doctor(company, '\n[tables.hold_outs]\nsql = "sql/interventions.sql"\n')[1]

    config.write_text(config.read_text().replace('[tables.hold_outs]\nsql = "sql/interventions.sql"', ""))
    drawn = doctor(company, "\n[outreach]\nhold_out_share = 0.1\n")[1]

    assert "is off, but outreach.hold_out_share" in {one.subject: one.message for one in drawn}["hold_out"]
    for findings, word in ((asked, "is on"), (given, "is off")):
        warned = {one.subject: one.message for one in findings if one.severity == "warning"}
        assert warned["hold_out"].startswith(f"models.subjects.hold_out {word}, but there is")
        assert "kind = 'trainings', which is not in work.kinds: technical_fix" in warned["playbook"]
