"""Decode: serialised OTLP requests of one signal become an Arrow column, one row a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pyarrow as pa

from spanledger.processors.otlp_messages import MESSAGES, Decoder
from spanledger.processors.records import Signal

PIECE_BYTES: Final = 512 * 1024
"""The decoder holds the interpreter's lock while it works: about 1 ms for this much, so that the thread that commits
to the ledger is never kept waiting for longer."""


@dataclass(frozen=True)
class Decoded:
    """The requests of a group as one column, and for each that is no valid message the sentence that says so.

    `requests` is a list column with one row a request: its `resource_spans`, `resource_logs` or `resource_metrics`.
    """

    requests: pa.ListArray
    failures: dict[int, str]


@cache
def _strict(signal: Signal) -> Decoder:
    return Decoder(signal)


@cache
def _lenient(signal: Signal) -> Decoder:
    return Decoder(signal, texts_as_bytes=True)


def decode(signal: Signal, requests: Sequence[bytes]) -> Decoded:
    """Decode a group of export requests of one signal; one bad request never spoils another's."""
    strict = _strict(signal)
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
            pieces.append(strict.decode(piece))
        except ValueError:
            pieces.extend(_one_by_one(signal, piece, start, failures))
        start = stop
    if not pieces:
        pieces.append(strict.decode([]))
    column = pieces[0].column(0) if len(pieces) == 1 else pa.concat_arrays([piece.column(0) for piece in pieces])
    return Decoded(column, failures)


def _one_by_one(signal: Signal, requests: Sequence[bytes], start: int, failures: dict[int, str]) -> list[Any]:
    """Each request by itself; one that cannot be read is replaced by an empty one and told in `failures`."""
    pieces: list[Any] = []
    strict, lenient = _strict(signal), _lenient(signal)
    for offset, body in enumerate(requests):
        try:
            pieces.append(strict.decode([body]))
        except ValueError as error:
            try:
                # Invalid UTF-8 alone is no reason to lose a bill: the texts are mended.
                loose = lenient.decode([body])
                wanted = strict.decode([]).column(0).type
                pieces.append(pa.RecordBatch.from_arrays([_mended(loose.column(0), wanted)], loose.schema.names))
            except ValueError:
                failures[start + offset] = f"the body is no {MESSAGES[signal].name}: {error}"
                pieces.append(strict.decode([b""]))
    return pieces


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
