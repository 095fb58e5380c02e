"""Does monitoring call a model degraded when it is, and only then? The second part of `make results` (LRN-3, MOD-1).

Writes docs/reference/results/watching.md; nothing is typed in.

Small worlds of accounts whose risk follows three measured inputs. CSMs contact at random: every month half of the
riskiest are assigned to a contact, the others are held out. A model is trained and accepted by the product's own trial,
then watched for a year of months by the product's own monitoring.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.monitoring import EarlyWarningSettings
from keepwell.models.settings.training import CandidateSettings
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.trial import trial
from keepwell.tasks.learning.monitoring import InPlace, watch
from keepwell.tasks.learning.quarter import training_result
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound, table
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "watching.md"
WORLDS, ACCOUNTS = 40, 2_000
HORIZON_DAYS, GRACE_DAYS = 90, 30
HORIZON_MONTHS = 3
ACCEPTED, WATCHED = 24, 36
"""Months on record when the model is accepted, and when it is watched."""
STARTS = pd.date_range("2023-01-01", periods=WATCHED + HORIZON_MONTHS, freq="MS")
CALLED_SHARE, HELD_OUT = 0.2, 0.5
"""Share of the portfolio that is riskiest as a CSM sees it, and the share of these that is held out."""
WORKING = 0.5
"""By what a contact multiplies the risk while its account is in care."""
SHIFTS = (1.0, 0.5)
"""Shares of the churn that no longer follow the inputs."""
INPUTS = ("use", "tickets", "mood")
WEIGHTS = np.array([1.1, 0.6, 0.4])
LEVEL, LASTING = -4.4, 0.9
"""Log odds of leaving within a month of a typical account; how much of a measure lasts from month to month."""
SETTINGS = ModelSettings(
    candidates=CandidateSettings(n_estimators=10, max_iter=60, max_samples=0.5, replicates=100),
    early_warning=EarlyWarningSettings(replicates=20),
)


@dataclass(frozen=True)
class World:
    """One company, in which CSMs contact at random.

    `effect`: by what a contact multiplies the risk; `unrelated`: the share of the churn that from ACCEPTED on falls on
    anybody, whatever the inputs; `drawn_since`: the month from which contacts are drawn and recorded.
    """

    seed: int
    effect: float = 1.0
    unrelated: float = 0.0
    drawn_since: int = 0

    def examples(self) -> pd.DataFrame:
        """Every month's accounts with inputs and outcomes; an account that left is followed by a new one."""
        rng = np.random.default_rng(self.seed)
        state = rng.standard_normal((ACCOUNTS, len(INPUTS)))
        number = np.arange(ACCOUNTS)
        last_draw, treated_from = np.full(ACCOUNTS, -HORIZON_MONTHS), np.full(ACCOUNTS, -HORIZON_MONTHS)
        books, notices, draws = [], [], []
        for month, start in enumerate(STARTS):
            fresh = np.sqrt(1 - LASTING**2) * rng.standard_normal(state.shape)
            state = LASTING * state + fresh
            measured = state + 0.5 * rng.standard_normal(state.shape)
            books.append(pd.DataFrame(measured, columns=list(INPUTS)).assign(number=number, as_of=start))
            risk = 1.0 / (1.0 + np.exp(-(LEVEL + state @ WEIGHTS)))
            reckoned = risk.argsort().argsort() >= (1 - CALLED_SHARE) * ACCOUNTS
            drawn = reckoned & (month - last_draw >= HORIZON_MONTHS) & (month >= self.drawn_since)
            called = drawn & (rng.random(ACCOUNTS) >= HELD_OUT)
            last_draw[drawn], treated_from[called] = month, month
            drawn_at = start + pd.Timedelta(days=1)
            draws.append(pd.DataFrame({"number": number[drawn], "drawn_at": drawn_at, "treated": called[drawn]}))
            leaves = rng.random(ACCOUNTS) < self._risk_now(month, risk, month - treated_from < HORIZON_MONTHS)
            days = pd.to_timedelta(rng.integers(2, 28, leaves.sum()), unit="D")
            notices.append(pd.DataFrame({"number": number[leaves], "churned_at": start + days}))
            state[leaves] = rng.standard_normal((leaves.sum(), len(INPUTS)))
            last_draw[leaves] = treated_from[leaves] = -HORIZON_MONTHS
            number = np.where(leaves, number.max() + 1 + np.cumsum(leaves), number)
        return self._labeled(*(pd.concat(parts, ignore_index=True) for parts in (books, notices, draws)))

    def _risk_now(self, month: int, risk: Floats, in_care: NDArray[np.bool_]) -> Floats:
        """The month's probability to leave: of the inputs, of what has changed since, and of contacts."""
        anybody = self.unrelated if month >= ACCEPTED else 0.0
        mixed: Floats = (1 - anybody) * risk + anybody * risk.mean()
        return np.where(in_care, self.effect * mixed, mixed)

    def _labeled(self, books: pd.DataFrame, notices: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
        """The books with outcome, treatment and the probability to stay untreated within the horizon (labels.py)."""
        rows = books.merge(notices, on="number", how="left")
        ends = rows["as_of"] + pd.Timedelta(days=HORIZON_DAYS)
        churned = rows["churned_at"].notna() & (rows["churned_at"] <= ends)
        until = rows["churned_at"].where(churned, ends)
        within = rows[["number", "as_of"]].assign(until=until, row=rows.index).merge(draws, on="number")
        within = within[(within["drawn_at"] > within["as_of"]) & (within["drawn_at"] <= within["until"])]
        count = within.groupby("row").size().reindex(rows.index, fill_value=0)
        treated = within.groupby("row")["treated"].any().reindex(rows.index, fill_value=False)
        randomized = rows["as_of"] >= STARTS[0] + pd.DateOffset(months=self.drawn_since)
        return rows.assign(
            account_id="a" + rows["number"].astype(str), churned=churned, churned_at=rows["churned_at"].where(churned),
            treated=treated.where(randomized).astype("boolean"), untreated_chance=(HELD_OUT**count).where(randomized),
            health=60 - 10 * rows["use"], segment="small", industry="retail", country="DE", arr=1000.0,
            high_value=False,
        ).drop(columns="number")  # fmt: skip


def as_known(examples: pd.DataFrame, months: int) -> pd.DataFrame:
    """The examples of these months as known at the start of the last: outcomes only where they have matured."""
    until = STARTS[months - 1]
    matured = examples["as_of"] + pd.Timedelta(days=HORIZON_DAYS + GRACE_DAYS) <= until
    known = examples.assign(
        churned=examples["churned"].astype(object).where(matured, None),
        **{name: examples[name].where(matured) for name in ("churned_at", "treated", "untreated_chance")},
    )
    return known[known["as_of"] <= until]


def accepted(examples: pd.DataFrame) -> InPlace:
    """The model that the trial selects on the months up to acceptance, with its baseline."""
    known = as_known(examples, ACCEPTED)
    splits = splits_of(known, "churn", HORIZON_DAYS + GRACE_DAYS, SETTINGS.split)
    found = trial(known, "churned", splits, INPUTS, SETTINGS)
    was = training_result("churn", found, known, SETTINGS).baseline
    assert was is not None
    return InPlace("champion", "1", ByMonth(found.serving, found.graded, found.seen_until), was)


def worse(model: InPlace, examples: pd.DataFrame) -> bool:
    """Whether monitoring calls the model degraded a year after it was accepted."""
    return bool(watch("churn", model, as_known(examples, WATCHED), HORIZON_DAYS, None, SETTINGS).worse)


def looks(seed: int) -> dict[str, bool]:
    """Whether the model of this seed is called degraded, by what became of its company since it was accepted.

    Companies that differ only in what comes later have one history, and one model.
    """
    randomized, alone = World(seed, effect=WORKING), World(seed, drawn_since=WATCHED + HORIZON_MONTHS)
    model, model_alone = accepted(randomized.examples()), accepted(alone.examples())
    alike = randomized.examples().assign(untreated_chance=np.nan)
    return {
        "alone": worse(model_alone, alone.examples()),
        "working": worse(model, randomized.examples()),
        "alike": worse(model, alike),
        "begins": worse(model_alone, replace(alone, effect=WORKING, drawn_since=ACCEPTED).examples()),
        **{f"{share:.0%}": worse(model, replace(randomized, unrelated=share).examples()) for share in SHIFTS},
    }


def bounds_of(found: pd.DataFrame) -> Iterator[Bound]:
    """Share of the worlds whose model is called degraded. `found`: the looks of each world, one row each."""
    share = found.mean()
    free = (-np.inf, np.inf)
    yield Bound(
        "contacts halve the risk, half of the riskiest are contacted at random", -np.inf, 0.10, share["working"]
    )
    yield Bound("the same, counted as before: every example has weight one", *free, share["alike"])
    yield Bound("the same contacts, which begin after the model was accepted", *free, share["begins"])
    yield Bound("no contacts", -np.inf, 0.10, share["alone"])
    for shift in SHIFTS:
        low = 0.80 if shift == 1.0 else -np.inf
        name = f"contacts at random, and {shift:.0%} of the churn no longer follows the inputs since acceptance"
        yield Bound(name, low, np.inf, share[f"{shift:.0%}"])


def page(found: pd.DataFrame) -> str:
    """The page, in Markdown."""
    how = (
        f"Share of {len(found)} worlds whose champion monitoring calls degraded {WATCHED - ACCEPTED} months after it "
        f"was accepted. {ACCOUNTS:,} accounts each; a contact lasts {HORIZON_MONTHS} months, and assignment is among "
        f"the riskiest {CALLED_SHARE:.0%}. Trial, refit and monitoring are the product's own, with fewer trees."
    )
    head = ["# Results: monitoring", "", "Written by `make results`; edit the code instead.", "", how, ""]
    return "\n".join([*head, *table(list(bounds_of(found))), ""])


def main() -> None:
    """Every world in turn; write the page."""
    found = []
    for seed in range(1, WORLDS + 1):
        found.append(looks(seed))
        print(f"world {seed}: {found[-1]}", flush=True)
    text = page(pd.DataFrame(found))
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
