"""AnyValues on the wire: the member that protobuf's own reader finds, however the sender wrote it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanledger.processors.wire_values import Members, members_at, members_of
from tests.otlp_requests import anything, sized, value, wire_values

NAMES = ("string_value", "bool_value", "int_value", "double_value", "array_value", "kvlist_value")
columns = settings(deadline=None, max_examples=200)


def told(members: Members) -> list[tuple[str, Any] | None]:
    """Per value the one member that it uses, NaN as text (it is not equal to itself)."""
    rows: list[tuple[str, Any] | None] = [None] * members.rows
    for name in NAMES:
        column = getattr(members, name)
        for row, said in enumerate([] if column is None else column.to_pylist()):
            if said is not None:
                assert rows[row] is None, f"value {row} is {rows[row]} and {name} {said}"
                rows[row] = (name, "NaN" if said != said else said)
    return rows


def protobufs(raw: bytes) -> tuple[str, Any] | None:
    """What protobuf's own reader says."""
    said = AnyValue.FromString(raw)
    name = said.WhichOneof("value")
    if name not in NAMES:
        return None
    member = getattr(said, name)
    if name in ("array_value", "kvlist_value"):
        return name, member.SerializeToString()
    return name, "NaN" if member != member else member


def binary(raws: list[bytes]) -> pa.BinaryArray:
    return pa.array(raws, pa.binary())


@columns
@given(st.lists(anything, max_size=12))
def test_values_as_any_library_writes_them(values):
    raws = [said.SerializeToString() for said in values]
    assert told(members_of(binary(raws))) == [protobufs(raw) for raw in raws]


@columns
@given(st.lists(wire_values, max_size=12))
def test_values_in_any_writing_that_protobuf_reads(raws):
    assert told(members_of(binary(raws))) == [protobufs(raw) for raw in raws]


@columns
@given(st.lists(st.binary(max_size=14) | st.builds(bytes.__add__, wire_values, st.binary(max_size=3)), max_size=8))
def test_what_protobuf_does_not_read_is_null_or_mended_and_its_neighbours_are_read(raws):
    for raw, said in zip(raws, told(members_of(binary(raws))), strict=True):
        try:
            assert said == protobufs(raw)
        except DecodeError:
            # A text is mended; what is inside lists and maps is looked at when somebody asks for it.
            assert said is None or said[0] in ("string_value", "array_value", "kvlist_value")


WRITINGS = {
    "an empty value": (b"", None),
    "an empty text": (b"\x0a\x00", ("string_value", "")),
    "a length of more bytes than it needs": (b"\x0a\x83\x80\x80\x00abc", ("string_value", "abc")),
    "a length of five bytes": (b"\x0a\x83\x80\x80\x80\x00abc", ("string_value", "abc")),
    "a text of 127 bytes": (sized(b"\x0a", b"x" * 127), ("string_value", "x" * 127)),
    "a text of 128 bytes": (sized(b"\x0a", b"x" * 128), ("string_value", "x" * 128)),
    "a text of 16,384 bytes": (sized(b"\x0a", b"x" * 16_384), ("string_value", "x" * 16_384)),
    "a text of 3 MB": (sized(b"\x0a", b"x" * 3_000_000), ("string_value", "x" * 3_000_000)),
    "the smallest number": (b"\x18" + b"\x80" * 9 + b"\x01", ("int_value", -(2**63))),
    "minus one": (b"\x18" + b"\xff" * 9 + b"\x01", ("int_value", -1)),
    "the greatest number": (b"\x18" + b"\xff" * 8 + b"\x7f", ("int_value", 2**63 - 1)),
    "more bits than a number has": (b"\x18" + b"\xff" * 9 + b"\x7f", ("int_value", -1)),
    "a number of more bytes than it needs": (b"\x18\x85\x80\x00", ("int_value", 5)),
    "a number twice": (b"\x18\x01\x18\x02", ("int_value", 2)),
    "a number and then a text": (b"\x18\x01\x0a\x01x", ("string_value", "x")),
    "a text and then a number": (b"\x0a\x01x\x18\x01", ("int_value", 1)),
    "a text that looks like one and a number": (b"\x0a\x03x\x18\x01", ("string_value", "x\x18\x01")),
    "true": (b"\x10\x01", ("bool_value", True)),
    "a true of two": (b"\x10\x02", ("bool_value", True)),
    "a true of many bytes": (b"\x10\x80\x80\x01", ("bool_value", True)),
    "a false of many bytes": (b"\x10\x80\x00", ("bool_value", False)),
    "a double": (b"\x21" + b"\x00" * 6 + b"\xe0\x3f", ("double_value", 0.5)),
    "bytes": (b"\x3a\x01x", None),
    "bytes and then a number": (b"\x3a\x01x\x18\x05", ("int_value", 5)),
    "a text by its number in a table": (b"\x40\x01", None),
    "a field that nobody knows": (b"\xba\x3e\x03new", None),
    "a number and a field that nobody knows": (b"\x18\x07\xba\x3e\x03new", ("int_value", 7)),
}


