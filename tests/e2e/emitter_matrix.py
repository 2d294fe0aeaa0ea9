"""The emitters that `make e2e` runs for real, one row each: whose packages, which script, which interfaces."""

from dataclasses import dataclass, field

GRPC = "grpc"
HTTP = "http/protobuf"

EVENTS = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
}
"""Makes the official instrumentations tell each call by a log event, too."""

CHAT = "chat completions"
OPENAI = "chat completions, responses, embeddings"
ANTHROPIC = "messages"
BEDROCK = "Converse, InvokeModel"
GEMINI = "generateContent"


@dataclass(frozen=True)
class Emitter:
    """One emitter.

    `script` lies in `emitters/`; `environment` names `requirements/<it>.txt`, or the folder `node/<it>` for scripts
    that end in .mjs; `packages` are those of it that matter, the rest of the environment comes along.
    """

    name: str
    script: str
    environment: str
    packages: tuple[str, ...]
    interfaces: tuple[str, ...]
    protocol: str = GRPC
    variables: dict[str, str] = field(default_factory=dict)


EMITTERS = (
    Emitter("otel-genai-openai", "otel_genai_openai.py", "openai",
            ("opentelemetry-instrumentation-genai-openai", "openai"), (OPENAI,)),
    Emitter("otel-genai-openai-events", "otel_genai_openai.py", "openai",
            ("opentelemetry-instrumentation-genai-openai", "openai"), (OPENAI,), HTTP, EVENTS),
    Emitter("otel-openai-v2", "otel_openai_v2.py", "openai-v2",
            ("opentelemetry-instrumentation-openai-v2", "openai"), (OPENAI,)),
    Emitter("otel-genai-anthropic", "otel_genai_anthropic.py", "anthropic",
            ("opentelemetry-instrumentation-genai-anthropic", "anthropic"), (ANTHROPIC,)),
    Emitter("otel-genai-anthropic-events", "otel_genai_anthropic.py", "anthropic",
            ("opentelemetry-instrumentation-genai-anthropic", "anthropic"), (ANTHROPIC,), HTTP, EVENTS),
    Emitter("anthropic-sdk", "anthropic_sdk.py", "anthropic", ("anthropic",), (ANTHROPIC,)),
    Emitter("otel-google-genai", "otel_google_genai.py", "google-genai",
            ("opentelemetry-instrumentation-google-genai", "google-genai"), (GEMINI,)),
    Emitter("otel-botocore-bedrock", "otel_botocore_bedrock.py", "botocore",
            ("opentelemetry-instrumentation-botocore", "boto3"), (BEDROCK,)),
    Emitter("otel-genai-bedrock", "otel_genai_bedrock.py", "genai-bedrock",
            ("opentelemetry-instrumentation-genai-bedrock", "boto3"), (BEDROCK,), HTTP),
    Emitter("otel-genai-langchain", "otel_genai_langchain.py", "genai-langchain",
            ("opentelemetry-instrumentation-genai-langchain", "langchain", "langchain-openai", "langchain-anthropic"),
            (OPENAI, ANTHROPIC)),
    Emitter("traceloop-openai", "traceloop_openai.py", "traceloop-openai",
            ("opentelemetry-instrumentation-openai", "openai"), (OPENAI,)),
    Emitter("traceloop-anthropic", "traceloop_anthropic.py", "traceloop-anthropic",
            ("opentelemetry-instrumentation-anthropic", "anthropic"), (ANTHROPIC,)),
    Emitter("traceloop-bedrock", "traceloop_bedrock.py", "traceloop-bedrock",
            ("opentelemetry-instrumentation-bedrock", "boto3"), (BEDROCK,)),
    Emitter("traceloop-langchain", "traceloop_langchain.py", "traceloop-langchain",
            ("opentelemetry-instrumentation-langchain", "langchain", "langchain-openai", "langchain-anthropic"),
            (OPENAI, ANTHROPIC), HTTP),
    Emitter("openinference-openai", "openinference_openai.py", "openinference-openai",
            ("openinference-instrumentation-openai", "openai"), (OPENAI,)),
    Emitter("openinference-anthropic", "openinference_anthropic.py", "openinference-anthropic",
            ("openinference-instrumentation-anthropic", "anthropic"), (ANTHROPIC,), HTTP),
    Emitter("openinference-bedrock", "openinference_bedrock.py", "openinference-bedrock",
            ("openinference-instrumentation-bedrock", "boto3"), (BEDROCK,)),
    Emitter("openinference-google-genai", "openinference_google_genai.py", "openinference-google-genai",
            ("openinference-instrumentation-google-genai", "google-genai"), (GEMINI,), HTTP),
    Emitter("openinference-langchain", "openinference_langchain.py", "openinference-langchain",
            ("openinference-instrumentation-langchain", "langchain", "langchain-openai", "langchain-anthropic"),
            (OPENAI, ANTHROPIC)),
    Emitter("openinference-litellm", "openinference_litellm.py", "openinference-litellm",
            ("openinference-instrumentation-litellm", "litellm"), (CHAT, ANTHROPIC)),
    Emitter("langchain-double", "langchain_double.py", "openinference-langchain",
            ("openinference-instrumentation-langchain", "opentelemetry-instrumentation-genai-openai",
             "langchain-openai"), (OPENAI,)),
    Emitter("openai-double", "openai_double.py", "openai-double",
            ("opentelemetry-instrumentation-genai-openai", "openinference-instrumentation-openai", "openai"),
            (OPENAI,)),
    Emitter("openai-v2-double", "openai_v2_double.py", "openai-v2-double",
            ("opentelemetry-instrumentation-openai-v2", "opentelemetry-instrumentation-openai", "openai"), (OPENAI,)),
    Emitter("pydantic-ai-double", "pydantic_ai_double.py", "pydantic-ai-double",
            ("pydantic-ai-slim", "opentelemetry-instrumentation-genai-openai", "openai"), (CHAT, "responses")),
    Emitter("openlit-openai", "openlit_openai.py", "openlit", ("openlit", "openai"), (OPENAI,)),
    Emitter("openlit-anthropic", "openlit_anthropic.py", "openlit", ("openlit", "anthropic"), (ANTHROPIC,)),
    Emitter("openlit-bedrock", "openlit_bedrock.py", "openlit", ("openlit", "boto3"), (BEDROCK,)),
    Emitter("pydantic-ai-openai", "pydantic_ai_openai.py", "pydantic-ai", ("pydantic-ai-slim", "openai"),
            (CHAT, "responses")),
    Emitter("pydantic-ai-anthropic", "pydantic_ai_anthropic.py", "pydantic-ai", ("pydantic-ai-slim", "anthropic"),
            (ANTHROPIC,), HTTP),
    Emitter("litellm-otel", "litellm_callback.py", "litellm", ("litellm",), (OPENAI, ANTHROPIC)),
    Emitter("litellm-otel-v2", "litellm_callback.py", "litellm", ("litellm",), (OPENAI, ANTHROPIC), HTTP,
            {"LITELLM_OTEL_V2": "1"}),
    Emitter("litellm-gateway", "litellm_gateway.py", "litellm-proxy",
            ("litellm", "opentelemetry-instrumentation-genai-openai", "openai"), (OPENAI, ANTHROPIC), HTTP),
    Emitter("litellm-gateway-v2", "litellm_gateway.py", "litellm-proxy",
            ("litellm", "opentelemetry-instrumentation-genai-openai", "openai"), (OPENAI, ANTHROPIC), HTTP,
            {"LITELLM_OTEL_V2": "1"}),
    Emitter("strands-openai", "strands_openai.py", "strands", ("strands-agents", "openai"), (CHAT,)),
    Emitter("strands-bedrock", "strands_bedrock.py", "strands", ("strands-agents", "boto3"), ("ConverseStream",)),
    Emitter("google-adk", "google_adk.py", "google-adk", ("google-adk", "google-genai"), (GEMINI,)),
    Emitter("otel-genai-openai-agents", "otel_genai_openai_agents.py", "openai-agents",
            ("opentelemetry-instrumentation-genai-openai-agents", "opentelemetry-instrumentation-genai-openai",
             "openai-agents"),
            ("responses", CHAT)),
    Emitter("agent-framework", "agent_framework_agents.py", "agent-framework",
            ("agent-framework-core", "agent-framework-openai", "openai"), ("responses", CHAT)),
    Emitter("semantic-kernel", "semantic_kernel_agents.py", "semantic-kernel", ("semantic-kernel", "openai"),
            (CHAT,), HTTP, {"SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS": "true"}),
    Emitter("autogen", "autogen_agents.py", "autogen",
            ("autogen-agentchat", "autogen-ext", "opentelemetry-instrumentation-genai-openai", "openai"), (CHAT,)),
    Emitter("openinference-crewai", "openinference_crewai.py", "openinference-crewai",
            ("openinference-instrumentation-crewai", "openinference-instrumentation-openai", "crewai", "openai"),
            (CHAT,), HTTP),
    Emitter("traceloop-crewai", "traceloop_crewai.py", "traceloop-crewai",
            ("opentelemetry-instrumentation-crewai", "opentelemetry-instrumentation-openai", "crewai", "openai"),
            (CHAT,), HTTP),
    Emitter("openinference-haystack", "openinference_haystack.py", "haystack",
            ("openinference-instrumentation-haystack", "haystack-ai", "openai"), (CHAT, "embeddings")),
    Emitter("traceloop-haystack", "traceloop_haystack.py", "traceloop-haystack",
            ("opentelemetry-instrumentation-haystack", "opentelemetry-instrumentation-openai", "haystack-ai", "openai"),
            (CHAT, "embeddings")),
    Emitter("openinference-llama-index", "openinference_llama_index.py", "openinference-llama-index",
            ("openinference-instrumentation-llama-index", "llama-index-core", "openai"), (OPENAI,)),
    Emitter("traceloop-llama-index", "traceloop_llama_index.py", "traceloop-llama-index",
            ("opentelemetry-instrumentation-llamaindex", "opentelemetry-instrumentation-openai", "llama-index-core",
             "openai"), (OPENAI,)),
    Emitter("mlflow-openai", "mlflow_openai.py", "mlflow", ("mlflow", "openai"), (OPENAI,), HTTP),
    Emitter("mlflow-anthropic", "mlflow_anthropic.py", "mlflow", ("mlflow", "anthropic"), (ANTHROPIC,), HTTP),
    Emitter("mlflow-genai", "mlflow_openai.py", "mlflow", ("mlflow", "openai"), (OPENAI,), HTTP,
            {"MLFLOW_ENABLE_OTEL_GENAI_SEMCONV": "true"}),
    Emitter("logfire", "logfire_calls.py", "logfire", ("logfire", "openai", "anthropic"), (OPENAI, ANTHROPIC), HTTP),
    Emitter("langfuse", "langfuse_openai.py", "langfuse", ("langfuse", "openai"), (OPENAI,), HTTP),
    Emitter("langsmith", "langsmith_openai.py", "langsmith", ("langsmith", "openai"), (OPENAI,), HTTP,
            {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true",
             "LANGSMITH_API_KEY": "stand-in"}),
    Emitter("vercel-ai", "vercel_ai.mjs", "node-vercel-ai",
            ("ai", "@ai-sdk/otel", "@ai-sdk/openai", "@ai-sdk/anthropic"), (OPENAI, ANTHROPIC), HTTP),
    Emitter("vercel-ai-legacy", "vercel_ai.mjs", "node-vercel-ai",
            ("ai", "@ai-sdk/otel", "@ai-sdk/openai", "@ai-sdk/anthropic"), (OPENAI, ANTHROPIC), HTTP,
            {"AI_SDK_TELEMETRY": "LegacyOpenTelemetry"}),
    Emitter("node-otel-openai", "node_otel_openai.mjs", "node-openai",
            ("@opentelemetry/instrumentation-openai", "openai"), (CHAT, "responses", "embeddings"), HTTP),
    Emitter("node-traceloop", "node_traceloop.mjs", "node-traceloop",
            ("@traceloop/node-server-sdk", "openai", "@anthropic-ai/sdk"), (OPENAI, ANTHROPIC), HTTP),
)  # fmt: skip
"""In the order of the table in docs/emitters.md."""


def emitter(name: str) -> Emitter:
    """The row of this name."""
    return next(row for row in EMITTERS if row.name == name)
