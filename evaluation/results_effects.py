"""`make effects`: grades effect estimates on worlds with known effects (MON-4), and writes its page of results.

Hundreds of worlds of flagged episodes, each of its own seed, with both outcomes of each episode known. Nothing is
typed in.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from keepwell.models.effects.effects import Effect, Outcome, effect, outcomes_of
from keepwell.models.effects.uplift import _risk, _with_side, fit_uplift
from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.all import ModelSettings
from keepwell.sample.settings import ContactMode, company_with
from keepwell.sample.world.episodes import episodes
from tests.support.bounds import Bound, table
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "effects.md"
FIRST_SEED = 70_001
SIZES = (600, 1200)
LOW, HIGH = 0.85, 0.95
TRAINING_EPISODES, BOOK, CAPACITY, FEW = 3200, 20_000, 0.10, 200
UPLIFT_SEEDS, FEW_SEEDS = 20, 100
NUMERIC_FEATURES = ("arr", "tenure", "months_to_renewal", "health", "legacy", "use_change")
CATEGORICAL_FEATURES = ("segment",)
SETTINGS = ModelSettings()
OUTCOMES = outcomes_of(SETTINGS.effects)
TRUTH = {"churned": ("p0", "p1"), "use_after": ("use0", "use1")}


def world(
    accounts: int, seed: int, contacts: ContactMode, *, confounder: bool = False, sleeping: bool = True
) -> pd.DataFrame:
    """One flagged episode per account, treated by policy or at random, with its true values."""
    drawn = episodes(accounts, seed, company_with(contacts, confounder), sleeping=sleeping)
    return drawn.rename(columns={"episode": "account_id", "contacted": "treated"})


def truth(subjects: pd.DataFrame, outcome: Outcome) -> float:
    """The true mean effect on the treated of this world."""
    without, with_contact = TRUTH[outcome.column]
    treated = subjects[subjects["treated"]]
    return float((treated[with_contact] - treated[without]).mean())


def estimated(subjects: pd.DataFrame, outcome: Outcome, *, randomized: bool = False) -> Effect:
    """The product's estimate for this world."""
    return effect(
        subjects,
        outcome,
        NUMERIC_FEATURES,
        CATEGORICAL_FEATURES,
        SETTINGS.effects,
        SETTINGS.inputs,
        randomized=randomized,
    )


@dataclass(frozen=True)
class Covered:
    """One outcome over many worlds: the true effect of each, the estimate, and the plain difference."""

    outcome: Outcome
    truths: Floats
    estimated: Sequence[Effect]

    def share(self, estimates: Sequence[Estimate]) -> float:
        """Share of the worlds whose interval covers the truth."""
        return float(np.mean([e.low <= t <= e.high for e, t in zip(estimates, self.truths, strict=True)]))

    def bias(self, estimates: Sequence[Estimate]) -> float:
        """Mean distance from the truth."""
        return float(np.mean([e.value - t for e, t in zip(estimates, self.truths, strict=True)]))

    def rows(self, name: str, low: float, high: float, naive: float = np.inf) -> list[Bound]:
        """Coverage, bias and width of the estimate, and the same for the plain difference."""
        effects, plain = [t.effect for t in self.estimated], [t.naive for t in self.estimated]
        enough = float(np.mean([t.enough for t in self.estimated]))
        found = f"{self.outcome.label}, {name}"
        free = (-np.inf, np.inf)
        return [
            Bound(f"{found}: share of intervals that cover the truth", low, high, self.share(effects)),
            Bound("its mean error", *free, self.bias(effects)),
            Bound("mean width of its interval", *free, float(np.mean([e.high - e.low for e in effects]))),
            Bound("share of worlds reported to have enough subjects", *free, enough),
            Bound("the plain difference: share of intervals that cover the truth", -np.inf, naive, self.share(plain)),
            Bound("its mean error", *free, self.bias(plain)),
        ]  # fmt: skip


def covered(worlds: int, accounts: int, contacts: ContactMode, *, confounder: bool = False) -> list[Covered]:
    """Both outcomes over so many worlds, each with its own seed."""
    found: dict[str, list[tuple[float, Effect]]] = {o.column: [] for o in OUTCOMES}
    for seed in range(FIRST_SEED, FIRST_SEED + worlds):
        subjects = world(accounts, seed, contacts, confounder=confounder)
        for outcome in OUTCOMES:
            estimate = estimated(subjects, outcome, randomized=contacts == "random")
            found[outcome.column].append((truth(subjects, outcome), estimate))
    return [Covered(o, np.array([t for t, _ in found[o.column]]), [e for _, e in found[o.column]]) for o in OUTCOMES]


@dataclass(frozen=True)
class Targeted:
    """True expected ARR kept at capacity: by uplift (by risk where that refuses), by risk, and at best."""

    ranks_by_uplift: bool
    uplift: float
    risk: float
    best: float


def targeted(seed: int, *, sleeping: bool) -> Targeted:
    """Trained on randomized episodes and applied to other accounts; both rankings are weighted by ARR."""
    subjects = world(TRAINING_EPISODES, seed, "random", sleeping=sleeping)
    book = world(BOOK, seed + UPLIFT_SEEDS, "random", sleeping=sleeping)
    uplift = fit_uplift(
        subjects, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.effects, SETTINGS.inputs
    )
    arr, saved = book["arr"].to_numpy(), (book["arr"] * (book["p0"] - book["p1"])).to_numpy()
    line = _risk(NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.inputs).fit(
        _with_side(subjects), subjects["churned"]
    )
    risk = line.predict_proba(book.assign(side=-0.5))[:, 1]
    gained = risk if uplift.model is None else uplift.model.gained(book)
    return Targeted(uplift.model is not None, *(_arr_saved(by, saved) for by in (gained * arr, risk * arr, saved)))


