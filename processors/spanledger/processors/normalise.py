"""Normalise: spans in any dialect become rows of `calls`, each column chosen by its keys' order of precedence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import dialects
from spanledger.processors.any_value import NO_CODE, NO_COUNT
from spanledger.processors.attributes import Attributes
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, hex_text, parents_text
from spanledger.processors.money import decimals
from spanledger.processors.records import Records
from spanledger.processors.redact import is_content
from spanledger.processors.rest import rest_as_json
from spanledger.storage.schema import CALLS, COLUMNS, LABEL, MONEY, PICO, SPANS, TIME, Batch, Completeness, Hashes

STATUS: Final = pa.array(["unset", "ok", "error"])
"""OTLP's status codes 0, 1, 2."""

STREAMED: Final = frozenset({"true", "false"})

NO_OUTPUT: Final = frozenset({"embeddings", "embedding", "rerank", "transcription"})
"""Operations that are billed by their input alone."""

_TRUE: Final = pa.scalar("true")

REPORTED_COST_USD_MAX: Final = 900_000.0
"""Beyond what the money columns hold; such a cost is not one call's."""

KEYS_REMEMBERED: Final = 65_536
"""Attribute keys whose fate is remembered; senders choose keys, so the memory for them is bounded."""

_TEXT_KEYS: Final = dialects.LABELS | dialects.TEXTS | dialects.WHO
_WANTED: Final = frozenset(
    key
    for table in (_TEXT_KEYS, dialects.COUNTS, dialects.NUMBERS, {"reported_cost_usd": dialects.REPORTED_COST})
    for keys in table.values()
    for key in keys
)


@dataclass(frozen=True)
class Sender:
    """Whose a request is: the tenant, and the id of the API key that was shown ("" for none)."""

    tenant: str
    api_key_id: str


def completeness(spans: Records) -> Completeness:
    """How much each span says of its call, as the ledger compares it with an earlier record of the same span."""
    output, _ = spans.attributes.count(*dialects.COUNTS["output_tokens"])
    ended = _times(spans.ended, valid=spans.ended >= spans.started).cast(pa.int64())
    return np.column_stack([column.fill_null(-1).to_numpy(zero_copy_only=False) for column in (output, ended)])


def normalise(
    spans: Records, record_hash: Hashes, senders: Sequence[Sender], ingested_us: int, *, keep_content: bool = False
) -> Batch:
    """One row a span, with every column of CALLS except the other aliases and costs, which later steps fill.

    `senders[i]` belongs to request i; `ingested_us` is microseconds since 1970.
    """
    attributes = spans.attributes
    columns: dict[str, Any] = {
        "tenant": _per_request(spans, [sender.tenant for sender in senders]),
        "api_key_id": _per_request(spans, [sender.api_key_id or None for sender in senders]),
        "trace_id": hex_text(spans.trace_id, TRACE_ID_BYTES),
        "span_id": hex_text(spans.span_id, SPAN_ID_BYTES),
        "record_hash": pa.array(record_hash),
        "parent_span_id": parents_text(spans.parent_span_id),
        "started_at": _times(spans.started),
        "ended_at": _times(spans.ended, valid=spans.ended >= spans.started),
        "ingested_at": pa.array(np.full(len(spans), ingested_us), TIME),
        "revision": pa.array(np.zeros(len(spans), np.int32)),
        "status": pa.DictionaryArray.from_arrays(pa.array(_known_status(spans.status)), STATUS),
        "scope_name": _per_scope(spans, spans.scopes.names),
        "scope_version": _per_scope(spans, spans.scopes.versions),
        "attributes": rest_as_json(
            attributes, _unwanted_kept if keep_content else _unwanted, keep_content=keep_content
        ),
    }
    for name, keys in dialects.RESOURCE.items():
        columns[name] = _per_resource(spans, spans.scopes.resources.text(*keys))
    for name, keys in dialects.WHO.items():
        columns[name] = _who(spans, name, keys)
    for name, keys in dialects.LABELS.items():
        columns[name] = attributes.label(*keys)
    for name, keys in dialects.TEXTS.items():
        columns[name] = attributes.text(*keys)
    for name, keys in dialects.NUMBERS.items():
        columns[name] = attributes.number(*keys)
    columns["provider"] = _relabelled(columns["provider"], lambda name: dialects.PROVIDERS.get(name.lower(), name))
    columns["operation"] = _relabelled(columns["operation"], str.lower)
    columns["stream"] = _relabelled(columns["stream"], lambda said: said.lower() if said.lower() in STREAMED else None)
    columns["reported_cost_usd"] = _reported(attributes)
    columns |= _usage(spans, columns)
    empty = {name: kind for name, kind in COLUMNS.items() if name not in columns}
    columns |= {name: pa.nulls(len(spans), kind) for name, kind in empty.items()}
    return pa.table([columns[name] for name in CALLS.names], schema=CALLS)


