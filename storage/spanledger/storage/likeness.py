"""Likeness: the keys by which a record without a name is told from memory to have a twin, or certainly none.

Two records may be one call if they have the same fingerprint, one began or ended when the other did, and they are of
one session, unless either says none. So a key is a fingerprint, a stretch of time, and a session or that there is none.
A record stands under few keys and is asked for by a few: each side covers what the other leaves open.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spanledger.storage.aliases import NONE, Aliases
from spanledger.storage.schema import Hashes, Mask, Rows, Times
from spanledger.storage.text_hashes import mixed
from spanledger.storage.windows import DAY_US

STRETCH_US: Final = 4_000_000
"""How long a stretch is."""
SLACK_US: Final = 2_000_000
"""Records of one call begin or end at most this far apart: clocks of one machine, and when an emitter looks at them."""

_NO_SESSION: Final = np.uint64(0x9E3779B97F4A7C15)
_SOME_SESSION: Final = np.uint64(0xBF58476D1CE4E5B9)
_STRETCH: Final = np.uint64(0xD1B54A32D192ED03)


@dataclass(frozen=True)
class Keys:
    """Keys, the day (since 1970, UTC) of each, and the place of the record that it is for."""

    keys: Hashes
    days: Times
    of: Rows

    def only(self, which: Mask) -> "Keys":
        """Some of them."""
        return Keys(self.keys[which], self.days[which], self.of[which])

    def with_prints(self, aliases: Aliases) -> "Keys":
        """And the bare fingerprints, under the days on which the records begin and end."""
        first, last = aliases.days, aliases.ended // DAY_US
        told = aliases.fingerprint != NONE
        of, later = np.flatnonzero(told), np.flatnonzero(told & (first != last))
        return Keys(
            np.concatenate([self.keys, aliases.fingerprint[of], aliases.fingerprint[later]]),
            np.concatenate([self.days, first[of], last[later]]),
            np.concatenate([self.of, of, later]),
        )


def keys_of(aliases: Aliases) -> Keys:
    """The keys under which records stand; none for those without a fingerprint."""
    return _keys(aliases, (0,), beside=_SOME_SESSION, without=(_NO_SESSION,))


def keys_asked(aliases: Aliases) -> Keys:
    """The keys under which twins of records would stand."""
    return _keys(aliases, (-SLACK_US, SLACK_US), beside=_NO_SESSION, without=(_SOME_SESSION, _NO_SESSION))


def _keys(aliases: Aliases, slacks: tuple[int, ...], beside: np.uint64, without: tuple[np.uint64, ...]) -> Keys:
    """With a session: it and what stands `beside`; without one: what stands for that."""
    rows = np.flatnonzero(aliases.fingerprint != NONE)
    stretch, of = _stretches(aliases, rows, slacks)
    sessions = aliases.sessions.hashes[of]
    said = sessions != NONE
    parts = [(said, sessions), (said, np.full(len(of), beside))]
    parts += [(~said, np.full(len(of), one)) for one in without]
    keys = mixed(aliases.fingerprint[of] ^ mixed(stretch.astype(np.uint64) * _STRETCH))
    return Keys(
        np.concatenate([mixed(keys[mask] + kind[mask]) for mask, kind in parts]),
        np.concatenate([stretch[mask] for mask, _ in parts]) * STRETCH_US // DAY_US,
        np.concatenate([of[mask] for mask, _ in parts]),
    )


def _stretches(aliases: Aliases, rows: Rows, slacks: tuple[int, ...]) -> tuple[Times, Rows]:
    """The stretches in which records begin and end, give or take some slack, each once; and the record of each."""
    moments = (aliases.started[rows], aliases.ended[rows])
    edges = [(moment + slack) // STRETCH_US for moment in moments for slack in slacks]
    stretches, of = [edges[0]], [rows]
    for place, edge in enumerate(edges[1:], 1):
        fresh = np.logical_and.reduce([edge != earlier for earlier in edges[:place]])
        stretches.append(edge[fresh])
        of.append(rows[fresh])
    return np.concatenate(stretches), np.concatenate(of)
