"""Requests for the tests: the means to build them by hand, and Hypothesis strategies for requests at random."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.processors.classify import EARLIEST_NS, LATEST_NS
from spanledger.processors.dialects import columns
from spanledger.processors.dialects.operations import SAYING
from spanledger.processors.dialects.registry import DIALECTS

STARTED_NS = 1_795_000_000_123_456_789
WANTED = {*columns.COLUMN_OF, *columns.HELPERS, *SAYING}
"""The keys of a span's attributes that a column wants."""


# Requests by hand ---------------------------------------------------------------------------------------------------


def value(said: Any) -> AnyValue:
    """An AnyValue from Python's own types; None makes an empty one."""
    match said:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=said)
        case int():
            return AnyValue(int_value=said)
        case float():
            return AnyValue(double_value=said)
        case str():
            return AnyValue(string_value=said)
        case bytes():
            return AnyValue(bytes_value=said)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(item) for item in said]))
        case _:
            return AnyValue(kvlist_value=KeyValueList(values=pairs(said.items())))


def pairs(items: Iterable[tuple[str, Any]]) -> list[KeyValue]:
    """Attributes; a key may stand twice."""
    return [KeyValue(key=key, value=value(said)) for key, said in items]


def span(attributes: Mapping[str, Any] | Sequence[tuple[str, Any]], **fields: Any) -> Span:
    """A good span but for what `fields` say."""
    items = attributes.items() if isinstance(attributes, Mapping) else attributes
    good = {
        "trace_id": bytes(range(1, 17)),
        "span_id": bytes(range(0xA1, 0xA9)),
        "start_time_unix_nano": STARTED_NS,
        "end_time_unix_nano": STARTED_NS + 1_000_000_000,
    }
    return Span(attributes=pairs(items), **(good | fields))


