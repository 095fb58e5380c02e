"""Health points as pages and messages show them."""


def to_one_decimal(health: float) -> float:
    """The health that a page shows, to one decimal: bands and rules go by it, so that none contradicts the page."""
    return float(f"{health:.1f}")
