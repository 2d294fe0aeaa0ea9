"""Frameworks: what makes the calls of an SDK or of its own client, and tells of them in spans of its own."""

from typing import Final

from spanledger.processors.dialects.dialect import FIRST_CHUNK_MS, INCLUSIVE, Dialect, Sign, Text
from spanledger.processors.dialects.official import DETAILS

_READ: Final = "gen_ai.usage.cache_read.input_tokens"
_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
_WRITE_5M: Final = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
_WRITE_1H: Final = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
_INPUT: Final = "gen_ai.usage.input_tokens"
_OUTPUT: Final = "gen_ai.usage.output_tokens"
_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
_TOTAL: Final = "gen_ai.usage.total_tokens"
_COST: Final = "gen_ai.usage.cost"

_AGGREGATED: Final = {
    f"gen_ai.aggregated_usage.{name}": f"gen_ai.usage.{name}"
    for name in ("input_tokens", "output_tokens", "cache_read.input_tokens", "cache_creation.input_tokens")
} | {"gen_ai.aggregated_usage.details.reasoning_tokens": _REASONING}


def _in_json(attribute: str, names: str, key: str) -> Text:
    """A whole number under one of some names in a JSON object, or in the text of a Python dict."""
    return (attribute, rf"""["'](?:{names})["']\s*:\s*(\d+)""", key)


def _in_outputs(names: str, key: str) -> Text:
    """A count in the usage object at the end of what MLflow says came out."""
    return ("mlflow.spanOutputs", rf'(?s)^.*"usage": \{{.*"(?:{names})": (\d+)', key)


def _cost_in_json(attribute: str, names: str) -> Text:
    return (attribute, rf'"(?:{names})"\s*:\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)', _COST)


_RAW_USAGE: Final = tuple(
    _in_json("gen_ai.usage.raw", names, key)
    for names, key in (
        ("cached_tokens|cache_read_input_tokens", _READ),
        ("cache_write_tokens|cache_creation_input_tokens", _WRITE),
        ("ephemeral_5m_input_tokens", _WRITE_5M),
        ("ephemeral_1h_input_tokens", _WRITE_1H),
        ("reasoning_tokens|thinking_tokens", _REASONING),
    )
)
"""The vendor's own usage object, as Logfire repeats it."""