def span_rows(
    records: Records, record_hash: Hashes, senders: Sequence[Sender], ingested_us: int, *, keep_content: bool = False
) -> pa.Table:
    """One row of SPANS a record that is no call."""
    batch = normalise(records, record_hash, senders, ingested_us, keep_content=keep_content)
    columns = {
        "name": records.name,
        "tool_name": records.attributes.text(*dialects.TOOL_NAME),
        "tool_call_id": records.attributes.text(*dialects.TOOL_CALL_ID),
    }
    return pa.table([columns[name] if name in columns else batch.column(name) for name in SPANS.names], schema=SPANS)


def _usage(spans: Records, what: Mapping[str, Any]) -> dict[str, Any]:
    """The counts, inclusive whatever the emitter meant, with the rule by which the input was read."""
    counts: dict[str, Any] = {}
    bad = np.zeros(len(spans), bool)
    for name, keys in dialects.COUNTS.items():
        counts[name], wrong = spans.attributes.count(*keys)
        bad |= wrong
    split = _plus(counts["cache_write_5m_tokens"], counts["cache_write_1h_tokens"])
    counts["cache_write_tokens"] = pc.coalesce(counts["cache_write_tokens"], split)

    speakers = [dialects.dialect_of(name) for name in spans.scopes.names.to_pylist()]
    excluded = np.array([speaker.cache_excluded for speaker in speakers] or [False])[spans.scope]
    unknown = np.array([speaker is dialects.UNKNOWN for speaker in speakers] or [False])[spans.scope]
    cached = pc.add(counts["cache_read_tokens"].fill_null(0), counts["cache_write_tokens"].fill_null(0))
    impossible = unknown & pc.greater(cached, counts["input_tokens"]).fill_null(False).to_numpy(zero_copy_only=False)
    exclusive = excluded | impossible
    rules = pa.array(["inclusive", "exclusive", "exclusive_by_size"])
    rule = pa.array(np.where(impossible, 2, np.where(excluded, 1, 0)).astype(np.int32))
    said = counts["input_tokens"].is_valid()
    if exclusive.any():
        counts["input_tokens"] = pc.if_else(
            pa.array(exclusive), pc.add(counts["input_tokens"], cached), counts["input_tokens"]
        )
    return counts | {
        "usage_rule": pa.DictionaryArray.from_arrays(pc.if_else(said, rule, NO_CODE), rules),
        "partial": pa.array(bad | _half_said(counts, what["operation"]) | _left_early(spans, speakers, what)),
        "dialect": _per_scope(spans, pa.array([speaker.name for speaker in speakers], pa.string())),
        "sources": _per_scope(spans, pa.array([speaker.name for speaker in speakers], pa.string())),
    }


