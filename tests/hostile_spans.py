"""Requests with one thing wrong in one span, between two good ones: data for the tests of bad input."""

import json
import math
from collections.abc import Callable, Iterator

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

INPUT_TOKENS = "gen_ai.usage.input_tokens"
SECONDS_PER_YEAR = 31_556_952
BROKEN_UTF8 = b"\xff\xfe\xc3\x28"
PLACEHOLDER = "@@@@"  # as long as BROKEN_UTF8, so that the lengths around it stay right

Damage = Callable[[Span], None]


def middle(body: bytes, damage: Damage) -> bytes:
    """The request with its second span damaged."""
    message = ExportTraceServiceRequest.FromString(body)
    damage(message.resource_spans[0].scope_spans[0].spans[1])
    return message.SerializeToString()


def attribute(span: Span, key: str) -> AnyValue:
    """The value of an attribute that is there."""
    return next(pair.value for pair in span.attributes if pair.key == key)


def at(start_ns: int, end_ns: int | None = None) -> Damage:
    """Another time."""

    def damage(span: Span):
        span.start_time_unix_nano = start_ns
        span.end_time_unix_nano = start_ns if end_ns is None else end_ns

    return damage


def ids(trace_id: bytes | None = None, span_id: bytes | None = None) -> Damage:
    """Other ids."""

    def damage(span: Span):
        span.trace_id = span.trace_id if trace_id is None else trace_id
        span.span_id = span.span_id if span_id is None else span_id

    return damage


def year(number: int) -> int:
    """The beginning of a year in Unix nanoseconds, to a day."""
    return (number - 1970) * SECONDS_PER_YEAR * 10**9


# What makes a span impossible to store, and the words that say so.
REFUSED: dict[str, tuple[Damage, str]] = {
    "no trace id": (ids(trace_id=b""), "trace id"),
    "a trace id of zeros": (ids(trace_id=bytes(16)), "trace id"),
    "a trace id of 8 bytes": (ids(trace_id=b"\x01" * 8), "trace id"),
    "a trace id as hexadecimal text": (ids(trace_id=b"0123456789abcdef" * 2), "trace id"),
    "no span id": (ids(span_id=b""), "span id"),
    "a span id of zeros": (ids(span_id=bytes(8)), "span id"),
    "a span id of 100 kB": (ids(span_id=b"\x01" * 100_000), "span id"),
    "no start time": (at(0), "start time"),
    "a start time in seconds": (at(1_795_000_000), "start time"),
    "a start time in 1970": (at(10**9), "start time"),
    "a start time in 2300": (at(year(2300)), "start time"),
    "a start time of 2^63": (at(2**63), "start time"),
    "a start time of 2^64 - 1": (at(2**64 - 1), "start time"),
}

# What is odd and still a call.
ACCEPTED: dict[str, Damage] = {
    "an end before the start": lambda span: at(span.start_time_unix_nano, span.start_time_unix_nano - 10**12)(span),
    "no end time": lambda span: at(span.start_time_unix_nano, 0)(span),
    "an end time of 2^64 - 1": lambda span: at(span.start_time_unix_nano, 2**64 - 1)(span),
    "a start ten years from now": lambda span: at(span.start_time_unix_nano + year(1980))(span),
    "a parent id of 3 bytes": lambda span: setattr(span, "parent_span_id", b"abc"),
    "10,000 attributes": lambda span: span.attributes.extend(
        KeyValue(key=f"app.key.{number}", value=AnyValue(int_value=number)) for number in range(10_000)
    ),
    "an attribute of a megabyte": lambda span: span.attributes.extend([text("app.note", "x" * 1_000_000)]),
    "a name of a megabyte": lambda span: setattr(span, "name", "x" * 1_000_000),
    "a model of a megabyte": lambda span: setattr(attribute(span, "gen_ai.request.model"), "string_value", "m" * 10**6),
    "zero bytes in texts": lambda span: setattr(attribute(span, "user.id"), "string_value", "a\0b\0"),
    "every key twice": lambda span: span.attributes.extend(list(span.attributes)),
    "attributes without key or value": lambda span: span.attributes.extend([KeyValue(), KeyValue(key="app.nothing")]),
    "ids that are numbers": lambda span: setattr(attribute(span, "gen_ai.response.id"), "int_value", 12_345_678),
    "a model that is a list": lambda span: attribute(span, "gen_ai.request.model").array_value.values.extend(
        [AnyValue(string_value="a"), AnyValue(int_value=1), AnyValue()]
    ),
    "a user that is bytes": lambda span: setattr(attribute(span, "user.id"), "bytes_value", BROKEN_UTF8),
    "a user that is a map": lambda span: attribute(span, "user.id").kvlist_value.values.extend([text("a", "b")]),
    "an unknown kind and status": lambda span: (setattr(span, "kind", 99), setattr(span.status, "code", 77)),
    "an SQL statement for a user": lambda span: setattr(
        attribute(span, "user.id"), "string_value", "'); drop table calls; --"
    ),
    "a response id of nothing": lambda span: setattr(attribute(span, "gen_ai.response.id"), "string_value", ""),
    "values 60 deep": lambda span: span.attributes.extend([KeyValue(key="app.deep", value=nested(60))]),
}


