"""The rules of a small regression tree in words: the conditions of its leaves below zero."""

from collections.abc import Iterator, Mapping, Sequence

from sklearn.tree import DecisionTreeRegressor

from keepwell.models.training.inputs import BELOW_ALL


def rules_of(tree: DecisionTreeRegressor, names: Mapping[str, bool], categories: Sequence[str]) -> tuple[str, ...]:
    """The conditions of each subtree whose leaves are all below zero, the lowest first.

    `names`: the tree's inputs in their order, and whether each may be missing; `categories`: the one-hot ones.
    """
    parts = sorted((value, tuple(said.values())) for value, said in _parts(tree, names, categories, 0, {}) if value < 0)
    return tuple(" and ".join(conditions) if conditions else "everyone" for _, conditions in parts)


def _parts(
    tree: DecisionTreeRegressor,
    names: Mapping[str, bool],
    categories: Sequence[str],
    node: int,
    so_far: Mapping[str, str],
) -> Iterator[tuple[float, Mapping[str, str]]]:
    """Value and conditions of the largest subtrees below a node whose leaves all have one sign.

    Of two splits of one input on the same side the later is narrower and replaces the earlier.
    """
    inner = tree.tree_
    if len({value < 0 for value in _leaf_values(tree, node)}) == 1:
        yield float(inner.value[node][0][0]), so_far
        return
    name, threshold = list(names)[inner.feature[node]], float(inner.threshold[node])
    below, above = _conditions(name, threshold, categories, may_miss=names[name])
    left, right = int(inner.children_left[node]), int(inner.children_right[node])
    yield from _parts(tree, names, categories, left, {**so_far, f"{name} below": below})
    yield from _parts(tree, names, categories, right, {**so_far, f"{name} above": above})


def _leaf_values(tree: DecisionTreeRegressor, node: int) -> Iterator[float]:
    """The values of the leaves below a node."""
    inner = tree.tree_
    left, right = int(inner.children_left[node]), int(inner.children_right[node])
    if left == right:
        yield float(inner.value[node][0][0])
        return
    yield from _leaf_values(tree, left)
    yield from _leaf_values(tree, right)


def _conditions(name: str, threshold: float, categories: Sequence[str], *, may_miss: bool) -> tuple[str, str]:
    """The conditions below a threshold and above it."""
    for word in categories:
        if name.startswith(f"{word}_"):
            value = name.removeprefix(f"{word}_")
            return f"{word} is not {value}", f"{word} is {value}"
    if threshold < BELOW_ALL / 4.0:
        return f"{name} is missing", f"{name} is known"
    said = f"{threshold:,.0f}" if abs(threshold) >= 1000 else f"{threshold:.3g}"
    return f"{name} {'missing or ' if may_miss else ''}at most {said}", f"{name} above {said}"