def _left_early(spans: Records, speakers: Sequence[dialects.Dialect], what: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Streams without a finish reason, of emitters that always name one: what they counted is not what was billed."""
    telling = np.array([speaker.says_the_end for speaker in speakers] or [False])[spans.scope]
    if not telling.any():
        return telling
    streamed = pc.equal(what["stream"].dictionary_decode(), _TRUE).fill_null(False).to_numpy(zero_copy_only=False)
    unfinished = what["finish_reasons"].is_null().to_numpy(zero_copy_only=False)
    return np.asarray(telling & streamed & unfinished)


def _half_said(counts: Mapping[str, Any], operation: pa.DictionaryArray) -> npt.NDArray[np.bool_]:
    """Rows with only one of input and output where the operation bills both: a stream that was left early."""
    known = counts["input_tokens"].is_valid().to_numpy(zero_copy_only=False)
    answered = counts["output_tokens"].is_valid().to_numpy(zero_copy_only=False)
    both = np.array([name not in NO_OUTPUT for name in operation.dictionary.to_pylist()] + [True])
    billed_both = both[operation.indices.fill_null(len(both) - 1).to_numpy(zero_copy_only=False)]
    return np.asarray((known & ~answered & billed_both) | (answered & ~known))


def _plus(left: pa.Array, right: pa.Array) -> pa.Array:
    """The sum where either is known."""
    if left.null_count == right.null_count == len(left):
        return left
    either = pc.or_(left.is_valid(), right.is_valid())
    return pc.if_else(either, pc.add(left.fill_null(0), right.fill_null(0)), NO_COUNT)


def _who(spans: Records, name: str, keys: Sequence[str]) -> pa.Array:
    """What the span says, else what its resource says."""
    on_resource = spans.scopes.resources.text(*keys)
    own = spans.attributes.text(*keys)
    if on_resource.null_count == len(on_resource):
        texts = own
    elif own.null_count == len(own) and COLUMNS[name] is LABEL:
        return _per_resource(spans, on_resource)
    else:
        texts = pc.coalesce(own, on_resource.take(pa.array(spans.scopes.resource[spans.scope])))
    return texts.dictionary_encode() if COLUMNS[name] is LABEL else texts


def _per_request(spans: Records, texts: Sequence[str | None]) -> pa.DictionaryArray:
    labels = pa.array(texts, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(labels.indices.take(pa.array(spans.request)), labels.dictionary)


def _per_scope(spans: Records, texts: pa.StringArray) -> pa.DictionaryArray:
    labels = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(labels.indices.take(pa.array(spans.scope)), labels.dictionary)


def _per_resource(spans: Records, texts: pa.StringArray) -> pa.DictionaryArray:
    return _per_scope(spans, texts.take(pa.array(spans.scopes.resource)))


def _relabelled(labels: pa.DictionaryArray, change: Callable[[str], str | None]) -> pa.DictionaryArray:
    changed = pa.array([change(name) for name in labels.dictionary.to_pylist()], pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(changed.indices.take(labels.indices), changed.dictionary)


def _times(nanoseconds: npt.NDArray[np.uint64], valid: npt.NDArray[np.bool_] | None = None) -> pa.TimestampArray:
    """Nanoseconds as microseconds; NULL where not `valid` or outside what a signed 64-bit clock can say."""
    missing = nanoseconds > np.iinfo(np.int64).max
    if valid is not None:
        missing |= ~valid
    return pa.array((nanoseconds // np.uint64(1000)).astype(np.int64), pa.int64(), mask=missing).cast(TIME)


def _known_status(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes that a later version of OTLP may add are none that we can name: unset."""
    return np.where((codes >= 0) & (codes < len(STATUS)), codes, 0).astype(np.int32)


def _reported(attributes: Attributes) -> pa.Array:
    dollars = attributes.number(*dialects.REPORTED_COST)
    if dollars.null_count == len(dollars):
        return pa.nulls(len(dollars), MONEY)
    amounts = dollars.fill_null(-1.0).to_numpy(zero_copy_only=False)
    good = (amounts >= 0) & (amounts < REPORTED_COST_USD_MAX)
    pico = np.where(good, np.rint(np.where(good, amounts, 0) * PICO), 0).astype(np.int64)
    return decimals(pico, good)


@lru_cache(maxsize=KEYS_REMEMBERED)
def _unwanted(key: str) -> bool:
    return key in _WANTED or is_content(key)


def _unwanted_kept(key: str) -> bool:
    return key in _WANTED