@pytest.mark.parametrize(("raw", "said"), WRITINGS.values(), ids=WRITINGS)
def test_every_writing_of_a_value(raw, said):
    assert protobufs(raw) == said
    assert told(members_of(binary([raw]))) == [said]
    assert told(members_of(binary([b"\x0a\x01a", raw, b"\x18\x05"])))[1] == said


BROKEN = {
    "a length beyond the value": b"\x0a\x05abc",
    "a length beyond all memory": b"\x0a\xff\xff\xff\xff\x0f",
    "a length of ten bytes": b"\x0a\x83" + b"\x80" * 8 + b"\x00abc",
    "a length without an end": b"\x0a\xff",
    "no length": b"\x0a",
    "a number without an end": b"\x18\xff",
    "no number": b"\x18",
    "a number of eleven bytes": b"\x18" + b"\xff" * 10 + b"\x01",
    "a double of seven bytes": b"\x21" + b"\x00" * 7,
    "a text as a number": b"\x08\x01",
    "a group": b"\x0c",
    "zeros": b"\x00\x00",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_a_broken_value_is_null_and_its_neighbours_are_read(raw):
    around = [b"\x0a\x01a", raw, b"\x18\x05", b"", b"\x21" + bytes(8)]
    told_around = told(members_of(binary(around)))
    assert told_around == [("string_value", "a"), told_around[1], ("int_value", 5), None, ("double_value", 0.0)]
    try:
        assert told_around[1] == protobufs(raw)
    except DecodeError:
        assert told_around[1] is None


@pytest.mark.parametrize("good", ["", "ascii", "naïve 漢字 😀"])
def test_broken_utf8_is_mended_and_good_utf8_is_not_touched(good):
    texts = [good.encode(), b"a\xff\xfe\xc3\x28b", "é".encode()[:1], "é".encode()[1:]]
    said = members_of(binary([sized(b"\x0a", text) for text in texts])).string_value
    assert said is not None
    said.validate(full=True)
    assert said.to_pylist() == [good, "a\ufffd\ufffd\ufffd(b", "\ufffd", "\ufffd"]


def test_the_places_that_are_asked_for_in_a_part_of_an_array():
    raws = [value(item).SerializeToString() for item in ("lost", "a", 1, None, True, [1], "b", 0.5)]
    part = binary(raws)[1:]
    assert told(members_at(part, np.array([0, -1, 1, 3, -1, 5, 6]))) == [
        ("string_value", "a"),
        None,
        ("int_value", 1),
        ("bool_value", True),
        None,
        ("string_value", "b"),
        ("double_value", 0.5),
    ]
    assert members_at(part, np.array([-1, -1])) == Members(2)
    assert members_of(binary([])) == Members(0)
    assert members_at(binary([b""]), np.array([0, -1])) == Members(2)
