"""Normalise: spans in any dialect become rows of `calls`, each column chosen by its keys' order of precedence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.any_value import NO_TEXT, as_doubles
from spanledger.processors.attributes import Attributes
from spanledger.processors.dialects import columns as of_keys
from spanledger.processors.dialects.operations import SAYING
from spanledger.processors.dialects.providers import maker_of, provider_said
from spanledger.processors.dialects.registry import EVERY
from spanledger.processors.identify import context_hashes, tenant_seeds
from spanledger.processors.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, hex_text, is_id, parents_text
from spanledger.processors.operations_said import without_noise
from spanledger.processors.places import ADDRESS, cache_said, region_of, residency_of
from spanledger.processors.pricing.money import decimals
from spanledger.processors.reading import usage_of
from spanledger.processors.records import Records
from spanledger.processors.redact import is_content
from spanledger.processors.rest import rest_as_json
from spanledger.processors.said_in_texts import said_in_texts
from spanledger.processors.speakers import spoken, where
from spanledger.processors.wire_values import Members
from spanledger.storage.schema import CALLS, COLUMNS, LABEL, MONEY, PICO, SPANS, TIME, Batch, Completeness, Hashes

STATUS: Final = pa.array(["unset", "ok", "error"])
"""OTLP's status codes 0, 1, 2."""

_USUAL_PROVIDERS: Final = pa.array([dialect.provider for dialect in EVERY], pa.string())

STREAMED: Final = frozenset({"true", "false"})

REPORTED_COST_USD_MAX: Final = 900_000.0
"""Beyond what the money columns hold; such a cost is not one call's."""

KEYS_REMEMBERED: Final = 65_536
"""Attribute keys whose fate is remembered; senders choose keys, so the memory for them is bounded."""

_WANTED: Final = frozenset(of_keys.COLUMN_OF) | of_keys.HELPERS | frozenset(SAYING)


@dataclass(frozen=True)
class Sender:
    """Whose a request is: the tenant, and the id of the API key that was shown ("" for none)."""

    tenant: str
    api_key_id: str


def completeness(spans: Records) -> Completeness:
    """How much each span says of its call, as the ledger compares it with an earlier record of the same span."""
    output, _ = spans.attributes.count(*of_keys.COUNTS["output_tokens"])
    ended = _times(spans.ended, valid=spans.ended >= spans.started).cast(pa.int64())
    return np.column_stack([column.fill_null(-1).to_numpy(zero_copy_only=False) for column in (output, ended)])


