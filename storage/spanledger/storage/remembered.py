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

STRETCH_US: Final = 64_000_000
"""Fingerprints are remembered with the stretches of time that their call touched: most calls touch one or two."""
STRETCHES_MAX: Final = 16
"""A longer call is remembered by its first stretches: its other records begin when it begins."""
SLACK_US: Final = 5_000_000
"""By how much the times of two records of one call may be off on one machine."""

RECENT_KEYS_MAX: Final = 2_000_000
"""Fingerprints of named records that are remembered at once: 12 MB, twenty seconds of full load."""

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
        self._recent: Filter | None = None
        self._recent_from = 0

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
        return Concern(hit, *self._by_fingerprint(aliases))

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
            self._recent = self._recent or self._new_recent(aliases)
        if self._recent is not None:
            keys, _, _ = _stretches(aliases, np.flatnonzero(told & ~aliases.anonymous))
            if self._recent.keys + len(keys) > RECENT_KEYS_MAX:
                self._recent = self._new_recent(aliases)
            self._recent.add(keys)

    def remember_records(self, record: Hashes, started: Times) -> None:
        """Remember spans that are no calls: they have no names."""
        self._names.add(record, started // DAY_US)

    def clear(self) -> None:
        """Forget everything: after a failed commit only the ledger knows what it holds."""
        self._names.clear()
        self._nameless.clear()
        self._recent = None

    def _new_recent(self, aliases: Aliases) -> Filter:
        self._recent_from = int(aliases.ingested.max()) + SLACK_US
        return Filter(RECENT_KEYS_MAX)

    def _by_fingerprint(self, aliases: Aliases) -> tuple[Mask, Mask]:
        prints, unsure = np.zeros(len(aliases), bool), np.zeros(len(aliases), bool)
        if not (aliases.anonymous.any() or self._nameless.any_on(aliases.days)):
            return prints, unsure
        keys, days, of = _stretches(aliases, np.flatnonzero(aliases.fingerprint != NONE))
        found = self._nameless.may_contain(keys, days)
        if self._recent is None:
            unsure = aliases.anonymous
        else:
            found |= aliases.anonymous[of] & self._recent.may_contain(keys)
            unsure = aliases.anonymous & (aliases.started < self._recent_from)
        prints[of[found]] = True
        return prints, unsure


def stretches(fingerprint: Hashes, started: Times, ended: Times) -> tuple[Hashes, Times, Rows]:
    """The keys under which fingerprints are remembered, one for each stretch of time that their record touches.

    Returns the keys, the day of each, and the position of its record.
    """
    first = (started - SLACK_US) // STRETCH_US
    count = np.minimum((ended + SLACK_US) // STRETCH_US - first + 1, STRETCHES_MAX)
    of = np.repeat(np.arange(len(first)), count)
    step = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    stretch = first[of] + step
    keys = (fingerprint[of] ^ stretch.astype(np.uint64)) * _MULTIPLIER
    return keys ^ (keys >> np.uint64(32)), stretch * STRETCH_US // DAY_US, of


def _stretches(aliases: Aliases, rows: Rows) -> tuple[Hashes, Times, Rows]:
    keys, days, of = stretches(aliases.fingerprint[rows], aliases.started[rows], aliases.ended[rows])
    return keys, days, rows[of]
