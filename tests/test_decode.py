"""Decode: every span of a group, with its request, scope and resource; a bad request costs nobody else anything."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.processors.decode import decode
from spanledger.processors.records import Records
from spanledger.processors.spans import spans as spans_of
from tests import otlp_requests
from tests.oracle import answered, calls, expected
from tests.otlp_requests import CHARS_BROKEN, STARTED_NS, body, broken, mended, pairs, span

CHAT = {"gen_ai.operation.name": "chat"}
MENDED = "\ufffd\ufffd\ufffd("


def places(spans: Records) -> list[tuple[int, str | None, str | None]]:
    """Per span its request, its scope's name and its resource's service."""
    names = spans.scopes.names.to_pylist()
    services = spans.scopes.resources.text("service.name").to_pylist()
    return [
        (int(request), names[scope], services[spans.scopes.resource[scope]])
        for request, scope in zip(spans.request, spans.scope, strict=True)
    ]


def test_each_span_knows_its_request_its_scope_and_its_resource():
    first = ExportTraceServiceRequest()
    for service, scopes in (("one", ("a", "b")), ("two", ("c",)), ("three", ())):
        resource_spans = first.resource_spans.add()
        resource_spans.resource.attributes.extend(pairs([("service.name", service)]))
        for scope in scopes:
            resource_spans.scope_spans.add(scope={"name": scope}, spans=[span({}), span({})])
    bare = ExportTraceServiceRequest()
    bare.resource_spans.add().scope_spans.add(spans=[span({})])
    bodies = [first.SerializeToString(), b"", bare.SerializeToString(), body(span({}), scope="d", resource={})]
    assert places(spans_of(decode("traces", bodies))) == [
        *[(0, scope, "one") for scope in "aabb"],
        *[(0, "c", "two")] * 2,
        (2, None, None),
        (3, "d", None),
    ]


def test_a_missing_resource_between_others_shifts_nothing():
    bodies = [body(span({}), resource={"service.name": "one"}), body(span({})), body(span({}), resource={"x": 1})]
    bodies.append(body(span({}), resource={"service.name": "last"}))
    assert [service for *_, service in places(spans_of(decode("traces", bodies)))] == ["one", None, None, "last"]


def test_ids_times_and_status_come_as_they_were_sent():
    odd = span({}, trace_id=b"x", span_id=b"", start_time_unix_nano=2**64 - 1, end_time_unix_nano=0)
    spans = spans_of(decode("traces", [body(odd, span({}, parent_span_id=b"\x01" * 8, status={"code": 2}))]))
    assert spans.trace_id.to_pylist() == [b"x", bytes(range(1, 17))]
    assert spans.span_id.to_pylist()[0] == b""
    assert spans.parent_span_id.to_pylist() == [b"", b"\x01" * 8]
    assert spans.started.tolist() == [2**64 - 1, STARTED_NS]
    assert spans.ended.tolist()[0] == 0
    assert spans.status.tolist() == [0, 2]


def test_spans_that_are_left_out_take_their_attributes_with_them():
    spans = spans_of(decode("traces", [body(*[span([("a", number), ("b", -number)]) for number in range(5)])]))
    kept = spans.filter(spans.attributes.count("a")[0].to_numpy() % 2 == 1)
    assert len(kept) == 2
    assert kept.attributes.number("b").to_pylist() == [-1.0, -3.0]


def test_a_bad_request_is_told_by_its_place_and_its_neighbours_are_read():
    good = body(span(CHAT))
    decoded = decode("traces", [b"\xff", good, body(span(CHAT))[:-3], good, b"<html>"])
    assert sorted(decoded.failures) == [0, 2, 4]
    for sentence in decoded.failures.values():
        assert sentence.startswith("the body is no ExportTraceServiceRequest: failed to decode")
    assert spans_of(decoded).request.tolist() == [1, 3]


def test_bodies_of_many_pieces_are_one_group():
    one = body(*[span(CHAT | {"gen_ai.prompt": "x" * 1000}) for _ in range(100)])
    spans = spans_of(decode("traces", [one] * 8))
    assert len(spans) == 800
    assert spans.request.tolist() == [number for number in range(8) for _ in range(100)]


BROKEN = {
    "a value": lambda: body(span(CHAT | {"user.id": CHARS_BROKEN})),
    "a key": lambda: body(span(CHAT | {CHARS_BROKEN: "value"})),
    "a scope": lambda: body(span(CHAT), scope=CHARS_BROKEN, version=CHARS_BROKEN),
    "a resource": lambda: body(span(CHAT), resource={"service.name": CHARS_BROKEN, CHARS_BROKEN: 1}),
    "two keys alike": lambda: body(span([*CHAT.items(), (CHARS_BROKEN, 1), (CHARS_BROKEN, 2)])),
    "what is not read": lambda: body(span(CHAT, name=CHARS_BROKEN, trace_state=CHARS_BROKEN)),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_broken_utf8_is_mended_and_the_span_stored(sent):
    good = body(span(CHAT))
    assert answered([good, broken(sent()), good]) == expected([good, mended(sent()), good])


def test_the_replacement_character_stands_where_a_text_was_broken():
    (row,) = calls(broken(body(span(CHAT | {"user.id": f"a{CHARS_BROKEN}b", "note": CHARS_BROKEN}))))
    assert row["user_id"] == f"a{MENDED}b"
    assert row["attributes"] == f'{{"note":"{MENDED}"}}'


def test_a_list_or_map_with_broken_utf8_is_null_and_the_span_stored():
    sent = CHAT | {"gen_ai.response.finish_reasons": [CHARS_BROKEN], "list": [CHARS_BROKEN], "map": {CHARS_BROKEN: 1}}
    (row,) = calls(broken(body(span(sent))))
    assert row["finish_reasons"] is None
    assert row["attributes"] == '{"list":null,"map":null}'


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(otlp_requests.bodies, st.lists(otlp_requests.scalars.filter(lambda said: said is not None), max_size=4))
def test_a_mended_body_is_otherwise_the_one_that_was_sent(random_body, said):
    """The lenient reading and the strict one are the same but for the broken texts."""
    extra = [(f"key {number} {CHARS_BROKEN}", value) for number, value in enumerate(said)]
    sent = random_body + body(span([*CHAT.items(), *extra, ("user.id", CHARS_BROKEN)]), scope=CHARS_BROKEN)
    assert answered([broken(sent), random_body]) == expected([mended(sent), random_body])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from([*otlp_requests.KEYS, "app.x", "app.y"]), otlp_requests.wire_values)))
def test_values_in_any_writing_are_rows_as_protobuf_reads_them(attributes):
    sent = otlp_requests.by_hand(attributes)
    assert answered([sent]) == expected([sent])


def test_a_value_that_cannot_be_read_is_null_and_the_span_stored():
    """protobuf's own readers refuse the whole request; one value is too little to lose a bill for."""
    sent = otlp_requests.by_hand([("user.id", b"\x0a\x05abc"), ("app.x", b"\x18\xff"), ("session.id", b"\x0a\x01s")])
    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(sent)
    (row,) = calls(sent)
    assert (row["user_id"], row["session_id"], row["attributes"]) == (None, "s", '{"app.x":null}')


def test_a_count_that_cannot_be_read_is_told_as_partial():
    (row,) = calls(
        otlp_requests.by_hand([("gen_ai.usage.input_tokens", b"\x18"), ("gen_ai.usage.output_tokens", b"\x18\x07")])
    )
    assert (row["input_tokens"], row["output_tokens"], row["partial"]) == (None, 7, True)