# What stands for the number of input tokens → what the ledger must say.
TOKENS: dict[str, tuple[AnyValue, int | None]] = {
    "a number": (AnyValue(int_value=12), 12),
    "zero": (AnyValue(int_value=0), 0),
    "a whole double": (AnyValue(double_value=12.0), 12),
    "digits in a text": (AnyValue(string_value="12"), 12),
    "a negative number": (AnyValue(int_value=-5), None),
    "a negative double": (AnyValue(double_value=-5.0), None),
    "a negative text": (AnyValue(string_value="-5"), None),
    "the smallest number": (AnyValue(int_value=-(2**63)), None),
    "NaN": (AnyValue(double_value=math.nan), None),
    "infinity": (AnyValue(double_value=math.inf), None),
    "a huge double": (AnyValue(double_value=1e300), None),
    "words": (AnyValue(string_value="many"), None),
    "no text": (AnyValue(string_value=""), None),
    "digits without end": (AnyValue(string_value="9" * 400), None),
    "yes": (AnyValue(bool_value=True), None),
    "bytes": (AnyValue(bytes_value=b"12"), None),
    "a list": (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=12)])), None),
    "a map": (AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="n", value=AnyValue(int_value=12))])), None),
    "nothing": (AnyValue(), None),
}
HUGE_COUNTS = (2**31, 10**12, 10**15, 2**53 + 1, 2**63 - 1)


def text(key: str, value: str) -> KeyValue:
    """A text attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def nested(depth: int) -> AnyValue:
    """A list in a list in a list, each level two messages deep; protobuf's own readers take 100."""
    value = AnyValue(int_value=1)
    for _ in range(depth // 2):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


def tokens(value: AnyValue) -> Damage:
    """Another number of input tokens, and no cache reads that would speak against it."""

    def damage(span: Span):
        attribute(span, INPUT_TOKENS).CopyFrom(value)
        kept = [pair for pair in span.attributes if pair.key != "gen_ai.usage.cache_read.input_tokens"]
        del span.attributes[:]
        span.attributes.extend(kept)

    return damage


def broken_utf8() -> Iterator[tuple[str, Damage]]:
    """Places for a text that is no UTF-8; the placeholder must be replaced in the serialised request."""
    yield "in a value", lambda span: setattr(attribute(span, "user.id"), "string_value", PLACEHOLDER)
    yield "in a key", lambda span: span.attributes.extend([text(PLACEHOLDER, "value")])
    yield "in the name", lambda span: setattr(span, "name", PLACEHOLDER)
    yield "in a model", lambda span: setattr(attribute(span, "gen_ai.response.model"), "string_value", PLACEHOLDER)
    yield (
        "in a list",
        lambda span: (
            attribute(span, "gen_ai.response.finish_reasons").array_value.values.add(string_value=PLACEHOLDER) and None
        ),
    )


def length_prefixed(tag: bytes, content: bytes) -> bytes:
    """A field of protobuf's wire type 2."""
    size, prefix = len(content), b""
    while size > 0x7F:
        prefix += bytes([size & 0x7F | 0x80])
        size >>= 7
    return tag + prefix + bytes([size]) + content


def bottomless(levels: int) -> bytes:
    """A request whose attribute holds lists in lists, deeper than protobuf's readers go."""
    value = b"\x18\x01"  # AnyValue.int_value = 1
    for _ in range(levels):
        value = length_prefixed(b"\x2a", length_prefixed(b"\x0a", value))  # array_value { values { … } }
    pair = length_prefixed(b"\x4a", length_prefixed(b"\x0a", b"deep") + length_prefixed(b"\x12", value))
    return length_prefixed(b"\x0a", length_prefixed(b"\x12", length_prefixed(b"\x12", pair)))


def json_of(body: bytes) -> bytes:
    """The request as OTLP/JSON, ids in hexadecimal."""
    message = ExportTraceServiceRequest.FromString(body)
    document = MessageToDict(message, use_integers_for_enums=True)
    spans = message.resource_spans[0].scope_spans[0].spans
    for span, written in zip(spans, document["resourceSpans"][0]["scopeSpans"][0]["spans"], strict=True):
        written |= {
            "traceId": span.trace_id.hex(),
            "spanId": span.span_id.hex(),
            "parentSpanId": span.parent_span_id.hex(),
        }
    return json.dumps(document).encode()
