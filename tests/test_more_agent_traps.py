"""What the telemetry of other coding agents would have one count twice, not at all, or wrong: a test for each trap.

Requests are made up of what the recorded agents send. Each is fed in several orders, and twice: the ledger must say the
same.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.receiver.contract import Request
from tests.otlp_logs import event
from tests.otlp_requests import span
from tests.telling import USAGE, Told, at, logs, said, telling, times, traces

SESSION = "7743b76c-c324-495a-85a1-23b13c2f412e"
TRACE, TURN = bytes(range(1, 17)), bytes(range(1, 9))
PROMPT = "SECRET-PROMPT please"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with telling(tmp_path_factory.mktemp("ledger")) as tell:
        yield tell


# Gemini CLI and Qwen Code -------------------------------------------------------------------------------------------


def gemini_events(number: int = 1, *, end_ms: int = 242, thoughts: int = 198, **more: Any) -> list[LogRecord]:
    """Of one call the request's details, the response's details, and the agent's own event: at the same millisecond."""
    shared = {"session.id": SESSION}
    model = {"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gen_ai",
             "gen_ai.request.model": "gemini-3.8-flash"}  # fmt: skip
    details = {"event.name": "gen_ai.client.inference.operation.details", "gen_ai.input.messages": PROMPT}
    ids = more.pop("ids", {})
    own = {
        "event.name": "gemini_cli.api_response", "model": "gemini-3.8-flash", "duration_ms": 242,
        "input_token_count": 10112, "output_token_count": 155, "cached_content_token_count": 9000,
        "thoughts_token_count": thoughts, "tool_token_count": 0, "total_token_count": 10112 + 155 + thoughts,
        "prompt_id": "p", "finish_reasons": ["stop"], "status_code": 200,
    }  # fmt: skip
    answered = {
        "gen_ai.response.id": f"p0j3H2UCnAt4qtLs{number:04}", "gen_ai.response.model": "gemini-3.8-flash",
        "gen_ai.usage.input_tokens": 10112, "gen_ai.usage.output_tokens": 155,
    }  # fmt: skip
    return [
        event(shared | details | model, "GenAI operation request details", time_unix_nano=at(end_ms - 242), **ids),
        event(shared | own | more, "API response from gemini-3.8-flash.", time_unix_nano=at(end_ms), **ids),
        event(shared | details | model | answered, "GenAI operation details", time_unix_nano=at(end_ms), **ids),
    ]


def gemini_span(start_ms: int = 0, span_id: int = 1) -> Span:
    usage = {
        "gen_ai.operation.name": "llm_call", "gen_ai.agent.name": "gemini-cli", "gen_ai.conversation.id": SESSION,
        "gen_ai.request.model": "gemini-3.8-flash", "gen_ai.prompt.name": "p", "gen_ai.usage.input_tokens": 10112,
        "gen_ai.usage.output_tokens": 155,
    }  # fmt: skip
    return span(
        usage, name="llm_call", trace_id=bytes([span_id] * 16), span_id=bytes([span_id] * 8),
        **times(start_ms - 1, start_ms + 245),
    )  # fmt: skip


def gemini_logs(*records: LogRecord) -> Request:
    return logs(*records, scope="gemini-cli", service="gemini-cli")


def gemini_traces(*spans: Span) -> Request:
    return traces(*spans, scope="gemini-cli", service="gemini-cli")


def test_gemini_event_details_and_span_are_one_call_with_its_thoughts(told):
    (call,) = told(gemini_logs(*gemini_events()), gemini_traces(gemini_span()))
    assert said(call, *USAGE) == (10112, 9000, None, 155 + 198, 198)
    assert said(call, "response_id", "session_id", "partial") == ("p0j3H2UCnAt4qtLs0001", SESSION, False)
    assert call["sources"] == "gemini-cli,gemini-cli-details,gemini-cli-event"


def test_gemini_details_of_a_request_are_no_call(told):
    request_half, *_ = gemini_events()
    assert told(gemini_logs(request_half)) == []


def test_gemini_span_hides_the_thoughts_and_is_partial(told):
    (call,) = told(gemini_traces(gemini_span()))
    assert said(call, *USAGE, "partial") == (10112, None, None, 155, None, True)


