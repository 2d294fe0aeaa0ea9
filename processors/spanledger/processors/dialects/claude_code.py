"""Claude Code: its spans, and the events beside them, which say more. Recorded, see `source`."""

from typing import Final

from spanledger.processors.dialects.columns import ELSEWHERE
from spanledger.processors.dialects.dialect import EXCLUSIVE, FIRST_CHUNK_MS, NOISE, STARTED_MS_AGO, Dialect

_CLAUDE_WORDS: Final = {
    "model": "gen_ai.request.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_tokens": "gen_ai.usage.cache_write.input_tokens",
    "cache_creation_5m_tokens": "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
    "cache_creation_1h_tokens": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "cost_usd": "gen_ai.usage.cost",
    "request_id": "anthropic.request.id",
    "speed": "anthropic.usage.speed",
    "ttft_ms": FIRST_CHUNK_MS,
}

CLAUDE_CODE: Final = (
    Dialect(
        "claude-code-event",
        rank=1,
        who_rank=1,
        source="Claude Code 2.1.330",
        signal="logs",
        scopes=("com.anthropic.claude_code.events",),
        operations={
            "api_request": "chat",
            "api_error": "api_error",
            "user_prompt": "prompt",
            "tool_result": "execute_tool",
            "subagent_completed": "invoke_agent",
            "compaction": "compaction",
            "*": NOISE,
        },
        words=_CLAUDE_WORDS | {"duration_ms": STARTED_MS_AGO},
        reading=EXCLUSIVE,
        provider="anthropic",
        traps="The only record with the split of cache writes. It lies in the span of the interaction, as do several "
        "calls: its ids name no call. Behind a gateway without a request-id header it has no name at all. "
        "assistant_response repeats a call, subagent_completed has the last context of an agent, not a sum.",
    ),
    Dialect(
        "claude-code",
        rank=0,
        who_rank=1,
        source="Claude Code 2.1.330",
        signal="traces",
        scopes=("com.anthropic.claude_code.tracing",),
        operations={
            "claude_code.llm_request": "chat",
            "claude_code.interaction": "invoke_agent",
            "claude_code.subagent.spawn": "invoke_agent",
            "claude_code.tool": "execute_tool",
            "claude_code.tool.blocked_on_user": "blocked_on_user",
            "claude_code.compaction": "compaction",
            "*": NOISE,
        },
        # The request's id stands where the response's belongs, and a sub-agent's where the conversation's does.
        words={"gen_ai.response.id": "anthropic.request.id", "gen_ai.conversation.id": ELSEWHERE} | _CLAUDE_WORDS,
        reading=EXCLUSIVE,
        provider="anthropic",
        traps="gen_ai.response.id is the request's id (req_…), and in a sub-agent gen_ai.conversation.id is the "
        "agent's: session.id is the session. Retries lie inside one span.",
    ),
)
