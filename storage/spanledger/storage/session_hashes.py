"""Sessions: a hash of the session of each record, made when it is first wanted, which it hardly ever is."""

from functools import cached_property

import numpy as np
import pyarrow as pa

from spanledger.storage.schema import Hashes, Rows

_MULTIPLIER = np.uint64(0x94D049BB133111EB)
_POSITION = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


class Sessions:
    """The sessions of some records; `hashes` are 64 bits of each one's name, 0 for none. They are never stored."""

    def __init__(self, names: "pa.ChunkedArray | Sessions", rows: Rows | None = None) -> None:
        self._names = names
        self._rows = rows

    def take(self, rows: Rows) -> "Sessions":
        """The sessions of some of the records."""
        return Sessions(self, rows)

    @cached_property
    def hashes(self) -> Hashes:
        """One a record."""
        if isinstance(self._names, Sessions):
            return np.asarray(self._names.hashes[self._rows])
        return text_hashes(self._names)


def text_hashes(names: pa.ChunkedArray) -> Hashes:
    """64 bits of each text, 0 for NULL; the same in any batch of this process, not meant to be kept."""
    texts = names.cast(pa.string()).combine_chunks()
    hashes = np.zeros(len(texts), np.uint64)
    said = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    if not len(said):
        return hashes
    texts = texts.take(pa.array(said))
    bounds = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    letters = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[-1]].astype(np.uint64)
    bounds = bounds - bounds[0]
    places = np.arange(len(letters)) - np.repeat(bounds[:-1], np.diff(bounds))
    words = mixed((letters + np.uint64(1)) * _MULTIPLIER + places.astype(np.uint64) * _POSITION)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words)])  # wraps around, and so do the differences
    hashes[said] = np.maximum(mixed(sums[bounds[1:]] - sums[bounds[:-1]]), np.uint64(1))
    return hashes


def mixed(words: Hashes) -> Hashes:
    """Words whose every bit depends on many of those given."""
    words = words * _MULTIPLIER
    return words ^ (words >> _HALF)
