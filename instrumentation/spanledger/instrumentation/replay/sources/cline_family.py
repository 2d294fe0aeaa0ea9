"""Cline, Roo Code and Kilo Code for VS Code: one family, whose counts of input mean different things.

Tasks of the extensions (`ui_messages.json`, one `api_req_started` a call) and Cline's sessions since 4.1 and of its
command line (`*.messages.json`). What is input, by the sources of Cline 3.89 and 4.1, Roo Code 3.53 and Kilo Code 5.16:
Cline's tasks leave the cache out, but for providers that pass on OpenAI's `prompt_tokens`; Cline's sessions contain it,
as do tasks of Roo since 3.29.5 and of Kilo since 4.119, whoever the provider; before that Roo's and Kilo's left it out
where the interface was Anthropic's. A count below its own cached part leaves it out in any case: older Clines did.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import orjson

from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, moment_ns, money, text, time_ns
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.providers import UNSAID
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Tool, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.usage_sums import has_tokens, prompt_said, whole_prompt

_TASK: Final = "ui_messages.json"
_TALK: Final = "api_conversation_history.json"
_MODELS: Final = "task_metadata.json"
_ROO_TASK: Final = "history_item.json"

_WITH_CACHE: Final = frozenset(
    {"openai", "litellm", "doubao", "fireworks", "hicap", "lmstudio", "qwen", "xai", "zai", "openai-compatible"}
)
"""Providers whose prompt_tokens Cline's tasks write down as they come, cached tokens and all."""

_WHOLE_SINCE_NS: Final = {
    "roo": moment_ns("2025-11-01T00:00:00Z") or 0,  # 3.29.5
    "kilo": moment_ns("2025-11-12T00:00:00Z") or 0,  # 4.119.0
}
"""When each began to write all of the prompt under Anthropic's interface, too."""

_MODEL_TAG: Final = re.compile(r"<model>([^<>\s]{1,100})</model>")


def _read(log: Log, kind: str) -> Iterator[Record]:
    found = log.document()
    if isinstance(found, list):
        yield from _task(log, found, kind)
    elif isinstance(found, dict) and isinstance(found.get("messages"), list):
        yield from _session(log, found)
    elif found is not None:
        log.skip("neither a task nor a session")


def _read_cline(log: Log) -> Iterator[Record]:
    return _read(log, "cline")


def _read_roo(log: Log) -> Iterator[Record]:
    return _read(log, "roo")


def _read_kilo(log: Log) -> Iterator[Record]:
    return _read(log, "kilo")


def _task(log: Log, messages: list[object], kind: str) -> Iterator[Record]:
    task = log.path.absolute().parent.name
    session = Session(task, project=_project(log))
    models = _models_of_task(log) if kind == "cline" else _models_of_talk(log)
    ends = {"messages": messages}
    told = [message for message in items(ends, "messages") if message.get("partial") is not True]
    for place, message in enumerate(told):
        at = time_ns(message, "ts")
        if at is None:
            continue
        said = message.get("say") or message.get("ask")
        following = told[place + 1] if place + 1 < len(told) else message
        if said == "api_req_started":
            until = next((when for later in told[place + 1 :] if (when := _next_call(later)) is not None), None)
            yield from _asked(log, message, session, kind, at, _model_at(models, message, until), following)
        elif said == "condense_context":
            yield from _condensed(message, session, kind, at)
        elif said == "deleted_api_reqs":
            log.skip("calls that were deleted from the task, told only as a sum")
        elif said in ("task", "text", "user_feedback") and (place == 0 or said == "user_feedback"):
            yield Prompt(f"{task}/{at}", session, at, len(text(message, "text") or ""))
        elif said in ("tool", "command", "use_mcp_server") and (name := _tool(message)):
            # How long it ran is not said: what follows may have waited for somebody.
            yield Tool(f"{task}/{at}", session, at, at, name)


def _next_call(message: Object) -> int | None:
    return time_ns(message, "ts") if message.get("say") == "api_req_started" else None


