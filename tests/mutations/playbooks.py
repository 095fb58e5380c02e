"""The playbook: mistakes are exit 2 with their place; what an action says changes for its accounts alone (ACT-2)."""

import random
import re

from tests.mutations.kinds import Changes, Company, NoEffect, Refused, columns, kind
from tests.mutations.settings import misspelt


def _edit(company: Company, old: str, new: str, name: str = "") -> None:
    """Replace the first text after the action's name."""
    path = company.playbook()
    text = path.read_text()
    start = text.index(f'name = "{name}"') if name else 0
    assert old in text[start:], old
    path.write_text(text[:start] + text[start:].replace(old, new, 1))


def _in_use(rng: random.Random, company: Company) -> tuple[str, dict[str, str]]:
    """An action that some accounts are recommended, and every account's action."""
    actions = company.published("health_scores").set_index("account_id")["next_action"].to_dict()
    return rng.choice(sorted({name for name in actions.values() if isinstance(name, str)})), actions


@kind("playbook")
def same_playbook(rng: random.Random, company: Company) -> NoEffect:
    """The shipped one, copied: the same bytes; with comments, another run_id at most."""
    path = company.playbook()
    if rng.random() < 0.5:
        return NoEffect()
    path.write_text(path.read_text().replace("[[action]]", "# ours\n\n[[action]]"))
    return NoEffect(stamped=True)


@kind("playbook")
def unknown_key(rng: random.Random, company: Company) -> Refused:
    key = rng.choice(("within_days", "because", "owner"))
    wrong = misspelt(rng, key)
    _edit(company, f"\n{key} = ", f"\n{wrong} = ")
    return Refused(2, ("mine.toml", wrong, f".{key}`?"))


@kind("playbook")
def unknown_feature(rng: random.Random, company: Company) -> Refused:
    wrong = misspelt(rng, "payment_failures_90d")
    _edit(company, '"payment_failures_90d"', f'"{wrong}"')
    return Refused(2, (wrong,))


@kind("playbook")
def unknown_component(rng: random.Random, company: Company) -> Refused:
    wrong = misspelt(rng, rng.choice(("support", "support", "billing")))
    _edit(company, 'components = ["support"]', f'components = ["{wrong}"]')
    return Refused(2, (wrong,))


@kind("playbook")
def unknown_word(rng: random.Random, company: Company) -> Refused:
    """Owner or tier that there is not."""
    old, new, place = rng.choice(
        (('owner = "finance"', 'owner = "fnance"', "owner"), ('tiers = ["automated"]', 'tiers = ["auto"]', "tiers"),
         ('owner = "csm"', 'owner = ""', "owner"), ('tiers = ["automated"]', "tiers = []", "tiers"))
    )  # fmt: skip
    _edit(company, old, new)
    return Refused(2, ("mine.toml", place))


@kind("playbook")
def wrong_deadline(rng: random.Random, company: Company) -> Refused:
    days = rng.choice(("-2", "2.5", '"soon"', "true", "[2]"))
    _edit(company, "\nwithin_days = 2", f"\nwithin_days = {days}")
    return Refused(2, ("within_days",))


@kind("playbook")
def no_last_resort(rng: random.Random, company: Company) -> Refused:
    tier = rng.choice(("immediate", "outreach", "automated"))
    path = company.playbook()
    blocks = path.read_text().split("[[action]]")
    left = [
        block
        for block in blocks
        if f'"{tier}"' not in block or re.search(r"^(features|components|\w+_from) = ", block, re.MULTILINE)
    ]
    assert len(left) < len(blocks)
    path.write_text("[[action]]".join(left))
    return Refused(2, (tier, "no fallback action"))


@kind("playbook")
def playbook_not_there(rng: random.Random, company: Company) -> Refused:
    """An empty name is none: it means the playbook that Keepwell ships."""
    wrong = rng.choice(("none.toml", "playbook/none.toml", "sql"))
    company.config.write_text(f'playbook = "{wrong}"\n' + company.config.read_text())
    return Refused(2, ("playbook",))


@kind("playbook")
def another_name(rng: random.Random, company: Company) -> Changes:
    """The action under its new name, for exactly the accounts that it was recommended to."""
    name, actions = _in_use(rng, company)
    new = rng.choice(("Ring them up", "Visit <b>now</b>", "=1+1", "Täglich prüfen 'heute'"))
    _edit(company, f'name = "{name}"', f'name = "{new}"')
    return Changes(
        columns(health_scores="next_action action_id summary"),
        accounts=frozenset(a for a, one in actions.items() if one == name),
        values={"next_action": {a: new if one == name else one for a, one in actions.items()}},
        rows=frozenset({"next_actions"}),  # the name is part of an action's id
    )


@kind("playbook")
def another_deadline(rng: random.Random, company: Company) -> Changes:
    """It is due on the day on which it is recommended: the due date of accounts with this action, nothing else."""
    scores = company.published("health_scores").set_index("account_id")
    later = scores["action_due"] > scores["action_recommended_on"]
    name = rng.choice(sorted(set(scores.loc[later, "next_action"])))
    (stated,) = (a for a in company.actions() if a["name"] == name)
    old = f"\nwithin_days = {stated['within_days']}" if "within_days" in stated else f'name = "{name}"'
    _edit(company, old, "\nwithin_days = 0" if "within_days" in stated else f"{old}\nwithin_days = 0", name)
    mine = later & (scores["next_action"] == name)
    due = {a: scores.loc[a, "action_recommended_on"] if mine[a] else d for a, d in scores["action_due"].items()}
    return Changes(
        columns(health_scores="action_due summary", next_actions="due_on"),
        accounts=frozenset(scores.index[mine]),
        values={"action_due": due},
    )


@kind("playbook")
def another_owner(rng: random.Random, company: Company) -> Changes:
    name, actions = _in_use(rng, company)
    old = next(a["owner"] for a in company.actions() if a["name"] == name)
    _edit(company, f'owner = "{old}"', 'owner = "director"', name)
    mine = frozenset(a for a, one in actions.items() if one == name)
    owners = company.published("health_scores").set_index("account_id")["action_owner"].to_dict()
    return Changes(
        columns(health_scores="action_owner"),
        columns(next_actions="owner"),
        accounts=mine,
        values={"action_owner": {a: "director" if a in mine else owner for a, owner in owners.items()}},
    )


@kind("playbook")
def what_only_calls_use(rng: random.Random, company: Company) -> NoEffect:
    """Talking points, reasons and kinds go into other weeks; of a kind that `work` does not know the doctor warns."""
    old, new = rng.choice(
        (('because = "', 'because = "We think: '), ("talking_points = [", 'talking_points = [\n  "Ask first.",'),
         ('kind = "commercial"', f'kind = "{rng.choice(("training", "comercial"))}"'))
    )  # fmt: skip
    _edit(company, old, new)
    return NoEffect(stamped=True)


@kind("playbook")
def order_of_actions_that_never_meet(rng: random.Random, company: Company) -> NoEffect:
    """Actions of tiers apart can stand in any order: two neighbors change places."""
    path = company.playbook()
    head, *blocks = path.read_text().rstrip().split("[[action]]")
    tiers = [frozenset(action["tiers"]) for action in company.actions()]
    apart = [n for n in range(len(tiers) - 1) if not tiers[n] & tiers[n + 1]]
    at = rng.choice(apart)
    blocks[at], blocks[at + 1] = blocks[at + 1], blocks[at]
    path.write_text("[[action]]".join([head, *(block.rstrip() + "\n\n" for block in blocks)]))
    return NoEffect(stamped=True)
