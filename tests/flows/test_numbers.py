"""Every number of pipeline.toml and of the playbook is finite and bounded by what the arithmetic can bear (TRU-3)."""

import math
import tomllib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
import pandas as pd
import pytest
from pydantic import BaseModel

from keepwell.flows.configuration.reading import validated
from keepwell.flows.configuration.settings import Settings, load_settings
from keepwell.playbook.actions import Playbook
from keepwell.playbook.working_hours import WorkingHours, after
from keepwell.sample.write import write_company
from keepwell.values import setting_types
from tests.support.running import ROOT, keepwell

SOME = {
    "fx_rates": "EUR", "measures": "usage_trend", "weights": "usage", "segment_weights": "smb", "tables": "usage",
    "overrides": "usage.fresh", "properties": "health", "statuses": "open",
}  # fmt: skip
"""A key that may stand in each mapping, where not any may."""
NOW = datetime(2026, 6, 30)


@dataclass(frozen=True)
class Leaf:
    """One number of a settings file: where it stands, its least and its largest value, and whether it is whole."""

    root: type[BaseModel]
    place: tuple[str | int, ...]
    least: float | None
    largest: float | None
    whole: bool

    @property
    def name(self) -> str:
        return ".".join(map(str, self.place))

    def given(self, value: object) -> dict[str, Any]:
        """A file in which this number has a value."""
        file: dict[str, Any] = COMPANY if self.root is Settings else PLAYBOOK
        return _put(file, self.place, value)

    def said(self, value: object) -> list[str]:
        return validated(self.root, self.given(value), "pipeline.toml")[1]


COMPANY: dict[str, Any] = {
    "source": {"url": "."},
    "tables": {name: {"sql": f"{name}.sql"} for name in ("accounts", "contracts", "usage")},
}
PLAYBOOK: dict[str, Any] = tomllib.loads((ROOT / "playbook" / "playbook.toml").read_text())


def _put(into: Any, place: tuple[str | int, ...], value: object) -> Any:
    """A copy of a file with a value at a place; what is on the way is made."""
    first, *rest = place
    if isinstance(first, int):
        items = list(into) if into else [{}]
        items[first] = _put(items[first], tuple(rest), value) if rest else value
        return items
    inside = dict(into or {})
    inside[first] = _put(inside.get(first), tuple(rest), value) if rest else value
    return inside


def leaves(root: type[BaseModel]) -> list[Leaf]:
    return list(_in_model(root, root, ()))


def _in_model(root: type[BaseModel], model: type[BaseModel], place: tuple[str | int, ...]) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        yield from _in_type(root, field.annotation, (*place, name), list(field.metadata))


def _in_type(root: type[BaseModel], kind: Any, place: tuple[str | int, ...], about: list[Any]) -> Iterator[Leaf]:
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _in_type(root, inside[0], place, [*about, *inside[1:]])
    elif origin in (Union, types.UnionType):
        for one in inside:
            yield from _in_type(root, one, place, about)
    elif origin is tuple:
        yield from _in_type(root, inside[0], (*place, 0), [])
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        key = SOME.get(str(place[-1]), "usage" if "segment_weights" in place else "name")
        yield from _in_type(root, inside[1], (*place, key), [])
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _in_model(root, kind, place)
    elif kind in (int, float):
        yield Leaf(root, place, _bound(about, least=True), _bound(about, least=False), kind is int)


def _bound(about: list[Any], *, least: bool) -> float | None:
    """The strictest bound of a number on one side, from pydantic's own constraints."""
    flat = [one for part in about for one in (getattr(part, "metadata", None) or [part])]
    kinds = (annotated_types.Ge, annotated_types.Gt) if least else (annotated_types.Le, annotated_types.Lt)
    found = [
        float(next(iter(vars(one).values())) if vars_of(one) else _value(one)) for one in flat if isinstance(one, kinds)
    ]
    return (max if least else min)(found) if found else None


