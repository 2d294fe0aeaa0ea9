"""Gemini CLI, with three records a call, and Qwen Code, its fork. Recorded, see `source`."""

from typing import Final

from spanledger.processors.dialects.dialect import FIRST_CHUNK_MS, INCLUSIVE, NOISE, PLAN, STARTED_MS_AGO, Dialect
from spanledger.processors.dialects.official import DETAILS

_GEMINI_EVENT_WORDS: Final = {
    "model": "gen_ai.request.model",
    "input_token_count": "gen_ai.usage.input_tokens",
    "cached_content_token_count": "gen_ai.usage.cache_read.input_tokens",
    "output_token_count": "gen_ai.usage.output_tokens",
    "thoughts_token_count": "gen_ai.usage.reasoning.output_tokens",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "function_name": "gen_ai.tool.name",
    "agent_name": "gen_ai.agent.name",
    "duration_ms": STARTED_MS_AGO,
    "auth_type": PLAN,
}

GEMINI_CLI: Final = (
    Dialect(
        "gemini-cli-event",
        rank=0,
        who_rank=1,
        source="Gemini CLI 0.61.0",
        signal="logs",
        scopes=("gemini-cli",),
        operations={
            "gemini_cli.api_response": "chat",
            "gemini_cli.api_error": "api_error",
            "gemini_cli.user_prompt": "prompt",
            "gemini_cli.tool_call": "execute_tool",
            "gemini_cli.agent.finish": "invoke_agent",
            "*": NOISE,
        },
        words=_GEMINI_EVENT_WORDS,
        texts=(("response_text", r'"responseId":\s*"([^"\\]+)"', "gen_ai.response.id"),),
        reading=INCLUSIVE,
        reasoning_beside=True,
        provider="gcp.gemini",
        traps="The only record with cached tokens and thoughts. No id, but in the text of the response where prompts "
        "are logged. Of streams it lies in no span, or in that of the sub-agent.",
    ),
    Dialect(
        "gemini-cli-details",
        rank=2,
        who_rank=1,
        source="Gemini CLI 0.61.0",
        signal="logs",
        scopes=("gemini-cli",),
        events=(DETAILS,),
        reading=INCLUSIVE,
        hides_reasoning=True,
        provider="gcp.gemini",
        traps="Two for each call; the one of the request has no counts. Its output leaves thoughts out.",
    ),
    Dialect(
        "gemini-cli",
        rank=3,
        who_rank=1,
        source="Gemini CLI 0.61.0",
        signal="traces",
        scopes=("gemini-cli",),
        words={"gen_ai.tool.call_id": "gen_ai.tool.call.id"},
        reading=INCLUSIVE,
        hides_reasoning=True,
        provider="gcp.gemini",
        traps="No id, no cached tokens, and an output without thoughts. Each call is a trace of its own.",
    ),
)

QWEN_CODE: Final = (
    Dialect(
        "qwen-code-event",
        rank=0,
        who_rank=1,
        source="Qwen Code 0.24.4",
        signal="logs",
        scopes=("qwen-code",),
        operations={
            "qwen-code.api_response": "chat",
            "qwen-code.api_error": "api_error",
            "qwen-code.user_prompt": "prompt",
            "qwen-code.tool_call": "execute_tool",
            "session.start": "session",
            "*": NOISE,
        },
        words=_GEMINI_EVENT_WORDS
        | {
            "response_id": "gen_ai.response.id",
            "total_token_count": "gen_ai.usage.total_tokens",
            "ttft_ms": FIRST_CHUNK_MS,
            "subagent_name": "gen_ai.agent.name",
        },
        reading=INCLUSIVE,
        traps="A fork of Gemini CLI whose output contains the thoughts.",
    ),
    Dialect(
        "qwen-code",
        rank=1,
        who_rank=1,
        source="Qwen Code 0.24.4",
        signal="traces",
        scopes=("qwen-code",),
        operations={"qwen-code.subagent": "invoke_agent", "*": NOISE},
        words={
            "thoughts_token_count": "gen_ai.usage.reasoning.output_tokens",
            "tool.call_id": "gen_ai.tool.call.id",
        },
        reading=INCLUSIVE,
        traps="The span of the HTTP request lies beneath it, from another scope and without counts.",
    ),
)
