"""Codebuff: a folder for each chat, with its messages in one document.

A message tells its own usage, whose input leaves the cache out, or holds the history of its run, whose messages tell
OpenAI's counts. Credits are no dollars.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, moment_ns, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

_MESSAGES: Final = "chat-messages.json"
_HISTORY: Final = "metadata.runState.sessionState.mainAgentState.messageHistory"


def _read(log: Log) -> Iterator[Record]:
    found = log.document()
    chat = log.path.absolute().parent
    session = Session(f"{chat.parent.parent.name}/{chat.name}", project=chat.parent.parent.name)
    begun = _begun(chat.name)
    if not isinstance(found, list):
        if found is not None:
            log.skip("not the messages of a chat")
        return
    for place, message in enumerate(items({"messages": found}, "messages")):
        key = f"{session.id}/{text(message, 'id') or place}"
        at = time_ns(message, "timestamp") or begun
        if at is None:
            log.skip("message without a time")
        elif message.get("role") == "user" or message.get("variant") == "user":
            yield Prompt(key, session, at, len(text(message, "text") or text(message, "content") or ""))
        elif has_tokens(usage := _usage(inner(message, "metadata.usage"))):
            model = text(message, "metadata.model")
            yield Call(key, session, at, at, usage, model=model, provider=UNSAID)
        else:
            yield from _history(message, session, at)


def _begun(folder: str) -> int | None:
    """When a chat began, by its folder's name: 2026-01-02T03-04-05.000Z."""
    day, _, clock = folder.partition("T")
    return moment_ns(f"{day}T{clock.replace('-', ':')}")


def _usage(used: Object) -> Usage:
    read, write = count(used, "cacheReadInputTokens"), count(used, "cacheCreationInputTokens")
    return Usage(
        input_tokens=whole_prompt(count(used, "inputTokens"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=count(used, "outputTokens"),
    )


def _history(message: Object, session: Session, at: int) -> Iterator[Call]:
    """The calls of a run. Each later message repeats the history before it: the place in it names a call."""
    for place, step in enumerate(items(message, _HISTORY)):
        told = inner(step, "providerOptions.codebuff")
        usage = Usage(
            input_tokens=count(told, "usage.prompt_tokens"),
            cache_read_tokens=count(told, "usage.prompt_tokens_details.cached_tokens"),
            output_tokens=count(told, "usage.completion_tokens"),
        )
        if has_tokens(usage):
            name = text(told, "model")
            yield Call(f"{session.id}/history/{place}", session, at, at, usage, model=name, provider=UNSAID)


def _recognises(path: Path, head: bytes) -> bool:
    return path.name == _MESSAGES


SOURCE: Final = Source(
    "codebuff",
    "Codebuff",
    AGENT,
    (
        Place(
            tuple(f"{name}/projects/*/chats/*/{_MESSAGES}" for name in ("manicode", "manicode-dev", "codebuff")),
            {"*": ("~/.config",)},
        ),
    ),
    _read,
    _recognises,
)
