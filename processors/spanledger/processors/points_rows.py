"""Points as rows: what each counts and for whom, and its identity."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors import points_metrics
from spanledger.processors.attributes import Attributes
from spanledger.processors.dialects.columns import RESOURCE, WHO
from spanledger.processors.dialects.providers import provider_said
from spanledger.processors.distinct import combinations
from spanledger.processors.hashing import hash_texts, hash_words, seed_of
from spanledger.processors.identify import tenant_seeds
from spanledger.processors.normalise import Sender
from spanledger.processors.points import NOT_KNOWN, Points
from spanledger.processors.pricing.money import decimals
from spanledger.processors.redact import is_content
from spanledger.processors.rest import rest_as_json
from spanledger.storage.schema import POINT_COLUMNS, POINTS, TIME, Hashes

WHO_KEYS: Final = WHO | {"session_id": (*WHO["session_id"], "conversation.id", "ulid")}
"""Codex and Cline say their session in words of their own."""

LABEL_KEYS: Final = {
    "operation": points_metrics.OPERATION,
    "provider": points_metrics.PROVIDER,
    "request_model": points_metrics.REQUEST_MODEL,
    "response_model": points_metrics.RESPONSE_MODEL,
}

IDENTITY: Final = ("service.namespace", "service.name", "service.instance.id", "process.pid")
"""Resource attributes that tell one process from another. Others may be added by a Collector on one of two routes."""

_GROWING: Final = "spanledger.requests"
"""How many requests a vendor's export added up: it grows with the amount, and tells no series from another."""

_SERIES: Final = seed_of("usage series")
_POINT: Final = seed_of("usage point")
_ATTRIBUTE: Final = seed_of("usage attribute")

_WANTED: Final = frozenset(
    key for keys in (*LABEL_KEYS.values(), *WHO_KEYS.values(), points_metrics.TOKEN_TYPE) for key in keys
)
_TEMPORALITIES: Final = pa.array(["delta", "cumulative"])


def point_rows(points: Points, senders: Sequence[Sender], ingested_us: int, *, keep_content: bool = False) -> pa.Table:
    """One row of POINTS a point.

    `senders[i]` belongs to request i; `ingested_us` is microseconds since 1970.
    """
    attributes, scopes = points.attributes, points.scopes
    labels = {name: attributes.label(*keys) for name, keys in LABEL_KEYS.items()}
    labels["provider"] = _providers(labels["provider"])
    token_type = attributes.label(*points_metrics.TOKEN_TYPE)
    kind, precedence = _readings(points, token_type, labels["provider"])
    series = _series(points, senders)
    value = np.rint(points.value).astype(np.int64)
    columns: dict[str, Any] = {
        "point_hash": pa.array(_hashes(points, series)),
        "series_hash": pa.array(series),
        "metric": pa.array(points.metrics, pa.string()).take(pa.array(points.metric)),
        "temporality": _TEMPORALITIES.take(pa.array(points.cumulative.astype(np.int64))),
        "kind": kind,
        "token_type": token_type.dictionary_decode(),
        "precedence": precedence,
        "started_at": _times(points.started, known=points.started > 0),
        "ended_at": _times(points.ended),
        "ingested_at": pa.array(np.full(len(points), ingested_us), TIME),
        "tokens": pa.array(value, mask=points.is_cost),
        "cost_usd": decimals(value, points.is_cost),
        "measurements": pa.array(points.measurements, mask=points.measurements == NOT_KNOWN),
        "tenant": _per_request(points, [sender.tenant for sender in senders]),
        "api_key_id": _per_request(points, [sender.api_key_id or None for sender in senders]),
        "scope_name": scopes.names.take(pa.array(points.scope)),
        "scope_version": scopes.versions.take(pa.array(points.scope)),
        "attributes": rest_as_json(
            attributes, _unwanted_kept if keep_content else _unwanted, keep_content=keep_content
        ),
    }
    columns |= labels
    resource = pa.array(scopes.resource[points.scope])
    for name, keys in RESOURCE.items():
        columns[name] = scopes.resources.text(*keys).take(resource)
    for name, keys in WHO_KEYS.items():
        columns[name] = pc.coalesce(attributes.text(*keys), scopes.resources.text(*keys).take(resource))
    return pa.table([_column(columns.get(name), name, len(points)) for name in POINTS.names], schema=POINTS)


