"""Dimensions: the texts of few distinct values, taken out of the rows and stored once."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from spanledger.storage.schema import DIMENSION_KEYS, DIMENSIONS, FACTS, HASH, Batch

_PRODUCT_MAX: Final = 2**62
"""Codes of several columns are combined into one integer for as long as their product fits it."""

Keys = npt.NDArray[np.uint64]


@lru_cache(maxsize=8192)
def key_of(values: tuple[str | None, ...]) -> int:
    """The key of a dimension row: 64 bits of the hash of its values, the same on every machine and in every version."""
    return int.from_bytes(hashlib.blake2b(orjson.dumps(values), digest_size=8).digest(), "little")


def split(
    batch: Batch, facts_of: Sequence[str] = FACTS
) -> tuple[pa.Table, dict[str, dict[int, tuple[str | None, ...]]]]:
    """The narrow rows of a batch, and per dimension table the distinct rows it refers to, by key."""
    facts = {name: batch.column(name) for name in facts_of}
    rows: dict[str, dict[int, tuple[str | None, ...]]] = {}
    for dimension, names in DIMENSIONS.items():
        keys, rows[dimension] = _interned([_labels(batch.column(name)) for name in names])
        facts[DIMENSION_KEYS[dimension]] = pa.array(keys, HASH)
    return pa.table(facts), rows


def _labels(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.unify_dictionaries().combine_chunks()


def _interned(columns: list[pa.DictionaryArray]) -> tuple[Keys, dict[int, tuple[str | None, ...]]]:
    """For each row the key of its tuple of values, and the distinct tuples."""
    combined = np.zeros(len(columns[0]), np.int64)
    product = 1
    for column in columns:
        size = len(column.dictionary) + 1
        if column.null_count == len(column):
            continue
        if product * size > _PRODUCT_MAX:
            distinct, combined = np.unique(combined, return_inverse=True)
            product = len(distinct)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        combined = combined * size + codes + 1
        product *= size
    of_row = pa.array(combined).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    some_row = np.zeros(int(of_row.max(initial=-1)) + 1, np.int64)
    some_row[of_row] = np.arange(len(of_row))
    picked = pa.array(some_row)
    values = list(zip(*(column.take(picked).to_pylist() for column in columns), strict=True))
    keys = [key_of(row) for row in values]
    return np.array(keys, np.uint64)[of_row], dict(zip(keys, values, strict=True))


def known_keys(connection: duckdb.DuckDBPyConnection) -> dict[str, set[int]]:
    """The keys of the dimension rows that the ledger holds, by dimension."""
    return {
        table: {key for (key,) in connection.execute(f"select {key} from ledger.{table}").fetchall()}
        for table, key in DIMENSION_KEYS.items()
    }
