"""opencode's messages: `~/.local/share/opencode`, on every system."""

from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.opencode_store import read_store

GLOBS: Final = (
    "opencode*.db",
    "storage/message/*/msg*.json",
    "storage/session/message/*/msg*.json",
    "project/*/storage/session/message/*/msg*.json",
)
"""A database for each channel of releases (`opencode.db`, `opencode-beta.db`), and the files from before."""


def _recognises(path: Path, head: bytes) -> bool:
    told = b"".join(head.split())
    if path.suffix == ".json":
        return b'"sessionID"' in told and b'"role"' in told
    return path.suffix == ".db" and path.name.startswith("opencode")


SOURCE: Final = Source(
    name="opencode",
    title="opencode",
    kind=AGENT,
    places=(
        Place(
            globs=GLOBS,
            variables=("XDG_DATA_HOME",),
            below="opencode",
            defaults={"*": ("~/.local/share/opencode",)},
        ),
        Place(globs=GLOBS, variables=("OPENCODE_DATA_DIR",)),
    ),
    read=read_store,
    recognises=_recognises,
    siblings=lambda path: (path.with_name(path.name + "-wal"),) if path.suffix == ".db" else (),
)
