"""What the telemetry of Claude Code and Codex would have one count twice, not at all, or wrong: a test for each trap.

Requests are made up of what the recorded agents send. Each is fed in several orders, and twice: the ledger must say the
same.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.receiver.contract import Request
from tests.otlp_logs import event, log_body
from tests.otlp_requests import STARTED_NS, span
from tests.telling import MS, USAGE, Told, at, logs, said, telling, times, traces

SESSION = "7743b76c-c324-495a-85a1-23b13c2f412e"
TRACE, TURN = bytes(range(1, 17)), bytes(range(1, 9))
PROMPT = "SECRET-PROMPT please"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with telling(tmp_path_factory.mktemp("ledger")) as tell:
        yield tell


# Claude Code --------------------------------------------------------------------------------------------------------


def claude_event(name: str = "api_request", **attributes: Any) -> LogRecord:
    """An event at the end of a call of 500 ms; it lies in the span of the interaction."""
    end_ms = attributes.pop("end_ms", 500)
    ids = attributes.pop("ids", {"trace_id": TRACE, "span_id": TURN})
    usage = {
        "model": "claude-opus-5-5", "input_tokens": 113, "output_tokens": 472, "cache_read_tokens": 0,
        "cache_creation_tokens": 10644, "cache_creation_5m_tokens": 781, "cache_creation_1h_tokens": 9863,
        "cost_usd": 0.092701, "duration_ms": 500, "ttft_ms": 161, "speed": "normal",
    }  # fmt: skip
    shared = {"session.id": SESSION, "event.name": name, "query_source": "sdk"}
    own = usage if name == "api_request" else {}
    return event(shared | own | attributes, f"claude_code.{name}", time_unix_nano=at(end_ms), **ids)


def claude_span(span_id: int = 1, **attributes: Any) -> Span:
    """A call from the first millisecond to the last of 501."""
    start_ms = attributes.pop("start_ms", 0)
    usage = {
        "session.id": SESSION, "gen_ai.conversation.id": SESSION, "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-opus-5-5", "model": "claude-opus-5-5", "input_tokens": 113,
        "output_tokens": 472, "cache_read_tokens": 0, "cache_creation_tokens": 10644, "duration_ms": 501,
    }  # fmt: skip
    return span(
        usage | attributes, name="claude_code.llm_request", trace_id=TRACE, span_id=bytes([span_id] * 8),
        parent_span_id=TURN, **times(start_ms, start_ms + 501),
    )  # fmt: skip


def claude_logs(*records: LogRecord) -> Request:
    return logs(*records, scope="com.anthropic.claude_code.events", service="claude-code")


def claude_traces(*spans: Span) -> Request:
    return traces(*spans, scope="com.anthropic.claude_code.tracing", service="claude-code")


REQUEST = "req_011C4zV7JQEg8r83MDUbvS9K"


def test_claude_event_and_span_of_one_request_are_one_call(told):
    (call,) = told(
        claude_logs(claude_event(request_id=REQUEST)),
        claude_traces(claude_span(request_id=REQUEST, **{"gen_ai.response.id": REQUEST})),
    )
    assert said(call, *USAGE) == (113 + 10644, 0, 10644, 472, None)
    assert said(call, "cache_write_5m_tokens", "cache_write_1h_tokens") == (781, 9863)
    assert said(call, "request_id", "response_id", "session_id") == (REQUEST, None, SESSION)
    assert said(call, "provider", "request_model", "sources") == (
        "anthropic", "claude-opus-5-5", "claude-code,claude-code-event"
    )  # fmt: skip
    assert float(call["reported_cost_usd"]) == 0.092701
    assert call["time_to_first_chunk_s"] == 0.161
    assert call["span_id"] == "01" * 8, "its own span, not the interaction's"


def test_claude_events_that_lie_in_one_span_are_a_call_each(told):
    calls = told(
        claude_logs(claude_event(request_id="req_0000000001"), claude_event(request_id="req_0000000002", end_ms=1200))
    )
    assert [call["request_id"] for call in calls] == ["req_0000000001", "req_0000000002"]


def test_claude_call_without_a_request_id_is_known_by_its_session_and_tokens(told):
    (call,) = told(claude_logs(claude_event()), claude_traces(claude_span()))
    assert call["sources"] == "claude-code,claude-code-event"
    assert call["cache_write_1h_tokens"] == 9863


def test_two_equal_calls_of_claude_at_the_same_time_stay_two(told):
    calls = told(
        claude_logs(claude_event(), claude_event(end_ms=505)),
        claude_traces(claude_span(1), claude_span(2, start_ms=4)),
    )
    assert [call["sources"] for call in calls] == ["claude-code,claude-code-event"] * 2


def test_claude_events_around_a_call_are_no_calls(told):
    repeated = {"request_id": REQUEST, "model": "claude-opus-5-5"}
    around = claude_logs(
        claude_event("assistant_response", **repeated),
        claude_event("subagent_completed", total_tokens=11413, model="claude-opus-5-5", duration_ms=1027),
        claude_event("user_prompt", prompt=PROMPT),
        claude_event("tool_result", tool_name="Bash", tool_use_id="toolu_1", duration_ms="60", request_id=REQUEST),
        claude_event("tool_decision", tool_name="Bash"),
        claude_event("plugin_loaded"),
    )
    assert told(around) == []
    kept = told(around, table="spans")
    assert {(row["operation"], row["tool_name"]) for row in kept} == {
        ("prompt", None), ("execute_tool", "Bash"), ("invoke_agent", None)
    }  # fmt: skip
    (tool,) = (row for row in kept if row["tool_name"])
    assert (tool["ended_at"] - tool["started_at"]).total_seconds() == 0.060
    assert said(tool, "tool_call_id", "session_id") == ("toolu_1", SESSION)


def test_claude_events_outside_any_trace_are_calls_like_others(told):
    (call,) = told(claude_logs(claude_event(request_id=REQUEST, ids={})))
    assert said(call, "trace_id", "span_id", "request_id") == (None, None, REQUEST)


def test_claude_retries_lie_in_one_span_and_are_one_call(told):
    (call,) = told(claude_traces(claude_span(request_id=REQUEST, attempt=2)))
    assert call["output_tokens"] == 472


def test_claude_event_seen_by_two_routes_is_one_call(told):
    record = claude_event(request_id=REQUEST)
    names = {"service.name": "claude-code", "added.by": "a collector"}
    other = Request(log_body(record, scope="com.anthropic.claude_code.events", resource=names), "", signal="logs")
    assert len(told(claude_logs(record), other)) == 1


# Codex --------------------------------------------------------------------------------------------------------------

THREAD = "01a20199-040e-7a03-b23c-a4a90eb00c12"


def codex_event(milliseconds: int = 400, **counts: Any) -> LogRecord:
    """The event of a call; its counts are texts and numbers."""
    usage = {
        "input_token_count": "10623", "output_token_count": "307", "cached_token_count": 0,
        "cache_write_token_count": 10604, "reasoning_token_count": 186, "tool_token_count": "10930", "ttft_ms": 21,
    }  # fmt: skip
    return _codex_event("codex.sse_event", milliseconds, **{"event.kind": "response.completed"}, **(usage | counts))


def _codex_event(name: str, milliseconds: int, **attributes: Any) -> LogRecord:
    """An event without a time of its own, and with a position in source code for a name."""
    second, rest = divmod(STARTED_NS // MS % 60_000 + milliseconds, 1000)
    stamp = f"2026-11-18T11:06:{second:02}.{rest:03}Z"
    shared = {"event.name": name, "event.timestamp": stamp, "conversation.id": THREAD, "model": "gpt-5.5"}
    return event(
        shared | attributes, time_unix_nano=0, observed_time_unix_nano=at(milliseconds),
        event_name="event otel/src/events/session_telemetry.rs:1153",
    )  # fmt: skip


def codex_span(name: str, span_id: int, start_ms: int, end_ms: int, items: Sequence[tuple[str, Any]] = ()) -> Span:
    common = [("thread.id", 3), ("thread.name", "tokio-rt-worker"), ("target", "codex_core::session::turn")]
    return span(
        [*common, *items], name=name, trace_id=TRACE, span_id=bytes([span_id] * 8), **times(start_ms, end_ms)
    )  # fmt: skip


CODEX_USAGE = [
    ("gen_ai.usage.input_tokens", 10623), ("gen_ai.usage.cache_read.input_tokens", 0),
    ("gen_ai.usage.cache_write.input_tokens", 10604), ("gen_ai.usage.output_tokens", 307),
    ("codex.usage.reasoning_output_tokens", 186), ("codex.usage.total_tokens", 10930),
]  # fmt: skip


def codex_logs(*records: LogRecord, **resource: str) -> Request:
    names = {"service.name": "codex_exec"} | {key.replace("_", "."): value for key, value in resource.items()}
    return Request(log_body(*records, scope="codex_otel.log_only", resource=names), "default", signal="logs")


def codex_traces(*spans: Span) -> Request:
    return traces(*spans, scope="codex_exec", service="codex_exec")


def test_codex_event_is_a_call_whatever_its_event_name_says(told):
    (call,) = told(codex_logs(codex_event()))
    assert said(call, *USAGE) == (10623, 0, 10604, 307, 186)
    assert said(call, "session_id", "request_model", "provider") == (THREAD, "gpt-5.5", "openai")
    assert call["ended_at"].timestamp() == pytest.approx(at(400) / 1e9, abs=0.002)


def test_codex_event_of_the_same_name_without_counts_is_no_call(told):
    before = _codex_event("codex.sse_event", 399, **{"event.kind": "response.completed", "duration_ms": "15"})
    assert len(told(codex_logs(before, codex_event()))) == 1


def test_codex_event_and_span_are_one_call_though_they_share_no_name(told):
    (call,) = told(codex_logs(codex_event(400)), codex_traces(codex_span("handle_responses", 1, 386, 401, CODEX_USAGE)))
    assert said(call, *USAGE) == (10623, 0, 10604, 307, 186)
    assert said(call, "session_id", "request_model", "sources") == (THREAD, "gpt-5.5", "codex,codex-event")


def test_codex_event_names_its_host_and_the_span_does_not(told):
    (call,) = told(
        codex_logs(codex_event(400), host_name="devbox"),
        codex_traces(codex_span("handle_responses", 1, 386, 401, CODEX_USAGE)),
    )
    assert said(call, "host_name", "sources") == ("devbox", "codex,codex-event")


def test_codex_spans_of_the_same_name_without_counts_are_no_calls(told):
    empty = [codex_span("handle_responses", number, number, 380) for number in range(2, 6)]
    (call,) = told(codex_traces(*empty, codex_span("handle_responses", 1, 386, 401, CODEX_USAGE)))
    assert said(call, *USAGE, "request_model") == (10623, 0, 10604, 307, 186, None)


def test_codex_turn_adds_up_its_calls_and_is_none(told):
    turn = codex_span(
        "session_task.turn", 9, 0, 900,
        [
            ("thread.id", THREAD), ("turn.id", "t"), ("model", "gpt-5.5"),
            ("codex.turn.token_usage.input_tokens", 33371), ("codex.turn.token_usage.cached_input_tokens", 21627),
            ("codex.turn.token_usage.output_tokens", 862), ("codex.turn.token_usage.total_tokens", 34233),
        ],
    )  # fmt: skip
    assert told(codex_traces(turn)) == []
    (row,) = told(codex_traces(turn), table="spans")
    assert said(row, "operation", "input_tokens", "output_tokens") == ("invoke_agent", 33371, 862)
    assert row["session_id"] == THREAD, "thread.id stands there twice, first as the number of a thread"


def test_codex_compaction_without_a_span_is_a_call_by_its_event(told):
    compaction = codex_event(800, input_token_count="124", output_token_count="11", cache_write_token_count=0,
                             reasoning_token_count=0)  # fmt: skip
    calls = told(
        codex_logs(codex_event(400), compaction),
        codex_traces(codex_span("handle_responses", 1, 386, 401, CODEX_USAGE)),
    )
    assert [(call["input_tokens"], call["sources"]) for call in calls] == [
        (10623, "codex,codex-event"), (124, "codex-event")
    ]  # fmt: skip


SECRETS = dict.fromkeys(
    (
        "prompt", "prompt_text", "response", "tool_input", "tool_parameters", "arguments", "output", "user_prompt",
        "full_command", "file_path",
    ),
    PROMPT,
)  # fmt: skip


@pytest.mark.parametrize("table", ["calls", "spans"])
def test_nothing_that_was_said_is_kept(told, table):
    kept = told(
        claude_logs(*(claude_event(name, **SECRETS) for name in ("api_request", "user_prompt", "tool_result"))),
        claude_traces(claude_span(**SECRETS)),
        codex_logs(codex_event(**SECRETS), _codex_event("codex.user_prompt", 1, **SECRETS)),
        table=table,
    )
    assert kept
    assert "SECRET" not in str(kept)
