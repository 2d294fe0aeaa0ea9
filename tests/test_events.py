"""Events: what a log record is called, when it happened, and which two records are the same event."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanledger.processors.decode import decode
from spanledger.processors.events import events
from spanledger.processors.identify import event_hashes
from spanledger.processors.records import Records
from tests.otlp_logs import event, log_body
from tests.otlp_requests import STARTED_NS

TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))
TENANT = np.uint64(7)


def read(*records: LogRecord, **request: Any) -> Records:
    return events(decode("logs", [log_body(*records, **request)]))


def names(*records: LogRecord) -> list[str | None]:
    return read(*records).name.to_pylist()


def hashes(*records: LogRecord, **request: Any) -> list[int]:
    found = read(*records, **request)
    return event_hashes(found, np.full(len(found), TENANT)).tolist()


# Names


def test_the_name_is_that_of_the_field_before_the_attribute_before_the_body():
    assert names(
        event({"event.name": "attribute"}, "a.body", event_name="field"),
        event({"event.name": "attribute"}, "a.body"),
        event({}, "claude_code.api_request"),
        event({}),
    ) == ["field", "attribute", "claude_code.api_request", None]


def test_a_position_in_source_code_is_no_name():
    position = "event otel/src/events/session_telemetry.rs:1153"
    assert names(
        event({"event.name": "codex.sse_event"}, event_name=position),
        event({}, event_name=position),
        event({}, event_name="event 17"),
    ) == ["codex.sse_event", None, "event 17"]


@pytest.mark.parametrize(
    "body", ["my secret prompt", "hunter2", "", "a.b" * 40, "no.name.", "1.2", {"a": "map"}, ["a.b", "c"], 3.5, True]
)
def test_a_body_that_is_no_name_is_not_kept(body):
    assert names(event({}, body)) == [None]


# Times


def test_an_event_happened_at_its_records_time():
    (row,) = _times(event({"event.timestamp": "2026-11-22T04:52:15.361Z"}, observed_time_unix_nano=5))
    assert row == (STARTED_NS, STARTED_NS)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-11-22T04:52:15.361Z", datetime(2026, 11, 22, 4, 52, 15, 361_000, UTC)),
        ("2026-11-22T04:52:15Z", datetime(2026, 11, 22, 4, 52, 15, tzinfo=UTC)),
        ("2026-11-22T04:52:15.123456+01:00", datetime(2026, 11, 22, 3, 52, 15, 123_456, UTC)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_without_a_time_it_is_the_attribute_that_says_it(said, meant):
    (row,) = _times(event({"event.timestamp": said}, time_unix_nano=0, observed_time_unix_nano=5))
    assert row[1] // 1000 == int(meant.timestamp()) * 1_000_000 + meant.microsecond


@pytest.mark.parametrize(
    "said",
    [
        *("2026-02-30T04:52:15Z", "2027-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z"),
        *("2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "1926-01-01T00:00:00Z"),
        *("now", 17, None),
    ],
)
def test_without_a_time_that_can_be_read_it_is_when_it_was_observed(said):
    records = [event({"event.timestamp": said}, time_unix_nano=0, observed_time_unix_nano=STARTED_NS)]
    assert _times(*records) == [(STARTED_NS, STARTED_NS)]


def test_an_event_without_any_time_has_none():
    assert _times(event({}, time_unix_nano=0)) == [(0, 0)]


def _times(*records: LogRecord) -> list[tuple[int, int]]:
    found = read(*records)
    return list(zip(found.started.tolist(), found.ended.tolist(), strict=True))


# Context


def test_the_ids_of_an_event_are_those_of_the_span_that_it_lies_in():
    found = read(event({}, trace_id=TRACE_ID, span_id=SPAN_ID), event({}))
    assert found.trace_id.to_pylist() == [TRACE_ID, b""]
    assert found.span_id.to_pylist() == [SPAN_ID, b""]
    assert found.parent_span_id.to_pylist() == [None, None]
    assert found.status.tolist() == [0, 0]


def test_the_events_of_several_requests_keep_their_order_and_their_scopes():
    bodies = [log_body(event({}, event_name="a"), event({}, event_name="b"), scope="one"), log_body(), b""]
    found = events(decode("logs", [*bodies, log_body(event({}, event_name="c"), scope="two", resource={"r": 1})]))
    assert found.name.to_pylist() == ["a", "b", "c"]
    assert found.request.tolist() == [0, 0, 3]
    assert found.scopes.names.take(found.scope).to_pylist() == ["one", "one", "two"]


# Identity


def test_the_same_event_by_two_routes_is_one():
    said = {"event.name": "api_request", "input_tokens": 7}
    first = hashes(event(said, observed_time_unix_nano=1), scope="s", resource={"host.name": "a"})
    second = hashes(event(said, observed_time_unix_nano=2), scope="s", resource={"host.name": "a", "collector": "b"})
    assert first == second


@pytest.mark.parametrize(
    "other",
    [
        event({"input_tokens": 8}, event_name="e"),
        event({"input_tokens": 7}, event_name="f"),
        event({"input_tokens": 7}, event_name="e", time_unix_nano=STARTED_NS + 1),
        event({"input_tokens": 7}, event_name="e", trace_id=TRACE_ID),
        event({"input_tokens": 7}, event_name="e", span_id=SPAN_ID),
        event({"input_tokens": "7"}, event_name="e"),
        event({"input_tokens": 7, "output_tokens": 0}, event_name="e"),
    ],
    ids=["another value", "another name", "another time", "another trace", "another span", "a text", "one more"],
)
def test_events_that_differ_in_anything_they_say_are_two(other):
    one = event({"input_tokens": 7}, event_name="e")
    assert len(set(hashes(one, one, other))) == 2


def test_two_events_of_different_tenants_are_two():
    found = read(event({}), event({}))
    assert len(set(event_hashes(found, np.array([1, 2], np.uint64)).tolist())) == 2


def test_an_event_has_the_same_identity_whatever_came_with_it():
    records = [event({"n": number}, event_name="e") for number in range(5)]
    alone = [hashes(one)[0] for one in records]
    assert hashes(*records) == alone
    found = read(*records)
    some = np.array([False, True, True, False, True])
    assert event_hashes(found.filter(some), np.full(3, TENANT)).tolist() == [alone[1], alone[2], alone[4]]


def test_the_identity_of_an_event_does_not_hang_on_how_it_is_read():
    said = {"event.name": "api_request", "duration_ms": 512}
    (known, unknown) = (read(event(said), scope=scope) for scope in ("com.anthropic.claude_code.events", "elsewhere"))
    assert known.started.tolist() == [STARTED_NS - 512_000_000]
    assert unknown.started.tolist() == [STARTED_NS]
    tenants = np.full(1, TENANT)
    assert event_hashes(known, tenants).tolist() == event_hashes(unknown, tenants).tolist()
