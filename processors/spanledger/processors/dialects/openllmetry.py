"""OpenLLMetry (Traceloop): one scope an instrumented library, in the namespace of the official packages."""

from typing import Final

from spanledger.processors.dialects.dialect import EXCLUSIVE, INCLUSIVE, Dialect, Sign

_SOURCE: Final = "opentelemetry-instrumentation-{} 0.62.4 of OpenLLMetry"
_FRAMEWORKS: Final = ("langchain", "openai_agents", "agno", "mcp")
_USAGE: Final = "gen_ai.usage.input_tokens"
_SDKS: Final = (
    "alephalpha", "cohere", "google_generativeai", "groq", "mistralai", "ollama", "replicate", "sagemaker", "together",
    "transformers", "voyageai", "watsonx", "writer",
)  # fmt: skip


def _scopes(*libraries: str) -> tuple[str, ...]:
    return tuple(f"opentelemetry.instrumentation.{name}" for name in libraries)


OPENLLMETRY: Final[tuple[Dialect, ...]] = (
    Dialect(
        "openllmetry-openai", rank=1, scopes=(*_scopes("openai"), "opentelemetry.instrumentation.openai."),
        source=_SOURCE.format("openai") + " (recorded)", reading=INCLUSIVE,
        repeats=(Sign(r"(?i)^true$", "gen_ai.is_streaming", without="gen_ai.response.id"),),
        traps="no cache writes; no reasoning on streams; sees nothing of a stream that another instrumentation wraps,"
        " and says only that there was one",
    ),
    Dialect(
        "openllmetry-anthropic", rank=2, scopes=_scopes("anthropic"),
        source=_SOURCE.format("anthropic") + " (recorded)", reading=INCLUSIVE, provider="anthropic",
        traps="streams: one output token too many, so any other record of the call goes first; no span of a stream that"
        " was left early; versions before 0.40 left the cache out",
    ),
    Dialect(
        "openllmetry-bedrock", rank=1, scopes=_scopes("bedrock"), source=_SOURCE.format("bedrock") + " (recorded)",
        reading=EXCLUSIVE, provider="aws.bedrock", hides_cache=(Sign(r"^bedrock\.completion$"),),
        traps="InvokeModel says no cache counts: the input cannot be completed",
    ),
    Dialect(
        "openllmetry", rank=3, who_rank=2, scopes=_scopes(*_FRAMEWORKS), source=_SOURCE.format("langchain and others"),
        traps="workflow, task, agent and tool spans are roll-ups",
    ),
    Dialect(
        "openllmetry-crewai", rank=3, who_rank=2, scopes=_scopes("crewai", "crewai."), content_names=r"\.task$",
        source=_SOURCE.format("crewai") + " (recorded)",
        traps="no tokens but as the text of a crew's roll-up; a task's span is named by what the task says",
    ),
    Dialect(
        "openllmetry-haystack", rank=3, who_rank=2, scopes=_scopes("haystack"), provider="haystack",
        repeats=(Sign(r"^haystack\.", without=_USAGE),),
        source=_SOURCE.format("haystack") + " (recorded)",
        traps="its spans of calls have no model and no tokens: instrument the SDK; fails with Haystack 3",
    ),
    Dialect(
        "openllmetry-llamaindex", rank=3, who_rank=2, scopes=_scopes("llamaindex"), provider="llama_index",
        repeats=(Sign(r"^chat$", "gen_ai.operation.name", without=_USAGE),),
        source=_SOURCE.format("llamaindex") + " (recorded)",
        traps="tells only of some models, and of streams and embeddings without tokens: instrument the SDK",
    ),
    Dialect("openllmetry-sdk", rank=2, scopes=_scopes(*_SDKS), source=_SOURCE.format("groq and others")),
    Dialect(
        "openllmetry-js-anthropic", rank=2, scopes=("@traceloop/instrumentation-anthropic",), reading=EXCLUSIVE,
        source="@traceloop/node-server-sdk 0.27.0 (recorded)", provider="anthropic",
        traps="unlike Python's its input leaves the cache out, and so does its total; no response id",
    ),
    Dialect(
        "openllmetry-js-openai", rank=2, scopes=("@traceloop/instrumentation-openai",), reading=INCLUSIVE,
        source="@traceloop/node-server-sdk 0.27.0 (recorded)",
    ),
    Dialect(
        "openllmetry-unknown-scope", rank=3, who_rank=2, marks=("traceloop.span.kind", "llm.usage.total_tokens"),
        scopes=("@traceloop/", "traceloop.tracer"), source="@traceloop/node-server-sdk 0.27.0",
    ),
)  # fmt: skip