def normalise(
    spans: Records, record_hash: Hashes, senders: Sequence[Sender], ingested_us: int, *, keep_content: bool = False
) -> Batch:
    """One row a record, with every column of CALLS except the other aliases and costs, which later steps fill.

    `senders[i]` belongs to request i; `ingested_us` is microseconds since 1970.
    """
    attributes = spans.attributes
    inside = said_in_texts(spans)
    speaks = _dialects(spans)
    columns: dict[str, Any] = {
        "tenant": _per_request(spans, [sender.tenant for sender in senders]),
        "api_key_id": _per_request(spans, [sender.api_key_id or None for sender in senders]),
        "trace_id": _id_text(spans, spans.trace_id, TRACE_ID_BYTES),
        "span_id": _id_text(spans, spans.span_id, SPAN_ID_BYTES),
        "record_hash": pa.array(record_hash),
        "parent_span_id": parents_text(spans.parent_span_id),
        "started_at": _times(spans.started),
        "ended_at": _times(spans.ended, valid=spans.ended >= spans.started),
        "ingested_at": pa.array(np.full(len(spans), ingested_us), TIME),
        "revision": pa.array(np.zeros(len(spans), np.int32)),
        "status": pa.DictionaryArray.from_arrays(pa.array(_known_status(spans.status)), STATUS),
        "scope_name": _per_scope(spans, spans.scopes.names),
        "scope_version": _per_scope(spans, spans.scopes.versions),
        "dialect": speaks,
        "sources": speaks,
        "operation": without_noise(spans.operation),
        "attributes": rest_as_json(
            attributes, _unwanted_kept if keep_content else _unwanted, keep_content=keep_content
        ),
    }
    for name, keys in of_keys.RESOURCE.items():
        columns[name] = _per_resource(spans, spans.scopes.resources.text(*keys))
    for name, keys in of_keys.WHO.items():
        columns[name] = _who(spans, name, keys, inside.get(name))
    for name, keys in of_keys.LABELS.items():
        columns[name] = _label(attributes.label(*keys), inside.get(name))
    for name, keys in of_keys.TEXTS.items():
        columns[name] = _or_inside(attributes.text(*keys), inside.get(name))
    for name, keys in of_keys.NUMBERS.items():
        columns[name] = _seconds(attributes, keys, of_keys.MILLISECONDS.get(name, ()))
    columns["provider"] = _providers(spans, columns)
    host = attributes.label(ADDRESS)
    columns["region"] = _else(columns["region"], _relabelled(host, region_of))
    columns["residency"] = _else(columns["residency"], _relabelled(host, residency_of))
    columns["gateway_cache"] = _relabelled(columns["gateway_cache"], cache_said)
    columns["finish_reasons"] = _relabelled(columns["finish_reasons"], _without_brackets)
    columns["stream"] = _relabelled(columns["stream"], lambda said: said.lower() if said.lower() in STREAMED else None)
    columns["reported_cost_usd"] = _reported(attributes, inside.get("reported_cost_usd"))
    columns |= usage_of(spans, columns, inside)
    told = _context(spans, senders)
    if told is not None:
        columns["context_hash"] = told
    if spans.signal == "logs":
        columns |= _around(columns["span_id"], told)
    empty = {name: kind for name, kind in COLUMNS.items() if name not in columns}
    columns |= {name: pa.nulls(len(spans), kind) for name, kind in empty.items()}
    return pa.table([columns[name] for name in CALLS.names], schema=CALLS)


def span_rows(
    records: Records, record_hash: Hashes, senders: Sequence[Sender], ingested_us: int, *, keep_content: bool = False
) -> pa.Table:
    """One row of SPANS a record that is no call."""
    batch = normalise(records, record_hash, senders, ingested_us, keep_content=keep_content)
    columns = {
        "name": records.name if keep_content else _names(records, batch),
        "tool_name": records.attributes.text(*of_keys.TOOL_NAME),
        "tool_call_id": records.attributes.text(*of_keys.TOOL_CALL_ID),
    }
    return pa.table([columns[name] if name in columns else batch.column(name) for name in SPANS.names], schema=SPANS)


def _names(records: Records, batch: Batch) -> pa.StringArray:
    """The records' names, but for those that hold what was said: there the operation stands for it."""
    names = records.name
    for dialect, mine in spoken(records.speaker):
        if dialect.content_names:
            said = pc.and_(pc.match_substring_regex(names, dialect.content_names).fill_null(False), pa.array(mine))
            names = pc.if_else(said, batch.column("operation").combine_chunks().dictionary_decode(), names)
    return names


def _who(spans: Records, name: str, keys: Sequence[str], inside: pa.StringArray | None) -> pa.Array:
    """What the span says, else what a text on it holds, else what its resource says."""
    on_resource = spans.scopes.resources.text(*keys)
    own = _or_inside(spans.attributes.text(*keys), inside)
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


def _reported(attributes: Attributes, inside: pa.StringArray | None) -> pa.Array:
    dollars = attributes.number(*of_keys.REPORTED_COST)
    if inside is not None:
        dollars = pc.coalesce(dollars, as_doubles(Members(len(inside), string_value=inside)))
    if dollars.null_count == len(dollars):
        return pa.nulls(len(dollars), MONEY)
    amounts = dollars.fill_null(-1.0).to_numpy(zero_copy_only=False)
    good = (amounts >= 0) & (amounts < REPORTED_COST_USD_MAX)
    pico = np.where(good, np.rint(np.where(good, amounts, 0) * PICO), 0).astype(np.int64)
    return decimals(pico, good)


def _dialects(spans: Records) -> pa.DictionaryArray:
    present = np.flatnonzero(np.bincount(spans.speaker, minlength=1))
    table = np.zeros(len(EVERY), np.int32)
    table[present] = np.arange(len(present))
    names = pa.array([EVERY[number].name for number in present], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(table[spans.speaker]), names)


