"""Suggestions for the playbook from effects and recent work. The CS director decides; nothing changes here (MON-4)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from keepwell.playbook.actions import Playbook
from keepwell.playbook.interventions.records import RESULTS, Intervention

ALL = "all"
ADVICE: Mapping[str, str] = {
    "prefer": "Prefer {what}: they helped.",
    "drop": "Stop {what}, or find out why: they did harm.",
    "reconsider": "Reconsider {what}: any effect is too small to matter.",
}


VERDICTS: Mapping[str, str] = {
    "prefer": "helps", "drop": "harms", "reconsider": "less than matters", "unclear": "cannot be told",
    "too few": "too few accounts",
}  # fmt: skip
"""The verdicts of the mart, in a table's words."""
SIGNIFICANT = ("prefer", "drop")
"""Those on a significant effect."""


@dataclass(frozen=True)
class Suggestion:
    """One decision to make; `actions`: those of the playbook that start such work."""

    topic: str
    verdict: str
    kind: str
    root_cause: str
    segment: str
    text: str
    actions: tuple[str, ...]


def strategy_suggestions(effects: Iterable[Mapping[str, Any]], playbook: Playbook) -> list[Suggestion]:
    """What to prefer, stop or reconsider, from every effect with a verdict; the most certain first.

    `effects`: rows of the mart `strategy_effects`. Work is to be reconsidered only if it has no effect on any outcome;
    a root cause shared by all work of a kind adds nothing to the kind.
    """
    rows = list(effects)
    verdicts: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        verdicts[_group(row)].add(row["verdict"])
    whole = {(row["kind"], row["segment"], row["outcome"]): row["treated"] for row in rows if row["root_cause"] == ALL}
    informative = [
        row
        for row in rows
        if row["verdict"] in ADVICE
        and (row["verdict"] != "reconsider" or verdicts[_group(row)] == {"reconsider"})
        and (row["root_cause"] == ALL or row["treated"] < whole[row["kind"], row["segment"], row["outcome"]])
    ]
    return [_suggested(effect, playbook) for effect in sorted(informative, key=_surest_first)]


def effect_in_words(outcome: str, value: float, low: float, high: float) -> str:
    """Churn in points, usage in percent, each with its interval: `-4.2 points (-9.0 to +0.6)`."""
    first, *bounds = (amount(outcome, v) for v in (value, low, high))
    return f"{first} ({' to '.join(bound.removesuffix(' points') for bound in bounds)})"


def on(estimand: str) -> str:
    """What an effect is on: `difference by random assignment: log usage of 28 days` is one on usage of 28 days."""
    return estimand.partition(": ")[2].removeprefix("log ")


def amount(outcome: str, value: float) -> str:
    """One value: of churn in points, of usage (on the log scale) in percent, with its sign."""
    if outcome == "churned":
        return f"{100 * value:+.1f} points"
    return f"{100 * (exp(value) - 1.0):+.0f}%"


def learnings(work: Sequence[Intervention], since: str, playbook: Playbook) -> list[Suggestion]:
    """Lessons of recent work: results by kind, root causes, kinds without an action, actions without work."""
    begun = Counter(one.kind for one in work)
    said = [_result(kind, [one for one in work if one.kind == kind], since, playbook) for kind in sorted(begun)]
    causes = Counter(one.root_cause for one in work if one.root_cause)
    for cause, count in sorted(causes.items(), key=lambda item: (-item[1], item[0]))[:1]:
        kinds = Counter(one.kind for one in work if one.root_cause == cause)
        answered = ", ".join(f"{said_as(kind)} {n}" for kind, n in sorted(kinds.items(), key=lambda i: (-i[1], i[0])))
        share = f"{count} of {len(work)} interventions"
        text = f"Most common root cause since {since}: {said_as(cause)}, {share} ({answered})."
        said.append(Suggestion("playbook", "learnt", ALL, cause, ALL, text, ()))
    known = {action.kind for action in playbook.action if action.kind}
    for kind in sorted(set(begun) - known):
        started = f"{said_as(kind).capitalize()} was started {begun[kind]} time{'s' if begun[kind] > 1 else ''}"
        text = f"{started}, but no action of the playbook has this `kind`."
        said.append(Suggestion("playbook", "gap", kind, ALL, ALL, text, ()))
    for kind in sorted(known - set(begun)) if work else ():
        text = f"No {said_as(kind)} since {since}, although the playbook recommends it."
        said.append(Suggestion("playbook", "unused", kind, ALL, ALL, text, _actions(kind, playbook)))
    return said


def said_as(name: str) -> str:
    """A kind or a cause without underscores."""
    return name.replace("_", " ")


def _result(kind: str, work: Sequence[Intervention], since: str, playbook: Playbook) -> Suggestion:
    results = Counter(one.result for one in work if one.result)
    outcomes = ", ".join(f"{results[result]} {result}" for result in RESULTS if results[result])
    unknown = len(work) - sum(results.values())
    text = f"{said_as(kind).capitalize()}: {len(work)} started since {since}; {outcomes or 'no result recorded'}"
    text += f", {unknown} without a result." if outcomes and unknown else "."
    return Suggestion("playbook", "learnt", kind, ALL, ALL, text, _actions(kind, playbook))


def _suggested(effect: Mapping[str, Any], playbook: Playbook) -> Suggestion:
    kind, cause, segment = effect["kind"], effect["root_cause"], effect["segment"]
    what = "interventions of any kind" if kind == ALL else f"{said_as(kind)} interventions"
    what += "" if cause == ALL else f" for {said_as(cause)!r}"
    what += "" if segment == ALL else f" in {segment}"
    interval = effect_in_words(effect["outcome"], effect["effect"], effect["low"], effect["high"])
    advice = ADVICE[effect["verdict"]].format(what=what)
    advice = advice.replace("Prefer", "Continue") if kind == ALL else advice
    text = f"{advice} Effect on {on(effect['estimand'])}: {interval}, {effect['treated']:,} accounts."
    return Suggestion("strategy", effect["verdict"], kind, cause, segment, text, _actions(kind, playbook))


def _actions(kind: str, playbook: Playbook) -> tuple[str, ...]:
    return tuple(action.name for action in playbook.action if action.kind == kind)


def _group(effect: Mapping[str, Any]) -> tuple[str, str, str]:
    return effect["kind"], effect["root_cause"], effect["segment"]


def _surest_first(effect: Mapping[str, Any]) -> tuple[Any, ...]:
    return effect["q_value"], effect["kind"], effect["root_cause"], effect["segment"], effect["outcome"]
