"""Identify: the names by which a call is known, as 64-bit hashes.

Each kind of name is an alias: two records that share any alias are the same call. Kinds so far: the span (tenant,
trace id, span id) and the provider's response id. Another kind is another row in `ALIASES` and another HASH column.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.hashing import Hashes, hash_texts, seed_of
from spanledger.storage.schema import Batch

RESPONSE_ID_BYTES_MIN: Final = 8
"""A shorter id is no name of one call: gateways send "1" or "none" for every one."""

_SPAN: Final = seed_of("alias:span")
_RESPONSE: Final = seed_of("alias:response")


def identify(batch: Batch) -> Batch:
    """Fill `span_hash`, `response_hash` and `call_id`.

    `call_id` is the response's hash where there is one, so that every record of a call that names it arrives at the
    same id by itself.
    """
    tenants = _tenant_seeds(batch.column("tenant"))
    trace_id, span_id = (_whole(batch.column(name)) for name in ("trace_id", "span_id"))
    span = hash_texts(span_id, hash_texts(trace_id, tenants ^ _SPAN))
    response_id = _whole(batch.column("response_id"))
    named = _named(response_id)
    response = hash_texts(response_id, tenants ^ _RESPONSE)
    columns = {
        "span_hash": pa.array(span),
        "response_hash": pa.array(response, mask=~named),
        "call_id": pa.array(np.where(named, response, span)),
    }
    for name, column in columns.items():
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch


def _named(response_id: pa.StringArray) -> npt.NDArray[np.bool_]:
    lengths = pc.binary_length(response_id).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) >= RESPONSE_ID_BYTES_MIN)


def _tenant_seeds(tenant: pa.ChunkedArray) -> Hashes:
    labels = _whole(tenant)
    seeds = np.array([seed_of(name) for name in labels.dictionary.to_pylist()], np.uint64)
    return seeds[labels.indices.to_numpy(zero_copy_only=False)] if len(seeds) else np.zeros(len(labels), np.uint64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
