"""Normalise: spans in any dialect become rows with one meaning; what was not said stays NULL."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from spanledger.processors.dialects.operations import NO_OUTPUT
from spanledger.processors.dialects.providers import PROVIDERS
from spanledger.processors.ids import hex_text
from spanledger.storage.schema import CALLS, COSTS
from tests.oracle import EPOCH, INGESTED_US, call, calls, processed
from tests.otlp_requests import STARTED_NS, body, span

CHAT = {"gen_ai.operation.name": "chat"}
IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
WRITE_5M = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
WRITE_1H = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
OPENAI, BOTOCORE = (
    "opentelemetry.instrumentation.genai.openai",
    "opentelemetry.instrumentation.botocore.bedrock-runtime",
)
BEDROCK = "opentelemetry.instrumentation.genai.bedrock"

# Key precedence: column, what is sent, what is stored.
PRECEDENCE = [
    ("input_tokens", {IN: 10, "gen_ai.usage.prompt_tokens": 10}, 10),
    ("input_tokens", {"gen_ai.usage.prompt_tokens": 99, IN: 10}, 10),
    ("input_tokens", {"gen_ai.usage.prompt_tokens": 99}, 99),
    ("output_tokens", {"gen_ai.usage.completion_tokens": 99, OUT: 10}, 10),
    ("output_tokens", {"gen_ai.usage.completion_tokens": 99}, 99),
    ("cache_write_tokens", {"gen_ai.usage.cache_creation.input_tokens": 99, WRITE: 10}, 10),
    ("cache_write_tokens", {"gen_ai.usage.cache_creation.input_tokens": 99}, 99),
    ("provider", {"gen_ai.system": "old", "gen_ai.provider.name": "new"}, "new"),
    ("provider", {"gen_ai.system": "old"}, "old"),
    ("service_tier", {"openai.request.service_tier": "auto", "openai.response.service_tier": "flex"}, "flex"),
    (
        "service_tier",
        {"gen_ai.openai.request.service_tier": "auto", "gen_ai.openai.response.service_tier": "flex"},
        "flex",
    ),
    ("service_tier", {"gen_ai.openai.request.service_tier": "auto"}, "auto"),
    ("service_tier", {"anthropic.response.service_tier": "priority"}, "priority"),
    (
        "finish_reasons",
        {"gen_ai.response.finish_reasons": ["stop"], "anthropic.message.stop_reason": "end_turn"},
        "stop",
    ),
    ("finish_reasons", {"anthropic.message.stop_reason": "end_turn"}, "end_turn"),
    ("user_id", {"user.email": "a@b.c", "enduser.id": "2", "user.id": "1"}, "1"),
    ("user_id", {"enduser.pseudo.id": "4", "user.email": "a@b.c"}, "a@b.c"),
    ("session_id", {"session.id": "s", "gen_ai.conversation.id": "c"}, "c"),
    ("team", {"team": "plain", "app.team": "own"}, "own"),
    ("repository", {"vcs.repository.url.full": "https://x/y", "vcs.repository.name": "y"}, "y"),
    ("request_id", {"aws.request_id": "aws", "anthropic.request.id": "req_1"}, "req_1"),
]


@pytest.mark.parametrize(("column", "sent", "stored"), PRECEDENCE)
def test_a_column_is_the_first_of_its_keys_and_never_their_sum(column, sent, stored):
    assert call(sent)[column] == stored


@pytest.mark.parametrize(("alias", "name"), PROVIDERS.items())
def test_an_alias_of_a_provider_becomes_its_name(alias, name):
    assert call({"gen_ai.system": alias})["provider"] == name
    assert call({"gen_ai.provider.name": alias.upper()})["provider"] == name


def test_a_provider_that_is_no_alias_stays_as_it_was_said():
    assert call({"gen_ai.provider.name": "My-Gateway"})["provider"] == "My-Gateway"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"gen_ai.system": "strands-agents", "gen_ai.request.model": "gpt-5-mini"}, "openai"),
        (
            {"gen_ai.system": "LangChain", "gen_ai.response.model": "claude-opus-4", "gen_ai.request.model": "x"},
            "anthropic",
        ),
        ({"gen_ai.provider.name": "github", "gen_ai.request.model": "gemini-2.5-pro"}, "gcp.gemini"),
        ({"gen_ai.system": "crewai", "gen_ai.request.model": "my-model"}, None),
        ({"gen_ai.system": "crewai"}, None),
        ({"gen_ai.request.model": "gpt-5-mini"}, None),
    ],
)
def test_of_a_name_that_is_no_provider_the_model_tells_whose_it_is(sent, stored):
    assert call(sent)["provider"] == stored


def test_an_emitter_of_one_vendor_need_not_name_it():
    assert call({}, scope=BEDROCK)["provider"] == "aws.bedrock"
    assert call({"gen_ai.system": "other"}, scope=BEDROCK)["provider"] == "other"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.5}, 0.5),
        ({"ai.response.msToFirstChunk": 250}, 0.25),
        ({"ai.response.msToFirstChunk": 250, "gen_ai.response.time_to_first_chunk": 0.5}, 0.5),
        ({"ai.response.msToFirstChunk": "soon"}, None),
    ],
)
def test_the_time_to_the_first_chunk_is_in_seconds_whatever_it_was_said_in(said, seconds):
    assert call(said)["time_to_first_chunk_s"] == seconds


def test_an_operation_is_lower_case():
    assert call({"gen_ai.operation.name": "CHAT"})["operation"] == "chat"


# Input and cache: scope, what is sent, then input, cache reads, cache writes and the rule.
INPUTS = {
    "inclusive stays": (OPENAI, {IN: 100, READ: 60, WRITE: 10}, 100, 60, 10, "inclusive"),
    "inclusive stays even where it cannot be": (OPENAI, {IN: 10, READ: 60}, 10, 60, None, "inclusive"),
    "botocore leaves the cache out": (BOTOCORE, {IN: 100, READ: 60, WRITE: 10}, 170, 60, 10, "exclusive"),
    "bedrock leaves the cache out": (BEDROCK, {IN: 100, READ: 60}, 160, 60, None, "exclusive"),
    "exclusive without a cache": (BOTOCORE, {IN: 100}, 100, None, None, "exclusive"),
    "exclusive with a split": (BOTOCORE, {IN: 1, WRITE_5M: 2, WRITE_1H: 4}, 7, None, 6, "exclusive"),
    "exclusive without input": (BOTOCORE, {READ: 60, OUT: 1}, None, 60, None, None),
    "unknown and possible": ("my.app", {IN: 100, READ: 60, WRITE: 40}, 100, 60, 40, "inclusive"),
    "unknown and smaller than its cache": ("my.app", {IN: 99, READ: 60, WRITE: 40}, 199, 60, 40, "exclusive_by_size"),
    "no scope and smaller than its cache": ("", {IN: 0, READ: 1}, 1, 1, None, "exclusive_by_size"),
    "unknown with a split": ("my.app", {IN: 3, WRITE_5M: 2, WRITE_1H: 2}, 7, None, 4, "exclusive_by_size"),
    "unknown without a cache": ("my.app", {IN: 3}, 3, None, None, "inclusive"),
    "unknown without input": ("my.app", {READ: 3, OUT: 1}, None, 3, None, None),
    "a bad cache count is not added": (BOTOCORE, {IN: 100, READ: -5, WRITE: 10}, 110, None, 10, "exclusive"),
}


@pytest.mark.parametrize(("scope", "sent", "total", "read", "write", "rule"), INPUTS.values(), ids=INPUTS)
def test_input_is_all_of_the_prompt_and_the_rule_says_how_it_was_read(scope, sent, total, read, write, rule):
    row = call(sent, scope=scope)
    assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (total, read, write)
    assert row["usage_rule"] == rule


def test_rules_do_not_mix_between_the_scopes_of_a_batch():
    sent = CHAT | {IN: 10, READ: 30}
    rows = calls(*[body(span(sent), scope=scope) for scope in (BOTOCORE, OPENAI, "my.app", BEDROCK)])
    assert [row["input_tokens"] for row in rows] == [40, 10, 40, 40]
    assert [row["dialect"] for row in rows] == ["otel-botocore", "otel-genai-openai", "unknown", "otel-genai-bedrock"]
    assert [row["sources"] for row in rows] == [row["dialect"] for row in rows]


@pytest.mark.parametrize(
    ("sent", "total", "five_minutes", "one_hour"),
    [
        ({WRITE_5M: 3, WRITE_1H: 4}, 7, 3, 4),
        ({WRITE_5M: 3}, 3, 3, None),
        ({WRITE_1H: 4}, 4, None, 4),
        ({WRITE_5M: 0, WRITE_1H: 0}, 0, 0, 0),
        ({WRITE: 9, WRITE_5M: 3, WRITE_1H: 4}, 9, 3, 4),
        ({WRITE: 0, WRITE_5M: 3}, 0, 3, None),
        ({}, None, None, None),
    ],
)
def test_writes_of_known_lifetimes_make_the_total_where_none_was_said(sent, total, five_minutes, one_hour):
    row = call({IN: 100} | sent, scope=OPENAI)
    assert row["cache_write_tokens"] == total
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (five_minutes, one_hour)


@pytest.mark.parametrize(
    ("sent", "partial"),
    [
        ({IN: 1, OUT: 1}, False),
        ({}, False),
        ({IN: 1}, True),
        ({OUT: 1}, True),
        ({IN: 0, OUT: 0}, False),
        ({IN: 1, OUT: -1}, True),
        ({IN: 1, OUT: "many"}, True),
        ({IN: 1, OUT: 1, READ: math.nan}, True),
        ({IN: 1, OUT: 1, "gen_ai.usage.reasoning.output_tokens": 10**12 + 1}, True),
        ({IN: 1, OUT: 1, WRITE: None}, True),
        ({IN: "1", OUT: 1.0}, False),
    ],
)
def test_a_record_that_does_not_know_all_of_its_usage_is_partial(sent, partial):
    assert call(sent)["partial"] is partial


@pytest.mark.parametrize("operation", sorted(NO_OUTPUT))
def test_an_operation_billed_by_its_input_alone_is_not_partial_without_output(operation):
    assert call({"gen_ai.operation.name": operation, IN: 5})["partial"] is False
    assert call({"gen_ai.operation.name": operation, OUT: 5})["partial"] is True


@pytest.mark.parametrize("said", ["12", 12.0, " 12 ", "12.0", 12])
def test_counts_are_read_from_texts_and_doubles(said):
    assert call({IN: said, OUT: 1})["input_tokens"] == 12


@pytest.mark.parametrize(
    ("said", "stored"),
    [(True, "true"), (False, "false"), ("True", "true"), ("FALSE", "false"), ("yes", None), (1, None), (None, None)],
)
def test_stream_is_true_false_or_not_said(said, stored):
    assert call({"gen_ai.request.stream": said})["stream"] == stored
    assert call({})["stream"] is None


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (["stop"], "stop"),
        (["stop", "tool_calls"], "stop,tool_calls"),
        ("stop", "stop"),
        ([], None),
        ("", None),
        ('["stop", "length"]', "stop,length"),
        ("[]", None),
        ("[stop", "[stop"),
        ("[1]", "1"),
    ],
)
def test_finish_reasons_are_joined(said, stored):
    assert call({"gen_ai.response.finish_reasons": said})["finish_reasons"] == stored


@pytest.mark.parametrize(("code", "status"), [(0, "unset"), (1, "ok"), (2, "error"), (77, "unset"), (-1, "unset")])
def test_status_is_named(code, status):
    assert call({}, status={"code": code})["status"] == status
    assert call({})["status"] == "unset"


@pytest.mark.parametrize(
    ("said", "dollars"),
    [
        (0.25, "0.25"), (0.000123456789, "0.000123456789"), (1e-12, "0.000000000001"), (4e-13, "0"), (0, "0"), (3, "3"),
        ("0.5", "0.5"), (-0.0, "0"), (899_999.5, "899999.5"), (900_000.0, None), (1e300, None), (-0.01, None),
        (math.nan, None), (math.inf, None), ("free", None), (True, None), (None, None),
    ],
)  # fmt: skip
def test_a_reported_cost_is_kept_to_the_pico_dollar_and_never_used_as_the_cost(said, dollars):
    row = call({"gen_ai.usage.cost": said})
    assert row["reported_cost_usd"] == (None if dollars is None else Decimal(dollars))
    assert all(row[name] is None for name in COSTS)


def test_times_are_microseconds_of_utc():
    row = call({})
    assert row["started_at"] == datetime(2026, 11, 18, 11, 6, 40, 123456, UTC)
    assert row["ended_at"] - row["started_at"] == timedelta(seconds=1)
    assert row["ingested_at"] == EPOCH + timedelta(microseconds=INGESTED_US)


@pytest.mark.parametrize(
    ("ended_ns", "after_us"),
    [(0, None), (STARTED_NS - 1, None), (STARTED_NS, 0), (STARTED_NS + 1, 0), (STARTED_NS + 544, 1), (2**63, None)],
)
def test_an_end_before_the_start_or_beyond_all_clocks_is_null(ended_ns, after_us):
    row = call({}, end_time_unix_nano=ended_ns)
    after = None if row["ended_at"] is None else row["ended_at"] - row["started_at"]
    assert after == (None if after_us is None else timedelta(microseconds=after_us))


@pytest.mark.parametrize(
    ("sent", "stored"), [(b"", None), (bytes(8), None), (b"\x01", None), (b"\x0a" * 8, "0a" * 8), (b"\xff" * 9, None)]
)
def test_a_parent_is_hex_and_a_root_has_none_however_it_says_so(sent, stored):
    assert call({}, parent_span_id=sent)["parent_span_id"] == stored


def test_ids_are_lower_case_hex():
    row = call({}, trace_id=bytes(range(0xF0, 0x100)), span_id=bytes.fromhex("00A1b2C3d4E5f600"))
    assert row["trace_id"] == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    assert row["span_id"] == "00a1b2c3d4e5f600"


def test_hex_of_a_slice_is_the_slice_of_the_hex():
    ids = pa.array([b"\x01" * 8, None, b"short", b"\xff" * 8, b"", bytes(range(8))], pa.binary())
    whole = ["01" * 8, None, None, "ff" * 8, None, "0001020304050607"]
    for start in range(len(ids)):
        for length in range(len(ids) - start + 1):
            assert hex_text(ids.slice(start, length), 8).to_pylist() == whole[start : start + length]


def test_who_is_what_the_span_says_else_its_resource():
    resource = {"user.id": "of resource", "app.team": "core", "session.id": "s", "gen_ai.agent.name": "agent"}
    own = CHAT | {"enduser.id": "of span", "team": "edge"}
    rows = calls(body(span(own), span(CHAT), resource=resource), body(span(own), span(CHAT)))
    assert [row["user_id"] for row in rows] == ["of span", "of resource", "of span", None]
    assert [row["team"] for row in rows] == ["edge", "core", "edge", None]
    assert [row["session_id"] for row in rows] == ["s", "s", None, None]
    assert [row["agent_name"] for row in rows] == ["agent", "agent", None, None]


def test_an_empty_owner_on_the_span_leaves_it_to_the_resource():
    (row,) = calls(body(span(CHAT | {"user.id": "", "app.team": ""}), resource={"user.id": "u", "app.team": "core"}))
    assert (row["user_id"], row["team"]) == ("u", "core")


def test_where_is_what_the_resource_says_and_not_the_span():
    resource = {
        "service.name": "api", "service.version": "1", "service.instance.id": "i", "host.name": "h", "host.id": "m",
        "deployment.environment": "old", "deployment.environment.name": "prod", "cloud.provider": "aws",
        "cloud.region": "eu",
        "k8s.namespace.name": "n", "k8s.pod.name": "p",
    }  # fmt: skip
    (row,) = calls(body(span(CHAT | {"service.name": "x", "host.name": "y", "cloud.region": "us"}), resource=resource))
    told = ("service_name", "service_version", "environment", "host_name", "machine", "cloud_provider", "cloud_region")
    assert [row[name] for name in told] == ["api", "1", "prod", "h", "m", "aws", "eu"]
    assert [row[name] for name in ("instance_id", "k8s_namespace", "k8s_pod")] == ["i", "n", "p"]
    assert row["region"] == "us"
    assert row["attributes"] == '{"service.name":"x","host.name":"y"}'


def test_the_scope_is_told_with_its_version_and_an_empty_one_is_null():
    rows = calls(body(span(CHAT), scope="my.app", version="1.2"), body(span(CHAT)), body(span(CHAT), version="3"))
    assert [(row["scope_name"], row["scope_version"]) for row in rows] == [("my.app", "1.2"), (None, None), (None, "3")]


def test_what_was_not_said_is_null():
    row = call({})
    told = {name for name, stored in row.items() if stored is not None}
    assert told == {
        "tenant", "api_key_id", "trace_id", "span_id", "started_at", "ended_at", "ingested_at", "revision", "operation",
        "status", "partial", "dialect", "sources", "record_hash",
    }  # fmt: skip


def test_an_empty_text_is_not_said():
    keys = ("gen_ai.provider.name", "gen_ai.request.model", "error.type", "gen_ai.response.id", "user.id", "app.team")
    row = call(dict.fromkeys(keys, ""))
    for name in ("provider", "request_model", "error_type", "response_id", "user_id", "team"):
        assert row[name] is None


def test_a_batch_has_the_columns_of_the_schema_with_and_without_rows():
    for bodies in ([], [body(span(CHAT), span(CHAT))]):
        batch = processed(bodies).calls
        assert batch.schema == CALLS
        batch.validate(full=True)
