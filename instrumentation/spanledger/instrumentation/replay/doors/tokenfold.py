"""Tokenfold's `POST /api/ingest`, lines of Claude Code's transcripts, and `POST /api/usage`, the plan's windows.

The lines are read as a replay reads a transcript, so that calls that are posted and replayed count once. A post holds
some lines of a transcript, and nothing is remembered between two: an answer in several posts is one call all the same,
of which the ledger keeps the most complete line. Where a transcript begins is not known, so the trace is named by the
session alone. A tool whose result comes in another post has no end.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Final, cast

import orjson

from spanledger.instrumentation.replay.doors.posting import Posting, Refusal, Taken, exports_of, json_object, written
from spanledger.instrumentation.replay.json_lines import inner, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Bucket, Prompt, Quota, Record, Session, Tool
from spanledger.instrumentation.replay.sources.claude_code import SOURCE

BATCH_MAX: Final = 2000
"""Events of one post, as its client sends them."""
LINE_MAX: Final = 10**12
"""No transcript has more lines."""

WINDOW_MINUTES: Final = {"five_hour": 5 * 60, "seven_day": 7 * 24 * 60}
"""How a window's name begins → how long it is."""
USED_MAX: Final = 1000.0
"""Percent; a window can be overdrawn, but not like this."""

_WINDOW: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROOT: Final[dict[str, object]] = {"root": "posted"}
"""Keeps the reader from looking for a root above the transcript, where there is no file."""


class _Posted(Log):
    """Lines of a transcript that are here, and no file."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(Path(name), state=dict(_ROOT))
        self._content = content

    def _opened(self) -> IO[bytes]:
        return BytesIO(self._content)

    def sibling(self, name: str) -> Log | None:
        """Nothing lies beside it."""
        return None


def take_lines(body: dict[str, object]) -> Taken:
    """`{"machine", "project_dir", "session_file", "cursor": {"last_line_num"}, "events"}`. Raises Refusal.

    An event counts as accepted if it has a uuid and a time, and as a duplicate if another of the same post has its
    uuid. What an earlier post brought is known to the ledger alone.
    """
    machine = text(body, "machine")
    if machine is None:
        raise Refusal("machine must be the name of the machine that the transcript is from.")
    events = body.get("events")
    if not isinstance(events, list):
        raise Refusal("events must be a list of lines of a transcript.")
    if len(events) > BATCH_MAX:
        raise Refusal(f"There are {len(events)} events, and may be {BATCH_MAX}: send several posts.")
    last_line = _last_line(body)
    fresh: dict[object, dict[str, object]] = {}
    named = 0
    for place, event in enumerate(events):
        if isinstance(event, dict):
            named += _is_named(event)
            fresh.setdefault(text(event, "uuid") or place, event)
    accepted = sum(map(_is_named, fresh.values()))
    name = re.split(r"[/\\]", text(body, "session_file") or "")[-1] or "posted.jsonl"
    log = _Posted(name, b"".join(orjson.dumps(event) + b"\n" for event in fresh.values()))
    answer = {
        "accepted": accepted,
        "duplicates": named - accepted,
        "cursor": {"last_line_num": last_line + len(events)},
    }
    return Taken(exports_of(SOURCE, machine, _records(log)), lambda rejected, took_s: answer)


def take_windows(posting: Posting) -> Taken:
    """`{"machine", "usage"}`: the windows of `usage` that say a `utilization` in percent, as of now. Raises Refusal."""
    body = json_object(posting.body, "The body")
    usage = body.get("usage")
    if not isinstance(usage, dict):
        raise Refusal("usage must be an object of windows, such as five_hour.")
    session = Session("")
    windows = []
    for name in usage:
        used = number(inner(usage, name), "utilization") if _WINDOW.fullmatch(name) else None
        if used is not None and 0 <= used <= USED_MAX:
            minutes = next((length for begin, length in WINDOW_MINUTES.items() if name.startswith(begin)), None)
            resets = time_ns(usage[name], "resets_at")
            windows.append(Quota(session, posting.at_ns, name, used, minutes, resets))
    answer = {"status": "ok", "updated_at": written(posting.at_ns), "windows": len(windows)}
    return Taken(exports_of(SOURCE, text(body, "machine") or "", windows), lambda rejected, took_s: answer)


def _is_named(event: dict[str, object]) -> bool:
    return text(event, "uuid") is not None and time_ns(event, "timestamp") is not None


def _last_line(body: dict[str, object]) -> int:
    said = body.get("cursor", {})
    found = said.get("last_line_num", 0) if isinstance(said, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= LINE_MAX:
        raise Refusal("cursor must be an object whose last_line_num is the number of lines that were sent before.")
    return found


def _records(log: Log) -> Iterator[Record]:
    """What the lines tell of, and what they leave open."""
    sessions: dict[Session, Session] = {}
    agent: str | None = None
    for record in SOURCE.read(log):
        if isinstance(record, Bucket):
            continue  # of a post alone, when it began is not known
        if isinstance(record, Agent):
            agent = record.key
        session = sessions.setdefault(record.session, replace(record.session, trace=None))
        yield replace(record, session=session)
    known = {session.id: session for session in sessions.values()}
    # As the reader keeps it for when a log grows; a post does not.
    said = cast(list[str | None], log.state.get("said") or [log.path.stem])
    asked_in = known.get(said[0] or "") or Session(said[0] or log.path.stem)
    for key, at_ns, characters in cast(list[tuple[str, int, int]], log.state.get("prompts", [])):
        yield Prompt(key, asked_in, at_ns, characters)
    for use, (name, at_ns, session_id) in cast(dict[str, tuple[str, int, str]], log.state.get("tools", {})).items():
        yield Tool(use, known.get(session_id) or Session(session_id), at_ns, at_ns, name, use, agent)
