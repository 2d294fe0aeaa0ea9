"""The arithmetic of a bill: counts times rates, part by part, in integers of pico-dollars; and multipliers upon it."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spanledger.processors.pricing.money import PICO_MAX
from spanledger.processors.pricing.units import UNPRICED
from spanledger.processors.pricing.usage import Usage

Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

PARTS: Final = ("cost_input_usd", "cost_cache_read_usd", "cost_cache_write_usd", "cost_output_usd", "cost_fees_usd")
FEES: Final = "cost_fees_usd"
TOTAL: Final = "cost_usd"

_CERTAINLY_TOO_MUCH: Final = 2.0 * PICO_MAX
"""Costs are estimated in floating point first: below this, integers cannot wrap and are compared exactly."""


class Item(NamedTuple):
    """How many of a unit are charged at its own rate, and in which part of the bill they stand."""

    part: str
    unit: str
    number: Integers


class Charges(NamedTuple):
    """Pico-dollars by cost column, and the calls for which they are wrong: `ambiguous`, `impossible` or `unpriced`."""

    amounts: dict[str, Integers]
    ambiguous: Mask
    impossible: Mask
    unpriced: Mask


class Factors(NamedTuple):
    """What tokens and what fees are multiplied by: two numerators over one denominator, one of each per call."""

    tokens: Integers
    fees: Integers
    denominator: Integers


def items(usage: Usage, rates: Mapping[str, Integers]) -> list[Item]:
    """Split usage so that each token is charged once, at the price of the narrowest part it belongs to."""
    audio = np.where(rates["input_audio"] != rates["input"], usage.input_audio - usage.cache_read_audio, 0)
    image = np.where(rates["input_image"] != rates["input"], usage.input_image, 0)
    text = usage.input - usage.cache_read - usage.cache_write - audio - image
    reasoning = _apart(usage.reasoning, rates, "reasoning")
    spoken = _apart(usage.output_audio, rates, "output_audio")
    drawn = _apart(usage.output_image, rates, "output_image")
    read, write = usage.cache_read - usage.cache_read_audio, usage.cache_write
    # Listening is charged by the second only where a second has a price: most models charge the tokens heard.
    heard = np.where(rates["audio_second"] == UNPRICED, 0, usage.audio_seconds)
    return [
        Item("cost_input_usd", "input", text),
        Item("cost_input_usd", "input_audio", audio),
        Item("cost_input_usd", "input_image", image),
        Item("cost_input_usd", "audio_second", heard),
        Item("cost_cache_read_usd", "cache_read", read),
        Item("cost_cache_read_usd", "cache_read_audio", usage.cache_read_audio),
        Item("cost_cache_write_usd", "cache_write", write - usage.cache_write_5m - usage.cache_write_1h),
        Item("cost_cache_write_usd", "cache_write_5m", usage.cache_write_5m),
        Item("cost_cache_write_usd", "cache_write_1h", usage.cache_write_1h),
        Item("cost_output_usd", "output", usage.output - reasoning - spoken - drawn),
        Item("cost_output_usd", "reasoning", reasoning),
        Item("cost_output_usd", "output_audio", spoken),
        Item("cost_output_usd", "output_image", drawn),
        Item("cost_fees_usd", "web_search", usage.web_searches),
        Item("cost_fees_usd", "request", np.where(rates["request"] == UNPRICED, 0, 1)),  # most models charge none
    ]


def charge(usage: Usage, rates: Mapping[str, Integers]) -> Charges:
    """Multiply counts by rates and add up; the parts add up to the total."""
    nothing = np.zeros_like(usage.input)
    amounts = dict.fromkeys((TOTAL, *PARTS), nothing)
    estimate = np.zeros(len(nothing))
    by_second = (usage.audio_seconds > 0) & (rates["audio_second"] != UNPRICED)
    unpriced = (rates["input"] == UNPRICED) & (rates["output"] == UNPRICED) & ~by_second
    impossible = np.zeros(len(nothing), dtype=np.bool_)
    text = nothing
    for part, unit, count in items(usage, rates):
        if unit == "input":
            text = count
        if unit in {"input", "output"}:  # what is left of a whole once its parts are taken out
            impossible |= count < 0
        elif not count.any():
            continue
        rate = rates[unit]
        amounts[part] = amounts[part] + count * rate
        estimate += count.astype(np.float64) * rate
        unpriced |= (count != 0) & (rate == UNPRICED)
    for part in PARTS:
        if amounts[part] is not nothing:
            amounts[TOTAL] = amounts[TOTAL] + amounts[part]
    apart = (rates["input_audio"] != rates["input"]) | (rates["input_image"] != rates["input"])
    cached_apart = rates["cache_read"] != rates["input"]
    return Charges(
        amounts,
        ambiguous=usage.overlap_unsaid & apart & (cached_apart | (text < 0)),
        impossible=impossible | (estimate > _CERTAINLY_TOO_MUCH) | (amounts[TOTAL] > PICO_MAX),
        unpriced=unpriced,
    )


def multiply(amounts: Mapping[str, Integers], factors: Factors) -> tuple[dict[str, Integers], Mask]:
    """Multiply what tokens and what fees cost, exactly, and round the total half-even to the pico-dollar.

    The parts are rounded so that they add up to the total: each is what the sum grows by. Returns the amounts and where
    they are too large. All arrays have one length; amounts that are too large before are not said to be so again.
    """
    tokens, fees, denominator = factors
    whole, rest = np.zeros_like(denominator), np.zeros_like(denominator)
    before = np.zeros_like(denominator)
    estimate = np.zeros(len(denominator))
    multiplied: dict[str, Integers] = {}
    for part in PARTS:
        numerator = fees if part == FEES else tokens
        quotient, remainder = amounts[part] // denominator, amounts[part] % denominator
        estimate += amounts[part].astype(np.float64) * numerator / denominator
        open_sum = rest + remainder * numerator
        carry, rest = open_sum // denominator, open_sum % denominator
        whole = whole + quotient * numerator + carry
        up = (2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1))
        rounded = whole + up
        multiplied[part] = rounded - before
        before = rounded
    multiplied[TOTAL] = before
    return multiplied, (estimate > _CERTAINLY_TOO_MUCH) | (before > PICO_MAX)


def _apart(count: Integers, rates: Mapping[str, Integers], unit: str) -> Integers:
    """A part of the output, where it has a price of its own; elsewhere it stays in the rest."""
    return np.where(rates[unit] == rates["output"], 0, count)
