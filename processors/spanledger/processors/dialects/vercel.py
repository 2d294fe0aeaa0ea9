"""The AI SDK of Vercel, 3 to 7: an outer span a call of the application, an inner one a request."""

from typing import Final

from spanledger.processors.dialects.dialect import INCLUSIVE, Dialect, Sign, Text

_METADATA: Final = "ai.response.providerMetadata"


def _in_metadata(name: str, key: str) -> Text:
    return (_METADATA, rf'"{name}"\s*:\s*(\d+)', key)


_TEXTS: Final = (
    _in_metadata("cache_read_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    _in_metadata("(?:cacheCreationInputTokens|cache_creation_input_tokens)", "gen_ai.usage.cache_write.input_tokens"),
    _in_metadata("ephemeral_5m_input_tokens", "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"),
    _in_metadata("ephemeral_1h_input_tokens", "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"),
    _in_metadata("(?:cachedPromptTokens|cachedContentTokenCount)", "gen_ai.usage.cache_read.input_tokens"),
)

VERCEL: Final[tuple[Dialect, ...]] = (
    Dialect(
        "ai-sdk", rank=2, who_rank=2, scopes=("ai",), marks=("ai.operationId",), texts=_TEXTS,
        reading=frozenset({"anthropic"}), source="ai 4 to 6, LegacyOpenTelemetry of @ai-sdk/otel 1.0.173",
        traps="outer (ai.streamText) and inner spans (.doStream) say the same usage, only the inner ones count; with"
        " inputTokenDetails the input contains the cache, before version 6 that of Anthropic did not; 5m/1h only inside"
        " providerMetadata",
    ),
    Dialect(
        "ai-sdk-7", rank=2, who_rank=2, scopes=("gen_ai", "@ai-sdk/otel"), texts=_TEXTS, reading=INCLUSIVE,
        source="ai 7.0.173 with @ai-sdk/otel 1.0.173 (recorded)",
        # Around the embeddings that were asked for stands a span of the same name, without a count.
        repeats=(Sign(r"^embeddings ", without="gen_ai.usage.input_tokens"),),
        traps="invoke_agent and agent_step carry the usage of their calls",
    ),
)  # fmt: skip
