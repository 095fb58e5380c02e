"""Amounts of money as sentences show them: "$17.9k", "$6.96M"; tables show them exactly."""

import math

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def short_money(amount: float, currency: str = "") -> str:
    """The amount to three significant digits with its currency: `$17.9k`, `CHF 6.96M`, `-€250`; `17.9k` without one."""
    symbol, code = SYMBOLS.get(currency, ""), "" if currency in SYMBOLS or not currency else f"{currency} "
    return f"{code}{'-' if round(amount) < 0 else ''}{symbol}{_three_digits(abs(amount))}"


def _three_digits(amount: float) -> str:
    if round(amount) < 1000:
        return f"{amount:.0f}"
    digits = math.floor(math.log10(amount)) - 2
    rounded = round(amount / 10**digits) * 10**digits
    size, letter = next((size, letter) for size, letter in STEPS if rounded >= size)
    return f"{rounded / size:.3g}".rstrip(".") + letter if rounded / size < 1000 else f"{rounded / size:,.0f}{letter}"
