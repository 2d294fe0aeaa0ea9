"""The calls of a batch whose prices come from rules: few distinct prices, worked out one by one."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from spanledger.processors.pricing.catalogue import Integers
from spanledger.processors.pricing.price_book import PriceBook
from spanledger.processors.pricing.quotes import Quote
from spanledger.processors.pricing.units import UNITS

Mask: TypeAlias = npt.NDArray[np.bool_]


class OwnPrices:
    """Which calls have a price of a rule's (`mask`), and what it is.

    `own` says which; `which[i]` is the quote of call i, `cells` are the catalogue's, of which a rule may replace some
    rates, and `prompts` the sizes of the prompts.
    """

    def __init__(
        self, book: PriceBook, quotes: Sequence[Quote], own: Mask, which: Integers, cells: Integers, prompts: Integers
    ) -> None:
        self.mask = own
        self.rows = np.flatnonzero(own)
        self.price_ids: list[str] = []
        self.price_of_row = np.zeros(0, dtype=np.int64)
        if not len(self.rows):
            return
        numbers = np.array([book.own_number(one) for one in quotes])
        tiers = book.own_tiers(numbers[which[self.rows]], prompts[self.rows])
        pairs, of_row = np.unique(np.column_stack([tiers, cells[self.rows]]), axis=0, return_inverse=True)
        self.price_of_row = of_row.reshape(-1)
        made = [book.own_rates(tier, book.catalogue.rates[:, cell].tolist()) for tier, cell in pairs.tolist()]
        self.price_ids = [price_id for price_id, _ in made]
        self._rates = np.array([rates for _, rates in made], dtype=np.int64)

    def put_into(self, rates: Mapping[str, Integers]) -> dict[str, Integers]:
        """The rates of every call, those of rules put before those of the lists."""
        found = dict(rates)
        if len(self.rows):
            for number, unit in enumerate(UNITS):
                found[unit] = found[unit].copy()
                found[unit][self.rows] = self._rates[self.price_of_row, number]
        return found
