"""Gemini CLI's chats: `~/.gemini/tmp/<project>/chats`.

Calls of its router to a small model are in its telemetry only. Measured with 0.61: no id of the vendor is written, the
session and the counts are those of the telemetry.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.gemini_chats import read_chat

PROVIDER: Final = "gcp.gen_ai"
"""The conventions' name where Gemini's API and Vertex AI cannot be told apart, as here."""


def _read(log: Log) -> Iterator[Record]:
    return read_chat(log, PROVIDER)


def _recognises(path: Path, head: bytes) -> bool:
    told = head.replace(b" ", b"")
    if ".qwen" in path.parts:
        return False
    return b'"projectHash"' in told or b'"type":"gemini"' in told


SOURCE: Final = Source(
    name="gemini-cli",
    title="Gemini CLI",
    kind=AGENT,
    places=(
        Place(
            globs=("*/chats/session-*.json", "*/chats/session-*.jsonl", "*/chats/*/*.jsonl"),
            variables=("GEMINI_CLI_HOME",),
            below=".gemini/tmp",
            defaults={"*": ("~/.gemini/tmp",)},
        ),
        Place(
            globs=("tmp/*/chats/session-*.json", "tmp/*/chats/session-*.jsonl", "tmp/*/chats/*/*.jsonl"),
            variables=("GEMINI_DATA_DIR",),
        ),
    ),
    read=_read,
    recognises=_recognises,
    reasoning_beside=True,
)
