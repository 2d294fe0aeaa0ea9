"""OTLP/JSON in and out: the JSON of an export request becomes the protobuf bytes that everything behind expects.

OTLP/JSON is protobuf's JSON mapping with three exceptions (OTLP specification, "JSON Protobuf Encoding"): trace and
span ids are hexadecimal and not base64, enums are integers, and only lowerCamelCase names are keys. We also take what
common senders get wrong: enum names, numbers written as text. A table of readers is made once from the message
descriptors; each object is then read by its table, so that what is wrong can be said with its place.
"""

import base64
import binascii
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Final, NamedTuple, TypeAlias, cast

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from spanledger.receiver.contract import Refused, TooLarge
from spanledger.receiver.signals import Signal

DEPTH_MAX: Final = 100
"""Messages inside messages. Protobuf's own readers give up there, so nothing deeper could be decoded later."""

MARKS_MAX: Final = 8_000_000
"""Braces, brackets and commas in one body. Each may cost 100 bytes and more as an object, a body of nothing but `{},`
two hundred times its size. 64 MiB of ordinary spans have 5 million."""

ID_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})

WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?|NaN|-?Infinity")

JSON_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

Read: TypeAlias = Callable[[object], object]
"""From a JSON value to the value of a field that holds no message; raises _ShapeError."""

Put: TypeAlias = Callable[[Message, object, int], None]
"""Set one field of a message, which lies so deep, from a JSON value; raises _ShapeError."""


class _Field(NamedTuple):
    put: Put
    choice: str  # the oneof this field is part of; empty where it stands for itself


Table: TypeAlias = dict[str, _Field]
"""The fields of one kind of message by their JSON key."""


class _ShapeError(Exception):
    """A value that does not fit; the path to it is put together, from the inside out, on the way up."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.path: list[str] = []


def request_from_json(signal: Signal, body: bytes) -> bytes:
    """The serialised export request of a signal that a JSON body means; an empty body is an empty request.

    Raises Refused for anything that is not OTLP/JSON, saying where and what, without repeating text of the sender's;
    TooLarge for more values than fit in memory.
    """
    if not body:
        return b""
    if sum(map(body.count, (b"{", b"[", b","))) > MARKS_MAX:
        raise TooLarge(f"The JSON body has more than {MARKS_MAX} values: send smaller batches, or protobuf.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(f"The body is not JSON in UTF-8: {error}.") from error
    request = signal.request()
    try:
        _fill(request, _fields_of(signal), document, 1)
    except _ShapeError as wrong:
        place = "".join(reversed(wrong.path)).removeprefix(".") or "the body"
        raise Refused(f"The body is not OTLP/JSON at {place}: {wrong}.") from wrong
    return request.SerializeToString()


def to_json(message: Message) -> bytes:
    """An answer's message as JSON: lowerCamelCase names, 64-bit numbers as text, nothing for what is not set."""
    return orjson.dumps(MessageToDict(message))


@cache
def _fields_of(signal: Signal) -> Table:
    return _table(cast(Descriptor, signal.request.DESCRIPTOR), {})


def _fill(message: Message, table: Table, value: object, depth: int) -> None:
    if not isinstance(value, dict):
        raise _wrong_kind("an object", value)
    if depth > DEPTH_MAX:
        raise _ShapeError(f"more than {DEPTH_MAX} objects inside each other")
    chosen = ""
    for key, item in value.items():
        field = table.get(key)
        if field is None or item is None:  # a name from the future; a field that is not set
            continue
        if field.choice:
            if field.choice == chosen:
                raise _ShapeError(f"{key} is a second value where there can be one")
            chosen = field.choice
        try:
            field.put(message, item, depth)
        except _ShapeError as wrong:
            wrong.path.append(f".{key}")
            raise


def _items(value: object, read: Callable[[object], object]) -> None:
    if not isinstance(value, list):
        raise _wrong_kind("a list", value)
    for index, item in enumerate(value):
        try:
            read(item)
        except _ShapeError as wrong:
            wrong.path.append(f"[{index}]")
            raise


def _put_value(name: str, read: Read, message: Message, value: object, _depth: int) -> None:
    setattr(message, name, read(value))


def _put_values(name: str, read: Read, message: Message, value: object, _depth: int) -> None:
    append = getattr(message, name).append
    _items(value, lambda item: append(read(item)))


