"""Identify: a span and a response id name a call within one tenant, the same in any batch."""

import pytest

from spanledger.processors.identify import NAME_BYTES_MIN, identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import process
from tests.oracle import INGESTED_US, calls, traces
from tests.otlp_requests import body, span

HASHES = ("record_hash", "response_hash", "call_id")
FILLED = ("response_hash", "request_hash", "fingerprint", "anonymous", "call_id")


def named(response_id: object = None, **fields: object) -> dict[str, object]:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.response.id": response_id}
    (row,) = calls(body(span(attributes, **fields)), steps=(identify,))
    return row


def test_the_hashes_are_those_of_the_ledgers_that_exist():
    row = named("chatcmpl-1")
    assert (row["trace_id"], row["span_id"]) == ("0102030405060708090a0b0c0d0e0f10", "a1a2a3a4a5a6a7a8")
    (row,) = _of_tenant("acme", "chatcmpl-1")
    assert row["record_hash"] == 16630977891085351006
    assert row["response_hash"] == row["call_id"] == 9232002119714262837


def _of_tenant(tenant: str, response_id: str) -> list[dict[str, object]]:
    one = body(span({"gen_ai.operation.name": "chat", "gen_ai.response.id": response_id}))
    return process([traces([one], [Sender(tenant, "")])], INGESTED_US, (identify,)).calls.to_pylist()


def test_a_call_is_named_by_its_response_where_there_is_one():
    row = named("chatcmpl-1")
    assert row["call_id"] == row["response_hash"] != row["record_hash"]
    assert named("chatcmpl-1", span_id=b"\x01" * 8)["call_id"] == row["call_id"]


@pytest.mark.parametrize("response_id", [None, "", "1", "x" * (NAME_BYTES_MIN - 1)])
def test_without_a_response_id_worth_the_name_the_span_names_the_call(response_id):
    row = named(response_id)
    assert row["response_hash"] is None
    assert row["call_id"] == row["record_hash"]


def test_the_shortest_response_id_is_counted_in_bytes():
    assert named("x" * NAME_BYTES_MIN)["response_hash"] is not None
    assert named("é" * (NAME_BYTES_MIN // 2))["response_hash"] is not None


def test_trace_and_span_make_the_record_hash_together():
    hashes = {
        named(trace_id=trace * 16, span_id=span_id * 8)["record_hash"]
        for trace in (b"\x01", b"\x02")
        for span_id in (b"\x01", b"\x02")
    }
    assert len(hashes) == 4


def test_tenants_never_share_a_hash():
    one = body(span({"gen_ai.operation.name": "chat", "gen_ai.response.id": "chatcmpl-1"}))
    senders = [Sender(tenant, "") for tenant in ("a", "b", "", "default")]
    rows = process([traces([one] * 4, senders)], INGESTED_US, (identify,)).calls.to_pylist()
    hashes = [row[name] for row in rows for name in ("record_hash", "response_hash")]
    assert len(set(hashes)) == len(hashes)


def test_a_text_is_another_hash_as_a_span_than_as_a_response():
    row = named("a1a2a3a4a5a6a7a8")
    assert row["record_hash"] != row["response_hash"]


def test_a_part_of_a_batch_gets_the_hashes_that_it_has_in_the_whole():
    ids = ["chatcmpl-1", None, "msg_" + "x" * 400, "short", "resp_é😀"]
    spans = [
        span({"gen_ai.operation.name": "chat", "gen_ai.response.id": response_id}, span_id=bytes([number]) * 8)
        for number, response_id in enumerate(ids, 1)
    ]
    batch = process([traces([body(*spans)], [Sender("acme", "")])], INGESTED_US, ()).calls
    whole = identify(batch).select(HASHES).to_pylist()
    for start in range(len(ids)):
        for length in range(len(ids) - start + 1):
            part = identify(batch.slice(start, length)).select(HASHES).to_pylist()
            assert part == whole[start : start + length]


def test_only_the_hashes_are_filled():
    one = body(span({"gen_ai.operation.name": "chat"}))
    batch = process([traces([one], [Sender("acme", "")])], INGESTED_US, ()).calls
    changed = identify(batch)
    assert changed.schema == batch.schema
    assert changed.drop_columns(list(FILLED)) == batch.drop_columns(list(FILLED))
