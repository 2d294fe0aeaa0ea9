"""Which alias hashes can already be in the ledger? Filters in memory, one chain per day of `started_at`.

A new call must not cost a scan of the ledger. A filter answers "certainly new" for nearly every hash; only hits are
looked up. Each key sets eight bits in each of two 64-bit words, 64 bits a key: a few false hits in a hundred million.
That is worth its memory: what a false hit seems to mean is not found near in time, so hours around are searched for
it. With 16 bits a key in one word two in a thousand were false, with 32 in two words one in ten thousand.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from spanledger.storage.schema import Hashes, Mask, Rows, Times
from spanledger.storage.windows import DAY_US

LoadDay = Callable[[int], Iterable[Hashes] | None]
"""All alias hashes that the ledger holds for calls started on a day (days since 1970, UTC), in pieces.

None: it holds none at all, for any day.
"""

BITS_PER_KEY: Final = 64
KEYS_MIN: Final = 1 << 15
KEYS_MAX: Final = 1 << 24
"""No filter is made for more: 128 MB, and a chain of four holds a day of 30 million calls."""
GROWTH: Final = 4
"""Each filter of a chain is this much larger than the one before: five hold ten million keys, two aliases a call."""
DAYS_MAX: Final = 2_000
"""Days held at once; the least recently used goes. Replays of five years fit, a sender of random dates does no harm."""

PIECE: Final = 1 << 14
"""Keys that are added at a time: what is worked out for them stays in the processor's cache."""

_SHIFTS: Final = tuple(np.uint64(shift) for shift in range(0, 48, 6))
_LOW_6: Final = np.uint64(63)
_HALF: Final = np.uint64(32)
_ONE: Final = np.uint64(1)
_STIRS: Final = (0xD6E8FEB86659FD93, 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)


class Marks(NamedTuple):
    """What a filter keeps of hashes: by what it chooses two words for each, and the bits that it sets in them."""

    first: Hashes
    first_bits: Hashes
    second: Hashes
    second_bits: Hashes

    @classmethod
    def of(cls, hashes: Hashes) -> "Marks":
        """All from the same hash, stirred once more for each."""
        first, second, third = (_stirred(hashes, stir) for stir in _STIRS)
        return cls(hashes, _bits(first), second, _bits(third))

    def take(self, rows: Rows | slice) -> "Marks":
        """Those of some of the hashes."""
        return Marks(*(part[rows] for part in self))