def _id_text(spans: Records, ids: pa.BinaryArray, length: int) -> pa.StringArray:
    """Ids as hex; those of an event that lies in no span are NULL."""
    texts = hex_text(ids, length)
    return pc.if_else(pa.array(is_id(ids, length)), texts, NO_TEXT) if spans.signal == "logs" else texts


def _context(spans: Records, senders: Sequence[Sender]) -> pa.Array | None:
    """The hash of the span that an event tells of, where its emitter's events lie in the spans of their calls."""
    telling = where(spans.speaker, lambda dialect: dialect.in_context)
    if not telling.any():
        return None
    telling &= is_id(spans.trace_id, TRACE_ID_BYTES) & is_id(spans.span_id, SPAN_ID_BYTES)
    mine = pa.array(telling)
    seeds = tenant_seeds([sender.tenant for sender in senders], spans.request[telling])
    hashes = np.zeros(len(spans), np.uint64)
    hashes[telling] = context_hashes(spans.trace_id.filter(mine), spans.span_id.filter(mine), seeds)
    return pa.array(hashes, mask=~telling)


def _around(span_id: pa.StringArray, told: pa.Array | None) -> dict[str, pa.StringArray]:
    """The span in which an event happened is its call's own if it tells of that span, else the one around its call."""
    own = pa.array(np.zeros(len(span_id), bool)) if told is None else told.is_valid()
    return {
        "span_id": pc.if_else(own, span_id, NO_TEXT),
        "parent_span_id": pc.if_else(own, NO_TEXT, span_id),
    }


def _label(labels: pa.DictionaryArray, inside: pa.StringArray | None) -> pa.DictionaryArray:
    if inside is None:
        return labels
    return pc.coalesce(labels.dictionary_decode(), inside).dictionary_encode()


def _else(labels: pa.DictionaryArray, others: pa.DictionaryArray) -> pa.DictionaryArray:
    """Labels, and others where there are none."""
    if others.null_count == len(others):
        return labels
    return pc.coalesce(labels.dictionary_decode(), others.dictionary_decode()).dictionary_encode()


def _or_inside(texts: pa.StringArray, inside: pa.StringArray | None) -> pa.StringArray:
    return texts if inside is None else pc.coalesce(texts, inside)


def _seconds(attributes: Attributes, keys: Sequence[str], in_milliseconds: Sequence[str]) -> pa.DoubleArray:
    seconds = attributes.number(*keys)
    if any(attributes.layouts.has(key) for key in in_milliseconds):
        seconds = pc.coalesce(seconds, pc.divide(attributes.number(*in_milliseconds), 1000.0))
    return seconds


def _providers(spans: Records, columns: Mapping[str, Any]) -> pa.DictionaryArray:
    """The conventions' names; who sells no model is no provider, and the model's name tells which one is meant."""
    said = columns["provider"]
    if said.null_count:
        usual = _USUAL_PROVIDERS.take(pa.array(spans.speaker))
        said = pc.coalesce(said.dictionary_decode(), usual).dictionary_encode()
    known = _relabelled(said, provider_said)
    if known.null_count == said.null_count:
        return known
    makers = [_relabelled(columns[name], maker_of).dictionary_decode() for name in ("response_model", "request_model")]
    texts = known.dictionary_decode()
    return pc.if_else(said.is_valid(), pc.coalesce(texts, *makers), texts).dictionary_encode()


def _without_brackets(said: str) -> str | None:
    """A list as some write it, as JSON in a text, becomes one as the others are: joined by commas."""
    if not said.startswith("["):
        return said
    try:
        reasons = orjson.loads(said)
    except orjson.JSONDecodeError:
        return said
    return ",".join(str(reason) for reason in reasons) or None if isinstance(reasons, list) else said


@lru_cache(maxsize=KEYS_REMEMBERED)
def _unwanted(key: str) -> bool:
    return key in _WANTED or is_content(key)


def _unwanted_kept(key: str) -> bool:
    return key in _WANTED