def vars_of(one: object) -> bool:
    return hasattr(one, "__dict__") and bool(vars(one))


def _value(one: Any) -> float:
    return next(getattr(one, name) for name in ("ge", "gt", "le", "lt") if hasattr(one, name))


LEAVES = [*leaves(Settings), *leaves(Playbook)]


def test_the_walk_finds_every_number() -> None:
    """What the walk overlooks is not tested: numbers under mappings, in tuples, and optional ones are among them."""
    names = {leaf.name for leaf in LEAVES}

    assert len(names) > 190
    assert {
        "money.fx_rates.EUR", "money.high_value_arr", "health.measures.usage_trend.worst", "health.weights.usage",
        "health.segment_weights.smb.usage", "tables.usage.expected_every_days", "models.inputs.spline_knots.name.0",
        "models.audit.days_before.0", "models.subjects.flagged_below", "alerts.clocks.plan_hours",
        "outreach.capacity.name",
        "messages.retry_minutes", "crm.tries", "schedule.late_minutes", "publish.decimals", "action.0.within_days",
    } <= names  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_no_number_is_infinite_or_without_bounds(leaf: Leaf) -> None:
    """nan, inf and 1e300 are refused by name, also as texts; so is what lies just beyond the bounds (TRU-3)."""
    assert leaf.least is not None
    assert leaf.largest is not None
    wrong = [math.nan, math.inf, -math.inf, 1e300, -1e300, 10**400, "nan", "inf", True]
    wrong += [leaf.least - 1, leaf.largest + max(1, leaf.largest / 100)]

    for value in wrong:
        said = leaf.said(value)
        assert said, f"{leaf.name} takes {value!r}"
        assert all(f"`{leaf.name}`" in one or leaf.name.split(".")[0] in one for one in said), said
        assert any(f"`{leaf.name}`" in one for one in said), said


def test_zero_and_negative_numbers_are_refused_but_where_they_mean_something() -> None:
    """-1 stands only where a number has a sign of its own; 0 not where something is divided by it or must be there."""
    taken = {value: {leaf.name for leaf in LEAVES if not leaf.said(value)} for value in (-1, 0)}

    assert taken[-1] == {
        "money.high_value_arr", "labels.promoter_from", "weekly.promoter_from", "weekly.usage_rise",
        "promotion.min_skill", "models.inputs.spline_knots.name.0",
        "health.measures.usage_trend.worst",
    }  # fmt: skip
    divided = {
        "money.fx_rates.EUR", "money.churn_grace_days", "labels.expansion_rise", "health.points_per_deviation",
        "health.carry_half_life_days", "outreach.full_decline", "outreach.renewal_days", "alerts.clocks.plan_hours",
        "alerts.drop_points", "checks.volume_windows", "models.candidates.n_estimators", "messages.tries",
        "crm.timeout_seconds",
    }  # fmt: skip
    assert not divided & taken[0]


def test_the_largest_numbers_stay_within_the_calendar() -> None:
    """Ten years of days, in as many windows as may be, in nanoseconds; a year of hours, worked one hour a week."""
    largest = {kind: _largest(kind) for kind in ("Days", "Windows", "Hours", "Minutes", "Tries", "Weeks", "Months")}
    narrow = WorkingHours(clocks="business", opens=time(9), closes=time(10), weekdays=("mon",))

    assert pd.Timestamp(NOW).as_unit("ns") - pd.Timedelta(days=largest["Days"] * largest["Windows"]) > pd.Timestamp.min
    assert pd.Timestamp(NOW).as_unit("ns") - pd.Timedelta(weeks=largest["Weeks"]) > pd.Timestamp.min
    assert after(NOW, largest["Hours"], narrow) < datetime(9999, 12, 31)
    assert NOW + timedelta(minutes=largest["Minutes"]) * 2 ** (int(largest["Tries"]) - 1) < datetime(9999, 12, 31)


def _largest(kind: str) -> float:
    (bound,) = (
        part.metadata for part in get_args(getattr(setting_types, kind)) if hasattr(part, "metadata") and part.metadata
    )
    return max(_value(one) for one in bound)