class Filter:
    """A set of 64-bit hashes without removal, made for `keys_max` of them."""

    def __init__(self, keys_max: int) -> None:
        self._size = np.uint64(keys_max * BITS_PER_KEY // 64)
        self._words = np.zeros(int(self._size), np.uint64)
        self.keys_max, self.keys = keys_max, 0

    def add(self, marks: Marks) -> None:
        """Add hashes; one may be there already."""
        _set(self._words, self._word(marks.first), marks.first_bits)
        _set(self._words, self._word(marks.second), marks.second_bits)
        self.keys += len(marks.first)

    def may_contain(self, marks: Marks) -> Mask:
        """Which hashes may be there; a few in a hundred million are not."""
        first, second = self._words[self._word(marks.first)], self._words[self._word(marks.second)]
        return np.asarray(
            (first & marks.first_bits == marks.first_bits) & (second & marks.second_bits == marks.second_bits)
        )

    def _word(self, hashes: Hashes) -> Rows:
        """The upper half of the hash, scaled to the number of words."""
        return (((hashes >> _HALF) * self._size) >> _HALF).view(np.int64)


def _stirred(hashes: Hashes, stir: int) -> Hashes:
    stirred = hashes * np.uint64(stir)
    return stirred ^ (stirred >> _HALF)


def _set(words: Hashes, at: Rows, bits: Hashes) -> None:
    """Set bits in words. Of several that fall into one word one is set; the others, which are few, take another turn.

    Twice as fast as `np.bitwise_or.at`.
    """
    while len(at):
        words[at] |= bits
        left = np.flatnonzero(words[at] & bits != bits)
        at, bits = at[left], bits[left]


def _bits(hashes: Hashes) -> Hashes:
    bits = np.zeros(len(hashes), np.uint64)
    for shift in _SHIFTS:
        bits |= _ONE << ((hashes >> shift) & _LOW_6)
    return bits


class AliasFilters:
    """The filters of a ledger, filled from it when a day is first touched.

    Once the ledger says that it is empty, all that comes is remembered, and it is not asked about further days: what is
    replayed into a new ledger touches many.
    """

    def __init__(self, load_day: LoadDay) -> None:
        self._load_day = load_day
        self._days: OrderedDict[int, list[Filter]] = OrderedDict()
        self._all = False  # days that are not here hold nothing

    def may_contain(self, hashes: Hashes, days: Times) -> Mask:
        """Which hashes may be in the ledger under their day."""
        hit = np.zeros(len(hashes), bool)
        marks: Marks | None = None
        for day, rows in _by_day(days):
            chain = self._chain(day)
            if not chain:
                continue
            marks = marks or Marks.of(hashes)
            mine = marks.take(rows)
            for one in chain:
                hit[rows] |= one.may_contain(mine)
        return hit

    def may_contain_near(self, hashes: Hashes, times_us: Times, reach_us: int) -> Mask:
        """Which hashes may be there under a day within `reach_us` (less than a day) of their time."""
        first, last = (times_us - reach_us) // DAY_US, (times_us + reach_us) // DAY_US
        hit = self.may_contain(hashes, first)
        split = np.flatnonzero(first != last)
        if len(split):
            hit[split] |= self.may_contain(hashes[split], last[split])
        return hit

    def add(self, hashes: Hashes, days: Times) -> None:
        """Remember hashes that were committed under their days."""
        marks: Marks | None = None
        for day, rows in _by_day(days):
            # A day that was never asked about is loaded whole when it is.
            if self._all or day in self._days:
                marks = marks or Marks.of(hashes)
                _grow(self._chain(day), marks.take(rows))

    def any_on(self, days: Times) -> bool:
        """Whether anything is there under any of these days."""
        return any(self._chain(int(day)) for day in np.unique(days))

    def clear(self) -> None:
        """Forget everything: after a failed commit only the ledger knows what it holds."""
        self._days.clear()
        self._all = False

    def _chain(self, day: int) -> list[Filter]:
        chain = self._days.get(day)
        if chain is None:
            chain = []
            stored = () if self._all else self._load_day(day)
            self._all = self._all or stored is None
            for hashes in stored or ():
                for start in range(0, len(hashes), PIECE):
                    _grow(chain, Marks.of(hashes[start : start + PIECE]), len(hashes) - start)
            self._days[day] = chain
            if len(self._days) > DAYS_MAX:
                self._days.popitem(last=False)
                self._all = False
        self._days.move_to_end(day)
        return chain


def _by_day(days: Times) -> Iterator[tuple[int, Rows | slice]]:
    """Each day with the places at which it stands."""
    if len(days) and (days == days[0]).all():
        yield int(days[0]), slice(None)
        return
    order = np.argsort(days, kind="stable")
    in_order = days[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=in_order[:1] - 1))
    for start, end in pairwise([*starts.tolist(), len(order)]):
        yield int(in_order[start]), order[start:end]


def _grow(chain: list[Filter], marks: Marks, coming: int = 0) -> None:
    """Add to the last filter while it has room; the next one is larger, so that a chain stays short.

    `coming`: how many will be added in all, if these are the first of them.
    """
    if not chain or chain[-1].keys + len(marks.first) > chain[-1].keys_max:
        least = min(GROWTH * chain[-1].keys_max, KEYS_MAX) if chain else KEYS_MIN
        chain.append(Filter(max(least, len(marks.first), min(coming, KEYS_MAX))))
    chain[-1].add(marks)
