"""DeepSeek Harness (dsh): a log of events for each session, compressed as it grows.

The message of the assistant tells its usage, which a chunk before it said already; input is what was not cached.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_OFFICIAL: Final = "-official"
_EVENTS: Final = (
    b'"session"', b'"assistant/message"', b'"user/message"', b'"step/start"', b'"tool/call"', b'"tool/result"',
)  # fmt: skip


def _read(log: Log) -> Iterator[Record]:
    state = log.state
    for _, event in log.objects(*_EVENTS):
        log.mark()
        kind, at, data = event.get("type"), time_ns(event, "time"), inner(event, "data")
        if kind == "session":
            state |= {"id": text(event, "id"), "project": project_name(text(event, "cwd"))}
            continue
        if at is None:
            log.skip("event without a time")
            continue
        session = _session(text(state, "id") or log.path.absolute().parent.name, text(state, "project"))
        if kind == "step/start":
            state["since"] = at
        elif kind == "user/message" and text(data, "source.kind") == "user":
            length = sum(len(text(part, "text") or "") for part in items(data, "content"))
            yield Prompt(f"{session.id}/{text(data, 'id') or at}", session, at, length)
        elif kind == "tool/call":
            state["tool"] = [text(data, "callId"), text(data, "name"), at]
        elif kind == "tool/result":
            yield from _tool(state, data, session, at)
        elif kind == "assistant/message":
            yield from _call(state, data, session, at)


def _call(state: Object, data: Object, session: Session, at: int) -> Iterator[Call]:
    read, write = count(data, "usage.cacheReadTokens"), count(data, "usage.cacheWriteTokens")
    usage = Usage(
        input_tokens=whole_prompt(count(data, "usage.inputTokens"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=count(data, "usage.outputTokens"),
        reasoning_tokens=count(data, "usage.reasoningTokens"),
    )
    if not has_tokens(usage):
        return
    name = text(data, "message.id")
    since = state.get("since")
    yield Call(
        name or f"{session.id}/{at}", session, min(since, at) if isinstance(since, int) else at, at, usage,
        model=text(data, "message.source.model"),
        provider=(text(data, "message.source.provider") or UNSAID).removesuffix(_OFFICIAL),
        # Its own name of the message, which a fork of the session repeats.
        request_id=name, vendor_ids=False,
    )  # fmt: skip


def _tool(state: Object, data: Object, session: Session, at: int) -> Iterator[Tool]:
    """The result of the tool that was called last; those that ran beside it are told without how long they took."""
    call_id = text(data, "message.source.callId")
    begun = state.get("tool")
    if isinstance(begun, list) and len(begun) == 3 and begun[0] == call_id and call_id and begun[1]:
        yield Tool(f"{session.id}/{call_id}", session, min(begun[2], at), at, begun[1], call_id=call_id)


@lru_cache(maxsize=64)
def _session(name: str, project: str | None) -> Session:
    return Session(name, project=project)


def _recognises(path: Path, head: bytes) -> bool:
    return b'"delegationDepth"' in head or b'"agent/inbox/spliced"' in head


_NAMES: Final = ("session*.jsonl", "session*.jsonl.zstd")

SOURCE: Final = Source(
    "dsh",
    "DeepSeek Harness",
    AGENT,
    (
        Place(tuple(f".dsh/sessions/**/{name}" for name in _NAMES), {"*": ("~",)}),
        Place(tuple(f"sessions/*/*/{name}" for name in _NAMES), variables=("DSH_HOME",)),
    ),
    _read,
    _recognises,
    specific=2,
)
