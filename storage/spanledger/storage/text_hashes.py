"""Text hashes: 64 bits of the texts of a column, made when they are first wanted, which they hardly ever are."""

from functools import cached_property

import numpy as np
import pyarrow as pa

from spanledger.storage.schema import Hashes, Rows

_MULTIPLIER = np.uint64(0x94D049BB133111EB)
_POSITION = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


class TextHashes:
    """A text of each of some records; `hashes` are 64 bits of each, 0 for NULL. They are never stored."""

    def __init__(self, texts: "pa.ChunkedArray | TextHashes", rows: Rows | None = None) -> None:
        self._texts = texts
        self._rows = rows

    def take(self, rows: Rows) -> "TextHashes":
        """Those of some of the records."""
        return TextHashes(self, rows)

    @cached_property
    def hashes(self) -> Hashes:
        """One a record."""
        if isinstance(self._texts, TextHashes):
            return np.asarray(self._texts.hashes[self._rows])
        return text_hashes(self._texts)

    def only(self) -> str | None:
        """The text that all of them have; None where they differ, or some have none."""
        hashes = self.hashes
        if not len(hashes) or not hashes[0] or (hashes != hashes[0]).any():
            return None
        return self._text(0)

    def _text(self, row: int) -> str | None:
        at = row if self._rows is None else int(self._rows[row])
        if isinstance(self._texts, TextHashes):
            return self._texts._text(at)
        text: str | None = self._texts[at].as_py()
        return text


def text_hashes(column: pa.ChunkedArray) -> Hashes:
    """64 bits of each text, 0 for NULL; the same in any batch of this process, not meant to be kept."""
    if pa.types.is_dictionary(column.type):
        labels = column.unify_dictionaries().combine_chunks()
        few = np.append(text_hashes(pa.chunked_array([labels.dictionary])), np.uint64(0))
        return np.asarray(few[labels.indices.fill_null(len(few) - 1).to_numpy(zero_copy_only=False)])
    texts = column.cast(pa.string()).combine_chunks()
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
