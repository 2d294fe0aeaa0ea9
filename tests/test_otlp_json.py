"""OTLP/JSON: what its exceptions from protobuf's JSON mapping are, what is forgiven, and how the rest is refused."""

import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spanledger.receiver.contract import Refused, TooLarge
from spanledger.receiver.otlp_json import DEPTH_MAX, MARKS_MAX, request_from_json, to_json
from spanledger.receiver.signals import SIGNALS

TRACES = SIGNALS[0]
TRACE_ID, SPAN_ID = bytes(range(16)), bytes(range(8))

# The example of the OTLP specification's repository in its essentials, as JavaScript senders write it.
EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "spans": [
                        {
                            "traceId": "000102030405060708090A0B0C0D0E0F",
                            "spanId": "0001020304050607",
                            "parentSpanId": "",
                            "flags": 257,
                            "name": "chat gpt-5",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 3,
                            "attributes": [
                                {"key": "tokens", "value": {"intValue": "9007199254740993"}},
                                {"key": "cost", "value": {"doubleValue": 0.5}},
                                {"key": "stream", "value": {"boolValue": True}},
                                {"key": "raw", "value": {"bytesValue": "AAEC"}},
                                {"key": "none", "value": {}},
                                {
                                    "key": "list",
                                    "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 2}]}},
                                },
                                {
                                    "key": "map",
                                    "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": 1}}]}},
                                },
                            ],
                            "status": {"code": 2, "message": "overloaded"},
                            "links": [{"traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0001020304050607"}],
                        }
                    ],
                }
            ],
        }
    ]
}


def parsed(document: Any) -> ExportTraceServiceRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ExportTraceServiceRequest.FromString(request_from_json(TRACES, body))


def span_with(**fields: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def value_of(value: Any) -> AnyValue:
    document = span_with(attributes=[{"key": "k", "value": value}])
    return parsed(document).resource_spans[0].scope_spans[0].spans[0].attributes[0].value


def test_the_example_of_the_specification_becomes_the_message_it_means():
    def attribute(key: str, **value: Any) -> KeyValue:
        return KeyValue(key=key, value=AnyValue(**value))

    span = Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        flags=257,
        name="chat gpt-5",
        start_time_unix_nano=1544712660000000000,
        end_time_unix_nano=1544712661000000000,
        kind=Span.SPAN_KIND_CLIENT,
        attributes=[
            attribute("tokens", int_value=9007199254740993),
            attribute("cost", double_value=0.5),
            attribute("stream", bool_value=True),
            attribute("raw", bytes_value=b"\0\1\2"),
            attribute("none"),
            attribute("list", array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=2)])),
            attribute("map", kvlist_value=KeyValueList(values=[attribute("k", int_value=1)])),
        ],
        status={"code": 2, "message": "overloaded"},
        links=[Span.Link(trace_id=TRACE_ID, span_id=SPAN_ID)],
    )
    assert parsed(EXAMPLE) == ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=[attribute("service.name", string_value="my.service")]),
                scope_spans=[ScopeSpans(scope={"name": "my.library", "version": "1.0.0"}, spans=[span])],
            )
        ]
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"resourceSpans": []}', b'{"resourceSpans": null}'])
def test_nothing_is_an_empty_request(body):
    assert request_from_json(TRACES, body) == b""


def test_ids_are_hexadecimal_in_any_case():
    for text in ("AbCdEf0123456789", "abcdef0123456789"):
        span = parsed(span_with(spanId=text)).resource_spans[0].scope_spans[0].spans[0]
        assert span.span_id == bytes.fromhex("abcdef0123456789")


def test_ids_of_a_wrong_length_pass_so_that_only_their_span_is_refused():
    assert parsed(span_with(traceId="ab")).resource_spans[0].scope_spans[0].spans[0].trace_id == b"\xab"


def test_unknown_names_and_nulls_are_ignored_wherever_they_stand():
    document = json.loads(json.dumps(EXAMPLE))
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for place in (document, document["resourceSpans"][0], span, span["attributes"][0]["value"], span["status"]):
        place["fromTheFuture"] = [{"traceId": "not hexadecimal"}]
    span["events"] = span["traceState"] = span["attributes"][0]["value"]["stringValue"] = None
    assert parsed(document) == parsed(EXAMPLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": -5}, AnyValue(int_value=-5)),
        ({"intValue": "-9223372036854775808"}, AnyValue(int_value=-(2**63))),
        ({"intValue": 12.0}, AnyValue(int_value=12)),
        ({"doubleValue": 3}, AnyValue(double_value=3)),
        ({"doubleValue": "1.5e-3"}, AnyValue(double_value=0.0015)),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=-math.inf)),
        ({"stringValue": ""}, AnyValue(string_value="")),
        ({"boolValue": False}, AnyValue(bool_value=False)),
        ({"bytesValue": "-_8"}, AnyValue(bytes_value=b"\xfb\xff")),
        ({"bytesValue": "+/8="}, AnyValue(bytes_value=b"\xfb\xff")),
        ({"arrayValue": {}}, AnyValue(array_value=ArrayValue())),
        ({"stringValue": "\ud83d\ude00\0"}, AnyValue(string_value="\U0001f600\0")),
    ],
)
def test_values_are_read_as_their_senders_write_them(value, expected):
    assert value_of(value) == expected


