"""Qwen Code's chats: `~/.qwen/projects/<project>/chats`, and those in Gemini CLI's form that older versions wrote.

An answer is told twice: as a line `assistant` without an id, and as the telemetry of the user interface, with the
vendor's id and with the answers of sub-agents, whose own files say less. Measured with 0.24: both have the same counts
and come one after the other, the telemetry first.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.gemini_chats import NO_TIME, generate_content_usage, read_chat
from spanledger.instrumentation.replay.usage_sums import has_tokens

RESPONSE: Final = "qwen-code.api_response"
TOOL_CALL: Final = "qwen-code.tool_call"
TELEMETRY: Final = "ui_telemetry"
SUBSCRIPTION: Final = "qwen-oauth"
"""How a call says who it is when the account of Qwen pays, and no key."""
OLD_FORM: Final = b'"projectHash"'
"""What stands in the first line of a chat in Gemini CLI's form."""
NS_PER_MS: Final = 1_000_000
LASTED_MS_MAX: Final = 86_400_000
"""A call that lasted a day is a mistake of a clock."""


def _read(log: Log) -> Iterator[Record]:
    if OLD_FORM in log.head():
        yield from read_chat(log, None)
        return
    for _, line in log.objects():
        log.mark()
        at_ns = time_ns(line, "timestamp")
        kind = text(line, "type")
        if kind == "assistant":
            yield from _answer(log, line, at_ns)
        elif kind == "user":
            yield from _prompt(log, line, at_ns)
        elif kind == "system" and text(line, "subtype") == TELEMETRY:
            yield from _event(log, line, at_ns)
        if at_ns is not None and kind in ("user", "tool_result", "assistant"):
            log.state["previous_ns"] = at_ns


@lru_cache(maxsize=256)
def _session(id_: str, cwd: str | None, branch: str | None, version: str | None, plan: str | None) -> Session:
    return Session(id_, project=project_name(cwd), branch=branch, version=version, plan=plan)


def _session_of(log: Log, line: Object) -> Session:
    id_ = text(line, "sessionId") or log.path.name.partition(".")[0]
    plan = text(log.state, "plan")
    return _session(id_, text(line, "cwd"), text(line, "gitBranch"), text(line, "version"), plan)


def _event(log: Log, line: Object, told_ns: int | None) -> Iterator[Record]:
    """The telemetry of a response or of a tool."""
    event = inner(line, "systemPayload.uiEvent")
    name = event.get("event.name")
    at_ns = time_ns({"at": event.get("event.timestamp")}, "at") or told_ns
    if at_ns is None:
        if name == RESPONSE:
            log.skip(NO_TIME)
        return
    lasted_ms = count(event, "duration_ms") or 0
    began_ns = at_ns - (lasted_ms * NS_PER_MS if lasted_ms < LASTED_MS_MAX else 0)
    if name == TOOL_CALL:
        yield from _tool(_session_of(log, line), event, began_ns, at_ns)
    if name != RESPONSE:
        return
    usage = _usage(event, "input", "cached_content", "output", "thoughts", "total", "{}_token_count")
    if not has_tokens(usage):
        return
    log.state["plan"] = SUBSCRIPTION if text(event, "auth_type") == SUBSCRIPTION else None
    session = _session_of(log, line)
    response_id = text(event, "response_id")
    model = text(event, "model")
    key = response_id or f"{session.id}/{text(line, 'uuid') or at_ns}"
    if not log.state.get("telemetry") and log.state.get("answer") == _same(model, usage):
        # The first answer came before its telemetry, and was told already.
        key = text(log.state, "answer_key") or key
    log.state["telemetry"] = True
    first_chunk_ms = count(event, "ttft_ms")
    yield Call(
        key=key,
        session=session,
        started_ns=began_ns,
        ended_ns=at_ns,
        usage=usage,
        model=model,
        response_id=response_id,
        first_chunk_s=None if first_chunk_ms is None else first_chunk_ms / 1000,
    )


def _answer(log: Log, line: Object, at_ns: int | None) -> Iterator[Record]:
    """An answer without an id: only where the chat has no telemetry, which tells the same calls and more."""
    if log.state.get("telemetry"):
        return
    counts = inner(line, "usageMetadata")
    usage = _usage(counts, "prompt", "cachedContent", "candidates", "thoughts", "total", "{}TokenCount")
    if not has_tokens(usage):
        return
    if at_ns is None:
        log.skip(NO_TIME)
        return
    session = _session_of(log, line)
    model = text(line, "model")
    previous = log.state.get("previous_ns")
    key = f"{session.id}/{text(line, 'uuid') or at_ns}"
    log.state["answer"], log.state["answer_key"] = _same(model, usage), key
    yield Call(
        key=key,
        session=session,
        started_ns=min(previous, at_ns) if isinstance(previous, int) else at_ns,
        ended_ns=at_ns,
        usage=usage,
        model=model,
    )


def _usage(counts: Object, prompt: str, cached: str, output: str, thoughts: str, total: str, form: str) -> Usage:
    """Usage from counts that have a form of name in common.

    Thoughts are beside the answer only where the total says so: with back ends like OpenAI's they are inside.
    """
    asked, answered = count(counts, form.format(prompt)), count(counts, form.format(output))
    told = count(counts, form.format(total))
    return generate_content_usage(
        asked,
        count(counts, form.format(cached)),
        answered,
        count(counts, form.format(thoughts)),
        (asked or 0) + (answered or 0) if told is None else told,
    )


def _same(model: str | None, usage: Usage) -> str:
    return f"{model} {usage.input_tokens} {usage.cache_read_tokens} {usage.output_tokens}"


def _tool(session: Session, event: Object, began_ns: int, at_ns: int) -> Iterator[Record]:
    id_, name = text(event, "call_id"), text(event, "function_name")
    if id_ is not None and name is not None:
        error = None if event.get("success") is not False else "error"
        yield Tool(f"{session.id}/{id_}", session, began_ns, at_ns, name, id_, error=error)


def _prompt(log: Log, line: Object, at_ns: int | None) -> Iterator[Record]:
    characters = sum(len(part) for item in items(line, "message.parts") if (part := text(item, "text")))
    if characters and at_ns is not None:
        session = _session_of(log, line)
        yield Prompt(f"{session.id}/{text(line, 'uuid') or at_ns}", session, at_ns, characters)


def _recognises(path: Path, head: bytes) -> bool:
    told = head.replace(b" ", b"")
    if OLD_FORM in told:
        return ".qwen" in path.parts or b'"type":"qwen"' in told
    return b"qwen-code." in head or (b'"usageMetadata":{' in told and b'"sessionId"' in told)


SOURCE: Final = Source(
    name="qwen-code",
    title="Qwen Code",
    kind=AGENT,
    places=(
        Place(
            globs=("projects/**/chats/*.jsonl", "tmp/*/chats/*.jsonl", "tmp/*/chats/*.json"),
            variables=("QWEN_DATA_DIR",),
            defaults={"*": ("~/.qwen",)},
        ),
    ),
    read=_read,
    recognises=_recognises,
    specific=2,
)
