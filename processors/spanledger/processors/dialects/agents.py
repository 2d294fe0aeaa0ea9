"""Coding agents: their spans, and the events beside them, each a dialect of its own.

Sources: recordings of the agents against a local stand-in for the vendors, in the versions that each row names; where
a row says so, the agent's documents or source instead.
"""

from typing import Final

from spanledger.processors.dialects.claude_code import CLAUDE_CODE
from spanledger.processors.dialects.codex import CODEX
from spanledger.processors.dialects.dialect import INCLUSIVE, NOISE, Dialect, Sign
from spanledger.processors.dialects.gemini_cli import GEMINI_CLI, QWEN_CODE
from spanledger.processors.dialects.official import DETAILS

OPENCODE: Final = (
    Dialect(
        "opencode",
        rank=2,
        who_rank=1,
        source="opencode 1.18.33",
        signal="traces",
        scopes=("opencode",),
        texts=(
            (
                "ai.response.providerMetadata",
                r'"ephemeral_5m_input_tokens":\s*(\d+)',
                "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
            ),
            (
                "ai.response.providerMetadata",
                r'"ephemeral_1h_input_tokens":\s*(\d+)',
                "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
            ),
        ),
        reading=INCLUSIVE,
        traps="The Vercel AI SDK under a scope of its own. ai.streamText repeats its doStream. Spans of a run that "
        "ends are lost before they are sent. The ids in its database begin with msg_ and are its own.",
    ),
    Dialect(
        "opencode-event",
        rank=2,
        who_rank=1,
        source="opencode 1.18.33",
        signal="logs",
        scopes=("opencode",),
        operations={"*": NOISE},
        traps="Lines of its log: none has counts.",
    ),
)

_COPILOT_WORDS: Final = {"github.copilot.service_request_id": "gen_ai.request.id"}

COPILOT: Final = (
    Dialect(
        "copilot-details",
        rank=3,
        who_rank=1,
        source="Copilot Chat in VS Code 1.131 (documents)",
        signal="logs",
        services=("copilot-chat", "github-copilot"),
        events=(DETAILS,),
        operations={DETAILS: "chat"},
        reading=INCLUSIVE,
        hides_cache=(Sign("."),),
        traps="One a call, with its response id and without cached tokens. It may lie in the span of the agent.",
    ),
    Dialect(
        "copilot-event",
        rank=3,
        who_rank=1,
        source="Copilot Chat in VS Code 1.131 (documents)",
        signal="logs",
        services=("copilot-chat", "github-copilot"),
        operations={
            "copilot_chat.session.start": "session",
            "copilot_chat.tool.call": "execute_tool",
            "copilot_chat.agent.turn": "invoke_agent",
        },
        words=_COPILOT_WORDS,
        reading=INCLUSIVE,
        traps="copilot_chat.agent.turn has the counts of its calls again.",
    ),
    Dialect(
        "copilot",
        rank=2,
        who_rank=1,
        source="Copilot Chat in VS Code 1.131, Copilot CLI 1.0.102 (documents)",
        signal="traces",
        services=("copilot-chat", "github-copilot"),
        marks=("github.copilot.nano_aiu", "github.copilot.cost", "github.copilot.service_request_id"),
        words=_COPILOT_WORDS,
        reading=INCLUSIVE,
        traps="Its provider is github, so the model's name tells whose it is. invoke_agent adds up its calls. "
        "github.copilot.nano_aiu are AI credits, not dollars.",
    ),
)

CLINE: Final = (
    Dialect(
        "cline",
        rank=2,
        who_rank=1,
        source="Cline 4 (source; its command line 3.0.65 sends nothing)",
        signal="logs",
        events=("task.conversation_turn",),
        marks=("tokensIn", "tokensOut"),
        operations={"task.conversation_turn": "chat"},
        words={
            "model": "gen_ai.request.model",
            "provider": "gen_ai.provider.name",
            "ulid": "gen_ai.conversation.id",
            "tokensIn": "gen_ai.usage.input_tokens",
            "tokensOut": "gen_ai.usage.output_tokens",
            "cacheReadTokens": "gen_ai.usage.cache_read.input_tokens",
            "cacheWriteTokens": "gen_ai.usage.cache_write.input_tokens",
            "totalCost": "gen_ai.usage.cost",
        },
        # What the vendor's interface counts: Anthropic's leaves the cache out, OpenAI's does not.
        reading=frozenset({"anthropic", "aws.bedrock"}),
        traps="task.tokens repeats the counts. A turn of the user has the same name and no counts.",
    ),
)

OPENCLAW: Final = (
    Dialect(
        "openclaw",
        rank=3,
        who_rank=1,
        source="OpenClaw 2026.9.6 (documents)",
        signal="traces",
        services=("openclaw", "openclaw-gateway"),
        marks=("openclaw.model", "openclaw.sessionId"),
        operations={
            "openclaw.model.call": "chat",
            "openclaw.tool.execution": "execute_tool",
            "openclaw.run": "invoke_agent",
            "*": NOISE,
        },
        words={
            "openclaw.model": "gen_ai.request.model",
            "openclaw.provider": "gen_ai.provider.name",
            "openclaw.sessionId": "gen_ai.conversation.id",
            "openclaw.agent": "gen_ai.agent.name",
        },
        traps="openclaw.model.usage adds up a run and is left out. A model.call that wraps another agent's command "
        "line is a turn (invoke_agent) of several calls.",
    ),
)

GOOSE: Final = (
    Dialect(
        "goose",
        rank=3,
        who_rank=1,
        source="goose 1 (documents)",
        signal="traces",
        services=("goose",),
        operations={"reply": "invoke_agent", "reply_stream": NOISE, "stream_response_from_provider": "chat"},
        traps="reply and reply_stream have the same sum of the calls beneath them.",
    ),
)

AGENTS: Final = (
    *CLAUDE_CODE,
    *CODEX,
    *GEMINI_CLI,
    *QWEN_CODE,
    *OPENCODE,
    *COPILOT,
    *CLINE,
    *OPENCLAW,
    *GOOSE,
)
