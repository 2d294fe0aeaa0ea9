"""Dialects as data: which attribute keys fill which column, and how each emitter means its input count.

A column's keys are an order of precedence: the first that a span has is its value. They are never added up, because
emitters write one value under two or three keys. Sources: the GenAI semantic conventions (current names and the
deprecated ones they replaced), and recordings of the official Python instrumentations.
"""

from dataclasses import dataclass
from typing import Final

RESOURCE: Final[dict[str, tuple[str, ...]]] = {
    "service_name": ("service.name",),
    "service_version": ("service.version",),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "host_name": ("host.name",),
    "cloud_provider": ("cloud.provider",),
    "cloud_region": ("cloud.region",),
    "instance_id": ("service.instance.id",),
    "k8s_namespace": ("k8s.namespace.name",),
    "k8s_pod": ("k8s.pod.name",),
    "machine": ("host.id",),
}
"""Column → keys read from the resource."""

WHO: Final[dict[str, tuple[str, ...]]] = {
    "user_id": ("user.id", "enduser.id", "gen_ai.user.id", "user.email", "enduser.pseudo.id"),
    "session_id": ("gen_ai.conversation.id", "session.id"),
    "team": ("app.team", "team"),
    "project": ("app.project", "project"),
    "feature": ("app.feature", "feature"),
    "cost_center": ("app.cost_center", "cost_center"),
    "application": ("app.name", "application"),
    "agent_name": ("gen_ai.agent.name",),
    "workflow": ("gen_ai.workflow.name",),
    "repository": ("vcs.repository.name", "vcs.repository.url.full"),
    "git_branch": ("vcs.ref.head.name",),
}
"""Column → keys read from the span, and from the resource where the span has none of them."""

LABELS: Final[dict[str, tuple[str, ...]]] = {
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "service_tier": (
        "openai.response.service_tier", "gen_ai.openai.response.service_tier", "anthropic.response.service_tier",
        "openai.request.service_tier", "gen_ai.openai.request.service_tier",
    ),
    "speed": ("anthropic.usage.speed",),
    "region": ("cloud.region",),
    "stream": ("gen_ai.request.stream",),
    "finish_reasons": ("gen_ai.response.finish_reasons", "anthropic.message.stop_reason"),
    "error_type": ("error.type",),
}  # fmt: skip

TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "response_id": ("gen_ai.response.id",),
    "request_id": ("anthropic.request.id", "aws.request_id"),
}

COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_tokens": ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    "cache_write_5m_tokens": ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_1h_tokens": ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
    "input_audio_tokens": ("gen_ai.usage.audio.input_tokens",),
    "cache_read_audio_tokens": ("gen_ai.usage.audio.cache_read.input_tokens",),
    "output_audio_tokens": ("gen_ai.usage.audio.output_tokens",),
    "input_image_tokens": ("gen_ai.usage.image.input_tokens",),
    "output_image_tokens": ("gen_ai.usage.image.output_tokens",),
    "web_searches": ("anthropic.usage.server_tool_use.web_search_requests",),
}

NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "time_to_first_chunk_s": ("gen_ai.response.time_to_first_chunk",),
}

TOOL_NAME: Final = ("gen_ai.tool.name", "tool_name", "tool.name")
TOOL_CALL_ID: Final = ("gen_ai.tool.call.id", "tool_use_id", "call_id")

REPORTED_COST: Final = ("gen_ai.usage.cost",)
"""US dollars as the emitter computed them; kept beside our own cost, never used as it."""

PROVIDERS: Final[dict[str, str]] = {
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
"""Names that stand for one of the conventions' provider names, in lower case: deprecated ones, and others in use."""

BILLABLE: Final = frozenset({
    "chat", "generate_content", "text_completion", "embeddings", "embedding", "completion", "text_completions",
    "messages", "responses", "llm_call", "image", "image_generation", "speech", "transcription", "rerank",
})  # fmt: skip
"""Operations that a vendor bills. An allow-list: a roll-up that slipped through would be counted twice."""

ROLL_UPS: Final = frozenset({
    "invoke_agent", "create_agent", "invoke_workflow", "workflow", "agent_call", "agent_step", "plan", "execute_tool",
    "tool_call", "fetch_response", "retrieval", "orchestrate_tools", "count_tokens",
})  # fmt: skip
"""Operations around calls: GenAI spans whose usage, if they carry any, is that of the calls beneath."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one emitter speaks. `scopes` are names of instrumentation scopes; one that ends in a dot is a prefix.

    `cache_excluded`: its input count leaves cached tokens out, so they are added to make it inclusive.
    `rank`: whose fields count first where several emitters saw one call; 0 is best. The vendor's own SDK before the
    instrumentations of an SDK before frameworks.
    `says_the_end`: it names a finish reason for every stream that came to its end; one without was left early, and the
    output it counted is not what was billed.
    `own_ids`: its ids are its own, not the provider's: they name nothing to others.
    `hides_reasoning`: some of its family's records count the output without reasoning, so that is what they share.
    """

    name: str
    scopes: tuple[str, ...]
    rank: int
    cache_excluded: bool = False
    says_the_end: bool = False
    own_ids: bool = False
    hides_reasoning: bool = False


UNKNOWN: Final = Dialect("unknown", (), rank=9)
"""Any other emitter: read by the conventions; input that is smaller than its cached part must exclude it."""

DIALECTS: Final[tuple[Dialect, ...]] = (
    Dialect("anthropic-sdk", ("com.anthropic.sdk.",), rank=0),
    Dialect("otel-genai-openai", ("opentelemetry.instrumentation.genai.openai",), rank=1),
    Dialect("otel-genai-anthropic", ("opentelemetry.instrumentation.genai.anthropic",), rank=1, says_the_end=True),
    Dialect("otel-google-genai", ("opentelemetry.instrumentation.google_genai",), rank=1),
    # Measured: the raw counts of Bedrock, Converse and InvokeModel alike, on spans and metrics.
    Dialect("otel-genai-bedrock", ("opentelemetry.instrumentation.genai.bedrock",), rank=1, cache_excluded=True),
    Dialect("otel-botocore", ("opentelemetry.instrumentation.botocore.",), rank=1, cache_excluded=True),
    Dialect("otel-openai-v2", ("opentelemetry.instrumentation.openai_v2",), rank=1),
    Dialect("otel-vertexai", ("opentelemetry.instrumentation.vertexai",), rank=1),
    Dialect("otel-util-genai", ("opentelemetry.util.genai.",), rank=1),
    Dialect("otel-genai", ("opentelemetry.instrumentation.genai.",), rank=2),
)
"""The first whose scope matches speaks; order matters for prefixes only."""


def dialect_of(scope_name: str | None) -> Dialect:
    """The dialect of an instrumentation scope; `UNKNOWN` for any that no table names."""
    if scope_name:
        for dialect in DIALECTS:
            if any(scope_name.startswith(s) if s.endswith(".") else scope_name == s for s in dialect.scopes):
                return dialect
    return UNKNOWN


def named(name: str) -> Dialect:
    """The dialect of a name; `UNKNOWN` for any that no table names."""
    return _BY_NAME.get(name, UNKNOWN)


_BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}
