"""Copilot's telemetry in files: one span or log record a line, or the tables of spans that its extension keeps.

The span of a chat is the call. Records of an inference repeat it, and stand in for it only in files without such spans;
spans of agents add up what lies beneath them.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from spanledger.instrumentation.replay.durations import seconds_of
from spanledger.instrumentation.replay.json_lines import Object, count, inner, number, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.usage_sums import has_tokens

Until: TypeAlias = Callable[[Log, str], int | None]
"""Until when another log tells the calls of a session, in nanoseconds."""

_PLAN: Final = "copilot"
_DETAILS: Final = "gen_ai.client.inference.operation.details"
_CALLS: Final = ("chat", "text_completion", "embeddings")

_COLUMNS: Final = {
    "span_id": "id", "trace_id": "trace", "start_time_ms": "started", "end_time_ms": "ended",
    "operation_name": "gen_ai.operation.name", "provider_name": "gen_ai.provider.name",
    "agent_name": "gen_ai.agent.name", "conversation_id": "gen_ai.conversation.id",
    "chat_session_id": "copilot_chat.chat_session_id", "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model", "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens", "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning_tokens", "tool_name": "gen_ai.tool.name",
    "ttft_ms": "copilot_chat.time_to_first_token",
}  # fmt: skip
"""Column of the extension's table of spans → the attribute that it was made of."""


@lru_cache(maxsize=256)
def _session(name: str) -> Session:
    return Session(name, plan=_PLAN)


def read_spans(log: Log, told_until: Until) -> Iterator[Record]:
    """Calls and tools of a file of one record a line; calls that `told_until` covers are left out."""
    until: dict[str, int | None] = {}
    waiting: dict[str, Call] = {}
    for _, found in log.objects():
        said = _attributes(found)
        name = _name(said)
        if name and name not in until:
            until[name] = told_until(log, name)
        operation = said.get("gen_ai.operation.name")
        if operation in _CALLS and _span_id(found):
            log.state["spans"] = True
            call = _call(found, said)
            if call is None:
                log.skip("span of a call without time or counts")
            elif call.ended_ns <= (until.get(name) or 0):
                log.skip("call that the session's own log tells of")
            else:
                yield call
        elif operation == "execute_tool" and _span_id(found):
            yield from _tool(found, said)
        elif said.get("event.name") == _DETAILS and (call := _call(found, said)) is not None:
            waiting[call.key] = call
    if "spans" not in log.state:
        yield from waiting.values()


def read_table(log: Log) -> Iterator[Record]:
    """Calls and tools of the extension's SQLite file of spans."""
    tables = log.tables()
    columns = [column for column in _COLUMNS if column in tables.get("spans", ())]
    if not {"span_id", "trace_id", "operation_name"} <= set(columns):
        if tables:
            log.skip("not a database of spans")
        return
    ids = {}
    if {"span_id", "key", "value"} <= tables.get("span_attributes", frozenset()):
        for row in log.table("select span_id, value from span_attributes where key = 'gen_ai.response.id'"):
            ids[row["span_id"]] = row["value"]
    for row in log.table(f"select {', '.join(columns)} from spans order by span_id"):
        said = {_COLUMNS[name]: value for name, value in zip(columns, row, strict=True)}
        found = {"traceId": said["trace"], "spanId": said["id"], "start": said.get("started"), "end": said.get("ended")}
        said["gen_ai.response.id"] = ids.get(said["id"])
        if said["gen_ai.operation.name"] in _CALLS and (call := _call(found, said)) is not None:
            yield call
        elif said["gen_ai.operation.name"] == "execute_tool":
            yield from _tool(found, said)


def _attributes(found: Object) -> Object:
    """The attributes of a record, by their whole names."""
    return inner(found, "attributes")


def _plain(said: Object, *names: str) -> Object:
    """The first of some attributes that is there, as an object to read it from: their names hold dots."""
    for name in names:
        if said.get(name) is not None:
            return {"it": said[name]}
    return {}


def _span_id(found: Object) -> str | None:
    return text(found, "spanId") or text(found, "spanContext.spanId")


def _call(found: Object, said: Object) -> Call | None:
    ended = _time(found, "end", "endTime", "hrTime", "timestamp")
    started = _time(found, "start", "startTime") or ended
    usage = Usage(
        input_tokens=_count(said, "gen_ai.usage.input_tokens"),
        cache_read_tokens=_count(said, "gen_ai.usage.cache_read.input_tokens"),
        cache_write_tokens=_count(
            said, "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
        ),
        output_tokens=_count(said, "gen_ai.usage.output_tokens"),
        reasoning_tokens=_count(said, "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    )
    if started is None or ended is None or not has_tokens(usage):
        return None
    response = text(_plain(said, "gen_ai.response.id"), "it")
    trace = text(found, "traceId") or text(found, "spanContext.traceId")
    first_ms = number(_plain(said, "copilot_chat.time_to_first_token"), "it")
    return Call(
        response or f"{trace}/{_span_id(found)}", _session(_name(said)), min(started, ended), ended, usage,
        model=text(_plain(said, "gen_ai.response.model", "gen_ai.request.model"), "it"),
        asked_model=text(_plain(said, "gen_ai.request.model"), "it"),
        provider=text(_plain(said, "gen_ai.provider.name"), "it") or "github", response_id=response,
        agent=text(_plain(said, "gen_ai.agent.name"), "it"),
        first_chunk_s=seconds_of(first_ms),
    )  # fmt: skip


def _tool(found: Object, said: Object) -> Iterator[Tool]:
    ended = _time(found, "end", "endTime")
    started = _time(found, "start", "startTime") or ended
    name = text(_plain(said, "gen_ai.tool.name"), "it")
    if started is not None and ended is not None and name:
        trace = text(found, "traceId") or text(found, "spanContext.traceId")
        yield Tool(
            f"{trace}/{_span_id(found)}", _session(_name(said)), min(started, ended), ended, name,
            call_id=text(_plain(said, "gen_ai.tool.call.id"), "it"),
        )  # fmt: skip


def _name(said: Object) -> str:
    return text(_plain(said, "copilot_chat.chat_session_id", "gen_ai.conversation.id"), "it") or ""


def _count(said: Object, *names: str) -> int | None:
    return count(_plain(said, *names), "it")


def _time(found: Object, *names: str) -> int | None:
    """A time as a number or text, or as JavaScript's pair of seconds and nanoseconds."""
    for name in names:
        pair = found.get(name)
        if isinstance(pair, list) and len(pair) == 2:
            seconds, rest = count({"it": pair[0]}, "it"), count({"it": pair[1]}, "it")
            if seconds is not None and rest is not None:
                return seconds * 10**9 + rest
        elif (at := time_ns(found, name)) is not None:
            return at
    return None
