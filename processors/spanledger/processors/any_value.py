"""Readings of OTLP's AnyValue columns: what a value is as text, as an integer, as JSON.

A column of them is its members as Arrow arrays, string_value, bool_value, int_value, double_value (Arrow types) and
array_value, kvlist_value (serialised messages). All functions work on whole columns; only the distinct nested values
of a batch are ever parsed one by one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1 import common_pb2

QUOTE: Final = pa.scalar('"')
NOTHING: Final = pa.scalar("")
NULL: Final = pa.scalar("null")
NO_COUNT: Final = pa.scalar(None, pa.int64())
NO_CODE: Final = pa.scalar(None, pa.int32())
NO_TEXT: Final = pa.scalar(None, pa.string())
NO_DOUBLE: Final = pa.scalar(None, pa.float64())
"""Made once: Arrow makes a scalar of each Python value given, and looks for a calendar library each time: 80 µs."""

Members: TypeAlias = Mapping[str, pa.Array]
"""A column of AnyValues: the member that each value uses, NULL in the others."""

DEPTH_MAX: Final = 32
"""Arrays and maps nested deeper than this are cut off with null: nobody reads them, and a bomb is made of them."""


def taken(values: pa.StructArray, index: pa.Array) -> dict[str, pa.Array]:
    """The members of some values; members that no value of the batch uses cost nothing."""
    members = {}
    for member in values.type:
        column = values.field(member.name)
        unused = column.null_count == len(column)
        members[member.name] = pa.nulls(len(index), member.type) if unused else column.take(index)
    return members


def scalars_as_text(values: Members) -> pa.StringArray:
    """Finite numbers and booleans as JSON writes them, arrays joined by commas; NULL for everything else."""
    return _first_said(
        values["int_value"].cast(pa.string()),
        values["bool_value"].cast(pa.string()),
        finite(values["double_value"]).cast(pa.string()),
        _each_distinct(values["array_value"], lambda raw: _joined(_parsed(common_pb2.ArrayValue(), raw))),
    )


def as_integers(values: Members) -> pa.Int64Array:
    """Integral doubles and decimal texts as integers; NULL for everything else, integers included."""
    doubles = values["double_value"]
    whole = pc.and_(pc.less(pc.abs(doubles), 2.0**53), pc.equal(doubles, pc.trunc(doubles)))
    texts = pc.utf8_trim_whitespace(values["string_value"])
    # Up to 18 digits fit an int64; a longer run of digits is no count.
    digits = pc.match_substring_regex(texts, r"^[+-]?\d{1,18}(\.0+)?$")
    plain = pc.replace_substring_regex(pc.if_else(digits, texts, None), r"^\+|\.0+$", "")
    return pc.coalesce(pc.if_else(whole, doubles, None).cast(pa.int64()), plain.cast(pa.int64()))


def as_doubles(values: Members) -> pa.DoubleArray:
    """Integers and decimal texts as doubles; NULL for everything else, doubles included."""
    texts = pc.utf8_trim_whitespace(values["string_value"])
    number = pc.match_substring_regex(texts, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$")
    plain = pc.replace_substring_regex(pc.if_else(number, texts, None), r"^\+", "")
    return pc.coalesce(values["int_value"].cast(pa.float64(), safe=False), plain.cast(pa.float64()))


def as_json(values: Members) -> pa.StringArray:
    """Every value as JSON text; NaN and infinities, bytes and empty values as null."""
    texts = values["string_value"]
    said = _first_said(
        _quoted(texts),
        values["int_value"].cast(pa.string()),
        values["bool_value"].cast(pa.string()),
        finite(values["double_value"]).cast(pa.string()),
        _each_distinct(values["array_value"], lambda raw: _json(_parsed(common_pb2.ArrayValue(), raw))),
        _each_distinct(values["kvlist_value"], lambda raw: _json(_parsed(common_pb2.KeyValueList(), raw))),
    )
    return said.fill_null(NULL) if said.null_count else said


def finite(doubles: pa.DoubleArray) -> pa.DoubleArray:
    """Doubles with NaN and infinities made NULL."""
    return doubles if doubles.null_count == len(doubles) else pc.if_else(pc.is_finite(doubles), doubles, NO_DOUBLE)


def _first_said(*columns: Any) -> Any:
    """The first value of each row; columns that say nothing at all are not looked at."""
    telling = [column for column in columns if column.null_count < len(column)]
    return pc.coalesce(*telling) if telling else columns[0]


def _quoted(texts: pa.StringArray) -> pa.StringArray:
    """Texts as JSON strings; only the distinct ones are written, and only those with an escape one by one."""
    labels = texts.dictionary_encode()
    distinct = labels.dictionary
    special = pc.match_substring_regex(distinct, r'["\\\x00-\x1f]')
    quoted = pc.binary_join_element_wise(QUOTE, distinct, QUOTE, NOTHING)
    if special.true_count:
        escaped = [orjson.dumps(text).decode() for text in distinct.filter(special).to_pylist()]
        quoted = pc.replace_with_mask(quoted, special, pa.array(escaped, pa.string()))
    return quoted.take(labels.indices)


def _each_distinct(column: pa.BinaryArray, reading: Callable[[bytes], str | None]) -> pa.StringArray:
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.string())
    distinct = column.dictionary_encode()
    texts = pa.array([reading(raw) for raw in distinct.dictionary.to_pylist()], pa.string())
    return texts.take(distinct.indices)


def _parsed(message: Any, raw: bytes) -> Any:
    try:
        message.ParseFromString(raw)
    except DecodeError:
        return None
    return message


def _joined(array: Any) -> str | None:
    if array is None:
        return None
    parts = [_plain(value, DEPTH_MAX) for value in array.values]
    return ",".join(part if isinstance(part, str) else orjson.dumps(part).decode() for part in parts)


def _json(message: Any) -> str | None:
    if message is None:
        return None
    value = common_pb2.AnyValue()
    getattr(value, "array_value" if isinstance(message, common_pb2.ArrayValue) else "kvlist_value").CopyFrom(message)
    return orjson.dumps(_plain(value, DEPTH_MAX)).decode()


def _plain(value: Message, depth: int) -> object:
    """An AnyValue as Python's own types; `depth` levels of nesting and no more."""
    member: Any = value
    match member.WhichOneof("value"):
        case "string_value":
            return member.string_value
        case "bool_value":
            return member.bool_value
        case "int_value":
            return member.int_value
        case "double_value":
            return member.double_value
        case "array_value" if depth:
            return [_plain(item, depth - 1) for item in member.array_value.values]
        case "kvlist_value" if depth:
            return {pair.key: _plain(pair.value, depth - 1) for pair in member.kvlist_value.values}
        case _:
            return None
