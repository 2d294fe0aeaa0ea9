"""OTLP's messages cut down: what is read stays exact, what is not read is skipped unseen."""

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanledger.processors.otlp_messages import READ, Decoder
from tests.otlp_requests import STARTED_NS, body, pairs, span, value

MODULES = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2, logs_pb2, metrics_pb2)


def decoded(*requests: bytes, texts_as_bytes: bool = False) -> list[dict[str, object]]:
    return Decoder("traces", texts_as_bytes=texts_as_bytes).decode(list(requests)).to_pylist()


def the_span(request: bytes, *, texts_as_bytes: bool = False) -> dict[str, object]:
    (row,) = decoded(request, texts_as_bytes=texts_as_bytes)
    return row["resource_spans"][0]["scope_spans"][0]["spans"][0]


@pytest.mark.parametrize("message", READ)
def test_every_field_that_is_read_is_one_of_the_protocol(message):
    (known,) = [
        module.DESCRIPTOR.message_types_by_name[message]
        for module in MODULES
        if message in module.DESCRIPTOR.message_types_by_name
    ]
    assert READ[message] <= set(known.fields_by_name)


def test_only_the_fields_that_are_read_are_decoded():
    sent = span({"a": 1}, name="chat gpt-5", kind=3, status={"code": 2, "message": "no"})
    sent.events.add(name="event")
    sent.links.add(trace_id=b"x")
    got = the_span(body(sent))
    assert set(got) == READ["Span"]
    assert got["status"] == {"code": 2}
    assert got["start_time_unix_nano"] == STARTED_NS


def test_values_come_as_the_bytes_of_their_messages():
    sent = {"text": "x", "zero": 0, "nothing": None, "list": [1, ["x"]], "map": {"k": [None]}}
    got = the_span(body(span(sent), resource=sent))
    assert {pair["key"]: AnyValue.FromString(pair["value"]) for pair in got["attributes"]} == {
        key: value(said) for key, said in sent.items()
    }


def test_a_row_a_request_the_empty_ones_too():
    assert decoded(b"", body(span({})), b"") == [
        {"resource_spans": []},
        *decoded(body(span({}))),
        {"resource_spans": []},
    ]
    assert decoded() == []


def test_unknown_fields_of_later_versions_are_skipped():
    later = b"\xba\x3e\x03new"  # field 999, three bytes
    request = body(span({"a": 1})) + later
    ExportTraceServiceRequest.FromString(request)
    assert decoded(request) == decoded(body(span({"a": 1})))


def test_a_key_that_is_no_utf8_is_refused_as_text_and_read_as_bytes():
    broken = body(span({"@@@@": 1})).replace(b"@@@@", b"\xff\xfe\xc3\x28")
    with pytest.raises(ValueError, match=r"(?i)utf-8"):
        decoded(broken)
    (pair,) = the_span(broken, texts_as_bytes=True)["attributes"]
    assert pair["key"] == b"\xff\xfe\xc3\x28"


def test_both_readings_have_the_same_shape_but_for_the_texts():
    def shape(kind: pa.DataType) -> object:
        if pa.types.is_list(kind):
            return [shape(kind.value_type)]
        if pa.types.is_struct(kind):
            return {field.name: shape(field.type) for field in kind}
        return "bytes" if kind in (pa.string(), pa.binary()) else str(kind)

    strict, loose = (Decoder("traces", texts_as_bytes=loose).decode([]).schema for loose in (False, True))
    assert shape(strict.field(0).type) == shape(loose.field(0).type)
    assert strict != loose


def test_a_value_that_is_sent_twice_counts_as_in_protobuf():
    pair = pairs([("key", 6)])[0].SerializeToString() + b"\x12\x02\x18\x07"  # value { int_value: 7 } once more
    empty = span({}).SerializeToString() + b"\x4a" + bytes([len(pair)]) + pair
    scoped = b"\x12" + bytes([len(empty)]) + empty
    resource = b"\x12" + bytes([len(scoped)]) + scoped
    request = b"\x0a" + bytes([len(resource)]) + resource
    (told,) = ExportTraceServiceRequest.FromString(request).resource_spans[0].scope_spans[0].spans[0].attributes
    (got,) = the_span(request)["attributes"]
    assert told.value == AnyValue.FromString(got["value"]) == AnyValue(int_value=7)
