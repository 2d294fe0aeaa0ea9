"""Traps that real emitters set, each as small as it can be: what they send, and the calls it is.

Built by hand after recordings of the packages that the dialects' `source` names.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.feeding import Request, Row, fed
from tests.otlp_requests import STARTED_NS, body, log_body, span

ANTHROPIC_SDK = "com.anthropic.sdk.python"
DETAILS = "gen_ai.client.inference.operation.details"
MS = 1_000_000
RESOURCE = {"service.name": "shop", "service.instance.id": "shop-1"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}
IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
CREATION = "gen_ai.usage.cache_creation.input_tokens"
REASONING, RESPONSE = "gen_ai.usage.reasoning.output_tokens", "gen_ai.response.id"


def told(
    scope: str, attributes: Mapping[str, Any], number: int = 1, *, trace: int = 1, parent: int = 0, name: str = "",
    at_ms: int = 0, lasts_ms: int = 100,
) -> Request:  # fmt: skip
    """A request of one span: its number, its parent's, and when it began after the first."""
    began = STARTED_NS + at_ms * MS
    one = span(
        attributes, name=name, trace_id=trace.to_bytes(16), span_id=number.to_bytes(8), start_time_unix_nano=began,
        parent_span_id=parent.to_bytes(8) if parent else b"", end_time_unix_nano=began + lasts_ms * MS,
    )  # fmt: skip
    return "traces", body(one, scope=scope, resource=RESOURCE)


def event(scope: str, attributes: Mapping[str, Any], within: int = 0, *, trace: int = 1, at_ms: int = 0) -> Request:
    """A request of one details event that lies in the span of a number, or in none."""
    ids = {"trace_id": trace.to_bytes(16) if within else b"", "span_id": within.to_bytes(8) if within else b""}
    made = log_body(
        DETAILS, attributes, scope=scope, resource=RESOURCE, time_unix_nano=STARTED_NS + at_ms * MS, **ids
    )  # fmt: skip
    return "logs", made


def rows_of(folder: Path, *requests: Request) -> list[Row]:
    """The calls, the same in every order of arrival and after all came again."""
    orders = list(permutations(requests))[:: 1 if len(requests) < 4 else 5]
    found = [
        fed(folder / str(number), [[one] for one in order], [list(requests)]) for number, order in enumerate(orders)
    ]
    for stages in found:
        assert stages == [found[0][0]] * 2
    return found[0][0]


def only(rows: Sequence[Row]) -> Row:
    (row,) = rows
    return row


def counts(row: Row) -> tuple[int | None, ...]:
    """Input, of it read and written, output, of it reasoning."""
    return tuple(
        row[f"{name}_tokens"] for name in ("input", "cache_read", "cache_write", "output", "reasoning")
    )  # fmt: skip


SDK_SPAN = CHAT | {
    "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", RESPONSE: "msg_01aaaaaa",
    "anthropic.request.id": "req_011111", IN: 1000, READ: 256, WRITE: 300, OUT: 50, REASONING: 20,
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200, "anthropic.message.stop_reason": "end_turn",
}  # fmt: skip


@pytest.mark.parametrize("trace", [1, 2], ids=["sibling", "separate trace"])
def test_the_anthropic_sdks_own_span_doubles_any_instrumentation_and_alone_knows_the_split(trace, tmp_path):
    other = CHAT | {"gen_ai.request.model": "claude-sonnet-4-5", RESPONSE: "msg_01aaaaaa", IN: 1000, OUT: 51}
    sdk = told(ANTHROPIC_SDK, SDK_SPAN, 2, trace=trace)
    row = only(rows_of(tmp_path, told("opentelemetry.instrumentation.anthropic", other), sdk))
    assert counts(row) == (1000, 256, 300, 50, 20), "of a stream OpenLLMetry counts one token too many"
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (100, 200)
    assert (row["request_id"], row["sources"]) == ("req_011111", "anthropic-sdk,openllmetry-anthropic")


