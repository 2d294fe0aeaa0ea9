"""Copilot CLI: a log of events for each session, and since 1.0.83 a SQLite file with a row for every call.

The log knows usage only from its snapshots at each shutdown, which add up over a session and its resumptions: what one
adds to the one before becomes one call for each model, less what the database tells call by call. Credits are added up
as well, by shutdowns and checkpoints; 1e9 nano-units are a credit, a cent. Its telemetry in files is read, too.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

from spanledger.instrumentation.replay.durations import of_milliseconds, seconds_of
from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, number, text, time_ns
from spanledger.instrumentation.replay.log import SQLITE, Log
from spanledger.instrumentation.replay.records import Bucket, Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.copilot_spans import read_spans
from spanledger.instrumentation.replay.usage_sums import grown, has_tokens

PLAN: Final = "copilot"
PROVIDER: Final = "github"
"""What its telemetry says: who made the model is told by the model's name."""

STORE: Final = "session-store.db"
EVENTS: Final = "events.jsonl"

_NANO_UNITS_IN_A_DOLLAR: Final = Decimal(10**11)
_NANO_UNITS_MAX: Final = 10**16
"""A hundred thousand dollars: no session costs more, so that a greater number is a mistake."""
_SESSION_ID: Final = re.compile(r"[\w-]{1,100}")
"""What may name the folder of a session: telemetry says it, and what is written there is looked for."""
_SECOND_NS: Final = 10**9
"""How exact the database's times are."""

_COUNTS: Final = {
    "input_tokens": "inputTokens",
    "cache_read_tokens": "cacheReadTokens",
    "cache_write_tokens": "cacheWriteTokens",
    "output_tokens": "outputTokens",
    "reasoning_tokens": "reasoningTokens",
}
"""Field of a usage → its name in a snapshot, and what it is in the database (the field itself)."""

_EVENTS: Final = (
    b'"session.start"', b'"session.resume"', b'"session.shutdown"', b'"session.usage_checkpoint"', b'"user.message"',
    b'"tool.execution_start"', b'"tool.execution_complete"',
)  # fmt: skip

_CALLS: Final = "assistant_usage_events"
_CALL: Final = (
    "id", "session_id", "model", *_COUNTS, "total_nano_aiu", "duration_ms", "time_to_first_token_ms", "finish_reason",
    "agent_id", "created_at",
)  # fmt: skip


def _read(log: Log) -> Iterator[Record]:
    if log.is_sqlite():
        yield from _store(log)
    elif log.path.name == EVENTS or b'"type":"session.' in log.head().replace(b" ", b""):
        yield from _events(log)
    else:
        yield from read_spans(log, _told_until)


def _events(log: Log) -> Iterator[Record]:
    state = log.state
    for _, event in log.objects(*_EVENTS):
        log.mark()
        at, data, kind = time_ns(event, "timestamp"), inner(event, "data"), event.get("type")
        if at is None:
            log.skip("event without a time")
            continue
        if kind in ("session.start", "session.resume"):
            _begin(state, data, at)
        session = _session_of(log, state)
        key = f"{session.id}/{text(event, 'id')}"
        if kind == "user.message":
            yield Prompt(key, session, at, len(text(data, "content") or ""))
        elif kind == "tool.execution_start":
            _remember_tool(state, data, at)
        elif kind == "tool.execution_complete":
            yield from _tool(state, data, session, at)
        elif kind == "session.shutdown":
            yield from _shutdown(log, data, session, at)
        if kind in ("session.shutdown", "session.usage_checkpoint"):
            yield from _credits(state, data, session, at)
        if kind == "session.shutdown":
            state.pop("since", None)
        else:
            state.setdefault("since", at)


def _begin(state: dict[str, object], data: Object, at: int) -> None:
    """What a session's start or resumption says of it; a resumption does not name it."""
    where = inner(data, "context")
    said = {
        "id": text(data, "sessionId"),
        "version": text(data, "copilotVersion"),
        "project": project_name(text(where, "cwd")),
        "repository": text(where, "repository"),
        "branch": text(where, "branch"),
    }
    state.update({name: value for name, value in said.items() if value is not None})
    state["since"] = at


