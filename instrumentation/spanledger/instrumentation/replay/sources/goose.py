"""Goose: a SQLite file that holds a row for every call (since 1.50), before that nothing but running sums of a session.

Source: Goose's schema of sessions (versions 1 to 15). `accumulated_*` are the sums, the columns beside them only the
last turn; input contains what was cached.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, dig, items, money, text, time_ns
from spanledger.instrumentation.replay.log import SQLITE, Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, prompt_said

NAME: Final = "goose"

_OTHERS: Final = frozenset({"claude-code", "claude-acp", "codex", "codex-acp", "gemini-cli", "cursor-agent"})
"""Providers that are another agent's command line: its own logs tell of the calls."""

_SESSION: Final = (
    "id", "working_dir", "created_at", "updated_at", "provider_name", "model_config_json", "accumulated_input_tokens",
    "accumulated_output_tokens", "accumulated_cache_read_tokens", "accumulated_cache_write_tokens", "accumulated_cost",
)  # fmt: skip
_CALL: Final = (
    "id", "session_id", "created_timestamp", "model", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "cost",
)  # fmt: skip
_MESSAGE: Final = ("id", "session_id", "role", "content_json", "created_timestamp")


def _read(log: Log) -> Iterator[Record]:
    tables = log.tables()
    sessions = {str(row["id"]): row for row in _rows(log, tables, "sessions", _SESSION)}
    if not sessions:
        return
    known = {name: _session(row) for name, row in sessions.items()}
    counted = set()
    for row in _rows(log, tables, "usage_ledger", _CALL):
        name = text(row, "session_id") or ""
        if name in known and not _told_elsewhere(log, sessions[name]):
            counted.add(name)
            yield from _call(row, sessions[name], known[name])
    for name, row in sessions.items():
        if name not in counted and not _told_elsewhere(log, row):
            yield from _sum(row, known[name])
    yield from _messages(_rows(log, tables, "messages", _MESSAGE), sessions, known)


def _rows(log: Log, tables: Mapping[str, frozenset[str]], table: str, wanted: tuple[str, ...]) -> Iterator[Object]:
    """The columns of a table that are wanted, as far as this version of Goose has them."""
    columns = [column for column in wanted if column in tables.get(table, ())]
    if "id" in columns:
        for row in log.table(f"select {', '.join(columns)} from {table} order by id"):
            yield _found(row)


def _found(row: sqlite3.Row) -> Object:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values


def _session(row: Object) -> Session:
    return Session(text(row, "id") or "", project=project_name(text(row, "working_dir")))


def _place(row: Object) -> str:
    """What tells sessions of two machines apart: ids are a date and a number."""
    return f"{text(row, 'id')}/{time_ns(row, 'created_at')}/{text(row, 'working_dir')}"


def _told_elsewhere(log: Log, row: Object) -> bool:
    if (text(row, "provider_name") or "").lower() not in _OTHERS:
        return False
    log.skip("session of another agent's command line, which has logs of its own")
    return True


def _call(row: Object, of: Object, session: Session) -> Iterator[Call]:
    at = time_ns(row, "created_timestamp")
    usage = _usage(row, "")
    if at is not None and has_tokens(usage):
        yield Call(
            f"{_place(of)}/{text(row, 'id')}", session, at, at, usage,
            model=text(row, "model") or _model(of), provider=text(of, "provider_name") or UNSAID,
            cost_usd=money(row, "cost"),
        )  # fmt: skip


def _sum(row: Object, session: Session) -> Iterator[Call]:
    """All calls of a session as one that grows. Its model is the last one: the sums are not kept by model."""
    started = time_ns(row, "created_at")
    usage = _usage(row, "accumulated_")
    if started is not None and has_tokens(usage):
        yield Call(
            _place(row), session, started, max(started, time_ns(row, "updated_at") or started), usage,
            model=_model(row), provider=text(row, "provider_name") or UNSAID, cost_usd=money(row, "accumulated_cost"),
            adds_up=True,
        )  # fmt: skip


def _usage(row: Object, prefix: str) -> Usage:
    read, write = count(row, f"{prefix}cache_read_tokens"), count(row, f"{prefix}cache_write_tokens")
    return Usage(
        input_tokens=prompt_said(count(row, f"{prefix}input_tokens"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=count(row, f"{prefix}output_tokens"),
    )


def _model(row: Object) -> str | None:
    return text(_json(text(row, "model_config_json")), "model_name")


def _json(written: str | None) -> object:
    """JSON inside of a column, which may be empty or cut off."""
    try:
        return orjson.loads(written or "null")
    except orjson.JSONDecodeError:
        return None


def _messages(rows: Iterator[Object], sessions: Mapping[str, Object], known: Mapping[str, Session]) -> Iterator[Record]:
    """Prompts and runs of tools: kinds, names and times out of the messages."""
    asked: dict[tuple[str, str], tuple[str, int]] = {}
    for row in rows:
        name, at = text(row, "session_id") or "", time_ns(row, "created_timestamp")
        if name not in known or at is None:
            continue
        place = _place(sessions[name])
        characters = 0
        for part in items({"parts": _json(text(row, "content_json"))}, "parts"):
            kind, call_id = part.get("type"), text(part, "id") or ""
            if kind == "text":
                characters += len(text(part, "text") or "")
            elif kind == "toolRequest":
                asked[name, call_id] = (text(part, "toolCall.value.name") or "tool", at)
            elif kind == "toolResponse" and (name, call_id) in asked:
                tool, since = asked.pop((name, call_id))
                failed = dig(part, "toolResult.status") == "error"
                yield Tool(
                    f"{place}/{call_id}", known[name], since, max(since, at), tool, call_id=call_id,
                    error="error" if failed else None,
                )  # fmt: skip
        if characters and text(row, "role") == "user":
            yield Prompt(f"{place}/{text(row, 'id')}", known[name], at, characters)


def _recognises(path: Path, head: bytes) -> bool:
    return path.name == "sessions.db" and head.startswith(SQLITE)


_WITHIN: Final = "sessions/sessions.db"

SOURCE: Final = Source(
    NAME,
    "Goose",
    AGENT,
    (
        Place((_WITHIN,), variables=("GOOSE_PATH_ROOT",), below="data"),
        Place((f"goose/{_WITHIN}", f"Block/goose/{_WITHIN}"), {"*": ("~/.local/share",)}, ("XDG_DATA_HOME",)),
        Place((f"goose/{_WITHIN}", f"Block/goose/{_WITHIN}"), {"darwin": ("~/Library/Application Support",)}),
        Place((f"Block/goose/data/{_WITHIN}", f"goose/data/{_WITHIN}"), {"win32": ("$APPDATA",)}),
    ),
    _read,
    _recognises,
)