def test_gemini_calls_whose_events_lie_in_one_span_stay_two(told):
    ids = {"trace_id": TRACE, "span_id": TURN}
    calls = told(gemini_logs(*gemini_events(1, ids=ids), *gemini_events(2, ids=ids, end_ms=900, thoughts=7)))
    assert [(call["output_tokens"], call["response_id"][-1]) for call in calls] == [(353, "1"), (162, "2")]


def test_gemini_call_is_known_by_the_id_in_its_text_where_prompts_are_logged(told):
    text = '[{"candidates":[{"text":"{\\"responseId\\":\\"wrong\\"}"}],"responseId":"p0j3H2UCnAt4qtLs0001"}]'
    _, own, _ = gemini_events(response_text=text)
    (call,) = told(gemini_logs(own))
    assert call["response_id"] == "p0j3H2UCnAt4qtLs0001"


def test_qwen_output_contains_the_thoughts(told):
    names = {"session.id": SESSION, "event.name": "qwen-code.api_response", "response_id": "chatcmpl-l6cbX8lhWw8yWF0D"}
    counts = {"model": "qwen3-coder-plus", "duration_ms": 437, "input_token_count": 10856, "output_token_count": 208,
              "cached_content_token_count": 0, "thoughts_token_count": 134, "total_token_count": 11064}  # fmt: skip
    spoken = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.conversation.id": SESSION,
        "gen_ai.request.model": "qwen3-coder-plus", "gen_ai.response.id": "chatcmpl-l6cbX8lhWw8yWF0D",
        "gen_ai.usage.input_tokens": 10856, "gen_ai.usage.output_tokens": 208, "thoughts_token_count": 134,
        "gen_ai.usage.cache_read.input_tokens": 0,
    }  # fmt: skip
    one = logs(event(names | counts, time_unix_nano=at(437)), scope="qwen-code", service="qwen-code")
    other = traces(span(spoken, name="qwen-code.llm_request", **times(0, 440)), scope="qwen-code", service="qwen-code")
    for requests in ([one], [other], [one, other]):
        (call,) = told(*requests)
        assert said(call, *USAGE, "response_id") == (10856, 0, None, 208, 134, "chatcmpl-l6cbX8lhWw8yWF0D")


# opencode, Copilot, Cline, OpenClaw, goose --------------------------------------------------------------------------


def test_opencode_outer_span_repeats_the_inner_one(told):
    usage = {
        "ai.model.provider": "anthropic", "ai.model.id": "claude-sonnet-4-5", "session.id": "ses_dfe62ed5bffe",
        "ai.usage.inputTokens": 10773, "ai.usage.inputTokenDetails.noCacheTokens": 67, "ai.usage.outputTokens": 337,
        "ai.usage.inputTokenDetails.cacheReadTokens": 0, "ai.usage.inputTokenDetails.cacheWriteTokens": 10706,
        "ai.response.providerMetadata": '{"anthropic":{"usage":{"cache_creation":{"ephemeral_5m_input_tokens":724,'
        '"ephemeral_1h_input_tokens":9982}}}}',
    }  # fmt: skip
    names = {"ai.operationId": "ai.streamText.doStream", "gen_ai.response.id": "msg_01Og4R0nVIr48ZpaFdHm"}
    outer = span(usage | {"ai.operationId": "ai.streamText"}, name="ai.streamText", span_id=b"\x01" * 8)
    inner = span(usage | names, name="ai.streamText.doStream", span_id=b"\x02" * 8, parent_span_id=b"\x01" * 8)
    (call,) = told(traces(outer, scope="opencode"), traces(inner, scope="opencode"))
    assert said(call, *USAGE[:4]) == (10773, 0, 10706, 337)
    assert said(call, "cache_write_5m_tokens", "cache_write_1h_tokens") == (724, 9982)
    assert said(call, "response_id", "session_id", "dialect") == (
        "msg_01Og4R0nVIr48ZpaFdHm", "ses_dfe62ed5bffe", "opencode"
    )  # fmt: skip


