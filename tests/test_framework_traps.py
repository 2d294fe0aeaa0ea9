"""What frameworks and gateways would have one count twice, not at all, or wrong: a test for each trap.

Built by hand after recordings of the packages that the dialects' `source` names. Each is fed in several orders, and
twice: the ledger must say the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanledger.receiver.contract import Request
from tests.otlp_logs import event
from tests.otlp_requests import span
from tests.telling import USAGE, Told, at, logs, said, telling, times, traces

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5-mini"}
IN, OUT, RESPONSE = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.id"
READ = "gen_ai.usage.cache_read.input_tokens"
DETAILS = "gen_ai.client.inference.operation.details"
SDK = "opentelemetry.instrumentation.genai.openai"
PROMPT = "SECRET-PROMPT please"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with telling(tmp_path_factory.mktemp("ledger")) as tell:
        yield tell


def one(
    attributes: Mapping[str, Any], number: int = 1, *, name: str = "", trace: int = 1, parent: int = 0,
    start_ms: int = 0, end_ms: int = 100, failed: bool = False,
) -> Span:  # fmt: skip
    return span(
        attributes, name=name, trace_id=trace.to_bytes(16), span_id=number.to_bytes(8),
        parent_span_id=parent.to_bytes(8) if parent else b"", status=Status(code=2 if failed else 0),
        **times(start_ms, end_ms),
    )  # fmt: skip


def app(made: Span, scope: str) -> Request:
    return traces(made, scope=scope, service="app")


# Vendors' SDKs ------------------------------------------------------------------------------------------------------


def test_functions_that_google_genai_calls_by_itself_leave_one_row_with_the_usage_of_the_last_request(told):
    second = CHAT | {"gen_ai.operation.name": "generate_content", IN: 1493, OUT: 133, RESPONSE: "AbCdEfGhIj"}
    scope = "opentelemetry.instrumentation.google_genai"
    details = event(second, event_name=DETAILS, time_unix_nano=at(100), trace_id=(1).to_bytes(16),
                    span_id=(1).to_bytes(8))  # fmt: skip
    (call,) = told(app(one(second, name="generate_content"), scope), logs(details, scope=scope, service="app"))
    assert said(call, "input_tokens", "output_tokens") == (1493, 133)


@pytest.mark.parametrize("key", ["cache_write", "cache_creation"])
def test_openais_cache_writes_come_under_two_names(told, key):
    (call,) = told(app(one(CHAT | {IN: 1493, OUT: 133, f"gen_ai.usage.{key}.input_tokens": 700}), SDK))
    assert said(call, *USAGE) == (1493, None, 700, 133, None)


def test_botocore_names_the_request_and_no_response(told):
    usage = {"gen_ai.system": "aws.bedrock", "gen_ai.operation.name": "chat", "aws.request_id": "0f8e-4711-request"}
    scope = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    (call,) = told(app(one(usage | {IN: 10, OUT: 5}), scope))
    assert said(call, "response_id", "request_id") == (None, "0f8e-4711-request")


def test_a_failed_call_that_fills_in_zeros_has_no_tokens_and_no_price(told):
    refused = CHAT | {IN: 0, OUT: 0, READ: 0, "error.type": "BadRequestError"}
    (call,) = told(app(one(refused, failed=True), "litellm"))
    assert said(call, "status", *USAGE, "cost_usd") == ("error", *[None] * 5, None)
    (call,) = told(app(one(refused | {IN: 7}, failed=True), "litellm"))
    assert said(call, "input_tokens", "output_tokens") == (7, 0), "an answer that broke off was billed"


@pytest.mark.parametrize("number", [1, 9])
def test_each_attempt_that_was_refused_is_a_failed_row_without_tokens(told, number):
    attempts = [one(CHAT | {"error.type": "429"}, n, start_ms=n * 200, end_ms=n * 200 + 50, failed=True)
                for n in range(1, number + 1)]  # fmt: skip
    rows = told(*(app(attempt, SDK) for attempt in attempts))
    assert [said(row, "status", "input_tokens", "cost_usd") for row in rows] == [("error", None, None)] * number


# Streams ------------------------------------------------------------------------------------------------------------


def anthropic_output(stop: str) -> str:
    usage = '{"cache_read_input_tokens":256,"input_tokens":744,"output_tokens":1}'
    return f'{{"id":"msg_01aaaaaa","content":[],"stop_reason":{stop},"stop_sequence":null,"usage":{usage}}}'


@pytest.mark.parametrize(("stop", "output", "flags"), [("null", None, "left_early"), ('"end_turn"', 1, None)])
def test_openinference_shows_that_an_answer_of_anthropics_never_came_to_its_end(told, stop, output, flags):
    usage = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1000, "llm.token_count.completion": 1,
             "llm.model_name": "claude-sonnet-4-5", "output.value": anthropic_output(stop)}  # fmt: skip
    (call,) = told(app(one(usage), "openinference.instrumentation.anthropic"))
    assert said(call, "input_tokens", "output_tokens", "flags", "partial") == (1000, output, flags, output is None)
    (call,) = told(app(one({**usage, "output.value": "__REDACTED__"}), "openinference.instrumentation.anthropic"))
    assert call["partial"] is False, "where nothing is shown it is no sign"


def test_openllmetry_sees_nothing_of_a_stream_that_another_instrumentation_wraps(told):
    outer = one(CHAT | {"gen_ai.is_streaming": True}, 1, name="openai.chat")
    inner = one(CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", IN: 1493, OUT: 133}, 2, parent=1, end_ms=120)
    (call,) = told(
        app(outer, "opentelemetry.instrumentation.openai.v1"), app(inner, "opentelemetry.util.genai.handler")
    )
    assert said(call, "response_id", "input_tokens") == ("chatcmpl-aaaaaaaa", 1493)


LOGFIRE_END = "streaming response from {request_data[model]!r} took {duration:.2f}s"
RAW = '{"completion_tokens":133,"prompt_tokens":1493,"prompt_tokens_details":{"cached_tokens":256}}'


def test_logfire_tells_of_a_stream_twice_once_without_its_usage(told):
    began = one(CHAT, 1, name="Chat Completion with {request_data[model]!r}", end_ms=2)
    ended = one(CHAT | {IN: 1493, OUT: 133, "gen_ai.usage.raw": RAW}, 2, name=LOGFIRE_END, start_ms=90, end_ms=90)
    (call,) = told(app(began, "logfire.openai"), app(ended, "logfire.openai"))
    assert said(call, "dialect", *USAGE) == ("logfire-stream", 1493, 256, None, 133, None)


def test_logfires_end_of_a_stream_that_was_left_early_is_the_sdks_call(told):
    usage = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5", IN: 1000, OUT: 1}
    raw = '{"cache_read_input_tokens":256,"input_tokens":744,"output_tokens":1,"service_tier":"standard"}'
    ended = one(usage | {"gen_ai.usage.raw": raw}, 1, name=LOGFIRE_END, trace=2, start_ms=90, end_ms=90)
    sdk = {key: value for key, value in usage.items() if key != OUT} | {RESPONSE: "msg_01aaaaaa"}
    sdk |= {"gen_ai.request.stream": True}
    (call,) = told(app(ended, "logfire.anthropic"), app(one(sdk, 2), "com.anthropic.sdk.python"))
    assert said(call, "sources", "response_id", "output_tokens", "partial") == (
        "anthropic-sdk,logfire-stream", "msg_01aaaaaa", None, True
    )  # fmt: skip


# Frameworks ---------------------------------------------------------------------------------------------------------


def test_mlflow_writes_json_and_leaves_the_rest_to_the_output(told):
    output = (
        '{"id": "msg_01aaaaaa", "content": [{"text": "\\"id\\": \\"msg_wrong\\" \\"thinking_tokens\\": 7"}], "usage": '
        '{"cache_creation": {"ephemeral_1h_input_tokens": 93, "ephemeral_5m_input_tokens": 5003}, '
        '"output_tokens_details": {"thinking_tokens": 20}}}'
    )
    tokens = (
        '{"input_tokens": 6370, "output_tokens": 164, "total_tokens": 6534, "cache_read_input_tokens": 0, '
        '"cache_creation_input_tokens": 5096, "cache_creation_input_tokens_above_1hr": 93}'
    )
    made = {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"claude-haiku-4-5"', "mlflow.spanOutputs": output,
            "mlflow.llm.provider": '"anthropic"', "mlflow.chat.tokenUsage": tokens}  # fmt: skip
    (call,) = told(app(one(made), "mlflow.tracing.provider"))
    assert said(call, *USAGE) == (6370, 0, 5096, 164, 20)
    assert said(call, "cache_write_5m_tokens", "cache_write_1h_tokens", "usage_rule") == (5003, 93, "total_inclusive")
    assert said(call, "provider", "response_model", "response_id") == ("anthropic", "claude-haiku-4-5", "msg_01aaaaaa")


def test_haystack_through_openinference_says_the_details_as_pythons_text(told):
    meta = (
        "_meta={'usage': {'completion_tokens_details': {'reasoning_tokens': 69}, "
        "'prompt_tokens_details': {'audio_tokens': 0, 'cached_tokens': 256}}}"
    )
    output = "{\"replies\": [\"ChatMessage(_content=[TextContent(text=''cached_tokens': 9')], " + meta + ')"]}'
    made = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini", "llm.token_count.prompt": 1493,
            "llm.token_count.completion": 133, "output.value": output}  # fmt: skip
    (call,) = told(app(one(made), "openinference.instrumentation.haystack"))
    assert said(call, "provider", *USAGE) == ("openai", 1493, 256, None, 133, 69)


def test_openllmetrys_span_of_haystack_only_says_that_there_was_a_call(told):
    outer = one({"llm.request.type": "chat", "gen_ai.system": "OpenAI"}, 1, name="haystack.openai.chat")
    inner = one(CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", IN: 1493, OUT: 133}, 2, parent=1)
    scope = "opentelemetry.instrumentation.haystack"
    (call,) = told(app(outer, scope), app(inner, "opentelemetry.instrumentation.openai.v1"))
    assert said(call, "input_tokens", "sources") == (1493, "openllmetry-openai")


def test_llama_indexs_embedding_is_two_spans_and_what_prepares_a_chat_is_none(told):
    embedding = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small"}
    scope = "openinference.instrumentation.llama_index"
    prepared = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"}
    (call,) = told(
        app(one(embedding, 1, name="OpenAIEmbedding.get_text_embedding"), scope),
        app(one(embedding, 2, parent=1, name="OpenAIEmbedding._get_text_embedding"), scope),
        app(one(prepared, 3, name="OpenAI._prepare_chat_with_tools"), scope),
    )
    assert said(call, "provider", "request_model", "input_tokens") == ("openai", "text-embedding-3-small", None)


def test_crewais_roll_up_is_a_text_and_its_tasks_are_named_by_what_they_say(told):
    scope = "opentelemetry.instrumentation.crewai.instrumentation"
    usage = {"traceloop.span.kind": "workflow", "crewai.crew.token_usage": "total_tokens=3000 prompt_tokens=2800"}
    spans = (
        app(one(usage, 1, name="crewai.workflow"), scope),
        app(one({"traceloop.span.kind": "task"}, 2, parent=1, name=f"{PROMPT}.task"), scope),
    )
    assert told(*spans) == []
    assert [row["name"] for row in told(*spans, table="spans")] == ["crewai.workflow", "workflow"]
    assert f"{PROMPT}.task" in {row["name"] for row in told(*spans, table="spans", keep_content=True)}


# Gateways -----------------------------------------------------------------------------------------------------------


def test_a_gateway_is_asked_for_models_by_names_of_its_operator(told):
    asked = CHAT | {"gen_ai.request.model": "sonnet", "gen_ai.response.model": "sonnet", IN: 1604, OUT: 188,
                    RESPONSE: "chatcmpl-of-litellm"}  # fmt: skip
    served = asked | {"gen_ai.provider.name": "anthropic", "litellm.provider.model": "anthropic/claude-sonnet-4-5"}
    vendors = {"llm.anthropic.id": "msg_01aaaaaa", "llm.anthropic.model": "claude-sonnet-4-5-20250929",
               "llm.anthropic.usage": "{'input_tokens': 1604, 'output_tokens': 188}"}  # fmt: skip
    program = app(one(asked, 1, end_ms=140), SDK)
    gateway = traces(one(served, 2, start_ms=10), scope="litellm", service="gateway")
    raw = one(vendors, 3, parent=2, start_ms=10, name="raw_gen_ai_request")
    (call,) = told(program, gateway)
    assert said(call, "provider", "request_model", "response_model") == (
        "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"
    )  # fmt: skip
    assert said(call, "service_name", "price_status") == ("app", "priced")
    (call,) = told(program, gateway, traces(raw, scope="litellm", service="gateway"))
    assert said(call, "response_id", "response_model") == ("msg_01aaaaaa", "claude-sonnet-4-5-20250929")
    assert call["sources"] == "litellm,litellm-raw-anthropic,otel-genai-openai"


def test_litellms_own_words_for_its_interfaces_are_calls(told):
    for said_by_litellm, means in {"aembedding": "embeddings", "aresponses": "responses"}.items():
        usage = {"gen_ai.operation.name": said_by_litellm, "gen_ai.request.model": "gpt-5-mini", IN: 7, OUT: 3}
        (call,) = told(app(one(usage), "litellm"))
        assert call["operation"] == means
