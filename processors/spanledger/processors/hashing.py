"""64-bit hashes of columns: the aliases by which a call is known, and the keys of dimension rows.

Our own, because DuckDB's and Arrow's may change between versions while these lie in the ledger for years. Not a
defence against an attacker: seeded per tenant, so that one can only confuse a ledger's own tenant.
"""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa

from spanledger.storage.schema import Hashes

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_WORD_BYTES: Final = 8
_HEAD: Final = np.array([(1 << 8 * size) - 1 for size in range(_WORD_BYTES + 1)], np.uint64)
"""The bits of a word that the first 0 to 8 bytes fill."""
TEXT_BYTES_MAX: Final = 256
"""Longer texts are hashed one by one; ids are far shorter, and one long text must not cost every row a pass."""


def seed_of(text: str) -> np.uint64:
    """The seed of a tenant, or of any other text that sets hashes apart."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_WORD_BYTES).digest(), "little"))


def _mixed(words: Hashes) -> Hashes:
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    return words ^ (words >> np.uint64(31))


def hash_words(words: Hashes, seeds: Hashes) -> Hashes:
    """Hash rows of 64-bit words (rows × words), each row with its seed."""
    state = seeds
    for place in range(words.shape[1]):
        state = _mixed(state * _MULTIPLIER + words[:, place])
    return state


def hash_texts(texts: pa.StringArray | pa.BinaryArray, seeds: Hashes) -> Hashes:
    """Hash each text, or row of bytes, with its seed.

    The length counts; NULL hashes like the empty text (the caller masks it).
    """
    count = len(texts)
    if not count:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + count + 1].astype(np.int64)
    lengths = np.diff(offsets)
    if texts.null_count:
        # Arrow lets data lie beneath a NULL.
        lengths[texts.is_null().to_numpy(zero_copy_only=False)] = 0
    # Eight zero bytes behind the data, so that a word can be read from wherever a text begins, the last included.
    buffer = texts.buffers()[2]
    data = np.zeros(int(offsets[-1]) + _WORD_BYTES, np.uint8)
    if buffer is not None:
        data[: offsets[-1]] = np.frombuffer(buffer, np.uint8)[: offsets[-1]]
    words = np.ndarray((len(data) - _WORD_BYTES + 1,), "<u8", data, strides=(1,))
    state = seeds ^ (lengths.astype(np.uint64) * _MULTIPLIER)
    for place in range(-(-int(min(lengths.max(), TEXT_BYTES_MAX)) // _WORD_BYTES)):
        left = lengths - place * _WORD_BYTES
        word = words[np.where(left > 0, offsets[:-1] + place * _WORD_BYTES, 0)] & _HEAD[np.clip(left, 0, _WORD_BYTES)]
        state = np.where(left > 0, _mixed(state * _MULTIPLIER + word), state)
    for row in np.flatnonzero(lengths > TEXT_BYTES_MAX):
        said = texts[int(row)].as_py()
        raw = said.encode() if isinstance(said, str) else said
        digest = hashlib.blake2b(raw, digest_size=_WORD_BYTES, key=seeds[row].tobytes())
        state[row] = int.from_bytes(digest.digest(), "little")
    return state