def test_not_a_number_is_read():
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT", 3.0])
def test_enums_are_integers_and_their_names_are_forgiven(kind):
    assert parsed(span_with(kind=kind)).resource_spans[0].scope_spans[0].spans[0].kind == Span.SPAN_KIND_CLIENT


SPAN = "resourceSpans[0].scopeSpans[0].spans[0]"
VALUE = f"{SPAN}.attributes[0].value"


@pytest.mark.parametrize(
    ("document", "place", "what"),
    [
        ([], "the body", "expected an object, found a list"),
        ("text", "the body", "expected an object, found text"),
        (None, "the body", "expected an object, found null"),
        ({"resourceSpans": {}}, "resourceSpans", "expected a list, found an object"),
        ({"resourceSpans": [{}, 7]}, "resourceSpans[1]", "expected an object, found a number"),
        ({"resourceSpans": [None]}, "resourceSpans[0]", "expected an object, found null"),
        ({"resourceSpans": [{"resource": []}]}, "resourceSpans[0].resource", "expected an object, found a list"),
        (
            {"resourceSpans": [{"resource": {"entityRefs": [{"idKeys": ["a", 1]}]}}]},
            "resourceSpans[0].resource.entityRefs[0].idKeys[1]",
            "expected text, found a number",
        ),
        (
            {"resource_spans": []},
            "resource_spans",
            "OTLP/JSON writes this name in lowerCamelCase, resourceSpans",
        ),
        (span_with(name=5), f"{SPAN}.name", "expected text, found a number"),
        (span_with(name=["a"]), f"{SPAN}.name", "expected text, found a list"),
        (
            span_with(traceId="AAECAwQFBgcICQoLDA0ODw=="),
            f"{SPAN}.traceId",
            "a trace or span id is an even number of hexadecimal digits in OTLP/JSON",
        ),
        (
            span_with(spanId="abc"),
            f"{SPAN}.spanId",
            "a trace or span id is an even number of hexadecimal digits in OTLP/JSON",
        ),
        (span_with(spanId=12), f"{SPAN}.spanId", "expected text, found a number"),
        (span_with(startTimeUnixNano="soon"), f"{SPAN}.startTimeUnixNano", "expected a whole number, found text"),
        (span_with(startTimeUnixNano=1.5), f"{SPAN}.startTimeUnixNano", "expected a whole number, found a number"),
        (
            span_with(startTimeUnixNano=True),
            f"{SPAN}.startTimeUnixNano",
            "expected a whole number, found true or false",
        ),
        (
            span_with(startTimeUnixNano=-1),
            f"{SPAN}.startTimeUnixNano",
            "expected a whole number from 0 to 18446744073709551615, found one outside",
        ),
        (
            span_with(attributes=[{"value": {"intValue": "9223372036854775808"}}]),
            f"{VALUE}.intValue",
            "expected a whole number from -9223372036854775808 to 9223372036854775807, found one outside",
        ),
        (
            span_with(attributes=[{"value": {"intValue": "1" * 5000}}]),
            f"{VALUE}.intValue",
            "expected a whole number, found text",
        ),
        (
            span_with(flags=2**32),
            f"{SPAN}.flags",
            "expected a whole number from 0 to 4294967295, found one outside",
        ),
        (
            span_with(kind="CLIENT"),
            f"{SPAN}.kind",
            "'CLIENT' is not one of SPAN_KIND_UNSPECIFIED, SPAN_KIND_INTERNAL, SPAN_KIND_SERVER, SPAN_KIND_CLIENT, "
            "SPAN_KIND_PRODUCER, SPAN_KIND_CONSUMER",
        ),
        (span_with(kind=[3]), f"{SPAN}.kind", "expected a whole number, found a list"),
        (span_with(attributes={"key": "k"}), f"{SPAN}.attributes", "expected a list, found an object"),
        (span_with(attributes=[{"value": "text"}]), VALUE, "expected an object, found text"),
        (
            span_with(attributes=[{"value": {"stringValue": "a", "intValue": 1}}]),
            VALUE,
            "intValue is a second value where there can be one",
        ),
        (
            span_with(attributes=[{"value": {"doubleValue": "much"}}]),
            f"{VALUE}.doubleValue",
            "expected a number, found text",
        ),
        (
            span_with(attributes=[{"value": {"boolValue": 1}}]),
            f"{VALUE}.boolValue",
            "expected true or false, found a number",
        ),
        (span_with(attributes=[{"value": {"bytesValue": "???"}}]), f"{VALUE}.bytesValue", "expected base64"),
    ],
)
def test_a_wrong_shape_is_refused_with_its_place(document, place, what):
    with pytest.raises(Refused) as refusal:
        parsed(document)
    assert str(refusal.value) == f"The body is not OTLP/JSON at {place}: {what}."