MOVES = ("drop", "rise")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["least", "largest"])
def test_a_run_with_every_number_at_its_bound_ends_in_words_and_publishes_finite_numbers(
    side: str, tmp_path: Path
) -> None:
    """All numbers at once as small, or as large, as they may be: no run dies of arithmetic, no mart holds inf."""
    write_company(30, 14, 7, tmp_path / "company")
    config = tmp_path / "company" / "pipeline.toml"
    given = tomllib.loads(config.read_text())
    for leaf in LEAVES:
        left = (
            "tables",
            "crm",
            "publish",
            *(("checks",) if side == "least" else ()),
        )  # checks as strict refuse all data
        if leaf.root is Settings and leaf.place[0] not in left and leaf.place[:2] != ("alerts", "rules"):
            bound = getattr(leaf, side)
            given = _put(given, leaf.place, int(bound) if leaf.whole else bound)
    given = _put(given, ("alerts", "rules"), _own_rules(side))
    _, said = validated(Settings, given, "pipeline.toml")
    for one in said:  # bounds that do not go together
        place = tuple(one.split("`")[1].split("."))
        section: Any = given
        for part in place[:-1]:
            section = section[part]
        section.pop(place[-1], None)
    config.write_text(_toml(given))
    load_settings(config)

    codes = []
    for command in (
        ("check", "--as-of", "2026-06-30"), ("daily", "--as-of", "2026-06-29"), ("daily", "--as-of", "2026-06-30"),
        ("sweep", "--now", "2026-06-30T12:00"), ("weekly", "--as-of", "2026-06-29"),
        *(("monthly", "--as-of", "2026-06-30", "--week", week) for week in (1, 2, 3, 4)),
    ):  # fmt: skip
        ran = keepwell("--config", config, "--out", tmp_path / "out", *command)
        assert ran.code in (0, 3), (command, ran.err)
        assert "Error" not in ran.err, (command, ran.err)
        codes.append(ran.code)
    assert codes.count(0) >= 6, codes
    for path in (tmp_path / "out" / "marts").glob("*/as_of=*/data.parquet"):
        numeric = pd.read_parquet(path).select_dtypes("float")
        assert not numeric.isin([math.inf, -math.inf]).any().any(), path


def _own_rules(side: str) -> dict[str, Any]:
    """Two rules of the company with each of their numbers at its bound: their tests fit together as written only."""
    asked = "alerts.rules.name.all.0"
    bound = {leaf.name: getattr(leaf, side) for leaf in LEAVES if leaf.name.startswith("alerts.rules.name.")}
    clocks = {name.split(".")[-1]: value for name, value in bound.items() if ".clocks." in name}
    days = {"within_days": int(bound[f"{asked}.within_days"])}
    about = {"for_days": int(bound["alerts.rules.name.for_days"]), "clocks": clocks}
    return {
        "level": about | {"all": [{"field": "health", "op": "<=", "value": bound[f"{asked}.value"]}]},
        "move": about | {"any": [{"field": "health", name: bound[f"{asked}.{name}"], **days} for name in MOVES]},
    }


def _toml(value: Mapping[str, Any], place: str = "") -> str:
    """Tables, numbers and texts as TOML."""
    plain = {k: v for k, v in value.items() if not isinstance(v, Mapping)}
    lines = [f"[{place}]"] if place else []
    lines += [f"{_key(k)} = {_plain(v)}" for k, v in plain.items()]
    inner = [_toml(v, f"{place}.{_key(k)}".lstrip(".")) for k, v in value.items() if isinstance(v, Mapping)]
    return "\n".join([*lines, "", *inner])


def _key(name: str) -> str:
    return f'"{name}"'


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)} = {_plain(v)}' for k, v in value.items())}}}"
    return repr(value) if isinstance(value, int | float) else '"' + str(value).replace("\\", "\\\\") + '"'