def _asked(
    log: Log, message: Object, session: Session, kind: str, at: int, model: tuple[str | None, str | None],
    following: Object,
) -> Iterator[Call]:  # fmt: skip
    """A call, once its counts are there; without them it was broken off, or still runs."""
    counts = _inside(message)
    name, provider = model
    read, write = count(counts, "cacheReads"), count(counts, "cacheWrites")
    said = count(counts, "tokensIn")
    interface = text(counts, "apiProtocol") or text(message, "apiProtocol")
    if _leaves_cache_out(kind, provider, interface, at):
        whole = whole_prompt(said, read, write)
    else:
        whole = prompt_said(said, read, write)
    usage = Usage(
        input_tokens=whole, cache_read_tokens=read, cache_write_tokens=write, output_tokens=count(counts, "tokensOut")
    )
    cost = money(counts, "cost")
    if not has_tokens(usage) and not cost:
        log.skip("request without counts: broken off, or not yet answered")
        return
    yield Call(
        f"{session.id}/{at}", session, at, max(at, time_ns(following, "ts") or at), usage, model=name,
        provider=provider, cost_usd=cost, error="cancelled" if text(counts, "cancelReason") else None,
    )  # fmt: skip


def _leaves_cache_out(kind: str, provider: str | None, interface: str | None, at: int) -> bool:
    if kind == "cline":
        return provider not in _WITH_CACHE
    return interface == "anthropic" and at < _WHOLE_SINCE_NS[kind]


def _condensed(message: Object, session: Session, kind: str, at: int) -> Iterator[Call]:
    """The call that condensed a conversation: Roo and Kilo say what it cost, and not its tokens."""
    cost = money(message, "contextCondense.cost")
    if kind != "cline" and cost:
        yield Call(f"{session.id}/{at}/condense", session, at, at, Usage(), cost_usd=cost, partial=True)


def _inside(message: Object) -> Object:
    """JSON inside of a message's text; an empty object where there is none."""
    try:
        return inner({"text": orjson.loads(text(message, "text") or "null")}, "text")
    except orjson.JSONDecodeError:
        return {}


def _tool(message: Object) -> str | None:
    said = message.get("say") or message.get("ask")
    if said == "command":
        return "command"
    return text(_inside(message), "toolName" if said == "use_mcp_server" else "tool")


def _project(log: Log) -> str | None:
    """Roo's own note of the task says its folder."""
    note = log.sibling(_ROO_TASK)
    return project_name(text(note.document(), "workspace")) if note else None


_Models = list[tuple[int, str | None, str | None]]
"""Since when, which model, whose."""


def _models_of_task(log: Log) -> _Models:
    note = log.sibling(_MODELS)
    found = note.document() if note else None
    return sorted(
        (at, text(used, "model_id"), text(used, "model_provider_id"))
        for used in items(found, "model_usage")
        if (at := time_ns(used, "ts")) is not None
    )


def _models_of_talk(log: Log) -> _Models:
    """What stands in the tag `<model>` of the environment that Roo and Kilo describe in each prompt."""
    talk = log.sibling(_TALK)
    found = talk.document() if talk else None
    models: _Models = []
    for message in items({"messages": found}, "messages"):
        at = time_ns(message, "ts")
        content = message.get("content")
        texts = [content] if isinstance(content, str) else [text(part, "text") for part in items(message, "content")]
        tags = [tag for written in texts if written for tag in _MODEL_TAG.findall(written)]
        if tags and message.get("role") == "user":
            models.append((at or 0, tags[-1], UNSAID))
    return sorted(models, key=lambda model: model[0])


def _model_at(models: _Models, message: Object, until: int | None) -> tuple[str | None, str | None]:
    """Whom a request went to: as it says itself, else the last that was noted before the next request."""
    said = inner(message, "modelInfo")
    if name := text(said, "modelId"):
        return name, text(said, "providerId") or UNSAID
    before = [(name, provider) for at, name, provider in models if until is None or at < until]
    return before[-1] if before else (models[0][1], models[0][2]) if models else (None, UNSAID)


