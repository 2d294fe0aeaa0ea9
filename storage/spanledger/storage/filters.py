"""Which alias hashes can already be in the ledger? Filters in memory, one chain per day of `started_at`.

A new call must not cost a scan of the ledger. A filter answers "certainly new" for nearly every hash; only hits are
looked up. Each key sets six bits in each of two 64-bit words, 48 bits a key: a few false hits in a million. With 16
bits in one word they were two in a thousand, with 32 in two words one in ten thousand, and every batch of 8,000 calls
paid 10 ms for a look-up of nothing.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from spanledger.storage.schema import Hashes

LoadDay = Callable[[int], Hashes]
"""All alias hashes that the ledger holds for calls started on a day (days since 1970, UTC)."""

BITS_PER_KEY: Final = 48
KEYS_MIN: Final = 1 << 15
GROWTH: Final = 4
"""Each filter of a chain is this much larger than the one before: five hold ten million keys, two aliases a call."""
DAYS_MAX: Final = 2_000
"""Days held at once; the least recently used goes. Replays of five years fit, a sender of random dates does no harm."""

_SHIFTS: Final = (0, 6, 12, 18, 24, 30)
_LOW_6: Final = np.uint64(63)
_HALF: Final = np.uint64(32)


class Filter:
    """A set of 64-bit hashes without removal, made for `keys_max` of them."""

    def __init__(self, keys_max: int) -> None:
        self._size = np.uint64(keys_max * BITS_PER_KEY // 64)
        self._words = np.zeros(int(self._size), np.uint64)
        self.keys_max, self.keys = keys_max, 0

    def _places(self, hashes: Hashes) -> tuple[Hashes, Hashes, Hashes, Hashes]:
        # The second word's place and bits come from the same hash, stirred once more.
        stirred = hashes * np.uint64(0xD6E8FEB86659FD93)
        stirred ^= stirred >> _HALF
        return (self._word(hashes), _bits(hashes), self._word(stirred), _bits(stirred))

    def _word(self, hashes: Hashes) -> Hashes:
        """The upper half of the hash, scaled to the number of words."""
        return ((hashes >> _HALF) * self._size) >> _HALF

    def add(self, hashes: Hashes) -> None:
        """Add hashes; one may be there already."""
        first, first_bits, second, second_bits = self._places(hashes)
        np.bitwise_or.at(self._words, first, first_bits)
        np.bitwise_or.at(self._words, second, second_bits)
        self.keys += len(hashes)

    def may_contain(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which hashes may be there; a few in a million are not."""
        first, first_bits, second, second_bits = self._places(hashes)
        return np.asarray(
            ((self._words[first] & first_bits) == first_bits) & ((self._words[second] & second_bits) == second_bits)
        )


def _bits(hashes: Hashes) -> Hashes:
    bits = np.zeros(len(hashes), np.uint64)
    for shift in _SHIFTS:
        bits |= np.uint64(1) << ((hashes >> np.uint64(shift)) & _LOW_6)
    return bits


class AliasFilters:
    """The filters of a ledger, filled from it when a day is first touched."""

    def __init__(self, load_day: LoadDay) -> None:
        self._load_day = load_day
        self._days: OrderedDict[int, list[Filter]] = OrderedDict()

    def may_contain(
        self, hashes: Hashes, days: npt.NDArray[np.int64], *, around: bool = False
    ) -> npt.NDArray[np.bool_]:
        """Which hashes may be in the ledger under their day, or, `around`, under the day before or after as well."""
        hit = np.zeros(len(hashes), bool)
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            for near in (day - 1, day, day + 1) if around else (day,):
                for one in self._chain(int(near)):
                    hit[rows] |= one.may_contain(hashes[rows])
        return hit

    def add(self, hashes: Hashes, days: npt.NDArray[np.int64]) -> None:
        """Remember hashes that were committed under their days."""
        for day in np.unique(days):
            if int(day) in self._days:  # a day that was never asked about is loaded whole when it is
                _grow(self._chain(int(day)), hashes[days == day])

    def any_on(self, days: npt.NDArray[np.int64]) -> bool:
        """Whether anything is there under any of these days."""
        return any(self._chain(int(day)) for day in np.unique(days))

    def clear(self) -> None:
        """Forget everything: after a failed commit only the ledger knows what it holds."""
        self._days.clear()

    def _chain(self, day: int) -> list[Filter]:
        chain = self._days.get(day)
        if chain is None:
            chain = []
            _grow(chain, self._load_day(day))
            self._days[day] = chain
            if len(self._days) > DAYS_MAX:
                self._days.popitem(last=False)
        self._days.move_to_end(day)
        return chain


def _grow(chain: list[Filter], hashes: Hashes) -> None:
    """Add to the last filter while it has room; the next one is larger, so that a chain stays short."""
    if not len(hashes):
        return
    if not chain or chain[-1].keys + len(hashes) > chain[-1].keys_max:
        least = GROWTH * chain[-1].keys_max if chain else KEYS_MIN
        chain.append(Filter(max(least, len(hashes))))
    chain[-1].add(hashes)
