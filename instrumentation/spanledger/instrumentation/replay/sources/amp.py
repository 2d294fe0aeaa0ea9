"""Amp's threads: `~/.local/share/amp/threads/T-*.json`, a document each, written again as it grows.

Older threads have a ledger of usage beside their messages, newer ones the usage of each message: never both. What the
ledger calls credits is no amount of money.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, dig, inner, items, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

GLOBS: Final = ("threads/T-*.json",)
BRANCHES: Final = "refs/heads/"
NO_TIME: Final = "call without a time"


def _read(log: Log) -> Iterator[Record]:
    thread = log.document()
    if not isinstance(thread, dict) or not isinstance(thread.get("messages"), list):
        if thread is not None:
            log.skip("not a thread")
        return
    session = _session(thread, log.path.stem)
    yield from (
        _ledger(log, thread, session) if any(items(thread, "usageLedger.events")) else _calls(log, thread, session)
    )
    yield from _tools(thread, session)
    for message in items(thread, "messages"):
        sent_ns = time_ns(message, "meta.sentAt")
        if text(message, "role") == "user" and sent_ns is not None:
            characters = sum(len(text(part, "text") or "") for part in items(message, "content"))
            yield Prompt(f"{session.id}/{text(message, 'messageId') or sent_ns}", session, sent_ns, characters)


def _session(thread: Object, stem: str) -> Session:
    tree = next(items(thread, "env.initial.trees"), {})
    branch = text(tree, "repository.ref")
    address = text(tree, "repository.url")
    return Session(
        text(thread, "id") or stem,
        project=text(tree, "displayName") or project_name(text(tree, "uri")),
        repository=project_name(address.removesuffix(".git")) if address else None,
        branch=branch.removeprefix(BRANCHES) if branch else None,
        version=text(thread, "env.initial.platform.clientVersion"),
    )


def _calls(log: Log, thread: Object, session: Session) -> Iterator[Record]:
    """The calls of a thread whose messages say their usage."""
    inferences = _spans(thread, "inference")
    for place, message in enumerate(items(thread, "messages")):
        told = inner(message, "usage")
        usage, partial = _usage(told)
        if text(message, "role") != "assistant" or not has_tokens(usage):
            continue
        at_ns = time_ns(told, "timestamp")
        if at_ns is None:
            log.skip(NO_TIME)
            continue
        began = [start for start, end, _ in inferences if start <= at_ns <= end]
        yield Call(
            key=f"{session.id}/{text(message, 'messageId') or place}",
            session=session,
            started_ns=max(began, default=at_ns),
            ended_ns=at_ns,
            usage=usage,
            model=text(told, "model"),
            provider=UNSAID,
            finish_reason=text(message, "state.stopReason"),
            partial=partial,
        )


def _ledger(log: Log, thread: Object, session: Session) -> Iterator[Record]:
    """The calls of a thread's ledger; what came from the cache stands at the message that they led to."""
    messages = {text(message, "messageId"): inner(message, "usage") for message in items(thread, "messages")}
    for place, event in enumerate(items(thread, "usageLedger.events")):
        cached = messages.get(text(event, "toMessageId"), {})
        read, write = count(cached, "cacheReadInputTokens"), count(cached, "cacheCreationInputTokens")
        tokens = inner(event, "tokens")
        usage = Usage(
            input_tokens=whole_prompt(count(tokens, "input"), read, write),
            cache_read_tokens=read,
            cache_write_tokens=write,
            output_tokens=count(tokens, "output"),
        )
        at_ns = time_ns(event, "timestamp")
        if not has_tokens(usage):
            continue
        if at_ns is None:
            log.skip(NO_TIME)
            continue
        key = f"{session.id}/ledger/{text(event, 'id') or place}"
        yield Call(key, session, at_ns, at_ns, usage, model=text(event, "model"), provider=UNSAID)


def _usage(told: Object) -> tuple[Usage, bool]:
    """Usage, and whether it is not all known: a total alone is taken for output, the part that every call has."""
    read, write = count(told, "cacheReadInputTokens"), count(told, "cacheCreationInputTokens")
    prompt, output = whole_prompt(count(told, "inputTokens"), read, write), count(told, "outputTokens")
    if prompt is None and output is None:
        return Usage(output_tokens=count(told, "totalTokens")), True
    return Usage(input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output), False


def _tools(thread: Object, session: Session) -> Iterator[Record]:
    """The tools that messages ask for, in the time in which the thread ran those of the message."""
    times = {place: (start, end) for start, end, place in _spans(thread, "tools")}
    outcomes = {
        text(part, "toolUseID"): text(part, "run.status")
        for message in items(thread, "messages")
        for part in items(message, "content")
        if text(part, "type") == "tool_result"
    }
    for message in items(thread, "messages"):
        asked_ns = time_ns(message, "usage.timestamp")
        started_ns, ended_ns = times.get(text(message, "messageId"), (asked_ns, asked_ns))
        for part in items(message, "content"):
            id_, name = text(part, "id"), text(part, "name")
            if text(part, "type") != "tool_use" or id_ is None or name is None:
                continue
            if started_ns is not None and ended_ns is not None:
                error = "error" if outcomes.get(id_) == "error" else None
                yield Tool(f"{session.id}/{id_}", session, started_ns, ended_ns, name, id_, error=error)


def _spans(thread: Object, name: str) -> list[tuple[int, int, str | None]]:
    """What the thread noted of its own work under a name: from when, until when, for which message."""
    found = []
    for trace in items(thread, "meta.traces"):
        start, end = time_ns(trace, "startTime"), time_ns(trace, "endTime")
        if dig(trace, "name") == name and start is not None and end is not None:
            found.append((start, end, text(trace, "context.messageId")))
    return found


def _recognises(path: Path, head: bytes) -> bool:
    is_thread = path.name.startswith("T-") or b'"id":"T-' in head.replace(b" ", b"")[:200] or b'"usageLedger"' in head
    return path.suffix == ".json" and is_thread and b'"messages"' in head


SOURCE: Final = Source(
    name="amp",
    title="Amp",
    kind=AGENT,
    places=(
        Place(globs=GLOBS, variables=("XDG_DATA_HOME",), below="amp", defaults={"*": ("~/.local/share/amp",)}),
        Place(globs=GLOBS, variables=("AMP_DATA_DIR",)),
    ),
    read=_read,
    recognises=_recognises,
)
