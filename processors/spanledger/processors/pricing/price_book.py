"""A price book: all that decides on prices, and the quotes that came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from spanledger.processors.pricing.catalogue import DAY_S, PROMPTS, Catalogue, Integers
from spanledger.processors.pricing.conditions import boundaries
from spanledger.processors.pricing.price_rows import FIRST_DAY
from spanledger.processors.pricing.quotes import NAMES, RULE_NAMES, Quote, quote
from spanledger.processors.pricing.rules import NO_RULES, Override, OwnModel, Rules
from spanledger.processors.pricing.units import UNITS, WHOLES

DAY_US: Final = DAY_S * 1_000_000
_QUOTES_REMEMBERED_MAX: Final = 100_000
"""Quotes that are kept: some 50 MB, whatever clients invent."""


@dataclass(frozen=True, eq=False)
class PriceBook:
    """A catalogue, and rules of one's own. The same batch costs the same by the same book.

    `columns`: what is asked of each call. `days`: the first days of the stretches within which the same rules hold.
    `own_prices`: the rules that have prices.
    """

    catalogue: Catalogue
    rules: Rules = NO_RULES
    columns: tuple[str, ...] = field(init=False)
    days: tuple[date, ...] = field(init=False)
    own_prices: tuple[OwnModel | Override, ...] = field(init=False, repr=False)
    _day_numbers: Integers = field(init=False, repr=False)
    _tier_keys: Integers = field(init=False, repr=False)
    _tiers: Sequence[tuple[str, Mapping[str, int]]] = field(init=False, repr=False)
    _quotes: dict[tuple[tuple[str | None, ...], int], Quote] = field(init=False, repr=False, default_factory=dict)
    _own_numbers: Mapping[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        asked = {name for name in RULE_NAMES for rule in self.rules if getattr(rule, name, None) is not None}
        spans = [(rule.valid_from, rule.valid_to) for rule in self.rules]
        days = (FIRST_DAY, *sorted({*boundaries(spans), *self.catalogue.boundaries} - {FIRST_DAY}))
        own_prices: tuple[OwnModel | Override, ...] = (*self.rules.models, *self.rules.overrides)
        keys: list[int] = []
        tiers: list[tuple[str, Mapping[str, int]]] = []
        for number, rule in enumerate(own_prices):
            for above, rates in rule.tiers:
                keys.append(number * PROMPTS + (0 if above is None else above + 1))
                tiers.append((f"{rule.kind}/{rule.id}{'' if above is None else f'>{above}'}", rates))
        made = {
            "columns": (*NAMES, *(name for name in RULE_NAMES if name in asked)),
            "days": days,
            "own_prices": own_prices,
            "_day_numbers": np.array([(day - FIRST_DAY).days for day in days], dtype=np.int64),
            "_tier_keys": np.array(keys, dtype=np.int64),
            "_tiers": tiers,
            "_own_numbers": {id(rule): number for number, rule in enumerate(own_prices)},
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def quote(self, names: tuple[str | None, ...], stretch: int) -> Quote:
        """What the names of a call (in the order of `columns`) lead to in a stretch of `days`; answers are kept."""
        key = (names, stretch)
        if key not in self._quotes:
            if len(self._quotes) >= _QUOTES_REMEMBERED_MAX:
                self._quotes.clear()
            call = dict(zip(self.columns, names, strict=True))
            self._quotes[key] = quote(self.catalogue, self.rules, call, self.days[stretch])
        return self._quotes[key]

    def stretches(self, started_us: Integers) -> Integers:
        """In which stretch of `days` each call lies; before the first day, in the first."""
        return np.maximum(np.searchsorted(self._day_numbers, started_us // DAY_US, side="right") - 1, 0)

    def own_number(self, one: Quote) -> int:
        """The position in `own_prices` of the rule that a quote's prices are from, -1 for none."""
        return -1 if one.own_price is None else self._own_numbers[id(one.own_price)]

    def own_tiers(self, numbers: Integers, prompt_tokens: Integers) -> Integers:
        """Which tier of a rule's prices applies; `numbers` are positions in `own_prices`."""
        size = np.clip(prompt_tokens, 0, PROMPTS - 1)
        return np.searchsorted(self._tier_keys, numbers * PROMPTS + size, side="right") - 1

    def own_rates(self, tier: int, listed: Sequence[int]) -> tuple[str, list[int]]:
        """The id and the rates of a tier of a rule, put before those of a price list (in the order of `UNITS`)."""
        price_id, own = self._tiers[tier]
        return price_id, replaced(own, listed)


def replaced(own: Mapping[str, int], listed: Sequence[int]) -> list[int]:
    """Rates of a price list with some replaced. A unit that costs there what its whole costs follows its whole."""
    before = dict(zip(UNITS, listed, strict=True))
    rates = []
    for unit in UNITS:
        whole = next((one for one in (unit, *WHOLES[unit]) if one in own), None)
        follows = whole is not None and (whole == unit or before[whole] == before[unit])
        rates.append(own[whole] if whole is not None and follows else before[unit])
    return rates
