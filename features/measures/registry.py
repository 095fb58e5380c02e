"""The registry of features: one small pure function each, and the one expression that computes them all.

An *aggregate* is an expression over the rows of one source, grouped by account; all aggregates of one source that look
back equally far are computed in one scan. One with a `rollup` reads that of its source (features/facts/rollups.py), one
with `per_account` rows that are summed up first, to a few per account: many columns of one series are then cheap. A
*derived* feature is an expression over the wide row of an account.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.known import Facts, Rows, rows_of

COMPONENTS = ("usage", "adoption", "support", "sentiment", "relationship", "billing", "commercial")
Builder = Callable[..., ir.Value]
PerAccount = Callable[[Rows], ir.Table]


@dataclass(frozen=True)
class Feature:
    """What a feature is called, measures and means; `build` gives its expression.

    `direction` is +1 where more is better, -1 where less is, 0 where neither holds. `empty` is the value of an account
    under contract that has no rows in a source that is there (NULL unless said); rows that leave the value open stay
    NULL. `tenure_from`: NULL for an account that has been under contract for fewer days, whose windows would be empty.
    `needs` names the optional columns without which it is NULL (`a|b`: either will do): a column that the source lacks
    is not a count of zero. `scan_days`: days back that its scan reads, more than its own where others share the scan;
    `unread`: days back between which it reads nothing. An unpublished feature is an ingredient of others only.
    `error` names the unpublished one that is its standard error where nothing has changed, `usual` the one that is
    usual for the account itself.

    Its sentences, which `features.health.words` fills in: `words`; `zero` for a value of 0; `well` where the value
    speaks for the account; `never` for an account that never used the product; `null` without a value. `compared` is
    the format of the value of similar accounts that follows, `bound` the phrase for a bound between two groups of
    accounts where `words` does not name the value.
    """

    name: str
    version: int
    doc: str
    unit: str
    sources: tuple[str, ...]
    component: str | None
    direction: int
    null: str
    words: str
    kind: str
    build: Builder
    zero: str = ""
    well: str = ""
    never: str = ""
    compared: str = ""
    bound: str = ""
    empty: float | None = None
    lookback_days: int | None = None
    tenure_from: int | None = None
    needs: tuple[str, ...] = ()
    published: bool = True
    per_account: PerAccount | None = None
    rollup: str = ""
    unread: tuple[int, int] | None = None
    scan_days: int | None = None
    error: str = ""
    usual: str = ""

    @property
    def relative(self) -> bool:
        """Whether it is a change, a difference or a sentiment: higher is better or worse, not more or less."""
        return any(f"{{{name}}}" in self.words for name in ("change", "moved", "more", "step", "mood", "turn"))

    @property
    def key(self) -> str:
        """Name and version: a changed definition is a new version."""
        return f"{self.name}@{self.version}"


REGISTRY: dict[str, Feature] = {}


def aggregate(
    source: str,
    *,
    unit: str,
    component: str | None,
    direction: int,
    null: str,
    words: str,
    lookback_days: int | None,
    zero: str = "",
    well: str = "",
    compared: str = "",
    bound: str = "",
    empty: float | None = None,
    tenure_from: int | None = None,
    version: int = 1,
    published: bool = True,
    needs: tuple[str, ...] = (),
    per_account: PerAccount | None = None,
    rollup: str = "",
    unread: tuple[int, int] | None = None,
    scan_days: int | None = None,
    error: str = "",
) -> Callable[[Builder], Builder]:
    """Register a feature that is an aggregate over the rows of one source, or of a rollup of it."""
    return lambda build: _register(
        Feature(
            build.__name__, version, _doc(build), unit, (source,), component, direction, null, words, "aggregate",
            build, zero, well, "", compared, bound, empty, lookback_days, tenure_from, needs, published,
            per_account, rollup, unread, scan_days or lookback_days, error,
        )
    )  # fmt: skip


def derived(
    *sources: str,
    unit: str,
    component: str | None,
    direction: int,
    null: str,
    words: str,
    zero: str = "",
    well: str = "",
    never: str = "",
    compared: str = "",
    bound: str = "",
    tenure_from: int | None = None,
    version: int = 1,
    published: bool = True,
    error: str = "",
    usual: str = "",
) -> Callable[[Builder], Builder]:
    """Register a feature that is computed from other columns of the account's row."""
    return lambda build: _register(
        Feature(
            build.__name__, version, _doc(build), unit, sources, component, direction, null, words, "derived", build,
            zero, well, never, compared, bound, tenure_from=tenure_from, published=published, error=error, usual=usual,
        )
    )  # fmt: skip


