"""Records as OTLP: our wire format is protobuf's, ids follow from what identifies a record, texts are bounded."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from spanledger.instrumentation.replay.otlp_span import span_id
from spanledger.instrumentation.replay.otlp_spans import Outgoing, is_sane, trace_id
from spanledger.instrumentation.replay.records import Agent, Bucket, Call, Prompt, Quota, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, SERVER, Source
from spanledger.instrumentation.replay.wire import TEXT_MAX, Attribute, varint
from spanledger.storage.ledger import Ledger
from tests.replaying import MACHINE, feed, requests

CLIENT = Source("a-tool", "A tool", AGENT, (), lambda log: iter(()))
GATEWAY = Source("a-gateway", "A gateway", SERVER, (), lambda log: iter(()))
T = 1_790_000_000 * 10**9
SESSION = Session("s-1", "shop", "ada/shop", "main", "1.2", "ada", "pro", "web", "core", "prod")
CALL = Call(
    "k-1", SESSION, T, T + 5, Usage(100, 50, 20, 15, 5, 10, 3, 1), "m-2", "m-1", "anthropic", "chat", "msg_1", "req_1",
    parent="agent-1", agent="Explore", cost_usd=Decimal("0.25"), service_tier="standard", speed="fast",
    residency="us", region="eu-1", finish_reason="end_turn", error="overloaded", first_chunk_s=0.5, partial=True,
    adds_up=True,
)  # fmt: skip

EDGES = [1 << 7, 1 << 14, 1 << 21, 1 << 28]
"""Numbers that are the first to take a byte more."""


def message(source: Source, *records: Record) -> ExportTraceServiceRequest:
    outgoing = Outgoing(MACHINE)
    for record in records:
        outgoing.add(source, record)
    (export,) = outgoing.take()
    assert export.signal == "traces"
    assert export.records == len(records)
    return ExportTraceServiceRequest.FromString(export.body)


def attributes(of) -> dict[str, object]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in of}


def test_calls_of_no_known_session_are_not_one_trace():
    nobody = Session("", user="ada")
    calls = [replace(CALL, key=key, session=nobody, parent=None) for key in "ab"]
    first, second = message(GATEWAY, *calls).resource_spans[0].scope_spans[0].spans
    assert first.trace_id != second.trace_id
    (again,) = message(GATEWAY, replace(calls[0], session=Session(""))).resource_spans[0].scope_spans[0].spans
    assert (again.trace_id, again.span_id) == (first.trace_id, first.span_id), "a copy is known by its key"


def test_a_call_says_all_that_is_known_of_it():
    (resource,) = message(CLIENT, CALL).resource_spans
    assert attributes(resource.resource.attributes) == {
        "service.name": "a-tool", "service.version": "1.2", "host.name": MACHINE, "host.id": MACHINE,
        "gen_ai.conversation.id": "s-1", "app.project": "shop", "vcs.repository.name": "ada/shop",
        "vcs.ref.head.name": "main", "user.id": "ada", "app.name": "web",
        "app.team": "core", "deployment.environment.name": "prod",
    }  # fmt: skip
    (scope,) = resource.scope_spans
    assert scope.scope.name == "spanledger.replay.agent"
    assert attributes(scope.scope.attributes) == {"spanledger.source": "a-tool"}
    (span,) = scope.spans
    assert (span.name, span.kind, span.status.code) == ("chat m-2", 3, 2)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (T, T + 5)
    assert span.trace_id == trace_id("a-tool", "s-1")
    assert span.span_id == span_id("a-tool", "call", "k-1")
    assert span.parent_span_id == span_id("a-tool", "agent", "agent-1")
    assert attributes(span.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "m-1",
        "gen_ai.response.model": "m-2", "gen_ai.agent.name": "Explore", "openai.response.service_tier": "standard",
        "anthropic.usage.speed": "fast", "anthropic.usage.inference_geo": "us", "cloud.region": "eu-1",
        "gen_ai.response.finish_reason": "end_turn", "error.type": "overloaded", "gen_ai.response.id": "msg_1",
        "gen_ai.request.id": "req_1", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.cache_write.input_tokens": 20,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 15,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 5, "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "anthropic.usage.server_tool_use.web_search_requests": 1, "gen_ai.usage.cost": 0.25,
        "gen_ai.response.time_to_first_chunk": 0.5, "spanledger.partial": True, "spanledger.adds_up": True,
        "spanledger.plan": "pro",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "vendor_ids", "scope"),
    [
        (CLIENT, True, "spanledger.replay.agent"),
        (CLIENT, False, "spanledger.replay.agent.own"),
        (GATEWAY, True, "spanledger.replay.server"),
        (GATEWAY, False, "spanledger.replay.server.own"),
    ],
)
def test_the_scope_says_how_it_is_meant(source: Source, vendor_ids: bool, scope: str):
    call = Call("k", SESSION, T, T, Usage(1), vendor_ids=vendor_ids)
    assert message(source, call).resource_spans[0].scope_spans[0].scope.name == scope


def test_tools_agents_prompts_and_quotas_are_spans_of_their_own():
    told = message(
        CLIENT,
        Tool("t", SESSION, T, T + 1, "Bash", "toolu_1", "agent-1", "tool_error"),
        Agent("agent-1", SESSION, T, T + 9, "Explore"),
        Prompt("p", SESSION, T, 12),
        Quota(SESSION, T, "primary", 12.5, 300, T + 10**9, "pro"),
    )
    (scope,) = told.resource_spans[0].scope_spans
    tool, agent, prompt, quota = scope.spans
    assert (tool.name, agent.name, prompt.name) == ("execute_tool Bash", "invoke_agent Explore", "prompt")
    assert tool.parent_span_id == agent.span_id
    assert attributes(tool.attributes)["gen_ai.tool.call.id"] == "toolu_1"
    assert attributes(prompt.attributes) == {"gen_ai.operation.name": "prompt", "spanledger.characters": 12}
    assert attributes(quota.attributes) == {
        "gen_ai.operation.name": "quota", "spanledger.quota.name": "primary", "spanledger.quota.used_percent": 12.5,
        "spanledger.quota.window_minutes": 300, "spanledger.quota.resets_at_s": T // 10**9 + 1,
        "spanledger.quota.plan": "pro",
    }  # fmt: skip
    assert len({span.span_id for span in scope.spans}) == 4


def test_sessions_share_a_resource_each_and_copies_a_trace():
    other = Session("s-2", trace="root")
    copy = Session("s-3", trace="root")
    more = Call("k", copy, T, T, Usage(1, output_tokens=2))
    told = message(CLIENT, CALL, Call("k", other, T, T, Usage(1)), more, replace(CALL, key="k-2"))
    assert [len(one.scope_spans[0].spans) for one in told.resource_spans] == [2, 1, 1]
    first, second, third = (one.scope_spans[0].spans[0] for one in told.resource_spans)
    assert (second.trace_id, second.span_id) == (third.trace_id, third.span_id)
    assert first.trace_id != second.trace_id


def test_what_a_copy_repeats_is_left_out_and_what_says_more_is_not():
    outgoing = Outgoing(MACHINE)
    copy = Session("s-9", trace="s-1")
    for call in (CALL, CALL, replace(CALL, session=copy), replace(CALL, ended_ns=T + 6), replace(CALL, ended_ns=T)):
        outgoing.add(CLIENT, call)
    for _ in range(2):
        outgoing.add(CLIENT, Tool("k-1", SESSION, T, T + 1, "Bash"))
    (export,) = outgoing.take()
    assert export.records == 3


def test_an_end_before_the_start_is_the_start():
    call = Call("k", SESSION, T, T - 7, Usage(1))
    (span,) = message(CLIENT, call).resource_spans[0].scope_spans[0].spans
    assert span.end_time_unix_nano == T


@pytest.mark.parametrize(
    ("at", "sane"), [(0, False), (10**18, True), (T, True), (946_684_799 * 10**9, False), (5 * 10**18, False)]
)
def test_times_of_a_clock_that_was_never_set_are_known(at: int, sane: bool):
    assert is_sane(Prompt("p", SESSION, at)) is sane
    assert is_sane(Call("k", SESSION, at, at, Usage(1))) is sane


@given(st.text(max_size=600))
def test_any_text_is_cut_cleaned_and_valid(text: str):
    written = Attribute("a.key", 1).text(text)
    pair = KeyValue.FromString(written[_head(written) :])
    said = pair.value.string_value
    assert pair.key == "a.key"
    assert len(said) <= TEXT_MAX
    assert all(character.isprintable() for character in said)


def _head(attribute: bytes) -> int:
    """The bytes before a message that is a field: its tag and its length."""
    at = 1
    while attribute[at] & 128:
        at += 1
    return at + 1


@given(st.integers(0, 2**63 - 1) | st.integers(0, 62).map(lambda bits: (1 << bits) - 1) | st.sampled_from(EDGES))
def test_counts_are_written_as_protobuf_does(number: int):
    written = Attribute("a.key", 1).count(number)
    assert KeyValue.FromString(written[_head(written) :]).value.int_value == number
    assert len(varint(number)) <= 9


def test_buckets_are_metrics_and_no_calls():
    bucket = Bucket(
        "b-1",
        T,
        T + 3600 * 10**9,
        Usage(100, 40, None, output_tokens=7),
        "gpt-5",
        "openai",
        Decimal("1.5"),
        3,
        "web",
        "ada",
        "s-1",
    )
    outgoing = Outgoing(MACHINE)
    outgoing.add(GATEWAY, bucket)
    (export,) = outgoing.take()
    assert export.signal == "metrics"
    told = ExportMetricsServiceRequest.FromString(export.body)
    (resource,) = told.resource_metrics
    metrics = {one.name: one.sum.data_points[0] for one in resource.scope_metrics[0].metrics}
    assert {name: point.as_double for name, point in metrics.items()} == {
        "gen_ai.client.inference.usage.input_tokens": 100.0,
        "gen_ai.client.inference.usage.cache_read.input_tokens": 40.0,
        "gen_ai.client.inference.usage.output_tokens": 7.0,
        "gen_ai.usage.cost": 1.5,
    }
    assert all(
        one.sum.is_monotonic and one.sum.aggregation_temporality == 2 for one in resource.scope_metrics[0].metrics
    )
    point = metrics["gen_ai.usage.cost"]
    assert (point.start_time_unix_nano, point.time_unix_nano) == (T - 1000, T + 3600 * 10**9)
    assert attributes(point.attributes) | {"spanledger.bucket": 0} == {
        "gen_ai.request.model": "gpt-5", "gen_ai.provider.name": "openai", "app.project": "web", "user.id": "ada",
        "gen_ai.conversation.id": "s-1", "spanledger.requests": 3, "spanledger.bucket": 0,
    }  # fmt: skip


def test_the_ledger_understands_all_of_it(tmp_path):
    bucket = Bucket("b-1", T, T + 3600 * 10**9, Usage(100, output_tokens=7), "gpt-5", "openai")
    records: list[Record] = [CALL, Tool("t", SESSION, T, T + 1, "Bash"), Quota(SESSION, T, "primary", 12.5)]
    ledger = Ledger.open(tmp_path)
    try:
        group = requests([(CLIENT, records), (GATEWAY, [bucket])])
        feed(ledger, group, group)
        with ledger.reader() as reader:
            (call,) = reader.query("select * from calls").to_pylist()
            spans = reader.query("select operation, tool_name, attributes from spans order by 1").to_pylist()
            points = reader.query("select count(*) as n, sum(tokens) as tokens from usage_points").to_pylist()
    finally:
        ledger.close()
    assert (call["dialect"], call["usage_rule"], call["session_id"], call["project"]) == (
        "replay-agent", "inclusive", "s-1", "shop",
    )  # fmt: skip
    assert (call["input_tokens"], call["cache_write_5m_tokens"], call["cache_write_1h_tokens"]) == (100, 15, 5)
    assert (call["web_searches"], call["agent_name"], call["machine"]) == (1, "Explore", MACHINE)
    assert (call["plan"], call["residency"]) == ("pro", "us")
    assert call["reported_cost_usd"] == Decimal("0.25")
    assert [(span["operation"], span["tool_name"]) for span in spans] == [("execute_tool", "Bash"), ("quota", None)]
    assert json.loads(spans[1]["attributes"])["spanledger.quota.used_percent"] == 12.5
    assert points == [{"n": 2, "tokens": 107}]


@pytest.mark.parametrize("order", ["grown last", "grown first", "again and again"])
def test_a_bucket_that_is_exported_again_after_it_grew_counts_once(tmp_path: Path, order: str):
    hour = 3600 * 10**9
    first = Bucket("b-1", T, T + hour, Usage(1000, output_tokens=7), "gpt-5", "openai", Decimal(1), requests=2)
    grown = replace(first, usage=Usage(1200, output_tokens=9), cost_usd=Decimal("1.5"), requests=3)
    other = replace(first, key="b-2", usage=Usage(10), cost_usd=None)
    moment = replace(first, key="b-3", started_ns=T + hour, usage=Usage(5), cost_usd=None)
    later = replace(moment, ended_ns=T + 2 * hour, usage=Usage(6))
    sent = {
        "grown last": [first, grown],
        "grown first": [grown, first],
        "again and again": [first, grown, grown, first],
    }
    ledger = Ledger.open(tmp_path)
    try:
        for bucket in (*sent[order], other, moment, later):
            feed(ledger, requests([(GATEWAY, [bucket])]))
        with ledger.reader() as reader:
            told = reader.query(
                "select kind, sum(added_tokens)::bigint as tokens, sum(added_cost_usd) as cost from usage_points"
                " group by kind order by kind"
            ).to_pylist()
    finally:
        ledger.close()
    assert [(row["kind"], row["tokens"], row["cost"]) for row in told] == [
        ("cost", None, Decimal("1.5")), ("input", 1216, None), ("output", 9, None),
    ]  # fmt: skip


def test_a_sum_is_priced_as_short_prompts_and_what_is_not_known_whole_is_not_priced(tmp_path: Path):
    started = 1_776_000_000 * 10**9
    million = Call("k", Session("s"), started, started, Usage(1_000_000, output_tokens=0), "gpt-5.4", provider="openai")
    sonnet = {"model": "claude-sonnet-4-5", "provider": "anthropic"}
    told = [
        replace(million, key="one"),
        replace(million, key="sum", session=Session("t"), adds_up=True),
        replace(million, key="sum of another", session=Session("u"), adds_up=True, **sonnet),
        replace(million, key="part", session=Session("v"), usage=Usage(5, output_tokens=2), partial=True),
    ]
    ledger = Ledger.open(tmp_path)
    try:
        feed(ledger, requests([(CLIENT, told)]))
        with ledger.reader() as reader:
            rows = reader.query("select * from calls order by session_id").to_pylist()
    finally:
        ledger.close()
    assert [(row["cost_input_usd"], row["flags"], row["partial"], row["price_status"]) for row in rows] == [
        (Decimal(5), None, False, "priced"),
        (Decimal("2.5"), "sum", False, "priced"),
        (Decimal(3), "sum", False, "priced"),
        (None, None, True, "missing_usage"),
    ]
    assert [row["price_rule"].endswith("a sum of calls: priced as short prompts") for row in rows] == [
        False, True, True, False,
    ]  # fmt: skip