def _session_of(log: Log, state: Mapping[str, object]) -> Session:
    # A folder is named after its session, for logs whose first line is missing.
    return _session(
        text(state, "id") or log.path.absolute().parent.name, text(state, "version"), text(state, "project"),
        text(state, "repository"), text(state, "branch"),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _session(
    name: str, version: str | None, project: str | None, repository: str | None, branch: str | None
) -> Session:
    return Session(name, project=project, repository=repository, branch=branch, version=version, plan=PLAN)


def _remember_tool(state: dict[str, object], data: Object, at: int) -> None:
    running = dict(inner(state, "tools"))
    running[text(data, "toolCallId") or ""] = [text(data, "toolName") or "tool", at]
    state["tools"] = running


def _tool(state: dict[str, object], data: Object, session: Session, at: int) -> Iterator[Tool]:
    running = dict(inner(state, "tools"))
    call_id = text(data, "toolCallId") or ""
    begun = running.pop(call_id, None)
    if isinstance(begun, list):
        state["tools"] = running
        failed = data.get("success") is False
        yield Tool(
            f"{session.id}/{call_id}", session, begun[1], max(begun[1], at), begun[0], call_id=call_id,
            error="error" if failed else None,
        )  # fmt: skip


def _shutdown(log: Log, data: Object, session: Session, at: int) -> Iterator[Call]:
    """What a snapshot adds: one call for each model, which stands for all of them since the one before."""
    totals = dict(inner(log.state, "totals"))
    since, before = log.state.get("since"), log.state.get("shutdown")
    told = _told_by_store(log, session.id, before if isinstance(before, int) else 0, at)
    for model, metric in inner(data, "modelMetrics").items():
        now = {name: count(metric, f"usage.{said}") or 0 for name, said in _COUNTS.items()}
        now["nano_units"] = int(number(metric, "totalNanoAiu") or 0)
        highest = cast(dict[str, int], totals.get(model, {}))
        difference = grown(now, highest)
        if difference is None:
            continue
        totals[model] = {name: max(total, highest.get(name, 0)) for name, total in now.items()}
        rest = {name: max(0, more - told.get(model, {}).get(name, 0)) for name, more in difference.items()}
        units = rest.pop("nano_units")
        usage = Usage(**rest)
        if has_tokens(usage):
            yield Call(
                f"{session.id}/{model}/{now['input_tokens']}/{now['output_tokens']}/{now['cache_read_tokens']}",
                session, min(since, at) if isinstance(since, int) else at, at, usage, model=model, provider=PROVIDER,
                cost_usd=_dollars(units), adds_up=True,
            )  # fmt: skip
    log.state["totals"] = totals
    log.state["shutdown"] = at


def _told_by_store(log: Log, session: str, after: int, until: int) -> dict[str, dict[str, int]]:
    """What the database tells call by call of a session between two snapshots: by model, its counts added up."""
    store = log.sibling(f"../../{STORE}")
    if store is None:
        return {}
    sums: dict[str, dict[str, int]] = {}
    with closing(store):
        for row in _calls_of(store, session):
            at = time_ns(row, "created_at")
            if at is None or not after < at + _SECOND_NS <= until + 2 * _SECOND_NS:
                continue
            model = sums.setdefault(text(row, "model") or "", dict.fromkeys((*_COUNTS, "nano_units"), 0))
            for name in _COUNTS:
                model[name] += count(row, name) or 0
            model["nano_units"] += int(number(row, "total_nano_aiu") or 0)
    return sums


def _credits(state: dict[str, object], data: Object, session: Session, at: int) -> Iterator[Bucket]:
    """What a session was charged since the snapshot before, in dollars: of no one call, so to reconcile with."""
    units, charged = int(number(data, "totalNanoAiu") or 0), int(number(state, "charged") or 0)
    if not charged < units < _NANO_UNITS_MAX:
        return
    since = state.get("charged_at", state.get("since"))
    yield Bucket(
        f"{session.id}/{units}", min(since, at) if isinstance(since, int) else at, at, Usage(), provider=PROVIDER,
        cost_usd=_dollars(units - charged), project=session.project,
    )  # fmt: skip
    state["charged"], state["charged_at"] = units, at


def _dollars(units: float | None) -> Decimal | None:
    if not units or not 0 < units < _NANO_UNITS_MAX:
        return None
    return int(units) / _NANO_UNITS_IN_A_DOLLAR


def _calls_of(log: Log, session: str | None = None) -> Iterator[Object]:
    """The rows of the calls, of one session or of all, with the columns that this version has."""
    columns = [column for column in _CALL if column in log.tables().get(_CALLS, ())]
    if {"id", "session_id", "model", "created_at"} <= set(columns):
        only = "" if session is None else " where session_id = ?"
        values = () if session is None else (session,)
        for row in log.table(f"select {', '.join(columns)} from {_CALLS}{only} order by id", *values):
            yield dict(zip(columns, row, strict=True))


def _store(log: Log) -> Iterator[Call]:
    known = {}
    columns = [name for name in ("id", "cwd", "repository", "branch") if name in log.tables().get("sessions", ())]
    if "id" in columns:
        for row in log.table(f"select {', '.join(columns)} from sessions"):
            found = dict(zip(columns, row, strict=True))
            name = text(found, "id") or ""
            known[name] = _session(
                name, None, project_name(text(found, "cwd")), text(found, "repository"), text(found, "branch")
            )
    for call in _calls_of(log):
        yield from _stored(call, known)


def _stored(row: Object, known: Mapping[str, Session]) -> Iterator[Call]:
    name, ended = text(row, "session_id") or "", time_ns(row, "created_at")
    usage = Usage(**{field: count(row, field) for field in _COUNTS})
    if ended is not None and has_tokens(usage):
        yield Call(
            f"{name}/{text(row, 'id')}/{ended}", known.get(name) or _session(name, None, None, None, None),
            ended - of_milliseconds(number(row, "duration_ms")), ended, usage, model=text(row, "model"),
            provider=PROVIDER, cost_usd=_dollars(number(row, "total_nano_aiu")), vendor_ids=False,
            finish_reason=text(row, "finish_reason"), agent=text(row, "agent_id"),
            first_chunk_s=seconds_of(number(row, "time_to_first_token_ms")),
        )  # fmt: skip


def _told_until(log: Log, session: str) -> int | None:
    """Until when a session's own records tell what its telemetry does: its last shutdown, its last row; None: never."""
    ends: list[int | None] = []
    if not _SESSION_ID.fullmatch(session):
        return None
    for up in ("..", "../..", "../../.."):
        events = log.sibling(f"{up}/session-state/{session}/{EVENTS}")
        if events is not None:
            ends += [time_ns(event, "timestamp") for _, event in events.objects(b'"session.shutdown"')]
        store = log.sibling(f"{up}/{STORE}")
        if store is not None:
            with closing(store):
                # Rounded down to the second when it was written.
                ends += [
                    at + _SECOND_NS
                    for row in _calls_of(store, session)
                    if (at := time_ns(row, "created_at")) is not None
                ]
    return max((end for end in ends if end is not None), default=None)


def _recognises(path: Path, head: bytes) -> bool:
    if head.startswith(SQLITE):
        return path.name == STORE
    if b'"type":"session.' in head.replace(b" ", b"")[:200]:
        return b'"vscodeVersion"' not in head
    return b'"traceId"' in head and b"gen_ai." in head and (b"copilot" in head.lower() or b'"type":"span"' in head)


SOURCE: Final = Source(
    "copilot-cli",
    "GitHub Copilot CLI",
    AGENT,
    (Place((f"session-state/*/{EVENTS}", STORE, "otel/**/*.jsonl"), {"*": ("~/.copilot",)}, ("COPILOT_HOME",)),),
    _read,
    _recognises,
)
