"""A field map: which of somebody's own names mean which of ours, for logs of JSON lines and CSV that nobody foresaw.

A TOML file, `our field = "their key"`; a key leads into objects by dots, as in `usage.prompt_tokens`:

    timestamp = "time"
    model = "llm.model"
    input_tokens = "usage.prompt_tokens"
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.durations import of_milliseconds
from spanledger.instrumentation.replay.json_lines import Object, count, dig, money, number, text, time_ns
from spanledger.instrumentation.replay.log import BOM, Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Record, Session, Usage
from spanledger.instrumentation.replay.repeats import Repeats
from spanledger.instrumentation.replay.source import AGENT, Source
from spanledger.instrumentation.replay.usage_sums import whole_prompt

_TOKENS: Final = tuple(field.name for field in fields(Usage))
_WHO: Final = ("session_id", "user_id", "application", "environment", "team", "project")

OURS: Final = frozenset({
    "timestamp", "ended_at", "duration_s", "duration_ms", "provider", "model", "operation", "request_id",
    "response_id", "cost_usd", "error", "uncached_input_tokens", *_TOKENS, *_WHO,
})  # fmt: skip
"""What a map may name. `uncached_input_tokens` is for logs whose input leaves the cache out; `input_tokens` is all."""

FieldMap = Mapping[str, str]
"""Our field → their key."""


class BadFieldMap(Exception):
    """A field map that cannot be used; the message says what is wrong with it."""


def field_map(written: str) -> FieldMap:
    """Read a field map. Raises BadFieldMap."""
    import tomllib  # a tenth of what all sources take to be imported, and seldom wanted

    try:
        found = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise BadFieldMap(f"The field map is not TOML: {error}.") from error
    for ours, theirs in found.items():
        if ours not in OURS:
            raise BadFieldMap(f"The field map names {ours!r}, which is none of: {', '.join(sorted(OURS))}.")
        if not isinstance(theirs, str) or not theirs:
            raise BadFieldMap(f'The field map must give the key of {ours} as a text, as in {ours} = "their.key".')
    missing = [name for name in ("timestamp", "model") if name not in found]
    if missing:
        raise BadFieldMap(f"The field map does not say which key is the {missing[0]}; every call needs one.")
    return found


def mapped(fields_of: FieldMap, name: str = "mapped") -> Source:
    """A source that reads JSON lines and CSV by a field map; `name` is what its calls are told apart by."""

    def read(log: Log) -> Iterator[Record]:
        repeats = Repeats(log.state)
        for row in _rows(log):
            call = call_of(lambda ours, row=row: _theirs(row, fields_of.get(ours)), repeats)  # type: ignore[misc]
            if call is None:
                log.skip("record without a time or a model")
            else:
                yield call

    return Source(name, "Logs read by a field map", AGENT, (), read)


def call_of(said: Callable[[str], object], repeats: Repeats) -> Call | None:
    """The call that a record tells of; `said` gives what it says under one of our names. None without time or model."""
    row = {ours: said(ours) for ours in OURS}
    started, model = time_ns(row, "timestamp"), text(row, "model")
    if started is None or model is None:
        return None
    request, response = text(row, "request_id"), text(row, "response_id")
    session = Session(
        text(row, "session_id") or "", user=text(row, "user_id"), application=text(row, "application"),
        environment=text(row, "environment"), team=text(row, "team"), project=text(row, "project"),
    )  # fmt: skip
    key = request or response or repeats.numbered(started, _content(row))
    return Call(
        key, _same(session), started, _ended(row, started), _usage(row), model=model,
        provider=text(row, "provider") or UNSAID, operation=text(row, "operation") or _operation(model),
        request_id=request, response_id=response, vendor_ids=False, cost_usd=money(row, "cost_usd"),
        error=text(row, "error"),
    )  # fmt: skip


def _operation(model: str) -> str:
    return "embeddings" if "embed" in model.lower() else "chat"


def _usage(row: Object) -> Usage:
    counts = {name: count(row, name) for name in _TOKENS}
    uncached = count(row, "uncached_input_tokens")
    if uncached is not None:
        counts["input_tokens"] = whole_prompt(uncached, counts["cache_read_tokens"], counts["cache_write_tokens"])
    return Usage(**counts)


def _ended(row: Object, started: int) -> int:
    seconds, milliseconds = number(row, "duration_s"), number(row, "duration_ms")
    lasted = of_milliseconds(milliseconds if seconds is None else 1000 * seconds)
    if lasted:
        return started + lasted
    return max(started, time_ns(row, "ended_at") or started)


def _content(row: Object) -> str:
    """All that a record says, as its name: for those that have none."""
    return "/".join(text(row, name) or "" for name in sorted(OURS))


_SESSIONS: Final[dict[Session, Session]] = {}


def _same(session: Session) -> Session:
    """One object for equal sessions, as long as there are not too many."""
    if len(_SESSIONS) > 1000:
        _SESSIONS.clear()
    return _SESSIONS.setdefault(session, session)


def _theirs(row: Object, key: str | None) -> object:
    if key is None:
        return None
    # A column of CSV may have dots in its name.
    return row[key] if key in row else dig(row, key)


def _rows(log: Log) -> Iterator[Object]:
    if is_json(log.head()):
        for _, row in log.objects():
            log.mark()
            yield row
    else:
        log.state.clear()
        for _, values in log.rows():
            yield values


def is_json(head: bytes) -> bool:
    """Whether a file begins as JSON does, not as CSV."""
    return head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[", b"")


def read_map(path: Path) -> FieldMap:
    """The field map in a file. Raises BadFieldMap, and OSError when it cannot be read."""
    try:
        return field_map(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise BadFieldMap(f"The field map {path} is not UTF-8 text.") from error
