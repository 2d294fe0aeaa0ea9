"""OpenClaw's sessions: files in pi's form until 2026.8.1, since then one SQLite file an agent with the same lines.

Deleted and reset sessions were paid all the same: they stay as files with another ending, or as compressed archives in
the database. Sessions that were moved into the database stay as files, too; their calls have the same names there.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import Object
from spanledger.instrumentation.replay.log import DAMAGED, Log
from spanledger.instrumentation.replay.records import Record
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.pi_transcript import Transcript, is_transcript

EVENTS: Final = "transcript_events"
ARCHIVES: Final = "session_transcript_archives"
EVENT_BYTES_MAX: Final = 64 << 20
"""Bigger compressed events and archives are skipped: memory stays bounded."""
TOO_BIG: Final = "compressed event or archive bigger than 64 MiB"
_TRANSCRIPT: Final = re.compile(r"(?P<session>.+?)\.jsonl(?:\.(?:deleted|reset)\..+)?")


def _read(log: Log) -> Iterator[Record]:
    if log.is_sqlite():
        yield from _database(log)
        return
    name = _TRANSCRIPT.fullmatch(log.path.name)
    session = name["session"] if name else log.path.name
    if session.endswith(".trajectory"):
        return
    transcript = Transcript(log.state, log.skip, session)
    for _, line in log.objects():
        log.mark()
        yield from transcript.records(line)


def _database(log: Log) -> Iterator[Record]:
    """Each session that has grown since, from its start, as its first lines say whose it is."""
    tables = log.tables()
    if EVENTS in tables:
        packed = ", event_zstd" if "event_zstd" in tables[EVENTS] else ", null as event_zstd"
        grown = log.table(f"select session_id, max(seq) as last from {EVENTS} group by session_id")
        for session, last in [(str(row["session_id"]), int(row["last"] or 0)) for row in grown]:
            if log.state.get(session) == last:
                continue
            query = f"select event_json{packed} from {EVENTS} where session_id = ? order by seq"
            lines = (
                row["event_json"] if row["event_json"] is not None else _unpacked(log, row["event_zstd"])
                for row in log.table(query, session)
            )
            yield from _session(log, session, lines)
            log.state[session] = last
            log.mark()
    if {"session_id", "encoding", "archive_blob"} <= tables.get(ARCHIVES, frozenset()):
        yield from _archives(log)


def _archives(log: Log) -> Iterator[Record]:
    newest = log.state.get(ARCHIVES)
    since = newest if isinstance(newest, int) else 0
    query = f"select rowid as id, session_id, encoding, archive_blob from {ARCHIVES} where rowid > ? order by rowid"
    for row in log.table(query, since):
        blob = row["archive_blob"]
        content = _unpacked(log, blob) if row["encoding"] == "zstd" else blob
        if content is not None:
            whole = content if isinstance(content, bytes) else str(content).encode("utf-8", "replace")
            yield from _session(log, str(row["session_id"]), whole.splitlines())
        log.state[ARCHIVES] = int(row["id"])
        log.mark()


def _session(log: Log, session: str, lines: Iterable[object]) -> Iterator[Record]:
    transcript = Transcript({}, log.skip, session)
    for line in lines:
        if line is None or not line:
            continue
        found: Object | None = log.parse(line if isinstance(line, bytes) else str(line).encode("utf-8", "replace"))
        if found is not None:
            yield from transcript.records(found)


def _unpacked(log: Log, packed: object) -> bytes | None:
    """What zstd made smaller; None, and counted, where it is damaged or too big."""
    import zstandard

    if not isinstance(packed, bytes):
        return None
    try:
        if zstandard.frame_content_size(packed) > EVENT_BYTES_MAX:
            log.skip(TOO_BIG)
            return None
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=EVENT_BYTES_MAX)
    except zstandard.ZstdError as error:
        log.skip(f"{DAMAGED}: {type(error).__name__}")
        return None


def _recognises(path: Path, head: bytes) -> bool:
    if path.name == "openclaw-agent.sqlite":
        return True
    above = path.absolute().parent.parts
    is_placed = "sessions" in above and "agents" in above[: above.index("sessions")]
    is_named = "openclaw" in str(path.parent).lower() or b"openclaw" in head[:1000]
    return ".jsonl" in path.name and (is_placed or is_named) and is_transcript(head)


SOURCE: Final = Source(
    name="openclaw",
    title="OpenClaw",
    kind=AGENT,
    places=(
        Place(
            globs=(
                "agents/*/sessions/**/*.jsonl",
                "agents/*/sessions/**/*.jsonl.deleted.*",
                "agents/*/sessions/**/*.jsonl.reset.*",
                "agents/*/agent/openclaw-agent.sqlite",
            ),
            variables=("OPENCLAW_STATE_DIR", "OPENCLAW_DIR"),
            defaults={"*": ("~/.openclaw", "~/.clawdbot", "~/.moltbot", "~/.moldbot")},
        ),
    ),
    read=_read,
    recognises=_recognises,
    specific=2,
    siblings=lambda path: (path.with_name(path.name + "-wal"),) if path.suffix == ".sqlite" else (),
)
