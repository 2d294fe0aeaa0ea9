"""All kinds of logs that are read."""

from typing import Final

from spanledger.instrumentation.replay.source import Source
from spanledger.instrumentation.replay.sources.amp import SOURCE as AMP
from spanledger.instrumentation.replay.sources.anthropic_usage import SOURCE as ANTHROPIC_USAGE
from spanledger.instrumentation.replay.sources.azure_gateway import SOURCE as AZURE_GATEWAY
from spanledger.instrumentation.replay.sources.bedrock import SOURCE as BEDROCK
from spanledger.instrumentation.replay.sources.claude_code import SOURCE as CLAUDE_CODE
from spanledger.instrumentation.replay.sources.claude_code_statusline import SOURCE as CLAUDE_CODE_STATUSLINE
from spanledger.instrumentation.replay.sources.claude_cowork import SOURCE as CLAUDE_COWORK
from spanledger.instrumentation.replay.sources.cline_family import CLINE, KILO_VSCODE, ROO
from spanledger.instrumentation.replay.sources.codebuff import SOURCE as CODEBUFF
from spanledger.instrumentation.replay.sources.codex import SOURCE as CODEX
from spanledger.instrumentation.replay.sources.copilot_cli import SOURCE as COPILOT_CLI
from spanledger.instrumentation.replay.sources.copilot_vscode import SOURCE as COPILOT_VSCODE
from spanledger.instrumentation.replay.sources.crush import SOURCE as CRUSH
from spanledger.instrumentation.replay.sources.cursor import SOURCE as CURSOR
from spanledger.instrumentation.replay.sources.droid import SOURCE as DROID
from spanledger.instrumentation.replay.sources.dsh import SOURCE as DSH
from spanledger.instrumentation.replay.sources.gemini_cli import SOURCE as GEMINI_CLI
from spanledger.instrumentation.replay.sources.goose import SOURCE as GOOSE
from spanledger.instrumentation.replay.sources.kilo_cli import SOURCE as KILO_CLI
from spanledger.instrumentation.replay.sources.kimi import SOURCE as KIMI
from spanledger.instrumentation.replay.sources.litellm import SOURCE as LITELLM
from spanledger.instrumentation.replay.sources.openai_usage import SOURCE as OPENAI_USAGE
from spanledger.instrumentation.replay.sources.openclaw import SOURCE as OPENCLAW
from spanledger.instrumentation.replay.sources.opencode import SOURCE as OPENCODE
from spanledger.instrumentation.replay.sources.openrouter import SOURCE as OPENROUTER
from spanledger.instrumentation.replay.sources.pi import SOURCE as PI
from spanledger.instrumentation.replay.sources.qwen_code import SOURCE as QWEN_CODE
from spanledger.instrumentation.replay.sources.tokenly import SOURCE as USAGE_JSONL

SOURCES: Final[tuple[Source, ...]] = (
    GEMINI_CLI,
    QWEN_CODE,
    OPENCODE,
    KILO_CLI,
    OPENCLAW,
    AMP,
    DSH,
    PI,
    DROID,
    CLAUDE_CODE,
    CLAUDE_CODE_STATUSLINE,
    CLAUDE_COWORK,
    KIMI,
    CODEX,
    GOOSE,
    COPILOT_CLI,
    COPILOT_VSCODE,
    ROO,
    KILO_VSCODE,
    CLINE,
    CRUSH,
    CURSOR,
    CODEBUFF,
    LITELLM,
    BEDROCK,
    AZURE_GATEWAY,
    OPENAI_USAGE,
    ANTHROPIC_USAGE,
    OPENROUTER,
    USAGE_JSONL,
)
"""In any order."""

NAMED: Final = {source.name: source for source in SOURCES}
