"""Transcripts as pi writes them, and OpenClaw after it: a header, then one event a line, each message once.

A fork begins with copies of its origin's lines, older than its header; what a sub-agent did is written down twice, with
other ids of lines. A call is told by its time, its model and its counts instead: they are the same in every copy.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import PureWindowsPath
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import (
    Object,
    count,
    dig,
    inner,
    items,
    money,
    objects_in,
    text,
    time_ns,
)
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.sources.subscriptions import plan_of, seller_of
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

MODEL_SNAPSHOT: Final = "model-snapshot"
NO_TIME: Final = "call without a time"
_SESSION_ID: Final = re.compile(r"[\w.:-]+")
_MS: Final = 1_000_000
_COUNTS: Final = frozenset({"input", "output", "cacheRead", "totalTokens"})
"""What stands in the usage of an answer."""


def is_transcript(head: bytes) -> bool:
    """Whether one of the first lines of a file is a header or an answer of a transcript."""
    return any(
        (found.get("type") == "session" and "cwd" in found)
        or (found.get("type") == "message" and not _COUNTS.isdisjoint(inner(found, "message.usage")))
        for found in objects_in(head)
    )


class Transcript:
    """One session while it is read, line by line.

    `memory`: what it knows, as JSON, so that reading can go on later. `session_id` and `project` stand in for a header
    that is missing. `skip` counts what is left out.
    """

    def __init__(
        self,
        memory: dict[str, object],
        skip: Callable[[str], None],
        session_id: str,
        project: str | None = None,
        agent: str | None = None,
    ) -> None:
        self.memory = memory
        self.skip = skip
        self.session_id = session_id
        self.project = project
        self.agent = agent

    def records(self, line: Object) -> Iterator[Record]:
        """What one line tells."""
        kind = text(line, "type")
        if kind == "message":
            yield from self._message(line)
        elif kind == "session":
            self._header(line)
        elif kind == "model_change":
            self._model(line)
        elif kind == "custom" and text(line, "customType") == MODEL_SNAPSHOT:
            self._model(inner(line, "data"))

    def _header(self, line: Object) -> None:
        memory = self.memory
        memory["id"] = text(line, "id")
        memory["project"] = project_name(text(line, "cwd"))
        origin = text(line, "parentSession") or text(line, "branchedFrom")
        if origin is not None:
            memory["forked_ns"] = time_ns(line, "timestamp")
            memory["origin"] = _id_of(origin)
        self._model(line)

    def _model(self, told: Object) -> None:
        for name, key in (("provider", "provider"), ("model", "modelId")):
            value = text(told, key)
            if value is not None:
                self.memory[name] = value

    def _session(self, at_ns: int, plan: str | None) -> tuple[Session, bool]:
        """The session of a line, and whether the line is a copy of another's that is not known."""
        memory = self.memory
        id_ = text(memory, "id") or self.session_id
        project = text(memory, "project") or self.project
        forked_ns, origin = memory.get("forked_ns"), text(memory, "origin")
        is_copy = isinstance(forked_ns, int) and at_ns < forked_ns
        if is_copy and origin is not None:
            return _session(origin, project, plan), False
        return _session(id_, project, plan), is_copy

    def _message(self, line: Object) -> Iterator[Record]:
        message = inner(line, "message")
        role = text(message, "role")
        said_ns, told_ns = time_ns(message, "timestamp"), time_ns(line, "timestamp")
        at_ns = told_ns or said_ns
        if role == "assistant":
            if at_ns is None:
                self.skip(NO_TIME)
                return
            yield from self._call(message, min(said_ns or at_ns, at_ns), at_ns)
        if at_ns is None:
            return
        if role == "user":
            yield from self._prompt(line, message, at_ns)
        elif role == "toolResult":
            yield from self._tool(message, said_ns or at_ns)
        self.memory["previous_ns"] = at_ns

    def _call(self, message: Object, started_ns: int, ended_ns: int) -> Iterator[Record]:
        usage, partial = _usage(inner(message, "usage"))
        if not has_tokens(usage):
            return
        provider = text(message, "provider") or text(self.memory, "provider")
        asked = text(message, "model") or text(message, "modelId") or text(self.memory, "model")
        model = text(message, "responseModel") or asked
        response_id = text(message, "responseId")
        counts = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens)
        name = "-".join(str(part) for part in (started_ns // _MS, asked, *counts))
        session, _ = self._session(ended_ns, plan_of(provider))
        yield Call(
            key=name,
            session=session,
            started_ns=started_ns,
            ended_ns=ended_ns,
            usage=usage,
            model=model,
            asked_model=asked,
            provider=seller_of(provider),
            response_id=response_id,
            request_id=name if response_id is None else None,
            vendor_ids=response_id is not None,
            agent=self.agent,
            cost_usd=money(message, "usage.cost.total") or None,
            finish_reason=text(message, "stopReason"),
            error="error" if text(message, "stopReason") == "error" else None,
            partial=partial,
        )

    def _tool(self, message: Object, ended_ns: int) -> Iterator[Record]:
        id_, name = text(message, "toolCallId"), text(message, "toolName")
        session, is_copy = self._session(ended_ns, None)
        if id_ is None or name is None or is_copy:
            return
        previous = self.memory.get("previous_ns")
        started_ns = min(previous, ended_ns) if isinstance(previous, int) else ended_ns
        error = "error" if dig(message, "isError") is True else None
        yield Tool(f"{session.id}/{id_}", session, started_ns, ended_ns, name, id_, error=error)

    def _prompt(self, line: Object, message: Object, at_ns: int) -> Iterator[Record]:
        content = dig(message, "content")
        parts = [content] if isinstance(content, str) else [text(part, "text") for part in items(message, "content")]
        characters = sum(len(part) for part in parts if part is not None)
        session, is_copy = self._session(at_ns, None)
        if characters and not is_copy and self.agent is None:
            yield Prompt(f"{session.id}/{text(line, 'id') or at_ns}", session, at_ns, characters)


def _usage(told: Object) -> tuple[Usage, bool]:
    """Usage, and whether it is not all known: older versions wrote a total alone for some calls.

    Such a total is taken for output, as it is the part that every call has.
    """
    read, write, output = count(told, "cacheRead"), count(told, "cacheWrite"), count(told, "output")
    prompt = whole_prompt(count(told, "input"), read, write)
    if prompt is None and output is None:
        return Usage(output_tokens=count(told, "totalTokens")), True
    long = count(told, "cacheWrite1h")
    usage = Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=long,
        cache_write_5m_tokens=None if long is None or write is None else max(0, write - long),
        output_tokens=output,
        reasoning_tokens=count(told, "reasoning"),
    )
    return usage, False


@lru_cache(maxsize=1024)
def _session(id_: str, project: str | None, plan: str | None) -> Session:
    return Session(id_, project=project, plan=plan)


def _id_of(origin: str) -> str | None:
    """The session that a header names as its origin, by an id or by the path of its file."""
    stem = PureWindowsPath(origin).name.partition(".jsonl")[0]
    id_ = stem.rpartition("_")[2]
    return id_ if _SESSION_ID.fullmatch(id_) else None
