"""Identify: the names by which a call is known, as 64-bit hashes.

Each kind of name is an alias: two records that share any alias are the same call. Kinds so far: the span (tenant,
trace id, span id) and the provider's response id. Another kind is another row in `ALIASES` and another HASH column.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.hashing import hash_texts, hash_words, seed_of
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, fixed_bytes
from spanledger.storage.schema import Batch, Hashes

RESPONSE_ID_BYTES_MIN: Final = 8
"""A shorter id is no name of one call: gateways send "1" or "none" for every one."""

_SPAN: Final = seed_of("alias:span")
_RESPONSE: Final = seed_of("alias:response")


def span_hashes(trace_id: pa.BinaryArray, span_id: pa.BinaryArray, tenants: Hashes) -> Hashes:
    """The alias of each span; its ids have their full lengths. `tenants` are seeds, as `tenant_seeds` makes them."""
    words = [
        fixed_bytes(ids, length).view("<u8") for ids, length in ((trace_id, TRACE_ID_BYTES), (span_id, SPAN_ID_BYTES))
    ]
    return hash_words(np.concatenate(words, axis=1), tenants ^ _SPAN)


def identify(batch: Batch) -> Batch:
    """Fill `response_hash` and `call_id`; `span_hash` is there already.

    `call_id` is the response's hash where there is one, so that every record of a call that names it arrives at the
    same id by itself.
    """
    labels = _whole(batch.column("tenant"))
    tenants = tenant_seeds(labels.dictionary.to_pylist(), labels.indices.to_numpy(zero_copy_only=False))
    span = batch.column("span_hash").to_numpy()
    response_id = _whole(batch.column("response_id"))
    named = _named(response_id)
    response = hash_texts(response_id, tenants ^ _RESPONSE)
    columns = {
        "response_hash": pa.array(response, mask=~named),
        "call_id": pa.array(np.where(named, response, span)),
    }
    for name, column in columns.items():
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch


def _named(response_id: pa.StringArray) -> npt.NDArray[np.bool_]:
    lengths = pc.binary_length(response_id).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) >= RESPONSE_ID_BYTES_MIN)


def tenant_seeds(names: Sequence[str], which: npt.NDArray[np.integer[Any]]) -> Hashes:
    """The seed of each row's tenant; row i is of tenant `names[which[i]]`."""
    seeds = np.array([seed_of(name) for name in names], np.uint64)
    return seeds[which] if len(seeds) else np.zeros(len(which), np.uint64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
