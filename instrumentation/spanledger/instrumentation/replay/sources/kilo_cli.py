"""Kilo CLI's messages, in opencode's store: `~/.local/share/kilo/kilo.db`."""

from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.opencode_store import read_store

GLOBS: Final = ("kilo*.db",)


def _recognises(path: Path, head: bytes) -> bool:
    return path.suffix == ".db" and path.name.startswith("kilo")


SOURCE: Final = Source(
    name="kilo-cli",
    title="Kilo CLI",
    kind=AGENT,
    places=(
        Place(globs=GLOBS, variables=("XDG_DATA_HOME",), below="kilo", defaults={"*": ("~/.local/share/kilo",)}),
        Place(globs=GLOBS, variables=("KILO_DATA_DIR",)),
    ),
    read=read_store,
    recognises=_recognises,
    siblings=lambda path: (path.with_name(path.name + "-wal"),) if path.suffix == ".db" else (),
)
