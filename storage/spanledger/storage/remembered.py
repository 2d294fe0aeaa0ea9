"""Remembered: what the ledger may hold, told from memory; nearly every record is certainly new and not looked up."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.filters import AliasFilters, Filter, LoadDay, Marks
from spanledger.storage.likeness import SLACK_US, Keys, keys_asked, keys_of
from spanledger.storage.recent import Recent
from spanledger.storage.schema import Hashes, Mask, Rows, Times
from spanledger.storage.windows import DAY_US

HOURS_US: Final = 6 * 3600 * 1_000_000
"""How far apart records of one call start at most, unless a clock is wrong."""

RECENT_KEYS_MAX: Final = 4_000_000
"""Likenesses of named records in one of the two generations that are remembered: 32 MB, ten seconds of full load."""


@dataclass(frozen=True)
class Concern:
    """Which records of a batch may have to do with one that is there.

    By a name, their own identity or their span (`names`: a row for each of `Aliases.kinds`); by likeness to one in the
    ledger (`prints`), or to a recent one (`alike`; `recent` are the numbers of these); or they are anonymous and began
    before likenesses were remembered (`unsure`).
    """

    names: Mask
    prints: Mask
    unsure: Mask
    alike: Mask
    recent: Rows

    @property
    def any(self) -> Mask:
        """By any of these."""
        return np.asarray(self.names.any(axis=0) | self.in_ledger | self.alike)

    @property
    def in_ledger(self) -> Mask:
        """Those whose fingerprint is to be looked for in the ledger."""
        return np.asarray(self.prints | self.unsure)


class Remembered:
    """What is stored or planned: filters over all of it, and the records themselves that were planned last (`recent`).

    `load_names` gives the records, contexts and names of a day; names stand under the day of the call and, when that
    is another one, under the day of their arrival: a record with a wrong clock arrives when its twin does.
    `load_nameless` gives the likenesses of the anonymous records of a day.

    The likenesses of named records are not kept for good, they would double the memory. They are remembered from the
    moment when the first anonymous record arrives; an anonymous record that began before is looked up. Those of recent
    records are remembered when they are let go of.
    """

    def __init__(self, load_names: LoadDay, load_nameless: LoadDay) -> None:
        self._names = AliasFilters(load_names)
        self._nameless = AliasFilters(load_nameless)
        self._prints: list[tuple[int, Filter]] = []
        self.recent = Recent(self._remember_likenesses)

    def may_hold(self, record: Hashes, started: Times) -> Mask:
        """Which records may be there already."""
        return self._names.may_contain(record, started // DAY_US)

    def may_concern(self, aliases: Aliases) -> Concern:
        """Which records may have to do with one that is there."""
        days, arrived = aliases.days, aliases.ingested // DAY_US
        kinds = aliases.kinds
        hit = np.zeros(kinds.shape, bool)
        hit[0] = self._names.may_contain(aliases.record, days)
        for place in range(1, len(kinds)):
            names = kinds[place]
            said = np.flatnonzero(names)
            if not len(said):
                continue
            hit[place, said] |= self._names.may_contain_near(names[said], aliases.started[said], HOURS_US)
            late = said[arrived[said] != days[said]]
            if len(late):
                hit[place, late] |= self._names.may_contain_near(names[late], aliases.ingested[late], HOURS_US)
        return self.by_likeness(aliases, hit)

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
        if aliases.anonymous.any() and not self._prints:
            self._prints = [_generation(aliases)]
        if not self.recent.wanted:
            self._remember_likenesses(aliases, None)

    def remember_records(self, record: Hashes, started: Times) -> None:
        """Remember spans that are no calls: they have no names."""
        self._names.add(record, started // DAY_US)

    def clear(self) -> None:
        """Forget everything: after a failed commit only the ledger knows what it holds."""
        self._names.clear()
        self._nameless.clear()
        self._prints = []
        self.recent.clear()

    def by_likeness(self, aliases: Aliases, names: Mask | None = None) -> Concern:
        """Which records may have a twin by their likeness; `names` are handed through."""
        prints, unsure, alike = (np.zeros(len(aliases), bool) for _ in range(3))
        recent = np.zeros(0, np.int64)
        names = np.zeros((1, len(aliases)), bool) if names is None else names
        if not (aliases.anonymous.any() or self.recent.any_nameless or self._nameless.any_on(aliases.days)):
            return Concern(names, prints, unsure, alike, recent)
        rows = np.flatnonzero(self._perhaps_alike(aliases))
        some = aliases.take(rows)
        asked = keys_asked(some)
        anonymous = some.anonymous[asked.of]
        found = self._nameless.may_contain(asked.keys, asked.days)
        remembered_from = self._prints[0][0] if self._prints else np.iinfo(np.int64).max
        unsure = aliases.anonymous & (aliases.started < remembered_from)
        marks = Marks.of(asked.keys)
        for _, one in self._prints:
            found |= anonymous & one.may_contain(marks)
        prints[rows[asked.of[found]]] = True
        places, recent = self.recent.alike(asked.keys, anonymous, some.dialects.hashes[asked.of])
        alike[rows[asked.of[places]]] = True
        return Concern(names, prints, unsure, alike, recent)

    def _perhaps_alike(self, aliases: Aliases) -> Mask:
        """Which records have a fingerprint that any other may have, whenever that was: for most that settles it."""
        prints, anonymous = aliases.fingerprint, aliases.anonymous
        hit = self._nameless.may_contain_near(prints, aliases.started, SLACK_US)
        later = np.flatnonzero((aliases.ended + SLACK_US) // DAY_US != (aliases.started + SLACK_US) // DAY_US)
        hit[later] |= self._nameless.may_contain_near(prints[later], aliases.ended[later], SLACK_US)
        marks = Marks.of(prints[anonymous])
        for _, one in self._prints:
            hit[anonymous] |= one.may_contain(marks)
        return np.asarray((hit | self.recent.has_print(prints, anonymous)) & (prints != NONE))

    def _remember_likenesses(self, aliases: Aliases, stood: Keys | None) -> None:
        """Remember the likenesses of records, those given or all."""
        if not self._prints:  # no anonymous record has come yet
            return
        stood = keys_of(aliases).with_prints(aliases) if stood is None else stood
        nameless = aliases.anonymous[stood.of]
        self._nameless.add(stood.keys[nameless], stood.days[nameless])
        named = stood.keys[~nameless]
        if self._prints[-1][1].keys + len(named) > RECENT_KEYS_MAX:
            self._prints = [self._prints[-1], _generation(aliases)]
        self._prints[-1][1].add(Marks.of(named))


def _generation(aliases: Aliases) -> tuple[int, Filter]:
    """A new generation, and from which start on it knows every twin: who starts now arrives later."""
    return int(aliases.ingested.max()) + SLACK_US, Filter(RECENT_KEYS_MAX)
