"""Readings of an AnyValue: text, count, number and JSON, on whole columns of mixed kinds."""

import math
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.processors import any_value
from spanledger.processors.decode import decode
from spanledger.processors.spans import spans as spans_of
from spanledger.processors.wire_values import Members, members_at
from tests.oracle import as_count, as_number, as_text, plain
from tests.otlp_requests import body, scalars, sized, span, value

nested = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
columns = settings(deadline=None, max_examples=80)


def column(*said: Any, start: int = 0) -> Members:
    """These values as the decoder hands them over, from the place `start` on."""
    values = spans_of(decode("traces", [body(span([("key", item) for item in said]))])).attributes.values
    return members_at(values, np.arange(start, len(said)))


def deep(levels: int) -> list[Any]:
    said: list[Any] = []
    for _ in range(levels - 1):
        said = [said]
    return said


@columns
@given(st.lists(nested, min_size=1, max_size=8))
def test_json_of_any_values_is_what_they_are(said):
    told = [orjson.loads(text) for text in any_value.as_json(column(*said)).to_pylist()]
    assert told == [plain(value(item)) for item in said]


@columns
@given(st.lists(nested, min_size=1, max_size=8))
def test_text_is_the_oracles(said):
    told = any_value.as_text(column(*said)).to_pylist()
    assert [text or None for text in told] == [as_text(value(item)) for item in said]


@columns
@given(st.lists(scalars, min_size=1, max_size=8))
def test_integers_are_the_oracles(said):
    told = any_value.as_integers(column(*said)).to_pylist()
    for item, number in zip(said, told, strict=True):
        if number is not None and 0 <= number <= 10**12:
            assert as_count(value(item)) == (number, False)
        else:
            assert as_count(value(item))[0] is None


@columns
@given(st.lists(scalars, min_size=1, max_size=8))
def test_doubles_are_the_oracles(said):
    assert any_value.as_doubles(column(*said)).to_pylist() == [as_number(value(item)) for item in said]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (7, "7"),
        (-(2**63), "-9223372036854775808"),
        (True, "true"),
        (0.5, "0.5"),
        (3.0, "3"),
        (["stop", "length"], "stop,length"),
        (["stop"], "stop"),
        ([1, True, 0.5], "1,true,0.5"),
        ([["a"], {"b": 1}, None], '["a"],{"b":1},null'),
        (["a,b"], "a,b"),
        (math.nan, None),
        (math.inf, None),
        ({"a": "b"}, None),
        (b"bytes", None),
        (None, None),
        ("a text", "a text"),
    ],
)
def test_a_value_as_text(said, text):
    assert any_value.as_text(column(said)).to_pylist() == [text]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("12", 12), (" 12\n", 12), ("+12", 12), ("-12", -12), ("12.0", 12), ("12.000", 12), ("007", 7),
        ("9" * 18, 10**18 - 1), ("9" * 19, None), ("12.5", None), ("1e3", None), ("1,000", None), ("0x10", None),
        ("", None), (" ", None), ("١٢", None), ("1_000", None), ("12\x00", None), ("--1", None), ("12.", None),
        (12.0, 12), (-12.0, -12), (-0.0, 0), (12.5, None), (2.0**53 - 1, 2**53 - 1), (2.0**53, None), (1e300, None),
        (math.nan, None), (math.inf, None), (True, None), (None, None), (b"12", None), ([12], None), ({"n": 12}, None),
        (12, 12), (-(2**63), -(2**63)),
    ],
)  # fmt: skip
def test_a_value_as_an_integer(said, number):
    assert any_value.as_integers(column(said)).to_pylist() == [number]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("0.25", 0.25), (".5", 0.5), ("5.", 5.0), ("+1e-3", 0.001), ("-2E+2", -200.0), (" 1 ", 1.0), ("1e999", None),
        ("1e9999", None), ("1e-999", 0.0), ("nan", None), ("inf", None), ("", None), ("1.2.3", None), ("1,5", None),
        (3, 3.0), (2**63 - 1, float(2**63)), (True, None), (None, None), (b"1", None), ([1.0], None),
        (0.5, 0.5), (math.nan, None), (-math.inf, None),
    ],
)  # fmt: skip
def test_a_value_as_a_double(said, number):
    assert any_value.as_doubles(column(said)).to_pylist() == [number]


@pytest.mark.parametrize("said", [None, b"bytes", math.nan, math.inf])
def test_a_column_that_says_nothing_is_null_in_json(said):
    assert any_value.as_json(column(said, said)).to_pylist() == ["null", "null"]


def test_equal_values_of_a_batch_are_written_alike():
    said = ['a "quote"', "plain", ["x"], {"k": 1}] * 3
    assert any_value.as_json(column(*said)).to_pylist() == ['"a \\"quote\\""', '"plain"', '["x"]', '{"k":1}'] * 3


def test_a_part_of_a_column_is_read_as_itself():
    said = ["a", 1, None, [1], {"k": "v"}, 0.5, "7"]
    whole = column(*said)
    for start in range(len(said)):
        part = column(*said, start=start)
        assert any_value.as_json(part).to_pylist() == any_value.as_json(whole).to_pylist()[start:]
        assert any_value.as_integers(part).to_pylist() == any_value.as_integers(whole).to_pylist()[start:]
        assert any_value.as_text(part).to_pylist() == any_value.as_text(whole).to_pylist()[start:]


def test_a_value_that_is_not_there_is_null_in_every_reading():
    values = spans_of(decode("traces", [body(span({"key": "a"}), span({"key": 1}))])).attributes.values
    members = members_at(values, np.array([-1, 0, -1, 1]))
    assert any_value.as_text(members).to_pylist() == [None, "a", None, "1"]
    assert any_value.as_integers(members).to_pylist() == [None, None, None, 1]
    assert any_value.as_doubles(members).to_pylist() == [None, None, None, 1.0]


def test_what_is_nested_too_deep_is_cut_off_with_null():
    limit = any_value.DEPTH_MAX
    assert any_value.as_json(column(deep(limit))).to_pylist() == ["[" * limit + "]" * limit]
    assert any_value.as_json(column(deep(limit + 3))).to_pylist() == ["[" * limit + "null" + "]" * limit]


def test_what_protobuf_itself_does_not_read_is_null():
    assert any_value.as_json(column(deep(40), "beside")).to_pylist()[1] == '"beside"'
    # Deeper than the parser goes (100 messages): built from the inside, as a sender without a limit would.
    raw = b""
    for _ in range(120):
        inner = sized(b"\x2a", raw)  # AnyValue.array_value
        raw = sized(b"\x0a", inner)  # ArrayValue.values
    values = Members(1, array_value=pa.array([raw], pa.binary()))
    assert any_value.as_json(values).to_pylist() == ["null"]
    assert any_value.as_text(values).to_pylist() == [None]
