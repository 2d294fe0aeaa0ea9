"""Identify: the names by which a call is known, as 64-bit hashes.

Each kind of name is an alias: two records that share any alias are the same call. Kinds so far: the span (tenant,
trace id, span id) and the provider's response id. Another kind is another row in `ALIASES` and another HASH column.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.dialects.dialect import Dialect
from spanledger.processors.dialects.registry import named
from spanledger.processors.hashing import hash_texts, hash_words, seed_of
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, fixed_bytes
from spanledger.processors.records import Records
from spanledger.storage.schema import Batch, Hashes

NAME_BYTES_MIN: Final = 8
"""A shorter id is no name of one call: gateways send "1" or "none" for every one."""

_SPAN: Final = seed_of("alias:span")
_NAME: Final = seed_of("alias:name")
_PRINT: Final = seed_of("fingerprint")
_EVENT: Final = seed_of("event")
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_NO_NAME: Final = np.uint64(2**64 - 1)


def span_hashes(spans: Records, tenants: Hashes) -> Hashes:
    """The identity of each span; its ids have their full lengths. `tenants` are seeds, as `tenant_seeds` makes them."""
    return context_hashes(spans.trace_id, spans.span_id, tenants)


def context_hashes(trace_id: pa.BinaryArray, span_id: pa.BinaryArray, tenants: Hashes) -> Hashes:
    """The same of the spans with these ids."""
    words = [
        fixed_bytes(ids, length).view("<u8") for ids, length in ((trace_id, TRACE_ID_BYTES), (span_id, SPAN_ID_BYTES))
    ]
    return hash_words(np.concatenate(words, axis=1), tenants ^ _SPAN)


def event_hashes(events: Records, tenants: Hashes) -> Hashes:
    """The identity of each event: its content, since an event has no id. Where it came from does not count.

    A collector's second route may add attributes to the resource, and when an event was observed differs by route.
    """
    seeds = tenants ^ _EVENT ^ events.ended * _SPREAD
    for texts in (events.name, events.trace_id, events.span_id):
        seeds = hash_texts(texts, seeds)
    return hash_texts(events.attributes.raw(), seeds)


def identify(batch: Batch) -> Batch:
    """Fill the names' hashes, `fingerprint`, `anonymous` and `call_id`; the others are there already.

    Response and request ids are names of one kind: Claude Code puts the request's id where the response's belongs.
    `call_id` is the least of a record's names where it has any, so that every record of a call that bears them arrives
    at the same id by itself.
    """
    labels = _whole(batch.column("tenant"))
    tenants = tenant_seeds(labels.dictionary.to_pylist(), labels.indices.to_numpy(zero_copy_only=False))
    call = np.full(batch.num_rows, _NO_NAME)
    columns = {}
    for kind in ("response", "request"):
        names = _whole(batch.column(f"{kind}_id"))
        worth_it = _named(names)
        hashes = hash_texts(names, tenants ^ _NAME) if worth_it.any() else call
        columns[f"{kind}_hash"] = pa.array(hashes, mask=~worth_it)
        call = np.where(worth_it, np.minimum(call, hashes), call)
    nameless = call == _NO_NAME
    columns["call_id"] = pa.array(np.where(nameless, batch.column("record_hash").to_numpy(), call))
    speakers = _whole(batch.column("dialect"))
    columns["fingerprint"] = pa.array(_fingerprints(batch, speakers, tenants))
    own = _of_speaker(speakers, lambda dialect: dialect.own_ids)
    columns["anonymous"] = pa.array((nameless & _absent(batch, "context_hash")) | own)
    for name, column in columns.items():
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch


def _fingerprints(batch: Batch, speakers: pa.DictionaryArray, tenants: Hashes) -> Hashes:
    """Of the tenant, the input and the output as far as every record of an emitter's family tells it.

    No output is an output of 0: of embeddings some emitters say the one, some the other.
    """
    counts = [_whole(batch.column(name)) for name in ("input_tokens", "output_tokens", "reasoning_tokens")]
    input_tokens, output, reasoning = (
        np.asarray((one.fill_null(missing) if one.null_count else one).to_numpy(zero_copy_only=False))
        for one, missing in zip(counts, (-1, 0, 0), strict=True)
    )
    hides = _of_speaker(speakers, lambda dialect: dialect.hides_reasoning or dialect.reasoning_beside)
    if hides.any():
        output = np.where(hides & (output >= reasoning), output - reasoning, output)
    return hash_words(np.column_stack([input_tokens, output]).view(np.uint64), tenants ^ _PRINT)


def _of_speaker(speakers: pa.DictionaryArray, said: Callable[[Dialect], bool]) -> npt.NDArray[np.bool_]:
    by_code = np.array([said(named(name)) for name in speakers.dictionary.to_pylist()] + [False])
    if not by_code.any():
        return np.zeros(len(speakers), bool)
    return np.asarray(by_code[speakers.indices.fill_null(len(by_code) - 1).to_numpy(zero_copy_only=False)])


def _absent(batch: Batch, name: str) -> npt.NDArray[np.bool_]:
    return np.asarray(_whole(batch.column(name)).is_null().to_numpy(zero_copy_only=False))


def _named(names: pa.StringArray) -> npt.NDArray[np.bool_]:
    lengths = pc.binary_length(names).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) >= NAME_BYTES_MIN)


def tenant_seeds(names: Sequence[str], which: npt.NDArray[np.integer[Any]]) -> Hashes:
    """The seed of each row's tenant; row i is of tenant `names[which[i]]`."""
    seeds = np.array([seed_of(name) for name in names], np.uint64)
    return seeds[which] if len(seeds) else np.zeros(len(which), np.uint64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