def test_openlit_leaves_the_cache_out_beside_an_sdk_that_does_not(tmp_path):
    said = CHAT | {"gen_ai.request.model": "claude-sonnet-4-5", RESPONSE: "msg_01aaaaaa", IN: 444, READ: 256,
                   CREATION: 300, OUT: 50}  # fmt: skip
    scope = "openlit.instrumentation.anthropic"
    rows = rows_of(tmp_path, told(scope, said), told(ANTHROPIC_SDK, SDK_SPAN, 2, parent=1), event(scope, said, 9))
    assert counts(only(rows)) == (1000, 256, 300, 50, 20)
    alone = only(rows_of(tmp_path / "alone", event(scope, said)))
    assert counts(alone)[:3] == (1000, 256, 300)
    assert alone["usage_rule"] == "exclusive"


def test_two_openlit_events_in_one_span_of_the_application_stay_two_calls(tmp_path):
    scope = "openlit.instrumentation.openai"
    events = [event(scope, CHAT | {RESPONSE: f"chatcmpl-aaaaaa{n}", IN: 100 + n, OUT: 9}, 7, at_ms=n) for n in (1, 2)]
    assert [row["input_tokens"] for row in rows_of(tmp_path, *events)] == [101, 102]


def test_openinference_in_a_trace_of_its_own_names_the_call_only_inside_its_output(tmp_path):
    outer = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini-2025-08-07", "llm.token_count.prompt": 1493,
        "llm.token_count.completion": 133, "llm.token_count.prompt_details.cache_read": 256,
        "output.value": '{"generations": [[{"text": "\\"id\\": \\"chatcmpl-wrong\\"", "id": "chatcmpl-aaaaaaaa"}]]}',
    }  # fmt: skip
    inner = CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", IN: 1493, OUT: 133, READ: 256, REASONING: 69}
    langchain = told("openinference.instrumentation.langchain", outer, 1, trace=1)
    sdk = told("opentelemetry.instrumentation.genai.openai", inner, 2, trace=2, at_ms=5, lasts_ms=50)
    row = only(rows_of(tmp_path, langchain, sdk))
    assert counts(row) == (1493, 256, None, 133, 69)
    assert row["response_id"] == "chatcmpl-aaaaaaaa"
    assert "wrong" not in str(row)


def test_a_stream_of_openinference_names_nothing_and_is_found_by_what_it_used(tmp_path):
    outer = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1493, "llm.token_count.completion": 133}
    inner = CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", IN: 1493, OUT: 133}
    langchain = told("openinference.instrumentation.langchain", outer, 1, trace=1)
    sdk = told("opentelemetry.instrumentation.genai.openai", inner, 2, trace=2, at_ms=5, lasts_ms=50)
    assert only(rows_of(tmp_path, langchain, sdk))["response_id"] == "chatcmpl-aaaaaaaa"


@pytest.mark.parametrize(
    "scope", ["opentelemetry.instrumentation.botocore.bedrock-runtime", "opentelemetry.instrumentation.genai.bedrock"]
)
def test_bedrocks_input_leaves_the_cache_out(scope, tmp_path):
    said = CHAT | {"gen_ai.system": "aws.bedrock", IN: 1311, READ: 512, CREATION: 5096, OUT: 86}
    row = only(rows_of(tmp_path, told(scope, said)))
    assert counts(row)[:3] == (6919, 512, 5096)
    assert (row["usage_rule"], row["partial"]) == ("exclusive", False)


def test_bedrocks_invoke_model_without_cache_counts_is_not_priced_as_if_it_were_whole(tmp_path):
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    said = CHAT | {"gen_ai.request.model": model, "rpc.method": "InvokeModel", IN: 1422, OUT: 119}
    scope = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    row = only(rows_of(tmp_path, told(scope, said)))
    assert (row["input_tokens"], row["partial"]) == (1422, True)
    assert (row["cost_usd"], row["price_status"]) == (None, "missing_usage")
    whole = only(rows_of(tmp_path / "whole", told(scope, said | {"rpc.method": "Converse"})))
    assert (whole["partial"], whole["price_status"]) == (False, "priced")


USAGE_OBJECT = (
    "{'completion_tokens': 133, 'prompt_tokens': 1493, 'total_tokens': 1626, 'completion_tokens_details': "
    "{'audio_tokens': 0, 'reasoning_tokens': 69}, "
    "'prompt_tokens_details': {'cache_write_tokens': 7, 'cached_tokens': 256}}"
)
LITELLM = {
    "gen_ai.operation.name": "acompletion", "gen_ai.system": "", "litellm.provider.model": "openai/gpt-5-mini",
    "gen_ai.request.model": "gpt-5-mini", IN: 1493, OUT: 133, "metadata.usage_object": USAGE_OBJECT,
    RESPONSE: "chatcmpl-0000-of-litellm", "gen_ai.cost.total_cost": 0.5,
    "hidden_params": '{"api_base": "x", "additional_headers": {"x": 1, "request-id": "req_K2aaaaaa"}}',
}  # fmt: skip


