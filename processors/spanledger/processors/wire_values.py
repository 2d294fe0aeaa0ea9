"""OTLP's AnyValues as they stand on the wire become the columns of their members, without a Python object per value.

The decoder leaves each value as the bytes of its message. Nearly all are one field, written the one usual way: a tag,
for texts, lists and maps a length, then the content to the end. Those are cut out whole columns at a time. Any other
value (several fields, unknown ones, broken ones) is first written anew by protobuf's own reader, once for each distinct
one. Sources: https://protobuf.dev/programming-guides/encoding/ and OTLP's common.proto.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1 import common_pb2

Places: TypeAlias = npt.NDArray[np.int64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]

STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = 0x0A, 0x10, 0x18, 0x21, 0x2A, 0x32, 0x3A
"""The tag bytes of AnyValue's fields: number and wire type."""
EMPTY: Final = 0
"""Instead of a tag where a value has none; no field has the number 0."""

MORE: Final = 0x80
BITS: Final = 0x7F
"""Of a byte of a varint: whether another follows, and the bits of the number, the lowest first."""
INT_BYTES_MAX: Final = 10
LENGTH_BYTES_MAX: Final = 5
DOUBLE_BYTES: Final = 8


@dataclass(frozen=True)
class Members:
    """A column of `rows` AnyValues: the member that each value uses, NULL in the others.

    None is a member that no value uses. Lists and maps are the bytes of their messages; a bytes_value says nothing.
    """

    rows: int
    string_value: pa.StringArray | None = None
    bool_value: pa.BooleanArray | None = None
    int_value: pa.Int64Array | None = None
    double_value: pa.DoubleArray | None = None
    array_value: pa.BinaryArray | None = None
    kvlist_value: pa.BinaryArray | None = None


@dataclass(frozen=True)
class _Column:
    """Values in `data`: value i begins at `starts[i]` and has `lengths[i]` bytes, its tag included."""

    data: Bytes
    starts: Offsets
    lengths: Offsets

    def part(self, rows: Places) -> "_Column":
        return _Column(self.data, self.starts.take(rows), self.lengths.take(rows))

    def byte(self, number: int) -> Bytes:
        """Byte `number` of each value; anything where it is shorter."""
        return self.data.take(self.starts + np.int32(number), mode="clip")


def offsets_of(array: Any) -> Offsets:
    """Where the values of a string or binary array begin in its data, and where the last ends."""
    if not len(array):
        return np.zeros(1, np.int32)
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]


def members_at(values: pa.BinaryArray, places: Places) -> Members:
    """The members of the values at `places`, which ascend but for -1: nothing stands there, NULL in every member."""
    there = None if places.min(initial=0) >= 0 else np.flatnonzero(places >= 0)
    held = places if there is None else places[there]
    parts, odd = _read(_column(values, held))
    if odd is not None:
        parts, _ = _read(_column(_rewritten(values.take(pa.array(held)), odd), np.arange(len(held))))
    members = {}
    for member, (rows, said) in parts.items():
        at = rows if there is None else there if rows is None else there[rows]
        members[member] = said if at is None else _spread(said, at, len(places))
    return Members(len(places), **members)


def members_of(values: pa.BinaryArray) -> Members:
    """The members of all the values."""
    return members_at(values, np.arange(len(values)))


def _column(values: pa.BinaryArray, places: Places) -> _Column:
    offsets = offsets_of(values)
    data = np.frombuffer(values.buffers()[2] or b"\0", np.uint8)
    starts = offsets.take(places)
    return _Column(data, starts, offsets.take(places + 1) - starts)


def _read(column: _Column) -> tuple[dict[str, tuple[Places | None, Any]], Flags | None]:
    """By member the rows that use it (None: all) and what they say, and which rows are not written the usual way.

    Where any row is not, what is said is worth nothing.
    """
    parts: dict[str, tuple[Places | None, Any]] = {}
    odd: Flags | None = None
    for tag, rows in _by_tag(column):
        member, read = _READERS.get(tag, _UNKNOWN)
        said, usual = read(column if rows is None else column.part(rows))
        if member:
            parts[member] = (rows, said)
        if not usual.all():
            odd = np.zeros(len(column.starts), bool) if odd is None else odd
            odd[slice(None) if rows is None else rows] = ~usual
    return parts, odd


def _by_tag(column: _Column) -> list[tuple[int, Places | None]]:
    """The tags of the values, and the rows of each; None where all have the same, as in nearly every column."""
    tags = column.byte(0)
    if not len(tags) or column.lengths.min() == 0:
        tags[column.lengths == 0] = EMPTY
    elif (tags == tags[0]).all():
        return [(int(tags[0]), None)]
    present = np.flatnonzero(np.bincount(tags, minlength=1)).tolist()
    return [(tag, np.flatnonzero(tags == tag)) for tag in present if tag != EMPTY]


def _texts(column: _Column) -> tuple[pa.StringArray, Flags]:
    raw, usual = _contents(column)
    validity, offsets, data = raw.buffers()
    # ASCII is UTF-8, and to see that it is takes a fraction of the time.
    if np.frombuffer(data or b"", np.uint8).max(initial=0) < MORE:
        return pa.StringArray.from_buffers(len(raw), offsets, data, validity), usual
    try:
        return raw.cast(pa.string()), usual
    except pa.ArrowInvalid:
        # Invalid UTF-8 is no reason to lose a bill: the texts are mended.
        return pa.array([text.decode("utf-8", "replace") for text in raw.to_pylist()], pa.string()), usual


