"""What Claude Code says to its status line: how much of the plan's windows is used, kept by `spanledger statusline`.

The transcripts do not have it. A line is `{"at", "session_id", "window", "used_percent", "window_minutes",
"resets_at"}`, with times in seconds since 1970.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import count, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Quota, Record, Session
from spanledger.instrumentation.replay.source import AGENT, Place, Source

NAMES: Final = ("statusline.jsonl", "statusline.old.jsonl")


def _read(log: Log) -> Iterator[Record]:
    for _, line in log.objects(b'"window"'):
        at_ns, window, used = time_ns(line, "at"), text(line, "window"), number(line, "used_percent")
        if at_ns is None or window is None or used is None:
            log.skip("no sample of a plan's window")
            continue
        yield Quota(
            session=_session(text(line, "session_id") or "unknown"),
            at_ns=at_ns,
            name=window,
            used_percent=used,
            window_minutes=count(line, "window_minutes"),
            resets_ns=time_ns(line, "resets_at"),
        )


@lru_cache(maxsize=256)
def _session(id_: str) -> Session:
    return Session(id_)


def _recognises(path: Path, head: bytes) -> bool:
    return path.name in NAMES and b'"used_percent"' in head


SOURCE: Final = Source(
    name="claude-code-statusline",
    title="Claude Code's status line",
    kind=AGENT,
    places=(
        Place(
            globs=NAMES,
            variables=("SPANLEDGER_DATA",),
            defaults={
                "linux": ("$XDG_DATA_HOME/spanledger", "~/.local/share/spanledger"),
                "darwin": ("~/Library/Application Support/spanledger",),
                "win32": ("$LOCALAPPDATA/spanledger",),
            },
        ),
    ),
    read=_read,
    recognises=_recognises,
)
