"""64-bit hashes of columns: the aliases by which a call is known, and the keys of dimension rows.

Our own, because DuckDB's and Arrow's may change between versions while these lie in the ledger for years. Not a
defence against an attacker: seeded per tenant, so that one can only confuse a ledger's own tenant.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_WORD_BYTES: Final = 8
TEXT_BYTES_MAX: Final = 256
"""Longer texts are hashed one by one; ids are far shorter, and a column as wide as its longest value must stay small."""


def seed_of(text: str) -> np.uint64:
    """The seed of a tenant, or of any other text that sets hashes apart."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_WORD_BYTES).digest(), "little"))


def _mixed(words: Hashes) -> Hashes:
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    return words ^ (words >> np.uint64(31))


def hash_words(words: npt.NDArray[np.uint64], seeds: Hashes) -> Hashes:
    """Hash each row of a matrix of 64-bit words (rows × words) with its seed."""
    state = seeds.copy()
    for column in range(words.shape[1]):
        state = _mixed(state * _MULTIPLIER + words[:, column])
    return state


def hash_fixed(data: npt.NDArray[np.uint8], seeds: Hashes) -> Hashes:
    """Hash each row of a byte matrix (rows × bytes, a multiple of 8) with its seed."""
    return hash_words(np.ascontiguousarray(data).view("<u8"), seeds)


def hash_texts(texts: pa.StringArray, seeds: Hashes) -> Hashes:
    """Hash each text with its seed; the length counts, NULL hashes like the empty text (the caller masks it)."""
    count = len(texts)
    if not count:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + count + 1].astype(np.int64)
    lengths = np.diff(offsets)
    longest = int(min(lengths.max(), TEXT_BYTES_MAX))
    width = -(-max(longest, 1) // _WORD_BYTES) * _WORD_BYTES
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    reach = offsets[:-1, None] + np.arange(width)
    inside = np.arange(width) < lengths[:, None]
    padded = np.where(inside, data[np.minimum(reach, max(len(data) - 1, 0))], 0) if len(data) else np.zeros_like(inside)
    hashes = hash_words(padded.astype(np.uint8).view("<u8"), seeds ^ (lengths.astype(np.uint64) * _MULTIPLIER))
    for row in np.flatnonzero(lengths > TEXT_BYTES_MAX):
        digest = hashlib.blake2b(texts[int(row)].as_py().encode(), digest_size=_WORD_BYTES, key=seeds[row].tobytes())
        hashes[row] = int.from_bytes(digest.digest(), "little")
    return hashes