def test_litellm_writes_on_the_applications_span_in_words_of_its_own(tmp_path):
    row = only(rows_of(tmp_path, told("my.app", LITELLM, name="app.request")))
    assert counts(row) == (1493, 256, 7, 133, 69), "cache and reasoning stand only inside a text"
    assert (row["operation"], row["provider"], row["request_id"]) == ("chat", "openai", "req_K2aaaaaa")
    assert row["dialect"] == "litellm"
    assert (str(row["reported_cost_usd"]), row["price_status"]) == ("0.500000000000", "priced")


def test_litellms_raw_span_repeats_a_call_or_is_all_that_is_left_of_one(tmp_path):
    usage = (
        "{'input_tokens': 1230, 'cache_creation_input_tokens': 7, 'cache_read_input_tokens': 256, 'output_tokens': 133}"
    )
    raw = {"llm.anthropic.id": "msg_01aaaaaa", "llm.anthropic.model": "claude-sonnet-4-5", "llm.anthropic.usage": usage}
    beneath = told("litellm", raw, 2, parent=1, name="raw_gen_ai_request")
    alone = only(rows_of(tmp_path / "alone", beneath))
    assert counts(alone) == (1493, 256, 7, 133, None)
    outer = LITELLM | {
        "gen_ai.request.model": "claude-sonnet-4-5",
        "litellm.provider.model": "anthropic/claude-sonnet-4-5",
    }
    row = only(rows_of(tmp_path / "both", told("litellm", outer, 1, name="litellm_request"), beneath))
    assert counts(row) == (1493, 256, 7, 133, 69)
    assert row["response_id"] == "msg_01aaaaaa", "LiteLLM replaces the vendor's id"
    assert rows_of(tmp_path / "none", told("litellm", {"llm.openai.id": "x"}, name="raw_gen_ai_request")) == []


def test_litellms_own_guess_of_a_stream_without_usage_is_not_taken_for_usage(tmp_path):
    guess = (
        "{'completion_tokens': 6, 'prompt_tokens': 10, 'completion_tokens_details': "
        "{'accepted_prediction_tokens': None, 'reasoning_tokens': 0}, 'prompt_tokens_details': None, 'cost': 1.45e-05}"
    )
    row = only(rows_of(tmp_path, told("litellm", LITELLM | {IN: 10, OUT: 6, "metadata.usage_object": guess})))
    assert counts(row) == (None,) * 5
    assert (row["flags"], row["partial"], row["cost_usd"]) == ("guessed_usage", True, None)


def test_a_stream_without_usage_is_a_call_of_unknown_tokens(tmp_path):
    said = CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", "gen_ai.provider.name": "openai"}
    row = only(rows_of(tmp_path, told("opentelemetry.instrumentation.genai.openai", said)))
    assert counts(row) == (None,) * 5
    assert (row["cost_usd"], row["price_status"]) == (None, "missing_usage")


def test_of_a_stream_that_was_left_early_the_output_is_not_the_billed_one(tmp_path):
    said = CHAT | {RESPONSE: "msg_01aaaaaa", IN: 1000, OUT: 1, "gen_ai.request.stream": True}
    sdk = {
        key: value for key, value in SDK_SPAN.items() if key not in (OUT, REASONING, "anthropic.message.stop_reason")
    }
    scope = "opentelemetry.instrumentation.genai.anthropic"
    row = only(rows_of(tmp_path, told(scope, said, 1), told(ANTHROPIC_SDK, sdk, 2, parent=1)))
    assert (row["input_tokens"], row["output_tokens"], row["partial"]) == (1000, None, True)
    assert row["flags"] == "left_early"