def body(*spans: Span, scope: str = "", version: str = "", resource: Mapping[str, Any] | None = None) -> bytes:
    """A request with these spans under one scope."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    if resource is not None:
        resource_spans.resource.attributes.extend(pairs(resource.items()))
    scope_spans = resource_spans.scope_spans.add(spans=spans)
    if scope or version:
        scope_spans.scope.name, scope_spans.scope.version = scope, version
    return message.SerializeToString()


def log_body(
    event: str, attributes: Mapping[str, Any], *, scope: str = "", resource: Mapping[str, Any] | None = None,
    said: Any = None, **fields: Any,
) -> bytes:  # fmt: skip
    """A request with one event; `said` is its body."""
    good = {
        "trace_id": bytes(range(1, 17)),
        "span_id": bytes(range(0xA1, 0xA9)),
        "time_unix_nano": STARTED_NS,
        "event_name": event,
    }
    record = LogRecord(attributes=pairs(attributes.items()), body=value(said), **(good | fields))
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.extend(pairs((resource or {}).items()))
    scope_logs = resource_logs.scope_logs.add(log_records=[record])
    scope_logs.scope.name = scope
    return message.SerializeToString()


def sized(tag: bytes, content: bytes, spare: int = 0) -> bytes:
    """A field with its length, which is written with `spare` bytes more than it needs."""
    size, prefix = len(content), b""
    while size > 0x7F or spare:
        prefix += bytes([size & 0x7F | 0x80])
        spare -= size <= 0x7F
        size >>= 7
    return tag + prefix + bytes([size]) + content


def by_hand(attributes: Iterable[tuple[str, bytes]]) -> bytes:
    """A request of one good span whose attributes have values in any writing, right or wrong."""
    fields = [sized(b"\x0a", key.encode()) + sized(b"\x12", raw) for key, raw in attributes]
    spans = span({"gen_ai.operation.name": "chat"}).SerializeToString() + b"".join(sized(b"\x4a", f) for f in fields)
    return sized(b"\x0a", sized(b"\x12", sized(b"\x12", spans)))


CHARS_BROKEN = "@~@~"
"""Stands in a request for bytes that are no UTF-8; as long as they are, so that the lengths around them stay right."""
BYTES_BROKEN = b"\xff\xfe\xc3\x28"


def broken(request: bytes) -> bytes:
    """The request with its placeholders made invalid UTF-8."""
    return request.replace(CHARS_BROKEN.encode(), BYTES_BROKEN)


def mended(request: bytes) -> ExportTraceServiceRequest:
    """The request as a reader has it who mends broken texts outside lists and maps."""

    def mend(text: str) -> str:
        return text.replace(CHARS_BROKEN, BYTES_BROKEN.decode("utf-8", "replace"))

    message = ExportTraceServiceRequest.FromString(request)
    for resource_spans in message.resource_spans:
        lists = [resource_spans.resource.attributes]
        for scope_spans in resource_spans.scope_spans:
            scope_spans.scope.name, scope_spans.scope.version = (
                mend(scope_spans.scope.name),
                mend(scope_spans.scope.version),
            )
            lists += [span.attributes for span in scope_spans.spans]
        for pair in (pair for attributes in lists for pair in attributes):
            pair.key = mend(pair.key)
            if pair.value.HasField("string_value"):
                pair.value.string_value = mend(pair.value.string_value)
    return message


# Requests at random -------------------------------------------------------------------------------------------------

OF_DIALECTS = sorted(
    {key for row in DIALECTS for key in (*row.words, *row.marks, *(text[0] for text in row.texts))}
    | {sign.key for row in DIALECTS for sign in (*row.guesses, *row.hides_cache, *row.unfinished, *row.repeats)} - {""}
)
NAMES = ("", "chat m", *sorted({name.rstrip("*") for row in DIALECTS for name in (*row.operations, *row.events)}))
KEYS = sorted(WANTED) + sorted({key for keys in columns.RESOURCE.values() for key in keys})
BASIC = [*columns.COUNTS["input_tokens"], *columns.COUNTS["output_tokens"]] * 3
OTHER_KEYS = ("", "app.note", "naïve ключ", 'quoted "key"', "gen_ai.input.messages", "llm.prompts.0.content", "x\n\0")
SCOPES = ("", "my.app", *(scope for dialect in DIALECTS for scope in dialect.scopes))
OPERATIONS = ("Chat", "embeddings", "invoke_agent", "execute_tool", "dance", "")
TIMES = (0, 1, EARLIEST_NS - 1, EARLIEST_NS, STARTED_NS - 1, LATEST_NS - 1, LATEST_NS, 2**63 - 1, 2**63, 2**64 - 1)
GARBAGE = (b"\xff", b"\x00", b"\x0a\x05abc", b"\x0c", b"<html>", b'{"resourceSpans": []}', b"\x08\x01", b"")

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "gpt-5", "OpenAI", "azure.openai", "true", "False", "1", "007", " 12 ", "-3", "+4.00"]),
    st.sampled_from(
        ["LLM", '"AGENT"', "ai.streamText.doStream", "InvokeModel", "openai/gpt-5", "msg_01aB", '["stop"]']
    ),
    st.sampled_from(
        [
            "{'prompt_tokens': 7, 'completion_tokens': 5, 'cached_tokens': 3}",
            '{"input_tokens": 9, "output_tokens": 12345678901234567890, "total_tokens": 12, "total": 0.5}',
            '{"id":"chatcmpl-9aB","usage":{"cache_read_input_tokens":4}}',
            "{'completion_tokens_details': {'accepted_prediction_tokens': None}, 'prompt_tokens_details': None}",
        ]
    ),
    st.sampled_from(
        ["1e3", ".5", "5.", "1e999", "nan", "9" * 19, "\x00\x1f\x7f\u2028😀", "\\\"'", "x" * 255, "é" * 200]
    ),
)
integers = st.one_of(st.integers(0, 5000), st.integers(-(2**63), 2**63 - 1), st.sampled_from([10**12, 10**12 + 1]))
doubles = st.one_of(st.floats(), st.integers(0, 5000).map(float), st.sampled_from([2.0**53, -0.0, 1e-12, 899_999.9]))
scalars = st.one_of(st.none(), st.booleans(), integers, doubles, texts, st.binary(max_size=5))
anything = st.one_of(
    scalars,
    scalars,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=4
    ),
).map(value)
numbers = st.one_of(st.integers(0, 5000), st.integers(0, 300).map(str), integers, doubles).map(value)


@st.composite
def written(draw: st.DrawFn, said: AnyValue) -> bytes:
    """One value in one of the writings that protobuf reads as the same."""
    raw = said.SerializeToString()
    kind, spare = said.WhichOneof("value"), draw(st.integers(0, 3))
    if kind == "string_value":
        return sized(raw[:1], said.string_value.encode(), spare)
    if kind == "int_value" and len(raw) + spare < 11:
        return raw[:-1] + bytes([raw[-1] | 0x80] + [0x80] * (spare - 1) + [0]) if spare else raw
    if kind == "bool_value" and said.bool_value:
        return bytes([0x10, *[0x80] * spare, draw(st.integers(1, 0x7F))])
    return raw


wire_values = st.lists(
    st.one_of(
        anything.flatmap(written), anything.flatmap(written), st.sampled_from([b"", b"\xba\x3e\x03new", b"\x40\x07"])
    ),
    min_size=1,
    max_size=3,
).map(
    # Lists after lists and maps after maps would be merged into one.
    lambda fields: fields[-1] if any(raw[:1] in (b"\x2a", b"\x32") for raw in fields) else b"".join(fields)
)
"""AnyValues as bytes in any writing that protobuf reads: padded lengths, several members, unknown fields."""
usage_pairs = st.builds(
    KeyValue, key=st.sampled_from([key for keys in columns.COUNTS.values() for key in keys] + BASIC), value=numbers
)
any_pairs = st.builds(KeyValue, key=st.sampled_from([*KEYS * 2, *OF_DIALECTS, *OTHER_KEYS * 5]) | texts, value=anything)


def mostly(good: Any, *odd: Any) -> st.SearchStrategy[Any]:
    """`good` in nine of ten cases, else one of the odd: most spans must become rows."""
    return st.sampled_from([good] * 9 * len(odd) + list(odd))


spans = st.builds(
    lambda said, usage, others, **fields: Span(attributes=[*said, *usage, *others], **fields),
    said=mostly("chat", *OPERATIONS, None).map(lambda name: pairs([("gen_ai.operation.name", name)] if name else [])),
    usage=st.lists(usage_pairs, min_size=2, max_size=7),
    others=st.lists(any_pairs, min_size=1, max_size=8),
    name=st.sampled_from(NAMES),
    trace_id=mostly(b"\x01" * 15 + b"\xfe", b"", bytes(16), b"\x01" * 8, b"\x00" * 15 + b"\x01", b"\x01" * 17),
    span_id=mostly(b"\xab" * 8, b"", bytes(8), b"\x01" * 7, b"\xff" * 16),
    parent_span_id=mostly(b"", b"\xcd" * 8, bytes(8), b"abc"),
    start_time_unix_nano=mostly(STARTED_NS, *TIMES),
    end_time_unix_nano=mostly(STARTED_NS + 999, *TIMES),
    status=st.sampled_from([None, {}, {"code": 0}, {"code": 1}, {"code": 2, "message": "no"}]),
)
scope_spans = st.fixed_dictionaries(
    {"spans": st.lists(spans, min_size=1, max_size=3)},
    optional={"scope": st.fixed_dictionaries({"name": st.sampled_from(SCOPES), "version": st.sampled_from(["", "1"])})},
)
resource_spans = st.fixed_dictionaries(
    {"scope_spans": st.lists(scope_spans, min_size=1, max_size=2)},
    optional={"resource": st.fixed_dictionaries({"attributes": st.lists(any_pairs, max_size=3)})},
)
messages = st.lists(resource_spans, max_size=2).map(lambda content: ExportTraceServiceRequest(resource_spans=content))
bodies = messages.map(ExportTraceServiceRequest.SerializeToString)