def _contents(column: _Column) -> tuple[pa.BinaryArray, Flags]:
    """What stands after tag and length, to the end."""
    headers = _headers(column)
    return _cut(column, headers), headers > 0


def _nothing(column: _Column) -> tuple[None, Flags]:
    """Bytes: they say nothing."""
    return None, _headers(column) > 0


def _unknown(column: _Column) -> tuple[None, Flags]:
    return None, np.zeros(len(column.starts), bool)


def _ints(column: _Column) -> tuple[pa.Int64Array, Flags]:
    """Varints that end where their value does."""
    usual = (column.lengths >= 2) & (column.lengths <= 1 + INT_BYTES_MAX)
    numbers = np.zeros(len(column.starts), np.uint64)
    for number in range(1, 1 + min(int(column.lengths.max()) - 1, INT_BYTES_MAX)):
        byte = column.byte(number)
        bits = (byte & np.uint8(BITS)).astype(np.uint64) << np.uint64(7 * (number - 1))
        if number > 1:
            bits[column.lengths <= number] = 0
        numbers |= bits
        usual &= ((byte >= MORE) == (column.lengths > number + 1)) | (column.lengths <= number)
    return pa.array(numbers.view(np.int64)), usual


def _bools(column: _Column) -> tuple[pa.BooleanArray, Flags]:
    byte = column.byte(1)
    return pa.array(byte == 1), (column.lengths == 2) & (byte <= 1)


def _doubles(column: _Column) -> tuple[pa.DoubleArray, Flags]:
    usual = column.lengths == 1 + DOUBLE_BYTES
    if not usual.all():
        return None, usual
    raw = _cut(column, 1)
    return pa.array(np.frombuffer(raw.buffers()[2], "<f8")[: len(raw)]), usual


def _headers(column: _Column) -> Offsets:
    """The bytes before the content of each text, list or map: tag and length; 0 where the length is not the content's.

    Lengths are one byte for most, and some senders write them with more bytes than they need.
    """
    first = column.byte(1)
    usual = (first == column.lengths - 2) & (first < MORE)
    headers = np.full(len(usual), 2, np.int32)
    if usual.all():
        return headers
    headers[~usual] = 0
    rows = np.flatnonzero(~usual)
    others = column.part(rows)
    said = (others.byte(1) & np.uint8(BITS)).astype(np.int64)
    goes_on = others.byte(1) >= MORE
    for number in range(2, LENGTH_BYTES_MAX + 1):
        byte = others.byte(number)
        said |= (byte & np.uint8(BITS)).astype(np.int64) << (7 * (number - 1))
        ends = goes_on & (byte < MORE) & (said == others.lengths - (number + 1))
        headers[rows[ends]] = number + 1
        goes_on &= byte >= MORE
    return headers


def _cut(column: _Column, headers: Offsets | int) -> pa.BinaryArray:
    """What stands after the header of each value.

    Contents and the gaps between them, in turn, are an array over the same data; every second one is taken.
    """
    count = len(column.starts)
    bounds = np.empty(2 * count, np.int32)
    np.add(column.starts, headers, out=bounds[::2])
    np.add(column.starts, column.lengths, out=bounds[1::2])
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(column.data)]
    both = pa.BinaryArray.from_buffers(pa.binary(), 2 * count - 1, buffers)
    return both.take(pa.array(np.arange(0, 2 * count, 2)))


_READERS: Final[dict[int, tuple[str, Any]]] = {
    STRING: ("string_value", _texts),
    BOOL: ("bool_value", _bools),
    INT: ("int_value", _ints),
    DOUBLE: ("double_value", _doubles),
    ARRAY: ("array_value", _contents),
    KVLIST: ("kvlist_value", _contents),
    BYTES: ("", _nothing),
}
_UNKNOWN: Final = ("", _unknown)
"""By tag the member, "" for those that say nothing, and its reader: what a column says, and which values are usual."""


def _spread(said: Any, rows: Places, count: int) -> Any:
    """What is said of `rows`, as a column of `count`."""
    index = np.full(count, -1)
    index[rows] = np.arange(len(rows))
    return said.take(pa.array(index, mask=index < 0))


def _rewritten(values: pa.BinaryArray, odd: Flags) -> pa.BinaryArray:
    """The values with the odd ones as protobuf reads them: the last member counts, unknown fields go."""
    mask = pa.array(odd)
    distinct = values.filter(mask).dictionary_encode()
    written = pa.array([_written(raw) for raw in distinct.dictionary.to_pylist()], pa.binary())
    return pc.replace_with_mask(values, mask, written.take(distinct.indices))


def _written(raw: bytes) -> bytes:
    """One value in the usual writing; an empty one where it cannot be read."""
    value = common_pb2.AnyValue()
    try:
        value.ParseFromString(raw)
    except DecodeError:
        return b""
    value.DiscardUnknownFields()
    return value.SerializeToString()
