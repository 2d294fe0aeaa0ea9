"""Readings of OTLP's AnyValue columns: what a value is as text, as an integer, as JSON.

All functions work on whole columns of members; only the distinct nested values of a batch are ever parsed one by one.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1 import common_pb2

from spanledger.processors.wire_values import Members

QUOTE: Final = pa.scalar('"')
NOTHING: Final = pa.scalar("")
NULL: Final = pa.scalar("null")
NO_COUNT: Final = pa.scalar(None, pa.int64())
NO_CODE: Final = pa.scalar(None, pa.int32())
NO_TEXT: Final = pa.scalar(None, pa.string())
NO_DOUBLE: Final = pa.scalar(None, pa.float64())
"""Made once: Arrow makes a scalar of each Python value given, and looks for a calendar library each time: 80 µs."""

DEPTH_MAX: Final = 32
"""Arrays and maps nested deeper than this are cut off with null: nobody reads them, and a bomb is made of them."""


def as_text(values: Members) -> pa.StringArray:
    """Texts as they are, finite numbers and booleans as JSON writes them, arrays joined by commas; else NULL."""
    return _first_said(
        values, pa.string(), values.string_value, *_scalars(values), _each_distinct(values.array_value, _joined)
    )


def as_integers(values: Members) -> pa.Int64Array:
    """Integers, integral doubles and decimal texts as integers; NULL for everything else."""
    return _first_said(
        values, pa.int64(), values.int_value, _read(values.double_value, _whole), _read(values.string_value, _decimal)
    )


def as_doubles(values: Members) -> pa.DoubleArray:
    """Finite doubles, integers and decimal texts as doubles; NULL for everything else."""
    return _first_said(
        values,
        pa.float64(),
        _read(values.double_value, finite),
        _read(values.int_value, lambda integers: integers.cast(pa.float64(), safe=False)),
        _read(values.string_value, _measure),
    )


def as_json(values: Members) -> pa.StringArray:
    """Every value as JSON text; NaN and infinities, bytes and empty values as null."""
    said = _first_said(
        values,
        pa.string(),
        _read(values.string_value, _quoted),
        *_scalars(values),
        _each_distinct(values.array_value, lambda raw: _json(_parsed(common_pb2.ArrayValue(), raw))),
        _each_distinct(values.kvlist_value, lambda raw: _json(_parsed(common_pb2.KeyValueList(), raw))),
    )
    return said.fill_null(NULL) if said.null_count else said


def finite(doubles: pa.DoubleArray) -> pa.DoubleArray:
    """Doubles with NaN and infinities made NULL."""
    return pc.if_else(pc.is_finite(doubles), doubles, NO_DOUBLE)


def _first_said(values: Members, kind: pa.DataType, *columns: Any) -> Any:
    """The one thing that is said of each row; members that no value uses cost nothing."""
    telling = [column for column in columns if column is not None]
    if not telling:
        return pa.nulls(values.rows, kind)
    return pc.coalesce(*telling) if len(telling) > 1 else telling[0]


def _read(column: Any, reading: Callable[[Any], Any]) -> Any:
    return None if column is None else reading(column)


def _scalars(values: Members) -> tuple[Any, Any, Any]:
    """Finite numbers and booleans as JSON writes them."""
    return (
        _read(values.int_value, lambda integers: integers.cast(pa.string())),
        _read(values.bool_value, lambda flags: flags.cast(pa.string())),
        _read(values.double_value, lambda doubles: finite(doubles).cast(pa.string())),
    )


def _whole(doubles: pa.DoubleArray) -> pa.Int64Array:
    """Integral doubles as integers."""
    whole = pc.and_(pc.less(pc.abs(doubles), 2.0**53), pc.equal(doubles, pc.trunc(doubles)))
    return pc.if_else(whole, doubles, None).cast(pa.int64())


def _decimal(texts: pa.StringArray) -> pa.Int64Array:
    """Decimal texts as integers."""
    texts = pc.utf8_trim_whitespace(texts)
    # Up to 18 digits fit an int64; a longer run of digits is no count.
    digits = pc.match_substring_regex(texts, r"^[+-]?\d{1,18}(\.0+)?$")
    return pc.replace_substring_regex(pc.if_else(digits, texts, None), r"^\+|\.0+$", "").cast(pa.int64())


def _measure(texts: pa.StringArray) -> pa.DoubleArray:
    """Decimal texts as doubles."""
    texts = pc.utf8_trim_whitespace(texts)
    number = pc.match_substring_regex(texts, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$")
    plain = pc.replace_substring_regex(pc.if_else(number, texts, None), r"^\+", "")
    return finite(plain.cast(pa.float64()))


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


def _each_distinct(column: pa.BinaryArray | None, reading: Callable[[bytes], str | None]) -> Any:
    if column is None:
        return None
    distinct = column.dictionary_encode()
    texts = pa.array([reading(raw) for raw in distinct.dictionary.to_pylist()], pa.string())
    return texts.take(distinct.indices)


def _parsed(message: Any, raw: bytes) -> Any:
    try:
        message.ParseFromString(raw)
    except DecodeError:
        return None
    return message


def _joined(raw: bytes) -> str | None:
    array = _parsed(common_pb2.ArrayValue(), raw)
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
