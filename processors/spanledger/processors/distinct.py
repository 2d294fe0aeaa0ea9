"""The few distinct combinations of labels in a batch of many rows: what a step looks at instead of the rows."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.storage.schema import Batch

Integers: TypeAlias = npt.NDArray[np.int64]
Combination: TypeAlias = tuple[str | None, ...]

_FLAGS_MAX: Final = 1 << 18
"""Up to this many possible codes they are counted with flags; beyond, sorting the codes of a batch is faster."""


def combinations(batch: Batch, names: Sequence[str]) -> tuple[list[Combination], Integers]:
    """Find the distinct combinations of some label columns, and for each row the index of its combination.

    The columns are dictionary encoded (`schema.LABEL`); NULL is a value like any other.
    """
    columns = [_codes(batch.column(name)) for name in names]
    which = np.zeros(batch.num_rows, dtype=np.int64)
    size = 1
    for codes, values in columns:
        which = which * len(values) + codes
        size *= len(values)
        if size > _FLAGS_MAX:
            which, size = dense(which, size)
    which, size = dense(which, size)
    row_of = np.empty(size, dtype=np.int64)  # any row of each combination
    row_of[which] = np.arange(batch.num_rows)
    chosen = [[values[code] for code in codes[row_of]] for codes, values in columns]
    return list(zip(*chosen, strict=True)), which


def dense(codes: Integers, size: int) -> tuple[Integers, int]:
    """Renumber codes (each in 0 … size - 1) so that every number below the new size is used; their order is kept."""
    if size > _FLAGS_MAX:
        used, dense_codes = np.unique(codes, return_inverse=True)
        return dense_codes.astype(np.int64, copy=False), len(used)
    flags = np.zeros(size, dtype=np.bool_)
    flags[codes] = True
    numbers = np.cumsum(flags) - 1
    return numbers[codes], int(flags.sum())


def _codes(column: pa.ChunkedArray) -> tuple[Integers, list[str | None]]:
    """A column as codes and their values; code 0 is NULL."""
    labels = column.unify_dictionaries().combine_chunks()
    codes = labels.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return codes, [None, *labels.dictionary.to_pylist()]