def _session(log: Log, found: Object) -> Iterator[Record]:
    """A session of Cline 4.1 and later or of its command line; a sub-agent's has a file beside its parent's."""
    folder = log.path.absolute().parent.name
    name = text(found, "sessionId") or folder
    stem = log.path.name.removesuffix(".messages.json")
    note = log.sibling(f"{folder}.json")
    session = Session(name, project=project_name(text(note.document(), "cwd")) if note else None)
    agent = stem if text(found, "agent") in ("subagent", "teammate") else None
    before = None
    for message in items(found, "messages"):
        at = time_ns(message, "ts")
        if at is None:
            continue
        key = f"{name}/{stem}/{text(message, 'id') or at}"
        if message.get("role") == "user":
            characters = _characters(message)
            if characters and agent is None and not inner(message, "metadata").get("kind"):
                yield Prompt(key, session, at, characters)
        elif message.get("role") == "assistant":
            yield from _answered(message, session, key, before or at, at, agent)
        before = at


def _answered(
    message: Object, session: Session, key: str, started: int, ended: int, agent: str | None
) -> Iterator[Record]:
    read, write = count(message, "metrics.cacheReadTokens"), count(message, "metrics.cacheWriteTokens")
    usage = Usage(
        input_tokens=prompt_said(count(message, "metrics.inputTokens"), read, write),
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=count(message, "metrics.outputTokens"),
    )
    if has_tokens(usage):
        yield Call(
            key, session, min(started, ended), ended, usage, model=text(message, "modelInfo.id"),
            provider=text(message, "modelInfo.provider"), cost_usd=money(message, "metrics.cost"), agent=agent,
        )  # fmt: skip
    for part in items(message, "content"):
        if part.get("type") == "tool_use" and (name := text(part, "name")):
            yield Tool(f"{key}/{text(part, 'id')}", session, ended, ended, name, call_id=text(part, "id"))


def _characters(message: Object) -> int:
    content = message.get("content")
    if isinstance(content, str):
        return len(content)
    return sum(len(text(part, "text") or "") for part in items(message, "content") if part.get("type") == "text")


def _beside(path: Path) -> Iterable[Path]:
    return [path.with_name(name) for name in (_TALK, _MODELS, _ROO_TASK)] if path.name == _TASK else ()


def _recognises_cline(path: Path, head: bytes) -> bool:
    if path.name == _TASK:
        return "claude-dev" in str(path) or not any(name in str(path) for name in ("roo-cline", "kilo-code"))
    return path.name.endswith(".messages.json")


def _places(extension: str) -> tuple[Place, ...]:
    """Where an extension keeps its tasks, in whichever editor of VS Code's family, here or as a remote's server."""
    below = f"globalStorage/{extension}/tasks/*/{_TASK}"
    return (
        Place((f"*/User/{below}",), {"linux": ("~/.config",), "win32": ("$APPDATA",)}, ("XDG_CONFIG_HOME",)),
        Place((f"*/User/{below}",), {"darwin": ("~/Library/Application Support",)}),
        # Wherever somebody copied the extension's folder to.
        Place((f"{extension}/tasks/*/{_TASK}",)),
        Place((f"data/User/{below}",), {"*": ("~/.vscode-server", "~/.vscode-server-insiders", "~/.cursor-server")}),
    )


CLINE: Final = Source(
    "cline",
    "Cline",
    AGENT,
    (
        *_places("saoudrizwan.claude-dev"),
        Place(
            (f"data/tasks/*/{_TASK}", "data/sessions/**/*.messages.json"),
            {"*": ("~/.cline",)},
            ("CLINE_HOME", "CLINE_DIR"),
        ),
        Place((f"tasks/*/{_TASK}", "sessions/**/*.messages.json"), variables=("CLINE_DATA_DIR",)),
        Place(("**/*.messages.json",), variables=("CLINE_SESSION_DATA_DIR",)),
    ),
    _read_cline,
    _recognises_cline,
    _beside,
)
ROO: Final = Source(
    "roo-code",
    "Roo Code",
    AGENT,
    (
        *_places("rooveterinaryinc.roo-cline"),
        Place((f"global-storage/tasks/*/{_TASK}",), {"*": ("~/.vscode-mock",)}),
    ),
    _read_roo,
    lambda path, head: path.name == _TASK and "roo-cline" in str(path),
    _beside,
)
KILO_VSCODE: Final = Source(
    "kilo-code",
    "Kilo Code for VS Code",
    AGENT,
    _places("kilocode.kilo-code"),
    _read_kilo,
    lambda path, head: path.name == _TASK and "kilo-code" in str(path),
    _beside,
)