FRAMEWORKS: Final[tuple[Dialect, ...]] = (
    Dialect(
        "pydantic-ai", rank=2, who_rank=1, scopes=("pydantic-ai",), source="pydantic-ai 2.68.0 (recorded)",
        reading=INCLUSIVE, words=_AGGREGATED,
        traps="the agent's span adds up its calls under gen_ai.aggregated_usage.*; gen_ai.usage.details.* repeats",
    ),
    Dialect(
        "logfire-stream", rank=3, who_rank=2, scopes=("logfire.",), signal="traces", source="logfire 5.2.0 (recorded)",
        events=("streaming response from {request_data[model]!r} took {duration:.2f}s",), reading=INCLUSIVE,
        texts=_RAW_USAGE,
        # No answer, and hardly a token.
        unfinished=(Sign(r'"output_tokens":\d[,}]', "gen_ai.usage.raw", without="gen_ai.output.messages"),),
        traps="the end of a stream is a span of its own without a duration; no response id",
    ),
    Dialect(
        "logfire", rank=3, who_rank=2, scopes=("logfire.", "logfire"), source="logfire 5.2.0 (recorded)",
        texts=_RAW_USAGE,
        repeats=(Sign(r"^(Chat Completion|Completion|Responses API|Message) with \{", without=_INPUT),),
        traps="cache and reasoning stand only inside gen_ai.usage.raw; a stream's span tells no usage: its end does",
    ),
    Dialect(
        "langsmith", rank=3, who_rank=2, scopes=("langsmith", "langsmith."), source="langsmith 0.15.0",
        marks=("langsmith.span.kind",),
        texts=(
            _in_json("gen_ai.usage.input_token_details", "cache_read", _READ),
            _in_json("gen_ai.usage.input_token_details", "cache_creation", _WRITE),
            _in_json("gen_ai.usage.output_token_details", "reasoning", _REASONING),
        ),
        traps="details are Python's text of a dict; a retriever's run is labelled as embeddings",
    ),
    Dialect(
        "langfuse", rank=3, who_rank=1, provider="langfuse", scopes=("langfuse-sdk", "langfuse-sdk.", "langfuse"),
        marks=("langfuse.observation.type",), source="langfuse 5.0.4 (Python), 5.11 (JavaScript)",
        texts=(
            _in_json("langfuse.observation.usage_details", "input|prompt_tokens|input_tokens|promptTokens", _INPUT),
            _in_json("langfuse.observation.usage_details", "output|completion_tokens|output_tokens", _OUTPUT),
            _in_json(
                "langfuse.observation.usage_details",
                "input_cached_tokens|cache_read_input_tokens|input_cache_read|cached_tokens", _READ,
            ),
            _in_json(
                "langfuse.observation.usage_details",
                "cache_creation_input_tokens|input_cache_creation|cache_write_tokens", _WRITE,
            ),
            _in_json("langfuse.observation.usage_details", "output_reasoning_tokens|reasoning_tokens", _REASONING),
            _in_json("langfuse.observation.usage_details", "total|total_tokens", _TOTAL),
            _cost_in_json("langfuse.observation.cost_details", "total"),
        ),
        traps="usage_details may be disjoint or the vendor's own: the total decides; the same span id may come twice",
    ),
    *(
        Dialect(
            name, rank=rank, who_rank=2, signal=signal, events=events, scopes=("gcp.vertex.agent",),
            in_context=in_context, operations=operations, source=source, reading=INCLUSIVE, traps=traps,
        )
        for name, rank, signal, events, operations, in_context, source, traps in (
            ("google-adk-event", 3, "logs", (DETAILS,), {DETAILS: "generate_content"}, True,
             "google-adk 2.13.0 (recorded)", "says neither operation nor model"),
            ("google-adk-call-llm", 3, "traces", ("call_llm",), {"call_llm": "generate_content"}, False,
             "google-adk 2.13.0, telemetry schema 1",
             "repeats the usage of its generate_content span; versions without that have only this one"),
            ("google-adk", 2, "traces", (), {"invocation": "invoke_workflow"}, False, "google-adk 2.13.0 (recorded)",
             "span and event of each call; no response id, no response model"),
        )
    ),
    Dialect(
        "crewai", rank=4, who_rank=1, scopes=("crewai.telemetry", "crewai"), source="crewai 1.15.30",
        traps="its own telemetry has no tokens; roll-ups tell them as text",
    ),
    Dialect(
        "autogen", rank=4, who_rank=1, scopes=("autogen-core*", "autogen*"), source="autogen-core 0.7.5",
        traps="no tokens: they come from an instrumentation of the SDK",
    ),
    Dialect(
        "semantic-kernel", rank=3, who_rank=2, scopes=("semantic_kernel.", "Microsoft.SemanticKernel*"),
        source="semantic-kernel 1.45", traps="input and output only",
    ),
    Dialect(
        "agent-framework", rank=3, who_rank=1, scopes=("agent_framework", "agent_framework.", "Microsoft.Agents.AI*"),
        source="agent-framework-core 1.23.0", traps="the agent's span always adds up its calls",
    ),
    Dialect(
        "strands", rank=2, who_rank=1, scopes=("strands.telemetry.tracer", "strands-agents"), cumulative=True,
        source="strands-agents 1.62.0 (recorded)", words={"gen_ai.server.time_to_first_token": FIRST_CHUNK_MS},
        traps="invoke_agent adds up over the agent's life, over several traces; no response id; the provider is itself;"
        " each count stands under two or three keys; the time to the first token is in milliseconds",
    ),
    Dialect(
        "mlflow", rank=3, who_rank=2, scopes=("mlflow", "mlflow."), marks=("mlflow.spanType",), provider="mlflow",
        source="mlflow 3.17.2 (recorded)",
        texts=(
            ("mlflow.llm.model", r'^"?([^"]+)"?$', "gen_ai.response.model"),
            ("model", r'^"([^"]+)"$', "gen_ai.request.model"),
            ("mlflow.llm.provider", r'^"?([^"]+)"?$', "gen_ai.provider.name"),
            ("mlflow.spanOutputs", r'^\{"id": "((?:chatcmpl-|resp_|msg_)[^"\\]+)"', "gen_ai.response.id"),
            _in_json("mlflow.chat.tokenUsage", "input_tokens", _INPUT),
            _in_json("mlflow.chat.tokenUsage", "output_tokens", _OUTPUT),
            _in_json("mlflow.chat.tokenUsage", "cache_read_input_tokens", _READ),
            _in_json("mlflow.chat.tokenUsage", "cache_creation_input_tokens", _WRITE),
            _in_json("mlflow.chat.tokenUsage", "cache_creation_input_tokens_above_1hr", _WRITE_1H),
            _in_json("mlflow.chat.tokenUsage", "total_tokens", _TOTAL),
            _in_outputs("cache_write_tokens", _WRITE),
            _in_outputs("ephemeral_5m_input_tokens", _WRITE_5M),
            _in_outputs("reasoning_tokens|thinking_tokens", _REASONING),
            ("mlflow.spanOutputs", r'"usage": \{"prompt_tokens": (\d+), "total_tokens": \d+\}\}$', _INPUT),
            _cost_in_json("mlflow.llm.cost", "total_cost"),
        ),
        traps="texts are JSON, quotes included; response id, reasoning and cache writes stand only inside the output;"
        " in the conventions' words (MLFLOW_ENABLE_OTEL_GENAI_SEMCONV) it tells neither cache nor reasoning",
    ),
    Dialect(
        "haystack", rank=4, who_rank=2, scopes=("haystack", "haystack."), marks=("haystack.component.name",),
        operations={"haystack.pipeline.run": "workflow", "haystack.component.run": "workflow"}, source="haystack 3.5",
        traps="usage stands only inside the content of a component's output: instrument the SDK",
    ),
    Dialect(
        "llamaindex", rank=3, who_rank=2, scopes=("llama_index.", "llamaindex.", "llama_index"),
        source="llama-index-observability-otel, llama-index-core 0.14.25",
    ),
    Dialect(
        "spring-ai", rank=3, who_rank=2, scopes=("org.springframework.ai", "org.springframework.boot"),
        marks=("spring.ai.kind", "spring.ai.chat.client.conversation.id"), source="Spring AI, August 2026",
        reading=frozenset({"anthropic", "aws.bedrock"}),
        operations={"spring.ai.chat.client": "invoke_agent", "spring.ai.advisor": "workflow"},
        traps="counts are texts; on Anthropic the input leaves the cache out",
    ),
    Dialect(
        "dotnet-ai", rank=3, who_rank=3, scopes=("Experimental.Microsoft.Extensions.AI", "Microsoft.Extensions.AI"),
        source="Microsoft.Extensions.AI", traps="orchestrate_tools and the outer span of function calls repeat usage",
        repeats=(Sign(r"^(orchestrate_tools|FunctionInvokingChatClient)"),),
    ),
)  # fmt: skip
