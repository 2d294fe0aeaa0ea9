"""Droid's sessions: `~/.factory/sessions/**/<id>.settings.json` with all that a session used, `<id>.jsonl` beside it.

There is one sum a session and no usage of a single call, so that a session is one call that grows. Which model was used
for which part of it is not written down: it counts for the last one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, dig, inner, items, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, whole_prompt

SETTINGS: Final = ".settings.json"
CUSTOM: Final = "custom:"
"""How the names of models begin that the user set up; a place in a list ends them."""
NO_TIME: Final = "call without a time"
TOOLS_MAX: Final = 256
"""Tools whose result is waited for, at most; more never run at a time."""
NS_PER_MS: Final = 1_000_000
ACTIVE_MS_MAX: Final = 366 * 86_400_000
"""A session that was active for more than a year is a mistake of a clock."""
_BRACKETS: Final = re.compile(r"\[[^\]]*\]")
_TITLE: Final = re.compile(
    rb"Model: ((?:Claude|GPT|Gemini|Grok|GLM|Kimi|Qwen|DeepSeek|MiniMax|Droid)[A-Za-z0-9 .-]{1,40})"
    rb" \[(?:Anthropic|OpenAI|Google|xAI|Factory)\]"
)
"""How a session says its model to the model itself. What people write there must not be taken for it."""


def _read(log: Log) -> Iterator[Record]:
    if log.path.name.endswith(SETTINGS):
        yield from _sum(log)
    else:
        yield from _events(log)


def _sum(log: Log) -> Iterator[Record]:
    settings = log.document()
    if not isinstance(settings, dict):
        if settings is not None:
            log.skip("not the settings of a session")
        return
    usage = _usage(inner(settings, "tokenUsage"))
    if not has_tokens(usage):
        return
    id_ = log.path.name.removesuffix(SETTINGS)
    said = text(settings, "model")
    project, first_ns, title = _beside(log, id_, said is None)
    # The lock is set anew when the provider changes, the first event stays.
    started_ns = first_ns or time_ns(settings, "providerLockTimestamp")
    if started_ns is None:
        log.skip(NO_TIME)
        return
    active_ms = count(settings, "assistantActiveTimeMs") or 0
    yield Call(
        key=id_,
        session=_session(id_, project),
        started_ns=started_ns,
        ended_ns=started_ns + min(active_ms, ACTIVE_MS_MAX) * NS_PER_MS,
        usage=usage,
        model=_model(said or title),
        provider=text(settings, "providerLock"),
        request_id=id_,
        vendor_ids=False,
        adds_up=True,
    )


def _usage(told: Object) -> Usage:
    """Usage from disjoint counts; thinking is part of the output, unless there is more of it."""
    read, write = count(told, "cacheReadTokens"), count(told, "cacheCreationTokens")
    output, thinking = count(told, "outputTokens"), count(told, "thinkingTokens")
    beside = thinking is not None and thinking > (output or 0)
    return Usage(
        input_tokens=whole_prompt(count(told, "inputTokens"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=whole_prompt(output, thinking) if beside else output,
        reasoning_tokens=thinking,
    )


def _beside(log: Log, id_: str, is_model_wanted: bool) -> tuple[str | None, int | None, str | None]:
    """What the events of the session say of it: its project, when it began, and the title of its model."""
    events = log.sibling(f"{id_}.jsonl")
    project, first_ns = None, None
    if events is None:
        return None, None, None
    title = None
    for _, line in events.lines():
        if first_ns is None and (found := events.parse(line)) is not None:
            project = project or project_name(text(found, "cwd"))
            first_ns = time_ns(found, "timestamp")
        if is_model_wanted and title is None:
            title = _TITLE.search(line)
        if first_ns is not None and (title is not None or not is_model_wanted):
            break
    return project, first_ns, None if title is None else title[1].decode()


def _model(said: str | None) -> str | None:
    """The name of a model, from one that the user or the tool made of it."""
    if said is None:
        return None
    plain = _BRACKETS.sub("", said.removeprefix(CUSTOM))
    if plain == said and " " not in said:
        return said
    plain = re.sub(r"[\s.-]+", "-", plain).strip("-").lower()
    return re.sub(r"-\d$", "", plain) if said.startswith(CUSTOM) else plain


def _events(log: Log) -> Iterator[Record]:
    """The tools and prompts of a session; its messages say no usage."""
    state = log.state
    for _, line in log.objects():
        log.mark()
        kind, at_ns = text(line, "type"), time_ns(line, "timestamp")
        if kind == "session_start":
            state["id"], state["project"] = text(line, "id"), project_name(text(line, "cwd"))
        if kind != "message" or at_ns is None:
            continue
        session = _session(text(state, "id") or log.path.stem, text(state, "project"))
        characters = 0
        for part in items(line, "message.content"):
            if text(part, "type") == "tool_use":
                _asked(state, part, at_ns)
            elif text(part, "type") == "tool_result":
                yield from _answered(state, part, session, at_ns)
            elif text(part, "type") == "text":
                characters += len(text(part, "text") or "")
        if characters and text(line, "message.role") == "user":
            yield Prompt(f"{session.id}/{text(line, 'id') or at_ns}", session, at_ns, characters)


@lru_cache(maxsize=256)
def _session(id_: str, project: str | None) -> Session:
    return Session(id_, project=project)


def _asked(state: dict[str, object], part: Object, at_ns: int) -> None:
    """Remember a tool until its result is told; the state may have been kept as it is, so that it is made anew."""
    running, id_ = inner(state, "tools"), text(part, "id")
    if id_ is not None and len(running) < TOOLS_MAX:
        state["tools"] = {**running, id_: [text(part, "name"), at_ns]}


def _answered(state: dict[str, object], result: Object, session: Session, ended_ns: int) -> Iterator[Record]:
    running, id_ = inner(state, "tools"), text(result, "tool_use_id")
    asked = running.get(id_ or "")
    state["tools"] = {other: running[other] for other in running if other != id_}
    if id_ is None or not isinstance(asked, list) or not isinstance(asked[0], str) or not isinstance(asked[1], int):
        return
    error = "error" if dig(result, "is_error") is True else None
    yield Tool(f"{session.id}/{id_}", session, min(asked[1], ended_ns), ended_ns, asked[0], id_, error=error)


def _recognises(path: Path, head: bytes) -> bool:
    if path.name.endswith(SETTINGS):
        return b'"tokenUsage"' in head or b'"providerLock"' in head
    return b'"type":"session_start"' in head.replace(b" ", b"")[:200]


SOURCE: Final = Source(
    name="droid",
    title="Droid",
    kind=AGENT,
    places=(
        Place(globs=("sessions/**/*.settings.json", "sessions/-*/*.jsonl"), defaults={"*": ("~/.factory",)}),
        Place(globs=("**/*.settings.json",), variables=("DROID_SESSIONS_DIR",)),
    ),
    read=_read,
    recognises=_recognises,
)