def test_what_stood_in_a_wrong_place_is_not_repeated():
    with pytest.raises(Refused) as refusal:
        parsed(span_with(attributes=[{"key": "k", "value": {"intValue": "my secret prompt"}}]))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [b"not json", b'{"resourceSpans": [', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b'{"a": NaN}', b"[" * 5000, b"\0"],
)
def test_what_is_not_json_is_refused(body):
    with pytest.raises(Refused, match=r"^The body is not JSON in UTF-8: .*line 1 column \d+ \(char \d+\)\.$"):
        request_from_json(TRACES, body)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return span_with(attributes=[{"key": "k", "value": value}])


def test_values_may_be_nested_as_deep_as_protobuf_can_read_again():
    levels = (DEPTH_MAX - 6) // 2  # a request, its resource spans, scope spans, span, attribute and value; then pairs
    assert parsed(nested(levels)).ByteSize() > 2 * levels
    with pytest.raises(Refused, match=rf": more than {DEPTH_MAX} objects inside each other\.$"):
        parsed(nested(levels + 1))


def test_more_values_than_memory_are_refused_before_they_are_read():
    with pytest.raises(TooLarge, match=f"^The JSON body has more than {MARKS_MAX} values: send smaller batches"):
        request_from_json(TRACES, b'{"resourceSpans":[' + b"{}," * (MARKS_MAX // 2) + b"{}]}")


def test_answers_are_written_as_protobuf_maps_them_to_json():
    answer = ExportTraceServiceResponse()
    assert to_json(answer) == b"{}"
    answer.partial_success.rejected_spans = 3
    answer.partial_success.error_message = "no trace id"
    assert to_json(answer) == b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no trace id"}}'
    assert to_json(Status(code=3, message="bad")) == b'{"code":3,"message":"bad"}'


# Any message → its JSON, with ids in hexadecimal → the same message.

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
UINT32 = st.integers(0, 2**32 - 1)
UINT64 = st.integers(0, 2**64 - 1)
LEAF = st.one_of(
    st.just(AnyValue()),
    st.builds(AnyValue, string_value=TEXT),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
    st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
)


def attributes_of(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(KeyValue, key=TEXT, value=values), max_size=3)


VALUES = st.recursive(
    LEAF,
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=attributes_of(inner)))
    ),
    max_leaves=5,
)
ATTRIBUTES = attributes_of(VALUES)
ID = st.binary(max_size=16)
SPANS = st.builds(
    Span,
    trace_id=ID,
    span_id=ID,
    parent_span_id=ID,
    trace_state=TEXT,
    flags=UINT32,
    name=TEXT,
    kind=st.integers(0, 5),
    start_time_unix_nano=UINT64,
    end_time_unix_nano=UINT64,
    attributes=ATTRIBUTES,
    dropped_attributes_count=UINT32,
    events=st.lists(st.builds(Span.Event, time_unix_nano=UINT64, name=TEXT, attributes=ATTRIBUTES), max_size=2),
    links=st.lists(st.builds(Span.Link, trace_id=ID, span_id=ID, flags=UINT32, attributes=ATTRIBUTES), max_size=2),
    status=st.fixed_dictionaries({"code": st.integers(0, 2), "message": TEXT}),
)
REQUESTS = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=st.builds(Resource, attributes=ATTRIBUTES, dropped_attributes_count=UINT32),
            scope_spans=st.lists(st.builds(ScopeSpans, spans=st.lists(SPANS, max_size=2), schema_url=TEXT), max_size=2),
        ),
        max_size=2,
    ),
)


def with_hexadecimal_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [with_hexadecimal_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item).hex()
        if key in ("traceId", "spanId", "parentSpanId")
        else with_hexadecimal_ids(item)
        for key, item in value.items()
    }


@given(request=REQUESTS, as_integers=st.booleans())
def test_any_request_comes_back_from_its_json(request, as_integers):
    document = with_hexadecimal_ids(MessageToDict(request, use_integers_for_enums=as_integers))
    assert parsed(document) == request
