"""Health points as pages and messages show them."""


def to_one_decimal(health: float) -> float:
    """The health that a page shows, to one decimal: bands and rules go by it, so that none contradicts the page."""
    return float(f"{health:.1f}")


def spoken_share(share: float) -> str:
    """A probability 0-1 as people read it: `8%`, and `under 1%` instead of none."""
    return "under 1%" if 0 < share < 0.005 else f"{share:.0%}"