def test_a_roll_up_that_adds_up_over_an_agents_life_is_no_call_and_its_provider_no_provider(tmp_path):
    said = {
        "gen_ai.system": "strands-agents", "gen_ai.request.model": "gpt-5-mini", IN: 1493, OUT: 133, READ: 256,
        "gen_ai.usage.prompt_tokens": 1493, "gen_ai.usage.completion_tokens": 133, "gen_ai.usage.total_tokens": 1626,
        "gen_ai.usage.cache_read_input_tokens": 256, "gen_ai.server.time_to_first_token": 634,
    }  # fmt: skip
    scope = "strands.telemetry.tracer"
    agent = told(scope, said | {"gen_ai.operation.name": "invoke_agent", IN: 12151}, 1)
    row = only(rows_of(tmp_path, agent, told(scope, said | {"gen_ai.operation.name": "chat"}, 2, parent=1)))
    assert counts(row) == (1493, 256, None, 133, None)
    assert (row["provider"], row["time_to_first_chunk_s"], row["flags"]) == ("openai", 0.634, None)
    assert (row["usage_rule"], row["price_status"]) == ("total_inclusive", "priced")


def test_an_event_without_model_or_operation_repeats_the_span_it_lies_in(tmp_path):
    scope, usage = "gcp.vertex.agent", {IN: 1493, OUT: 133, READ: 256, "gen_ai.provider.name": "gcp.gemini"}
    call = usage | {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": "gemini-2.5-flash"}
    rows = rows_of(tmp_path, told(scope, call, 3, parent=2), event(scope, usage, 3, at_ms=100))
    row = only(rows)
    assert (row["sources"], row["request_model"]) == ("google-adk,google-adk-event", "gemini-2.5-flash")
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 0.1, "the span knows when it began"


def test_adks_older_schema_repeats_the_usage_of_a_call_around_it(tmp_path):
    scope, usage = "gcp.vertex.agent", {IN: 1493, OUT: 133, "gen_ai.system": "gcp.vertex.agent"}
    outer = usage | {"gen_ai.request.model": "gemini-2.5-flash"}
    inner = outer | {"gen_ai.operation.name": "generate_content"}
    spans = told(scope, outer, 1, name="call_llm"), told(scope, inner, 2, parent=1, at_ms=5, lasts_ms=50)
    row = only(rows_of(tmp_path, *spans))
    assert (row["provider"], row["operation"]) == ("gcp.gemini", "generate_content")


def test_the_ai_sdks_outer_span_says_again_what_the_inner_one_says(tmp_path):
    usage = {"ai.model.id": "claude-sonnet-4-5", "ai.model.provider": "anthropic.messages", "ai.usage.outputTokens": 50,
             "ai.usage.inputTokens": 1000, "ai.usage.cachedInputTokens": 256}  # fmt: skip
    outer = told("ai", usage | {"ai.operationId": "ai.streamText"}, 1)
    inner = usage | {"ai.operationId": "ai.streamText.doStream", "ai.response.id": "msg_01aaaaaa"}
    row = only(rows_of(tmp_path, outer, told("ai", inner, 2, parent=1)))
    assert (row["provider"], row["operation"], row["response_id"]) == ("anthropic", "chat", "msg_01aaaaaa")
    assert (row["input_tokens"], row["usage_rule"]) == (1256, "exclusive"), "before version 6 without the cache"
    details = {"ai.usage.inputTokenDetails.noCacheTokens": 744, "ai.usage.inputTokenDetails.cacheReadTokens": 256}
    newer = only(rows_of(tmp_path / "newer", told("ai", inner | details, 2)))
    assert (newer["input_tokens"], newer["usage_rule"]) == (1000, "uncached_inclusive")


def test_langfuses_usage_may_be_disjoint(tmp_path):
    usage = '{"input": 744, "output": 30, "input_cached_tokens": 256, "output_reasoning_tokens": 20, "total": 1050}'
    said = {"langfuse.observation.type": "generation", "langfuse.observation.usage_details": usage,
            "langfuse.observation.model.name": "gpt-5",
            "langfuse.observation.cost_details": '{"total": 1.5e-3}'}  # fmt: skip
    row = only(rows_of(tmp_path, told("langfuse-sdk", said)))
    assert counts(row) == (1000, 256, None, 50, 20)
    assert (row["usage_rule"], str(row["reported_cost_usd"])) == ("total_exclusive", "0.001500000000")


def test_openllmetry_for_javascript_leaves_anthropics_cache_out_of_the_input_and_of_the_total(tmp_path):
    model = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    said = CHAT | model | {IN: 1607, OUT: 272, READ: 640, CREATION: 704, "gen_ai.usage.total_tokens": 1879}
    sdk = CHAT | model | {RESPONSE: "msg_01aaaaaa", IN: 2951, OUT: 272, READ: 640, WRITE: 704}
    sdks_span = told("com.anthropic.sdk.typescript", sdk, 2, parent=1, at_ms=1, lasts_ms=90)
    row = only(rows_of(tmp_path, told("@traceloop/instrumentation-anthropic", said), sdks_span))
    assert counts(row)[:4] == (2951, 640, 704, 272)


def test_the_ai_sdk_7_puts_a_span_of_the_same_name_around_its_embeddings(tmp_path):
    said = CHAT | {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai"}
    outer = told("gen_ai", said, 1, name="embeddings text-embedding-3-small")
    inner = told("gen_ai", said | {IN: 2125}, 2, parent=1, name="embeddings text-embedding-3-small")
    assert [row["input_tokens"] for row in rows_of(tmp_path, outer, inner)] == [2125]


def test_pydantic_ais_details_and_aggregates_are_never_added(tmp_path):
    scope = "pydantic-ai"
    aggregated = {"gen_ai.aggregated_usage.input_tokens": 1493, "gen_ai.aggregated_usage.output_tokens": 133}
    details = {"gen_ai.usage.details.cache_read_tokens": 256, "gen_ai.usage.details.reasoning_tokens": 69}
    said = CHAT | {RESPONSE: "chatcmpl-aaaaaaaa", IN: 1493, OUT: 133, READ: 256, "operation.cost": 0.25} | details
    agent = told(scope, aggregated | {"gen_ai.operation.name": "invoke_agent"}, 1)
    row = only(rows_of(tmp_path, agent, told(scope, said, 2, parent=1)))
    assert counts(row) == (1493, 256, None, 133, 69)
    assert str(row["reported_cost_usd"]) == "0.250000000000"


def test_counts_as_texts_and_cached_tokens_beside_the_input_of_spring_ai(tmp_path):
    said = CHAT | {"gen_ai.system": "anthropic", IN: "444", OUT: "50", READ: "256", "gen_ai.usage.total_tokens": "494"}
    row = only(rows_of(tmp_path, told("org.springframework.ai", said)))
    assert (counts(row)[:2], row["usage_rule"]) == ((700, 256), "exclusive")


def test_a_gateway_that_sees_the_clients_call_is_the_same_call(tmp_path):
    client = CHAT | {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
                     RESPONSE: "msg_01aaaaaa", IN: 1000, OUT: 50, "user.id": "ann",
                     "gen_ai.conversation.id": "talk"}  # fmt: skip
    gateway = CHAT | {"gen_ai.request.model": "claude-sonnet-4-5", RESPONSE: "msg_01aaaaaa", IN: 1000, OUT: 50,
                      "gen_ai.usage.cost": 0.01}  # fmt: skip
    row = only(rows_of(tmp_path, told(ANTHROPIC_SDK, client, 1), told("openrouter", gateway, 2, trace=2)))
    assert (row["user_id"], row["session_id"], str(row["reported_cost_usd"])) == ("ann", "talk", "0.010000000000")


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ({IN: 10, OUT: 5, READ: 60}, "cache_above_input"),
        ({IN: 10, OUT: 5, "gen_ai.usage.total_tokens": 99}, "total_differs"),
        ({IN: 10, OUT: 5, "gen_ai.usage.prompt_tokens": 11}, "two_values"),
        ({IN: 10, OUT: 5, READ: -1}, "bad_count"),
        ({IN: "ten", OUT: 5}, "bad_count"),
        ({IN: 10, OUT: 5, READ: 60, "gen_ai.usage.prompt_tokens": 11}, "cache_above_input,two_values"),
    ],
)
def test_what_contradicts_itself_is_kept_and_flagged_and_never_costs_less_than_nothing(said, flags, tmp_path):
    row = only(rows_of(tmp_path, told("opentelemetry.instrumentation.genai.openai", CHAT | said)))
    assert row["flags"] == flags
    assert row["output_tokens"] == 5
    assert row["cost_usd"] is None or row["cost_usd"] > 0