def _arr_saved(order: Floats, saved: Floats) -> float:
    """ARR retained by contacting the top of the ranking, up to capacity."""
    return float(saved[np.argsort(-order, kind="stable")[: int(CAPACITY * len(saved))]].sum())


def uplift_rows() -> list[Bound]:
    """Uplift against risk with and without sleeping dogs, and the result with few episodes."""
    rows = []
    for sleeping in (True, False):
        first = FIRST_SEED + (0 if sleeping else 1000)
        found = [targeted(seed, sleeping=sleeping) for seed in range(first, first + UPLIFT_SEEDS)]
        gains = np.array([f.uplift - f.risk for f in found]) / np.mean([f.risk for f in found])
        low = gains.mean() - stats.t.ppf(0.95, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
        name = "with sleeping dogs" if sleeping else "without sleeping dogs"
        free = (-np.inf, np.inf)
        rows += [
            Bound(f"{name}: ARR kept by uplift over that kept by risk, mean, as a share of the latter",
                  *(free if sleeping else (-0.03, np.inf)), gains.mean()),
            Bound("its lower 95% bound, paired over seeds", *((0.001, np.inf) if sleeping else free), low),
            Bound("share of the seeds in which uplift gave the order", *free,
                  float(np.mean([f.ranks_by_uplift for f in found]))),
            Bound("the best order, were both outcomes known: the same share", *free,
                  float(np.mean([f.best for f in found]) / np.mean([f.risk for f in found]) - 1.0)),
        ]  # fmt: skip
    few = [
        fit_uplift(
            world(FEW, seed, "random"),
            NUMERIC_FEATURES,
            CATEGORICAL_FEATURES,
            SETTINGS.uplift,
            SETTINGS.effects,
            SETTINGS.inputs,
        )
        for seed in range(FIRST_SEED, FIRST_SEED + FEW_SEEDS)
    ]
    refused = float(np.mean([u.model is None for u in few]))
    return [*rows, Bound(f"share of {FEW_SEEDS} runs on {FEW} episodes that refuse", 0.90, 1.0, refused)]


def taught(episodes_: int) -> tuple[str, ...]:
    """The notes on uplift for the first world with so many episodes."""
    subjects = world(episodes_, FIRST_SEED, "random")
    return fit_uplift(
        subjects, NUMERIC_FEATURES, CATEGORICAL_FEATURES, SETTINGS.uplift, SETTINGS.effects, SETTINGS.inputs
    ).notes


def page(worlds: int) -> str:
    """The page, in Markdown."""
    policy = [r for n in SIZES for c in covered(worlds, n, "policy") for r in c.rows(f"{n} accounts", LOW, HIGH, LOW)]
    randomized_rows = [
        row for c in covered(worlds, SIZES[0], "random") for row in c.rows("randomized", LOW, np.inf)[:4]
    ]
    hidden = covered(worlds, SIZES[1], "policy", confounder=True)
    truth_of_one, one = hidden[0].truths[0], hidden[0].estimated[0]
    book = world(BOOK, FIRST_SEED, "random")
    riskiest = book[book["p0"] >= book["p0"].quantile(1.0 - CAPACITY)]
    what = (
        f"{worlds} worlds of flagged episodes (seeds {FIRST_SEED} to {FIRST_SEED + worlds - 1}), one episode per "
        "account; both outcomes of each are known. The truth is the mean of p1 - p0 over the treated of each world, "
        "for usage the mean difference in expected log usage. CSMs choose whom to contact by a legacy score on "
        f"record. Confidence of the intervals: {SETTINGS.effects.confidence:.0%}."
    )
    randomized_note = (
        f"{SIZES[0]} accounts, a coin for each. A randomized interval is for all whom the treated represent, and is a "
        "little wide for these very accounts (Neyman 1923): it may cover their truth more often than 90%."
    )
    unseen = (
        "The same where what only the CSM knows raises both the probability of a contact and of churn, "
        f"{SIZES[1]} accounts. Nothing on record shows it: intervals of churn miss, and the report can only say so."
    )
    first = (
        f"The first of these worlds: truth {truth_of_one:+.3f}, estimate {one.effect.value:+.3f} "
        f"({one.effect.low:+.3f} to {one.effect.high:+.3f}). The report says:"
    )
    whom = (
        f"Learned from {TRAINING_EPISODES:,} randomized episodes, applied to {BOOK:,} others with room for "
        f"{CAPACITY:.0%}, over {UPLIFT_SEEDS} seeds. Of the riskiest tenth {riskiest['sleeping_dog'].mean():.0%} are "
        "sleeping dogs, which a contact harms. Both orders weigh by ARR; where the gate refuses, risk stays the order."
    )
    return "\n".join(
        [
            *("# Are effects estimated right?", "", "Written by `make effects`; edit the code instead.", "", what, ""),
            *("## Against comparable untreated accounts", "", *table(policy), ""),
            *("## By random assignment", "", randomized_note, "", *table(randomized_rows), ""),
            *("## With a confounder that nobody recorded", "", unseen, ""),
            *table([row for c in hidden for row in c.rows("confounder not recorded", -np.inf, np.inf)]),
            *("", first, "", *(f"> {sentence}" for sentence in one.notes), ""),
            *("## Whom to contact", "", whom, "", *table(uplift_rows()), ""),
            *(f"Reported for the first {TRAINING_EPISODES:,} episodes, and of {FEW}:", ""),
            *(f"> {sentence}" for sentence in (*taught(TRAINING_EPISODES), *taught(FEW))),
            "",
        ]
    )


def main() -> None:
    """Generate, estimate, grade, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        text = page(arguments.worlds)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
