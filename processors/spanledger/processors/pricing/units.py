"""What is priced: the units of usage, which of them is a part of which, and how their prices become integers."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Final

UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok", "input_mtok"),
    "cache_read_audio": ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
    "input_image": ("input_image_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "output_audio": ("output_audio_mtok", "output_mtok"),
    "output_image": ("output_image_mtok", "output_mtok"),
    "web_search": ("web_searches_kcount",),
    "request": ("requests_kcount",),
    "audio_second": ("input_audio_hours", "audio_hours"),
}
"""Unit → the prices it may have, its own first: a part without a price of its own costs what the whole costs.
The names are those of `genai_prices`: dollars per million tokens, per thousand pieces, per hour."""

_OWN: Final = {prices[0]: unit for unit, prices in UNITS.items()} | {"audio_hours": "audio_second"}
WHOLES: Final[Mapping[str, tuple[str, ...]]] = {
    unit: tuple(_OWN[price] for price in prices[1:] if _OWN[price] != unit) for unit, prices in UNITS.items()
}
"""Unit → what it is a part of, the nearest first."""

TOKENS: Final = tuple(unit for unit, prices in UNITS.items() if prices[0].endswith("_mtok"))
"""The units that are tokens; the others are fees."""

UNPRICED: Final = -1
"""The rate of a unit without a price: neither one of its own nor one of a whole that it is part of."""

PER: Final[Mapping[str, str]] = {
    unit: "million" if unit in TOKENS else "hour" if unit == "audio_second" else "thousand" for unit in UNITS
}
"""Unit → for how many the vendors state its price."""

_PICO_PER_DOLLAR: Final = {"mtok": Fraction(10**6), "kcount": Fraction(10**9), "hours": Fraction(10**12, 3600)}
"""Ending of a price's name → pico-dollars for one piece at one dollar per million tokens, thousand pieces, hour."""
_PIECES: Final = {"million": 10**6, "thousand": 10**3, "hour": 3600}
_MONEY_DIGITS: Final = 40
"""Digits in which dollars are worked out: more than any price or sum has."""


def pico(price_name: str, dollars: Decimal) -> int:
    """Turn a price as vendors state it into pico-dollars for one piece, rounded half-even.

    0 for prices per page, character or pixel, which no unit asks for. Exact for prices of up to six decimals per
    million tokens, which is all that vendors publish.
    """
    factor = _PICO_PER_DOLLAR.get(price_name.rpartition("_")[2])
    if factor is None:
        return 0
    with localcontext(prec=_MONEY_DIGITS):
        exact = dollars * factor.numerator / factor.denominator
        return int(exact.to_integral_value(ROUND_HALF_EVEN))


def own_price_name(unit: str) -> str:
    """Name the price that belongs to a unit itself."""
    return UNITS[unit][0]


def dollars_per(unit: str, rate: int) -> Decimal:
    """Say a rate as vendors state it: dollars for a million tokens, a thousand pieces, an hour."""
    with localcontext(prec=_MONEY_DIGITS):
        return (Decimal(rate) * _PIECES[PER[unit]] / 10**12).normalize() + 0
