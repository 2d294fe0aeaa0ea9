"""Recent: the records that were planned last, in memory, so that a twin that follows soon is found without the ledger.

Most records of a call come within seconds of each other: its framework's span and its SDK's, a span and its event. The
ledger would have to be asked for each batch that holds such a twin, and only after all that was planned before is
committed. Nothing is kept until the first time that it would have helped, and nothing any more once it long has not.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import pyarrow as pa

from spanledger.storage.aliases import NONE, Aliases, as_complete
from spanledger.storage.likeness import Keys, keys_of
from spanledger.storage.schema import CALLS, Batch, Completeness, Hashes, Mask, Rows

BYTES_MAX: Final = 64 << 20
"""What the kept rows may take: some 80,000 calls."""

BATCHES_MAX: Final = 512
"""A table of 86 columns takes some 30 kB however few rows it has."""

UNUSED_BATCHES_MAX: Final = 1024
"""After as many batches in which nothing met anything kept, nothing is kept any more."""

MERGED_KEYS_MAX: Final = 1 << 16
"""Parts of an index up to this size are made one: many small ones are slow to search, big ones slow to sort anew."""

_NO_HASHES: Final = np.zeros(0, np.uint64)
_NO_ROWS: Final = np.zeros(0, np.int64)
_HIGHEST: Final = np.uint64(2**64 - 1)


class _Part(NamedTuple):
    """Keys in order, the row of each, and the greatest of these."""

    keys: Hashes
    rows: Rows
    last: int


class _Index:
    """Which rows stand under a key, by their numbers: sorted parts, the later ones smaller."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, keys: Hashes, rows: Rows) -> None:
        """Put rows under keys; a row may stand under several, and under a key several rows."""
        if not len(keys):
            return
        order = np.argsort(keys)
        part = _Part(keys[order], rows[order], int(rows.max()))
        while self._parts:
            above = self._parts[-1]
            if len(above.keys) > 2 * len(part.keys) or len(above.keys) + len(part.keys) > MERGED_KEYS_MAX:
                break
            part = _merged(self._parts.pop(), part)
        self._parts.append(part)

    def find(self, asked: Hashes) -> tuple[Rows, Rows]:
        """The rows that stand under any of the keys, none twice under one: the places of the keys, and the rows.

        Of a key that is asked for several times the first place.
        """
        in_order, order = np.unique(asked, return_index=True)
        places, found = [_NO_ROWS], [_NO_ROWS]
        for keys, rows, _ in self._parts:
            first = np.searchsorted(keys, in_order)
            some = np.flatnonzero(keys[np.minimum(first, len(keys) - 1)] == in_order)
            first = first[some]
            counts = np.searchsorted(keys, in_order[some], side="right") - first
            ends = np.cumsum(counts)
            at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)
            places.append(order[np.repeat(some, counts)])
            found.append(rows[at])
        return np.concatenate(places), np.concatenate(found)

    def has(self, asked: Hashes) -> Mask:
        """Under which keys anything stands."""
        in_order, of = np.unique(asked, return_inverse=True)  # what is in order is searched for several times as fast
        has = np.zeros(len(in_order), bool)
        for keys, *_ in self._parts:
            has |= keys[np.minimum(np.searchsorted(keys, in_order), len(keys) - 1)] == in_order
        return np.asarray(has[of])

    def drop_before(self, row: int) -> None:
        """Let go of parts that hold only rows before this one."""
        self._parts = [part for part in self._parts if part.last >= row]


def _merged(one: _Part, other: _Part) -> _Part:
    """Two sorted parts as one: a sort that makes use of what is in order takes a third of the time."""
    keys = np.concatenate([one.keys, other.keys])
    order = np.argsort(keys, kind="stable")
    return _Part(keys[order], np.concatenate([one.rows, other.rows])[order], max(one.last, other.last))


@dataclass(frozen=True)
class _Kept:
    """Records of one batch, numbered from `first` on; `alive` are those whose calls are still as they were planned."""

    first: int
    records: Batch
    aliases: Aliases
    calls: Hashes
    alive: Mask
    stood: Keys


