"""pipeline.toml and the environment: typed, validated, refused with name, place and what would be right."""

from functools import reduce
from pathlib import Path

import pytest

from keepwell.flows.configuration.renamed import RENAMED
from keepwell.flows.configuration.settings import Settings, load_settings
from keepwell.tasks.errors import ConfigError

TABLES = "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in ("accounts", "contracts", "usage"))
GOOD = f'[source]\nurl = "."\n{TABLES}'


def written(folder: Path, text: str) -> Settings:
    (folder / "pipeline.toml").write_text(text)
    return load_settings(folder / "pipeline.toml")


def test_a_file_names_only_what_it_changes(tmp_path: Path) -> None:
    """Everything else has its default: bands, tiers, clocks as the SPEC gives them (section 0, ALR-1, ALR-2)."""
    settings = written(tmp_path, GOOD + "[health.measures.csat_180d]\nweight = 3\n[health.weights]\nusage = 0.5\n")

    assert (settings.health.measures["csat_180d"].weight, settings.health.measures["csat_180d"].missing) == (3, "carry")
    assert settings.health.weights["usage"] == 0.5
    assert settings.health.weights["adoption"] == 0.15
    bands = settings.health.bands
    assert (bands.critical_below, bands.at_risk_below, bands.healthy_above) == (50, 70, 80)
    assert (settings.alerts.silent_days, settings.alerts.drop_points, settings.alerts.cool_down_days) == (14, 15, 14)
    assert settings.alerts.clocks.follow_up_hours == 72


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_an_old_key_is_refused_with_its_new_name(tmp_path: Path, old: str) -> None:
    """Exit 2, and the new name is a key that there is."""
    section, _, key = old.rpartition(".")
    with pytest.raises(ConfigError) as refused:
        written(tmp_path, GOOD + f"[{section}]\n{key} = 1\n")

    assert f"`{old}` is called `{RENAMED[old]}` now" in str(refused.value)
    assert refused.value.exit_code == 2
    assert reduce(getattr, RENAMED[old].split("."), written(tmp_path, GOOD)) is not old


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[schedule]\ndaily = '5 o clock'\n", "`schedule.daily`: is not a cron expression"),
        ("[alerts]\nsilent_day = 3\n", "`alerts.silent_day`; did you mean `alerts.silent_days`?"),
        ("[alerts]\nsilent_days = -3\n", "`alerts.silent_days`"),
        ("[health.weights]\nuse = 1\n", "no component 'use'; there are usage, adoption"),
        ("[health.bands]\ncritical_below = 75\n", "bands must rise"),
        ("[tiers]\nimmediate_below = 81\n", "immediate_below must not be above automated_above"),
        ("[checks]\nfresh_factor = 8\n", "fresh_factor must not exceed stale_factor"),
        ("[checks]\nvolume_high = 0.5\n", "volume_low must be below volume_high"),
        ("[health.measures.csat_180d]\nworst = 5.0\n", "two different values"),
        ('[tables.ticket]\nsql = "x.sql"\n', "no such canonical table; did you mean `tickets`"),
        ('[checks.overrides."usage.fresh"]\nseverity = "info"\nreason = "so"\n', "reason"),
        ("[health.measures.csat_18d]\nweight = 2\n", "no feature 'csat_18d'; did you mean 'csat_180d'"),
        ("[money\n", "not valid TOML"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_place_and_what_would_be_right(
    tmp_path: Path, text: str, says: str
) -> None:
    """Exit 2, one sentence, naming the file (CONTRACT)."""
    with pytest.raises(ConfigError) as refused:
        written(tmp_path, GOOD + text)

    assert "pipeline.toml" in str(refused.value)
    assert says in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_company_without_usage_is_refused_by_name(tmp_path: Path) -> None:
    """accounts, contracts and usage are the least (SRC-1)."""
    with pytest.raises(ConfigError, match=r"tables\.usage is missing"):
        written(tmp_path, GOOD.replace('[tables.usage]\nsql = "usage.sql"\n', ""))


def test_the_environment_fills_in_and_its_folder_is_relative_to_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret in the file (TRU-5); a variable that is not set is named."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    text = GOOD.replace('url = "."', 'url = "${THE_DATA}"')

    with pytest.raises(ConfigError, match="Set THE_DATA"):
        written(tmp_path, text)
    monkeypatch.setenv("THE_DATA", "../data")
    assert Path(written(tmp_path, text).source.url).resolve() == tmp_path / "data"
    monkeypatch.setenv("THE_DATA", "postgresql://me@host/db")
    assert written(tmp_path, text).source.url == "postgresql://me@host/db"


def test_where_the_data_lies_is_no_part_of_the_fingerprint(tmp_path: Path) -> None:
    """The same data from another place is the same run; another weight is not (CONTRACT: run_id)."""
    here = written(tmp_path, GOOD).fingerprint()

    assert written(tmp_path, GOOD.replace('url = "."', 'url = "postgresql://host/db"')).fingerprint() == here
    assert written(tmp_path, GOOD + "[health]\nminimum_coverage = 0.2\n").fingerprint() != here


def test_one_name_where_a_list_is_wanted_is_answered_with_how_to_write_it(tmp_path: Path) -> None:
    """A newcomer wrote `manager = "ann.lee"` (SRC-11)."""
    config = tmp_path / "pipeline.toml"
    config.write_text('[source]\nurl = "."\n\n[owners.roles]\nmanager = "ann.lee"\n')

    with pytest.raises(ConfigError, match=r"`owners.roles.manager`: it must be a list; write it in brackets") as error:
        load_settings(config)

    assert "(given: 'ann.lee')" in str(error.value)