def _doc(build: Builder) -> str:
    return " ".join((build.__doc__ or "").split())


def _register(feature: Feature) -> Builder:
    if feature.name in REGISTRY:
        raise ValueError(f"feature {feature.name} is registered twice")
    REGISTRY[feature.name] = feature
    return feature.build


def feature_table(
    facts: Facts,
    book: ir.Table,
    features: Mapping[str, Feature],
    rates: Mapping[str, float],
    also: Collection[str] = (),
) -> ir.Table:
    """The book with one more column per published feature, and those of `also`; columns of absent sources are NULL.

    `rates`: reporting currency per unit of every currency, that of its own first.
    """
    absent = {name: ibis.null().cast("float64") for name, f in features.items() if not answerable(facts, f)}
    given = [f for name, f in features.items() if name not in absent]
    joined = book
    columns: dict[str, ir.Value] = {}
    for number, (_, group) in enumerate(groupby(sorted(_of_kind("aggregate", given), key=_scan), key=_scan)):
        same_scan, at, key = list(group), f"_as_of_{number}", f"_account_{number}"
        found = _aggregated(facts, same_scan, rates).rename({at: AS_OF, key: "account_id"})
        joined = joined.left_join(found, [(AS_OF, at), ("account_id", key)])
        columns |= {f.name: _meant(joined, f, key) for f in same_scan}
    wide = joined.select(*book.columns, **columns, **absent)
    # Every derived feature is an expression over aggregates and the book: one step for all keeps the query small.
    finished = wide.mutate(
        **{f.name: _of_age(wide, f, f.build(wide).cast("float64")) for f in _of_kind("derived", given)}
    )
    return finished.select(*book.columns, *(f.name for f in features.values() if f.published or f.name in also))


def _of_kind(kind: str, features: Iterable[Feature]) -> list[Feature]:
    return [f for f in features if f.kind == kind]


def answerable(facts: Facts, feature: Feature) -> bool:
    """Whether the company's sources can give the feature: they are there, with the columns that it needs."""
    return all(facts.has(source, *feature.needs) for source in feature.sources)


def _scan(feature: Feature) -> tuple[object, ...]:
    """Features with the same key are computed in one scan."""
    per_account = feature.per_account.__name__ if feature.per_account else ""
    return feature.sources[0], feature.rollup, feature.scan_days or 0, feature.unread or (), per_account


def _aggregated(facts: Facts, features: Sequence[Feature], rates: Mapping[str, float]) -> ir.Table:
    """One row per instant and account that has rows, one column per feature; all of one scan."""
    rows = rows_for(facts, features[0], features[0].scan_days, rates)
    return rows.table.group_by(*KEY).agg(**{f.name: f.build(rows).cast("float64") for f in features})


def rows_for(facts: Facts, feature: Feature, lookback_days: int | None, rates: Mapping[str, float]) -> Rows:
    """The rows that an aggregate is an expression over."""
    rows = rows_of(facts, feature.sources[0], lookback_days, rates, feature.rollup, feature.unread)
    return rows if feature.per_account is None else replace(rows, table=feature.per_account(rows))


def _meant(joined: ir.Table, feature: Feature, key: str) -> ir.Value:
    """The aggregate, with what no rows at all and a young account mean."""
    value = joined[feature.name]
    if feature.empty is not None:
        value = joined[key].isnull().ifelse(feature.empty, value)
    return _of_age(joined, feature, value)


def _of_age(accounts: ir.Table, feature: Feature, value: ir.Value) -> ir.Value:
    """The value of an account that is old enough for the feature's windows."""
    if feature.tenure_from is None:
        return value
    return (accounts.tenure_days >= feature.tenure_from).ifelse(value, ibis.null())


def companions(features: Mapping[str, Feature]) -> list[str]:
    """The unpublished features that others are compared with: standard errors, and what is usual."""
    return list(dict.fromkeys(name for f in features.values() for name in (f.error, f.usual) if name))


def used_sources(features: Iterable[Feature]) -> frozenset[str]:
    """The canonical tables that some feature reads."""
    return frozenset(source for f in features for source in f.sources)
