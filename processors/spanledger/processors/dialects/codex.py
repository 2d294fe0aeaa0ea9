"""Codex: one event a call among many, and one span a call among hundreds. Recorded, see `source`."""

from typing import Final

from spanledger.processors.dialects.dialect import FIRST_CHUNK_MS, INCLUSIVE, NOISE, PLAN, STARTED_MS_AGO, Dialect

_CODEX_EVENT_WORDS: Final = {
    "model": "gen_ai.request.model",
    "conversation.id": "gen_ai.conversation.id",
    "input_token_count": "gen_ai.usage.input_tokens",
    "cached_token_count": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_token_count": "gen_ai.usage.cache_write.input_tokens",
    "output_token_count": "gen_ai.usage.output_tokens",
    "reasoning_token_count": "gen_ai.usage.reasoning.output_tokens",
    "tool_token_count": "gen_ai.usage.total_tokens",
    "ttft_ms": FIRST_CHUNK_MS,
    "auth_mode": PLAN,
}
_CODEX_THREAD: Final = ("thread.id", r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")
"""The number of an operating system's thread stands under the same key, often on the same span."""

CODEX: Final = (
    Dialect(
        "codex-event",
        rank=0,
        who_rank=1,
        source="Codex 0.169.0",
        signal="logs",
        events=("codex.sse_event",),
        marks=("input_token_count",),
        operations={"codex.sse_event": "chat"},
        words=_CODEX_EVENT_WORDS,
        reading=INCLUSIVE,
        provider="openai",
        traps="Its event name is a position in source code, its time is 0, and it lies in no span. Counts are texts. "
        "tool_token_count is the total. An event of the same name without counts comes before it.",
    ),
    Dialect(
        "codex-events",
        rank=0,
        who_rank=1,
        source="Codex 0.169.0",
        signal="logs",
        scopes=("codex_otel.*", "codex_otel::*"),
        operations={
            "codex.conversation_starts": "session",
            "codex.user_prompt": "prompt",
            "codex.tool_result": "execute_tool",
            "*": NOISE,
        },
        words={
            "model": "gen_ai.request.model",
            "conversation.id": "gen_ai.conversation.id",
            "duration_ms": STARTED_MS_AGO,
        },
        provider="openai",
    ),
    Dialect(
        "codex",
        rank=1,
        who_rank=2,
        source="Codex 0.169.0",
        signal="traces",
        events=("handle_responses",),
        marks=("codex.usage.total_tokens",),
        operations={"handle_responses": "chat"},
        words={
            "codex.usage.reasoning_output_tokens": "gen_ai.usage.reasoning.output_tokens",
            "codex.usage.total_tokens": "gen_ai.usage.total_tokens",
        },
        reading=INCLUSIVE,
        provider="openai",
        traps="Names neither model nor conversation, which stand on session_task.turn above it and in the event. Ten "
        "spans of its name have no counts. Compactions have no such span.",
    ),
    Dialect(
        "codex-spans",
        rank=1,
        who_rank=1,
        source="Codex 0.169.0",
        signal="traces",
        scopes=("codex_exec", "codex_cli_rs", "codex-app-server", "codex_vscode", "Codex Desktop"),
        operations={"session_task.turn": "invoke_agent", "*": NOISE},
        words={
            "model": "gen_ai.request.model",
            "codex.turn.token_usage.input_tokens": "gen_ai.usage.input_tokens",
            "codex.turn.token_usage.cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
            "codex.turn.token_usage.cache_write_input_tokens": "gen_ai.usage.cache_write.input_tokens",
            "codex.turn.token_usage.output_tokens": "gen_ai.usage.output_tokens",
            "codex.turn.token_usage.reasoning_output_tokens": "gen_ai.usage.reasoning.output_tokens",
        },
        texts=((*_CODEX_THREAD, "gen_ai.conversation.id"),),
        reading=INCLUSIVE,
        provider="openai",
        traps="A turn adds up its calls, local compactions among them and remote ones not. thread.id stands on it "
        "twice, as the number of a thread and as the conversation.",
    ),
)
