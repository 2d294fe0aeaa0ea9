"""Remembered: what the ledger may hold, told from memory; nearly every record is certainly new and not looked up."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.filters import AliasFilters, Filter, LoadDay
from spanledger.storage.schema import Hashes, Mask, Rows, Times
from spanledger.storage.windows import DAY_US

HOURS_US: Final = 6 * 3600 * 1_000_000
"""How far apart records of one call start at most, unless a clock is wrong."""

STRETCH_US: Final = 4_000_000
"""Fingerprints are remembered with the stretches of time in which their record began and ended. In 64 s of full load
every third fingerprint comes twice by chance."""
SLACK_US: Final = 2_000_000
"""Records of one call begin or end at most this far apart: clocks of one machine, and when an emitter looks at them."""

RECENT_KEYS_MAX: Final = 2_000_000
"""Fingerprints of named records in one of the two generations that are remembered: 16 MB, some seconds of full load."""

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Concern:
    """Which records of a batch may have to do with one that is there.

    By a name, their own identity or their span (`names`); by a fingerprint (`prints`); or they are anonymous and began
    before fingerprints were remembered (`unsure`).
    """

    names: Mask
    prints: Mask
    unsure: Mask

    @property
    def any(self) -> Mask:
        """By any of these."""
        return np.asarray(self.names | self.prints | self.unsure)


class Remembered:
    """Filters over all that is stored or planned.

    `load_names` gives the records, contexts and names of a day; names stand under the day of the call and, when that
    is another one, under the day of their arrival: a record with a wrong clock arrives when its twin does.
    `load_nameless` gives the keys of the anonymous records of a day, as `stretches` makes them.

    The fingerprints of named records are not kept for good, they would double the memory. They are remembered from the
    moment when the first anonymous record arrives; an anonymous record that began before is looked up.
    """

    def __init__(self, load_names: LoadDay, load_nameless: LoadDay) -> None:
        self._names = AliasFilters(load_names)
        self._nameless = AliasFilters(load_nameless)
        self._recent: list[tuple[int, Filter]] = []

    def may_hold(self, record: Hashes, started: Times) -> Mask:
        """Which records may be there already."""
        return self._names.may_contain(record, started // DAY_US)

    def may_concern(self, aliases: Aliases) -> Concern:
        """Which records may have to do with one that is there."""
        days, arrived = aliases.days, aliases.ingested // DAY_US
        hit = self._names.may_contain(aliases.record, days)
        for names in (aliases.context, aliases.response, aliases.request):
            said = np.flatnonzero(names)
            if not len(said):
                continue
            hit[said] |= self._names.may_contain_near(names[said], aliases.started[said], HOURS_US)
            late = said[arrived[said] != days[said]]
            if len(late):
                hit[late] |= self._names.may_contain_near(names[late], aliases.ingested[late], HOURS_US)
        return Concern(hit, *self.by_fingerprint(aliases))

    def remember(self, aliases: Aliases) -> None:
        """Remember records that are about to be stored."""
        days, arrived = aliases.days, aliases.ingested // DAY_US
        self._names.add(aliases.record, days)
        for names in (aliases.context, aliases.response, aliases.request):
            said = np.flatnonzero(names)
            if len(said):
                self._names.add(names[said], days[said])
                late = said[arrived[said] != days[said]]
                self._names.add(names[late], arrived[late])
        told = aliases.fingerprint != NONE
        if aliases.anonymous.any():
            keys, days_of_keys, _ = _stretches(aliases, np.flatnonzero(told & aliases.anonymous))
            self._nameless.add(keys, days_of_keys)
            if not self._recent:
                self._recent = [_generation(aliases)]
        if self._recent:
            keys, _, _ = _stretches(aliases, np.flatnonzero(told & ~aliases.anonymous))
            if self._recent[-1][1].keys + len(keys) > RECENT_KEYS_MAX:
                self._recent = [self._recent[-1], _generation(aliases)]
            self._recent[-1][1].add(keys)

    def remember_records(self, record: Hashes, started: Times) -> None:
        """Remember spans that are no calls: they have no names."""
        self._names.add(record, started // DAY_US)

    def clear(self) -> None:
        """Forget everything: after a failed commit only the ledger knows what it holds."""
        self._names.clear()
        self._nameless.clear()
        self._recent = []

    def by_fingerprint(self, aliases: Aliases) -> tuple[Mask, Mask]:
        """Which records may have a twin by their fingerprint, and which cannot be told from memory."""
        prints, unsure = np.zeros(len(aliases), bool), np.zeros(len(aliases), bool)
        if not (aliases.anonymous.any() or self._nameless.any_on(aliases.days)):
            return prints, unsure
        keys, days, of = _stretches(aliases, np.flatnonzero(aliases.fingerprint != NONE))
        found = self._nameless.may_contain(keys, days)
        remembered_from = self._recent[0][0] if self._recent else np.iinfo(np.int64).max
        unsure = aliases.anonymous & (aliases.started < remembered_from)
        for _, recent in self._recent:
            found |= aliases.anonymous[of] & recent.may_contain(keys)
        prints[of[found]] = True
        return prints, unsure


def _generation(aliases: Aliases) -> tuple[int, Filter]:
    """A new generation, and from which start on it knows every twin: who starts now arrives later."""
    return int(aliases.ingested.max()) + SLACK_US, Filter(RECENT_KEYS_MAX)


def stretches(fingerprint: Hashes, started: Times, ended: Times) -> tuple[Hashes, Times, Rows]:
    """The keys under which fingerprints are remembered, one for each stretch of time near the beginning or the end.

    Returns the keys, the day of each, and the position of its record.
    """
    rows = np.arange(len(fingerprint))
    edges = [(moment + slack) // STRETCH_US for moment in (started, ended) for slack in (-SLACK_US, SLACK_US)]
    stretch, of = edges[0], rows
    for place, edge in enumerate(edges[1:], 1):
        fresh = np.logical_and.reduce([edge != earlier for earlier in edges[:place]])
        stretch, of = np.concatenate([stretch, edge[fresh]]), np.concatenate([of, rows[fresh]])
    keys = (fingerprint[of] ^ stretch.astype(np.uint64)) * _MULTIPLIER
    return keys ^ (keys >> np.uint64(32)), stretch * STRETCH_US // DAY_US, of


def _stretches(aliases: Aliases, rows: Rows) -> tuple[Hashes, Times, Rows]:
    keys, days, of = stretches(aliases.fingerprint[rows], aliases.started[rows], aliases.ended[rows])
    return keys, days, rows[of]
