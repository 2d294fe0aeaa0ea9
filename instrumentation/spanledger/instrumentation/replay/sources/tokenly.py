"""JSON lines of any program that writes `timestamp`, `service`, `model` and its tokens: Tokenly's records.

A file is taken when at least half of its lines are such records; the others are counted. What `input_tokens` means is
not said; it is taken for all of the prompt.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.field_map import call_of
from spanledger.instrumentation.replay.json_lines import Object, count, text, time_ns
from spanledger.instrumentation.replay.log import BOM, Log
from spanledger.instrumentation.replay.records import Call, Record
from spanledger.instrumentation.replay.repeats import Repeats
from spanledger.instrumentation.replay.source import AGENT, Place, Source

DECIDED_LINES: Final = 10_000
"""By so many of its first lines a file is taken or not; the rest is read as it comes, in bounded memory."""

_THEIRS: Final = {"provider": "service"}
"""Our names that they have another one for."""


def _read(log: Log) -> Iterator[Record]:
    seen, valid = count(log.state, "seen") or 0, count(log.state, "valid") or 0
    waiting: list[Call] = []
    decided = False
    repeats = Repeats(log.state)
    for _, line in log.lines():
        if decided:
            log.mark()
        seen += 1
        call = _call(log, line, repeats)
        if call is not None:
            valid += 1
            waiting.append(call)
        log.state |= {"seen": seen, "valid": valid}
        decided = decided or seen >= DECIDED_LINES
        if decided and is_taken(seen, valid):
            yield from waiting
            waiting = []
        elif decided:
            log.skip(_REFUSED, len(waiting))
            waiting = []
    if is_taken(seen, valid):
        yield from waiting
    elif waiting or seen:
        log.skip(_REFUSED, len(waiting))


_REFUSED: Final = "usage record in a file of which less than half are such"


def is_taken(seen: int, valid: int) -> bool:
    """Whether a file with so many records among its lines is one of records."""
    return valid > 0 and 2 * valid >= seen


def _call(log: Log, line: bytes, repeats: Repeats) -> Call | None:
    row = log.parse(line)
    if row is None:
        return None
    call = record_call(row, repeats)
    if call is None:
        log.skip(NO_RECORD)
    return call


NO_RECORD: Final = "not a usage record"


def record_call(row: Object, repeats: Repeats) -> Call | None:
    """The call of a record; None if it is none: one has a time, a service and a model."""
    if not _is_record(row):
        return None
    return call_of(lambda ours: row.get(_THEIRS.get(ours, ours)), repeats)


def _is_record(row: Object) -> bool:
    return time_ns(row, "timestamp") is not None and None not in (text(row, "service"), text(row, "model"))


def _recognises(path: Path, head: bytes) -> bool:
    """At least half of the first complete lines are records."""
    *lines, _ = head.removeprefix(BOM).split(b"\n") if b"\n" in head else (head, b"")
    lines = [line for line in lines if line.strip()]
    return is_taken(len(lines), sum(_parsed(line) for line in lines))


def _parsed(line: bytes) -> bool:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and _is_record(row)


ROOT: Final = "SPANLEDGER_ROOT"
"""Names another root of the file system, such as where a container has its host's."""

_NAMES: Final = ("*.jsonl", "*token*.log", "*usage*.log")


def _in(*folders: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder in folders for name in _NAMES)


# Patterns from the root on, so that they fit no file elsewhere: what a file holds tells better whose it is.
SOURCE: Final = Source(
    "usage-jsonl",
    "JSON lines of usage records",
    AGENT,
    (
        Place(_in("var/log", "opt/*/logs", "home/*/logs"), {"linux": ("/",)}, (ROOT,), is_common=True),
        Place(_in("var/log", "usr/local/var/log"), {"darwin": ("/",)}, (ROOT,), is_common=True),
        Place(_in("AppData/Roaming/logs"), {"win32": ("~",)}, is_common=True),
        Place(_in("ProgramData/logs"), {"win32": ("$SYSTEMDRIVE/",)}, (ROOT,), is_common=True),
    ),
    _read,
    _recognises,
    specific=0,
)
