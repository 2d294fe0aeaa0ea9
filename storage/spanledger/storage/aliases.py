"""Aliases: the hashes by which records of one call find each other, as arrays.

A record has an identity of its own (`record`: sent again, it is the same record). It may carry names of its call
(`response`, `request`: two records that share a name are the same call), and an event may say which span it tells of
(`context`). The `fingerprint` is for records without any name: what was used, by whom; it is no name, since two calls
may use the same.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from spanledger.storage.schema import Batch, Completeness, Hashes, Mask, Rows, Times
from spanledger.storage.text_hashes import TextHashes
from spanledger.storage.windows import DAY_US

NONE: Final = np.uint64(0)
"""Stands for an absent hash."""


ALIAS_COLUMNS: Final = (
    "record_hash", "response_hash", "request_hash", "context_hash", "fingerprint", "anonymous", "started_at",
    "ended_at", "ingested_at", "output_tokens", "session_id",
)  # fmt: skip
"""The columns of calls that aliases are made of, those in dimension tables aside."""


@dataclass(frozen=True)
class Aliases:
    """One row a record; NONE where a hash is absent, times in microseconds since 1970 (`ended` = `started` if unsaid).

    `anonymous` records have no name that a record of another emitter could share.
    """

    record: Hashes
    response: Hashes
    request: Hashes
    context: Hashes
    fingerprint: Hashes
    anonymous: Mask
    started: Times
    ended: Times
    ingested: Times
    completeness: Completeness
    sessions: TextHashes
    dialects: TextHashes

    @classmethod
    def of(cls, batch: Batch) -> "Aliases":
        """The aliases of a batch with the columns of CALLS, or those of ALIAS_COLUMNS and `dialect`."""
        started = _times(batch, "started_at")
        ended = _times(batch, "ended_at")
        return cls(
            record=_hashes(batch, "record_hash"),
            response=_hashes(batch, "response_hash"),
            request=_hashes(batch, "request_hash"),
            context=_hashes(batch, "context_hash"),
            fingerprint=_hashes(batch, "fingerprint"),
            anonymous=np.asarray(batch.column("anonymous").fill_null(False).to_numpy(), bool),
            started=started,
            ended=np.maximum(ended, started),
            ingested=_times(batch, "ingested_at"),
            completeness=completeness(batch),
            sessions=TextHashes(batch.column("session_id")),
            dialects=TextHashes(batch.column("dialect")),
        )

    def __len__(self) -> int:
        return len(self.record)

    def take(self, rows: Rows) -> "Aliases":
        """The aliases of some rows."""
        texts = {name: getattr(self, name).take(rows) for name in ("sessions", "dialects")}
        arrays = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name not in texts}
        return Aliases(**arrays, **texts)

    @property
    def days(self) -> Times:
        """Days since 1970 on which the records start."""
        return self.started // DAY_US

    @property
    def kinds(self) -> Hashes:
        """What records of one call may share, of shape (4, records): identity, span told of, response, request."""
        return np.stack((self.record, self.context, self.response, self.request))

    @property
    def names(self) -> Hashes:
        """Every hash under which a record of the same calls may be known, fingerprints aside."""
        return self.hashes(fingerprints=np.zeros(len(self), bool))

    def hashes(self, *, fingerprints: Mask) -> Hashes:
        """Every hash under which a record of the same calls may be known; fingerprints of those records only."""
        kinds = (self.record, self.context, self.response, self.request, self.fingerprint[fingerprints])
        hashes = np.unique(np.concatenate(kinds))
        return np.asarray(hashes[hashes != NONE])

    def any_name_in(self, names: Hashes) -> Mask:
        """Which records bear any of these names."""
        return np.asarray(np.isin(self.response, names) | np.isin(self.request, names))

    def shared(self) -> Mask:
        """Records that may tell of the same call as another one of the batch, or are the same record."""
        shared = np.zeros(len(self), bool)
        rows = np.arange(len(self))
        hashes, holders = [self.record], [rows]
        for kind in (self.context, self.response, self.request):
            said = np.flatnonzero(kind)
            if len(said):
                hashes.append(kind[said])
                holders.append(said)
        _mark_twice(shared, np.concatenate(hashes), np.concatenate(holders))
        if self.anonymous.any():
            known = np.flatnonzero(self.fingerprint)
            _mark_twice(shared, self.fingerprint[known], known)
        return shared


def completeness(rows: pa.Table) -> Completeness:
    """How much each row says of its record: its output, then its end; -1 for unknown."""
    return np.column_stack([_counts(rows, "output_tokens"), _times(rows, "ended_at")])


def as_complete(record: Hashes, complete: Completeness, known: Hashes, known_complete: Completeness) -> Mask:
    """Which records are known in a version at least as complete; of `known` each may be there several times."""
    if not len(known):
        return np.zeros(len(record), bool)
    order = np.lexsort((known_complete[:, 1], known_complete[:, 0], known))  # the most complete of each comes last
    at = np.searchsorted(known[order], record, side="right") - 1
    same = (at >= 0) & (known[order][at] == record)
    theirs = known_complete[order][at]
    more = (theirs[:, 0] > complete[:, 0]) | ((theirs[:, 0] == complete[:, 0]) & (theirs[:, 1] >= complete[:, 1]))
    return np.asarray(same & more)


def _mark_twice(shared: Mask, hashes: Hashes, holders: Rows) -> None:
    in_order = np.sort(hashes)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(twice):
        shared[holders[np.isin(hashes, twice)]] = True


def _hashes(batch: Batch, name: str) -> Hashes:
    column = batch.column(name)
    if column.null_count == len(column):
        return np.zeros(len(column), np.uint64)
    return np.asarray((column.fill_null(0) if column.null_count else column).to_numpy())


def _counts(batch: Batch, name: str) -> Times:
    column = batch.column(name)
    return np.asarray((column.fill_null(-1) if column.null_count else column).to_numpy())


def _times(batch: Batch, name: str) -> Times:
    return np.asarray(batch.column(name).cast(pa.int64()).fill_null(-1).to_numpy())