def _providers(said: pa.DictionaryArray) -> pa.DictionaryArray:
    """Providers by the conventions' names, as calls have them; NULL for names that are none."""
    names = pa.array([provider_said(name) for name in said.dictionary.to_pylist()], pa.string())
    return names.take(said.indices).dictionary_encode()


def _readings(
    points: Points, token_type: pa.DictionaryArray, provider: pa.DictionaryArray
) -> tuple[pa.StringArray, pa.Array]:
    """What each point counts, and the precedence of its metric; asked once for each distinct combination."""
    names = pa.array(points.metrics, pa.string())
    labels = pa.table({
        "name": pa.DictionaryArray.from_arrays(pa.array(points.metric.astype(np.int32)), names),
        "scope": points.scopes.names.dictionary_encode().take(pa.array(points.scope)),
        "provider": provider,
        "token_type": token_type,
    })  # fmt: skip
    distinct, which = combinations(labels, labels.column_names)
    said = [points_metrics.reading(name or "", *others) for name, *others in distinct]
    kinds = pa.array([kind for kind, _ in said], pa.string())
    places = pa.array(which)
    return kinds.take(places), pa.array([rank for _, rank in said], pa.int32()).take(places)


def _series(points: Points, senders: Sequence[Sender]) -> Hashes:
    """The identity of each point's series: all that a sender repeats from one point to the next but for its start."""
    resources, scopes = points.scopes.resources, points.scopes
    process = np.full(resources.rows, _SERIES)
    for key in IDENTITY:
        process = hash_texts(resources.text(key), process)
    per_scope = hash_texts(scopes.names, process[scopes.resource])
    metrics = hash_texts(pa.array(points.metrics, pa.string()), np.full(len(points.metrics), _SERIES))
    words = [metrics[points.metric], per_scope[points.scope], _attribute_sets(points.attributes),
             points.cumulative.astype(np.uint64)]  # fmt: skip
    return hash_words(np.stack(words, axis=1), tenant_seeds([sender.tenant for sender in senders], points.request))


def _hashes(points: Points, series: Hashes) -> Hashes:
    """The identity of each point. What it says counts: two that say different things are two, whatever their times."""
    words = [points.started, points.ended, points.value.view(np.uint64), points.measurements.view(np.uint64)]
    return hash_words(np.stack(words, axis=1), series ^ _POINT)


def _attribute_sets(attributes: Attributes) -> Hashes:
    """A hash of each row's attributes, the same in any order."""
    pairs, codes, counts = attributes.pairs(lambda key: key != _GROWING)
    values = attributes.values.take(pa.array(pairs)).dictionary_encode()
    said = hash_texts(values.dictionary, np.full(len(values.dictionary), _ATTRIBUTE))
    keys = hash_texts(pa.array(attributes.keys, pa.string()), np.full(len(attributes.keys), _ATTRIBUTE))
    each = hash_words(said[values.indices.to_numpy(zero_copy_only=False)].reshape(-1, 1), keys[codes])
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(each)])
    ends = np.cumsum(counts)
    return np.asarray(sums[ends] - sums[ends - counts])


def _per_request(points: Points, texts: Sequence[str | None]) -> pa.StringArray:
    return pa.array(texts, pa.string()).take(pa.array(points.request))


def _times(nanoseconds: npt.NDArray[np.uint64], known: npt.NDArray[np.bool_] | None = None) -> pa.TimestampArray:
    microseconds = (nanoseconds // np.uint64(1000)).astype(np.int64)
    return pa.array(microseconds, pa.int64(), mask=None if known is None else ~known).cast(TIME)


def _column(said: Any, name: str, count: int) -> pa.Array:
    """A column in the type that travels."""
    wanted = POINT_COLUMNS[name]
    if said is None:
        return pa.nulls(count, wanted)
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(said.type):
        return said.dictionary_encode()
    return said


def _unwanted(key: str) -> bool:
    return key in _WANTED or is_content(key)


def _unwanted_kept(key: str) -> bool:
    return key in _WANTED
