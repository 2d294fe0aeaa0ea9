"""From Arrow to JSON, so that nothing is rounded.

Decimals are texts; whole numbers beyond 2⁵³ are texts, since JSON's readers make floats of them; times are ISO 8601,
in UTC with a Z where they are instants; NaN and infinity, which JSON lacks, are null; lists, structs and maps are JSON.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as kinds

from spanledger.dashboards.documents import Column, Document, Json

INTEGER_MAX: Final = 2**53 - 1
"""Beyond this a reader that makes floats of numbers, as JavaScript does, rounds (RFC 8259, 6)."""

_Unit: TypeAlias = Literal["D", "s", "ms", "us", "ns"]
_PER_SECOND: Final = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_NAMES: Final = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "float": "FLOAT",
    "double": "DOUBLE", "string": "VARCHAR", "large_string": "VARCHAR", "string_view": "VARCHAR", "binary": "BLOB",
    "large_binary": "BLOB", "binary_view": "BLOB", "date32[day]": "DATE", "month_day_nano_interval": "INTERVAL",
    "null": "NULL",
}  # fmt: skip


def document(table: pa.Table, *, truncated: bool = False) -> Document:
    """A table as a JSON document. Columns of the same name are numbered, as an object cannot hold both."""
    names = _distinct(table.column_names)
    columns = [Column(name=name, type=type_name(kind)) for name, kind in zip(names, table.schema.types, strict=True)]
    cells = [values(column) for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return Document(columns=columns, rows=rows, truncated=truncated)


def values(column: pa.ChunkedArray | pa.Array) -> list[Json]:
    """The values of a column as JSON has them."""
    if isinstance(column, pa.ChunkedArray):
        return values(column.combine_chunks())
    kind = column.type
    if kinds.is_dictionary(kind):
        return values(column.dictionary_decode())
    if kinds.is_null(kind) or kinds.is_boolean(kind) or kinds.is_string(kind) or kinds.is_large_string(kind):
        return list(column.to_pylist())
    if kinds.is_floating(kind):
        return [value if value is not None and np.isfinite(value) else None for value in column.to_pylist()]
    if kinds.is_timestamp(kind) or kinds.is_date32(kind):
        return _times(column)
    if kinds.is_nested(kind):
        return _nested(column)
    return [None if value is None else _plain(value, kind) for value in column.to_pylist()]


def type_name(kind: pa.DataType) -> str:
    """DuckDB's name for a type that it handed over as Arrow."""
    if kinds.is_dictionary(kind):
        return type_name(kind.value_type)
    if kinds.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})" if kind.scale else "HUGEINT"  # which travels as a decimal
    if kinds.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz is None else "TIMESTAMP WITH TIME ZONE"
    if kinds.is_time(kind):
        return "TIME"
    if kinds.is_map(kind):
        return f"MAP({type_name(kind.key_type)}, {type_name(kind.item_type)})"
    if kinds.is_fixed_size_list(kind):
        return f"{type_name(kind.value_type)}[{kind.list_size}]"
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return f"{type_name(kind.value_type)}[]"
    if kinds.is_struct(kind):
        return f"STRUCT({', '.join(f'{field.name} {type_name(field.type)}' for field in kind)})"
    return _NAMES.get(str(kind), str(kind).upper())


def _plain(value: object, kind: pa.DataType) -> Json:
    """One value of a type without parts, which is not NULL."""
    if kinds.is_decimal(kind) and kind.scale:
        return f"{value:f}"
    if kinds.is_integer(kind) or kinds.is_decimal(kind):
        number = int(str(value))
        return number if -INTEGER_MAX <= number <= INTEGER_MAX else str(number)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        seconds = f"{value.nanoseconds / 1_000_000_000:.6f}".rstrip("0").rstrip(".")
        return f"P{value.months}M{value.days}DT{seconds}S"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _times(column: pa.Array) -> list[Json]:
    """Dates and timestamps of any year; all with the same digits, so that texts sort as times do."""
    kind = column.type
    unit: _Unit = "D" if kinds.is_date(kind) else kind.unit
    storage = pa.int32() if unit == "D" else pa.int64()
    last = np.iinfo(storage.to_pandas_dtype()).max  # DuckDB's infinity; its negative is the other one
    numbers = np.asarray(column.cast(storage).fill_null(0), np.int64)
    seconds = numbers % _PER_SECOND[unit] if unit in _PER_SECOND else np.zeros_like(numbers)
    shown: _Unit = unit if unit == "D" or seconds[np.abs(numbers) != last].any() else "s"
    instants: npt.NDArray[np.datetime64] = numbers.view(f"datetime64[{unit}]")
    texts = np.datetime_as_string(instants, unit=shown)
    zone = "" if unit == "D" or kind.tz is None else "Z"
    infinite = {last: "infinity", -last: "-infinity"}
    return [
        None if missing else infinite.get(number, f"{text}{zone}")
        for number, text, missing in zip(numbers.tolist(), texts.tolist(), column.is_null().to_pylist(), strict=True)
    ]


def _nested(column: pa.Array) -> list[Json]:
    missing = column.is_null().to_pylist()
    if kinds.is_struct(column.type):
        names = _distinct([field.name for field in column.type])
        fields = [values(part) for part in column.flatten()]
        structs = [dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)]
        return [None if absent else value for absent, value in zip(missing, structs, strict=True)]
    if kinds.is_map(column.type):
        keys, items = values(column.keys), values(column.items)
        offsets = _offsets(column)
        return [
            None if absent else dict(zip(map(_key, keys[start:end]), items[start:end], strict=True))
            for absent, (start, end) in zip(missing, pairwise(offsets), strict=True)
        ]
    if kinds.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    if not (kinds.is_list(column.type) or kinds.is_large_list(column.type)):
        return [None if value is None else str(value) for value in column.to_pylist()]  # unions
    parts = values(column.values)
    return [
        None if absent else parts[start:end]
        for absent, (start, end) in zip(missing, pairwise(_offsets(column)), strict=True)
    ]


def _offsets(column: pa.Array) -> list[int]:
    offsets: list[int] = column.offsets.to_pylist()
    return offsets


def _key(key: Json) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered from their second appearance on: a, a_1, a_2."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        number, free = 0, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free)
        distinct.append(free)
    return distinct