def _put_message(name: str, table: Table, message: Message, value: object, depth: int) -> None:
    child = getattr(message, name)
    child.SetInParent()  # an empty object is not the same as none
    _fill(child, table, value, depth + 1)


def _put_messages(name: str, table: Table, message: Message, value: object, depth: int) -> None:
    add = getattr(message, name).add
    _items(value, lambda item: _fill(add(), table, item, depth + 1))


def _put_original_name(json_name: str, _message: Message, _value: object, _depth: int) -> None:
    # Ignored like an unknown name, it would lose a sender's data without a word.
    raise _ShapeError(f"OTLP/JSON writes this name in lowerCamelCase, {json_name}")


def _table(message: Descriptor, tables: dict[str, Table]) -> Table:
    """The table of a kind of message and, into `tables`, those of all it can hold; they may hold each other."""
    if message.full_name in tables:
        return tables[message.full_name]
    table = tables[message.full_name] = {}
    for field in message.fields:
        put: Put
        if field.message_type is not None:
            inner = _table(field.message_type, tables)
            put = partial(_put_messages if field.is_repeated else _put_message, field.name, inner)
        else:
            put = partial(_put_values if field.is_repeated else _put_value, field.name, _reader(field))
        oneof = field.containing_oneof
        if field.json_name != field.name:
            table[field.name] = _Field(partial(_put_original_name, field.json_name), "")
        table[field.json_name] = _Field(put, "" if oneof is None else oneof.name)
    return table


def _reader(field: FieldDescriptor) -> Read:
    if field.enum_type is not None:
        return partial(_read_enum, field.enum_type)
    if field.name in ID_FIELDS:
        return _read_id
    return READERS[field.type]


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_kind("text", value)
    return value


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_kind("true or false", value)
    return value


def _read_whole_number(low: int, high: int, value: object) -> int:
    """An integer, as a number or (what 64 bits need to pass through JavaScript) as text."""
    if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    else:
        raise _wrong_kind("a whole number", value)
    if not low <= number <= high:
        raise _ShapeError(f"expected a whole number from {low} to {high}, found one outside")
    return number


def _read_number(value: object) -> float:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _wrong_kind("a number", value)


def _read_enum(enum: EnumDescriptor, value: object) -> int:
    if isinstance(value, str) and not WHOLE_NUMBER.fullmatch(value):
        if value in enum.values_by_name:
            return enum.values_by_name[value].number
        raise _ShapeError(f"{value[:40]!r} is not one of {', '.join(enum.values_by_name)}")
    return _read_whole_number(*INT32, value)


def _read_id(value: object) -> bytes:
    try:
        return binascii.unhexlify(_read_text(value))
    except ValueError as error:
        raise _ShapeError("a trace or span id is an even number of hexadecimal digits in OTLP/JSON") from error


def _read_bytes(value: object) -> bytes:
    """Base64 of either alphabet, with or without its padding, as protobuf's JSON mapping has it."""
    text = _read_text(value).rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise _ShapeError("expected base64") from error


def _wrong_kind(expected: str, value: object) -> _ShapeError:
    return _ShapeError(f"expected {expected}, found {JSON_KINDS[type(value)]}")


INT32: Final = (-(1 << 31), (1 << 31) - 1)
UINT32: Final = (0, (1 << 32) - 1)
INT64: Final = (-(1 << 63), (1 << 63) - 1)
UINT64: Final = (0, (1 << 64) - 1)

READERS: Final[dict[int, Read]] = {
    FieldDescriptor.TYPE_STRING: _read_text,
    FieldDescriptor.TYPE_BOOL: _read_bool,
    FieldDescriptor.TYPE_BYTES: _read_bytes,
    FieldDescriptor.TYPE_DOUBLE: _read_number,
    FieldDescriptor.TYPE_INT32: partial(_read_whole_number, *INT32),
    FieldDescriptor.TYPE_SINT32: partial(_read_whole_number, *INT32),
    FieldDescriptor.TYPE_UINT32: partial(_read_whole_number, *UINT32),
    FieldDescriptor.TYPE_FIXED32: partial(_read_whole_number, *UINT32),
    FieldDescriptor.TYPE_INT64: partial(_read_whole_number, *INT64),
    FieldDescriptor.TYPE_SFIXED64: partial(_read_whole_number, *INT64),
    FieldDescriptor.TYPE_UINT64: partial(_read_whole_number, *UINT64),
    FieldDescriptor.TYPE_FIXED64: partial(_read_whole_number, *UINT64),
}