class Recent:
    """Records as the ledger holds them, or will once what is planned is committed; all of a call's, or none.

    `let_go` is given records that are not kept any longer, and the likenesses of those whose calls are still the same.
    """

    def __init__(self, let_go: Callable[[Aliases, Keys], None]) -> None:
        self._let_go = let_go
        self._era = 0
        self.clear()

    def in_era(self, era: int) -> Self:
        """Itself, without what was planned in an earlier era (see `pending`): nobody may rest on that any more."""
        if era != self._era:
            self._era = era
            self.drop()
        return self

    def clear(self) -> None:
        """Forget everything without a word, and keep nothing until it is wanted again."""
        self._batches: deque[_Kept] = deque()
        self._names, self._likenesses, self._nameless, self._calls = (_Index() for _ in range(4))
        self._next = self._bytes = self._unused = 0
        self.wanted = False

    def drop(self) -> None:
        """Let go of everything, and keep nothing until it is wanted again."""
        while self._batches:
            self._evict()
        self.clear()

    @property
    def any_nameless(self) -> bool:
        """Whether any record without a name is kept."""
        return bool(self._nameless)

    def want(self) -> None:
        """It helped, or would have: keep what is planned from now on."""
        self.wanted = True
        self._unused = 0

    def add(self, planned: Iterable[Batch], replaced: Hashes = _NO_HASHES) -> None:
        """Keep records that were planned, all of each call; `replaced` are calls that are no more."""
        if not self.wanted:
            return
        for kept, rows in self._alive(self._calls.find(replaced)[1]):
            kept.alive[rows] = False
        for records in planned:
            if records.num_rows:
                self._keep(records)
        while self._bytes > BYTES_MAX or len(self._batches) > BATCHES_MAX:
            self._evict()
        self._unused += 1
        if self._unused > UNUSED_BATCHES_MAX:
            self.drop()

    def named(self, hashes: Hashes) -> Rows:
        """The numbers of the records that bear any of these names."""
        return self._names.find(hashes)[1]

    def has_print(self, prints: Hashes, anonymous: Mask) -> Mask:
        """Which fingerprints any record has; `anonymous` as for `alike`."""
        has = self._nameless.has(prints)
        has[anonymous] |= self._likenesses.has(prints[anonymous])
        return has

    def alike(self, keys: Hashes, anonymous: Mask, dialects: Hashes) -> tuple[Rows, Rows]:
        """Records that stand under likenesses (see `keys_asked`): the places of the likenesses, and their numbers.

        `anonymous`: whether who asks has no name; for one that has, only those without are meant. `dialects`: in what
        each who asks speaks; records of one dialect are never one call, however many are alike.
        """
        without = np.flatnonzero(anonymous)
        places, rows = self._alike(self._nameless, keys, dialects)
        more, others = self._alike(self._likenesses, keys[without], dialects[without])
        return np.concatenate([places, without[more]]), np.concatenate([rows, others])

    def _alike(self, index: _Index, keys: Hashes, dialects: Hashes) -> tuple[Rows, Rows]:
        firsts, rows = index.find(keys)
        spoken = self._spoken(rows)
        firsts, rows, spoken = (column[spoken != NONE] for column in (firsts, rows, spoken))
        if not len(rows):
            return firsts, rows
        distinct, of_key = np.unique(keys, return_inverse=True)
        held = of_key[firsts]
        lowest, highest = np.full(len(distinct), _HIGHEST), np.zeros(len(distinct), np.uint64)
        np.minimum.at(lowest, held, spoken)
        np.maximum.at(highest, held, spoken)
        asked = (lowest[of_key] <= highest[of_key]) & ((lowest[of_key] != dialects) | (highest[of_key] != dialects))
        wanted = np.zeros(len(distinct), bool)
        wanted[of_key[asked]] = True
        return np.flatnonzero(asked), rows[wanted[held]]

    def _spoken(self, rows: Rows) -> Hashes:
        """The dialects of records, NONE for those that are not kept any more."""
        spoken = np.zeros(len(rows), np.uint64)
        for kept in self._batches:
            mine = np.flatnonzero((rows >= kept.first) & (rows < kept.first + len(kept.alive)))
            spoken[mine] = kept.aliases.dialects.hashes[rows[mine] - kept.first]
        return spoken

    def calls_of(self, rows: Rows) -> Batch:
        """All records of the calls of some records, which are given by their numbers."""
        bearing = self._alive(rows)
        if not bearing:
            return CALLS.empty_table()
        calls = np.unique(np.concatenate([kept.calls[places] for kept, places in bearing]))
        found = [kept.records.take(pa.array(places)) for kept, places in self._alive(self._calls.find(calls)[1])]
        return pa.concat_tables(found).unify_dictionaries().combine_chunks()

    def repeats(self, record: Hashes, complete: Completeness) -> Mask:
        """Which records are kept in a version at least as complete."""
        bearing = self._alive(self.named(record))
        if not bearing:
            return np.zeros(len(record), bool)
        known = np.concatenate([kept.aliases.record[places] for kept, places in bearing])
        theirs = np.concatenate([kept.aliases.completeness[places] for kept, places in bearing])
        return as_complete(record, complete, known, theirs)

    def _keep(self, records: Batch) -> None:
        aliases = Aliases.of(records)
        calls = np.asarray(records.column("call_id").to_numpy())
        rows = np.arange(self._next, self._next + len(aliases))
        kinds = aliases.kinds
        said = kinds != NONE
        self._names.add(kinds[said], np.broadcast_to(rows, kinds.shape)[said])
        self._calls.add(calls, rows)
        stood = keys_of(aliases).with_prints(aliases)
        nameless = aliases.anonymous[stood.of]
        self._likenesses.add(stood.keys, rows[stood.of])
        self._nameless.add(stood.keys[nameless], rows[stood.of[nameless]])
        self._batches.append(_Kept(self._next, records, aliases, calls, np.ones(len(rows), bool), stood))
        self._next += len(rows)
        self._bytes += records.nbytes

    def _evict(self) -> None:
        oldest = self._batches.popleft()
        self._bytes -= oldest.records.nbytes
        self._let_go(oldest.aliases, oldest.stood.only(oldest.alive[oldest.stood.of]))
        first = self._batches[0].first if self._batches else self._next
        for index in (self._names, self._likenesses, self._nameless, self._calls):
            index.drop_before(first)

    def _alive(self, rows: Rows) -> list[tuple[_Kept, Rows]]:
        """Rows by the batch that holds them, as places in it, each once; without those that are no more."""
        rows = np.unique(rows)
        found = []
        for kept in self._batches:
            first, last = np.searchsorted(rows, [kept.first, kept.first + len(kept.alive)])
            places = rows[first:last] - kept.first
            places = places[kept.alive[places]]
            if len(places):
                found.append((kept, places))
        return found
