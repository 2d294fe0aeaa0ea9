"""pi's sessions: `~/.pi/agent/sessions/--<folder>--/<time>_<id>.jsonl`, and what its sub-agents left beside them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.pi_transcript import Transcript, is_transcript

_ARTIFACT: Final = re.compile(r"(?P<run>[^_]+)_(?P<agent>.+?)(?:_\d+)?_transcript")
"""The name of a sub-agent's transcript. Its calls are often in a session of its own, too; sometimes only here."""
ARTIFACTS: Final = "subagent-artifacts"
GLOBS: Final = ("--*--/**/*.jsonl",)
SLUG: Final = "--"
"""How the name of a folder begins that was made from a path; no name can be read from it."""


def _read(log: Log) -> Iterator[Record]:
    stem = log.path.name.partition(".jsonl")[0]
    folder = log.path.parent.name
    artifact = _ARTIFACT.fullmatch(stem) if folder == ARTIFACTS else None
    transcript = Transcript(
        log.state,
        log.skip,
        artifact["run"] if artifact else stem.partition("_")[2] or stem,
        None if folder.startswith(SLUG) or artifact else folder,
        artifact["agent"] if artifact else None,
    )
    for _, line in log.objects():
        log.mark()
        yield from transcript.records(line)


def _recognises(path: Path, head: bytes) -> bool:
    return path.suffix == ".jsonl" and is_transcript(head)


SOURCE: Final = Source(
    name="pi",
    title="pi",
    kind=AGENT,
    places=(
        Place(
            globs=GLOBS,
            variables=("PI_CODING_AGENT_DIR",),
            below="sessions",
            defaults={"*": ("~/.pi/agent/sessions",)},
        ),
        Place(globs=GLOBS, variables=("PI_AGENT_DIR",)),
    ),
    read=_read,
    recognises=_recognises,
)
