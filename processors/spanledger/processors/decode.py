"""Decode: serialised OTLP trace requests become columns, one row a span, without a Python object per span."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.processors.any_value import NO_TEXT, NOTHING
from spanledger.processors.attributes import Attributes
from spanledger.processors.otlp_messages import TraceDecoder

PIECE_BYTES: Final = 512 * 1024
"""The decoder holds the interpreter's lock while it works: about 1 ms for this much, so that the thread that commits
to the ledger is never kept waiting for longer."""


@dataclass(frozen=True)
class Scopes:
    """What a span shares with the others of its ScopeSpans: the instrumentation scope, and where it ran.

    `resource[i]` is the row of scope i in `resources`.
    """

    names: pa.StringArray
    versions: pa.StringArray
    resource: npt.NDArray[np.int64]
    resources: Attributes


@dataclass(frozen=True)
class Spans:
    """The spans of a group of requests.

    `request[i]` is the position of span i's request in the group, `scope[i]` its row in `scopes`. Ids are binary as
    they came, of any length; times are nanoseconds since 1970 as unsigned 64-bit integers; `status` is OTLP's code.
    """

    request: npt.NDArray[np.int64]
    scope: npt.NDArray[np.int64]
    scopes: Scopes
    trace_id: pa.BinaryArray
    span_id: pa.BinaryArray
    parent_span_id: pa.BinaryArray
    started: npt.NDArray[np.uint64]
    ended: npt.NDArray[np.uint64]
    status: npt.NDArray[np.int32]
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.request)

    def filter(self, keep: npt.NDArray[np.bool_]) -> "Spans":
        """The spans where `keep` is true; scopes and resources stay as they are."""
        if keep.all():
            return self
        mask = pa.array(keep)
        return Spans(
            request=self.request[keep],
            scope=self.scope[keep],
            scopes=self.scopes,
            trace_id=self.trace_id.filter(mask),
            span_id=self.span_id.filter(mask),
            parent_span_id=self.parent_span_id.filter(mask),
            started=self.started[keep],
            ended=self.ended[keep],
            status=self.status[keep],
            attributes=self.attributes.filter(keep),
        )


@dataclass(frozen=True)
class Decoded:
    """The spans of a group, and for each request that is no valid message the sentence that says so."""

    spans: Spans
    failures: dict[int, str]


@cache
def _strict() -> TraceDecoder:
    return TraceDecoder()


@cache
def _lenient() -> TraceDecoder:
    return TraceDecoder(texts_as_bytes=True)


def decode(requests: Sequence[bytes]) -> Decoded:
    """Decode a group of ExportTraceServiceRequests; one bad request never spoils another's."""
    pieces: list[Any] = []
    failures: dict[int, str] = {}
    start = 0
    while start < len(requests):
        stop, size = start + 1, len(requests[start])
        while stop < len(requests) and size + len(requests[stop]) <= PIECE_BYTES:
            size += len(requests[stop])
            stop += 1
        piece = list(requests[start:stop])
        try:
            pieces.append(_strict().decode(piece))
        except ValueError:
            pieces.extend(_one_by_one(piece, start, failures))
        start = stop
    if not pieces:
        pieces.append(_strict().decode([]))
    column = pieces[0].column(0) if len(pieces) == 1 else pa.concat_arrays([piece.column(0) for piece in pieces])
    return Decoded(_spans(column), failures)


def _one_by_one(requests: Sequence[bytes], start: int, failures: dict[int, str]) -> list[Any]:
    """Each request by itself; one that cannot be read is replaced by an empty one and told in `failures`."""
    pieces: list[Any] = []
    for offset, body in enumerate(requests):
        try:
            pieces.append(_strict().decode([body]))
        except ValueError as error:
            try:
                # Invalid UTF-8 alone is no reason to lose a bill: the texts are mended.
                loose = _lenient().decode([body])
                pieces.append(pa.RecordBatch.from_arrays([_mended(loose.column(0), _text_types())], ["resource_spans"]))
            except ValueError:
                failures[start + offset] = f"the body is no ExportTraceServiceRequest: {error}"
                pieces.append(_strict().decode([b""]))
    return pieces


@cache
def _text_types() -> pa.DataType:
    return _strict().decode([]).column(0).type


def _mended(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The same nested array with texts where `wanted` has them; broken UTF-8 becomes the replacement character."""
    if pa.types.is_list(wanted):
        values = _mended(array.values, wanted.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=wanted)
    if pa.types.is_struct(wanted):
        children = [_mended(array.field(i), wanted.field(i).type) for i in range(wanted.num_fields)]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())
    if pa.types.is_string(wanted) and pa.types.is_binary(array.type):
        texts = [None if raw is None else raw.decode("utf-8", "replace") for raw in array.to_pylist()]
        return pa.array(texts, wanted)
    return array


def _parents(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """For each element of the flattened lists the row that it came from."""
    return np.repeat(np.arange(len(lists), dtype=np.int64), np.diff(lists.offsets.to_numpy()))


def _spans(resource_spans: pa.ListArray) -> Spans:
    per_resource = resource_spans.flatten()
    per_scope = per_resource.field("scope_spans").flatten()
    spans = per_scope.field("spans").flatten()
    request_of_resource = _parents(resource_spans)
    resource_of_scope = _parents(per_resource.field("scope_spans"))
    scope_of_span = _parents(per_scope.field("spans"))
    scope = per_scope.field("scope")
    return Spans(
        request=request_of_resource[resource_of_scope[scope_of_span]],
        scope=scope_of_span,
        scopes=Scopes(
            names=_text(scope, "name"),
            versions=_text(scope, "version"),
            resource=resource_of_scope,
            resources=Attributes.of(_attribute_lists(per_resource.field("resource"))),
        ),
        trace_id=spans.field("trace_id"),
        span_id=spans.field("span_id"),
        parent_span_id=spans.field("parent_span_id"),
        started=_numbers(spans.field("start_time_unix_nano")).astype(np.uint64),
        ended=_numbers(spans.field("end_time_unix_nano")).astype(np.uint64),
        status=_numbers(pc.struct_field(spans.field("status"), "code")).astype(np.int32),
        attributes=Attributes.of(spans.field("attributes")),
    )


def _text(struct: pa.StructArray, name: str) -> pa.StringArray:
    """A text member of an optional message; NULL where it is empty or the message is absent."""
    texts = pc.struct_field(struct, name)
    return pc.if_else(pc.equal(texts, NOTHING), NO_TEXT, texts)


def _attribute_lists(resource: pa.StructArray) -> pa.ListArray:
    """The attribute lists of optional Resource messages; an absent one has none.

    A null struct may hold values beneath: only `struct_field` looks at the mask, and flattening it would lose rows.
    """
    lists = pc.struct_field(resource, "attributes")
    if lists.null_count:
        empty = pa.array([[]], lists.type)
        lists = pc.coalesce(lists, empty[0])
    return lists


def _numbers(column: Any) -> npt.NDArray[Any]:
    filled = column.fill_null(0) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False))
