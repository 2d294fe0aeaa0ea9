"""Claude Code: transcripts in JSONL, one line for each block of an answer.

Known from transcripts of 1.0 to 2.2, and from recordings of 2.1.330.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanledger.instrumentation.replay.json_lines import inner, objects_in
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.source import AGENT, Place, Source

if TYPE_CHECKING:
    from spanledger.instrumentation.replay.log import Log


def read(log: "Log") -> Iterator[Record]:
    """The calls, tools, prompts and the sub-agent of one transcript."""
    if log.path.name.startswith("journal."):
        return
    # With nothing new, importing the decoder would take a fifth of the time.
    from spanledger.instrumentation.replay.sources.claude_code_transcript import Transcript

    yield from Transcript(log).records()


def recognises(path: Path, head: bytes) -> bool:
    """Whether one of the first lines is of a transcript, or an answer as Anthropic counts it."""
    for found in objects_in(head):
        is_named = "type" in found and ("sessionId" in found or "parentUuid" in found)
        if is_named or "input_tokens" in inner(found, "message.usage"):
            return "payload" not in found
    return b'"parentUuid"' in head and b'"sessionId"' in head


SOURCE: Final = Source(
    name="claude-code",
    title="Claude Code",
    kind=AGENT,
    places=(
        Place(
            # The variable names the folder of the settings, or, as some readers want it, the projects in it.
            globs=("projects/**/*.jsonl", "-*/**/*.jsonl", "[A-Z]--*/**/*.jsonl"),
            variables=("CLAUDE_CONFIG_DIR",),
            defaults={"*": ("~/.claude", "$XDG_CONFIG_HOME/claude", "~/.config/claude")},
        ),
        Place(
            globs=("local-agent-mode-sessions/**/.claude/projects/**/*.jsonl",),
            defaults={
                "linux": ("~/.config/Claude",),
                "darwin": ("~/Library/Application Support/Claude",),
                "win32": ("$APPDATA/Claude", "$LOCALAPPDATA/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"),
            },
        ),
    ),
    read=read,
    recognises=recognises,
)
