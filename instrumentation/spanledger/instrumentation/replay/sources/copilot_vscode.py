"""Copilot Chat in VS Code: its sessions, and its telemetry where that is kept in a SQLite file.

A session is one JSON document, or a journal of changes to one (`kind` 0: the whole, 1: set, 2: append, 3: delete). A
request of it stands for a turn of several calls: the output is that of all, the prompt only the last one's, so that it
is partial; older builds say neither, and only the prompts of people are taken.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from spanledger.instrumentation.replay.durations import of_milliseconds, seconds_of
from spanledger.instrumentation.replay.folders import project_name
from spanledger.instrumentation.replay.json_lines import Object, count, inner, items, number, text, time_ns
from spanledger.instrumentation.replay.log import SQLITE, Log
from spanledger.instrumentation.replay.records import Call, Prompt, Record, Session, Usage
from spanledger.instrumentation.replay.source import AGENT, Place, Source
from spanledger.instrumentation.replay.sources.copilot_spans import read_table
from spanledger.instrumentation.replay.usage_sums import has_tokens

_PLAN: Final = "copilot"
_REQUEST_BEFORE_NS: Final = 60 * 10**9
"""By how much a request may be older than its first call: what it takes to gather its context."""

_WORKSPACE: Final = "../workspace.json"
_DATABASES: Final = ("agent-traces.db", "traces.db")

_COUNTS: Final = (
    ("result.usage.promptTokens", "result.usage.completionTokens"),
    ("result.promptTokens", "result.outputTokens"),
    ("result.metadata.promptTokens", "result.metadata.outputTokens"),
)
"""Where builds of VS Code write the tokens of a request, the oldest first; `completionTokens` of all its answers."""


def _read(log: Log) -> Iterator[Record]:
    if log.is_sqlite():
        yield from read_table(log)
        return
    whole = _journalled(log) if log.path.suffix == ".jsonl" else log.document()
    if not isinstance(whole, dict):
        if whole is not None:
            log.skip("not a chat session")
        return
    session = Session(
        text(whole, "sessionId") or log.path.stem, project=_project(log), plan=_PLAN,
        version=text({"it": next(items(whole, "requests"), {})}, "it.agent.extensionVersion"),
    )  # fmt: skip
    told_since = _told_since(log, session.id)
    for request in items(whole, "requests"):
        yield from _request(log, request, session, whole, told_since)


def _request(log: Log, request: Object, session: Session, whole: Object, told_since: int | None) -> Iterator[Record]:
    started, name = time_ns(request, "timestamp"), text(request, "requestId")
    if started is None or name is None:
        log.skip("request without a time or an id")
        return
    yield Prompt(f"{session.id}/{name}", session, started, len(text(request, "message.text") or ""))
    usage = _usage(request)
    if not has_tokens(usage):
        log.skip("request without counts of tokens")
        return
    if told_since is not None and started >= told_since:
        log.skip("request whose calls the telemetry beside it tells of")
        return
    elapsed_ms, first_ms = (
        number(request, "result.timings.totalElapsed"),
        number(request, "result.timings.firstProgress"),
    )
    yield Call(
        f"{session.id}/{name}", session, started, started + of_milliseconds(elapsed_ms), usage,
        model=_model(request, whole), provider="github", partial=True, vendor_ids=False, adds_up=True,
        first_chunk_s=seconds_of(first_ms),
        error="error" if inner(request, "result.errorDetails") else None,
    )  # fmt: skip


def _told_since(log: Log, session: str) -> int | None:
    """Since when the telemetry that the extension keeps tells the single calls of a session; None: it does not."""
    for up in ("../../..", ".."):
        for name in _DATABASES:
            database = log.sibling(f"{up}/globalStorage/github.copilot-chat/{name}")
            if database is not None:
                with closing(database):
                    calls = [call for call in read_table(database) if isinstance(call, Call)]
                told = [call.started_ns for call in calls if call.session.id == session]
                if told:
                    # The request was made before its first call was.
                    return min(told) - _REQUEST_BEFORE_NS
    return None


def _usage(request: Object) -> Usage:
    of_all = count(request, "completionTokens")
    for prompt, output in _COUNTS:
        read, written = count(request, prompt), count(request, output)
        if read or written:
            return Usage(input_tokens=read, output_tokens=of_all or written)
    return Usage(output_tokens=of_all)


def _model(request: Object, whole: Object) -> str | None:
    """The model that answered; `copilot/auto` names none."""
    for name in (
        text(request, "result.metadata.resolvedModel"), text(request, "modelId"),
        text(whole, "inputState.selectedModel.identifier"),
    ):  # fmt: skip
        model = (name or "").rpartition("/")[2]
        if model and model != "auto":
            return model
    return None


def _project(log: Log) -> str | None:
    workspace = log.sibling(_WORKSPACE)
    return project_name(text(workspace.document(), "folder")) if workspace else None


def _journalled(log: Log) -> object:
    """The session that a journal of changes leads to; a line that changes nothing known is left out."""
    whole: object = None
    for _, change in log.objects():
        path, value = change.get("k"), change.get("v")
        if change.get("kind") == 0:
            whole = value
        elif not isinstance(path, list) or not path or not _change(whole, path, change, value):
            log.skip("change to something unknown")
    return whole


def _change(whole: object, path: list[object], change: Object, value: object) -> bool:
    *way, last = path
    found = whole
    for step in way:
        found = _step(found, step)
    if change.get("kind") == 2:
        return _append(found, last, change, value)
    if isinstance(found, dict) and isinstance(last, str):
        if change.get("kind") == 3:
            found.pop(last, None)
        else:
            found[last] = value
        return True
    if isinstance(found, list) and isinstance(last, int) and 0 <= last < len(found):
        found[last] = value
        return True
    return False


def _append(found: object, last: object, change: Object, value: object) -> bool:
    """Append to a list, first cutting it at `i` where the change says so."""
    if isinstance(found, dict) and isinstance(last, str):
        found.setdefault(last, [])
    rows = _step(found, last)
    if not isinstance(rows, list) or not isinstance(value, list | None):
        return False
    cut = change.get("i")
    if isinstance(cut, int) and 0 <= cut <= len(rows):
        del rows[cut:]
    rows.extend(value or [])
    return True


def _step(found: object, step: object) -> object:
    if isinstance(found, dict) and isinstance(step, str):
        return found.get(step)
    if isinstance(found, list) and isinstance(step, int) and 0 <= step < len(found):
        return found[step]
    return None


def _siblings(path: Path) -> Iterable[Path]:
    return () if path.name in _DATABASES else (path.parent / _WORKSPACE,)


def _recognises(path: Path, head: bytes) -> bool:
    if head.startswith(SQLITE):
        return path.name in _DATABASES
    if path.parent.name in ("chatSessions", "emptyWindowChatSessions"):
        return True
    is_session = b'"requests"' in head and (b'"sessionId"' in head or b'"kind":0' in head[:200].replace(b" ", b""))
    return is_session and b"copilot" in head.lower() and b'"type":"session.' not in head[:200].replace(b" ", b"")


_SESSIONS: Final = (
    "workspaceStorage/*/chatSessions/*.json", "workspaceStorage/*/chatSessions/*.jsonl",
    "globalStorage/emptyWindowChatSessions/*.json", "globalStorage/emptyWindowChatSessions/*.jsonl",
    *(f"globalStorage/github.copilot-chat/{name}" for name in _DATABASES),
)  # fmt: skip

SOURCE: Final = Source(
    "copilot-vscode",
    "GitHub Copilot in VS Code",
    AGENT,
    (
        Place(
            tuple(f"*/User/{name}" for name in _SESSIONS), {"linux": ("~/.config",), "win32": ("$APPDATA",)},
            ("XDG_CONFIG_HOME",),
        ),
        Place(tuple(f"*/User/{name}" for name in _SESSIONS), {"darwin": ("~/Library/Application Support",)}),
        Place(
            tuple(f"data/User/{name}" for name in _SESSIONS),
            {"*": ("~/.vscode-server", "~/.vscode-server-insiders", "~/.cursor-server")},
        ),
    ),
    _read,
    _recognises,
    _siblings,
)  # fmt: skip