def test_copilot_names_itself_as_provider_and_adds_its_calls_up(told):
    usage = {"gen_ai.provider.name": "github", "gen_ai.request.model": "claude-sonnet-4-5", "github.copilot.cost": 1,
             "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}  # fmt: skip
    agent = span(usage | {"gen_ai.operation.name": "invoke_agent"}, span_id=b"\x01" * 8)
    chat = span(usage | {"gen_ai.operation.name": "chat", "copilot_chat.time_to_first_token": 250}, span_id=b"\x02" * 8)
    (call,) = told(traces(agent, chat, service="copilot-chat"))
    assert said(call, "provider", "time_to_first_chunk_s", "reported_cost_usd") == ("anthropic", 0.25, None)
    turn = {"event.name": "copilot_chat.agent.turn", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    assert told(logs(event(turn), service="copilot-chat")) == []


def test_copilot_details_that_lie_in_the_span_of_the_agent_are_a_call_each(told):
    counts = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.5", "gen_ai.usage.input_tokens": 100,
              "gen_ai.usage.output_tokens": 20}  # fmt: skip
    details = {"event.name": "gen_ai.client.inference.operation.details"} | counts
    ids = {"trace_id": TRACE, "span_id": TURN}
    names = [{"gen_ai.response.id": f"chatcmpl-000000{number}"} for number in (1, 2)]
    one = event(details | names[0], time_unix_nano=at(10), **ids)
    other = event(details | names[1], time_unix_nano=at(900), **ids)
    chat = span(counts | names[0] | {"gen_ai.usage.cache_read.input_tokens": 60}, trace_id=TRACE, **times(0, 9))
    calls = told(logs(one, other, service="copilot-chat"), traces(chat, service="copilot-chat"))
    assert [(call["sources"], call["cache_read_tokens"], call["partial"]) for call in calls] == [
        ("copilot,copilot-details", 60, False), ("copilot-details", None, True)
    ]  # fmt: skip


@pytest.mark.parametrize(("provider", "input_tokens"), [("anthropic", 100 + 5000 + 300), ("openai", 100)])
def test_cline_counts_the_cache_as_its_vendor_does(told, provider, input_tokens):
    counts = {"tokensIn": 100, "tokensOut": 50, "cacheReadTokens": 5000, "cacheWriteTokens": 300}
    if provider == "openai":
        counts |= {"cacheReadTokens": 60, "cacheWriteTokens": 0}
    turn = {"event.name": "task.conversation_turn", "ulid": SESSION, "provider": provider, "model": "m"}
    (call,) = told(
        logs(
            event(turn | counts | {"source": "assistant"}, "task.conversation_turn"),
            event(turn | {"source": "user"}, "task.conversation_turn"),
            event({"event.name": "task.tokens", "ulid": SESSION, "model": "m"} | counts, "task.tokens"),
            service="cline",
        )
    )
    assert said(call, "input_tokens", "output_tokens", "session_id") == (input_tokens, 50, SESSION)


def test_openclaw_run_and_opaque_turns_are_no_calls(told):
    usage = {"openclaw.model": "gpt-5.5", "openclaw.provider": "openai", "gen_ai.request.model": "gpt-5.5",
             "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}  # fmt: skip
    calls = told(
        traces(
            span(usage, name="openclaw.model.usage", span_id=b"\x01" * 8),
            span(usage, name="openclaw.model.call", span_id=b"\x02" * 8),
            span(usage | {"gen_ai.operation.name": "invoke_agent"}, name="openclaw.model.call", span_id=b"\x03" * 8),
            service="openclaw",
        )
    )
    assert [call["span_id"] for call in calls] == ["02" * 8]


def test_goose_replies_repeat_the_calls_beneath_them(told):
    usage = {"gen_ai.request.model": "gpt-5.5", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    names = ("reply", "reply_stream", "stream_response_from_provider")
    spans = [span(usage, name=name, span_id=bytes([number] * 8)) for number, name in enumerate(names, 1)]
    (call,) = told(traces(*spans, service="goose"))
    assert call["span_id"] == "03" * 8


SECRETS = dict.fromkeys(
    (
        "response_text", "request_text", "function_args", "gen_ai.input.messages", "gen_ai.system_instructions",
        "ai.prompt.messages", "reasoning", "metadata",
    ),
    PROMPT,
)  # fmt: skip


@pytest.mark.parametrize("table", ["calls", "spans"])
def test_nothing_that_was_said_is_kept(told, table):
    tool = event(SECRETS | {"event.name": "gemini_cli.tool_call", "function_name": "read_file"}, PROMPT)
    strange = [event(SECRETS, PROMPT), event(SECRETS, PROMPT, event_name="an.app")]
    kept = told(gemini_logs(*gemini_events(**SECRETS), tool), logs(*strange), table=table, keep_all_spans=True)
    assert kept
    assert "SECRET" not in str(kept)
