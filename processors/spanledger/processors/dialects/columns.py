"""Which attribute keys fill which column, whoever speaks: the conventions' keys, and those that are unmistakable.

A column's keys are an order of precedence: the first that a record has is its value. They are never added up, because
emitters write one value under two or three keys. Bare, ambiguous keys (`input_tokens`) are words of a dialect instead.
Sources: the GenAI semantic conventions (current names, and the deprecated ones they replaced), the packages that the
files beside this one name, and recordings of them.
"""

from typing import Final

from spanledger.processors.dialects.dialect import FIRST_CHUNK_MS, GATEWAY_CACHE, PLAN, STARTED_MS_AGO

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
    "user_id": (
        "user.id", "enduser.id", "gen_ai.user.id", "gen_ai.user", "gen_ai.request.user", "langfuse.user.id",
        "traceloop.association.properties.user_id", "ai.telemetry.metadata.userId", "langsmith.metadata.user_id",
        "litellm.end_user.id", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id", "user.email",
        "enduser.pseudo.id",
    ),
    "session_id": (
        "gen_ai.conversation.id", "session.id", "langfuse.session.id", "traceloop.association.properties.session_id",
        "ai.telemetry.metadata.sessionId", "langsmith.metadata.session_id", "langsmith.metadata.thread_id",
        "gcp.vertex.agent.session_id", "spring.ai.chat.client.conversation.id",
    ),
    "team": ("app.team", "team", "litellm.team.alias", "metadata.user_api_key_team_alias"),
    "project": ("app.project", "project", "openinference.project.name", "langsmith.trace.session_name"),
    "feature": ("app.feature", "feature", "ai.telemetry.functionId"),
    "cost_center": ("app.cost_center", "cost_center"),
    "application": ("app.name", "application"),
    "agent_name": ("gen_ai.agent.name", "agent.name"),
    "workflow": ("gen_ai.workflow.name", "traceloop.workflow.name"),
    "repository": ("vcs.repository.name", "vcs.repository.url.full"),
    "git_branch": ("vcs.ref.head.name",),
}  # fmt: skip
"""Column → keys read from the record, and from the resource where the record has none of them."""

LABELS: Final[dict[str, tuple[str, ...]]] = {
    "provider": (
        "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider",
    ),
    "request_model": (
        "gen_ai.request.model", "llm.request.model_name", "ai.model.id", "embedding.model_name",
        "langfuse.observation.model.name",
    ),
    "response_model": ("gen_ai.response.model", "llm.response.model_name", "ai.response.model", "llm.model_name"),
    "service_tier": (
        "openai.response.service_tier", "gen_ai.openai.response.service_tier", "anthropic.response.service_tier",
        "openai.request.service_tier", "gen_ai.openai.request.service_tier",
    ),
    "speed": ("anthropic.usage.speed",),
    "region": ("cloud.region",),
    "residency": ("anthropic.usage.inference_geo", "gen_ai.request.inference_geo"),
    "deployment_type": ("azure.deployment.type",),
    "plan": (PLAN,),
    "gateway_cache": (GATEWAY_CACHE, "litellm.cache_hit", "metadata.cache_hit"),
    "stream": ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "langsmith.request.streaming"),
    "finish_reasons": (
        "gen_ai.response.finish_reasons", "anthropic.message.stop_reason", "gen_ai.response.finish_reason",
        "llm.finish_reason", "ai.response.finishReason",
    ),
    "error_type": ("error.type",),
}  # fmt: skip
"""Column → keys. The operation has keys of its own (`operations`), since each says it in words of its own."""

TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "response_id": ("gen_ai.response.id", "ai.response.id"),
    "request_id": ("anthropic.request.id", "aws.request_id", "gen_ai.request.id"),
}

COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt",
        "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "llm.usage.cache_read_input_tokens", "llm.token_count.prompt_details.cache_read",
        "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens", "gen_ai.usage.cached_tokens",
        "gen_ai.usage.prompt_tokens_details.cached_tokens", "gen_ai.usage.details.cache_read_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens",
        "llm.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens", "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
        "gen_ai.usage.details.cache_write_tokens",
    ),
    "cache_write_5m_tokens": ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_1h_tokens": ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    "output_tokens": (
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
        "llm.token_count.completion", "ai.usage.outputTokens", "ai.usage.completionTokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning", "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens", "gen_ai.usage.completion_tokens_details.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
    ),
    "input_audio_tokens": (
        "gen_ai.usage.audio.input_tokens", "gen_ai.usage.input_audio_tokens", "llm.token_count.prompt_details.audio",
        "gen_ai.usage.details.input_audio_tokens",
    ),
    "cache_read_audio_tokens": ("gen_ai.usage.audio.cache_read.input_tokens",),
    "output_audio_tokens": (
        "gen_ai.usage.audio.output_tokens", "gen_ai.usage.output_audio_tokens",
        "llm.token_count.completion_details.audio", "gen_ai.usage.completion_tokens_details.audio_tokens",
        "gen_ai.usage.details.output_audio_tokens",
    ),
    "input_image_tokens": ("gen_ai.usage.image.input_tokens",),
    "output_image_tokens": ("gen_ai.usage.image.output_tokens",),
    "web_searches": ("anthropic.usage.server_tool_use.web_search_requests",),
    "audio_seconds": ("gen_ai.usage.audio_seconds", "gen_ai.usage.details.audio_seconds"),
}  # fmt: skip

TOTAL: Final = (
    "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total", "ai.usage.totalTokens",
)  # fmt: skip
"""All tokens of a call as the emitter adds them up: shows whether its input contains the cache. Kept nowhere."""

UNCACHED: Final = ("ai.usage.inputTokenDetails.noCacheTokens",)
"""The part of the input that no cache was involved in: shows the same."""

NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "time_to_first_chunk_s": (
        "gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.time_to_first_token", "gen_ai.latency.time_to_first_token",
    ),
}  # fmt: skip

MILLISECONDS: Final[dict[str, tuple[str, ...]]] = {
    "time_to_first_chunk_s": (FIRST_CHUNK_MS, "ai.response.msToFirstChunk", "copilot_chat.time_to_first_token"),
}
"""The same in milliseconds, read where no key of NUMBERS stands."""

REPORTED_COST: Final = (
    "gen_ai.usage.cost", "operation.cost", "litellm.cost.total", "gen_ai.cost.total_cost", "llm.cost.total",
    "gen_ai.usage.total_cost",
)  # fmt: skip
"""US dollars as the emitter computed them; kept beside our own cost, never used as it."""

TOOL_NAME: Final = ("gen_ai.tool.name", "tool_name", "tool.name", "ai.toolCall.name")
TOOL_CALL_ID: Final = ("gen_ai.tool.call.id", "tool_use_id", "call_id", "ai.toolCall.id")

OF_CALLS: Final[dict[str, tuple[str, ...]]] = {
    **WHO, **LABELS, **TEXTS, **COUNTS, **NUMBERS, "reported_cost_usd": REPORTED_COST,
}  # fmt: skip
"""Column → all keys of a record that may fill it."""

COLUMN_OF: Final[dict[str, str]] = {
    key: column for table in (OF_CALLS, MILLISECONDS) for column, keys in table.items() for key in keys
}
"""Key → the column that it fills."""

ELSEWHERE: Final = "agent.conversation.id"
"""Where a word is put that does not mean what it says."""

ASKED_AS: Final = "spanledger.model_asked_for"
ANSWERED_AS: Final = "spanledger.model_answered_as"
"""Where a gateway's words for a model are put: they may be names that its operator gave. Texts read them from there."""

PARTIAL: Final = "spanledger.partial"
ADDS_UP: Final = "spanledger.adds_up"
"""What replayed logs say of a record: it does not know all of its usage; it adds up several calls."""

HELPERS: Final = frozenset((*TOTAL, *UNCACHED, STARTED_MS_AGO, ELSEWHERE, ASKED_AS, ANSWERED_AS, PARTIAL, ADDS_UP))
"""Keys that no column holds, but which decide what one says."""
